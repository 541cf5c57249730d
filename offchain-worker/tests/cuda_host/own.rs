//! A kernel of a program that is not built in, the example's: compiled by NVRTC from the source that it brings, and launched as it says.

use lemma_worker::backend::{Backend, BackendError, Cuda};
use lemma_zk_circuits::program::{Argument, Kernel, Own, Work};
use rand::{rngs::StdRng, Rng, SeedableRng};

use crate::assert_passes;

const BASES: usize = 64;

/// The example's kernel, of a pattern and a text with four bases a byte.
#[derive(Debug)]
struct Alignment(Kernel);

impl Alignment {
	fn new(pattern: &[u8], text: &[u8]) -> Self {
		Self(Kernel {
			source: include_str!("../../../examples/user-program/kernel.cu").into(),
			name: "alignment".into(),
			grid: [1, 1, 1],
			block: [64, 1, 1],
			arguments: vec![
				Argument::Input(pattern.to_vec()),
				Argument::Input(text.to_vec()),
				Argument::Output(BASES as u64),
			],
		})
	}
}

impl Own for Alignment {
	fn reference(&self) -> Vec<u8> {
		panic!("it has a kernel")
	}

	fn kernel(&self) -> Option<Kernel> {
		Some(self.0.clone())
	}
}

/// Edit distances by their definition.
fn distances(pattern: &[u8], text: &[u8]) -> Vec<u8> {
	let base = |packed: &[u8], place: usize| packed[place / 4] >> (place % 4 * 2) & 3;
	let mut table = vec![vec![0u8; BASES + 1]; BASES + 1];
	for i in 0..=BASES {
		for j in 0..=BASES {
			table[i][j] = match (i, j) {
				(0, edge) | (edge, 0) => edge as u8,
				_ => {
					let differ = base(pattern, i - 1) != base(text, j - 1);
					let change = table[i - 1][j - 1] + u8::from(differ);
					change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
				}
			};
		}
	}
	table[BASES][1..].to_vec()
}

#[test]
fn a_kernel_of_ones_own_should_compute_what_its_program_says() {
	for order in ["0", "1", "7"] {
		assert_passes("own::part_alignment", &[("LEMMA_SHIM_ORDER", order)]);
	}
}

#[test]
#[ignore = "run by a_kernel_of_ones_own_should_..., with a driver"]
fn part_alignment() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	let mut rng = StdRng::seed_from_u64(3);
	for _ in 0..5 {
		let pattern: [u8; 16] = rng.gen();
		let mut text = pattern;
		text[rng.gen_range(0..16)] = rng.gen();
		text[rng.gen_range(0..8)..].rotate_left(1);
		let got = cuda.run(Work::Own(&Alignment::new(&pattern, &text)));
		assert_eq!(got, Ok(distances(&pattern, &text)));
	}

	// What cannot be launched is an error that says so.
	let refused = |change: &dyn Fn(&mut Kernel)| {
		let mut own = Alignment::new(&[0; 16], &[0; 16]);
		change(&mut own.0);
		cuda.run(Work::Own(&own))
			.expect_err("it cannot be launched")
	};
	let text = refused(&|kernel| kernel.grid = [1, 0, 1]).to_string();
	assert!(text.contains("at least one"), "{text}");
	let text = refused(&|kernel| kernel.arguments[0] = Argument::Input(vec![])).to_string();
	assert!(text.contains("no bytes"), "{text}");
	let text = refused(&|kernel| kernel.source = "this is no CUDA".into()).to_string();
	assert!(text.contains("did not compile"), "{text}");
	let huge = refused(&|kernel| kernel.arguments[2] = Argument::Output(1 << 40));
	assert!(matches!(huge, BackendError::Memory(_)), "{huge}");
	assert!(matches!(
		refused(&|kernel| kernel.name = "another".into()),
		BackendError::Device(_)
	));
}
