//! `lemma verify --training`: a training checked from the chain, with nothing trusted but the genesis hash.

use std::path::Path;

use lemma_client::{
	result::{self, Basis, Report},
	At, OrderId,
};
use lemma_zk_statement::OutputElement;
use serde_json::{json, Value};

use super::{
	accuracy_view,
	chain::{Chain, Settled},
	inputs::{self, Samples},
	percent,
};
use crate::{
	args::Verify,
	commands::PRINTED,
	context::Context,
	failure::{exit, Failure, Outcome},
	output::one_line,
	views,
};

/// One order, and what was found of it.
struct Checked {
	order: OrderId,
	steps: usize,
	report: Report,
}

/// Runs `lemma verify --training FILE`.
pub async fn verify(context: &Context, args: &Verify, file: &Path) -> Outcome<()> {
	let chain = Chain::read(file)?;
	let (features, labels) = match (&args.train.features, &args.train.labels) {
		(Some(features), Some(labels)) => (features, labels),
		_ => {
			return Err(Failure::usage(
				"--training needs --features and --labels: what was trained on",
			))
		}
	};
	let network = inputs::network(&chain.widths)?;
	let samples = Samples::read_to_train(&network, features, labels)?;
	let held_out = Samples::read_held_out(&network, &args.train.held_out)?;
	let weights = args.train.weights.as_deref();
	let initial = inputs::first_weights(&network, &samples, chain.seed.0, weights)?;
	let output = match &args.output {
		Some(path) => Some(inputs::read_weights(&network, path)?),
		None => None,
	};
	let client = context.client().await?;
	let genesis = context.global.genesis.unwrap_or_else(|| {
		context
			.output
			.note("note: without --genesis the node's word is taken for which chain this is");
		client.genesis_hash()
	});

	let mut progress = context.output.progress();
	let (mut settled, mut checked) = (Vec::new(), Vec::new());
	for (number, link) in chain.orders.iter().enumerate() {
		progress.wait(&format!(
			"verifying order {}, {} of {}",
			link.order,
			number + 1,
			chain.orders.len()
		));
		// What the programs of trainings put out.
		let element = Some(OutputElement::I32);
		let evidence = result::fetch_as(&client, link.order, At::Best, element).await?;
		checked.push(Checked {
			order: link.order,
			steps: link.steps,
			report: evidence.check_as(genesis, element, None),
		});
		settled.push(Settled {
			receipt: evidence.receipt,
			output: evidence.submission.output,
		});
	}
	progress.wait("committing to the samples and the weights of each order");
	let verdict = chain.check(genesis, &network, samples, initial, &settled);
	progress.finish();
	for (order, link) in checked.iter_mut().zip(verdict.links) {
		order.report.checks.extend(link.checks);
	}
	let mut whole = verdict.whole;
	let said = &args.train;
	chain.check_said(said.steps, &said.rates, said.seed, &mut whole);
	let begun_with = match weights {
		Some(_) => "the weights of --weights",
		None => "the seed's weights",
	};
	if let Some(given) = output {
		whole.add(
			"output",
			match verdict.weights.as_ref() == Some(&given) {
				true => Ok("the file holds the weights after the last step".into()),
				false => Err("the file holds other weights than those after the last step".into()),
			},
		);
	}
	let accuracy = match (&verdict.weights, &held_out) {
		(Some(weights), Some(samples)) => Some(samples.accuracy(&network, weights)),
		_ => None,
	};

	let reports = || checked.iter().map(|order| &order.report).chain([&whole]);
	let passed = reports().all(Report::passed);
	let trustless = reports().all(Report::is_trustless);
	let failed = checked
		.iter()
		.map(|order| (Some(order.order), &order.report))
		.chain([(None, &whole)])
		.find_map(|(order, report)| Some((order, report.first_failure()?)));
	let object = json!({
		"training": {
			"widths": chain.widths,
			"rates": chain.rates,
			"seed": views::hash(&chain.seed),
			"steps": chain.steps(),
			"begun_with": begun_with,
			"data": views::hash(&chain.data),
			"initial": views::hash(&chain.initial),
			"weights": views::hash(&chain.weights),
		},
		"genesis": views::hash(&chain.genesis),
		"verified": passed,
		"trustless": trustless,
		"failed": failed.map(|(order, check)| json!({ "order": order, "check": check.name })),
		"orders": checked.iter().map(order_view).collect::<Vec<_>>(),
		"checks": whole.checks,
		"accuracy": accuracy.as_ref().map(accuracy_view),
	});
	let text = || {
		let mut text: String = checked.iter().map(order_text).collect();
		text += &whole.checks.iter().map(check_text).collect::<String>();
		if let (true, Some(accuracy)) = (passed, accuracy) {
			let (right, of) = (accuracy.right, accuracy.samples);
			let share = percent(accuracy);
			text += &format!("{right} of {of} held-out samples are right: {share}\n");
		}
		text += &format!("{}\n", chain.summary(begun_with));
		if passed {
			text += "the training is verified\n";
		}
		text
	};
	if context.output.json || passed {
		context.output.result(&object, text)?;
	} else {
		// People read what passed and what did not before the sentence on standard error.
		context.output.note(text().trim_end());
	}
	match failed {
		None if args.strict && !trustless => Err(not_verified(
			context,
			"not_proven",
			"everything checked holds, but for some of it there is only the node's word: ask an archive node, or \
			 leave --strict out if you trust this one"
				.into(),
		)),
		None => Ok(()),
		Some((order, check)) => {
			let of = order.map_or_else(String::new, |order| format!("order {order}: "));
			Err(not_verified(
				context,
				"not_verified",
				format!(
					"the training does not verify: {of}the check `{}` failed: {}",
					check.name, check.detail
				),
			))
		}
	}
}

/// A failure of which, with --json, the object was printed already.
fn not_verified(context: &Context, code: &'static str, message: String) -> Failure {
	let code = match context.output.json {
		true => PRINTED,
		false => code,
	};
	Failure::new(exit::NOT_VERIFIED, code, message)
}

fn order_view(order: &Checked) -> Value {
	json!({
		"order": order.order,
		"steps": order.steps,
		"verified": order.report.passed(),
		"trustless": order.report.is_trustless(),
		"checks": order.report.checks,
	})
}

/// A line for an order that passed, with what only the node says; a line for each check of one that did not.
fn order_text(order: &Checked) -> String {
	let number = order.order;
	if !order.report.passed() {
		let failed = order.report.checks.iter().filter(|check| !check.passed);
		return failed
			.map(|check| format!("order {number}: {}", check_text(check)))
			.collect();
	}
	let checks = &order.report.checks;
	let told: Vec<&str> = checks
		.iter()
		.filter(|check| check.basis == Basis::Node)
		.map(|check| check.name)
		.collect();
	let told = match told.is_empty() {
		true => String::new(),
		false => format!("; only told: {}", told.join(", ")),
	};
	format!(
		"proven  order {number}: {} steps, {} checks{told}\n",
		order.steps,
		checks.len()
	)
}

fn check_text(check: &result::Check) -> String {
	let mark = match (check.passed, check.basis) {
		(false, _) => "FAILED",
		(true, Basis::Proof) => "proven",
		(true, Basis::Node) => "told  ",
	};
	format!("{mark}  {:8}  {}\n", check.name, one_line(&check.detail))
}
