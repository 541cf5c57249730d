//! What the calls and a verification's parts weigh: what a runtime has to say of each. Lemma's runtime says
//! what was measured, by `benchmarking.rs` in its own Wasm; mocks say `()`.

use frame_support::weights::{constants::WEIGHT_REF_TIME_PER_MILLIS, Weight};

/// Weights of the calls, and of a verification's parts.
pub trait WeightInfo {
	/// Weight of `register_program` with a sample of `n` bytes of output, less that of verifying its proof.
	fn register_program(n: u32) -> Weight;
	/// Weight of `retire_program`.
	fn retire_program() -> Weight;
	/// Weight of `remove_program`.
	fn remove_program() -> Weight;
	/// Weight of turning a result with `n` bytes of output into a statement: the root of its chunk tree,
	/// and its evaluation.
	fn state_result(n: u32) -> Weight;
	/// Weight of looking up a program and verifying a proof.
	fn verify_proof() -> Weight;
}

/// A round figure of so many microseconds.
fn micros(micros: u64) -> Weight {
	Weight::from_parts(WEIGHT_REF_TIME_PER_MILLIS, 0)
		.saturating_div(1_000)
		.saturating_mul(micros)
}

/// For each byte of an output.
fn bytes(n: u32) -> Weight {
	Weight::from_parts(40_000, 0).saturating_mul(n.into())
}

/// For mocks: round figures, by which tests can tell one call from another.
impl WeightInfo for () {
	fn register_program(n: u32) -> Weight {
		micros(400).saturating_add(bytes(n))
	}
	fn retire_program() -> Weight {
		micros(200)
	}
	fn remove_program() -> Weight {
		micros(300)
	}
	fn state_result(n: u32) -> Weight {
		bytes(n)
	}
	fn verify_proof() -> Weight {
		micros(15_000)
	}
}
