//! Commitments to families of polynomials, and their opening inside a circuit.
//!
//! A *family* is 2^`count_log` polynomials f_0, f_1, ... of degree below 2^`degree_log`; a matrix is one, a
//! polynomial for each column or row. What is committed to by FRI is not each of them but *bundles* of
//! T = 2^`bundle_log`, interleaved:
//!
//! F_g(X) = sum over j < T of X^j f_{gT+j}(X^T)
//!
//! so that a leaf of the Merkle tree holds 1/T as many elements as there are polynomials. Hashing those leaves
//! is most of what an opening costs inside a circuit, and T makes it independent of the family's size.
//!
//! All f_i are opened at one point z at once: the remainder of F_g divided by X^T - z is
//! sum over j of X^j f_{gT+j}(z), and remainders are unique. So FRI is run on
//!
//! sum over g of alpha^g (F_g(X) - sum over j of X^j v_{gT+j}) / (X^T - z)
//!
//! which is a polynomial if, but for 2^-128 times the number of bundles, and only if every v_i is f_i(z). The T-th
//! roots of z need not exist in the field. With T = 1 this is the usual quotient by X - z. Several families
//! of equal bundle degree are opened in one run, each at its own point. `docs/protocol/gemm.md` has the
//! argument in full.

use anyhow::{ensure, Result};
use plonky2::{
	field::{
		extension::FieldExtension, fft::fft_root_table, polynomial::PolynomialCoeffs, types::Field,
	},
	fri::{
		oracle::PolynomialBatch,
		proof::{FriChallengesTarget, FriProof, FriProofTarget},
		prover::fri_proof,
		reduction_strategies::FriReductionStrategy,
		witness_util::set_fri_proof_target,
		FriConfig, FriParams,
	},
	gadgets::polynomial::PolynomialCoeffsExtTarget,
	hash::{hash_types::MerkleCapTarget, merkle_tree::MerkleCap, poseidon::PoseidonHash},
	iop::{
		challenger::{Challenger, RecursiveChallenger},
		ext_target::ExtensionTarget,
		witness::{PartialWitness, WitnessWrite},
	},
	util::{
		reducing::ReducingFactorTarget, reverse_index_bits_in_place, timing::TimingTree, transpose,
	},
};
use rayon::prelude::*;

use super::{
	fri::{verify_low_degree, Query},
	merkle::merkle_tree,
};
use crate::{constraint::constrained, Builder, C, D, F, F2};

/// The size of a family and how it is bundled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family {
	/// log2 of the number of polynomials.
	pub count_log: usize,
	/// log2 of the bound that their degrees are below.
	pub degree_log: usize,
	/// log2 of the number of polynomials in one bundle.
	pub bundle_log: usize,
}

impl Family {
	/// Number of polynomials.
	pub const fn count(&self) -> usize {
		1 << self.count_log
	}

	/// Polynomials in one bundle.
	pub const fn bundle(&self) -> usize {
		1 << self.bundle_log
	}

	/// Number of bundles.
	pub const fn bundles(&self) -> usize {
		1 << (self.count_log - self.bundle_log)
	}

	/// log2 of the bound that the bundles' degrees are below.
	pub const fn bundle_degree_log(&self) -> usize {
		self.degree_log + self.bundle_log
	}
}

/// FRI's parameters for bundles of degree below 2^`degree_log`.
///
/// `config`'s strategy is not asked: the folding that makes the verifier's circuit smallest is searched for.
pub fn fri_params(config: &FriConfig, degree_log: usize) -> FriParams {
	let arities = cheapest_folding(config, degree_log);
	FriParams {
		config: FriConfig {
			reduction_strategy: FriReductionStrategy::Fixed(arities.clone()),
			..config.clone()
		},
		hiding: false,
		degree_bits: degree_log,
		reduction_arity_bits: arities,
	}
}

/// log2 of the arity of every folding step: the one for which the fixed shape of [`crate::wrap`] has gates, so
/// that a circuit with an opening can have that shape itself.
const ARITY_BITS: usize = 4;

/// The sequence of log2 arities, each [`ARITY_BITS`], for which one query takes the fewest rows: how soon to stop.
fn cheapest_folding(config: &FriConfig, degree_log: usize) -> Vec<usize> {
	// Rows, in hundredths, of one folding step by 2^arity down to words of 2^domain_log, or of the last polynomial.
	let step = |arity: usize, domain_log: usize| {
		let hashes = (2usize << arity).div_ceil(8) + domain_log - config.cap_height;
		// Interpolation, look-ups in the cap and in the coset, arithmetic.
		hashes * 100 + 250 + (12 << arity) / 4
	};
	let last = |degree_log: usize| {
		let length = 1usize << degree_log;
		let hashed_once = length * 25 / config.num_query_rounds;
		hashed_once
			+ if length <= 11 {
				length * 10
			} else {
				length.div_ceil(32) * 100
			}
	};
	let mut best: Vec<(usize, Vec<usize>)> = Vec::new();
	for degree in 0..=degree_log {
		let mut choice = (last(degree), vec![]);
		for arity in [ARITY_BITS].into_iter().filter(|arity| *arity <= degree) {
			let domain_log = degree - arity + config.rate_bits;
			if domain_log < config.cap_height {
				continue;
			}
			let (rest, arities) = &best[degree - arity];
			let cost = step(arity, domain_log) + rest;
			if cost < choice.0 {
				choice = (cost, [&[arity], arities.as_slice()].concat());
			}
		}
		best.push(choice);
	}
	best.pop().map(|(_, arities)| arities).unwrap_or_default()
}

/// A family, committed to. What opening it needs is kept.
pub struct Committed {
	family: Family,
	batch: PolynomialBatch<F, C, D>,
}

impl Committed {
	/// Commits. `fill(g, coefficients)` writes the coefficients of bundle g over zeros: coefficient r of
	/// polynomial gT + j stands at rT + j.
	pub fn new(family: Family, config: &FriConfig, fill: impl Fn(usize, &mut [F]) + Sync) -> Self {
		let length = 1 << family.bundle_degree_log();
		let polynomials: Vec<_> = (0..family.bundles())
			.into_par_iter()
			.map(|bundle| {
				let mut coefficients = vec![F::ZERO; length];
				fill(bundle, &mut coefficients);
				PolynomialCoeffs::new(coefficients)
			})
			.collect();
		let roots = fft_root_table(length << config.rate_bits);
		let merkle_tree = {
			let on_domain: Vec<Vec<F>> = polynomials
				.par_iter()
				.map(|polynomial: &PolynomialCoeffs<F>| {
					polynomial
						.lde(config.rate_bits)
						.coset_fft_with_options(
							F::coset_shift(),
							Some(config.rate_bits),
							Some(&roots),
						)
						.values
				})
				.collect();
			let mut leaves = transpose(&on_domain);
			reverse_index_bits_in_place(&mut leaves);
			drop(on_domain);
			merkle_tree(leaves, config.cap_height)
		};
		// What `PolynomialBatch::from_coeffs` makes of it, but for the time.
		let batch = PolynomialBatch {
			polynomials,
			merkle_tree,
			degree_log: family.bundle_degree_log(),
			rate_bits: config.rate_bits,
			blinding: false,
		};
		Self { family, batch }
	}

	/// The commitment.
	pub fn cap(&self) -> &MerkleCap<F, PoseidonHash> {
		&self.batch.merkle_tree.cap
	}

	/// The value of every polynomial at `z`.
	pub fn evaluate(&self, z: F2) -> Vec<F2> {
		let bundle = self.family.bundle();
		self.batch
			.polynomials
			.par_iter()
			.flat_map_iter(|polynomial| {
				let mut values = vec![F2::ZERO; bundle];
				for row in polynomial.coeffs.chunks_exact(bundle).rev() {
					for (value, coefficient) in values.iter_mut().zip(row) {
						*value = *value * z + F2::from(*coefficient);
					}
				}
				values
			})
			.collect()
	}

	/// sum over g of alpha^g F_g(X), divided by X^T - z: the quotient and the remainder.
	fn divide(&self, alpha_powers: &[F2], z: F2) -> (Vec<F2>, Vec<F2>) {
		/// Coefficients that a thread sums at once: they stay in its cache.
		const BLOCK: usize = 1 << 10;
		let bundle = self.family.bundle();
		let mut sum = vec![F2::ZERO; 1 << self.family.bundle_degree_log()];
		sum.par_chunks_mut(BLOCK)
			.enumerate()
			.for_each(|(block, sum)| {
				for (polynomial, power) in self.batch.polynomials.iter().zip(alpha_powers) {
					let coefficients = polynomial.coeffs.iter().skip(block * BLOCK);
					for (sum, coefficient) in sum.iter_mut().zip(coefficients) {
						*sum += <F2 as FieldExtension<D>>::scalar_mul(power, *coefficient);
					}
				}
			});
		// From the top: what is at or above X^T is carried down by T, times z, and leaves the quotient.
		for i in (bundle..sum.len()).rev() {
			let carried = sum[i] * z;
			sum[i - bundle] += carried;
		}
		let quotient = sum.split_off(bundle);
		(quotient, sum)
	}
}

/// Several families opened, each at a point of its own.
pub struct Opening {
	/// The values of each family's polynomials.
	pub values: Vec<Vec<F2>>,
	/// That they are those.
	pub proof: FriProof<F, PoseidonHash, D>,
}

/// Opens families at points, all in one run of FRI. `values` are the polynomials' values at each family's point;
/// [`Committed::evaluate`] computes them. `challenger` must have absorbed the commitments and the points; it
/// absorbs the values here.
///
/// Fails if the values are not the polynomials'.
pub fn open(
	parts: &[(&Committed, F2)],
	values: Vec<Vec<F2>>,
	challenger: Challenger<F, PoseidonHash>,
	params: &FriParams,
) -> Result<Opening> {
	let (opening, are_values) = open_unchecked(parts, values, challenger, params);
	ensure!(
		are_values,
		"the values to be opened are not the committed polynomials'"
	);
	Ok(opening)
}

/// What a prover sends, and whether it is honest. If it is not, the proof is the best that a cheat can make
/// without knowing the queries: of the quotients, the false remainders left out.
pub(crate) fn open_unchecked(
	parts: &[(&Committed, F2)],
	values: Vec<Vec<F2>>,
	mut challenger: Challenger<F, PoseidonHash>,
	params: &FriParams,
) -> (Opening, bool) {
	for values in &values {
		challenger.observe_extension_elements::<D>(values);
	}
	let alpha = challenger.get_extension_challenge::<D>();

	let mut are_values = true;
	let mut word = vec![F2::ZERO; 1 << params.degree_bits];
	let mut scale = F2::ONE;
	for ((committed, z), values) in parts.iter().zip(&values) {
		let family = committed.family;
		assert_eq!(family.bundle_degree_log(), params.degree_bits);
		let powers: Vec<F2> = alpha.powers().take(family.bundles()).collect();
		let (quotient, remainder) = committed.divide(&powers, *z);
		are_values &= remainder == combine_values(family, &powers, values);
		for (sum, coefficient) in word.iter_mut().zip(&quotient) {
			*sum += scale * *coefficient;
		}
		scale *= alpha.exp_u64(family.bundles() as u64);
	}

	let rate_bits = params.config.rate_bits;
	let word = PolynomialCoeffs::new(word).lde(rate_bits);
	let on_domain = word.coset_fft_with_options(F::coset_shift().into(), Some(rate_bits), None);
	let trees: Vec<_> = parts
		.iter()
		.map(|(committed, _)| &committed.batch.merkle_tree)
		.collect();
	let proof = fri_proof::<F, C, D>(
		&trees,
		word,
		on_domain,
		&mut challenger,
		params,
		None,
		None,
		&mut TimingTree::default(),
	);
	(Opening { values, proof }, are_values)
}

/// The coefficients of sum over g of alpha^g * sum over j of X^j v_{gT+j}.
fn combine_values(family: Family, alpha_powers: &[F2], values: &[F2]) -> Vec<F2> {
	let mut sum = vec![F2::ZERO; family.bundle()];
	for (power, values) in alpha_powers
		.iter()
		.zip(values.chunks_exact(family.bundle()))
	{
		for (sum, value) in sum.iter_mut().zip(values) {
			*sum += *power * *value;
		}
	}
	sum
}

/// An [`Opening`] inside a circuit.
pub struct OpeningTargets {
	/// The values of each family's polynomials: constrained to be the committed ones'.
	pub values: Vec<Vec<ExtensionTarget<D>>>,
	proof: FriProofTarget<D>,
}

impl OpeningTargets {
	/// Gives the circuit the opening.
	pub fn set(&self, witness: &mut PartialWitness<F>, opening: &Opening) -> Result<()> {
		ensure!(
			self.values.len() == opening.values.len(),
			"an opening of other families"
		);
		for (targets, values) in self.values.iter().zip(&opening.values) {
			ensure!(
				targets.len() == values.len(),
				"an opening of another family"
			);
			witness.set_extension_targets(targets, values)?;
		}
		set_fri_proof_target(witness, &self.proof, &opening.proof)
	}

	/// One target of each kind that the prover sets, with a name.
	#[cfg(test)]
	pub(crate) fn sites(&self) -> Vec<(&'static str, plonky2::iop::target::Target)> {
		let FriProofTarget {
			commit_phase_merkle_caps,
			query_round_proofs,
			final_poly,
			pow_witness,
		} = &self.proof;
		let last = &query_round_proofs[query_round_proofs.len() - 1];
		let (leaf, path) = &last.initial_trees_proof.evals_proofs[1];
		let mut sites = vec![
			("value of the first family", self.values[0][0].0[0]),
			(
				"value of the last family",
				self.values[1][self.values[1].len() - 1].0[1],
			),
			("last polynomial", final_poly.0[0].0[0]),
			("proof of work", *pow_witness),
			("leaf", leaf[0]),
			("path of a leaf", path.siblings[0].elements[2]),
		];
		// Words of small degree are not folded, but sent as they are.
		if let (Some(cap), Some(step)) = (commit_phase_merkle_caps.first(), last.steps.last()) {
			sites.extend([
				("cap of a folded word", cap.0[2].elements[0]),
				("coset", step.evals[0].0[0]),
				("path of a coset", step.merkle_proof.siblings[0].elements[0]),
			]);
		}
		sites
	}
}

/// A committed family inside a circuit, to be opened.
pub struct FamilyTarget {
	/// Its size.
	pub family: Family,
	/// Its commitment.
	pub cap: MerkleCapTarget,
	/// Where it is opened.
	pub point: ExtensionTarget<D>,
}

/// The challenges of the opening's run of FRI, from a transcript that goes on with all that the prover sends.
fn draw_challenges(
	builder: &mut Builder,
	values: &[Vec<ExtensionTarget<D>>],
	mut challenger: RecursiveChallenger<F, PoseidonHash, D>,
	proof: &FriProofTarget<D>,
	params: &FriParams,
) -> FriChallengesTarget<D> {
	for values in values {
		let values = constrained(
			builder,
			"opening: its transcript is of the values",
			values.clone(),
		);
		challenger.observe_extension_elements(&values);
	}
	let caps = constrained(
		builder,
		"opening: its transcript is of the folded words",
		proof.commit_phase_merkle_caps.clone(),
	);
	let last = constrained(
		builder,
		"opening: its transcript is of the last polynomial",
		proof.final_poly.0.clone(),
	);
	let work = constrained(
		builder,
		"opening: its transcript is of the work",
		proof.pow_witness,
	);
	let last = PolynomialCoeffsExtTarget(last);
	let drawn = challenger.fri_challenges(builder, &caps, &last, work, &params.config);
	FriChallengesTarget {
		fri_alpha: constrained(builder, "opening: alpha is drawn", drawn.fri_alpha),
		fri_betas: constrained(builder, "opening: betas are drawn", drawn.fri_betas),
		fri_pow_response: constrained(
			builder,
			"opening: the work's response is drawn",
			drawn.fri_pow_response,
		),
		fri_query_indices: constrained(
			builder,
			"opening: indices are drawn",
			drawn.fri_query_indices,
		),
	}
}

/// Opens families at points inside a circuit, all in one run of FRI. `challenger` must have absorbed the commitments
/// (or a binding hash of them) and the points (or all that they are computed from).
pub fn verify_opening(
	builder: &mut Builder,
	parts: &[FamilyTarget],
	challenger: RecursiveChallenger<F, PoseidonHash, D>,
	params: &FriParams,
) -> OpeningTargets {
	for part in parts {
		assert_eq!(part.family.bundle_degree_log(), params.degree_bits);
		assert_eq!(part.cap.0.len(), params.config.num_cap_elements());
	}
	let leaf_lengths: Vec<usize> = parts.iter().map(|part| part.family.bundles()).collect();
	let proof = builder.add_virtual_fri_proof(&leaf_lengths, params);
	let values: Vec<Vec<_>> = parts
		.iter()
		.map(|part| builder.add_virtual_extension_targets(part.family.count()))
		.collect();
	let challenges = draw_challenges(builder, &values, challenger, &proof, params);
	let alpha = challenges.fri_alpha;

	let remainders: Vec<_> = parts
		.iter()
		.zip(&values)
		.map(|(part, values)| {
			let remainder = combine_values_target(builder, part.family, alpha, values).0;
			PolynomialCoeffsExtTarget(constrained(
				builder,
				"opening: a remainder is the values'",
				remainder,
			))
		})
		.collect();
	let points: Vec<_> = parts
		.iter()
		.map(|part| constrained(builder, "opening: it is at the family's point", part.point))
		.collect();
	let shifts: Vec<_> = parts
		.iter()
		.map(|part| builder.exp_u64_extension(alpha, part.family.bundles() as u64))
		.collect();
	let caps: Vec<_> = parts.iter().map(|part| part.cap.clone()).collect();

	verify_low_degree(
		builder,
		&caps,
		&challenges,
		&proof,
		params,
		|builder, query| {
			let Query { point, leaves } = query;
			// Horner's rule over the families, as the prover adds them up.
			let mut sum = builder.zero_extension();
			for ((((part, remainder), z), shift), leaf) in parts
				.iter()
				.zip(&remainders)
				.zip(&points)
				.zip(&shifts)
				.zip(leaves)
				.rev()
			{
				let committed = ReducingFactorTarget::new(alpha).reduce_base(leaf, builder);
				let claimed = remainder.eval_scalar(builder, point);
				let numerator = builder.sub_extension(committed, claimed);
				let power = builder.exp_power_of_2(point, part.family.bundle_log);
				let power = builder.convert_to_ext(power);
				let denominator = builder.sub_extension(power, *z);
				let later = builder.mul_extension(*shift, sum);
				sum = builder.div_add_extension(numerator, denominator, later);
			}
			constrained(builder, "opening: the word is the quotient", sum)
		},
	);

	OpeningTargets { values, proof }
}

/// The coefficients of sum over g of alpha^g * sum over j of X^j v_{gT+j}.
fn combine_values_target(
	builder: &mut Builder,
	family: Family,
	alpha: ExtensionTarget<D>,
	values: &[ExtensionTarget<D>],
) -> PolynomialCoeffsExtTarget<D> {
	let coefficients = (0..family.bundle())
		.map(|j| {
			let column: Vec<_> = values
				.iter()
				.skip(j)
				.step_by(family.bundle())
				.copied()
				.collect();
			ReducingFactorTarget::new(alpha).reduce(&column, builder)
		})
		.collect();
	PolynomialCoeffsExtTarget(coefficients)
}
