//! One product, from its operands to its proof.

use std::{sync::OnceLock, time::Instant};

use lemma_zk_statement::{bytes_to_hash, OutputElement, Statement, F};
use plonky2::field::types::Field;

use super::{
	blob::Operands,
	circuit::{transcript, GemmCircuit},
	class::{Class, MAX_INNER, MAX_OUTER},
	commit::CommittedOperands,
};
use crate::{
	circuit::Circuit,
	gadgets::opening::{open, Opening},
	keys,
	program::{InputError, Job, ProgramId, ProveError, Proved, Stage, Work},
	Prover, F2,
};

/// A product to be run and proven.
pub struct GemmJob {
	operands: Operands,
	class: Class,
	program: ProgramId,
	committed: OnceLock<CommittedOperands>,
}

impl GemmJob {
	/// Takes operands whose dimensions are in bounds.
	pub fn new(operands: Operands) -> Result<Self, InputError> {
		let Operands { m, k, n, .. } = operands;
		let class = Class::of_shape(m, k, n).ok_or_else(|| {
			InputError(format!(
				"{m}x{k} times {k}x{n} is too large: m and n go up to {MAX_OUTER}, k up to {MAX_INNER}"
			))
		})?;
		let program = keys::program(&GemmCircuit(class).name())?;
		Ok(Self {
			operands,
			class,
			program,
			committed: OnceLock::new(),
		})
	}

	fn committed(&self) -> &CommittedOperands {
		self.committed
			.get_or_init(|| CommittedOperands::new(self.class, &self.operands))
	}
}

impl Job for GemmJob {
	fn program(&self) -> ProgramId {
		self.program
	}

	fn shape(&self) -> String {
		let Operands { m, k, n, .. } = self.operands;
		format!("{m}x{k}x{n}")
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn output_len(&self) -> usize {
		self.operands.m * self.operands.n * OutputElement::I32.size_bytes()
	}

	fn memory_estimate(&self) -> u64 {
		self.class.memory_estimate()
	}

	fn cost_estimate(&self) -> f64 {
		self.class.cost_estimate()
	}

	fn commitment(&self) -> [u8; 32] {
		self.committed().commitment
	}

	fn work(&self) -> Work<'_> {
		let Operands { m, k, n, a, b } = &self.operands;
		Work::Gemm {
			m: *m,
			k: *k,
			n: *n,
			a,
			b,
		}
	}

	fn prove(
		&self,
		prover: &Prover,
		output: &[u8],
		binding: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		if output.len() != self.output_len() {
			return Err(ProveError::WrongOutput(format!(
				"it has {} bytes and should have {}",
				output.len(),
				self.output_len()
			)));
		}
		progress(Stage::Commit);
		let start = Instant::now();
		let committed = self.committed();
		let committing = start.elapsed();

		progress(Stage::Open);
		let start = Instant::now();
		let statement = self.statement(output, binding)?;
		let opening = open_operands(self.class, self.operands.n, committed, &statement)?;
		let opening_time = start.elapsed();

		let Operands { m, k, n, .. } = self.operands;
		let mut proved = prover.prove(
			&GemmCircuit(self.class),
			&statement,
			|targets, witness| targets.set(witness, [m, k, n], committed, &opening),
			progress,
		)?;
		let earlier = [(Stage::Commit, committing), (Stage::Open, opening_time)];
		proved.stages.splice(
			0..0,
			earlier.map(|(stage, time)| (stage, time.as_secs_f64())),
		);
		Ok(proved)
	}
}

/// Opens A at y^n and B at y, if their product's evaluation is the statement's.
pub(super) fn open_operands(
	class: Class,
	n: usize,
	committed: &CommittedOperands,
	statement: &Statement,
) -> Result<Opening, ProveError> {
	let y = extension(statement.y);
	let x = y.exp_u64(n as u64);
	let (a, b) = (committed.a.evaluate(x), committed.b.evaluate(y));
	let v = a.iter().zip(&b).fold(F2::ZERO, |sum, (a, b)| sum + *a * *b);
	if v != extension(statement.v) {
		return Err(ProveError::WrongOutput(
			"it is not the product of the two matrices; compute it again, on another backend if there is one".into(),
		));
	}
	let failed = |error: String| ProveError::Prover(error);
	let commitment = bytes_to_hash(&statement.input)
		.ok_or_else(|| failed("the commitment is not a canonical hash".into()))?;
	let parts = [(&committed.a, x), (&committed.b, y)];
	open(
		&parts,
		vec![a, b],
		transcript(commitment, y, x),
		&class.fri_params(),
	)
	.map_err(|error| failed(error.to_string()))
}

fn extension(coordinates: [u64; 2]) -> F2 {
	plonky2::field::extension::quadratic::QuadraticExtension(
		coordinates.map(F::from_noncanonical_u64),
	)
}
