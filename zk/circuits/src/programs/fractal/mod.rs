//! Julia and Mandelbrot sets: how many steps of z -> z^2 + c each point of a tile takes to escape, in fixed point.
//!
//! - [`tile`]: what is to be computed, and the input's bytes
//! - [`circuit`]: the circuits, of rows of a gate of their own; [`job`]: one tile, from its blob to its proof
//! - [`reference`]: the counts, computed plainly
//!
//! `docs/protocol/fractal.md` specifies all of it and argues that it is sound.

pub mod circuit;
mod gate;
pub mod job;
pub mod reference;
#[cfg(test)]
mod tests;
pub mod tile;

use circuit::FractalCircuit;

pub use tile::Tile;

use crate::{
	circuit::AnyCircuit,
	keys,
	program::{self, InputError, Job, Program},
};

/// The program.
pub struct Fractal;

impl Program for Fractal {
	fn name(&self) -> &'static str {
		"fractal"
	}

	fn classes(&self) -> Vec<program::Class> {
		keys::classes(self.name())
	}

	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		FractalCircuit::all()
			.map(|circuit| Box::new(circuit) as Box<dyn AnyCircuit>)
			.collect()
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		Ok(Box::new(job::FractalJob::new(Tile::decode(blob)?)?))
	}
}
