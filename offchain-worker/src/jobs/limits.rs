//! How long a job may take, and how much memory.

use std::time::Duration;

/// However quick a job is thought to be, it may take as long as this: the machine may be busy with something else.
const LEAST: Duration = Duration::from_secs(120);
/// Longest limit; also where there is none to speak of.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// Longest time to compute the commitment to an input.
const LONGEST_TO_COMMIT: Duration = Duration::from_secs(3_600);
/// Longest time for a computation on a GPU, which takes seconds at most, the opening of the device included.
pub const GPU_PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of an input that a program reads in a second at the least.
const READING_PACE: u64 = 256 << 10;

/// How many times its estimated time another attempt wants, and a first one has at least.
const ROOM: f64 = 1.5;

/// What is kept to while one thing is asked of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
	/// Until the answer.
	pub time: Duration,
	/// While the GPU computes.
	pub gpu: Duration,
	/// Memory that the process may hold, bytes.
	pub memory: u64,
}

/// Memory above which a process is ended, of what one job may take. Estimates are rough, by which jobs are taken or refused.
pub fn memory_limit(max_memory_bytes: u64) -> u64 {
	max_memory_bytes.saturating_add(max_memory_bytes / 4)
}

/// Time to read an input of so many bytes.
pub fn time_to_read(bytes: usize) -> Duration {
	LEAST.saturating_add(Duration::from_secs(bytes as u64 / READING_PACE))
}

/// Time for a job that is thought to take `estimate` seconds: `factor` times that. If a claim ends in `left` seconds, another
/// attempt is to fit in after this one was found to hang. Each attempt has twice the time of the one before: a machine
/// may be slower than anybody thought, and must get through in the end.
pub fn time_to_make(estimate: f64, factor: f64, left: Option<f64>, attempt: u32) -> Duration {
	let times = 1u64 << attempt.saturating_sub(1).min(16);
	let by_estimate = seconds(estimate * factor * times as f64)
		.max(LEAST)
		.min(LONGEST);
	match left.map(|left| left - ROOM * estimate) {
		Some(beside_another) if beside_another >= ROOM * estimate => {
			by_estimate.min(seconds(beside_another))
		}
		_ => by_estimate,
	}
}

/// Time for a GPU to compute a job that the processor computes and proves in `estimate` seconds: so much that the processor can still
/// do it if that fails; zero if it is not to be tried.
pub fn time_to_try(estimate: f64, factor: f64, left: Option<f64>) -> Duration {
	let by_estimate = time_to_make(estimate, factor, None, 1);
	match left {
		// No number, as of an endless estimate, is zero here.
		Some(left) => by_estimate.min(seconds((left - ROOM * estimate).max(0.0))),
		None => by_estimate,
	}
}

/// Time to compute the commitment to an input. The estimate is the program's own word: one that makes no sense gets it nothing.
pub fn time_to_commit(estimate: f64, factor: f64) -> Duration {
	match estimate.is_finite() {
		true => time_to_make(estimate, factor, None, 1).min(LONGEST_TO_COMMIT),
		false => LEAST,
	}
}

fn seconds(seconds: f64) -> Duration {
	Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_job_should_have_several_times_its_estimate_and_twice_that_with_each_attempt() {
		let secs = Duration::from_secs;
		assert_eq!(time_to_make(60.0, 10.0, None, 1), secs(600));
		assert_eq!(time_to_make(60.0, 10.0, None, 2), secs(1_200));
		assert_eq!(time_to_make(60.0, 10.0, None, 4), secs(4_800));
		assert_eq!(time_to_make(3.0, 10.0, None, 1), LEAST);
		assert_eq!(time_to_make(f64::INFINITY, 10.0, None, 1), LONGEST);
		assert_eq!(time_to_make(f64::NAN, 10.0, None, 1), LONGEST);
		assert_eq!(time_to_make(60.0, 10.0, None, u32::MAX), LONGEST);
	}

	#[test]
	fn a_claim_should_leave_time_for_another_attempt_if_it_has_any() {
		let limit = |left| time_to_make(60.0, 10.0, Some(left), 1).as_secs();
		// Plenty of time: the estimate decides.
		assert_eq!(limit(10_000.0), 600);
		assert_eq!(limit(400.0), 310);
		assert_eq!(limit(180.0), 90);
		// No room for two: this one has all of it, and more, for there is nothing to lose by it.
		assert_eq!(limit(179.0), 600);
		assert_eq!(limit(0.0), 600);
		assert_eq!(limit(-50.0), 600);
	}

	#[test]
	fn a_gpu_should_be_tried_only_as_long_as_the_processor_has_time_after_it() {
		let limit = |left| time_to_try(60.0, 10.0, left).as_secs();
		assert_eq!(limit(None), 600);
		assert_eq!(limit(Some(10_000.0)), 600);
		assert_eq!(limit(Some(400.0)), 310);
		assert_eq!(limit(Some(100.0)), 10);
		assert_eq!(limit(Some(90.0)), 0);
		assert_eq!(limit(Some(0.0)), 0);
		for estimate in [f64::INFINITY, f64::NAN] {
			assert_eq!(time_to_try(estimate, 10.0, Some(1e6)), Duration::ZERO);
		}
	}

	#[test]
	fn a_commitment_should_have_no_more_time_for_an_estimate_that_makes_no_sense() {
		assert_eq!(time_to_commit(60.0, 10.0), Duration::from_secs(600));
		assert_eq!(time_to_commit(3.0, 10.0), LEAST);
		assert_eq!(time_to_commit(1e9, 10.0), LONGEST_TO_COMMIT);
		assert_eq!(time_to_commit(f64::MAX, 10.0), LONGEST_TO_COMMIT);
		for estimate in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
			assert_eq!(time_to_commit(estimate, 10.0), LEAST);
		}
	}

	#[test]
	fn longer_inputs_should_have_more_time_and_memory_some_room() {
		assert_eq!(time_to_read(0), LEAST);
		assert_eq!(time_to_read(256 << 20), LEAST + Duration::from_secs(1024));
		assert_eq!(memory_limit(8 << 30), 10 << 30);
		assert_eq!(memory_limit(u64::MAX), u64::MAX);
	}
}
