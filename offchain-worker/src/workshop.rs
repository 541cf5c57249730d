//! What a worker does with its hands: get an input and check it, compute, prove. [`crate::executor`] does it
//! in earnest; the state machine's tests put something quicker in its place.

use std::{
	collections::BTreeSet,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc, Mutex,
	},
	time::Instant,
};

use async_trait::async_trait;
use lemma_client::{Order, OrderId};
use lemma_job_host::message::Facts;

use crate::{jobs::Place, journal::Hash};

/// Why an order's input is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
	/// It never will be: it is not what the order says.
	#[error("{0}")]
	Refused(String),
	/// It is more than this worker can do.
	#[error("{0}")]
	Unfit(String),
	/// It may be later: the store does not answer.
	#[error("{0}")]
	Later(String),
}

/// An order's input, read and found to be what the order says.
pub struct Prepared {
	/// What its program says of it.
	pub facts: Facts,
	/// Its commitment.
	pub commitment: Hash,
	/// Its bytes: the process that has read it may be gone when it is to be computed.
	pub input: Vec<u8>,
	/// The process that has read it.
	pub place: Mutex<Option<Place>>,
}

impl Prepared {
	/// One that no process holds.
	pub fn new(facts: Facts, commitment: Hash, input: Vec<u8>) -> Self {
		Self {
			facts,
			commitment,
			input,
			place: Mutex::new(None),
		}
	}
}

/// A computation to prove, for one provider and one order.
#[derive(Debug, Clone)]
pub struct Task {
	/// The order.
	pub order: OrderId,
	/// The order's program.
	pub program: Hash,
	/// The order's commitment.
	pub commitment: Hash,
	/// Hash of chain, order and provider.
	pub binding: Hash,
	/// 1 at first; higher after failures, and after restarts.
	pub attempt: u32,
	/// When our claim ends; `None` if there is none.
	pub claim_ends: Option<Instant>,
	/// Set when nobody wants the result any more: whatever is at work on it is ended.
	pub unwanted: Arc<AtomicBool>,
}

impl Task {
	/// Seconds until our claim ends, from now on; `None` if there is none.
	pub fn seconds_left(&self) -> Option<f64> {
		let ends = self.claim_ends?;
		Some(ends.saturating_duration_since(Instant::now()).as_secs_f64())
	}

	/// Whether nobody wants the result any more.
	pub fn is_unwanted(&self) -> bool {
		self.unwanted.load(Ordering::SeqCst)
	}
}

/// A finished job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
	/// The output's bytes.
	pub output: Vec<u8>,
	/// Its proof, verified.
	pub proof: Vec<u8>,
	/// Microseconds by stage.
	pub stages: Vec<(String, u64)>,
}

/// See the module.
#[async_trait]
pub trait Workshop: Send + Sync + 'static {
	/// Gets the input of an order and checks everything that the order says of it. It is on the disk afterwards;
	/// unless it cannot be written and the order is `bound`, for then the work matters more than a restart.
	async fn prepare(&self, order: &Order, bound: bool) -> Result<Arc<Prepared>, PrepareError>;

	/// Computes, proves and verifies. The error says what failed.
	async fn produce(&self, job: Arc<Prepared>, task: Task) -> Result<Finished, String>;

	/// The order will be taken: what takes time before [`Self::produce`] can begin is done while the chain
	/// includes the claim.
	fn warm(&self, job: &Prepared);

	/// Seconds that `produce` is thought to take, waiting for its turn not counted.
	fn estimate_seconds(&self, job: &Prepared) -> f64;

	/// The order needs its input no longer.
	fn forget(&self, input: &Hash);

	/// Makes room: removes inputs that are not `needed`, the oldest first, until those that are left have at most
	/// `bytes` bytes.
	fn drop_inputs(&self, needed: &BTreeSet<Hash>, bytes: u64);
}
