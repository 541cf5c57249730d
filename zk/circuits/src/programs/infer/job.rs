//! One batch, from its blob to its proof.

use std::sync::{Arc, OnceLock};

use lemma_zk_statement::{sponge_commitment, OutputElement};

use super::{circuit::InferCircuit, reference};
use crate::{
	gadgets::bytes::raised,
	program::{Job, ProgramId, ProveError, Proved, Stage, Work},
	Prover,
};

/// A batch to be run and proven.
pub struct InferJob {
	circuit: Arc<InferCircuit>,
	program: ProgramId,
	samples: Vec<i8>,
	commitment: OnceLock<[u8; 32]>,
}

impl InferJob {
	/// Takes samples that are as many as the circuit's batch.
	pub(super) fn new(circuit: Arc<InferCircuit>, program: ProgramId, samples: Vec<i8>) -> Self {
		Self {
			circuit,
			program,
			samples,
			commitment: OnceLock::new(),
		}
	}
}

/// What a batch's samples are committed to as.
pub fn commitment(samples: &[i8]) -> [u8; 32] {
	sponge_commitment(&raised(samples))
}

impl Job for InferJob {
	fn program(&self) -> ProgramId {
		self.program
	}

	fn shape(&self) -> String {
		format!("{} of {}", self.circuit.batch, self.circuit.model.input())
	}

	fn element(&self) -> OutputElement {
		self.circuit.model.element()
	}

	fn output_len(&self) -> usize {
		self.circuit.model.output_len(self.circuit.batch)
	}

	fn memory_estimate(&self) -> u64 {
		// The wraps' circuits, and about 14 kB for each row of the program's own while it is proven.
		let rows = self.circuit.plan.rows.next_power_of_two() as u64;
		(1 << 30) + rows * 14_000
	}

	fn cost_estimate(&self) -> f64 {
		// A product of 256x256x256 is a circuit of 2^12 rows and an outer proof; here are a wrap and, of a larger circuit, what
		// shrinks it. The outer proof costs as much as 2,500 rows.
		let rows = self.circuit.plan.rows.next_power_of_two();
		let shrinking = if rows > 1 << 13 { 1 << 13 } else { 0 };
		(rows + shrinking + (1 << 12) + 2500) as f64 / ((1 << 12) + 2500) as f64
	}

	fn commitment(&self) -> [u8; 32] {
		*self.commitment.get_or_init(|| commitment(&self.samples))
	}

	fn work(&self) -> Work<'_> {
		Work::Infer {
			model: &self.circuit.model,
			samples: &self.samples,
		}
	}

	fn prove(
		&self,
		prover: &Prover,
		output: &[u8],
		binding: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		if output != reference::output(&self.circuit.model, &self.samples) {
			return Err(ProveError::WrongOutput(
				"it is not what the model makes of these samples; compute it again, on another backend if there is one".into(),
			));
		}
		let statement = self.statement(output, binding)?;
		prover.prove(
			self.circuit.as_ref(),
			&statement,
			|targets, witness| targets.set(witness, &self.samples),
			progress,
		)
	}
}
