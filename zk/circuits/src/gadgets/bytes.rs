//! Small inputs: bytes out of packed elements, and the sponge that commits to them.
//!
//! The commitment is `lemma_zk_statement::sponge_commitment`: Poseidon over a tag, the number of bytes, and the bytes packed by
//! seven. An element determines its seven bytes only if each of them is checked to be one; [`Bytes`] does, 28 bytes a row. So an
//! input of n bytes takes n/28 rows, n/56 permutations (a row each) and, if it is of signed bytes, n/140 rows of sums.

use lemma_zk_statement::SPONGE_TAG;
use plonky2::{
	field::types::{Field, PrimeField64},
	hash::{hash_types::HashOutTarget, poseidon::PoseidonHash},
	iop::target::Target,
};

use super::{
	custom::{digits, feed, signed, Algebra, Custom, Row},
	range::remaining_digit,
};
use crate::{constraint::constrained, Builder, F};

/// Bytes in an element.
pub const PACKED_BYTES: usize = 7;

/// Four elements and the seven bytes of each. A byte b stands as b - `offset`, and an element as the sum of those: as if every
/// byte were `offset` less.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
	/// 0 for bytes, 128 for signed ones.
	pub offset: u8,
}

const OPERATIONS: usize = 4;
/// Of a byte; its fourth is what remains.
const DIGITS: usize = 3;

impl Bytes {
	fn byte(operation: usize, place: usize) -> usize {
		OPERATIONS + operation * PACKED_BYTES + place
	}

	fn digit(operation: usize, place: usize) -> usize {
		OPERATIONS * (1 + PACKED_BYTES) + (operation * PACKED_BYTES + place) * DIGITS
	}
}

impl Row for Bytes {
	fn operations(&self) -> usize {
		OPERATIONS
	}

	fn wires(&self) -> usize {
		Self::digit(OPERATIONS, 0)
	}

	fn constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		4
	}

	fn constraints(&self) -> usize {
		OPERATIONS * (1 + PACKED_BYTES * (DIGITS + 1))
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		_: &[A::Value],
	) -> Vec<A::Value> {
		let mut constraints = Vec::with_capacity(self.constraints());
		let offset = algebra.constant(F::from_canonical_u8(self.offset));
		for operation in 0..OPERATIONS {
			let mut rest = wires[operation];
			for place in 0..PACKED_BYTES {
				let byte = wires[Self::byte(operation, place)];
				let digits = &wires[Self::digit(operation, place)..][..DIGITS];
				let value = if self.offset == 0 {
					byte
				} else {
					algebra.scale_add(F::ONE, byte, offset)
				};
				let last = remaining_digit(algebra, value, digits);
				for digit in digits.iter().copied().chain([last]) {
					constraints.push(algebra.below_four(digit));
				}
				rest = algebra.scale_add(-F::from_canonical_u64(1 << (8 * place)), byte, rest);
			}
			constraints.push(rest);
		}
		constraints
	}

	fn inputs(&self, operation: usize, _: &[F]) -> Vec<usize> {
		vec![operation]
	}

	fn complete(&self, operation: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let packed = (inputs[0] + self.all_offsets()).to_canonical_u64();
		let offset = F::from_canonical_u8(self.offset);
		let bytes = packed.to_le_bytes().into_iter().take(PACKED_BYTES);
		bytes
			.enumerate()
			.flat_map(|(place, byte)| {
				let value = F::from_canonical_u8(byte) - offset;
				let first = Self::digit(operation, place);
				[(Self::byte(operation, place), value)]
					.into_iter()
					.chain((first..).zip(digits(u64::from(byte), DIGITS)))
			})
			.collect()
	}
}

impl Bytes {
	/// What seven bytes stand short of.
	fn all_offsets(&self) -> F {
		(0..PACKED_BYTES)
			.map(|place| F::from_canonical_u64(u64::from(self.offset) << (8 * place)))
			.sum()
	}
}

/// Bytes that a sponge commits to, inside a circuit.
#[derive(Clone, Debug)]
pub struct SpongeInput {
	/// What the prover sets: the bytes packed by seven.
	pub packed: Vec<Target>,
	/// Each byte; a signed one is 128 less, -128 to 127.
	pub bytes: Vec<Target>,
	/// The commitment.
	pub hash: HashOutTarget,
}

/// Adds an input of `len` bytes: 0 to 255 each, or if they are `signed` -128 to 127, committed to as bytes that are 128 more.
pub fn sponge_input(builder: &mut Builder, len: usize, signed: bool) -> SpongeInput {
	let gate = Bytes {
		offset: if signed { 128 } else { 0 },
	};
	let packed = builder.add_virtual_targets(len.div_ceil(PACKED_BYTES));
	let shift = -gate.all_offsets();
	let mut bytes = Vec::with_capacity(packed.len() * PACKED_BYTES);
	for element in &packed {
		let shifted = builder.add_const(*element, shift);
		let (row, operation) = builder.find_slot(Custom(gate.clone()), &[], &[]);
		feed(builder, row, operation, shifted);
		bytes.extend(
			(0..PACKED_BYTES).map(|place| Target::wire(row, Bytes::byte(operation, place))),
		);
	}
	let nothing = builder.constant(-F::from_canonical_u8(gate.offset));
	for byte in bytes.split_off(len) {
		let byte = constrained(builder, "sponge: nothing follows the last byte", byte);
		builder.connect(byte, nothing);
	}

	let header = [SPONGE_TAG, len as u64].map(|n| builder.constant(F::from_canonical_u64(n)));
	let header = constrained(builder, "sponge: it begins with its tag and length", header);
	let hashed = constrained(builder, "sponge: it is of the packed bytes", packed.clone());
	let preimage = header.into_iter().chain(hashed).collect();
	let hash = builder.hash_n_to_hash_no_pad::<PoseidonHash>(preimage);
	SpongeInput {
		packed,
		bytes,
		hash,
	}
}

/// The values that [`SpongeInput::packed`] is set to.
pub fn packed(bytes: &[u8]) -> impl Iterator<Item = F> + '_ {
	bytes.chunks(PACKED_BYTES).map(|chunk| {
		let mut word = [0; 8];
		word[..chunk.len()].copy_from_slice(chunk);
		F::from_canonical_u64(u64::from_le_bytes(word))
	})
}

/// Signed bytes as they are committed to: 128 more.
pub fn raised(values: &[i8]) -> Vec<u8> {
	values.iter().map(|value| *value as u8 ^ 0x80).collect()
}

/// The greatest of up to four signed bytes, seven times a row.
#[derive(Clone, Debug)]
pub(super) struct Greatest;

const MAXIMA: usize = 7;
const CANDIDATES: usize = 4;

impl Greatest {
	fn digit(operation: usize, candidate: usize) -> usize {
		MAXIMA * (1 + CANDIDATES) + (operation * CANDIDATES + candidate) * DIGITS
	}
}

impl Row for Greatest {
	fn operations(&self) -> usize {
		MAXIMA
	}

	fn wires(&self) -> usize {
		Self::digit(MAXIMA, 0)
	}

	fn constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		4
	}

	fn constraints(&self) -> usize {
		MAXIMA * (1 + CANDIDATES * (DIGITS + 1))
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		_: &[A::Value],
	) -> Vec<A::Value> {
		let mut constraints = Vec::with_capacity(self.constraints());
		for operation in 0..MAXIMA {
			let [greatest, candidates @ ..] =
				&wires[operation * (1 + CANDIDATES)..][..1 + CANDIDATES]
			else {
				unreachable!("there is one wire at least")
			};
			// It is one of them, and no less than any.
			let mut product = algebra.constant(F::ONE);
			for (candidate, value) in candidates.iter().enumerate() {
				let above = algebra.sub(*greatest, *value);
				product = algebra.mul(product, above);
				let digits = &wires[Self::digit(operation, candidate)..][..DIGITS];
				let last = remaining_digit(algebra, above, digits);
				for digit in digits.iter().copied().chain([last]) {
					constraints.push(algebra.below_four(digit));
				}
			}
			constraints.push(product);
		}
		constraints
	}

	fn inputs(&self, operation: usize, _: &[F]) -> Vec<usize> {
		let first = operation * (1 + CANDIDATES) + 1;
		(first..first + CANDIDATES).collect()
	}

	fn complete(&self, operation: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let greatest = inputs.iter().copied().max_by_key(|value| signed(*value));
		let greatest = greatest.unwrap_or(F::ZERO);
		let of_candidate = |(candidate, value): (usize, &F)| {
			let above = (greatest - *value).to_canonical_u64();
			(Self::digit(operation, candidate)..).zip(digits(above, DIGITS))
		};
		[(operation * (1 + CANDIDATES), greatest)]
			.into_iter()
			.chain(inputs.iter().enumerate().flat_map(of_candidate))
			.collect()
	}
}

/// The greatest of values that are known to be signed bytes (or of any range of 256). Takes a seventh of a row for every three
/// values but the first.
pub fn greatest(builder: &mut Builder, values: &[Target]) -> Target {
	let (first, rest) = values.split_first().expect("there is a value");
	let mut greatest = *first;
	for more in rest.chunks(CANDIDATES - 1) {
		let (row, operation) = builder.find_slot(Custom(Greatest), &[], &[]);
		let base = operation * (1 + CANDIDATES);
		// Where there are fewer, the first stands once more.
		let candidates: Vec<Target> = (0..CANDIDATES - 1)
			.map(|place| more.get(place).copied().unwrap_or(greatest))
			.chain([greatest])
			.collect();
		for (place, candidate) in candidates.into_iter().enumerate() {
			feed(builder, row, base + 1 + place, candidate);
		}
		greatest = Target::wire(row, base);
	}
	greatest
}
