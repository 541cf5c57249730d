//! The commands, a file for each group.

mod accounts;
mod fractal;
mod gemm;
mod images;
mod infer;
mod keys;
mod model;
mod orders;
mod programs;
mod providers;
mod render;
pub mod results;
mod store;
mod train;
mod verify;

pub use verify::PRINTED;

use lemma_client::{calls::Call, transact::Outcome as Included, Client, Keys};
use serde_json::{json, Value};

use crate::{
	args::Command,
	context::{Context, Waiting},
	failure::{exit, Failure, Outcome},
	views,
};

/// Runs a command.
pub async fn run(context: &Context, command: Command) -> Outcome<()> {
	match command {
		Command::Gemm(args) => gemm::run(context, args).await,
		Command::Model(command) => model::run(context, command).await,
		Command::Infer(args) => infer::run(context, args).await,
		Command::Render(args) => render::run(context, args).await,
		Command::Fractal(command) => fractal::run(context, command).await,
		Command::Train(args) => train::run(context, args).await,
		Command::Order(command) => orders::run(context, command).await,
		Command::Result(args) => results::get(context, args).await,
		Command::Verify(args) => verify::run(context, args).await,
		Command::Provider(command) => providers::run(context, command).await,
		Command::Program(command) => programs::run(context, command).await,
		Command::Store(command) => store::run(context, command).await,
		Command::Keys(command) => keys::run(context, command),
		Command::Balance { account } => accounts::balance(context, account).await,
		Command::Transfer { to, amount } => accounts::transfer(context, &to, amount).await,
	}
}

/// Signs and sends a call, waits until it is in a block, and prints that with what else is said of it.
async fn transact(context: &Context, call: &Call, said: Value, done: &str) -> Outcome<()> {
	let (keys, client) = (context.keys()?, context.client().await?);
	transact_by(context, &client, &keys, call, said, done).await
}

/// The same by a command that has asked the chain already.
async fn transact_by(
	context: &Context,
	client: &Client,
	keys: &Keys,
	call: &Call,
	said: Value,
	done: &str,
) -> Outcome<()> {
	let mut progress = context.output.progress();
	progress.wait("waiting for the transaction to be in a block");
	let outcome = submit(context, client, keys, call).await?;
	progress.finish();
	let mut object = json!({
		"call": call.title(),
		"account": views::account(&keys.account()),
		"block": outcome.inclusion.block.number,
		"block_hash": views::hash(&outcome.inclusion.block.hash),
		"extrinsic_index": outcome.inclusion.index,
		"fee": views::lem(outcome.fee()),
	});
	views::merge(&mut object, said);
	let (block, fee) = (outcome.inclusion.block.number, views::lem(outcome.fee()));
	context.output.result(&object, || {
		format!("{done} (block {block}, fee {fee} LEM)\n")
	})
}

/// Signs and sends a call, and waits until it is in a block. Interrupted once it is sent, the command says so.
async fn submit(context: &Context, client: &Client, keys: &Keys, call: &Call) -> Outcome<Included> {
	let signed = client.sign_next(call, keys).await?;
	context.wait_for(Waiting::Transaction(signed.hash, signed.last_block()));
	let outcome = client.submit_signed(&signed).await?;
	context.wait_no_more();
	Ok(outcome)
}

/// Runs what takes a while where it holds up nobody, and can be interrupted.
async fn aside<T: Send + 'static>(
	work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
	let done = tokio::task::spawn_blocking(work).await;
	done.map_err(|e| {
		Failure::new(
			exit::FAILURE,
			"system",
			format!("the computation stopped: {e}"),
		)
	})?
}
