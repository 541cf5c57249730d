//! Every parameter on which the proofs' soundness rests, in one place. What they give, and under
//! which assumptions, is in `docs/security.md`; changing one changes every key.

use plonky2::{
	fri::{reduction_strategies::FriReductionStrategy, FriConfig},
	plonk::circuit_data::CircuitConfig,
};

/// Proof-of-work bits before the queries of every FRI proof.
pub const PROOF_OF_WORK_BITS: u32 = 16;

/// Rate, log2 of its inverse, and queries of program circuits, shrinking and wraps: each query is worth 3
/// bits by the conjecture, 28 * 3 + 16 = 100.
const INNER: (usize, usize) = (3, 28);

/// The same of the outer proof: 21 * 4 + 16 = 100. A lower rate makes the proof smaller and dearer to make.
const OUTER: (usize, usize) = (4, 21);

/// Parameters of program circuits, shrinking and wraps.
pub fn inner_config() -> CircuitConfig {
	config(INNER)
}

/// Parameters of the outer proof.
pub fn outer_config() -> CircuitConfig {
	config(OUTER)
}

/// Rate of a commitment that is opened inside a program's circuit. All are worth the same: the conjecture's
/// bits are queries * log2(1/rate) + proof of work, and the Johnson bound's half of the first term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitmentRate {
	/// 28 * 3 + 16 = 100: fewest queries.
	Eighth,
	/// 42 * 2 + 16 = 100: half the time and memory to commit.
	Quarter,
}

/// FRI parameters of commitments to inputs that are opened inside a program's circuit. The folding is the
/// opening's: see `gadgets::opening::fri_params`.
pub fn commitment_fri_config(rate: CommitmentRate) -> FriConfig {
	let parameters = match rate {
		CommitmentRate::Eighth => INNER,
		CommitmentRate::Quarter => (2, 42),
	};
	config(parameters).fri_config
}

fn config((rate_bits, num_query_rounds): (usize, usize)) -> CircuitConfig {
	CircuitConfig {
		num_wires: 135,
		num_routed_wires: 80,
		num_constants: 2,
		use_base_arithmetic_gate: true,
		// Read by nothing but plonky2's own assertion in some builders.
		security_bits: 100,
		// Each challenge is a base field element of 64 bits; two of them make the permutation argument's
		// and the constraints' soundness about 2 * (64 - log2(rows * wires)).
		num_challenges: 2,
		zero_knowledge: false,
		max_quotient_degree_factor: 8,
		fri_config: FriConfig {
			rate_bits,
			cap_height: 4,
			proof_of_work_bits: PROOF_OF_WORK_BITS,
			reduction_strategy: FriReductionStrategy::ConstantArityBits(4, 5),
			num_query_rounds,
		},
	}
}
