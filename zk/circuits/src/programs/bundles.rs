//! Programs that come as a file.
//!
//! The programs of [`super::all`] are built in: their ids are in the committed key file. A program that somebody makes, such as a
//! trained network, is a *bundle*, a file from which its circuits are built and its ids computed. Whoever is to
//! prove it, or to order from it, loads the bundle; [`Programs`] holds what is built in and what was loaded, and finds a program
//! by its id.
//!
//! A bundle is data, never code: loading an untrusted one can be refused, or take minutes and gigabytes, and nothing else.

use std::sync::Arc;

use super::{
	all,
	infer::{encoding::BUNDLE_MAGIC, Infer},
};
use crate::program::{InputError, Program, ProgramId};

/// A program by reference, whether it is built in or was loaded.
#[derive(Clone)]
enum Held {
	BuiltIn(&'static dyn Program),
	Loaded(Arc<dyn Program>),
}

impl Held {
	fn get(&self) -> &dyn Program {
		match self {
			Self::BuiltIn(program) => *program,
			Self::Loaded(program) => program.as_ref(),
		}
	}
}

/// All programs that somebody knows, by their ids.
#[derive(Clone)]
pub struct Programs {
	known: Vec<(Vec<ProgramId>, Held)>,
}

impl Default for Programs {
	/// Those that are built in.
	fn default() -> Self {
		let ids = |program: &dyn Program| program.classes().iter().map(|class| class.id).collect();
		Self {
			known: all()
				.iter()
				.map(|program| (ids(*program), Held::BuiltIn(*program)))
				.collect(),
		}
	}
}

impl Programs {
	/// Loads a bundle and gives its programs' ids. Takes seconds for each of them, since their circuits are built.
	pub fn load(&mut self, bundle: &[u8]) -> Result<Vec<ProgramId>, InputError> {
		let program = open_bundle(bundle)?;
		let ids: Vec<ProgramId> = program.classes().iter().map(|class| class.id).collect();
		if ids.iter().any(|id| self.find(id).is_none()) {
			self.known.push((ids.clone(), Held::Loaded(program)));
		}
		Ok(ids)
	}

	/// Loads a bundle whose programs' ids, in their order, somebody has computed before: at once, since no circuits are built. A
	/// wrong id is found when its program is to be proven.
	pub fn load_known(&mut self, bundle: &[u8], ids: &[ProgramId]) -> Result<(), InputError> {
		check_kind(bundle)?;
		let program = Arc::new(Infer::decode_known(bundle, ids)?);
		if ids.iter().any(|id| self.find(id).is_none()) {
			self.known.push((ids.to_vec(), Held::Loaded(program)));
		}
		Ok(())
	}

	/// This one alone, whether it is built in or not.
	pub fn only(program: Arc<dyn Program>) -> Self {
		let ids = program.classes().iter().map(|class| class.id).collect();
		Self {
			known: vec![(ids, Held::Loaded(program))],
		}
	}

	/// All of them, those that are built in first.
	pub fn iter(&self) -> impl Iterator<Item = &dyn Program> {
		self.known.iter().map(|(_, program)| program.get())
	}

	/// The program that has a circuit of this id.
	pub fn find(&self, id: &ProgramId) -> Option<&dyn Program> {
		let held = self.known.iter().find(|(ids, _)| ids.contains(id));
		held.map(|(_, program)| program.get())
	}
}

/// Whether a file is meant to be a bundle, of whichever version. Whether it is one, [`Programs::load`] says.
pub fn begins_as_bundle(file: &[u8]) -> bool {
	// The last byte is the version.
	file.starts_with(&BUNDLE_MAGIC[..BUNDLE_MAGIC.len() - 1])
}

/// The program of a bundle, whose first bytes say of which kind it is.
pub fn open_bundle(bundle: &[u8]) -> Result<Arc<dyn Program>, InputError> {
	check_kind(bundle)?;
	Ok(Arc::new(Infer::decode(bundle)?))
}

/// Whether it is a bundle of a kind that this build knows: a network's.
fn check_kind(bundle: &[u8]) -> Result<(), InputError> {
	match bundle.starts_with(&BUNDLE_MAGIC) {
		true => Ok(()),
		false => Err(InputError(
			"it is no bundle that this build knows: it does not begin as one of a network does"
				.into(),
		)),
	}
}
