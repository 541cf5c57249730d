//! All programs. A new one is a folder here and a line in [`all`]; those that come as a file are [`bundles`].

pub mod bundles;
pub mod fractal;
pub mod gemm;
pub mod infer;
pub mod render;
pub mod train;

use crate::program::{Program, ProgramId};

/// All programs.
pub fn all() -> &'static [&'static dyn Program] {
	&[
		&gemm::Gemm,
		&fractal::Fractal,
		&render::Render,
		&train::Train,
	]
}

/// The program that has a class of this id.
pub fn find(id: &ProgramId) -> Option<&'static dyn Program> {
	all()
		.iter()
		.copied()
		.find(|program| program.classes().iter().any(|class| class.id == *id))
}
