//! The query phase of FRI inside a circuit, over a word that the caller computes.
//!
//! plonky2's own `verify_fri_proof` tests one particular word: the sum of (f(X) - f(z)) / (X - z) over
//! openings of single polynomials at single points. [`super::opening`] needs another, a quotient by X^T - z, so
//! here the word at a queried point is a closure's. All else (domain, transcript, folding, Merkle
//! paths, final polynomial, proof of work) is plonky2's protocol, so that its prover
//! (`plonky2::fri::prover::fri_proof`) and its proof type serve unchanged.

use plonky2::{
	field::{extension::Extendable, types::Field},
	fri::{
		proof::{FriChallengesTarget, FriProofTarget, FriQueryRoundTarget},
		FriParams,
	},
	gates::coset_interpolation::CosetInterpolationGate,
	hash::{
		hash_types::{MerkleCapTarget, RichField},
		poseidon::PoseidonHash,
	},
	iop::{
		ext_target::{flatten_target, ExtensionTarget},
		target::{BoolTarget, Target},
	},
	util::reverse_index_bits_in_place,
};

use crate::{
	constraint::{constrained, holds},
	Builder, D, F,
};

/// A query, as the caller sees it when it is asked for the word's value there.
pub struct Query<'a> {
	/// The queried point of the domain.
	pub point: Target,
	/// What the proof says the initial oracles hold there, checked against their caps.
	pub leaves: Vec<&'a [Target]>,
}

/// Constrains the word that `word` computes to be close to a polynomial of degree below
/// 2^`params.degree_bits`, and to agree with the oracles in `caps`.
///
/// `challenges` must come from a transcript that has absorbed all that the word depends on before it
/// gave the first of them; see [`RecursiveChallenger::fri_challenges`].
///
/// [`RecursiveChallenger::fri_challenges`]: plonky2::iop::challenger::RecursiveChallenger::fri_challenges
pub fn verify_low_degree(
	builder: &mut Builder,
	caps: &[MerkleCapTarget],
	challenges: &FriChallengesTarget<D>,
	proof: &FriProofTarget<D>,
	params: &FriParams,
	mut word: impl FnMut(&mut Builder, Query<'_>) -> ExtensionTarget<D>,
) {
	assert!(!params.hiding, "salted oracles are not supported");
	assert_eq!(
		proof.query_round_proofs.len(),
		params.config.num_query_rounds
	);
	assert_eq!(
		challenges.fri_query_indices.len(),
		params.config.num_query_rounds
	);
	assert_eq!(
		challenges.fri_betas.len(),
		params.reduction_arity_bits.len()
	);
	assert_eq!(proof.final_poly.len(), params.final_poly_len());

	// The response's leading bits are zero.
	let response = constrained(
		builder,
		"fri: the work is done",
		challenges.fri_pow_response,
	);
	builder.range_check(response, 64 - params.config.proof_of_work_bits as usize);

	for (index, round) in challenges
		.fri_query_indices
		.iter()
		.zip(&proof.query_round_proofs)
	{
		verify_query(
			builder, caps, challenges, proof, params, *index, round, &mut word,
		);
	}
}

#[allow(clippy::too_many_arguments)]
fn verify_query(
	builder: &mut Builder,
	caps: &[MerkleCapTarget],
	challenges: &FriChallengesTarget<D>,
	proof: &FriProofTarget<D>,
	params: &FriParams,
	index: Target,
	round: &FriQueryRoundTarget<D>,
	word: &mut impl FnMut(&mut Builder, Query<'_>) -> ExtensionTarget<D>,
) {
	let domain_bits = params.lde_bits();
	// 64 bits of an element are not unique: a prover has the choice of two indices where the challenge is
	// below 2^32 - 1, that is with probability 2^-32 for a query that misses a false word with
	// probability 2^-3 or more. plonky2's verifier reasons the same.
	let index = constrained(builder, "fri: an index is its bits", index);
	let mut index_bits = builder.low_bits(index, domain_bits, 64);

	let leaves = &round.initial_trees_proof.evals_proofs;
	assert_eq!(leaves.len(), caps.len());
	for ((leaf, path), cap) in leaves.iter().zip(caps) {
		assert_eq!(path.siblings.len() + params.config.cap_height, domain_bits);
		if holds("fri: leaves are committed to") {
			builder.verify_merkle_proof_to_cap::<PoseidonHash>(
				leaf.clone(),
				&index_bits,
				cap,
				path,
			);
		}
	}

	// Leaves stand in bit-reversed order.
	let mut point = {
		let mut point = builder.constant(F::coset_shift());
		let mut root = F::primitive_root_of_unity(domain_bits);
		let bits: Vec<BoolTarget> = index_bits.iter().rev().copied().collect();
		// In parts that plonky2 multiplies out; for more bits it takes a gate that the fixed shape of
		// `crate::wrap` has not.
		for part in bits.chunks(20) {
			let power = builder.exp_from_bits_const_base(root, part.iter());
			point = builder.mul(point, power);
			root = root.exp_power_of_2(part.len());
		}
		constrained(builder, "fri: the point is the index's", point)
	};
	let leaves = leaves.iter().map(|(leaf, _)| leaf.as_slice()).collect();
	let mut value = word(builder, Query { point, leaves });

	for (((&arity_bits, step), &beta), cap) in params
		.reduction_arity_bits
		.iter()
		.zip(&round.steps)
		.zip(&challenges.fri_betas)
		.zip(&proof.commit_phase_merkle_caps)
	{
		let coset_index_bits = index_bits.split_off(arity_bits);
		let within_coset = builder.le_sum(index_bits.iter());
		let within_coset = constrained(
			builder,
			"fri: the place in a coset is the index's",
			within_coset,
		);
		let committed = builder.random_access_extension(within_coset, step.evals.clone());
		let value_there = constrained(builder, "fri: a coset holds the word", value);
		builder.connect_extension(committed, value_there);
		value = fold(builder, point, &index_bits, &step.evals, beta);
		assert_eq!(
			step.merkle_proof.siblings.len() + params.config.cap_height,
			coset_index_bits.len()
		);
		if holds("fri: cosets are committed to") {
			builder.verify_merkle_proof_to_cap::<PoseidonHash>(
				flatten_target(&step.evals),
				&coset_index_bits,
				cap,
				&step.merkle_proof,
			);
		}
		point = builder.exp_power_of_2(point, arity_bits);
		index_bits = coset_index_bits;
	}

	let value = constrained(builder, "fri: the last polynomial is the word", value);
	let last = proof.final_poly.eval_scalar(builder, point);
	builder.connect_extension(last, value);
}

/// The folded word at point^arity: the value at `beta` of the polynomial that takes the values `evals` (in
/// bit-reversed order) on the coset of `point`.
fn fold(
	builder: &mut Builder,
	point: Target,
	within_coset_bits: &[BoolTarget],
	evals: &[ExtensionTarget<D>],
	beta: ExtensionTarget<D>,
) -> ExtensionTarget<D> {
	let arity_bits = within_coset_bits.len();
	let mut values = evals.to_vec();
	reverse_index_bits_in_place(&mut values);

	// point = coset_start * g^(bit-reversed index within the coset).
	let g_inverse = F::primitive_root_of_unity(arity_bits).inverse();
	let back = builder.exp_from_bits_const_base(g_inverse, within_coset_bits.iter().rev());
	let coset_start = builder.mul(back, point);

	let gate = interpolation_gate::<F, D>(arity_bits, builder.config.max_quotient_degree_factor);
	let row = builder.num_gates();
	let wires = |place: usize| ExtensionTarget::<D>::from_range(row, place..place + D);
	let coset_start = constrained(builder, "fri: a fold is over the coset", coset_start);
	let values = constrained(builder, "fri: a fold is of the coset's values", values);
	let beta = constrained(builder, "fri: a fold is at beta", beta);
	// The gate's layout: the coset's shift, the values, the point, the value there.
	builder.connect(coset_start, Target::wire(row, 0));
	for (i, value) in values.iter().enumerate() {
		builder.connect_extension(*value, wires(1 + i * D));
	}
	let after_values = 1 + values.len() * D;
	builder.connect_extension(beta, wires(after_values));
	let output = wires(after_values + D);
	assert_eq!(gate.num_routed_wires(), after_values + 2 * D);
	assert_eq!(builder.add_gate(gate, vec![]), row);
	output
}

/// plonky2's gate, with just as many intermediate values as keep its constraints' degree within `max_degree`. Its own
/// constructor for that is private; the degree is a public field.
fn interpolation_gate<F: RichField + Extendable<D>, const D: usize>(
	arity_bits: usize,
	max_degree: usize,
) -> CosetInterpolationGate<F, D> {
	let points = 1usize << arity_bits;
	let mut gate = CosetInterpolationGate::new(arity_bits);
	let intermediates = points.saturating_sub(2) / (max_degree - 1);
	gate.degree = points.saturating_sub(2) / (intermediates + 1) + 2;
	gate
}
