//! The circuit of a matrix product: v is C's evaluation at y, for C = A * B of the committed A and B.
//!
//! A's columns and B's rows are polynomials, a_i(X) = sum over r of A_ri X^r and b_i(Y) = sum over c of B_ic Y^c.
//! C, read row by row, has the evaluation sum over r, c of C_rc y^(rn + c) = sum over i of a_i(y^n) b_i(y). So the
//! circuit opens all a_i at x = y^n and all b_i at y, and C is never a wire. The argument that this
//! is sound is in `docs/protocol/gemm.md`.

use lemma_zk_statement::OutputElement;
use plonky2::{
	field::types::Field,
	hash::{hash_types::MerkleCapTarget, poseidon::PoseidonHash},
	iop::{
		challenger::{Challenger, RecursiveChallenger},
		ext_target::ExtensionTarget,
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
};

use super::class::Class;
use crate::{
	circuit::Circuit,
	constraint::constrained,
	gadgets::opening::{verify_opening, FamilyTarget, Opening, OpeningTargets},
	program::ProveError,
	targets::{matrix_commitment, StatementTargets},
	Builder, D, F, F2,
};

/// First element of the transcript from which FRI's challenges are drawn.
pub(super) const TRANSCRIPT_TAG: u64 = u64::from_le_bytes(*b"lemma-go");
/// Bits of n - 1.
const COLUMNS_BITS: usize = 16;

/// The circuit of one class.
#[derive(Clone, Copy, Debug)]
pub struct GemmCircuit(pub Class);

/// Targets of the circuit.
pub struct GemmTargets {
	m: Target,
	k: Target,
	/// n - 1, so that every value that its bits can have is an n that is allowed.
	n_minus_one: Target,
	cap_a: MerkleCapTarget,
	cap_b: MerkleCapTarget,
	opening: OpeningTargets,
}

impl Circuit for GemmCircuit {
	type Targets = GemmTargets;

	fn name(&self) -> String {
		format!("gemm/{}", self.0.name())
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> GemmTargets {
		let class = self.0;
		let params = class.fri_params();

		// m and k have no bearing on the evaluation; they are here because the commitment binds them.
		let [m, k, n_minus_one] = builder.add_virtual_target_arr();
		let split = constrained(builder, "gemm: n - 1 is its 16 bits", n_minus_one);
		let n_minus_one_bits = builder.split_le(split, COLUMNS_BITS);
		let n = builder.add_const(n_minus_one, F::ONE);
		let cap_a = builder.add_virtual_cap(params.config.cap_height);
		let cap_b = builder.add_virtual_cap(params.config.cap_height);

		let class_elements = [class.inner_log, class.outer_log]
			.map(|log| builder.constant(F::from_canonical_usize(log)));
		let shape = [&class_elements[..], &[m, k, n]].concat();
		let hashes = [cap_a.0.as_slice(), cap_b.0.as_slice()].concat();
		let commitment = matrix_commitment(builder, &shape, &hashes);
		let commitment = constrained(builder, "gemm: the input is the commitment", commitment);
		builder.connect_hashes(commitment, statement.input_hash());

		let y = statement.y_extension();
		let power = builder.exp_extension_from_bits(y, &n_minus_one_bits);
		let x = builder.mul_extension(y, power);
		let x = constrained(builder, "gemm: x is y^n", x);

		let mut challenger = RecursiveChallenger::<F, PoseidonHash, D>::new(builder);
		let tag = builder.constant(F::from_canonical_u64(TRANSCRIPT_TAG));
		challenger.observe_element(constrained(
			builder,
			"gemm: the transcript begins with its tag",
			tag,
		));
		challenger.observe_elements(&constrained(
			builder,
			"gemm: the transcript is of the input",
			statement.input,
		));
		challenger.observe_extension_element(constrained(
			builder,
			"gemm: the transcript is of y",
			y,
		));
		challenger.observe_extension_element(constrained(
			builder,
			"gemm: the transcript is of x",
			x,
		));
		let family = class.family();
		let parts = [
			FamilyTarget {
				family,
				cap: cap_a.clone(),
				point: x,
			},
			FamilyTarget {
				family,
				cap: cap_b.clone(),
				point: y,
			},
		];
		let opening = verify_opening(builder, &parts, challenger, &params);

		let zero = builder.zero_extension();
		let pairs: Vec<(ExtensionTarget<D>, ExtensionTarget<D>)> = match opening.values.as_slice() {
			[a, b] => a.iter().copied().zip(b.iter().copied()).collect(),
			_ => unreachable!("two families were opened"),
		};
		let product = builder.inner_product_extension(F::ONE, zero, pairs);
		let product = constrained(builder, "gemm: v is the product's", product);
		builder.connect_extension(product, statement.v_extension());

		GemmTargets {
			m,
			k,
			n_minus_one,
			cap_a,
			cap_b,
			opening,
		}
	}
}

/// The transcript as it is before the opening.
pub(super) fn transcript(commitment: [F; 4], y: F2, x: F2) -> Challenger<F, PoseidonHash> {
	let mut challenger = Challenger::new();
	challenger.observe_element(F::from_canonical_u64(TRANSCRIPT_TAG));
	challenger.observe_elements(&commitment);
	challenger.observe_extension_element::<D>(&y);
	challenger.observe_extension_element::<D>(&x);
	challenger
}

impl GemmTargets {
	/// Sets all of the witness that the statement does not.
	pub(super) fn set(
		&self,
		witness: &mut PartialWitness<F>,
		[m, k, n]: [usize; 3],
		committed: &super::commit::CommittedOperands,
		opening: &Opening,
	) -> Result<(), ProveError> {
		let mut set = || {
			witness.set_target(self.m, F::from_canonical_usize(m))?;
			witness.set_target(self.k, F::from_canonical_usize(k))?;
			witness.set_target(self.n_minus_one, F::from_canonical_usize(n) - F::ONE)?;
			witness.set_cap_target(&self.cap_a, committed.a.cap())?;
			witness.set_cap_target(&self.cap_b, committed.b.cap())?;
			self.opening.set(witness, opening)
		};
		set().map_err(|error: anyhow::Error| ProveError::Prover(error.to_string()))
	}

	/// One target of each kind that the prover sets, with a name.
	#[cfg(test)]
	pub(super) fn sites(&self) -> Vec<(&'static str, Target)> {
		let mut sites = vec![
			("m", self.m),
			("k", self.k),
			("n - 1", self.n_minus_one),
			("cap of A", self.cap_a.0[3].elements[1]),
			("cap of B", self.cap_b.0[15].elements[3]),
		];
		sites.extend(self.opening.sites());
		sites
	}
}
