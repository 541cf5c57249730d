//! `lemma model`: networks that can be proven, made of ONNX files. [`batches`]: the batch sizes for which they have programs.

mod batches;

use std::{path::Path, sync::Arc};

use lemma_client::{
	blake2_256,
	calls::{Call, Registration, PROOF_VERIFICATION},
	npy::write_atomically,
	At, Balance, Client, Keys, Program, H256,
};
use lemma_model::{samples::read_indices, Accuracy, Imported, Options, Quantised, Samples};
use lemma_primitives::program::{LengthRule, ProgramStatus};
use lemma_zk_circuits::{
	program::Program as _,
	programs::infer::{
		encoding::{encode_input, Bundle},
		model::{Op, MAX_ELEMENTS},
		plan::Plan,
		Infer, Model as Integers,
	},
};
use serde_json::{json, Value};

use super::{aside, programs::prove_sample, submit};
use crate::{
	args::{Build, Model},
	context::Context,
	failure::{exit, file_failure, Failure, Outcome},
	input,
	network::{classes, model_failure, own_integers, Circuit, Network, Notes},
	output::{self, Progress},
	posting::FEE_MARGIN,
	views::{self, lem},
};
use batches::Batches;

/// Runs the command.
pub async fn run(context: &Context, command: Model) -> Outcome<()> {
	match command {
		Model::Build(args) => build(context, args).await,
		Model::Show { network } => show(context, &network).await,
		Model::Register {
			network,
			batches,
			description,
		} => {
			let network = Network::read(&network)?.only(&batches)?;
			register(context, network, description.as_deref()).await
		}
	}
}

async fn build(context: &Context, args: Build) -> Outcome<()> {
	check_files(&args)?;
	let batches = Batches::new(args.batches.as_deref())?;
	let mut progress = context.output.progress();
	progress.wait("reading and quantising the network");
	let out = args.out.clone();
	let Made {
		network,
		quantised,
		accuracy,
		set,
		notes: said,
	} = aside(move || quantise(args, batches)).await?;
	progress.finish();
	for note in &said {
		context.output.note(note);
	}
	let mut progress = context.output.progress();
	// The ids follow from the file; if a circuit cannot be built, there is no file.
	let Built {
		network, circuits, ..
	} = built(network, &mut progress).await?;
	write_atomically(&out, |file| file.write_all(&network.bytes))
		.map_err(|e| file_failure(&out, "written", &e))?;
	let notes = Notes::new(&network.bytes, &quantised).write(&out)?;
	progress.finish();
	let mut object = describe(&network, &circuits);
	let accuracy_view = accuracy.map(|accuracy| {
		json!({
			"samples": accuracy.samples,
			"of": set,
			"clipped": accuracy.clipped,
			"float": share(accuracy.float, accuracy.samples),
			"quantised": share(accuracy.quantised, accuracy.samples),
			"float_right": accuracy.float,
			"quantised_right": accuracy.quantised,
			"agreeing": accuracy.agreeing,
		})
	});
	views::merge(
		&mut object,
		json!({
			"out": out.display().to_string(),
			"notes_out": notes.display().to_string(),
			"input_scale": quantised.input_scale,
			"output_scale": quantised.output_scale,
			"left_out": quantised.notes,
			"notes": said,
			"accuracy": accuracy_view,
		}),
	);
	context.output.result(&object, || {
		let mut text = summary(&network, &circuits);
		for note in &quantised.notes {
			text += &format!("left out: {note}\n");
		}
		if let Some(right) = accuracy {
			text += &format!(
				"of the {} {set} samples, right in floating point {}, in integers {}; the same class {}\n",
				right.samples,
				counted(right.float, right.samples),
				counted(right.quantised, right.samples),
				counted(right.agreeing, right.samples),
			);
		}
		text + &format!(
			"written to {} and {}; next: lemma model register {}\n",
			out.display(),
			notes.display(),
			out.display()
		)
	})
}

/// Fails unless both files can be written, in the place of none that is read.
fn check_files(args: &Build) -> Outcome<()> {
	let mut inputs = vec![args.onnx.as_path(), args.calibrate.as_path()];
	inputs.extend(args.evaluate.as_deref());
	inputs.extend(args.labels.as_deref());
	output::check_file(&args.out, &inputs)?;
	output::check_file(&Notes::path(&args.out), &inputs)
}

/// A share, 0 to 1.
pub fn share(right: usize, samples: usize) -> f64 {
	right as f64 / samples.max(1) as f64
}

/// A count with its share, for people.
pub fn counted(right: usize, samples: usize) -> String {
	format!("{right} ({:.1}%)", 100.0 * share(right, samples))
}

/// Says how many values were clipped, if any were.
pub fn clipped_note(path: &Path, clipped: usize, values: usize) -> Option<String> {
	(clipped > 0).then(|| {
		format!(
			"note: {clipped} of the {values} values of {} lie outside the range of the samples by which the network was made, and \
			 are clipped",
			path.display()
		)
	})
}

/// A network as `quantise` makes it.
struct Made {
	network: Network,
	quantised: Quantised,
	/// With labels.
	accuracy: Option<Accuracy>,
	/// Of which samples that is.
	set: &'static str,
	/// What is to be said of the samples and of the circuits, for people.
	notes: Vec<String>,
}

fn quantise(args: Build, batches: Batches) -> Outcome<Made> {
	let failed = |e: lemma_model::Error| model_failure(&e);
	let mut notes = Vec::new();
	let imported = Imported::read(&args.onnx).map_err(failed)?;
	let batches = batches.fitting(
		|size| match size.saturating_mul(imported.elements()) {
			elements if elements > MAX_ELEMENTS => Err(format!(
				"the samples of a batch of {size} have {elements} elements, and at most {MAX_ELEMENTS} can be proven together"
			)),
			_ => Ok(()),
		},
		&mut notes,
	)?;
	let samples = Samples::read(&args.calibrate).map_err(failed)?;
	let labelled = match (&args.labels, &args.evaluate) {
		(None, _) => None,
		(Some(labels), None) => Some((samples.clone(), labels)),
		(Some(labels), Some(path)) => Some((Samples::read(path).map_err(failed)?, labels)),
	};
	let labelled = match labelled {
		None => None,
		Some((samples, path)) => {
			let labels = read_indices(path).map_err(failed)?;
			check_labels(path, labels.len(), samples.rows)?;
			Some((samples, labels))
		}
	};
	let evaluated = labelled.as_ref().map(|(samples, _)| samples.is_int8);
	let options = Options {
		per_layer: args.per_layer,
		argmax: args.argmax,
	};
	let quantised = imported.quantise(&samples, &options).map_err(failed)?;
	let plan = |size: usize| Plan::new(&quantised.model, size).map_err(|e| e.to_string());
	let batches = batches.fitting(|size| plan(size).map(drop), &mut notes)?;
	for size in &batches.sizes {
		let rows = plan(*size).map_err(Failure::usage)?.rows;
		notes.push(format!(
			"batches of {size}: about {rows} rows, {:.1} GB of memory to prove",
			proving_bytes(rows) as f64 / 1e9
		));
	}
	let doubts = samples.doubts(quantised.input_scale).into_iter();
	notes.extend(doubts.map(|doubt| format!("note: {}: {doubt}", args.calibrate.display())));
	if let (Some((_, labels)), Some(path)) = (&labelled, &args.labels) {
		check_classes(path, labels, classes(&quantised.model))?;
	}
	let values = labelled
		.as_ref()
		.map_or(0, |(samples, _)| samples.values.len());
	let accuracy = labelled.map(|(samples, labels)| {
		imported
			.accuracy(&quantised, &samples, &labels)
			.map_err(failed)
	});
	let accuracy = accuracy.transpose()?;
	if let Some((path, is_int8)) = args.evaluate.as_ref().zip(evaluated) {
		notes.extend(own_integers(path, is_int8, quantised.input_scale));
		let clipped = accuracy.map_or(0, |accuracy| accuracy.clipped);
		notes.extend(clipped_note(path, clipped, values));
	}
	let bundle = Bundle::new(quantised.model.clone(), batches.sizes)
		.map_err(|e| Failure::usage(format!("--batches: {e}")))?;
	let network = Network {
		bytes: bundle.encode(),
		path: args.out,
		bundle,
		notes: None,
	};
	Ok(Made {
		network,
		quantised,
		accuracy,
		set: match args.evaluate {
			Some(_) => "evaluation",
			None => "calibration",
		},
		notes,
	})
}

/// Memory to prove a circuit of so many rows in, as its job estimates it.
fn proving_bytes(rows: usize) -> u64 {
	(1 << 30) + rows.next_power_of_two() as u64 * 14_000
}

/// Fails unless there is a label for each sample.
pub fn check_labels(path: &Path, labels: usize, samples: usize) -> Outcome<()> {
	if labels == samples {
		return Ok(());
	}
	Err(Failure::new(
		exit::USAGE,
		"shape_mismatch",
		format!(
			"{} has {labels} labels, but there are {samples} samples: one for each is needed",
			path.display()
		),
	))
}

/// Fails unless every label is one of a network's classes.
pub fn check_classes(path: &Path, labels: &[usize], classes: usize) -> Outcome<()> {
	let Some(row) = labels.iter().position(|label| *label >= classes) else {
		return Ok(());
	};
	Err(Failure::new(
		exit::USAGE,
		"bad_input",
		format!(
			"{} has the label {} in row {row}, and the network has {classes} classes: labels go from 0 to {}",
			path.display(),
			labels[row],
			classes.saturating_sub(1)
		),
	))
}

/// A network with its circuits built once, so that their ids are known.
struct Built {
	network: Network,
	programs: Arc<Infer>,
	circuits: Vec<Circuit>,
}

async fn built(network: Network, progress: &mut Progress) -> Outcome<Built> {
	let (say, mut hear) = tokio::sync::mpsc::unbounded_channel();
	let built = aside(move || {
		let programs = Arc::new(network.programs()?);
		let circuits = network.circuits(&programs, |batch| {
			// Nobody listens if the command was interrupted.
			let _ = say.send(batch);
		})?;
		Ok(Built {
			network,
			programs,
			circuits,
		})
	});
	tokio::pin!(built);
	loop {
		tokio::select! {
			built = &mut built => return built,
			Some(batch) = hear.recv() => {
				progress.wait(&format!("building the circuit for batches of {batch}"));
			}
		}
	}
}

async fn show(context: &Context, path: &Path) -> Outcome<()> {
	let mut progress = context.output.progress();
	let Built {
		network, circuits, ..
	} = built(Network::read(path)?, &mut progress).await?;
	progress.finish();
	let mut object = describe(&network, &circuits);
	views::merge(
		&mut object,
		json!({
			"input_scale": network.notes.as_ref().and_then(Notes::input_scale),
			"output_scale": network.notes.as_ref().and_then(Notes::output_scale),
		}),
	);
	context.output.result(&object, || {
		let mut text = summary(&network, &circuits);
		for (place, layer) in network.bundle.model.layers().iter().enumerate() {
			let value = network.bundle.model.values()[place + 1].shape;
			text += &format!(
				"layer {place}: {}{} -> {value}\n",
				layer.op.name(),
				named(&network, place)
			);
		}
		if network.notes.is_none() {
			text += &format!(
				"there is no {}: samples must be int8\n",
				Notes::path(path).display()
			);
		}
		text
	})
}

/// What the layer was in the ONNX file, if that is known.
fn named(network: &Network, layer: usize) -> String {
	let name = network
		.notes
		.as_ref()
		.and_then(|notes| notes.layers.get(layer));
	name.map(|name| format!(" `{name}`")).unwrap_or_default()
}

fn parameters(model: &Integers) -> usize {
	let layers = model.layers().iter();
	let counts = layers.map(|layer| match &layer.op {
		Op::Dense(linear) | Op::Conv { linear, .. } => linear.weights.len() + linear.bias.len(),
		_ => 0,
	});
	counts.sum()
}

fn describe(network: &Network, circuits: &[Circuit]) -> Value {
	let model = &network.bundle.model;
	let programs = circuits.iter().map(|circuit| {
		json!({
			"batch": circuit.batch,
			"program": views::hash(&circuit.id),
			"rows": circuit.rows,
			"output_len": model.output_len(circuit.batch),
		})
	});
	let layers = model.layers().iter().enumerate().map(|(place, layer)| {
		json!({
			"operator": layer.op.name(),
			"shape": model.values()[place + 1].shape.to_string(),
			"node": network.notes.as_ref().and_then(|notes| notes.layers.get(place)),
		})
	});
	json!({
		"network": network.path.display().to_string(),
		"bundle": views::hash(&blake2_256(&network.bytes)),
		"bytes": network.bytes.len(),
		"sample": model.input().to_string(),
		"outputs": network.outputs(),
		"element": views::element(model.element()),
		"parameters": parameters(model),
		"layers": layers.collect::<Vec<_>>(),
		"programs": programs.collect::<Vec<_>>(),
	})
}

fn summary(network: &Network, circuits: &[Circuit]) -> String {
	let model = &network.bundle.model;
	let mut text = format!(
		"{}: {} layers, {} parameters; a sample of {} becomes {} of {}\n{:>5}  {:>8}  program\n",
		network.path.display(),
		model.layers().len(),
		parameters(model),
		model.input(),
		network.outputs(),
		views::element(model.element()),
		"batch",
		"rows"
	);
	for circuit in circuits {
		text += &format!(
			"{:>5}  {:>8}  {}\n",
			circuit.batch,
			circuit.rows,
			views::hash(&circuit.id)
		);
	}
	text
}

/// A program that is to be on the chain.
struct Wanted {
	batch: usize,
	id: H256,
	/// Length of its outputs, all of them.
	length: u32,
}

async fn register(context: &Context, network: Network, description: Option<&Path>) -> Outcome<()> {
	let description: H256 = match description {
		Some(path) => blake2_256(&input::read_file(path)?),
		None => blake2_256(&network.bytes),
	};
	let keys = context.keys()?;
	let client = context.client().await?;
	let mut progress = context.output.progress();
	let Built {
		network,
		programs,
		circuits,
	} = built(network, &mut progress).await?;
	let wanted: Vec<_> = circuits
		.iter()
		.map(|circuit| wanted(&network, circuit))
		.collect::<Outcome<_>>()?;
	let mut missing = Vec::new();
	for program in &wanted {
		match client.program(program.id, At::Best).await? {
			Some(registered) => check_registered(&network, program, &registered)?,
			None => missing.push(program),
		}
	}
	check_funds(&client, &keys, missing.len()).await?;
	let mut done = Vec::new();
	for program in &wanted {
		let mut object = json!({
			"batch": program.batch,
			"program": views::hash(&program.id),
			"registered_before": true,
		});
		if missing.iter().any(|other| other.id == program.id) {
			progress.wait(&format!(
				"running and proving a batch of {} zeros",
				program.batch
			));
			let elements = network.bundle.model.input().elements();
			let zeros = encode_input(&vec![0; elements * program.batch], program.batch);
			let job = programs
				.open(&zeros)
				.map_err(|e| Failure::new(exit::FAILURE, "bad_input", e.to_string()))?;
			let element = job.element();
			let sample = prove_sample(&client, &keys, job).await?;
			progress.wait(&format!(
				"registering the program for batches of {}",
				program.batch
			));
			let call = Call::register_program(&Registration {
				id: program.id,
				element,
				length: LengthRule {
					min: program.length,
					max: program.length,
					multiple_of: program.length,
				},
				description,
				sample,
			});
			let outcome = submit(context, &client, &keys, &call).await?;
			let block = outcome.inclusion.block.number;
			progress.done(&format!(
				"registered {:#x}, for batches of {} (block {block})",
				program.id, program.batch
			));
			views::merge(
				&mut object,
				json!({
					"registered_before": false,
					"block": block,
					"fee": lem(outcome.fee()),
				}),
			);
		}
		done.push(object);
	}
	progress.finish();
	let object = json!({
		"network": network.path.display().to_string(),
		"account": views::account(&keys.account()),
		"description": views::hash(&description),
		"programs": done,
	});
	context.output.result(&object, || {
		format!(
			"{} programs of {} are registered, {} of them now; workers that are to serve them need the file\n",
			wanted.len(),
			network.path.display(),
			missing.len()
		)
	})
}

fn wanted(network: &Network, circuit: &Circuit) -> Outcome<Wanted> {
	let length = network.bundle.model.output_len(circuit.batch);
	match u32::try_from(length) {
		Ok(length) if length <= lemma_primitives::MAX_OUTPUT_BYTES => Ok(Wanted {
			batch: circuit.batch,
			id: circuit.id,
			length,
		}),
		_ => Err(Failure::new(
			exit::USAGE,
			"output_too_large",
			format!(
				"the output of a batch of {} would have {length} bytes, but a block carries at most {}: leave that \
				 size out with --batches",
				circuit.batch,
				lemma_primitives::MAX_OUTPUT_BYTES
			),
		)),
	}
}

/// Whether what is registered under a program's id is as this client would have registered it.
pub fn check_registered_rules(
	element: lemma_zk_statement::OutputElement,
	length: u32,
	registered: &Program,
) -> Result<(), &'static str> {
	if registered.status == ProgramStatus::Retired {
		return Err("is retired, and takes no new orders");
	}
	if registered.element != element || !registered.length.allows(length) {
		return Err(
			"was registered with another type or length of outputs, so that it cannot be ordered",
		);
	}
	Ok(())
}

fn check_registered(network: &Network, wanted: &Wanted, registered: &Program) -> Outcome<()> {
	let element = network.bundle.model.element();
	check_registered_rules(element, wanted.length, registered).map_err(|why| {
		Failure::new(
			exit::FAILURE,
			"program_unusable",
			format!(
				"the program {:#x}, for batches of {}, {why}: leave that size out with --batches",
				wanted.id, wanted.batch
			),
		)
	})
}

/// Fails before anything is proven unless the account has the deposits of so many programs.
pub async fn check_funds(client: &Client, keys: &Keys, programs: usize) -> Outcome<()> {
	let runtime = client.runtime(At::Best).await?;
	let deposit: Balance = runtime
		.constant(PROOF_VERIFICATION, "ProgramDeposit")
		.unwrap_or(0);
	let existential: Balance = runtime
		.constant("Balances", "ExistentialDeposit")
		.unwrap_or(0);
	let each = deposit.saturating_add(FEE_MARGIN);
	let needed = each
		.saturating_mul(programs as Balance)
		.saturating_add(existential);
	let account = keys.account();
	let free = client.account(&account, At::Best).await?.free;
	if programs == 0 || free >= needed {
		return Ok(());
	}
	Err(Failure::new(
		exit::NO_FUNDS,
		"no_funds",
		format!(
			"the account {} has {} LEM free, but registering {} needs {}: a deposit of {} for each, and some for fees. \
			 Fund the account{}",
			views::account(&account),
			lem(free),
			match programs {
				1 => "a program".to_owned(),
				_ => format!("{programs} programs"),
			},
			lem(needed),
			lem(deposit),
			match programs {
				1 => "",
				_ => ", or register fewer with --batches",
			}
		),
	))
}
