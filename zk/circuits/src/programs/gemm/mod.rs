//! The integer matrix product: C = A * B, int8 in, int32 out.
//!
//! - [`blob`]: the input's bytes; [`commit`]: its commitment
//! - [`class`]: which circuit proves which shapes; [`circuit`]: the circuits
//! - [`job`]: one product, from its blob to its proof
//! - [`reference`]: the product itself, computed plainly
//!
//! `docs/protocol/gemm.md` specifies all of it and argues that it is sound.

pub mod blob;
pub mod circuit;
pub mod class;
pub mod commit;
pub mod job;
pub mod reference;
#[cfg(test)]
mod tests;

use circuit::GemmCircuit;
use class::Class;

pub use blob::Operands;

use crate::{
	circuit::AnyCircuit,
	keys,
	program::{self, InputError, Job, Program},
};

/// The program.
pub struct Gemm;

impl Program for Gemm {
	fn name(&self) -> &'static str {
		"gemm"
	}

	fn classes(&self) -> Vec<program::Class> {
		keys::classes(self.name())
	}

	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		Class::all()
			.map(|class| Box::new(GemmCircuit(class)) as Box<dyn AnyCircuit>)
			.collect()
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		Ok(Box::new(job::GemmJob::new(Operands::decode(blob)?)?))
	}
}
