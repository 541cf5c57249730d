//! Programs that come as code: the executables that the operator named, started to ask what they have. What is allowed of it by its id
//! is served, and nothing else.

use std::{collections::BTreeSet, path::PathBuf};

use lemma_zk_circuits::program::ProgramId;
use serde::{Deserialize, Serialize};

use crate::{
	catalogue::Catalogue,
	jobs::{Launcher, Pool},
};

/// An executable as the settings name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutableSetting {
	/// The program: one that links `lemma-job-host`, or what starts it in a sandbox.
	pub path: String,
	/// Its arguments; `serve` if there are none.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub arguments: Option<Vec<String>>,
	/// Ids of the programs that may be served of it, 0x and 64 digits.
	pub allow: Vec<String>,
}

/// An executable, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
	/// The program.
	pub path: PathBuf,
	/// Its arguments.
	pub arguments: Vec<String>,
	/// What may be served of it.
	pub allowed: BTreeSet<ProgramId>,
}

impl ExecutableSetting {
	/// Validates it; the error says what is wrong.
	pub fn validate(&self, path: impl Fn(&str) -> PathBuf) -> Result<Executable, String> {
		if self.allow.is_empty() {
			return Err(format!(
				"allows nothing of {}: name the ids of programs that it may serve in `allow`",
				self.path
			));
		}
		let id = |text: &String| -> Result<ProgramId, String> {
			let digits = text.strip_prefix("0x").unwrap_or(text);
			let mut id = [0; 32];
			hex::decode_to_slice(digits, &mut id)
				.map_err(|_| format!("allows `{text}`, which is no id: 0x and 64 digits are"))?;
			Ok(id)
		};
		Ok(Executable {
			path: path(&self.path),
			arguments: (self.arguments.clone()).unwrap_or_else(|| vec!["serve".to_owned()]),
			allowed: self.allow.iter().map(id).collect::<Result<_, _>>()?,
		})
	}
}

impl Executable {
	/// How its processes are started.
	pub fn launcher(&self) -> Launcher {
		Launcher::executable(self.path.clone(), self.arguments.clone())
	}
}

/// Adds what the executables have and may serve. The pool's launchers after its first are theirs, in order. Blocks.
///
/// # Errors
///
/// One does not start, or has not got what is allowed. The text names it.
pub fn load(
	catalogue: &mut Catalogue,
	executables: &[Executable],
	pool: &Pool,
) -> anyhow::Result<()> {
	for (launcher, executable) in (1..).zip(executables) {
		let path = executable.path.display();
		let before = catalogue.entries().len();
		let added = pool
			.programs(launcher)
			.and_then(|known| catalogue.add_executable(launcher, known, &executable.allowed));
		added.map_err(|problem| anyhow::anyhow!("`executables`: {path}: {problem}"))?;
		for entry in catalogue.entries().get(before..).unwrap_or_default() {
			for class in &entry.classes {
				tracing::info!(
					executable = %path,
					program = format!("{}/{}", entry.name, class.name),
					id = format!("0x{}", hex::encode(class.id)),
					"allowed"
				);
			}
		}
	}
	Ok(())
}
