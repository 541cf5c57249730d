//! `lemma program`: what can be proven.

use std::path::Path;

use lemma_client::{
	blake2_256,
	calls::{Call, Registration, Sample},
	At, Client, Error, Keys, OrderId, H256,
};
use lemma_primitives::program::LengthRule;
use lemma_zk_circuits::{program::Job, Prover};
use lemma_zk_statement::binding;
use serde_json::{json, Value};

use super::{model::check_funds, transact, transact_by};
use crate::{
	args::Program,
	context::Context,
	failure::{exit, Failure, Outcome},
	input::{self, Known},
	views,
};

/// The order number to which a registration's sample is bound.
const SAMPLE_ORDER: OrderId = OrderId::MAX;

/// Runs the command.
pub async fn run(context: &Context, command: Program) -> Outcome<()> {
	match command {
		Program::List { bundles } => list(context, &Known::load(&bundles)?).await,
		Program::Show { id, bundles } => show(context, id, &Known::load(&bundles)?).await,
		Program::Id { input, bundles } => {
			let known = Known::load(&bundles)?;
			match input {
				Some(path) => identify(context, &path, &known),
				None => list_known(context, &known),
			}
		}
		Program::Register {
			sample,
			description,
			min_len,
			max_len,
			multiple_of,
			bundles,
		} => {
			let known = Known::load(&bundles)?;
			let rule = Lengths {
				min_len,
				max_len,
				multiple_of,
			};
			register(context, &known, &sample, &description, rule).await
		}
		Program::Retire { id } => {
			let said = json!({ "program": views::hash(&id) });
			let done = "retired: it takes no new orders";
			transact(context, &Call::retire_program(id), said, done).await
		}
		Program::Remove { id } => {
			let said = json!({ "program": views::hash(&id) });
			let done = "removed, and its deposit is back";
			transact(context, &Call::remove_program(id), said, done).await
		}
	}
}

async fn list(context: &Context, known: &Known) -> Outcome<()> {
	let client = context.client().await?;
	let mut programs: Vec<Value> = client
		.programs(At::Best)
		.await?
		.iter()
		.map(|(id, program)| views::program(id, program, known.name_of(id)))
		.collect();
	programs.sort_by_key(|program| program["name"].as_str().map(str::to_owned));
	let object = json!({ "programs": programs });
	context.output.result(&object, || {
		let mut text = String::new();
		for program in &programs {
			let field = |name: &str| program[name].as_str().unwrap_or("-").to_owned();
			text += &format!(
				"{}  {:7}  {:6}  {}\n",
				field("program"),
				field("status"),
				field("element"),
				field("name")
			);
		}
		text
	})
}

async fn show(context: &Context, id: H256, known: &Known) -> Outcome<()> {
	let client = context.client().await?;
	let program = client
		.program(id, At::Best)
		.await?
		.ok_or(Error::NoSuchProgram { id })?;
	let object = views::program(&id, &program, known.name_of(&id));
	context.output.result(&object, || views::text(&object))
}

fn identify(context: &Context, path: &Path, known: &Known) -> Outcome<()> {
	let blob = input::read_file(path)?;
	let job = known.open(&blob)?;
	let described = input::describe(job.as_ref())?;
	let object = json!({
		"program": views::hash(&described.program),
		"name": known.name_of(&described.program),
		"shape": described.shape,
		"commitment": views::hash(&described.commitment),
		"element": views::element(job.element()),
		"output_len": described.output_len,
		"blob": views::hash(&blake2_256(&blob)),
		"size": blob.len(),
	});
	context.output.result(&object, || views::text(&object))
}

fn list_known(context: &Context, known: &Known) -> Outcome<()> {
	let programs: Vec<_> = known
		.classes()
		.map(|(program, class)| {
			json!({
				"program": views::hash(&H256(class.id)),
				"name": input::title(program, &class),
				"element": views::element(class.element),
			})
		})
		.collect();
	let object = json!({ "programs": programs });
	context.output.result(&object, || {
		let field = |program: &Value, name: &str| program[name].as_str().unwrap_or("").to_owned();
		let line = |p: &Value| format!("{}  {}\n", field(p, "program"), field(p, "name"));
		programs.iter().map(line).collect()
	})
}

struct Lengths {
	min_len: Option<u32>,
	max_len: u32,
	multiple_of: Option<u32>,
}

async fn register(
	context: &Context,
	known: &Known,
	path: &Path,
	description: &Path,
	lengths: Lengths,
) -> Outcome<()> {
	let blob = input::read_file(path)?;
	let description = blake2_256(&input::read_file(description)?);
	let job = known.open(&blob)?;
	let described = input::describe(job.as_ref())?;
	let element = job.element();
	let size = element.size_bytes() as u32;
	let length = LengthRule {
		min: lengths.min_len.unwrap_or(size),
		max: lengths.max_len,
		multiple_of: lengths.multiple_of.unwrap_or(size),
	};
	if !length.is_valid() || !length.multiple_of.is_multiple_of(size) {
		return Err(Failure::usage(format!(
			"no output can have these lengths: --min-len must be at least 1 and at most --max-len, and \
			 --multiple-of a multiple of the element's {size} bytes"
		)));
	}
	// Its output must have a length that the program may have, or the chain refuses the proof that was paid for.
	if !length.allows(described.output_len) {
		return Err(Failure::usage(format!(
			"the output of {} has {} bytes, which --min-len {}, --max-len {} and --multiple-of {} do not allow: change \
			 them, or give another --sample",
			path.display(),
			described.output_len,
			length.min,
			length.max,
			length.multiple_of
		)));
	}
	let keys = context.keys()?;
	let client = context.client().await?;
	if client.program(described.program, At::Best).await?.is_some() {
		return Err(Failure::new(
			exit::FAILURE,
			"program_registered",
			format!("the program {:#x} is registered already", described.program),
		));
	}
	check_funds(&client, &keys, 1).await?;
	let mut progress = context.output.progress();
	progress.wait("running and proving the sample");
	let sample = prove_sample(&client, &keys, job).await?;
	progress.finish();
	let registration = Registration {
		id: described.program,
		element,
		length,
		description,
		sample,
	};
	let said = json!({
		"program": views::hash(&described.program),
		"description": views::hash(&description),
	});
	let done = format!("the program {:#x} is registered", described.program);
	transact_by(
		context,
		&client,
		&keys,
		&Call::register_program(&registration),
		said,
		&done,
	)
	.await
}

/// Runs and proves a job here, as the sample of a registration by this account.
pub async fn prove_sample(client: &Client, keys: &Keys, job: Box<dyn Job>) -> Outcome<Sample> {
	let genesis = client.genesis_hash();
	let account = keys.account();
	let proven = tokio::task::spawn_blocking(move || {
		let binding = binding(&genesis.0, SAMPLE_ORDER, account.as_ref());
		let output = job.work().reference();
		let proved = job
			.prove(&Prover::new(), &output, binding, &|_| {})
			.map_err(|e| Failure::new(exit::FAILURE, "prover", e.to_string()))?;
		Ok(Sample {
			commitment: H256(job.commitment()),
			output,
			proof: proved.proof,
		})
	});
	proven
		.await
		.map_err(|e| Failure::new(exit::FAILURE, "prover", format!("the prover stopped: {e}")))?
}
