//! `lemma result`: getting a result; and what every command that gets one checks, reads and writes.

use std::path::Path;

use codec::{Decode, Encode};
use lemma_client::{
	npy::{self, Matrix},
	result::{self, Evidence, Report},
	At, Client, Error, OrderId, H256,
};
use lemma_zk_statement::OutputElement;
use serde_json::{json, Value};

use super::{aside, gemm};
use crate::{
	args::ResultArgs,
	context::Context,
	failure::{exit, file_failure, Failure, Outcome},
	follow::Follower,
	input::{self, Described, Known},
	ledger::Ledger,
	output, views,
};

/// How an evidence file begins.
const EVIDENCE_FORMAT: &str = "lemma-evidence-1";

/// Runs `lemma result`.
pub async fn get(context: &Context, args: ResultArgs) -> Outcome<()> {
	for file in args.out.iter().chain(&args.evidence) {
		output::check_file(file, &[])?;
	}
	if let (Some(out), Some(evidence)) = (&args.out, &args.evidence) {
		if output::is_same(out, evidence) {
			return Err(Failure::usage(
				"--out and --evidence are the same file: the output and the evidence need one each",
			));
		}
	}
	// Whatever can be wrong with the command is found before the result is waited for.
	let known = Known::load(&args.bundles)?;
	let client = context.client().await?;
	let shape = match &args.out {
		Some(out) if is_npy(out) => Some(shape_of(&client, &args).await?),
		_ => None,
	};
	let mut progress = context.output.progress();
	Follower::new(context, &client, args.id)
		.finalized(&mut progress)
		.await?;
	progress.wait("verifying the result");
	let evidence = fetch(&client, args.id, At::Finalized, || Ok(known.clone())).await?;
	let element = element_of(known, evidence.receipt.program).await?;
	let report = evidence.check_as(client.genesis_hash(), element, None);
	demand(&report)?;
	let bytes = &evidence.submission.output;
	match (&args.out, shape) {
		(Some(out), Some((rows, columns))) => {
			let element = element.unwrap_or(evidence.element);
			write_matrix(out, element, bytes, rows, columns)?;
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

/// Fetches a settled result. Of a program that was removed from the chain since, the programs that this client knows say of
/// which type the elements are: then `known` is called.
pub async fn fetch(
	client: &Client,
	order: OrderId,
	at: At,
	known: impl FnOnce() -> Outcome<Known>,
) -> Outcome<Evidence> {
	let program = match result::fetch(client, order, at).await {
		Err(Error::NoSuchProgram { id }) => id,
		other => return Ok(other?),
	};
	let Some(element) = element_of(known()?, program).await? else {
		return Err(Failure::new(
			exit::FAILURE,
			"no_such_program",
			format!(
				"the program {program:#x} of order {order} was removed from the chain, and is not known here: name \
				 its file with --bundle or --executable, or ask an archive node"
			),
		));
	};
	Ok(result::fetch_as(client, order, at, Some(element)).await?)
}

/// Type of the elements of a program's outputs, if the program is known. Ids of bundles are computed, which takes a while.
pub async fn element_of(known: Known, program: H256) -> Outcome<Option<OutputElement>> {
	aside(move || Ok(known.element_of(&program))).await
}

/// Writes an output as a matrix of its own type.
pub fn write_matrix(
	out: &Path,
	element: OutputElement,
	output: &[u8],
	rows: usize,
	columns: usize,
) -> Outcome<()> {
	if !matches!(element, OutputElement::I8 | OutputElement::I32) {
		return Err(no_matrix(element, "--out", out));
	}
	let size = element.size_bytes();
	if rows
		.checked_mul(columns)
		.and_then(|count| count.checked_mul(size))
		!= Some(output.len())
	{
		return Err(Failure::usage(format!(
			"the output has {} bytes, which is not {rows} x {columns} elements of {}: give the right --shape, or an \
			 --out that does not end in .npy",
			output.len(),
			views::element(element)
		)));
	}
	match element {
		OutputElement::I8 => {
			let values = output.iter().map(|byte| *byte as i8).collect();
			npy::write(
				out,
				&Matrix {
					rows,
					columns,
					values,
				},
			)?;
		}
		_ => npy::write(out, &gemm::to_matrix(output, rows, columns)?)?,
	}
	Ok(())
}

/// Why an output with such elements is no .npy file.
pub fn no_matrix(element: OutputElement, flag: &str, path: &Path) -> Failure {
	Failure::usage(format!(
		"the elements of this output are {}, not int32 or int8: give an {flag} that does not end in .npy \
		 instead of {}",
		views::element(element),
		path.display()
	))
}

/// Rows and columns of the result: those given, or those of an order that this machine posted on this chain.
async fn shape_of(client: &Client, args: &ResultArgs) -> Outcome<(usize, usize)> {
	if let Some(shape) = args.shape {
		return Ok(shape);
	}
	if let Some(shape) = posted_shape(client, args.id).await? {
		return Ok(shape);
	}
	Err(Failure::usage(format!(
		"this machine did not post order {} as a matrix product, so it does not know the matrix's shape: give \
		 --shape MxN, or an --out that does not end in .npy",
		args.id
	)))
}

/// Rows and columns of the result of an order that this machine posted on this chain, if it is a matrix.
pub async fn posted_shape(client: &Client, order: OrderId) -> Outcome<Option<(usize, usize)>> {
	for record in Ledger::open(client.genesis_hash()).of_order(order) {
		if let (Some(shape), true) = (record.shape, record.is_on(client).await?) {
			return Ok(Some(shape));
		}
	}
	Ok(None)
}

/// Checks that a result is right and of what this command ordered, whatever becomes of its block.
pub fn check_result(genesis: H256, described: &Described, evidence: &Evidence) -> Report {
	let element = described.element.unwrap_or(evidence.element);
	let mut report = evidence.check_result(genesis, element, None);
	if described.element.is_none() {
		let why = "the program is not known here, nor how its output is to be read";
		report.add("element", Err(why.into()));
	}
	check_ordered(described, evidence, &mut report);
	report
}

/// Adds the checks that the result is of what this command ordered.
pub fn check_ordered(described: &Described, evidence: &Evidence, report: &mut Report) {
	let receipt = &evidence.receipt;
	// Zeros behind it would not change what the proof says of an output.
	let (found, wanted) = (evidence.submission.output.len(), described.output_len);
	if found != wanted as usize {
		report.add(
			"output_length",
			Err(format!(
				"the output has {found} bytes, but {wanted} were ordered"
			)),
		);
	}
	report.add(
		"program",
		same(
			"the program is the one ordered",
			&receipt.program,
			&described.program,
		),
	);
	report.add(
		"input",
		same(
			"the input is the one ordered",
			&receipt.commitment,
			&described.commitment,
		),
	);
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

/// Whether a file of this name holds a matrix, not bytes as they are on chain.
pub fn is_npy(path: &Path) -> bool {
	path.extension()
		.is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

/// Writes all that `lemma verify --evidence` needs.
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

/// Reads what [`write_evidence`] wrote.
pub fn read_evidence(path: &Path) -> Outcome<Evidence> {
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
