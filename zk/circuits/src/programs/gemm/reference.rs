//! The product computed plainly: what every backend's output is compared with.

use rayon::prelude::*;

use super::blob::Operands;

/// C = A * B, row by row. No sum overflows: k is at most 2^12 and every product at most 2^14.
pub fn product(operands: &Operands) -> Vec<i32> {
	let Operands { m, k, n, a, b } = operands;
	let mut c = vec![0; m * n];
	c.par_chunks_exact_mut(*n)
		.zip(a.par_chunks_exact(*k))
		.for_each(|(c, a)| {
			// Row by row of B: the inner loop runs over memory in order.
			for (a, b) in a.iter().zip(b.chunks_exact(*n)) {
				for (c, b) in c.iter_mut().zip(b) {
					*c += i32::from(*a) * i32::from(*b);
				}
			}
		});
	c
}

/// The product as an output's bytes.
pub fn output(operands: &Operands) -> Vec<u8> {
	product(operands)
		.iter()
		.flat_map(|value| value.to_le_bytes())
		.collect()
}
