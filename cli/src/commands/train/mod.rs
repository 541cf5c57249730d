//! `lemma train`: a whole training as a chain of orders, each begun with the proven weights of the one before.
//!
//! - [`inputs`]: the files, and how the steps are divided
//! - [`chain`]: the chain of receipts; [`verify`]: checking one from the chain

mod chain;
mod inputs;
mod verify;

use std::{
	path::{Path, PathBuf},
	time::Instant,
};

use lemma_client::{
	npy,
	result::{self, Report},
	At, Balance, Client, Keys, OrderId,
};
use lemma_zk_circuits::programs::train::{
	commit::commit_weights,
	job::{self, TrainJob},
};
use serde_json::{json, Value};

pub use verify::verify;

use super::results;
use crate::{
	args::Train,
	context::Context,
	failure::{Failure, Outcome},
	follow::{Follower, Phases},
	input::{self, Described},
	ledger::{Ledger, Request},
	output::{self, Progress},
	posting::{self, Poster, Replaces},
	views,
};
use chain::{Chain, Settled};
use inputs::{Accuracy, Samples};

/// An order of the training that is proven, and not yet known to be final.
struct Proven<'a> {
	resumed: bool,
	steps: usize,
	described: Described,
	output: Vec<u8>,
	follower: Follower<'a>,
	/// Seconds until its result was verified.
	seconds: f64,
}

/// An order of the training whose receipt is final.
struct Done {
	order: OrderId,
	settled: Settled,
	report: Report,
	proof_bytes: usize,
	phases: Phases,
}

/// Runs the command.
pub async fn run(context: &Context, args: Train) -> Outcome<()> {
	let start = Instant::now();
	// Whatever can be wrong with the files is found before the node is asked.
	let network = inputs::network(&args.widths)?;
	let rates = inputs::rates(&network, &args.rates)?;
	let plan = inputs::plan(&network, args.steps as usize)?;
	let seed = args.seed.0;
	let samples = Samples::read_to_train(&network, &args.features, &args.labels)?;
	let held_out = Samples::read_held_out(&network, &args.held_out)?;
	let weights = inputs::first_weights(&network, &samples, seed, args.weights.as_deref())?;
	let trained_on = samples.clone();
	let (judged, whose) = match &held_out {
		Some(samples) => (samples, "held-out samples"),
		None => (&trained_on, "samples"),
	};
	let first_steps = plan.first().copied().unwrap_or(1);
	let mut job = inputs::first_job(&network, rates, seed, samples, weights, first_steps)?;
	let chain_file = chain_file(&args);
	if output::is_same(&chain_file, &args.out) {
		return Err(Failure::usage(
			"--out and --chain are the same file: the weights and the receipts need one each",
		));
	}
	let mut read: Vec<&Path> = vec![args.features.as_path(), args.labels.as_path()];
	read.extend(args.weights.as_deref());
	read.extend(args.held_out.test_features.as_deref());
	read.extend(args.held_out.test_labels.as_deref());
	output::check_file(&args.out, &read)?;
	output::check_file(&chain_file, &read)?;
	let keys = context.keys()?;
	let client = context.client().await?;
	posting::check_synced(&client).await?;
	let mut progress = context.output.progress();

	progress.done(&cost(plan.len(), args.terms.max_price));
	let mut chain = Chain::new(client.genesis_hash(), &job);
	let orderer = Orderer {
		context,
		client: &client,
		keys: &keys,
		args: &args,
		of: plan.len(),
	};
	let mut proven: Vec<Proven> = Vec::new();
	let mut weights = Vec::new();
	let mut done = 0;
	for (number, steps) in plan.iter().enumerate() {
		if number > 0 {
			job = inputs::next_job(&job, *steps, weights).map_err(|e| {
				let failure = inputs::bad_input(e);
				Failure {
					message: format!(
						"after {done} steps the training cannot go on, and lower --rates may help: {}",
						failure.message
					),
					..failure
				}
			})?;
		}
		let order = orderer.prove(number, done, &job, &mut progress).await?;
		done += steps;
		weights = job::weights(&order.output);
		let accuracy = judged.accuracy(&network, &weights);
		progress.done(&format!(
			"{done} of {} steps are proven: {} of the {whose} are right",
			args.steps,
			percent(accuracy),
		));
		proven.push(order);
	}
	npy::write_vector(&args.out, &weights)?;
	let result_after = start.elapsed().as_secs_f64();
	progress.done(&format!(
		"{}: the proven weights, after {result_after:.1} s",
		args.out.display()
	));

	let mut orders = Vec::new();
	let (mut paid, mut trustless): (Balance, bool) = (0, true);
	for order in proven {
		let (steps, resumed, seconds) = (order.steps, order.resumed, order.seconds);
		let done = orderer.finalized(order, &mut progress).await?;
		paid = paid.saturating_add(done.settled.receipt.paid);
		trustless &= done.report.is_trustless();
		chain.push(done.order, steps, &done.settled);
		orders.push(order_view(steps, resumed, seconds, &done));
	}
	chain.write(&chain_file)?;
	progress.finish();

	let count = orders.len();
	let accuracy = judged.accuracy(&network, &weights);
	let of = |samples: &Samples| accuracy_view(&samples.accuracy(&network, &weights));
	let object = json!({
		"widths": chain.widths,
		"rates": chain.rates,
		"steps": args.steps,
		"seed": views::hash(&chain.seed),
		"samples": trained_on.labels.len(),
		"genesis": views::hash(&chain.genesis),
		"data": views::hash(&chain.data),
		"initial": views::hash(&chain.initial),
		"weights": views::hash(&chain.weights),
		"orders": orders,
		"accuracy": { "training": of(&trained_on), "held_out": held_out.as_ref().map(of) },
		"verified": true,
		"trustless": trustless,
		"paid": views::lem(paid),
		"out": args.out.display().to_string(),
		"chain": chain_file.display().to_string(),
		"seconds": { "result": result_after, "total": start.elapsed().as_secs_f64() },
	});
	context.output.result(&object, || {
		format!(
			"{out}: the weights after {steps} steps, every one proven and verified here\n\
			 commitment  {commitment:#x}\n\
			 receipts    {chain}: {count} orders, all final, paid {paid} LEM\n\
			 accuracy    {right} of {samples} {whose} are right: {share}\n",
			out = args.out.display(),
			steps = args.steps,
			commitment = chain.weights,
			chain = chain_file.display(),
			paid = views::lem(paid),
			right = accuracy.right,
			samples = accuracy.samples,
			share = percent(accuracy),
		)
	})
}

/// What a training may cost, for people: prices are those of each order.
fn cost(orders: usize, max_price: Balance) -> String {
	let price = views::lem(max_price);
	match orders {
		1 => format!("1 order, at most {price} LEM"),
		_ => format!(
			"{orders} orders, at most {price} LEM each, {} LEM together",
			views::lem(max_price.saturating_mul(orders as Balance))
		),
	}
}

/// Where the chain of receipts is written.
fn chain_file(args: &Train) -> PathBuf {
	(args.chain.clone()).unwrap_or_else(|| beside(&args.out))
}

/// The name of the chain's file unless it is given: behind the whole name of the weights' file, which `w.1` and `w.2`
/// have in common up to the point.
fn beside(out: &Path) -> PathBuf {
	let mut name = out.as_os_str().to_owned();
	name.push(".receipts.json");
	name.into()
}

fn percent(accuracy: Accuracy) -> String {
	format!("{:.1} %", 100.0 * accuracy.share())
}

fn accuracy_view(accuracy: &Accuracy) -> Value {
	json!({
		"right": accuracy.right,
		"samples": accuracy.samples,
		"share": accuracy.share(),
	})
}

fn order_view(steps: usize, resumed: bool, seconds: f64, done: &Done) -> Value {
	let receipt = &done.settled.receipt;
	json!({
		"order": done.order,
		"steps": steps,
		"resumed": resumed,
		"program": views::hash(&receipt.program),
		"provider": views::account(&receipt.provider),
		"block": receipt.settled_at,
		"weights": views::hash(&commit_weights(&job::weights(&done.settled.output)).into()),
		"proof_bytes": done.proof_bytes,
		"paid": views::lem(receipt.paid),
		"seconds": { "claim": done.phases.claim, "prove": done.phases.prove, "total": seconds },
	})
}

/// Orders the jobs of a training and waits for them.
struct Orderer<'a> {
	context: &'a Context,
	client: &'a Client,
	keys: &'a Keys,
	args: &'a Train,
	/// Number of orders.
	of: usize,
}

impl<'a> Orderer<'a> {
	/// Has a job proven, the one of this number, by an order of an earlier command if there is one. `before` steps were
	/// done before it. Returns once its result is verified, in a block that need not be final: what is
	/// proven is right whatever becomes of the block.
	async fn prove(
		&self,
		number: usize,
		before: usize,
		job: &TrainJob,
		progress: &mut Progress,
	) -> Outcome<Proven<'a>> {
		let start = Instant::now();
		let (context, client, args) = (self.context, self.client, self.args);
		let steps = job.training().steps;
		let which = match steps {
			1 => format!("step {}", before + 1),
			_ => format!("steps {} to {}", before + 1, before + steps),
		};
		progress.wait(&format!("committing to the input of {which}"));
		let described = input::describe(job)?;
		let blob = job.training().encode();
		let account = self.keys.account();
		let ledger = Ledger::open(client.genesis_hash());
		let request = posting::request(&account, &described);
		let poster = Poster {
			context,
			client,
			replaces: Replaces::earlier(&ledger, &request, args.new),
			ledger,
			request: request.clone(),
			blob: &blob,
			terms: &args.terms,
			shape: Some((1, job.training().network.weights())),
			what: format!("train {}, {which}", job.training().network.name()),
		};
		let earlier = match args.new {
			true => None,
			false => poster.resume(progress).await?,
		};
		let posted = match earlier {
			Some(posted) => posted,
			None => {
				let terms = &args.terms;
				if number == 0 {
					self.warn_of_all(progress).await?;
				}
				let spec = posting::prepare(context, client, &described, &blob, terms).await?;
				posting::check_funds(client, &account, &spec).await?;
				poster.post(self.keys, &spec, progress).await?
			}
		};
		let order = posted.order;
		progress.done(&match posted.resumed {
			false => format!(
				"order {order} posted for {which}, {} of {} orders",
				number + 1,
				self.of
			),
			true => format!("order {order} was posted for {which} before: going on with it"),
		});
		let mut follower = Follower::new(context, client, order).of(request.clone());
		let output = self
			.output(&mut follower, request, &described, progress)
			.await?;
		Ok(Proven {
			resumed: posted.resumed,
			steps,
			described,
			output,
			follower,
			seconds: start.elapsed().as_secs_f64(),
		})
	}

	/// Says so if the account cannot pay for all orders at the highest price: at lower ones it may.
	async fn warn_of_all(&self, progress: &mut Progress) -> Outcome<()> {
		let max_price = self.args.terms.max_price;
		let all = max_price.saturating_mul(self.of as Balance);
		let account = self.keys.account();
		let free = self.client.account(&account, At::Best).await?.free;
		if free < all {
			progress.done(&format!(
				"note: the {} orders may cost up to {} LEM, and the account has {}; should it run out, fund it and run \
				 the same command {}: it goes on",
				self.of,
				views::lem(all),
				views::lem(free),
				match self.args.new {
					true => "without --new",
					false => "again",
				}
			));
		}
		Ok(())
	}

	/// Waits for an order's output and verifies it.
	async fn output(
		&self,
		follower: &mut Follower<'_>,
		request: Request,
		described: &Described,
		progress: &mut Progress,
	) -> Outcome<Vec<u8>> {
		let (context, client) = (self.context, self.client);
		follower.settled(progress).await?;
		let order = follower.id();
		progress.wait(&format!("verifying the result of order {order}"));
		if let Ok(evidence) = result::fetch_as(client, order, At::Best, described.element).await {
			if results::check_result(client.genesis_hash(), described, &evidence).passed() {
				return Ok(evidence.submission.output);
			}
		}
		// A fork may be in the way of the look at a block that is not final: the final one decides.
		let follower = Follower::new(context, client, order).of(request);
		let (order, _) = follower.finalized(progress).await?;
		let evidence = result::fetch_as(client, order, At::Finalized, described.element).await?;
		let report = results::check_result(client.genesis_hash(), described, &evidence);
		results::demand(&report)?;
		Ok(evidence.submission.output)
	}

	/// Waits until an order's settlement is final, and makes every check there is.
	async fn finalized(&self, order: Proven<'_>, progress: &mut Progress) -> Outcome<Done> {
		let client = self.client;
		let (id, phases) = order.follower.finalized(progress).await?;
		let element = order.described.element;
		let evidence = result::fetch_as(client, id, At::Finalized, element).await?;
		let mut report = evidence.check_as(client.genesis_hash(), element, None);
		results::check_ordered(&order.described, &evidence, &mut report);
		// A fork may have it settled by another provider: by the same bytes, if both are proven.
		report.add(
			"same_output",
			match evidence.submission.output == order.output {
				true => Ok("these are the weights with which the training went on".into()),
				false => Err("the training went on with other weights".into()),
			},
		);
		results::demand(&report)?;
		Ok(Done {
			order: id,
			proof_bytes: evidence.submission.proof.len(),
			settled: Settled {
				receipt: evidence.receipt,
				output: evidence.submission.output,
			},
			report,
			phases,
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_cost_of_a_training_should_be_that_of_all_its_orders() {
		let price = 2 * lemma_client::UNIT;
		assert_eq!(
			cost(24, price),
			"24 orders, at most 2 LEM each, 48 LEM together"
		);
		assert_eq!(cost(1, price), "1 order, at most 2 LEM");
	}

	#[test]
	fn the_receipts_of_two_trainings_should_not_be_the_same_file() {
		assert_eq!(
			beside(Path::new("out/w.npy")),
			Path::new("out/w.npy.receipts.json")
		);
		assert_ne!(beside(Path::new("w.1")), beside(Path::new("w.2")));
	}
}
