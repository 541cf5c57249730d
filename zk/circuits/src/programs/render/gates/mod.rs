//! The gates of a pixel, a row each: [`trace`] finds what a ray meets, [`light`] what a lamp gives it, and [`shade`] the point,
//! the normal and the colour.
//!
//! What rows share are their first wires. A claim that some number is not negative is that number's digits to base eight.

pub(super) mod light;
pub(super) mod shade;
pub(super) mod trace;

use std::ops::Range;

use plonky2::field::types::Field;

use crate::{
	gadgets::custom::{signed, Algebra},
	F,
};

use super::prepared::Ball;

/// Digits of a sphere's claim: of one number below 2^60, or of two below 2^30.
const BALL_DIGITS: usize = 20;
/// Digits of each half of them, and of every number that is compared with the square of a direction.
const HALF_DIGITS: usize = 10;

/// Hands out a row's wires.
#[derive(Default)]
struct Places(usize);

impl Places {
	fn take(&mut self, count: usize) -> Range<usize> {
		let first = self.0;
		self.0 += count;
		first..self.0
	}
}

/// a * b.
fn inner<A: Algebra>(algebra: &mut A, a: &[A::Value], b: &[A::Value]) -> A::Value {
	let zero = algebra.constant(F::ZERO);
	(a.iter().zip(b)).fold(zero, |sum, (a, b)| algebra.mul_add(*a, *b, sum))
}

/// The sum of all.
fn sum<A: Algebra>(algebra: &mut A, values: &[A::Value]) -> A::Value {
	let zero = algebra.constant(F::ZERO);
	(values.iter()).fold(zero, |sum, value| algebra.scale_add(F::ONE, *value, sum))
}

/// 1 - a.
fn complement<A: Algebra>(algebra: &mut A, a: A::Value) -> A::Value {
	let one = algebra.constant(F::ONE);
	algebra.sub(one, a)
}

/// a - b, part by part.
fn between<A: Algebra>(algebra: &mut A, a: &[A::Value], b: &[A::Value]) -> Vec<A::Value> {
	(a.iter().zip(b))
		.map(|(a, b)| algebra.sub(*a, *b))
		.collect()
}

/// b and D of a ray from a sphere's four wires, given a: see `reference::discriminant`.
fn discriminant<A: Algebra>(
	algebra: &mut A,
	ball: &[A::Value],
	direction: &[A::Value],
	square: A::Value,
) -> (A::Value, A::Value) {
	let b = inner(algebra, &ball[..3], direction);
	let b_square = algebra.mul(b, b);
	let product = algebra.mul(square, ball[3]);
	let d = algebra.sub(b_square, product);
	(b, d)
}

/// Reads a gate's inputs as numbers.
struct Inputs<'a>(std::slice::Iter<'a, F>);

impl<'a> Inputs<'a> {
	fn new(inputs: &'a [F]) -> Self {
		Self(inputs.iter())
	}

	/// The next number; none if it is above `most` in magnitude, as a valid tile's never is.
	fn number(&mut self, most: i64) -> Option<i64> {
		let number = signed(*self.0.next()?);
		(-most..=most).contains(&number).then_some(number)
	}

	fn vector(&mut self, most: i64) -> Option<[i64; 3]> {
		Some([self.number(most)?, self.number(most)?, self.number(most)?])
	}

	fn balls(&mut self, count: usize) -> Option<Vec<Ball<i64>>> {
		(0..count)
			.map(|_| {
				Some(Ball {
					centre: self.vector(1 << 13)?,
					tangent: self.number(1 << 28)?,
				})
			})
			.collect()
	}

	/// The place of the one that is not zero.
	fn chosen(&mut self, count: usize) -> Option<Option<usize>> {
		let bits: Vec<_> = (0..count).map(|_| self.number(1)).collect::<Option<_>>()?;
		Some(bits.iter().position(|bit| *bit == 1))
	}
}
