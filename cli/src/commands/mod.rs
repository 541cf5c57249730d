//! The commands, a file for each group.

mod accounts;
mod gemm;
mod keys;
mod orders;
mod programs;
mod providers;
mod results;
mod store;
mod train;

pub use results::PRINTED;

use lemma_client::{calls::Call, Client, Keys};
use serde_json::{json, Value};

use crate::{
	args::Command,
	context::{Context, Waiting},
	failure::Outcome,
	views,
};

/// Runs a command.
pub async fn run(context: &Context, command: Command) -> Outcome<()> {
	match command {
		Command::Gemm(args) => gemm::run(context, args).await,
		Command::Train(args) => train::run(context, args).await,
		Command::Order(command) => orders::run(context, command).await,
		Command::Result(args) => results::get(context, args).await,
		Command::Verify(args) => results::verify(context, args).await,
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
	context.wait_for(Waiting::Transaction);
	let outcome = client.submit(call, keys).await?;
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
