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

use super::{class::Room, prepared::Shapes, scene::MAX_COORDINATE};

/// Digits of a sphere's claim, of one number below 2^60 or of two below 2^30; and of a triangle's, which is below 2^60.
const CLAIM_DIGITS: usize = 20;
/// Digits of each half of a sphere's, and of every number that is compared with the square of a direction.
const HALF_DIGITS: usize = 10;
/// Digits of a triangle's determinants.
const FACE_DIGITS: usize = 14;

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

/// Of a line from `origin`, whose direction's square is `square`, and a sphere of four wires: see `reference::Chord`.
struct Chord<V> {
	b: V,
	d: V,
	k: V,
}

impl<V: Copy> Chord<V> {
	fn new<A: Algebra<Value = V>>(
		algebra: &mut A,
		ball: &[V],
		origin: &[V],
		direction: &[V],
		square: V,
	) -> Self {
		let centre = between(algebra, &ball[..3], origin);
		let b = inner(algebra, &centre, direction);
		let distance = inner(algebra, &centre, &centre);
		let k = algebra.sub(distance, ball[3]);
		let b_square = algebra.mul(b, b);
		let product = algebra.mul(square, k);
		let d = algebra.sub(b_square, product);
		Self { b, d, k }
	}
}

/// Of a line from `origin` and a triangle of nine wires, with a side of 1 or -1: see `reference::Fan`.
struct Fan<V> {
	height: V,
	edges: [V; 3],
	along: V,
}

impl<V: Copy> Fan<V> {
	fn new<A: Algebra<Value = V>>(
		algebra: &mut A,
		face: &[V],
		side: V,
		origin: &[V],
		direction: &[V],
	) -> Self {
		let corners = [0, 3, 6].map(|first| between(algebra, &face[first..first + 3], origin));
		let pairs = [0, 1, 2].map(|i| cross(algebra, &corners[i], &corners[(i + 1) % 3]));
		let height = inner(algebra, &pairs[0], &corners[2]);
		let height = algebra.mul(side, height);
		let edges = pairs.map(|pair| {
			let edge = inner(algebra, &pair, direction);
			algebra.mul(side, edge)
		});
		let along = sum(algebra, &edges);
		Self {
			height,
			edges,
			along,
		}
	}
}

/// a x b.
fn cross<A: Algebra>(algebra: &mut A, a: &[A::Value], b: &[A::Value]) -> [A::Value; 3] {
	[0, 1, 2].map(|i| {
		let (j, k) = ((i + 1) % 3, (i + 2) % 3);
		let back = algebra.mul(a[k], b[j]);
		algebra.combine(F::ONE, a[j], b[k], F::NEG_ONE, back)
	})
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

	fn numbers(&mut self, count: usize, most: i64) -> Option<Vec<i64>> {
		(0..count).map(|_| self.number(most)).collect()
	}

	fn vectors(&mut self, count: usize, most: i64) -> Option<Vec<[i64; 3]>> {
		(0..count).map(|_| self.vector(most)).collect()
	}

	/// Spheres, triangles and planes: as many of each as `room` says.
	fn shapes(&mut self, room: &Room) -> Option<Shapes<i64>> {
		let numbers = 4 * room.spheres + 9 * room.triangles + 4 * room.planes;
		let mut numbers = self.numbers(numbers, 1 << 24)?.into_iter();
		let shapes = Shapes::new(room, &mut || numbers.next().unwrap_or(0));
		let coordinates = (shapes.balls.iter().map(|ball| &ball.centre))
			.chain(shapes.faces.iter().flatten())
			.chain(shapes.flats.iter().map(|flat| &flat.normal))
			.flatten();
		let most = coordinates.fold(0, |most: i64, part| most.max(part.abs()));
		(most <= MAX_COORDINATE).then_some(shapes)
	}

	/// The place of the one that is not zero.
	fn chosen(&mut self, count: usize) -> Option<Option<usize>> {
		let bits = self.numbers(count, 1)?;
		Some(bits.iter().position(|bit| *bit == 1))
	}
}
