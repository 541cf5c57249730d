//! Rendering: a ray tracer over the integers.
//!
//! - [`scene`]: what is to be rendered, and (`validate`) which scenes can be; [`class`]: the sizes of circuits; [`blob`]: the
//!   input's bytes
//! - [`prepared`]: a tile as the numbers that are committed to
//! - [`circuit`]: the circuits, of rows of gates of their own; [`job`]: one tile, from its blob to its proof
//! - [`reference`]: the image, computed plainly
//!
//! `docs/protocol/render.md` specifies all of it and argues that it is sound.

pub mod blob;
pub mod circuit;
pub mod class;
mod gates;
pub mod job;
pub mod prepared;
pub mod reference;
pub mod scene;
#[cfg(test)]
mod tests;
mod validate;

use circuit::RenderCircuit;

pub use scene::{Scene, Tile};

use crate::{
	circuit::AnyCircuit,
	keys,
	program::{self, InputError, Job, Program},
};

/// The program.
pub struct Render;

impl Program for Render {
	fn name(&self) -> &'static str {
		"render"
	}

	fn classes(&self) -> Vec<program::Class> {
		keys::classes(self.name())
	}

	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		class::Class::all()
			.map(|class| Box::new(RenderCircuit(class)) as Box<dyn AnyCircuit>)
			.collect()
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		Ok(Box::new(job::RenderJob::new(&Tile::decode(blob)?)?))
	}
}
