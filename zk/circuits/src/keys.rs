//! The committed key files: the ids of all programs' circuits, and the outer key.
//!
//! `keys/programs.json` and `zk/verifier/keys/outer.bin` are made by `lemma-zk-circuits keys`, and are the same on
//! every machine and in every build; tests and `keys --check` compare them.

use std::sync::OnceLock;

use lemma_zk_statement::OutputElement;
use serde::{Deserialize, Serialize};

use crate::{
	circuit::AnyCircuit,
	program::{Class, InputError, ProgramId},
};

/// One line of `keys/programs.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
	/// Program and class, such as `gemm/k256-d8`.
	pub name: String,
	/// Type of the output's elements.
	pub element: OutputElement,
	/// Id on chain, hexadecimal.
	pub id: String,
}

impl Key {
	/// Computes the key of a circuit. Takes seconds.
	pub fn compute(circuit: &dyn AnyCircuit) -> Self {
		Self {
			name: circuit.name(),
			element: circuit.element(),
			id: hex::encode(circuit.compute_id()),
		}
	}

	fn program_id(&self) -> Option<ProgramId> {
		hex::decode(&self.id).ok()?.try_into().ok()
	}
}

/// All keys of the committed file, in its order.
///
/// # Panics
///
/// If the file that the crate was built with is malformed.
pub fn committed() -> &'static [Key] {
	static KEYS: OnceLock<Vec<Key>> = OnceLock::new();
	KEYS.get_or_init(|| {
		let keys: Vec<Key> = serde_json::from_str(include_str!("../keys/programs.json"))
			.expect("keys/programs.json is a list of keys: made by `lemma-zk-circuits keys`");
		assert!(
			keys.iter().all(|key| key.program_id().is_some()),
			"ids are 32 bytes each"
		);
		keys
	})
}

/// The id of a circuit by its name (`gemm/k256-d8`); `None` if the committed file has none.
pub fn id(name: &str) -> Option<ProgramId> {
	committed()
		.iter()
		.find(|key| key.name == name)
		.and_then(Key::program_id)
}

/// The same for a job that needs the circuit.
pub fn program(name: &str) -> Result<ProgramId, InputError> {
	id(name).ok_or_else(|| {
		InputError(format!(
			"this build has no key for {name}: run `lemma-zk-circuits keys` and build again"
		))
	})
}

/// The classes of one program, in the committed file's order.
pub fn classes(program: &str) -> Vec<Class> {
	let of_program = |key: &Key| {
		let class = key.name.strip_prefix(program)?.strip_prefix('/')?;
		Some(Class {
			name: class.into(),
			id: key.program_id()?,
			element: key.element,
		})
	};
	committed().iter().filter_map(of_program).collect()
}

/// The text of `keys/programs.json`: one key a line.
pub fn to_json(keys: &[Key]) -> String {
	let lines: Vec<String> = keys
		.iter()
		.map(|key| {
			format!(
				"\t{}",
				serde_json::to_string(key).expect("strings are valid JSON")
			)
		})
		.collect();
	format!("[\n{}\n]\n", lines.join(",\n"))
}
