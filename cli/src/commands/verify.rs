//! `lemma verify`: checking a settled result, from the chain or from a file of evidence. A training is checked in `train`.

use std::path::Path;

use lemma_client::{
	npy,
	result::{Basis, Evidence, Report},
	At, H256,
};
use lemma_model::Integers;
use lemma_zk_circuits::programs::infer::job;
use lemma_zk_statement::OutputElement;
use serde_json::{json, Value};

use super::{
	aside, gemm,
	results::{demand, element_of, fetch, is_npy, no_matrix, posted_shape, read_evidence, same},
	train,
};
use crate::{
	args::{Bundles, Verify},
	context::Context,
	failure::{exit, Failure, Outcome},
	input::{self, Known},
	network::{Batch, Network},
	output::one_line,
	views,
};

/// The code of a failure of which the object was printed already.
pub const PRINTED: &str = "printed";

/// Runs the command.
pub async fn run(context: &Context, args: Verify) -> Outcome<()> {
	match &args.train.training {
		Some(file) => return train::verify(context, &args, file).await,
		None if args.train.held_out.test_features.is_some() => {
			return Err(Failure::usage(
				"--test-features and --test-labels go with --training",
			))
		}
		None => {}
	}
	let (evidence, genesis, asked, posted) = match &args.evidence {
		Some(path) => {
			let evidence = read_evidence(path)?;
			let genesis = context.global.genesis.ok_or_else(|| {
				Failure::usage(
					"--evidence needs --genesis (or LEMMA_GENESIS): the hash of the chain that you mean, \
					 from a source that you trust",
				)
			})?;
			let asked = args.id.unwrap_or(evidence.order);
			(evidence, genesis, asked, None)
		}
		None => {
			let id = args
				.id
				.ok_or_else(|| Failure::usage("give the number of an order"))?;
			let client = context.client().await?;
			let known = || Known::load(&named(&args));
			let evidence = fetch(&client, id, At::Best, known).await?;
			let genesis = context.global.genesis.unwrap_or_else(|| {
				context.output.note(
					"note: without --genesis the node's word is taken for which chain this is",
				);
				client.genesis_hash()
			});
			let posted = posted_shape(&client, id).await?;
			(evidence, genesis, id, posted)
		}
	};
	if asked != evidence.order {
		return Err(Failure::usage(format!(
			"the evidence is of order {}, not {asked}",
			evidence.order
		)));
	}
	let given = Given::read(&args, &evidence).await?;
	let element = match &given {
		Some(given) => given.element,
		None => element_of(Known::load(&args.bundles)?, evidence.receipt.program).await?,
	};
	let mut shape_compared = None;
	let output = match &args.output {
		Some(path) => {
			let element = element.unwrap_or(evidence.element);
			let file = read_output(path, element)?;
			let shape = match &given {
				Some(given) => given.shape,
				None => posted,
			};
			// With these it is known what the whole file has to be of.
			let is_all = args.samples.is_some() || args.operands.is_some();
			shape_compared = file.compare_shape(path, shape, is_all)?;
			if shape_compared == Some(false) {
				context.output.note(&format!(
					"note: the bytes of {} are compared, not its rows and columns: which those are is not known here",
					path.display()
				));
			}
			Some(file.of_order(path, &evidence, given.as_ref())?)
		}
		None => None,
	};
	let mut report = evidence.check_as(genesis, element, output.as_deref());
	if let Some(given) = &given {
		given.check(&evidence, &mut report);
	}
	let mut object = report_view(&evidence, &report);
	views::merge(&mut object, json!({ "shape_compared": shape_compared }));
	if context.output.json || report.passed() {
		context
			.output
			.result(&object, || report_text(&evidence, &report))?;
	} else {
		// People read what passed and what did not before the sentence on standard error.
		context
			.output
			.note(report_text(&evidence, &report).trim_end());
	}
	match report.first_failure() {
		None if args.strict && !report.is_trustless() => Err(only_word(context, &report)),
		None => Ok(()),
		Some(_) if context.output.json => Err(Failure::new(exit::NOT_VERIFIED, PRINTED, "")),
		Some(_) => demand(&report),
	}
}

/// The programs that are named to check a result, with that of the samples' network.
fn named(args: &Verify) -> Bundles {
	let mut bundles = args.bundles.bundles.clone();
	if let Some([network, _]) = args.samples.as_deref() {
		bundles.push(network.clone());
	}
	Bundles {
		bundles,
		executables: args.bundles.executables.clone(),
	}
}

/// With `--strict`: why checks that passed are not enough.
fn only_word(context: &Context, report: &Report) -> Failure {
	let names: Vec<_> = report
		.checks
		.iter()
		.filter(|check| check.basis == Basis::Node)
		.map(|check| check.name)
		.collect();
	// The object that says so is printed already.
	let code = if context.output.json {
		PRINTED
	} else {
		"not_proven"
	};
	Failure::new(
		exit::NOT_VERIFIED,
		code,
		format!(
			"everything checked holds, but for {} there is only the node's word: ask an archive node, or \
			 leave --strict out if you trust this one",
			names.join(" and ")
		),
	)
}

/// The caller's own input, as far as it is known.
struct Given {
	program: H256,
	/// Its commitment; or why there is none that could be compared.
	commitment: Result<H256, String>,
	/// Type of the output's elements, if the program is known.
	element: Option<OutputElement>,
	/// Exact length of the output.
	output_len: usize,
	/// Rows and columns of a file of the output, if it is a matrix.
	shape: Option<(usize, usize)>,
	/// Which of the caller's samples the order is of, and how many there are.
	batch: Option<(Batch, usize)>,
}

impl Given {
	async fn read(args: &Verify, evidence: &Evidence) -> Outcome<Option<Self>> {
		if let Some([network, inputs]) = args.samples.as_deref() {
			let network = Network::read(network)?;
			let inputs = network.inputs(inputs)?;
			let length = evidence.receipt.output_len as usize;
			let commitment = evidence.receipt.commitment;
			let given = aside(move || Self::find(&network, &inputs, length, commitment));
			return given.await.map(Some);
		}
		let blob = match (&args.input, args.operands.as_deref()) {
			(Some(path), _) => input::read_file(path)?,
			(None, Some([a, b])) => gemm::read_operands(a, b)?.encode(),
			_ => return Ok(None),
		};
		let known = Known::load(&args.bundles)?;
		let described = aside(move || input::describe(known.open(&blob)?.as_ref())).await?;
		Ok(Some(Self {
			program: described.program,
			commitment: Ok(described.commitment),
			element: described.element,
			output_len: described.output_len as usize,
			shape: described.matrix,
			batch: None,
		}))
	}

	/// Finds the batch of samples that has this commitment, among those that `lemma infer` may have made.
	fn find(
		network: &Network,
		inputs: &Integers,
		output_len: usize,
		commitment: H256,
	) -> Outcome<Self> {
		let sizes = &network.bundle.batches;
		let each = network.bundle.model.output_len(1);
		let size = sizes.iter().copied().find(|size| size * each == output_len);
		let size = size.ok_or_else(|| {
			Failure::new(
				exit::NOT_VERIFIED,
				"not_verified",
				format!(
					"the order's output has {output_len} bytes, but {} makes {each} of a sample, in batches of {}: the order is \
					 not of this network",
					network.path.display(),
					network.sizes()
				),
			)
		})?;
		let found = candidates(inputs.rows, size, sizes)
			.find(|batch| H256(job::commitment(&batch.integers(inputs))) == commitment);
		let program = network.programs()?.id(size).map(H256).unwrap_or_default();
		Ok(Self {
			program,
			commitment: match &found {
				Some(_) => Ok(commitment),
				None => Err(format!(
					"no batch of {size} of these samples has this commitment"
				)),
			},
			element: Some(network.bundle.model.element()),
			output_len,
			// A file of the scores of all samples.
			shape: Some((inputs.rows, network.outputs())),
			batch: found.map(|batch| (batch, inputs.rows)),
		})
	}

	/// Adds the checks that the result is of this input.
	fn check(&self, evidence: &Evidence, report: &mut Report) {
		let receipt = &evidence.receipt;
		// Zeros behind it would not change what the proof says of an output.
		if receipt.output_len as usize != self.output_len {
			report.add(
				"output_length",
				Err(format!(
					"the receipt says {} bytes, but the output of this input has {}",
					receipt.output_len, self.output_len
				)),
			);
		}
		report.add(
			"program",
			same(
				"the program is the input's",
				&receipt.program,
				&self.program,
			),
		);
		report.add(
			"input",
			match (&self.commitment, &self.batch) {
				(Ok(_), Some((Batch { samples, .. }, all))) => Ok(format!(
					"the input is samples {} to {} of {all}",
					samples.start,
					samples.end.saturating_sub(1)
				)),
				(Ok(commitment), None) => {
					same("the input is this one", &receipt.commitment, commitment)
				}
				(Err(why), _) => Err(why.clone()),
			},
		);
	}
}

/// Batches of a size that begin where one of the largest size in use could: whichever of the sizes were in use.
fn candidates(samples: usize, size: usize, sizes: &[usize]) -> impl Iterator<Item = Batch> + '_ {
	let starts = move |start: &usize| {
		let mut larger = sizes.iter().filter(|other| **other >= size);
		larger.any(|other| start.is_multiple_of(*other))
	};
	(0..samples).filter(starts).map(move |start| Batch {
		samples: start..samples.min(start + size),
		size,
	})
}

fn report_view(evidence: &Evidence, report: &Report) -> Value {
	let mut object = json!({
		"order": evidence.order,
		"genesis": views::hash(&evidence.genesis),
		"verified": report.passed(),
		"trustless": report.is_trustless(),
		"failed": report.first_failure().map(|check| check.name),
		"checks": report.checks,
		"proof_bytes": evidence.submission.proof.len(),
	});
	let mut receipt = views::receipt(evidence.order, &evidence.receipt);
	if let Value::Object(fields) = &mut receipt {
		fields.remove("order");
	}
	views::merge(&mut object, json!({ "receipt": receipt }));
	object
}

fn report_text(evidence: &Evidence, report: &Report) -> String {
	let width = report
		.checks
		.iter()
		.map(|check| check.name.len())
		.max()
		.unwrap_or(0);
	let mut text: String = report
		.checks
		.iter()
		.map(|check| {
			let mark = match (check.passed, check.basis) {
				(false, _) => "FAILED",
				(true, Basis::Proof) => "proven",
				(true, Basis::Node) => "told  ",
			};
			format!(
				"{mark}  {:width$}  {}\n",
				check.name,
				one_line(&check.detail)
			)
		})
		.collect();
	if report.passed() {
		text += &format!("order {} is verified\n", evidence.order);
	}
	text
}

/// An output file.
#[derive(Debug)]
struct OutputFile {
	/// Its bytes, those of a matrix as they are on chain.
	bytes: Vec<u8>,
	/// Rows and columns, if it is a matrix.
	shape: Option<(usize, usize)>,
}

/// Reads an output file: a matrix, or any other as it is.
fn read_output(path: &Path, element: OutputElement) -> Outcome<OutputFile> {
	Ok(match (is_npy(path), element) {
		(false, _) => OutputFile {
			bytes: input::read_file(path)?,
			shape: None,
		},
		(true, OutputElement::I8) => {
			let matrix = npy::read::<i8>(path)?;
			OutputFile {
				bytes: matrix.values.iter().map(|value| *value as u8).collect(),
				shape: Some((matrix.rows, matrix.columns)),
			}
		}
		(true, OutputElement::I32) => {
			let matrix = npy::read::<i32>(path)?;
			let bytes = matrix.values.iter().flat_map(|value| value.to_le_bytes());
			OutputFile {
				bytes: bytes.collect(),
				shape: Some((matrix.rows, matrix.columns)),
			}
		}
		(true, _) => return Err(no_matrix(element, "--output", path)),
	})
}

impl OutputFile {
	/// Fails if the matrix has other rows and columns than `wanted`. Whether they could be compared, if it is a matrix. Unless
	/// `is_all`, what is wanted may be a part of what one command ordered and wrote.
	fn compare_shape(
		&self,
		path: &Path,
		wanted: Option<(usize, usize)>,
		is_all: bool,
	) -> Outcome<Option<bool>> {
		let Some((rows, columns)) = self.shape else {
			return Ok(None);
		};
		let Some(wanted) = wanted else {
			return Ok(Some(false));
		};
		if wanted == (rows, columns) {
			return Ok(Some(true));
		}
		let verdict = match columns == wanted.1 && !is_all {
			true => {
				"these are another number of rows; of the scores of `lemma infer`, which are those of all samples, add \
				 --samples NETWORK INPUTS.npy"
			}
			false => "this file is not the result",
		};
		Err(Failure::new(
			exit::USAGE,
			"shape_mismatch",
			format!(
				"{} is {rows} x {columns}, but the output is {} x {}: {verdict}",
				path.display(),
				wanted.0,
				wanted.1
			),
		))
	}

	/// The bytes that are to be the order's output. Of the scores of all samples, those of the order's; what fills its
	/// batch is nobody's, and is what was submitted.
	fn of_order(self, path: &Path, evidence: &Evidence, given: Option<&Given>) -> Outcome<Vec<u8>> {
		let batch = given.and_then(|given| given.batch.as_ref());
		let (Some((Batch { samples, size }, all)), true) = (batch, is_npy(path)) else {
			return Ok(self.bytes);
		};
		let each = evidence.submission.output.len() / size;
		let bytes = self.bytes;
		if bytes.len() != all * each {
			return Err(Failure::new(
				exit::USAGE,
				"shape_mismatch",
				format!(
					"{} has {} bytes, but there are {all} samples with {each} bytes each",
					path.display(),
					bytes.len()
				),
			));
		}
		let mut output = bytes[samples.start * each..samples.end * each].to_vec();
		output.extend(&evidence.submission.output[samples.len() * each..]);
		Ok(output)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{commands::results::write_matrix, network::split};

	#[test]
	fn a_file_should_be_refused_when_its_bytes_are_right_and_its_shape_is_not() {
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("c.npy");
		let bytes = [1i32, 2, 3, 4, 5, 6].map(i32::to_le_bytes).concat();
		write_matrix(&path, OutputElement::I32, &bytes, 2, 3).expect("written");
		let file = read_output(&path, OutputElement::I32).expect("read");
		assert_eq!((&file.bytes, file.shape), (&bytes, Some((2, 3))));
		for is_all in [false, true] {
			let compare = |wanted| file.compare_shape(&path, wanted, is_all);
			assert_eq!(compare(Some((2, 3))), Ok(Some(true)));
			assert_eq!(compare(None), Ok(Some(false)));
			let failure = compare(Some((3, 2))).expect_err("other columns");
			assert_eq!(
				(failure.exit, failure.code),
				(exit::USAGE, "shape_mismatch")
			);
			for part in ["2 x 3", "3 x 2", "not the result"] {
				assert!(failure.message.contains(part), "{failure:?}");
			}
		}
		let plain = folder.path().join("c.bin");
		std::fs::write(&plain, &bytes).expect("written");
		let file = read_output(&plain, OutputElement::I32).expect("read");
		assert_eq!(file.compare_shape(&plain, Some((3, 2)), false), Ok(None));
	}

	#[test]
	fn scores_of_all_samples_should_not_be_called_wrong_when_the_order_is_of_a_batch() {
		let file = OutputFile {
			bytes: Vec::new(),
			shape: Some((500, 10)),
		};
		let compare = |is_all| {
			let compared = file.compare_shape(Path::new("scores.npy"), Some((64, 10)), is_all);
			compared.expect_err("other rows")
		};
		let failure = compare(false);
		assert_eq!(
			(failure.exit, failure.code),
			(exit::USAGE, "shape_mismatch")
		);
		for part in ["500 x 10", "64 x 10", "number of rows", "--samples NETWORK"] {
			assert!(failure.message.contains(part), "{failure:?}");
		}
		assert!(!failure.message.contains("not the result"), "{failure:?}");
		let failure = compare(true);
		assert!(failure.message.contains("not the result"), "{failure:?}");
	}

	#[test]
	fn a_matrix_of_other_elements_should_be_named_by_their_type() {
		for element in [OutputElement::U8, OutputElement::I16] {
			let failure = read_output(Path::new("c.npy"), element).expect_err("no matrix");
			for part in [views::element(element), "--output", "c.npy"] {
				assert!(failure.message.contains(part), "{failure:?}");
			}
		}
	}

	#[test]
	fn every_batch_that_is_ordered_should_be_among_those_that_are_looked_at() {
		let sizes = [1, 16, 64];
		let in_use = [
			&sizes[..],
			&sizes[..1],
			&sizes[..2],
			&sizes[1..],
			&sizes[2..],
		];
		for samples in [1, 2, 17, 64, 130] {
			for batch in in_use.iter().flat_map(|in_use| split(samples, in_use)) {
				let mut candidates = candidates(samples, batch.size, &sizes);
				assert!(
					candidates.any(|other| other == batch),
					"{batch:?} of {samples}"
				);
			}
		}
	}
}
