//! Training: gradient descent of a multi-layer perceptron in integers, step by step.
//!
//! - [`blob`]: the input's bytes; [`commit`]: its commitment
//! - [`network`]: the network, the rule's constants and the bounds that follow
//! - [`seeded`]: what a public seed determines: the order of the samples, weights to begin with
//! - [`reference`]: the steps, computed plainly
//! - [`class`]: which circuits there are; [`circuit`]: the circuits, of gates in [`rounding`], with products checked at [`points`]
//! - [`job`]: some steps, from their blob to their proof
//!
//! `docs/protocol/train.md` specifies all of it and argues that it is sound.

pub mod blob;
pub mod circuit;
pub mod class;
pub mod commit;
pub mod job;
pub mod network;
pub mod points;
pub mod reference;
pub mod rounding;
pub mod seeded;
#[cfg(test)]
mod tests;

use circuit::TrainCircuit;
use class::Class;

use crate::{
	circuit::AnyCircuit,
	keys,
	program::{self, InputError, Job, Program},
};

/// The program.
pub struct Train;

impl Program for Train {
	fn name(&self) -> &'static str {
		"train"
	}

	fn classes(&self) -> Vec<program::Class> {
		keys::classes(self.name())
	}

	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		let boxed = |circuit: TrainCircuit| Box::new(circuit) as Box<dyn AnyCircuit>;
		Class::all().map(|class| boxed(class.circuit)).collect()
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		Ok(Box::new(job::TrainJob::new(blob::Training::decode(blob)?)?))
	}
}
