//! The statement without one of its constraints. (That v is public shows only in a program: `programs::gemm`.)

use std::sync::OnceLock;

use lemma_zk_statement::{binding, blake2_256, OutputElement, CHALLENGE_TAG};
use plonky2::plonk::config::Hasher;

use super::*;
use crate::{
	constraint::leaving_out::{assert_needed, Cheat, Tested},
	security,
};

const ELEMENT: OutputElement = OutputElement::I32;

fn circuit() -> (Builder, StatementTargets) {
	let mut builder = Builder::new(security::inner_config());
	let statement = StatementTargets::add(&mut builder, ELEMENT);
	(builder, statement)
}

fn whole() -> &'static Tested<StatementTargets> {
	static WHOLE: OnceLock<Tested<StatementTargets>> = OnceLock::new();
	WHOLE.get_or_init(|| Tested::whole(circuit))
}

fn honest() -> Statement {
	let output: Vec<u8> = (0..40).collect();
	let binding = binding(&[1; 32], 2, &[3; 32]);
	Statement::of_result([4; 32], binding, [5; 32], ELEMENT, &output, blake2_256).unwrap()
}

/// The public inputs that say so.
fn claim(statement: &Statement) -> Vec<F> {
	statement.to_elements()[4..].to_vec()
}

/// Whoever claims `claimed` and sets the circuit's wires to `set`.
fn cheat(targets: &StatementTargets, claimed: Vec<F>, set: &Statement, behind: &[F]) -> Cheat {
	let mut witness = PartialWitness::new();
	targets.set(&mut witness, set).unwrap();
	Cheat {
		claim: claimed,
		witness,
		behind: behind.to_vec(),
	}
}

fn needed(name: &'static str, cheats: impl Fn(&StatementTargets) -> Vec<Cheat>) {
	assert_needed(name, whole(), circuit, cheats);
}

/// Another element at each of `places` of the honest public inputs, with the circuit about the honest ones.
fn another_is_public(targets: &StatementTargets, places: std::ops::Range<usize>) -> Vec<Cheat> {
	let honest = honest();
	places
		.map(|place| {
			let mut claimed = claim(&honest);
			claimed[place] += F::ONE;
			cheat(targets, claimed, &honest, &[])
		})
		.collect()
}

/// Another element at each of `places`, with the honest y, for which the honest ones are hashed.
fn another_is_not_hashed(targets: &StatementTargets, places: std::ops::Range<usize>) -> Vec<Cheat> {
	let hashed = &claim(&honest())[places.clone()];
	let mut cheats = another_is_public(targets, places);
	for cheat in &mut cheats {
		cheat.witness = PartialWitness::new();
		cheat.behind = hashed.to_vec();
	}
	cheats
}

/// What y is the beginning of.
fn hash(tag: u64, element: u64, claim: &[F]) -> [F; 4] {
	let first = [tag, element].map(F::from_canonical_u64);
	let preimage = [&first[..], &claim[8..20], &claim[..8]].concat();
	PoseidonHash::hash_no_pad(&preimage).elements
}

#[test]
fn honest_statement_should_be_accepted() {
	let honest = cheat(whole().targets(), claim(&honest()), &honest(), &[]);
	assert!(whole().accepts(None, &honest));
}

#[test]
fn binding_should_be_public() {
	needed("statement: the binding is public", |targets| {
		another_is_public(targets, 0..8)
	});
}

#[test]
fn input_should_be_public() {
	needed("statement: the input is public", |targets| {
		another_is_public(targets, 8..12)
	});
}

#[test]
fn output_should_be_public() {
	needed("statement: the output is public", |targets| {
		another_is_public(targets, 12..20)
	});
}

#[test]
fn y_should_be_public() {
	needed("statement: y is public", |targets| {
		another_is_public(targets, 20..22)
	});
}

#[test]
fn challenge_should_begin_with_its_tag() {
	needed("challenge: it begins with its tag", |_| {
		let tag = CHALLENGE_TAG + 1;
		let mut claimed = claim(&honest());
		let [a, b, ..] = hash(tag, ELEMENT.code(), &claimed);
		claimed[20..22].copy_from_slice(&[a, b]);
		vec![Cheat {
			claim: claimed,
			behind: vec![F::from_canonical_u64(tag)],
			..Cheat::default()
		}]
	});
}

#[test]
fn challenge_should_be_of_the_outputs_type() {
	needed("challenge: it is of the output's type", |_| {
		let others = [OutputElement::U8, OutputElement::I8, OutputElement::I16];
		others
			.map(|other| {
				let mut claimed = claim(&honest());
				let [a, b, ..] = hash(CHALLENGE_TAG, other.code(), &claimed);
				claimed[20..22].copy_from_slice(&[a, b]);
				Cheat {
					claim: claimed,
					behind: vec![F::from_canonical_u64(other.code())],
					..Cheat::default()
				}
			})
			.into()
	});
}

#[test]
fn challenge_should_be_of_the_input() {
	needed("challenge: it is of the input", |targets| {
		another_is_not_hashed(targets, 8..12)
	});
}

#[test]
fn challenge_should_be_of_the_output() {
	needed("challenge: it is of the output", |targets| {
		another_is_not_hashed(targets, 12..20)
	});
}

#[test]
fn challenge_should_be_of_the_binding() {
	needed("challenge: it is of the binding", |targets| {
		another_is_not_hashed(targets, 0..8)
	});
}

#[test]
fn y_should_be_the_challenge() {
	needed("challenge: y is it", |_| {
		let honest = claim(&honest());
		let [a, b, c, d] = hash(CHALLENGE_TAG, ELEMENT.code(), &honest);
		assert_eq!(honest[20..22], [a, b]);
		[[F::ZERO, b], [a, F::ZERO], [F::ZERO, F::ZERO]]
			.into_iter()
			.map(|y| {
				let mut claimed = honest.clone();
				claimed[20..22].copy_from_slice(&y);
				let mut cheat = Cheat {
					claim: claimed,
					..Cheat::default()
				};
				cheat.behind = [&y[..], &[c, d]].concat();
				cheat
			})
			.collect()
	});
}
