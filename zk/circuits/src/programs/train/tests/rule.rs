//! The arithmetic of one step.

use crate::programs::train::{
	network::*,
	reference::{rounded, step, Batch, RETURNED_OFFSET},
	seeded::order,
};

#[test]
fn rounded_should_be_the_floor_cut_to_a_byte() {
	for (sum, known) in [
		(0, 0),
		((1 << 20) - 1, 0),
		(1 << 20, 1),
		(-1, 0),
		(-(1 << 47), 0),
		((255 << 20) - 1, 254),
		(255 << 20, 255),
		(1 << 47, 255),
	] {
		assert_eq!(rounded(sum), known);
	}
}

/// One hidden value, one class, every row the same: small enough to compute by hand.
#[test]
fn step_should_be_what_the_formulas_say() {
	let network = Network::new(vec![1, 1, 1]).unwrap();
	let one = 1 << SHIFT;
	// Hidden: 3 x + 64 b. Score: 2 a - 64.
	let initial = [3 * one, one / 64, 2 * one, -one];
	for (feature, label, expected) in [
		// Sum 31, score -2: 66 short of the margin. Returned: -132, to be cut to -128.
		(10, 0, ([-128], [-66])),
		// The same for a row of none of the classes: 62 too much; returned: 124.
		(10, 1, ([124], [62])),
		// The sum is negative: nothing is returned. Score -64 is just low enough for a row of no class.
		(-1, 1, ([0], [0])),
		(-1, 0, ([0], [-128])),
	] {
		let mut weights = initial;
		let features = [feature; BATCH];
		let batch = Batch {
			features: &features,
			labels: &[label; BATCH],
		};
		let trace = step(&network, &[3, 5], &mut weights, batch);
		let ([hidden], [score]) = expected;
		assert_eq!(trace.errors, [[hidden; BATCH], [score; BATCH]]);
		let sum = 3 * i64::from(feature) * one + one;
		assert_eq!(trace.sums[0], [sum; BATCH]);
		let activation = trace.activations[1][0];
		assert_eq!(activation, (sum >> SHIFT).max(0));
		let changes = [
			3 * 32 * i64::from(feature) * hidden,
			3 * 32 * 64 * hidden,
			5 * 32 * activation * score,
			5 * 32 * 64 * score,
		];
		for ((after, before), change) in weights.iter().zip(initial).zip(changes) {
			assert_eq!(*after, before - change);
		}
	}
}

#[test]
fn returned_errors_should_be_rounded_to_the_nearest() {
	let one = 1i64 << SHIFT;
	for (returned, known) in [
		(0, 0),
		(one / 2 - 1, 0),
		(one / 2, 1),
		(-one / 2, 0),
		(-one / 2 - 1, -1),
		(1 << 46, 127),
		(-(1 << 46), -128),
	] {
		assert_eq!(rounded(returned + RETURNED_OFFSET) - ERROR_OFFSET, known);
	}
}

/// The largest network at the bounds: every sum and every weight stays within what the documentation says.
#[test]
fn extremes_should_stay_within_the_bounds() {
	let widths = vec![MAX_WIDTH, 2, MAX_WIDTH];
	let network = Network::new(widths).unwrap();
	// The highest that two steps can have.
	let rates = [0, 1].map(|layer| {
		let change = network.largest_change(layer, 2, 1);
		(i128::from(MAX_CHANGE) / change) as u32
	});
	assert_eq!(rates, [256, 64]);
	for (weight, feature) in [
		(MAX_INITIAL_WEIGHT, 127),
		(MAX_INITIAL_WEIGHT, -128),
		(-MAX_INITIAL_WEIGHT, 127),
		(-MAX_INITIAL_WEIGHT, -128),
	] {
		let mut weights = vec![weight; network.weights()];
		let features = vec![feature; BATCH * MAX_WIDTH];
		for _ in 0..2 {
			let batch = Batch {
				features: &features,
				labels: &[0; BATCH],
			};
			let trace = step(&network, &rates, &mut weights, batch);
			for sum in trace.sums.iter().chain(&trace.returned).flatten() {
				assert!(sum.abs() < (1 << 47) - (MARGIN << SHIFT) - RETURNED_OFFSET);
			}
			for (errors, bound) in trace.errors.iter().zip([128, 255]) {
				assert!(errors.iter().all(|error| error.abs() <= bound));
			}
		}
		let bound = MAX_INITIAL_WEIGHT + MAX_CHANGE;
		assert!(weights.iter().all(|weight| weight.abs() <= bound));
	}
	let largest = 2 * MAX_CHANGE * (MAX_WIDTH as i64 * MAX_ACTIVATION + BIAS_INPUT);
	assert!(largest + (MARGIN << SHIFT).max(RETURNED_OFFSET) < 1 << 47);
}

#[test]
fn order_should_be_a_permutation_that_the_seed_determines() {
	let one = order([1; 32], 1000);
	let mut sorted = one.clone();
	sorted.sort_unstable();
	assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
	assert_eq!(one, order([1; 32], 1000));
	assert_ne!(one, order([2; 32], 1000));
	assert_eq!(order([0; 32], 0), [0; 0]);
	assert_eq!(order([7; 32], 10), KNOWN_ORDER);
}

/// Fixed once: a change of it would change every commitment.
const KNOWN_ORDER: [usize; 10] = [0, 5, 2, 9, 8, 6, 1, 7, 4, 3];
