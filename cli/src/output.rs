//! What a command prints: one JSON object on standard output with `--json`, else text; progress on
//! standard error.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{json, Value};

use crate::failure::Failure;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
	/// Whether to print JSON.
	pub json: bool,
}

impl Output {
	/// Prints a command's result: the object, or the text for people.
	pub fn result(&self, object: &Value, text: impl FnOnce() -> String) {
		let printed = match self.json {
			true => format!("{object}\n"),
			false => text(),
		};
		// A closed pipe is the reader's choice, not an error.
		let _ = std::io::stdout().write_all(printed.as_bytes());
	}

	/// Prints why a command failed.
	pub fn failure(&self, failure: &Failure) {
		if self.json {
			let object = json!({ "error": { "code": failure.code, "message": failure.message } });
			let _ = writeln!(std::io::stdout(), "{object}");
		} else {
			let _ = writeln!(std::io::stderr(), "error: {}", failure.message);
		}
	}

	/// Says something by the way, to people only.
	pub fn note(&self, text: &str) {
		if !self.json {
			let _ = writeln!(std::io::stderr(), "{text}");
		}
	}

	/// Starts to show progress.
	pub fn progress(&self) -> Progress {
		let bar = (!self.json && std::io::stderr().is_terminal()).then(|| {
			let bar = ProgressBar::new_spinner();
			let style = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {msg}");
			bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
			bar.enable_steady_tick(std::time::Duration::from_millis(120));
			bar
		});
		Progress {
			bar,
			quiet: self.json,
			last: String::new(),
		}
	}
}

/// What a long command is at. A line that changes on a terminal, a line each where there is none.
#[derive(Debug)]
pub struct Progress {
	bar: Option<ProgressBar>,
	quiet: bool,
	last: String,
}

impl Progress {
	/// Says what is being waited for.
	pub fn wait(&mut self, text: &str) {
		match &self.bar {
			Some(bar) => bar.set_message(text.to_owned()),
			None => self.line(text),
		}
	}

	/// Says what has happened; the line stays.
	pub fn done(&mut self, text: &str) {
		match &self.bar {
			Some(bar) => bar.println(format!("  {text}")),
			None => self.line(text),
		}
	}

	/// Shows nothing more.
	pub fn finish(&mut self) {
		if let Some(bar) = self.bar.take() {
			bar.finish_and_clear();
		}
	}

	fn line(&mut self, text: &str) {
		// What stands behind the colon, such as the price of a waiting order, may change with every
		// block: say a thing once.
		let key = text.split(':').next().unwrap_or(text);
		if !self.quiet && self.last != key {
			let _ = writeln!(std::io::stderr(), "  {text}");
			self.last = key.to_owned();
		}
	}
}

impl Drop for Progress {
	fn drop(&mut self) {
		self.finish();
	}
}

/// Lines of `name  value`, aligned.
pub fn table(rows: &[(&str, String)]) -> String {
	let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
	rows.iter()
		.map(|(name, value)| format!("{name:width$}  {value}\n"))
		.collect()
}
