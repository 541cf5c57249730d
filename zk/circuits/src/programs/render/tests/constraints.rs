//! The circuit without one of its constraints. Those of its gates are in `trace.rs`, `light.rs` and `shade.rs`.

use lemma_zk_statement::{bytes_to_hash, hash_to_bytes};
use plonky2::{field::types::Field, hash::poseidon::PoseidonHash, plonk::config::Hasher};

use super::{
	super::{
		circuit::{commitment, header},
		reference::output,
	},
	circuits::{cheat, statement, tiny, unbuilt, whole, Targets, TINY},
	rows::elements,
	*,
};
use crate::{
	constraint::leaving_out::{assert_needed, Cheat},
	F,
};

/// Fails unless the circuit without the constraint, and no other, accepts the cheats.
fn needed_against(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(), unbuilt, cheats);
}

/// What a commitment begins with, and its numbers.
fn committed_to(tile: &Prepared<i64>) -> [Vec<F>; 2] {
	let numbers = elements(tile.numbers());
	let header = header(TINY, numbers.len());
	[header.map(F::from_canonical_u64).to_vec(), numbers]
}

#[test]
fn commitment_should_begin_with_its_class() {
	let tile = tiny();
	let [header, numbers] = committed_to(&tile);
	let output = output(TINY, &tile);
	needed_against("render: the commitment begins with its class", |targets| {
		(0..8)
			.map(|place| {
				let mut header = header.clone();
				header[place] += F::ONE;
				let elements = [&header[..], &numbers].concat();
				let input = hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements);
				Cheat {
					behind: header,
					..cheat(targets, &statement(input, &output), &tile)
				}
			})
			.collect()
	});
}

#[test]
fn commitment_should_be_of_the_numbers() {
	let tile = tiny();
	let [_, numbers] = committed_to(&tile);
	// A sphere of another colour, a light elsewhere.
	let mut others = [tile.clone(), tile.clone()];
	others[0].colours[2][0] -= 1;
	others[1].lamps[0].position[1] -= 100;
	let input = commitment(TINY, &tile);
	needed_against("render: the commitment is of the numbers", |targets| {
		others
			.iter()
			.map(|other| {
				let statement = statement(input, &output(TINY, other));
				Cheat {
					behind: numbers.clone(),
					..cheat(targets, &statement, other)
				}
			})
			.collect()
	});
}

#[test]
fn input_should_be_the_commitment() {
	let tile = tiny();
	let honest = bytes_to_hash(&commitment(TINY, &tile)).unwrap();
	let output = output(TINY, &tile);
	needed_against("render: the input is the commitment", |targets| {
		(0..4)
			.map(|place| {
				let mut input = honest;
				input[place] += F::ONE;
				Cheat {
					behind: input.to_vec(),
					..cheat(targets, &statement(hash_to_bytes(input), &output), &tile)
				}
			})
			.collect()
	});
}
