//! Some steps of a training, from their blob to their proof.

use std::{sync::OnceLock, time::Instant};

use lemma_zk_statement::OutputElement;

use super::{
	blob::Training,
	circuit::TrainCircuit,
	class::Class,
	commit::CommittedTraining,
	reference::{self, Trace},
};
use crate::{
	circuit::Circuit,
	keys,
	program::{InputError, Job, ProgramId, ProveError, Proved, Stage, Work},
	Prover,
};

/// Steps to be run and proven.
pub struct TrainJob {
	training: Training,
	circuit: TrainCircuit,
	program: ProgramId,
	committed: OnceLock<CommittedTraining>,
	result: OnceLock<(Vec<u8>, Vec<Trace>)>,
}

impl TrainJob {
	/// Takes a training of one of the classes.
	pub fn new(training: Training) -> Result<Self, InputError> {
		let circuit = TrainCircuit::of(&training);
		if Class::of(&circuit).is_none() {
			let all: Vec<String> = Class::all().map(|class| class.circuit.name()).collect();
			return Err(InputError(format!(
				"no circuit proves {} steps of a network {}; there are {}",
				training.steps,
				training.network.name(),
				all.join(", ")
			)));
		}
		let program = keys::program(&circuit.name())?;
		Self::of_program(training, program)
	}

	/// Takes any training, and the id of the program that proves it.
	pub(super) fn of_program(training: Training, program: ProgramId) -> Result<Self, InputError> {
		training.check()?;
		Ok(Self {
			circuit: TrainCircuit::of(&training),
			training,
			program,
			committed: OnceLock::new(),
			result: OnceLock::new(),
		})
	}

	/// What is trained, and how.
	pub fn training(&self) -> &Training {
		&self.training
	}

	/// The commitment, with what it takes to open it. Computed once.
	pub fn committed(&self) -> &CommittedTraining {
		self.committed
			.get_or_init(|| CommittedTraining::new(&self.training))
	}

	/// The output, computed plainly, and what happened on the way.
	fn result(&self) -> &(Vec<u8>, Vec<Trace>) {
		self.result.get_or_init(|| {
			let (weights, traces) = reference::train(&self.training);
			(output(&weights), traces)
		})
	}
}

impl Job for TrainJob {
	fn program(&self) -> ProgramId {
		self.program
	}

	fn shape(&self) -> String {
		format!(
			"{}, {} steps",
			self.training.network.name(),
			self.training.steps
		)
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn output_len(&self) -> usize {
		self.training.network.weights() * OutputElement::I32.size_bytes()
	}

	fn memory_estimate(&self) -> u64 {
		Class::of(&self.circuit).map_or(0, |class| class.memory_estimate())
	}

	fn cost_estimate(&self) -> f64 {
		Class::of(&self.circuit).map_or(0.0, |class| class.cost_estimate())
	}

	fn commitment(&self) -> [u8; 32] {
		self.committed().commitment
	}

	fn work(&self) -> Work<'_> {
		Work::Train {
			training: &self.training,
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
		let (expected, traces) = self.result();
		if output != expected {
			return Err(ProveError::WrongOutput(
				"these are not the weights that the training yields; compute it again, on another backend if there is one"
					.into(),
			));
		}
		let committing = start.elapsed().as_secs_f64();
		let statement = self.statement(output, binding)?;
		let mut proved = prover.prove(
			&self.circuit,
			&statement,
			|targets, witness| {
				let yielded = weights(output);
				targets.set(witness, &self.training, committed, traces, &yielded)
			},
			progress,
		)?;
		proved.stages.insert(0, (Stage::Commit, committing));
		Ok(proved)
	}
}

/// Weights as an output's bytes.
pub fn output(weights: &[i32]) -> Vec<u8> {
	weights
		.iter()
		.flat_map(|weight| weight.to_le_bytes())
		.collect()
}

/// The weights of an output, with which the next job begins.
pub fn weights(output: &[u8]) -> Vec<i32> {
	let words = output.chunks_exact(4);
	words
		.map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]]))
		.collect()
}
