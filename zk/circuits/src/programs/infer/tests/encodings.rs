//! One encoding for each model, bundle and input, and nothing else decodes.

use super::*;
use crate::programs::infer::encoding::{decode_input, encode_input, Bundle, DecodeError};

fn bundle() -> Bundle {
	Bundle::new(everything(), vec![1, 16]).unwrap()
}

#[test]
fn model_should_be_what_it_was_encoded_from() {
	for model in [
		everything(),
		perceptron(&[20, 9, 4], 5),
		models::convolutional(),
	] {
		assert_eq!(Model::decode(&model.encode()), Ok(model));
	}
	assert_eq!(Bundle::decode(&bundle().encode()), Ok(bundle()));
}

#[test]
fn model_should_have_known_bytes() {
	let layers = vec![
		Layer {
			input: 0,
			op: Op::Dense(Linear {
				weights: vec![1, -1],
				bias: vec![-2],
				requantise: Some(Requantise::uniform(258, 9, -128)),
			}),
		},
		Layer {
			input: 1,
			op: Op::Relu,
		},
	];
	let model = Model::new(Shape::vector(2), layers).unwrap();
	let hexed = [
		"6c656d6d612d6e01",
		"020000000100000001000000",
		"02000000",
		"00000000",
		"00",
		"0200000001ff",
		"01000000feffffff",
		"01",
		"8001000000020109",
		"01000000",
		"03",
	];
	assert_eq!(hex::encode(model.encode()), hexed.concat());
}

/// Whatever decodes is what encodes to it; cut short or lengthened, nothing does.
#[test]
fn bytes_should_decode_only_if_they_are_an_encoding() {
	let honest = bundle().encode();
	for cut in 0..honest.len() {
		assert!(Bundle::decode(&honest[..cut]).is_err());
	}
	assert!(Bundle::decode(&[&honest[..], &[0]].concat()).is_err());
	let mut decoded = 0;
	for place in 0..honest.len() {
		for change in [1, 2, 0x80, 0xff] {
			let mut bytes = honest.clone();
			bytes[place] ^= change;
			if let Ok(other) = Bundle::decode(&bytes) {
				assert_eq!(other.encode(), bytes);
				assert_ne!(other, bundle());
				decoded += 1;
			}
		}
	}
	assert!(decoded > 0, "another weight is another model");
}

#[test]
fn random_bytes_should_not_make_the_decoder_fail() {
	let honest = bundle().encode();
	for seed in 0..3000 {
		let mut bytes = honest.clone();
		for change in 0..1 + seed % 5 {
			let place = mixed(seed * 7 + change) as usize % bytes.len();
			bytes[place] = mixed(seed * 13 + change) as u8;
		}
		if let Ok(other) = Bundle::decode(&bytes) {
			assert_eq!(other.encode(), bytes);
		}
	}
}

#[test]
fn bundle_should_be_refused_with_other_batches() {
	for batches in [
		vec![],
		vec![0],
		vec![2, 2],
		vec![2, 1],
		vec![1025],
		(1..=17).collect(),
	] {
		assert!(matches!(
			Bundle::new(everything(), batches),
			Err(DecodeError::Malformed(_))
		));
	}
}

#[test]
fn input_should_be_whole_samples() {
	let samples = weights(24, 3);
	let blob = encode_input(&samples, 3);
	assert_eq!(decode_input(&blob, 8), Ok((3, samples)));
	assert!(decode_input(&blob, 7).is_err());
	assert!(decode_input(&blob[..blob.len() - 1], 8).is_err());
	assert!(decode_input(&[&blob[..], &[0]].concat(), 8).is_err());
	assert!(decode_input(&encode_input(&[], 0), 8).is_err());
	assert!(decode_input(b"lemma-g\x01", 8).is_err());
}
