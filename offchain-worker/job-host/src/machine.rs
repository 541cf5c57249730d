//! What computes in a process for jobs.

use lemma_zk_circuits::program::Work;

use crate::message::{Chosen, CPU};

/// A GPU, if there is one, and a processor.
pub trait Machine: Send + Sync {
	/// Finds what to compute on, `auto`, `cuda` or `cpu`, and sees that it computes rightly. The error says what is missing.
	fn choose(&self, wanted: &str) -> Result<Chosen, String>;

	/// Computes on the GPU, which is looked for if that was not done yet.
	fn gpu(&self, work: Work<'_>) -> Result<Vec<u8>, String>;

	/// Computes on the processor.
	fn cpu(&self, work: Work<'_>) -> Result<Vec<u8>, String>;
}

/// A processor that computes everything by its program's reference.
pub struct Reference;

impl Machine for Reference {
	fn choose(&self, wanted: &str) -> Result<Chosen, String> {
		match wanted {
			"cuda" => Err("this program computes on the processor alone".into()),
			_ => Ok(Chosen {
				name: CPU.into(),
				description: "the program's reference".into(),
				no_gpu: None,
			}),
		}
	}

	fn gpu(&self, _: Work<'_>) -> Result<Vec<u8>, String> {
		Err("this program computes on the processor alone".into())
	}

	fn cpu(&self, work: Work<'_>) -> Result<Vec<u8>, String> {
		Ok(work.reference())
	}
}
