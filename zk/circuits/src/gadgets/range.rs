//! Range checks, and what follows from them: signed values, comparisons, floor shifts, products in fixed point.
//!
//! Numbers in a circuit are elements of the field; a number of either sign, v, stands as p + v if it is negative. Every function
//! here says what it takes for granted of its arguments. All are for circuits that are wrapped: [`Chunks`] is no gate of the
//! fixed shape.
//!
//! Costs, in rows: a check of 16 bits 1/16; of fewer bits 1/8 and a product (1/20); of more, 1/16 for each 16 bits, 1/8 for what
//! remains, and the chunks' sum (1/20 each). plonky2's own base sums take one row for each check, of up to 63 bits.

use anyhow::Result;
use plonky2::{
	field::types::{Field, PrimeField64},
	iop::{
		generator::{GeneratedValues, SimpleGenerator},
		target::{BoolTarget, Target},
		witness::{PartitionWitness, Witness, WitnessWrite},
	},
	plonk::circuit_data::CommonCircuitData,
	util::serialization::{Buffer, IoError, IoResult},
};

use super::custom::{digits, element, feed, signed, Algebra, Custom, Row};
use crate::{
	constraint::{constrained, holds},
	Builder, D, F,
};

/// Bits of a chunk.
pub const CHUNK_BITS: usize = 16;
/// A range check has at most this many bits, so that a sum of chunks cannot pass the field's order.
pub const MAX_BITS: usize = 62;

/// Sixteen values of sixteen bits each, by their digits to base four. The last digit of each is no wire but what remains.
#[derive(Clone, Debug)]
pub(super) struct Chunks;

const OPERATIONS: usize = 16;
const DIGITS: usize = CHUNK_BITS / 2 - 1;

impl Row for Chunks {
	fn operations(&self) -> usize {
		OPERATIONS
	}

	fn wires(&self) -> usize {
		OPERATIONS * (1 + DIGITS)
	}

	fn constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		4
	}

	fn constraints(&self) -> usize {
		OPERATIONS * (DIGITS + 1)
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		_: &[A::Value],
	) -> Vec<A::Value> {
		let (values, rest) = wires.split_at(OPERATIONS);
		let mut constraints = Vec::with_capacity(self.constraints());
		for (value, digits) in values.iter().zip(rest.chunks(DIGITS)) {
			let last = remaining_digit(algebra, *value, digits);
			for digit in digits.iter().copied().chain([last]) {
				constraints.push(algebra.below_four(digit));
			}
		}
		constraints
	}

	fn inputs(&self, operation: usize, _: &[F]) -> Vec<usize> {
		vec![operation]
	}

	fn complete(&self, operation: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let first = OPERATIONS + operation * DIGITS;
		(first..)
			.zip(digits(inputs[0].to_canonical_u64(), DIGITS))
			.collect()
	}
}

/// (value - the digits' number) / 4^(their count): what is the highest digit, if it is one.
pub(super) fn remaining_digit<A: Algebra>(
	algebra: &mut A,
	value: A::Value,
	digits: &[A::Value],
) -> A::Value {
	let scale = F::from_canonical_u64(1 << (2 * digits.len())).inverse();
	let zero = algebra.constant(F::ZERO);
	let value = algebra.scale_add(scale, value, zero);
	algebra.base_four(-scale, digits.iter().copied(), value)
}

/// Constrains a value to be 0 to 2^16 - 1.
fn check_chunk(builder: &mut Builder, value: Target) {
	let (row, operation) = builder.find_slot(Custom(Chunks), &[], &[]);
	feed(builder, row, operation, value);
}

/// Constrains a value to be 0 to 2^`bits` - 1.
///
/// # Panics
///
/// If `bits` is zero or more than [`MAX_BITS`].
pub fn range_check(builder: &mut Builder, value: Target, bits: usize) {
	assert!(
		(1..=MAX_BITS).contains(&bits),
		"{bits} bits cannot be checked"
	);
	if bits <= CHUNK_BITS {
		check_chunk(builder, value);
		if bits < CHUNK_BITS {
			// Both are below 2^16, so there is no wrapping around: the value is below 2^bits.
			let factor = F::from_canonical_u64(1 << (CHUNK_BITS - bits));
			let scaled = builder.mul_const(factor, value);
			let scaled = constrained(builder, "range: a value has no more than its bits", scaled);
			check_chunk(builder, scaled);
		}
		return;
	}
	// value = low + 2^16 * high; the sum is below 2^62, so it has one such form.
	let high = hint_floor(builder, value, CHUNK_BITS);
	let low = builder.mul_const_add(-F::from_canonical_u64(1 << CHUNK_BITS), high, value);
	let low = constrained(builder, "range: the low chunk is what remains", low);
	check_chunk(builder, low);
	range_check(builder, high, bits - CHUNK_BITS);
}

/// Constrains a value to be -2^(`bits` - 1) to 2^(`bits` - 1) - 1.
pub fn signed_range_check(builder: &mut Builder, value: Target, bits: usize) {
	let shifted = builder.add_const(value, F::from_canonical_u64(1 << (bits - 1)));
	range_check(builder, shifted, bits);
}

/// floor(value / 2^`shift`), towards minus infinity, of a value whose quotient is
/// -2^(`bits` - 1) to 2^(`bits` - 1) - 1: a value outside of that has no proof.
///
/// Takes for granted that `value` is a number of magnitude below 2^62, and needs `shift` + `bits` to be at most [`MAX_BITS`].
/// Unique: value = quotient * 2^shift + remainder over the integers, for neither side can wrap around.
pub fn floor_shift(builder: &mut Builder, value: Target, shift: usize, bits: usize) -> Target {
	assert!(
		shift + bits <= MAX_BITS,
		"a shift of {shift} to {bits} bits could wrap around"
	);
	if shift == 0 {
		signed_range_check(builder, value, bits);
		return value;
	}
	let quotient = hint_floor(builder, value, shift);
	signed_range_check(builder, quotient, bits);
	let remainder = builder.mul_const_add(-F::from_canonical_u64(1 << shift), quotient, value);
	let remainder = constrained(builder, "shift: the remainder is the value's", remainder);
	range_check(builder, remainder, shift);
	quotient
}

/// The product of two numbers in fixed point, of `shift` bits after the point each: floor(a * b / 2^`shift`), as
/// [`floor_shift`], with a quotient of `bits` bits.
///
/// Takes for granted that |a * b| is below 2^62.
pub fn fixed_mul(builder: &mut Builder, a: Target, b: Target, shift: usize, bits: usize) -> Target {
	let product = builder.mul(a, b);
	let product = constrained(builder, "fixed point: the product is the factors'", product);
	floor_shift(builder, product, shift, bits)
}

/// Whether a value of -2^`bits` to 2^`bits` - 1 is negative; one outside of that has no proof.
pub fn is_negative(builder: &mut Builder, value: Target, bits: usize) -> BoolTarget {
	assert!(bits < MAX_BITS);
	let floor = hint_floor(builder, value, bits);
	let negative = BoolTarget::new_unsafe(builder.neg(floor));
	if holds("comparison: it is negative or not") {
		builder.assert_bool(negative);
	}
	let shifted = builder.mul_const_add(F::from_canonical_u64(1 << bits), negative.target, value);
	let shifted = constrained(builder, "comparison: the rest is not negative", shifted);
	range_check(builder, shifted, bits);
	negative
}

/// Whether a < b, for values whose difference has at most `bits` bits and a sign.
pub fn less_than(builder: &mut Builder, a: Target, b: Target, bits: usize) -> BoolTarget {
	let difference = builder.sub(a, b);
	is_negative(builder, difference, bits)
}

/// The greater of two values whose difference has at most `bits` bits and a sign.
pub fn maximum(builder: &mut Builder, a: Target, b: Target, bits: usize) -> Target {
	let less = less_than(builder, a, b, bits);
	builder.select(less, b, a)
}

/// `low` if the value is less, `high` if it is greater, the value otherwise: for constants `low` <= `high`, and a value whose
/// difference from either has at most `bits` bits and a sign.
pub fn clamp(builder: &mut Builder, value: Target, [low, high]: [i64; 2], bits: usize) -> Target {
	let [low, high] = [low, high].map(|bound| builder.constant(element(bound)));
	let raised = maximum(builder, value, low, bits);
	let above = less_than(builder, high, raised, bits);
	builder.select(above, high, raised)
}

/// A wire that the prover fills with floor(value / 2^`shift`); nothing is constrained.
pub(super) fn hint_floor(builder: &mut Builder, value: Target, shift: usize) -> Target {
	let floor = builder.add_virtual_target();
	builder.add_simple_generator(Floor {
		value,
		shift,
		floor,
	});
	floor
}

#[derive(Debug)]
struct Floor {
	value: Target,
	shift: usize,
	floor: Target,
}

impl SimpleGenerator<F, D> for Floor {
	fn id(&self) -> String {
		"Lemma floor".into()
	}

	fn dependencies(&self) -> Vec<Target> {
		vec![self.value]
	}

	fn run_once(
		&self,
		witness: &PartitionWitness<'_, F>,
		out: &mut GeneratedValues<F>,
	) -> Result<()> {
		let value = signed(witness.get_target(self.value));
		out.set_target(self.floor, element(value >> self.shift))
	}

	fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		Err(IoError)
	}

	fn deserialize(_: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Err(IoError)
	}
}
