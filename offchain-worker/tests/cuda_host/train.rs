//! Steps of training.

use lemma_worker::backend::{cuda::compile::TRAIN, Backend, BackendError, Cuda};
use lemma_zk_circuits::{
	program::Work,
	programs::train::{
		blob::Training,
		network::{Network, BATCH, MAX_CHANGE, MAX_INITIAL_WEIGHT},
	},
};
use rand::{rngs::StdRng, Rng, SeedableRng};

use super::{assert_needs_barriers, assert_passes};

const PART: &str = "train::part_steps_equal_the_reference";

#[test]
fn steps_should_equal_the_reference_in_any_thread_order() {
	for order in ["0", "1", "2"] {
		assert_passes(PART, &[("LEMMA_SHIM_ORDER", order)]);
	}
}

#[test]
fn steps_should_need_every_barrier() {
	assert_needs_barriers(PART, "train.cu", TRAIN, 5);
}

/// A training of `batches` batches, at the largest rates that its steps allow. Weights are up to `largest`, features of `feature`.
fn training(
	widths: &[usize],
	(batches, steps): (usize, usize),
	largest: i64,
	rng: &mut StdRng,
	mut feature: impl FnMut(&mut StdRng) -> i8,
) -> Training {
	let network = Network::new(widths.to_vec()).expect("these widths are in bounds");
	let largest = largest as i32;
	// A batch that is not full is not used.
	let rows = batches * BATCH + BATCH / 2;
	let rates = (0..widths.len() - 1).map(|layer| {
		let rate = i128::from(MAX_CHANGE) / network.largest_change(layer, steps, 1);
		u32::try_from(rate).expect("a rate has 32 bits")
	});
	let training = Training {
		rates: rates.collect(),
		steps,
		first: batches - 1,
		seed: [7; 32],
		features: (0..rows * widths[0]).map(|_| feature(rng)).collect(),
		labels: (0..rows)
			.map(|_| rng.gen_range(0..network.classes()) as u8)
			.collect(),
		weights: (0..network.weights())
			.map(|_| rng.gen_range(-largest..=largest))
			.collect(),
		network,
	};
	training.check().expect("all is in bounds");
	training
}

#[test]
#[ignore = "run by steps_should_..., with a driver"]
fn part_steps_equal_the_reference() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	let rng = &mut StdRng::seed_from_u64(9);
	let any = |rng: &mut StdRng| rng.gen();
	let extreme = |rng: &mut StdRng| if rng.gen() { i8::MIN } else { i8::MAX };
	let mut changed = 0;
	for training in [
		training(&[64, 32, 10], (3, 4), 1 << 20, rng, any),
		training(&[64, 32, 10], (1, 2), MAX_INITIAL_WEIGHT, rng, extreme),
		training(&[33, 65, 40, 5], (2, 3), 1 << 19, rng, any),
		training(&[31, 70, 3], (2, 3), MAX_INITIAL_WEIGHT, rng, any),
		training(&[3, 2], (2, 5), 1 << 22, rng, any),
		training(&[1, 1, 1], (1, 1), MAX_INITIAL_WEIGHT, rng, extreme),
	] {
		let work = Work::Train {
			training: &training,
		};
		let expected = work.reference();
		assert!(
			cuda.run(work) == Ok(expected.clone()),
			"{} differs",
			training.network.name()
		);
		let start = training
			.weights
			.iter()
			.flat_map(|weight| weight.to_le_bytes());
		changed += usize::from(!start.eq(expected));
	}
	assert!(changed >= 5, "{changed}");
	let mut wrong = training(&[3, 2], (2, 5), 1, rng, any);
	wrong.labels[0] = 2;
	let refused = cuda.run(Work::Train { training: &wrong });
	assert!(matches!(refused, Err(BackendError::Work(_))));
}
