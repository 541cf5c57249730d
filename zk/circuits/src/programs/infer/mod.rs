//! Quantised neural networks: int8 in, exact integer arithmetic, int8 or int32 out.
//!
//! - [`model`]: a network as plain data; [`encoding`]: its bytes, and an input's
//! - [`reference`]: a network run plainly
//! - [`circuit`]: the circuit of a network for a batch; [`plan`]: how it is laid out
//! - [`job`]: one batch, from its blob to its proof
//!
//! A network and a batch size are a program with an id of its own. No committed key file lists them: a network comes as a
//! [`Bundle`], and whoever holds it computes the ids. `docs/protocol/infer.md` specifies all of it and argues that it is sound.

pub mod circuit;
pub mod encoding;
pub mod job;
pub mod model;
pub mod plan;
pub mod reference;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use circuit::InferCircuit;
use job::InferJob;

pub use encoding::Bundle;
pub use model::Model;

use crate::{
	circuit::AnyCircuit,
	program::{self, InputError, Job, Program, ProgramId},
};

/// The programs of one network: one for each of the bundle's batch sizes.
pub struct Infer {
	circuits: Vec<Arc<InferCircuit>>,
	ids: Vec<OnceLock<ProgramId>>,
}

impl Infer {
	/// The programs of a bundle. Lays out their circuits; the ids are computed when they are first asked for.
	pub fn new(bundle: &Bundle) -> Result<Self, InputError> {
		let model = Arc::new(bundle.model.clone());
		let circuits: Result<Vec<_>, _> = bundle
			.batches
			.iter()
			.map(|batch| InferCircuit::new(model.clone(), *batch).map(Arc::new))
			.collect();
		let circuits = circuits.map_err(|error| InputError(error.to_string()))?;
		Ok(Self {
			ids: circuits.iter().map(|_| OnceLock::new()).collect(),
			circuits,
		})
	}

	/// The programs of a bundle's bytes.
	pub fn decode(bundle: &[u8]) -> Result<Self, InputError> {
		let bundle = Bundle::decode(bundle).map_err(|error| InputError(error.to_string()))?;
		Self::new(&bundle)
	}

	/// The same where the programs' ids, in the order of the bundle's batch sizes, are known already: computing them takes seconds
	/// for each. A wrong one is found when its program is to be proven.
	pub fn decode_known(bundle: &[u8], ids: &[ProgramId]) -> Result<Self, InputError> {
		let infer = Self::decode(bundle)?;
		if infer.ids.len() != ids.len() {
			return Err(InputError(format!(
				"{} ids were given for its {} programs",
				ids.len(),
				infer.ids.len()
			)));
		}
		Ok(Self {
			ids: ids.iter().map(|id| OnceLock::from(*id)).collect(),
			..infer
		})
	}

	/// The network.
	pub fn model(&self) -> &Model {
		&self.circuits[0].model
	}

	/// Id of the program for a batch size; `None` if the bundle has none. The first time it takes seconds: the circuit is built.
	pub fn id(&self, batch: usize) -> Option<ProgramId> {
		let place = self
			.circuits
			.iter()
			.position(|circuit| circuit.batch == batch)?;
		Some(self.id_at(place))
	}

	fn id_at(&self, place: usize) -> ProgramId {
		*self.ids[place].get_or_init(|| self.circuits[place].compute_id())
	}
}

impl Program for Infer {
	fn name(&self) -> &'static str {
		"infer"
	}

	/// One for each batch size, such as `b16`. The first time it takes seconds for each: the circuits are built.
	fn classes(&self) -> Vec<program::Class> {
		let circuits = self.circuits.iter().enumerate();
		circuits
			.map(|(place, circuit)| program::Class {
				name: format!("b{}", circuit.batch),
				id: self.id_at(place),
				element: circuit.model.element(),
			})
			.collect()
	}

	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		self.circuits
			.iter()
			.map(|circuit| Box::new(circuit.as_ref().clone()) as Box<dyn AnyCircuit>)
			.collect()
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		let (batch, samples) = encoding::decode_input(blob, self.model().input().elements())
			.map_err(|error| InputError(error.to_string()))?;
		let place = self
			.circuits
			.iter()
			.position(|circuit| circuit.batch == batch);
		let place = place.ok_or_else(|| {
			let batches: Vec<String> = self
				.circuits
				.iter()
				.map(|one| one.batch.to_string())
				.collect();
			InputError(format!(
				"there is no program for a batch of {batch}: this network's are for {}",
				batches.join(", ")
			))
		})?;
		let circuit = self.circuits[place].clone();
		Ok(Box::new(InferJob::new(circuit, self.id_at(place), samples)))
	}
}
