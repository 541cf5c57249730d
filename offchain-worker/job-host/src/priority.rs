//! Computing and proving give way: processes for jobs have a lower priority than the node beside them. The worker itself, which watches
//! the chain and sends, takes little and must be in time, keeps its own.

use rustix::process::{getpid, getpriority_process, getsid, setpriority_process};

/// How far work gives way, from 0 (not at all) to 19, as `nice` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Niceness(pub u8);

impl Niceness {
	/// This thread, and all that it starts, gives way from now on. Linux keeps a niceness for each thread; elsewhere it may be
	/// the whole process.
	fn apply(self) {
		let wanted = i32::from(self.0);
		let now = getpriority_process(None).unwrap_or_default();
		// To take priority back needs a privilege, and whoever started us with less meant it.
		if now < wanted {
			if let Err(error) = setpriority_process(None, wanted) {
				log::warn!("proving keeps its priority: {error}");
			}
		}
	}

	/// All of this process, which is to have no other threads yet, gives way.
	pub fn apply_to_process(self) {
		self.apply();
		self.group_gives_way();
	}

	/// The threads on which all jobs are computed and proven together; `threads` of them, or one for each core.
	///
	/// # Errors
	///
	/// They cannot be started, or were already.
	pub fn start_threads(self, threads: Option<usize>) -> Result<(), rayon::ThreadPoolBuildError> {
		self.pool(threads).build_global()
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
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn all_threads_of_the_pool_should_give_way_and_who_started_them_should_not() {
		let mine = || getpriority_process(None).expect("a priority");
		let before = mine();
		let wanted = before.max(9);
		let pool = Niceness(9).pool(Some(3)).build().expect("a pool");
		assert_eq!(pool.broadcast(|_| mine()), [wanted; 3]);
		assert_eq!(mine(), before);
	}
}
