//! The programs that this worker can prove, and where what proves them comes from.

use std::sync::Arc;

use lemma_zk_circuits::{
	program::{Class, Program, ProgramId},
	programs,
};
use lemma_zk_statement::blake2_256;

use crate::journal::Hash;

/// A bundle, as a process for jobs is given it.
pub struct Bundle {
	/// Hash of its bytes.
	pub hash: Hash,
	/// Ids of its programs, in its own order.
	pub ids: Vec<ProgramId>,
	/// The file as it was at the start, whatever it is by now: claims may depend on it.
	pub bytes: Vec<u8>,
}

/// A program with all its classes.
#[derive(Clone)]
pub struct Entry {
	/// Its name.
	pub name: String,
	/// Its circuits.
	pub classes: Vec<Class>,
	/// The bundle that it is; none if it is built in.
	pub bundle: Option<Arc<Bundle>>,
}

/// See the module.
#[derive(Clone)]
pub struct Catalogue {
	entries: Vec<Entry>,
}

impl Default for Catalogue {
	/// Those that are built in.
	fn default() -> Self {
		let entry = |program: &&dyn Program| Entry {
			name: program.name().to_owned(),
			classes: program.classes(),
			bundle: None,
		};
		Self {
			entries: programs::all().iter().map(entry).collect(),
		}
	}
}

impl Catalogue {
	/// Adds a bundle's program, unless all its classes are known. Building its circuits, to learn their ids, takes seconds for each.
	pub fn add_bundle(&mut self, program: &dyn Program, bytes: Vec<u8>) -> Vec<Class> {
		let classes = program.classes();
		if classes.iter().any(|class| self.find(&class.id).is_none()) {
			let bundle = Bundle {
				hash: blake2_256(&bytes),
				ids: classes.iter().map(|class| class.id).collect(),
				bytes,
			};
			self.entries.push(Entry {
				name: program.name().to_owned(),
				classes: classes.clone(),
				bundle: Some(Arc::new(bundle)),
			});
		}
		classes
	}

	/// All of them, those that are built in first.
	pub fn entries(&self) -> &[Entry] {
		&self.entries
	}

	/// The program that has a class of this id.
	pub fn find(&self, id: &ProgramId) -> Option<&Entry> {
		let has = |entry: &&Entry| entry.classes.iter().any(|class| class.id == *id);
		self.entries.iter().find(has)
	}

	/// All classes: program, class, id.
	pub fn classes(&self) -> Vec<(String, String, ProgramId)> {
		let classes = |entry: &Entry| -> Vec<_> {
			let class = |class: &Class| (entry.name.clone(), class.name.clone(), class.id);
			entry.classes.iter().map(class).collect()
		};
		self.entries.iter().flat_map(classes).collect()
	}
}
