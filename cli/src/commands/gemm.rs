//! `lemma gemm`: two matrices in, their proven product out.

use std::{path::Path, time::Instant};

use lemma_client::{
	npy::{self, Matrix},
	result, At,
};
use lemma_zk_circuits::programs::gemm::Operands;
use serde_json::json;

use crate::{
	args::Gemm,
	context::Context,
	failure::{exit, Failure, Outcome},
	follow::Follower,
	input,
	ledger::Ledger,
	output,
	posting::{self, Poster, Replaces},
	views,
};

/// Runs the command.
pub async fn run(context: &Context, args: Gemm) -> Outcome<()> {
	let start = Instant::now();
	let seconds = |since: Instant| since.elapsed().as_secs_f64();
	// Whatever can be wrong with the files is found before the node is asked.
	let operands = read_operands(&args.a, &args.b)?;
	output::check_file(&args.out, &[&args.a, &args.b])?;
	check_output_size(&operands)?;
	let (m, k, n) = (operands.m, operands.k, operands.n);
	let keys = context.keys()?;
	let client = context.client().await?;
	let mut progress = context.output.progress();

	progress.wait("committing to the matrices");
	let blob = operands.encode();
	drop(operands);
	let described = input::describe(input::open(&blob)?.as_ref())?;
	let ledger = Ledger::open(client.genesis_hash());
	let request = posting::request(&keys.account(), &described);
	let poster = Poster {
		context,
		client: &client,
		replaces: Replaces::earlier(&ledger, &request, args.new),
		ledger,
		request: request.clone(),
		blob: &blob,
		terms: &args.terms,
		shape: described.matrix,
		what: format!("gemm {}", described.shape),
	};
	let prepared = seconds(start);

	let posting = Instant::now();
	posting::check_synced(&client).await?;
	let earlier = match args.new {
		true => None,
		false => poster.resume(&mut progress).await?,
	};
	let posted = match earlier {
		Some(posted) => posted,
		None => {
			let spec = posting::prepare(context, &client, &described, &blob, &args.terms).await?;
			posting::check_funds(&client, &keys.account(), &spec).await?;
			poster.post(&keys, &spec, &mut progress).await?
		}
	};
	drop(poster);
	drop(blob);
	let order = posted.order;
	progress.done(&match posted.resumed {
		false => format!("order {order} posted"),
		true => format!(
			"order {order} was posted for this product before: going on with it (--new posts another)"
		),
	});
	let posted_after = seconds(posting);

	let mut follower = Follower::new(context, &client, order).of(request);
	follower.settled(&mut progress).await?;
	let order = follower.id();

	progress.wait("verifying the result");
	let verifying = Instant::now();
	// The proof says that the product is right: nobody needs to wait for that until its block is final. A fork may be
	// in the way of the look at a block that is not; then the look at the final one decides.
	let mut written = None;
	if let Ok(evidence) = result::fetch_as(&client, order, At::Best, described.element).await {
		let genesis = client.genesis_hash();
		if super::results::check_result(genesis, &described, &evidence).passed() {
			let output = evidence.submission.output;
			npy::write(&args.out, &to_matrix(&output, m, n)?)?;
			let after = seconds(start);
			progress.done(&format!(
				"{}: the proven product, after {after:.1} s",
				args.out.display()
			));
			written = Some((output, after));
		}
	}
	let verified_after = seconds(verifying);

	let (order, phases) = follower.finalized(&mut progress).await?;
	let evidence = result::fetch_as(&client, order, At::Finalized, described.element).await?;
	let mut report = evidence.check_as(client.genesis_hash(), described.element, None);
	super::results::check_ordered(&described, &evidence, &mut report);
	super::results::demand(&report)?;
	let bytes = &evidence.submission.output;
	let result_after = match written {
		Some((output, after)) if output == *bytes => after,
		_ => {
			npy::write(&args.out, &to_matrix(bytes, m, n)?)?;
			seconds(start)
		}
	};
	progress.finish();

	let receipt = &evidence.receipt;
	let object = json!({
		"order": order,
		"resumed": posted.resumed,
		"program": views::hash(&receipt.program),
		"shape": { "m": m, "k": k, "n": n },
		"provider": views::account(&receipt.provider),
		"block": receipt.settled_at,
		"finalized": evidence.finalized,
		"proof_bytes": evidence.submission.proof.len(),
		"output_bytes": bytes.len(),
		"output_root": views::hash(&receipt.output_root),
		"verified": report.passed(),
		"trustless": report.is_trustless(),
		"checks": report.checks.iter().map(|check| check.name).collect::<Vec<_>>(),
		"paid": views::lem(receipt.paid),
		"out": args.out.display().to_string(),
		"seconds": {
			"prepare": prepared,
			"post": posted_after,
			"claim": phases.claim,
			"prove": phases.prove,
			"verify": verified_after,
			"result": result_after,
			"finalize": phases.finalize,
			"total": seconds(start),
		},
	});
	context.output.result(&object, || {
		format!(
			"{out}: the {m} x {n} product, proven by {provider} and verified here\n\
			 order {order}, block {block}, proof {proof} bytes, paid {paid} LEM, {total:.1} s\n",
			out = args.out.display(),
			provider = views::account(&receipt.provider),
			block = receipt.settled_at,
			proof = evidence.submission.proof.len(),
			paid = views::lem(receipt.paid),
			total = seconds(start),
		)
	})
}

/// Reads both matrices and checks that they can be multiplied.
pub fn read_operands(a: &Path, b: &Path) -> Outcome<Operands> {
	let left = npy::read::<i8>(a)?;
	let right = npy::read::<i8>(b)?;
	if left.columns != right.rows {
		return Err(Failure::new(
			exit::USAGE,
			"shape_mismatch",
			format!(
				"{} is {} x {} and {} is {} x {}: a product needs as many columns on the left as rows on the \
				 right; transpose one, or exchange them",
				a.display(),
				left.rows,
				left.columns,
				b.display(),
				right.rows,
				right.columns
			),
		));
	}
	Operands::new(
		left.rows,
		left.columns,
		right.columns,
		left.values,
		right.values,
	)
	.map_err(|e| Failure::new(exit::USAGE, "bad_input", e.to_string()))
}

fn check_output_size(operands: &Operands) -> Outcome<()> {
	let elements = lemma_primitives::MAX_OUTPUT_BYTES as usize / size_of::<i32>();
	if operands.m.saturating_mul(operands.n) <= elements {
		return Ok(());
	}
	let rows = elements / operands.n;
	let advice = match rows {
		0 => "split B into blocks of columns, and order each product".into(),
		rows => format!("split A into blocks of at most {rows} rows, and order each product"),
	};
	Err(Failure::new(
		exit::USAGE,
		"output_too_large",
		format!(
			"the product would be {} x {}, {} elements, but a block carries at most {elements} (1 MiB): {advice}",
			operands.m,
			operands.n,
			operands.m.saturating_mul(operands.n)
		),
	))
}

/// An output of little-endian int32 as a matrix.
pub fn to_matrix(output: &[u8], rows: usize, columns: usize) -> Outcome<Matrix<i32>> {
	let size = size_of::<i32>();
	if rows
		.checked_mul(columns)
		.and_then(|count| count.checked_mul(size))
		!= Some(output.len())
	{
		return Err(Failure::usage(format!(
			"the output has {} bytes, which is not {rows} x {columns} elements of int32: give the right \
			 --shape, or an --out that does not end in .npy",
			output.len()
		)));
	}
	let values = output.chunks_exact(size).map(|bytes| {
		let mut array = [0; 4];
		array.copy_from_slice(bytes);
		i32::from_le_bytes(array)
	});
	Ok(Matrix {
		rows,
		columns,
		values: values.collect(),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_output_should_become_a_matrix_only_of_its_own_size() {
		let bytes = [1i32, -2, 3, -4, 5, -6].map(i32::to_le_bytes).concat();
		assert_eq!(
			to_matrix(&bytes, 2, 3).expect("2 x 3").values,
			[1, -2, 3, -4, 5, -6]
		);
		assert!(to_matrix(&bytes, 2, 2).is_err());
		assert!(to_matrix(&bytes, usize::MAX, 3).is_err());
	}
}
