//! Digits to base eight inside gates: three bits a wire, the most that constraints of degree 8 can check.
//!
//! A number that is the sum of n digits, each of which is checked, is from 0 to 8^n - 1 and determines the digits, as long as
//! 8^n is below p. What a row costs is its wires; there is none for a range check of its own.

use plonky2::field::types::Field;

use super::custom::{Algebra, Row};
use crate::F;

/// Bits of a digit.
pub(crate) const DIGIT_BITS: usize = 3;

/// Zero if and only if a is 0 to 7: the products of a (a - 7) + k, of degree eight times a's.
pub(crate) fn below_eight<A: Algebra>(algebra: &mut A, a: A::Value) -> A::Value {
	// a (a - 7), (a - 1)(a - 6), (a - 2)(a - 5) and (a - 3)(a - 4) are v, v + 6, v + 10 and v + 12.
	let v = algebra.combine(F::ONE, a, a, -F::from_canonical_u64(7), a);
	let outer = algebra.combine(F::ONE, v, v, F::from_canonical_u64(6), v);
	let inner = algebra.combine(F::ONE, v, v, F::from_canonical_u64(22), v);
	let all = algebra.constant(F::from_canonical_u64(120));
	let inner = algebra.scale_add(F::ONE, inner, all);
	algebra.mul(outer, inner)
}

/// The sum of digits, least first.
pub(crate) fn base_eight<A: Algebra>(algebra: &mut A, digits: &[A::Value]) -> A::Value {
	let zero = algebra.constant(F::ZERO);
	let powers = F::from_canonical_u64(8).powers();
	(powers.zip(digits)).fold(zero, |sum, (power, digit)| {
		algebra.scale_add(power, *digit, sum)
	})
}

/// The `count` lowest digits of a number, least first.
pub(crate) fn octal(value: i64, count: usize) -> impl Iterator<Item = F> {
	(0..count).map(move |place| {
		let shifted = (value as u64)
			.checked_shr((DIGIT_BITS * place) as u32)
			.unwrap_or(0);
		F::from_canonical_u64(shifted & 7)
	})
}

/// What a gate says, each constraint under a name: those that a test leaves out are not said.
pub(crate) struct Sayings<'a, A: Algebra> {
	/// The arithmetic.
	pub algebra: &'a mut A,
	said: &'a [bool],
	values: Vec<A::Value>,
}

impl<'a, A: Algebra> Sayings<'a, A> {
	/// Nothing yet. `said` has one for each name.
	pub fn new(algebra: &'a mut A, said: &'a [bool], capacity: usize) -> Self {
		Self {
			algebra,
			said,
			values: Vec::with_capacity(capacity),
		}
	}

	/// A constraint of the name at place `name`.
	pub fn zero(&mut self, name: usize, value: A::Value) {
		if self.said[name] {
			self.values.push(value);
		}
	}

	/// If `condition`, which is 0 or 1, then a is b.
	pub fn equal_if(&mut self, name: usize, condition: A::Value, a: A::Value, b: A::Value) {
		let difference = self.algebra.sub(a, b);
		let value = self.algebra.mul(condition, difference);
		self.zero(name, value);
	}

	/// a is b.
	pub fn equal(&mut self, name: usize, a: A::Value, b: A::Value) {
		let difference = self.algebra.sub(a, b);
		self.zero(name, difference);
	}

	/// Each is 0 or 1.
	pub fn bits(&mut self, name: usize, bits: &[A::Value]) {
		for bit in bits {
			let value = self.algebra.below_two(*bit);
			self.zero(name, value);
		}
	}

	/// Each is 0 to 7.
	pub fn digits(&mut self, name: usize, digits: &[A::Value]) {
		for digit in digits {
			let value = below_eight(self.algebra, *digit);
			self.zero(name, value);
		}
	}

	/// All constraints.
	pub fn values(self) -> Vec<A::Value> {
		self.values
	}
}

/// Arithmetic that computes nothing: to count a gate's constraints.
struct Counting;

impl Algebra for Counting {
	type Value = ();

	fn constant(&mut self, _: F) {}

	fn combine(&mut self, _: F, _: (), _: (), _: F, _: ()) {}
}

/// How many constraints a gate has.
pub(crate) fn count_constraints(gate: &impl Row) -> usize {
	let (wires, constants) = (vec![(); gate.wires()], vec![(); gate.constants()]);
	gate.evaluate(&mut Counting, &wires, &constants).len()
}

#[cfg(test)]
pub(crate) mod testing {
	//! A gate without one of its constraints.

	use plonky2::{
		field::types::{Field, Sample},
		gates::gate::Gate,
		hash::hash_types::HashOut,
		plonk::vars::{EvaluationVars, EvaluationVarsBaseBatch},
	};

	use super::super::custom::{testing::is_satisfied, Custom, Row};
	use crate::{constraint::leaving_out::recorded, F, F2};

	/// Fails unless the gate's constraints have the degree that it gives at most, and are the same in the field and in its extension.
	pub fn assert_degree<R: Row>(gate: &R) {
		let gate = Custom(gate.clone());
		let hash = HashOut::ZERO;
		// A circuit's rows may have more wires than the gate's.
		let line = [(); 2].map(|()| F::rand_vec(gate.num_wires() + 7));
		// Along a line a polynomial of degree d is determined by d + 1 of its values.
		let mut differences: Vec<Vec<F>> = (0..gate.degree() as u64 + 2)
			.map(|t| {
				let t = F::from_canonical_u64(t);
				let wires: Vec<F> = (line[0].iter().zip(&line[1]))
					.map(|(start, slope)| *start + t * *slope)
					.collect();
				let vars = EvaluationVarsBaseBatch::new(1, &[], &wires, &hash);
				let base = gate.eval_unfiltered_base_batch(vars);
				let wires: Vec<F2> = wires.into_iter().map(F2::from).collect();
				let extended = gate.eval_unfiltered(EvaluationVars {
					local_constants: &[],
					local_wires: &wires,
					public_inputs_hash: &hash,
				});
				let lifted: Vec<F2> = base.iter().copied().map(F2::from).collect();
				assert_eq!(lifted, extended);
				base
			})
			.collect();
		while differences.len() > 1 {
			differences = differences
				.windows(2)
				.map(|pair| {
					(pair[0].iter().zip(&pair[1]))
						.map(|(a, b)| *b - *a)
						.collect()
				})
				.collect();
		}
		let beyond: Vec<usize> = (0..gate.num_constraints())
			.filter(|place| differences[0][*place] != F::ZERO)
			.collect();
		assert!(
			beyond.is_empty(),
			"constraints {beyond:?} are of a greater degree"
		);
	}

	/// Fails unless the constraint is what stands between a row and its acceptance.
	#[track_caller]
	pub fn assert_refused_by<R: Row>(name: &'static str, make: impl Fn() -> R, rows: &[Vec<F>]) {
		let (without, record) = recorded(Some(name), &make);
		// Panics if there is no such constraint.
		record.links(name);
		assert!(!rows.is_empty());
		for (number, row) in rows.iter().enumerate() {
			assert!(
				!is_satisfied(&make(), row, &[]),
				"{name}: row {number} is accepted although the constraint is there"
			);
			assert!(
				is_satisfied(&without, row, &[]),
				"{name}: row {number} is refused although the constraint is left out"
			);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn octal_should_be_digits_that_base_eight_adds_up() {
		for value in [0, 7, 8, 0o1234567, (1 << 60) - 1] {
			let digits: Vec<F> = octal(value, 20).collect();
			let sum = digits.iter().rev().fold(F::ZERO, |sum, digit| {
				sum * F::from_canonical_u64(8) + *digit
			});
			assert_eq!(sum, F::from_canonical_u64(value as u64));
		}
		assert_eq!(octal(-1, 30).filter(|digit| *digit == F::ZERO).count(), 8);
	}
}
