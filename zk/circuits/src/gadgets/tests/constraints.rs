//! The opening without one of its constraints, folded twice and queried twice.
//!
//! Most cheats here open polynomials that are all zero. Then the word, every leaf and every path are the same everywhere, whatever
//! the challenges are: so one wire can be false and all else be right.

use std::sync::OnceLock;

use plonky2::{
	field::{polynomial::PolynomialValues, types::PrimeField64},
	fri::{
		proof::{FriChallenges, FriProof},
		prover::fri_proof,
		reduction_strategies::FriReductionStrategy,
	},
	hash::{hash_types::HashOut, merkle_tree::MerkleTree},
	util::timing::TimingTree,
};

use super::*;
use crate::constraint::leaving_out::{assert_needed, Cheat, Tested};

const QUERIES: usize = 2;
const WORK_BITS: u32 = 10;
const ARITY_BITS: usize = 4;
const ARITY: usize = 1 << ARITY_BITS;
const DEGREE_LOG: usize = 9;
/// log2 of the domain that is queried.
const DOMAIN_LOG: usize = DEGREE_LOG + 3;

const FOUR: Family = Family {
	count_log: 5,
	degree_log: 7,
	bundle_log: 2,
};
const TWO: Family = Family {
	count_log: 4,
	degree_log: 8,
	bundle_log: 1,
};

fn params() -> FriParams {
	let arities = vec![ARITY_BITS, ARITY_BITS];
	FriParams {
		config: FriConfig {
			rate_bits: DOMAIN_LOG - DEGREE_LOG,
			cap_height: 2,
			proof_of_work_bits: WORK_BITS,
			reduction_strategy: FriReductionStrategy::Fixed(arities.clone()),
			num_query_rounds: QUERIES,
		},
		hiding: false,
		degree_bits: DEGREE_LOG,
		reduction_arity_bits: arities,
	}
}

fn circuit() -> (Builder, Targets) {
	let mut builder = Builder::new(inner_config());
	let targets = Targets::add(&mut builder, [FOUR, TWO], &params());
	(builder, targets)
}

fn whole() -> &'static Tested<Targets> {
	static WHOLE: OnceLock<Tested<Targets>> = OnceLock::new();
	WHOLE.get_or_init(|| Tested::whole(circuit))
}

fn needed(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(), circuit, cheats);
}

fn extension(a: u64, b: u64) -> F2 {
	F2::from_basefield_array([a, b].map(F::from_canonical_u64))
}

/// Where the families are opened.
fn points() -> [F2; 2] {
	[extension(1 << 40, 12345), extension(54321, 1 << 50)]
}

/// Irregular polynomials.
fn families() -> &'static [Committed; 2] {
	static FAMILIES: OnceLock<[Committed; 2]> = OnceLock::new();
	FAMILIES.get_or_init(|| {
		let config = params().config;
		[family_at(&config, FOUR, 1).1, family_at(&config, TWO, 2).1]
	})
}

/// Polynomials that are all zero.
fn zeros() -> &'static [Committed; 2] {
	static ZEROS: OnceLock<[Committed; 2]> = OnceLock::new();
	ZEROS.get_or_init(|| {
		[FOUR, TWO].map(|family| Committed::new(family, &params().config, |_, _| ()))
	})
}

fn parts(families: &[Committed; 2]) -> [(&Committed, F2); 2] {
	let [x, y] = points();
	[(&families[0], x), (&families[1], y)]
}

fn honest_values(families: &[Committed; 2]) -> Vec<Vec<F2>> {
	let parts = parts(families);
	parts
		.iter()
		.map(|(family, z)| family.evaluate(*z))
		.collect()
}

fn challenges(families: &[Committed; 2], opening: &Opening) -> FriChallenges<F, D> {
	let mut challenger = transcript(&parts(families));
	for values in &opening.values {
		challenger.observe_extension_elements::<D>(values);
	}
	let FriProof {
		commit_phase_merkle_caps: caps,
		final_poly,
		pow_witness,
		..
	} = &opening.proof;
	let config = params().config;
	challenger.fri_challenges::<C, D>(
		caps,
		final_poly,
		*pow_witness,
		DEGREE_LOG,
		&config,
		None,
		None,
	)
}

fn is_done(challenges: &FriChallenges<F, D>) -> bool {
	let response = challenges.fri_pow_response.to_canonical_u64();
	response.leading_zeros() >= WORK_BITS
}

/// An opening of zeros, claimed to have `values`, in which `change` changes something before the work is done.
fn zero_opening(values: Vec<Vec<F2>>, change: impl FnOnce(&mut Opening)) -> Opening {
	static ZERO: OnceLock<FriProof<F, PoseidonHash, D>> = OnceLock::new();
	let proof = ZERO.get_or_init(|| {
		let (zeros, values) = (parts(zeros()), honest_values(zeros()));
		open(&zeros, values, transcript(&zeros), &params())
			.unwrap()
			.proof
	});
	let mut opening = Opening {
		values,
		proof: proof.clone(),
	};
	change(&mut opening);
	work(&mut opening, true);
	opening
}

fn honest_zero_opening() -> Opening {
	zero_opening(honest_values(zeros()), |_| ())
}

/// The first work that is done, or that is not.
fn work(opening: &mut Opening, done: bool) -> FriChallenges<F, D> {
	(0..)
		.map(|work| {
			opening.proof.pow_witness = F::from_canonical_u64(work);
			challenges(zeros(), opening)
		})
		.find(|challenges| is_done(challenges) == done)
		.expect("there are many numbers")
}

/// One cheat, with an opening of `families` and its wires behind the constraint.
fn cheat(
	targets: &Targets,
	families: &[Committed; 2],
	opening: &Opening,
	behind: impl IntoIterator<Item = F>,
) -> Vec<Cheat> {
	vec![Cheat {
		claim: Vec::new(),
		witness: targets.witness(&parts(families), opening),
		behind: behind.into_iter().collect(),
	}]
}

fn elements(values: impl IntoIterator<Item = F2>) -> Vec<F> {
	values
		.into_iter()
		.flat_map(|value| <F2 as FieldExtension<D>>::to_basefield_array(&value))
		.collect()
}

/// A value that no polynomial of [`families`] takes, and the opening that it takes to say so: best but for the constraints.
fn false_opening() -> &'static Opening {
	static OPENING: OnceLock<Opening> = OnceLock::new();
	OPENING.get_or_init(|| {
		let mut values = honest_values(families());
		values[0][5] += F2::ONE;
		let parts = parts(families());
		let (opening, are_values) = open_unchecked(&parts, values, transcript(&parts), &params());
		assert!(!are_values);
		opening
	})
}

/// Of an opening: each query's index.
fn indices(families: &[Committed; 2], opening: &Opening) -> Vec<usize> {
	challenges(families, opening).fri_query_indices
}

#[test]
fn honest_openings_should_be_accepted() {
	let values = honest_values(families());
	let parts = parts(families());
	let opening = open(&parts, values, transcript(&parts), &params()).unwrap();
	for honest in [
		cheat(whole().targets(), families(), &opening, []),
		cheat(whole().targets(), zeros(), &honest_zero_opening(), []),
	] {
		assert!(whole().accepts(None, &honest[0]));
	}
	for refused in cheat(whole().targets(), families(), false_opening(), []) {
		assert!(!whole().accepts(None, &refused));
	}
}

/// Who knows alpha when choosing the values changes two that cancel.
#[test]
fn transcript_should_be_of_the_values() {
	let (values, parts) = (honest_values(families()), parts(families()));
	let honest = open(&parts, values.clone(), transcript(&parts), &params()).unwrap();
	let alpha = challenges(families(), &honest).fri_alpha;
	let mut chosen = values.clone();
	chosen[0][0] += alpha;
	chosen[0][FOUR.bundle()] -= F2::ONE;
	let opening = Opening {
		values: chosen,
		proof: honest.proof,
	};
	let observed = elements(values.concat());
	needed("opening: its transcript is of the values", |targets| {
		cheat(targets, families(), &opening, observed.clone())
	});
}

#[test]
fn transcript_should_be_of_the_folded_words() {
	let mut opening = honest_zero_opening();
	let honest = opening.proof.commit_phase_merkle_caps.clone();
	let mut observed = honest.clone();
	observed[0].0[1].elements[2] += F::ONE;
	opening.proof.commit_phase_merkle_caps = observed.clone();
	work(&mut opening, true);
	opening.proof.commit_phase_merkle_caps = honest;
	let hashes = observed.iter().flat_map(|cap| &cap.0);
	let behind: Vec<F> = hashes.flat_map(|hash| hash.elements).collect();
	needed(
		"opening: its transcript is of the folded words",
		|targets| cheat(targets, zeros(), &opening, behind.clone()),
	);
}

#[test]
fn transcript_should_be_of_the_last_polynomial() {
	let mut opening = honest_zero_opening();
	let honest = opening.proof.final_poly.clone();
	let observed = vec![F2::ONE; honest.len()];
	opening.proof.final_poly = PolynomialCoeffs::new(observed.clone());
	work(&mut opening, true);
	opening.proof.final_poly = honest;
	needed(
		"opening: its transcript is of the last polynomial",
		|targets| cheat(targets, zeros(), &opening, elements(observed.clone())),
	);
}

#[test]
fn transcript_should_be_of_the_work() {
	let mut opening = honest_zero_opening();
	let observed = opening.proof.pow_witness;
	work(&mut opening, false);
	needed("opening: its transcript is of the work", |targets| {
		cheat(targets, zeros(), &opening, [observed])
	});
}

/// For an alpha of one's choice there are values that cancel, of polynomials that are zero.
#[test]
fn alpha_should_be_drawn() {
	let alpha = extension(3, 4);
	let mut values = honest_values(zeros());
	values[0][0] = alpha;
	values[0][FOUR.bundle()] = -F2::ONE;
	let opening = zero_opening(values, |_| ());
	needed("opening: alpha is drawn", |targets| {
		cheat(targets, zeros(), &opening, elements([alpha]))
	});
}

#[test]
fn betas_should_be_drawn() {
	let opening = honest_zero_opening();
	needed("opening: betas are drawn", |targets| {
		let betas = [extension(1, 2), extension(3, 4)];
		cheat(targets, zeros(), &opening, elements(betas))
	});
}

#[test]
fn response_to_the_work_should_be_drawn() {
	let mut opening = honest_zero_opening();
	work(&mut opening, false);
	needed("opening: the work's response is drawn", |targets| {
		cheat(targets, zeros(), &opening, [F::ONE])
	});
}

#[test]
fn indices_should_be_drawn() {
	let opening = honest_zero_opening();
	needed("opening: indices are drawn", |targets| {
		cheat(targets, zeros(), &opening, [F::ONE, F::TWO])
	});
}

#[test]
fn remainder_should_be_the_values() {
	let mut values = honest_values(zeros());
	values[1][3] = F2::ONE;
	let opening = zero_opening(values, |_| ());
	needed("opening: a remainder is the values'", |targets| {
		let coefficients = FOUR.bundle() + TWO.bundle();
		cheat(targets, zeros(), &opening, vec![F::ZERO; coefficients * D])
	});
}

#[test]
fn opening_should_be_at_the_familys_point() {
	let [x, y] = points();
	let elsewhere = [x + F2::ONE, y];
	let [a, b] = families();
	let at = [(a, elsewhere[0]), (b, elsewhere[1])];
	let values = vec![a.evaluate(elsewhere[0]), b.evaluate(elsewhere[1])];
	let opening = open(&at, values, transcript(&parts(families())), &params()).unwrap();
	needed("opening: it is at the family's point", |targets| {
		cheat(targets, families(), &opening, elements(elsewhere))
	});
}

/// The words that the false opening has in its first folding step, and so should have had.
fn words_of_the_false_opening() -> Vec<F2> {
	let opening = false_opening();
	let rounds = &opening.proof.query_round_proofs;
	indices(families(), opening)
		.into_iter()
		.zip(rounds)
		.map(|(index, round)| round.steps[0].evals[index % ARITY])
		.collect()
}

#[test]
fn word_should_be_the_quotient() {
	let words = elements(words_of_the_false_opening());
	needed("opening: the word is the quotient", |targets| {
		cheat(targets, families(), false_opening(), words.clone())
	});
}

#[test]
fn work_should_be_done() {
	let mut opening = honest_zero_opening();
	work(&mut opening, false);
	needed("fri: the work is done", |targets| {
		cheat(targets, zeros(), &opening, [F::ONE])
	});
}

#[test]
fn index_should_be_its_bits() {
	let opening = honest_zero_opening();
	needed("fri: an index is its bits", |targets| {
		cheat(targets, zeros(), &opening, [F::ONE, F::TWO])
	});
}

/// Other polynomials, opened under these caps.
#[test]
fn leaves_should_be_committed_to() {
	let [x, y] = points();
	let others = [
		family_at(&params().config, FOUR, 3).1,
		family_at(&params().config, TWO, 4).1,
	];
	let cheats: Vec<Opening> = [[&others[0], &families()[1]], [&families()[0], &others[1]]]
		.into_iter()
		.map(|[a, b]| {
			let values = vec![a.evaluate(x), b.evaluate(y)];
			let transcript = transcript(&parts(families()));
			open(&[(a, x), (b, y)], values, transcript, &params()).unwrap()
		})
		.collect();
	needed("fri: leaves are committed to", |targets| {
		let cheat = |opening| cheat(targets, families(), opening, []);
		cheats.iter().flat_map(cheat).collect()
	});
}

#[test]
fn point_should_be_the_indexs() {
	let opening = honest_zero_opening();
	needed("fri: the point is the index's", |targets| {
		cheat(targets, zeros(), &opening, [F::TWO, F::TWO])
	});
}

#[test]
fn place_in_a_coset_should_be_the_indexs() {
	let opening = honest_zero_opening();
	let places: Vec<F> = indices(zeros(), &opening)
		.into_iter()
		.flat_map(|index| [index, index >> ARITY_BITS])
		.map(|index| F::from_canonical_usize((index + 1) % ARITY))
		.collect();
	needed("fri: the place in a coset is the index's", |targets| {
		cheat(targets, zeros(), &opening, places.clone())
	});
}

#[test]
fn coset_should_hold_the_word() {
	let opening = false_opening();
	let rounds = &opening.proof.query_round_proofs;
	let words = indices(families(), opening)
		.into_iter()
		.zip(rounds)
		.flat_map(|(index, round)| {
			let later = index >> ARITY_BITS;
			[
				round.steps[0].evals[index % ARITY],
				round.steps[1].evals[later % ARITY],
			]
		});
	let words = elements(words);
	needed("fri: a coset holds the word", |targets| {
		cheat(targets, families(), opening, words.clone())
	});
}

/// In turn, each folded word is committed to by a cap that no tree has.
#[test]
fn cosets_should_be_committed_to() {
	let openings = [0, 1].map(|step: usize| {
		zero_opening(honest_values(zeros()), |opening| {
			for hash in &mut opening.proof.commit_phase_merkle_caps[step].0 {
				*hash = HashOut {
					elements: [F::TWO; 4],
				};
			}
		})
	});
	needed("fri: cosets are committed to", |targets| {
		let cheat = |opening| cheat(targets, zeros(), opening, []);
		openings.iter().flat_map(cheat).collect()
	});
}

#[test]
fn last_polynomial_should_be_the_word() {
	let opening = zero_opening(honest_values(zeros()), |opening| {
		let constant = vec![F2::ONE, F2::ZERO];
		assert_eq!(opening.proof.final_poly.len(), constant.len());
		opening.proof.final_poly = PolynomialCoeffs::new(constant);
	});
	needed("fri: the last polynomial is the word", |targets| {
		cheat(targets, zeros(), &opening, elements([F2::ONE; QUERIES]))
	});
}

#[test]
fn fold_should_be_over_the_coset() {
	let opening = honest_zero_opening();
	needed("fri: a fold is over the coset", |targets| {
		cheat(targets, zeros(), &opening, [F::TWO; 2 * QUERIES])
	});
}

/// A word that is no polynomial's is committed to; what is folded is another, whose fold is zero.
#[test]
fn fold_should_be_of_the_cosets_values() {
	let mut values = honest_values(zeros());
	values[0][0] = F2::ONE;
	let [z, _] = points();
	let domain: Vec<F> = F::two_adic_subgroup(DOMAIN_LOG)
		.into_iter()
		.map(|point| F::coset_shift() * point)
		.collect();
	let word = domain
		.iter()
		.map(|point| -(F2::from(point.exp_u64(FOUR.bundle() as u64)) - z).inverse());
	let word = PolynomialValues::new(word.collect());
	let trees = [FOUR, TWO].map(|family| {
		let leaves = vec![vec![F::ZERO; family.bundles()]; 1 << DOMAIN_LOG];
		MerkleTree::new(leaves, params().config.cap_height)
	});
	let mut challenger = transcript(&parts(zeros()));
	for values in &values {
		challenger.observe_extension_elements::<D>(values);
	}
	challenger.get_extension_challenge::<D>();
	let proof = fri_proof::<F, C, D>(
		&[&trees[0], &trees[1]],
		PolynomialCoeffs::zero(1 << DOMAIN_LOG),
		word,
		&mut challenger,
		&params(),
		None,
		None,
		&mut TimingTree::default(),
	);
	let opening = Opening { values, proof };

	let FriChallenges {
		fri_betas,
		fri_query_indices,
		..
	} = challenges(zeros(), &opening);
	let generator = F::primitive_root_of_unity(ARITY_BITS);
	let folded = fri_query_indices.into_iter().flat_map(|index| {
		// The polynomial X - beta on the first step's coset; the second step's values are zero.
		let coset = index >> ARITY_BITS;
		let first = coset.reverse_bits() >> (usize::BITS as usize - DOMAIN_LOG + ARITY_BITS);
		let on_coset: Vec<F2> = generator
			.powers()
			.take(ARITY)
			.map(|power| F2::from(domain[first] * power) - fri_betas[0])
			.collect();
		[on_coset, vec![F2::ZERO; ARITY]].concat()
	});
	let folded = elements(folded);
	needed("fri: a fold is of the coset's values", |targets| {
		cheat(targets, zeros(), &opening, folded.clone())
	});
}

#[test]
fn fold_should_be_at_beta() {
	let opening = honest_zero_opening();
	needed("fri: a fold is at beta", |targets| {
		cheat(targets, zeros(), &opening, [F::TWO; 2 * QUERIES * D])
	});
}
