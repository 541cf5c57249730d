//! The programs that this worker can prove, and where what proves them comes from.

use std::{collections::BTreeSet, sync::Arc};

use lemma_client::store::printable;
use lemma_job_host::message::Known;
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
	/// The bundle that it is; none if it is code.
	pub bundle: Option<Arc<Bundle>>,
	/// Which of the pool's launchers starts what proves it; 0 is this program.
	pub launcher: usize,
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
			launcher: 0,
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
				launcher: 0,
			});
		}
		classes
	}

	/// Adds what an executable says that it has, as far as it is allowed and not known.
	///
	/// # Errors
	///
	/// It has not got what is allowed, or another program has it already.
	pub fn add_executable(
		&mut self,
		launcher: usize,
		known: Vec<Known>,
		allowed: &BTreeSet<ProgramId>,
	) -> Result<(), String> {
		let listed = |ids: &mut dyn Iterator<Item = ProgramId>| -> String {
			let ids: Vec<_> = ids.map(|id| format!("0x{}", hex::encode(id))).collect();
			ids.join(", ")
		};
		let has = |id: &ProgramId| {
			let mut classes = known.iter().flat_map(|program| &program.classes);
			classes.any(|(_, its, _)| its == id)
		};
		let mut missing = allowed.iter().copied().filter(|id| !has(id)).peekable();
		if missing.peek().is_some() {
			let mut all = known
				.iter()
				.flat_map(|program| &program.classes)
				.map(|(_, id, _)| *id);
			return Err(format!(
				"`allow` names {}, which it has not got; it has {}",
				listed(&mut missing),
				listed(&mut all)
			));
		}
		if let Some(twice) = allowed.iter().find(|id| self.find(id).is_some()) {
			return Err(format!(
				"0x{} is the program of something else too: built in, of a bundle, or of another executable",
				hex::encode(twice)
			));
		}
		for program in known {
			let classes = program.classes.into_iter();
			let classes: Vec<Class> = classes
				.filter(|(_, id, _)| allowed.contains(id))
				.map(|(name, id, element)| Class {
					name: printable(&name),
					id,
					element,
				})
				.collect();
			if !classes.is_empty() {
				self.entries.push(Entry {
					name: printable(&program.name),
					classes,
					bundle: None,
					launcher,
				});
			}
		}
		Ok(())
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

#[cfg(test)]
mod tests {
	use lemma_zk_statement::OutputElement;

	use super::*;

	const A: ProgramId = [1; 32];
	const B: ProgramId = [2; 32];

	fn known() -> Vec<Known> {
		let class = |name: &str, id| (name.to_owned(), id, OutputElement::U8);
		vec![Known {
			name: "own".to_owned(),
			classes: vec![class("a", A), class("b", B)],
		}]
	}

	#[test]
	fn a_program_of_an_executable_should_be_known_only_when_it_is_allowed() {
		let mut catalogue = Catalogue::default();
		catalogue.add_executable(3, known(), &[B].into()).unwrap();
		assert!(catalogue.find(&A).is_none());
		let found = catalogue.find(&B).unwrap();
		assert_eq!((found.name.as_str(), found.launcher), ("own", 3));
		assert_eq!(found.classes.len(), 1);
		// Another executable cannot take its place, nor that of what is built in.
		let twice = catalogue.add_executable(4, known(), &[B].into());
		assert!(twice.unwrap_err().contains("something else"));
		let gemm = catalogue.entries()[0].classes[0].clone();
		let false_one = vec![Known {
			name: "gemm".to_owned(),
			classes: vec![(gemm.name, gemm.id, gemm.element)],
		}];
		let taken = catalogue.add_executable(4, false_one, &[gemm.id].into());
		assert!(taken.unwrap_err().contains("built in"));
		assert_eq!(catalogue.find(&gemm.id).unwrap().launcher, 0);
	}

	#[test]
	fn an_id_that_is_allowed_and_not_there_should_be_an_error_that_says_what_is() {
		let missing = Catalogue::default().add_executable(1, known(), &[[3; 32]].into());
		let text = missing.unwrap_err();
		assert!(
			text.contains(&hex::encode([3; 32])) && text.contains(&hex::encode(A)),
			"{text}"
		);
	}
}
