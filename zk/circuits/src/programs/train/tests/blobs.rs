//! Blobs: what is read, and what is refused and why.

use super::*;

#[test]
fn decode_should_invert_encode() {
	let training = training(3, 70, 5);
	assert_eq!(Training::decode(&training.encode()), Ok(training));
}

#[test]
fn encode_should_be_as_documented() {
	let training = Training {
		network: Network::new(vec![2, 1]).unwrap(),
		rates: vec![9],
		steps: 3,
		first: 0,
		seed: [0xab; 32],
		features: vec![-1; 64],
		labels: vec![0; 32],
		weights: vec![1, -2, 0x0a0b_0c0d],
	};
	let mut known = b"lemma-t\x01".to_vec();
	for number in [2u8, 2, 1, 9, 3, 0, 32] {
		known.extend([number, 0, 0, 0]);
	}
	known.extend([0xab; 32]);
	known.extend([0xff; 64]);
	known.extend([0; 32]);
	known.extend([1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0d, 0x0c, 0x0b, 0x0a]);
	assert_eq!(training.encode(), known);
}

fn refusal(blob: &[u8]) -> String {
	match Training::decode(blob) {
		Err(error) => error.0,
		Ok(training) => panic!("read {training:?}"),
	}
}

#[test]
fn decode_should_refuse_every_other_length() {
	let mut blob = training(1, 32, 1).encode();
	for length in 0..blob.len() {
		refusal(&blob[..length]);
	}
	blob.push(0);
	assert!(refusal(&blob).contains("appended"));
}

#[test]
fn decode_should_say_what_is_wrong() {
	// magic 8, widths: number 8..12, 12..24, rates 24..32, steps 32, first 36, rows 40, seed 44..76, data from 76 on.
	let blob = training(2, 40, 0).encode();
	for (place, value, reason) in [
		(7, 2u8, "newer"),
		(8, 1, "1 widths make none"),
		(8, 10, "at most 9"),
		(12, 0, "must have 1 to 1024"),
		(15, 1, "must have 1 to 1024"),
		(24, 0, "at the rate 0"),
		(25, 2, "at most 2^28"),
		(27, 0xff, "at most 2^28"),
		(32, 0, "0 steps"),
		(34, 1, "at most 2^28"),
		(36, 1, "take batch 1"),
		(40, 31, "make 0 batches"),
		(42, 3, "1 to 4096"),
		(43, 0xff, "1 to 4096"),
		(40, 41, "cut off or something was appended"),
		(76 + 40 * 5, 3, "labels go from 0 to 2"),
		(76 + 40 * 6 + 3, 0x7f, "2^28, so"),
		(76 + 40 * 6 + 3, 0x80, "2^28, so"),
	] {
		let mut wrong = blob.clone();
		wrong[place] = value;
		let said = refusal(&wrong);
		assert!(said.contains(reason), "{said:?} does not say {reason:?}");
	}
}

#[test]
fn check_should_refuse_lengths_that_do_not_fit() {
	let fits = training(1, 32, 0);
	assert_eq!(fits.check(), Ok(()));
	let mut wrong = fits.clone();
	wrong.weights.pop();
	assert!(wrong.check().unwrap_err().0.contains("weights"));
	let mut wrong = fits.clone();
	wrong.features.push(1);
	assert!(wrong.check().unwrap_err().0.contains("features"));
	let mut wrong = fits;
	wrong.rates.push(1);
	assert!(wrong.check().unwrap_err().0.contains("rates"));
}

#[test]
fn jobs_should_chain_to_one_training() {
	let whole = training(7, 100, 1);
	let (weights, traces) = reference::train(&whole);
	let first = Training {
		steps: 3,
		..whole.clone()
	};
	let second = first.next(4, reference::train(&first).0);
	assert_eq!(second.first, (1 + 3) % 3);
	let (chained, later) = reference::train(&Training::decode(&second.encode()).unwrap());
	assert_eq!(chained, weights);
	assert_eq!(later, traces[3..]);
}
