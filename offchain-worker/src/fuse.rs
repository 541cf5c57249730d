//! Named points at which a test lets the worker die.
//!
//! Every journal step has a point before and after it, every sending too. In a process the environment
//! variable `LEMMA_WORKER_CRASH_AT` names one, and the process aborts there as abruptly as by a power cut.
//! In unit tests a blown fuse is an error that ends the worker's task, whose memory is then dropped.

use std::sync::{
	atomic::{AtomicBool, Ordering},
	Arc,
};

/// Environment variable that names the point at which to abort. For tests only.
pub const CRASH_AT: &str = "LEMMA_WORKER_CRASH_AT";

/// The worker "died" at the named point; only tests see this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the worker was made to stop at `{0}`")]
pub struct Blown(pub String);

/// A point at which to die, if any.
#[derive(Clone, Debug, Default)]
pub struct Fuse {
	at: Option<String>,
	gently: bool,
	blown: Arc<AtomicBool>,
}

impl Fuse {
	/// The point that the environment names.
	pub fn from_env() -> Self {
		let at = std::env::var(CRASH_AT).ok().filter(|at| !at.is_empty());
		Self {
			at,
			..Self::default()
		}
	}

	/// A fuse that returns an error at the point instead of aborting, and from then on everywhere: a
	/// dead worker does nothing more.
	pub fn gentle(at: &str) -> Self {
		Self {
			at: Some(at.to_owned()),
			gently: true,
			..Self::default()
		}
	}

	/// Passes the point `name`, or dies there.
	pub fn point(&self, name: &str) -> Result<(), Blown> {
		let Some(at) = &self.at else { return Ok(()) };
		if self.gently && self.blown.load(Ordering::SeqCst) {
			return Err(Blown(at.clone()));
		}
		if at != name {
			return Ok(());
		}
		if self.gently {
			self.blown.store(true, Ordering::SeqCst);
			return Err(Blown(at.clone()));
		}
		tracing::error!(point = name, "aborting: {CRASH_AT} names this point");
		std::process::abort();
	}

	/// Whether it has blown.
	pub fn is_blown(&self) -> bool {
		self.blown.load(Ordering::SeqCst)
	}
}
