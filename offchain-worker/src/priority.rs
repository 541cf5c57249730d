//! Computing and proving give way: on threads of their own, of a lower priority than the node beside them. Watching
//! the chain and sending, which take little and must be in time, keep theirs.

use anyhow::Context as _;
use rustix::process::{getpid, getpriority_process, getsid, setpriority_process};

/// How far work gives way, from 0 (not at all) to 19, as `nice` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Niceness(pub u8);

impl Niceness {
	/// This thread gives way from now on. Linux keeps a niceness for each thread; elsewhere it may be the whole process.
	fn apply(self) {
		let wanted = i32::from(self.0);
		let now = getpriority_process(None).unwrap_or_default();
		// To take priority back needs a privilege, and whoever started us with less meant it.
		if now < wanted {
			if let Err(error) = setpriority_process(None, wanted) {
				tracing::warn!("proving keeps its priority: {error}");
			}
		}
	}

	/// The threads on which all jobs are computed and proven together; `threads` of them, or one for each core.
	pub fn start_threads(self, threads: Option<usize>) -> anyhow::Result<()> {
		self.group_gives_way();
		self.pool(threads)
			.build_global()
			.context("the threads that prove cannot be started")
	}

	fn pool(self, threads: Option<usize>) -> rayon::ThreadPoolBuilder {
		rayon::ThreadPoolBuilder::new()
			.num_threads(threads.unwrap_or(0))
			.thread_name(|index| format!("prove-{index}"))
			.start_handler(move |_| self.apply())
	}

	/// Where the kernel groups processes by session (autogroup), a niceness counts only within the group. If the session is
	/// ours alone, the group gives way as well; if not, it is our parent's, and left as it is.
	fn group_gives_way(self) {
		if getsid(None) == Ok(getpid()) {
			// There is none on other systems, nor is it wanted inside of containers.
			let _ = std::fs::write("/proc/self/autogroup", self.0.to_string());
		}
	}

	/// Does `work` on a thread of its own that gives way. The error says why there is no result.
	pub async fn run<T: Send + 'static>(
		self,
		work: impl FnOnce() -> T + Send + 'static,
	) -> Result<T, String> {
		let (tell, told) = tokio::sync::oneshot::channel();
		std::thread::Builder::new()
			.name("job".to_owned())
			.spawn(move || {
				self.apply();
				// Nobody may be listening any more.
				let _ = tell.send(work());
			})
			.map_err(|error| format!("no thread can be started: {error}"))?;
		told.await.map_err(|_| "it panicked".to_owned())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn mine() -> i32 {
		getpriority_process(None).expect("a priority")
	}

	#[tokio::test]
	async fn work_should_give_way_and_the_thread_that_waits_should_not() {
		let before = mine();
		let wanted = before.max(7);
		assert_eq!(Niceness(7).run(mine).await, Ok(wanted));
		assert_eq!(mine(), before);
	}

	#[test]
	fn all_threads_of_the_pool_should_give_way() {
		let wanted = mine().max(9);
		let pool = Niceness(9).pool(Some(3)).build().expect("a pool");
		assert_eq!(pool.broadcast(|_| mine()), [wanted; 3]);
	}

	#[tokio::test]
	async fn work_that_panics_should_be_an_error() {
		let result = Niceness(0).run(|| panic!("on purpose")).await;
		assert_eq!(result, Err::<(), _>("it panicked".to_owned()));
	}
}
