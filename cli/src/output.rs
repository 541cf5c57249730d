//! What a command prints: one JSON object on standard output with `--json`, else text; progress on
//! standard error.

use std::{
	io::{ErrorKind, IsTerminal, Write},
	path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{json, Value};

use crate::failure::{exit, file_failure, Failure, Outcome};

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
	/// Whether to print JSON.
	pub json: bool,
}

impl Output {
	/// Prints a command's result: the object, or the text for people. That the reader has closed the pipe is
	/// its choice, and no failure; that the disk is full is one.
	pub fn result(&self, object: &Value, text: impl FnOnce() -> String) -> Outcome<()> {
		let printed = match self.json {
			true => format!("{object}\n"),
			false => printable(&text()),
		};
		let mut out = std::io::stdout().lock();
		match out.write_all(printed.as_bytes()).and_then(|()| out.flush()) {
			Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
				exit::FAILURE,
				"output",
				format!("what the command has to say cannot be written: {e}"),
			)),
			_ => Ok(()),
		}
	}

	/// Prints why a command failed.
	pub fn failure(&self, failure: &Failure) {
		if self.json {
			let object = json!({ "error": { "code": failure.code, "message": failure.message } });
			let _ = writeln!(std::io::stdout(), "{object}");
		} else {
			let _ = writeln!(std::io::stderr(), "error: {}", printable(&failure.message));
		}
	}

	/// Says something by the way, to people only.
	pub fn note(&self, text: &str) {
		if !self.json {
			let _ = writeln!(std::io::stderr(), "{}", printable(text));
		}
	}

	/// Progress that nobody sees.
	pub fn silence(&self) -> Progress {
		Progress {
			bar: None,
			quiet: true,
			last: String::new(),
		}
	}

	/// Starts to show progress.
	pub fn progress(&self) -> Progress {
		let bar = (!self.json && std::io::stderr().is_terminal()).then(|| {
			let bar = ProgressBar::new_spinner();
			let style = ProgressStyle::with_template("{spinner} [{elapsed_precise}] {wide_msg}");
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

/// Fails early if a file could not be written in the end: it gets its name, whatever was of that name before,
/// when it is whole. None of the files that the command reads may be that.
pub fn check_file(path: &Path, inputs: &[&Path]) -> Outcome<()> {
	if let Some(input) = inputs.iter().find(|input| is_same(path, input)) {
		return Err(Failure::usage(format!(
			"writing {} would replace {}, which this command reads: name another file to write",
			path.display(),
			input.display()
		)));
	}
	match std::fs::metadata(path) {
		Ok(found) if found.is_dir() => {
			return Err(Failure::usage(format!(
				"{} is a folder: name a file",
				path.display()
			)))
		}
		// As root, a file in the place of /dev/null would be made.
		Ok(found) if !found.is_file() => {
			return Err(Failure::usage(format!(
				"{} is no regular file, and would be replaced by one: name another",
				path.display()
			)))
		}
		_ => {}
	}
	tempfile::tempfile_in(folder(path)).map_err(|e| file_failure(path, "written", &e))?;
	Ok(())
}

/// Whether two paths are of the same file, or would be: the file need not be there.
pub fn is_same(one: &Path, other: &Path) -> bool {
	real(one) == real(other)
}

/// A path without links and detours.
fn real(path: &Path) -> PathBuf {
	if let Ok(real) = path.canonicalize() {
		return real;
	}
	match (folder(path).canonicalize(), path.file_name()) {
		(Ok(folder), Some(name)) => folder.join(name),
		_ => path.to_owned(),
	}
}

fn folder(path: &Path) -> &Path {
	match path.parent() {
		Some(parent) if !parent.as_os_str().is_empty() => parent,
		_ => Path::new("."),
	}
}

/// A text with what steers a terminal made visible, except the ends of lines: nodes, and who writes into the
/// chain, choose some of what is printed.
pub fn printable(text: &str) -> String {
	let mut printable = String::with_capacity(text.len());
	for character in text.chars() {
		match character {
			'\n' => printable.push('\n'),
			// What turns the direction of writing hides as well as any code.
			'\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
				printable.extend(character.escape_unicode());
			}
			_ if character.is_control() => printable.extend(character.escape_default()),
			_ => printable.push(character),
		}
	}
	printable
}

/// A text that somebody else chose, in one line.
pub fn one_line(text: &str) -> String {
	printable(text).replace('\n', "\\n")
}

/// Lines of `name  value`, aligned. A value has one line, whatever it holds.
pub fn table(rows: &[(&str, String)]) -> String {
	let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
	rows.iter()
		.map(|(name, value)| format!("{name:width$}  {}\n", one_line(value)))
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_steers_a_terminal_should_be_printed_as_text() {
		let text = "\u{1b}[31mred\u{1b}[0m \u{9b}2J \r\t\u{202e}x \u{e4}\nend";
		assert_eq!(
			printable(text),
			"\\u{1b}[31mred\\u{1b}[0m \\u{9b}2J \\r\\t\\u{202e}x \u{e4}\nend"
		);
	}

	#[test]
	fn a_file_should_be_the_same_by_whatever_path() {
		let folder = tempfile::tempdir().expect("a folder");
		let path = |name: &str| folder.path().join(name);
		std::fs::write(path("x.npy"), b"x").expect("written");
		std::os::unix::fs::symlink(path("x.npy"), path("link.npy")).expect("linked");
		let name = folder.path().file_name().expect("a name");
		let in_again = path("..").join(name).join("x.npy");
		for same in [path("./x.npy"), path("link.npy"), in_again] {
			assert!(is_same(&path("x.npy"), &same), "{}", same.display());
			let failure = check_file(&same, &[&path("x.npy")]).expect_err("it is read");
			assert!(failure.message.contains("x.npy"), "{}", failure.message);
		}
		assert!(is_same(&path("new.npy"), &path("./new.npy")));
		assert!(!is_same(&path("new.npy"), &path("x.npy")));
		assert!(check_file(&path("new.npy"), &[&path("x.npy")]).is_ok());
	}

	#[test]
	fn a_value_should_not_make_up_lines_of_a_table() {
		let rows = [("endpoint", "here\nactive  1000".to_owned())];
		assert_eq!(table(&rows), "endpoint  here\\nactive  1000\n");
	}
}
