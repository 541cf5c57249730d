//! Wall-clock time, and whether it jumps.
//!
//! Nothing that decides is timed by it: the chain counts blocks, waiting uses a steady clock. It is written
//! down for people, and for the one thing that outlives the process: until when no orders are taken.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Differences between the wall clock and the steady one that are no jump.
const ORDINARY_DRIFT: Duration = Duration::from_secs(5);

/// Unix time, milliseconds.
pub fn unix_millis() -> u64 {
	SystemTime::now()
		.duration_since(UNIX_EPOCH)
		.map_or(0, |since| {
			u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
		})
}

/// The machine's wall clock; tests can put it out.
#[derive(Clone, Debug, Default)]
pub struct Clock {
	#[cfg(test)]
	shift: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

impl Clock {
	/// Unix time, milliseconds.
	pub fn unix_millis(&self) -> u64 {
		#[cfg(test)]
		return unix_millis()
			.saturating_add_signed(self.shift.load(std::sync::atomic::Ordering::SeqCst));
		#[cfg(not(test))]
		unix_millis()
	}

	/// Makes it jump.
	#[cfg(test)]
	pub fn jump(&self, millis: i64) {
		self.shift
			.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
	}

	/// Begins to watch it for jumps.
	pub fn watch(&self) -> JumpWatch {
		JumpWatch {
			clock: self.clone(),
			wall: self.unix_millis(),
			steady: Instant::now(),
		}
	}
}

/// Compares the wall clock with the steady one.
#[derive(Debug)]
pub struct JumpWatch {
	clock: Clock,
	wall: u64,
	steady: Instant,
}

impl JumpWatch {
	/// By how many milliseconds the wall clock jumped since the last look; `None` if it did not. A machine that
	/// slept jumps ahead.
	pub fn look(&mut self) -> Option<i64> {
		let (wall, steady) = (self.clock.unix_millis(), Instant::now());
		let passed = steady.duration_since(self.steady).as_millis();
		let expected = self
			.wall
			.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
		(self.wall, self.steady) = (wall, steady);
		let jumped = i64::try_from(i128::from(wall) - i128::from(expected)).unwrap_or(i64::MAX);
		(u128::from(jumped.unsigned_abs()) > ORDINARY_DRIFT.as_millis()).then_some(jumped)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_jump_should_be_noticed_once_in_either_direction() {
		let clock = Clock::default();
		let mut watch = clock.watch();
		assert_eq!(watch.look(), None);
		for jump in [86_400_000, -86_400_000] {
			clock.jump(jump);
			let seen = watch.look().expect("a jump");
			assert!(seen.abs_diff(jump) < 1_000, "{seen}");
			assert_eq!(watch.look(), None);
		}
	}
}
