//! The distances as constraints.
//!
//! With D the table of distances, D\[i]\[j] between the first i bases of the pattern and the first j of the text, let
//! v = D\[i]\[j] - D\[i-1]\[j] and h = D\[i]\[j] - D\[i]\[j-1] be the steps down and across. All of them are -1, 0 or 1, and a step along the
//! diagonal is 0 or 1 (Ukkonen, "Algorithms for approximate string matching", 1985); so the minimum that defines a cell,
//! `D[i][j] = min(D[i-1][j-1] + differ, D[i-1][j] + 1, D[i][j-1] + 1)`, is
//!
//! ```text
//! d = D[i][j] - D[i-1][j-1] = 0 if the bases are equal, or the step down on the left is -1, or the step across above is -1
//!                             1 otherwise
//! ```
//!
//! and the cell's own steps are d less the one across above (down) and d less the one down on the left (across). Every step is a
//! polynomial of the ones before and of the bases, of degree two at a time: no minimum is guessed, nothing is left to compare.
//!
//! **The output is a function of the input.** The wires that a prover sets are the packed bases, and they are opened against the
//! commitment: five elements, which are bits by their decomposition (56 of them, 32 in the last: far below p, so there is
//! one) and hashed with tag and length as `lemma_zk_statement::sponge_commitment` does; two openings of one commitment are a
//! collision. Everything else is computed of the bits by gates that determine it. So are the distances, which are 0 to 64 by
//! what they are, and v is their evaluation at y. Whoever changes any of it breaks a gate, a copy or the hash.

use lemma_zk_circuits::{
	circuit::Circuit, gadgets::output::evaluate_output, program::ProveError,
	targets::StatementTargets, Builder, F,
};
use lemma_zk_statement::{OutputElement, SPONGE_TAG};
use plonky2::{
	field::types::Field,
	hash::poseidon::PoseidonHash,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
};

use crate::pair::{Pair, BASES, PACKED};

/// Bytes in an element of the commitment.
const WORD: usize = 7;

/// The circuit of all pairs.
#[derive(Clone, Copy, Debug)]
pub struct AlignmentCircuit;

/// What a prover sets: the packed bases.
pub struct AlignmentTargets {
	/// Seven bytes to an element.
	pub words: Vec<Target>,
	/// The distances, for tests that try to set them.
	#[cfg(test)]
	pub distances: Vec<Target>,
}

impl Circuit for AlignmentCircuit {
	type Targets = AlignmentTargets;

	fn name(&self) -> String {
		"alignment/b64".into()
	}

	fn element(&self) -> OutputElement {
		OutputElement::U8
	}

	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> AlignmentTargets {
		let (words, bases) = open_bases(builder, statement);
		let (pattern, text) = bases.split_at(BASES);
		let distances = last_row(builder, pattern, text);
		evaluate_output(builder, statement, &distances);
		AlignmentTargets {
			words,
			#[cfg(test)]
			distances,
		}
	}
}

/// The packed input, and the bases of it as numbers 0 to 3; constrained to be what the statement's input commits to.
fn open_bases(builder: &mut Builder, statement: &StatementTargets) -> (Vec<Target>, Vec<Target>) {
	let length = 2 * PACKED;
	let mut words = Vec::new();
	let mut bases = Vec::new();
	for begin in (0..length).step_by(WORD) {
		let bytes = WORD.min(length - begin);
		let word = builder.add_virtual_target();
		let bits = builder.split_le(word, 8 * bytes);
		for pair in bits.chunks_exact(2) {
			bases.push(builder.mul_const_add(F::TWO, pair[1].target, pair[0].target));
		}
		words.push(word);
	}
	let header = [SPONGE_TAG, length as u64].map(|n| builder.constant(F::from_canonical_u64(n)));
	let hashed = [&header[..], &words].concat();
	let hash = builder.hash_n_to_hash_no_pad::<PoseidonHash>(hashed);
	builder.connect_hashes(hash, statement.input_hash());
	(words, bases)
}

/// The last row of the table but its first cell.
fn last_row(builder: &mut Builder, pattern: &[Target], text: &[Target]) -> Vec<Target> {
	let one = builder.one();
	// Along its upper edge the table rises with every step across.
	let mut across = vec![one; BASES];
	for &mine in pattern {
		// And along its left edge with every step down.
		let mut down = one;
		for (above, &other) in across.iter_mut().zip(text) {
			let differ = differ(builder, mine, other);
			let falls = [down, *above].map(|step| is_minus_one(builder, step));
			// differ * (1 - falls) * (1 - falls)
			let rest = builder.arithmetic(F::NEG_ONE, F::ONE, falls[0], differ, differ);
			let diagonal = builder.arithmetic(F::NEG_ONE, F::ONE, falls[1], rest, rest);
			let next_down = builder.sub(diagonal, *above);
			*above = builder.sub(diagonal, down);
			down = next_down;
		}
	}
	let mut distance = builder.constant(F::from_canonical_usize(BASES));
	let distances = across.into_iter().map(|step| {
		distance = builder.add(distance, step);
		distance
	});
	distances.collect()
}

/// 0 if two bases are equal, else 1: with u the square of what they differ by, 0, 1, 4 or 9, that is u (u - 7)^2 / 36.
fn differ(builder: &mut Builder, a: Target, b: Target) -> Target {
	let difference = builder.sub(a, b);
	let square = builder.mul(difference, difference);
	let minus_seven = -F::from_canonical_u8(7);
	let root = builder.arithmetic(F::ONE, minus_seven, difference, square, difference);
	let scale = F::from_canonical_u8(36).inverse();
	builder.arithmetic(scale, F::ZERO, root, root, root)
}

/// Of -1, 0 or 1: 1 if it is the first, else 0. (x^2 - x) / 2.
fn is_minus_one(builder: &mut Builder, x: Target) -> Target {
	let half = F::TWO.inverse();
	builder.arithmetic(half, -half, x, x, x)
}

impl AlignmentTargets {
	/// Sets all of the witness that the statement does not.
	pub fn set(&self, witness: &mut PartialWitness<F>, pair: &Pair) -> Result<(), ProveError> {
		let committed = pair.committed();
		let words = committed.chunks(WORD).map(|bytes| {
			let word = bytes
				.iter()
				.rev()
				.fold(0, |word, byte| word << 8 | u64::from(*byte));
			F::from_canonical_u64(word)
		});
		witness
			.extend(self.words.iter().copied().zip(words))
			.map_err(|error| ProveError::Prover(error.to_string()))
	}
}
