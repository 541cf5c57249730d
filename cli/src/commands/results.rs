//! `lemma result` and `lemma verify`: getting a result, and checking one. A training is checked in `train`.

use std::path::Path;

use codec::{Decode, Encode};
use lemma_client::{
	npy,
	result::{self, Basis, Evidence, Report},
	At, Client, H256,
};
use lemma_zk_statement::OutputElement;
use serde_json::{json, Value};

use super::{gemm, train};
use crate::{
	args::{ResultArgs, Verify},
	context::Context,
	failure::{exit, file_failure, Failure, Outcome},
	follow::Follower,
	input,
	ledger::Ledger,
	output::{self, one_line},
	views,
};

/// How an evidence file begins.
const EVIDENCE_FORMAT: &str = "lemma-evidence-1";

/// Runs `lemma result`.
pub async fn get(context: &Context, args: ResultArgs) -> Outcome<()> {
	for file in args.out.iter().chain(&args.evidence) {
		output::check_file(file)?;
	}
	let client = context.client().await?;
	// Whatever can be wrong with the command is found before the result is waited for.
	let shape = match &args.out {
		Some(out) if is_npy(out) => Some(shape_of(&client, &args).await?),
		_ => None,
	};
	let mut progress = context.output.progress();
	Follower::new(context, &client, args.id)
		.finalized(&mut progress)
		.await?;
	progress.wait("verifying the result");
	let evidence = result::fetch(&client, args.id, At::Finalized).await?;
	let report = evidence.check(client.genesis_hash(), None);
	demand(&report)?;
	let bytes = &evidence.submission.output;
	match (&args.out, shape) {
		(Some(out), Some(_)) if evidence.element != OutputElement::I32 => {
			return Err(Failure::usage(format!(
				"the elements of this output are {}, not int32: give an --out that does not end in .npy \
				 instead of {}",
				views::element(evidence.element),
				out.display()
			)))
		}
		(Some(out), Some((rows, columns))) => {
			npy::write(out, &gemm::to_matrix(bytes, rows, columns)?)?;
		}
		(Some(out), None) => npy::write_atomically(out, |file| file.write_all(bytes))
			.map_err(|e| file_failure(out, "written", &e))?,
		(None, _) => {}
	}
	if let Some(path) = &args.evidence {
		write_evidence(path, &evidence)?;
	}
	progress.finish();
	let mut object = views::receipt(args.id, &evidence.receipt);
	views::merge(
		&mut object,
		json!({
			"finalized": evidence.finalized,
			"proof_bytes": evidence.submission.proof.len(),
			"output_bytes": bytes.len(),
			"verified": report.passed(),
			"trustless": report.is_trustless(),
			"out": args.out.as_ref().map(|out| out.display().to_string()),
			"evidence": args.evidence.as_ref().map(|path| path.display().to_string()),
		}),
	);
	context.output.result(&object, || views::text(&object))
}

/// Rows and columns of the result: those given, or those of an order that this machine posted on this chain.
async fn shape_of(client: &Client, args: &ResultArgs) -> Outcome<(usize, usize)> {
	if let Some(shape) = args.shape {
		return Ok(shape);
	}
	for record in Ledger::open(client.genesis_hash()).of_order(args.id) {
		if let (Some(shape), true) = (record.shape, record.is_on(client).await?) {
			return Ok(shape);
		}
	}
	Err(Failure::usage(format!(
		"this machine did not post order {} as a matrix product, so it does not know the matrix's shape: give \
		 --shape MxN, or an --out that does not end in .npy",
		args.id
	)))
}

/// Runs `lemma verify`.
pub async fn verify(context: &Context, args: Verify) -> Outcome<()> {
	match &args.train.training {
		Some(file) => return train::verify(context, &args, file).await,
		None if args.train.held_out.test_features.is_some() => {
			return Err(Failure::usage(
				"--test-features and --test-labels go with --training",
			))
		}
		None => {}
	}
	let (evidence, genesis, asked) = match &args.evidence {
		Some(path) => {
			let evidence = read_evidence(path)?;
			let genesis = context.global.genesis.ok_or_else(|| {
				Failure::usage(
					"--evidence needs --genesis (or LEMMA_GENESIS): the hash of the chain that you mean, \
					 from a source that you trust",
				)
			})?;
			let asked = args.id.unwrap_or(evidence.order);
			(evidence, genesis, asked)
		}
		None => {
			let id = args
				.id
				.ok_or_else(|| Failure::usage("give the number of an order"))?;
			let client = context.client().await?;
			let evidence = result::fetch(&client, id, At::Best).await?;
			let genesis = context.global.genesis.unwrap_or_else(|| {
				context.output.note(
					"note: without --genesis the node's word is taken for which chain this is",
				);
				client.genesis_hash()
			});
			(evidence, genesis, id)
		}
	};
	if asked != evidence.order {
		return Err(Failure::usage(format!(
			"the evidence is of order {}, not {asked}",
			evidence.order
		)));
	}
	let output = args.output.as_deref().map(read_output).transpose()?;
	let mut report = evidence.check(genesis, output.as_deref());
	check_input(&args, &evidence, &mut report)?;
	let object = report_view(&evidence, &report);
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

/// The code of a failure of which the object was printed already.
pub const PRINTED: &str = "printed";

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

/// Adds the checks that the result is of the caller's own input.
fn check_input(args: &Verify, evidence: &Evidence, report: &mut Report) -> Outcome<()> {
	let blob = match (&args.input, args.operands.as_deref()) {
		(Some(path), _) => input::read_file(path)?,
		(None, Some([a, b])) => gemm::read_operands(a, b)?.encode(),
		_ => return Ok(()),
	};
	let described = input::describe(input::open(&blob)?.as_ref())?;
	let receipt = &evidence.receipt;
	report.add(
		"program",
		same(
			"the program is the input's",
			&receipt.program,
			&described.program,
		),
	);
	report.add(
		"input",
		same(
			"the input is this one",
			&receipt.commitment,
			&described.commitment,
		),
	);
	Ok(())
}

/// A check that two hashes are equal.
pub fn same(what: &str, found: &H256, expected: &H256) -> Result<String, String> {
	match found == expected {
		true => Ok(format!("{what}: {found:#x}")),
		false => Err(format!(
			"the receipt says {found:#x}, but it is {expected:#x}"
		)),
	}
}

/// Fails unless every check passed; the sentence names the first that did not.
pub fn demand(report: &Report) -> Outcome<()> {
	let Some(failed) = report.first_failure() else {
		return Ok(());
	};
	let code = match failed.name {
		"finalized" => "not_final",
		_ => "not_verified",
	};
	Err(Failure::new(
		exit::NOT_VERIFIED,
		code,
		format!(
			"the result does not verify: the check `{}` failed: {}",
			failed.name, failed.detail
		),
	))
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

fn is_npy(path: &Path) -> bool {
	path.extension()
		.is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

/// The bytes of an output file: an int32 matrix as it is on chain, or any other file as it is.
fn read_output(path: &Path) -> Outcome<Vec<u8>> {
	if !is_npy(path) {
		return input::read_file(path);
	}
	let matrix = npy::read::<i32>(path)?;
	Ok(matrix
		.values
		.iter()
		.flat_map(|value| value.to_le_bytes())
		.collect())
}

fn write_evidence(path: &Path, evidence: &Evidence) -> Outcome<()> {
	let object = json!({
		"format": EVIDENCE_FORMAT,
		"order": evidence.order,
		"genesis": views::hash(&evidence.genesis),
		"block": evidence.receipt.settled_at,
		"receipt": views::receipt(evidence.order, &evidence.receipt),
		"evidence": format!("0x{}", hex::encode(evidence.encode())),
	});
	npy::write_atomically(path, |file| {
		serde_json::to_writer_pretty(&mut *file, &object)?;
		file.write_all(b"\n")
	})
	.map_err(|e| file_failure(path, "written", &e))
}

fn read_evidence(path: &Path) -> Outcome<Evidence> {
	let wrong = |reason: String| {
		Failure::new(
			exit::USAGE,
			"bad_file",
			format!(
				"{} is no evidence ({reason}): `lemma result ID --evidence FILE` writes it",
				path.display()
			),
		)
	};
	let object: Value =
		serde_json::from_slice(&input::read_file(path)?).map_err(|e| wrong(e.to_string()))?;
	if object["format"] != EVIDENCE_FORMAT {
		return Err(wrong(format!("its format is not {EVIDENCE_FORMAT}")));
	}
	let digits = object["evidence"].as_str().unwrap_or_default();
	let bytes = hex::decode(digits.trim_start_matches("0x")).map_err(|e| wrong(e.to_string()))?;
	let mut bytes = bytes.as_slice();
	let evidence = Evidence::decode(&mut bytes).map_err(|e| wrong(e.to_string()))?;
	match bytes {
		[] => Ok(evidence),
		_ => Err(wrong("bytes follow it".into())),
	}
}
