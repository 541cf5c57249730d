//! `lemma`: the requester's and operator's command line.
//!
//! - [`args`]: the command line; [`commands`]: what each command does
//! - [`posting`], [`ledger`], [`follow`]: posting an order once, and following it to its result; [`batch`]: many of them
//! - [`input`], [`network`]: what is ordered: blobs of programs, networks and their samples
//! - [`scene`], [`frame`]: what is rendered, and the image of it
//! - [`output`], [`views`], [`failure`]: what is printed, and how a command fails
//!
//! `docs/use/cli.md` is for its users.

mod args;
mod batch;
mod commands;
mod context;
mod failure;
mod follow;
mod frame;
mod input;
mod ledger;
mod network;
mod output;
mod posting;
mod scene;
mod views;

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::{error::ErrorKind, Parser};
use context::{Context, Waiting};
use failure::{exit, Failure};
use lemma_client::error::may_take_effect;
use output::Output;

/// How long an interrupted command has to end by itself.
const GRACE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
	let json = std::env::args_os().any(|argument| argument == "--json");
	let output = Output { json };
	let cli = match args::Cli::try_parse() {
		Ok(cli) => cli,
		Err(e) => return usage(&output, &e),
	};
	let filter = tracing_subscriber::EnvFilter::try_from_default_env()
		.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
	tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(std::io::stderr)
		.init();
	let context = Arc::new(Context::new(cli.global, output));
	let runtime = match tokio::runtime::Runtime::new() {
		Ok(runtime) => runtime,
		Err(e) => {
			let text = format!("no thread could be started: {e}");
			return fail(&output, &Failure::new(exit::FAILURE, "system", text));
		}
	};
	runtime.spawn(insist(context.clone()));
	let outcome = runtime.block_on(async {
		tokio::select! {
			outcome = commands::run(&context, cli.command) => {
				outcome.map_err(|failure| context.mind_new(failure))
			}
			_ = tokio::signal::ctrl_c() => Err(interrupted(&context)),
		}
	});
	// A thread that still computes must not keep an interrupted command alive.
	runtime.shutdown_background();
	match outcome {
		Ok(()) => ExitCode::SUCCESS,
		Err(failure) => fail(&output, &failure),
	}
}

fn fail(output: &Output, failure: &Failure) -> ExitCode {
	if failure.code != commands::PRINTED {
		output.failure(failure);
	}
	ExitCode::from(failure.exit)
}

/// Ends an interrupted process that does not end by itself, or is interrupted again: a command that computes, or waits for
/// a file, does not see that it was.
async fn insist(context: Arc<Context>) {
	if tokio::signal::ctrl_c().await.is_err() {
		return;
	}
	tokio::select! {
		_ = tokio::time::sleep(GRACE) => {}
		_ = tokio::signal::ctrl_c() => {}
	}
	context.output.failure(&interrupted(&context));
	std::process::exit(exit::INTERRUPTED.into());
}

fn interrupted(context: &Context) -> Failure {
	let again = context.again();
	let mut message = match context.waiting_for() {
		Some(Waiting::Order(order)) => format!(
			"interrupted; order {order} goes on: `lemma result {order} --out FILE`, or {again}, waits for its \
			 result"
		),
		Some(Waiting::Posting) => format!(
			"interrupted; what was ordered may be posted all the same: {again} goes on with it, and `lemma order \
			 list` shows it"
		),
		Some(Waiting::Orders(count)) => format!(
			"interrupted; {count} orders go on: {again} waits for their results, and `lemma order list` shows them"
		),
		Some(Waiting::Transaction(hash, until)) => {
			format!("interrupted; {}", may_take_effect(hash, until))
		}
		None => "interrupted".into(),
	};
	if context.has_ordered_anew() {
		message += "; with --new all is ordered and paid again";
	}
	Failure::new(exit::INTERRUPTED, "interrupted", message)
}

/// What clap has to say: help and version are no failures.
fn usage(output: &Output, error: &clap::Error) -> ExitCode {
	let help = [
		ErrorKind::DisplayHelp,
		ErrorKind::DisplayVersion,
		ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
	];
	if !output.json || help.contains(&error.kind()) {
		// A closed pipe is the reader's choice, not an error.
		let _ = error.print();
		return ExitCode::from(error.exit_code() as u8);
	}
	let text = error.render().to_string();
	let text = text.trim().trim_start_matches("error: ");
	fail(output, &Failure::usage(text))
}
