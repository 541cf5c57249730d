//! Evaluation of an output as a polynomial.

use alloc::{vec, vec::Vec};

use plonky2::field::{
	extension::quadratic::QuadraticExtension,
	goldilocks_field::GoldilocksField,
	types::{Field, PrimeField64},
};

use crate::{OutputElement, F};

type F2 = QuadraticExtension<F>;

/// Elements of one block. An accumulator takes at most 2^9 products of a 22-bit limb and an element of
/// magnitude at most 2^31, less than 2^63.
const BLOCK: usize = 512;
/// A power of y is cut into this many limbs of this many bits for each of its two coordinates.
const LIMBS: usize = 3;
const LIMB_BITS: u32 = 22;
const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
const LIMB_BASE: F = GoldilocksField(1 << LIMB_BITS);

/// The output's evaluation at `y`: the sum over k of o_k * y^k in the quadratic extension
/// F[X]/(X^2 - 7) of the Goldilocks field, where o_k is the k-th element. Both coordinates canonical.
///
/// Only whole elements count: [`crate::Statement::of_result`] refuses an output whose length is not a
/// multiple of the element's.
///
/// A product in this field takes several 64-bit multiplications and is slow in Wasm, and an output has
/// up to a million elements. But they are small. So the powers y^0..y^511 are cut into limbs, blocks of 512
/// elements are multiplied with them in plain 64-bit integers, and only the blocks' sums are combined in
/// the field, by Horner's rule with y^512.
pub fn evaluate(element: OutputElement, bytes: &[u8], y: [u64; 2]) -> [u64; 2] {
	let y = QuadraticExtension(y.map(F::from_noncanonical_u64));
	let sum = match element {
		OutputElement::U8 => sum(bytes, y, |[byte]: [u8; 1]| byte.into()),
		OutputElement::I8 => sum(bytes, y, |byte| i8::from_le_bytes(byte).into()),
		OutputElement::I16 => sum(bytes, y, |pair| i16::from_le_bytes(pair).into()),
		OutputElement::I32 => sum(bytes, y, i32::from_le_bytes),
	};
	sum.0.map(|coordinate| coordinate.to_canonical_u64())
}

fn sum<const W: usize>(bytes: &[u8], y: F2, decode: impl Fn([u8; W]) -> i32) -> F2 {
	let elements = bytes.as_chunks::<W>().0;
	let powers = Powers::new(y, elements.len().min(BLOCK));
	let mut block = Vec::with_capacity(BLOCK);
	elements
		.chunks(BLOCK)
		.rev()
		.fold(F2::ZERO, |higher, chunk| {
			block.clear();
			block.extend(chunk.iter().map(|bytes| decode(*bytes)));
			field::mul_add(higher, powers.next, powers.dot(&block))
		})
}

/// The powers of y from 0 on, cut into limbs: `limbs[c][l][j]` is the l-th limb, least first, of
/// coordinate c of y^j.
struct Powers {
	limbs: [[Vec<i32>; LIMBS]; 2],
	/// The first power that is not among them.
	next: F2,
}

impl Powers {
	fn new(y: F2, count: usize) -> Self {
		let mut limbs = [(); 2].map(|()| [(); LIMBS].map(|()| vec![0; count]));
		let mut next = F2::ONE;
		for j in 0..count {
			for (limbs, coordinate) in limbs.iter_mut().zip(next.0) {
				let mut rest = coordinate.to_canonical_u64();
				for place in limbs.iter_mut().filter_map(|limb| limb.get_mut(j)) {
					*place = (rest & LIMB_MASK) as i32;
					rest >>= LIMB_BITS;
				}
			}
			next = field::mul_add(next, y, F2::ZERO);
		}
		Self { limbs, next }
	}

	/// The sum over j of block_j * y^j, for a block no longer than the powers.
	fn dot(&self, block: &[i32]) -> F2 {
		QuadraticExtension(self.limbs.each_ref().map(|limbs| {
			limbs.iter().rev().fold(F::ZERO, |higher, limb| {
				// Cannot wrap: see BLOCK.
				let sum = limb.iter().zip(block).fold(0i64, |sum, (limb, element)| {
					sum.wrapping_add(i64::from(*limb).wrapping_mul(i64::from(*element)))
				});
				field::mul_add(higher, LIMB_BASE, F::from_noncanonical_i64(sum))
			})
		}))
	}
}

/// Field arithmetic: total, so the lint against overflow has nothing to say about it.
mod field {
	use core::ops::{Add, Mul};

	#[allow(clippy::arithmetic_side_effects)]
	pub fn mul_add<T: Add<Output = T> + Mul<Output = T>>(a: T, b: T, c: T) -> T {
		a * b + c
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const P: u64 = 0xffff_ffff_0000_0001;
	const ELEMENTS: [OutputElement; 4] = [
		OutputElement::U8,
		OutputElement::I8,
		OutputElement::I16,
		OutputElement::I32,
	];

	/// Horner's rule, element by element.
	fn horner(element: OutputElement, bytes: &[u8], y: [u64; 2]) -> [u64; 2] {
		let y = QuadraticExtension(y.map(F::from_noncanonical_u64));
		let sum = bytes
			.chunks(element.size_bytes())
			.rev()
			.fold(F2::ZERO, |sum, b| {
				let value: i64 = match element {
					OutputElement::U8 => b[0].into(),
					OutputElement::I8 => (b[0] as i8).into(),
					OutputElement::I16 => i16::from_le_bytes(b.try_into().unwrap()).into(),
					OutputElement::I32 => i32::from_le_bytes(b.try_into().unwrap()).into(),
				};
				sum * y + F2::from(F::from_noncanonical_i64(value))
			});
		sum.0.map(|c| c.to_canonical_u64())
	}

	/// Bytes that are no pattern (splitmix64).
	fn noise(len: usize, seed: u64) -> Vec<u8> {
		let mut state = seed;
		(0..len)
			.map(|_| {
				state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
				let mut z = state;
				z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
				z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
				(z ^ (z >> 31)) as u8
			})
			.collect()
	}

	const POINTS: [[u64; 2]; 6] = [
		[0, 0],
		[1, 0],
		[P - 1, P - 1],
		// Every limb full.
		[0xffff_fffe_ffff_ffff, 0xffff_fffe_ffff_ffff],
		[0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210],
		[0, 1],
	];

	#[test]
	fn evaluate_should_equal_horners_rule_at_every_length_and_point() {
		for element in ELEMENTS {
			for count in [1, 2, 511, 512, 513, 1024, 1025, 3000] {
				let bytes = noise(count * element.size_bytes(), count as u64);
				for y in POINTS {
					assert_eq!(evaluate(element, &bytes, y), horner(element, &bytes, y));
				}
			}
		}
	}

	#[test]
	fn evaluate_should_equal_horners_rule_when_every_element_is_extreme() {
		for element in ELEMENTS {
			let width = element.size_bytes();
			let mut least = vec![0; width];
			least[width - 1] = 0x80;
			let mut most = vec![0xff; width];
			most[width - 1] = 0x7f;
			for extreme in [least, most, vec![0xff; width], vec![0; width]] {
				let bytes = extreme.repeat(2 * BLOCK);
				for y in POINTS {
					assert_eq!(evaluate(element, &bytes, y), horner(element, &bytes, y));
				}
			}
		}
	}

	#[test]
	fn evaluate_should_have_known_answers() {
		// 1 - 2y + 3y^2 at y = 10, and o_0 alone at y = 0.
		let bytes: Vec<u8> = [1i32, -2, 3].iter().flat_map(|o| o.to_le_bytes()).collect();
		assert_eq!(evaluate(OutputElement::I32, &bytes, [10, 0]), [281, 0]);
		assert_eq!(evaluate(OutputElement::I32, &bytes, [0, 0]), [1, 0]);
		// X^2 = 7: 1 - 2X + 21.
		assert_eq!(evaluate(OutputElement::I32, &bytes, [0, 1]), [22, P - 2]);
		assert_eq!(evaluate(OutputElement::I8, &[0xff], [5, 5]), [P - 1, 0]);
		assert_eq!(evaluate(OutputElement::U8, &[0xff], [5, 5]), [255, 0]);
		assert_eq!(
			evaluate(OutputElement::I16, &[0, 0x80], [5, 5]),
			[P - 32768, 0]
		);
	}

	#[test]
	fn evaluate_should_be_a_function_of_y_alone_whatever_its_representation() {
		let bytes = noise(64, 3);
		assert_eq!(
			evaluate(OutputElement::I32, &bytes, [P + 5, P]),
			evaluate(OutputElement::I32, &bytes, [5, 0])
		);
	}
}
