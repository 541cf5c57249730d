//! The CPU backend: matrix products with rayon over blocks of rows and vector instructions within.
//!
//! Operands are packed first, pairs of neighbours in k side by side as two i16 in one word, so that one
//! multiply-add instruction forms two products and their sum for eight columns at a time. A product of two
//! int8 is at most 2^14, a pair's sum at most 2^15: nothing overflows on the full range, -128 * -128
//! included.

mod kernel;

use lemma_zk_circuits::program::Work;
use rayon::prelude::*;

use super::{check_gemm, Backend, BackendError};
use kernel::{Kernel, COLUMNS, ROWS};

/// Rows of C that one task computes: its packed rows of A stay in the second-level cache.
const TASK_ROWS: usize = 16 * ROWS;

/// Most bytes of B packed at a time.
const PACKED_BYTES: usize = 32 << 20;

/// Runs programs on the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
	kernel: Kernel,
}

impl Cpu {
	/// With the best instructions that this machine has.
	pub fn new() -> Self {
		Self {
			kernel: Kernel::detect(),
		}
	}

	/// With instructions that every machine has; slower. For comparison.
	pub fn portable() -> Self {
		Self {
			kernel: Kernel::Portable,
		}
	}

	fn gemm(self, m: usize, k: usize, n: usize, a: &[i8], b: &[i8]) -> Vec<u8> {
		let mut c = vec![0u8; m * n * 4];
		let pairs = k.div_ceil(2);
		let panel_words = pairs * COLUMNS;
		let panels_at_once = (PACKED_BYTES / (panel_words * 4)).clamp(1, n.div_ceil(COLUMNS));
		let mut packed_b = vec![0i32; panels_at_once * panel_words];
		// Enough tasks for every thread even where C has few rows.
		let tasks = 4 * rayon::current_num_threads();
		let task_rows = m.div_ceil(tasks).next_multiple_of(ROWS).min(TASK_ROWS);

		for first_column in (0..n).step_by(panels_at_once * COLUMNS) {
			let panels = (n - first_column).div_ceil(COLUMNS).min(panels_at_once);
			let packed_b = &mut packed_b[..panels * panel_words];
			packed_b
				.par_chunks_exact_mut(panel_words)
				.enumerate()
				.for_each(|(panel, words)| {
					pack_columns(words, b, k, n, first_column + panel * COLUMNS);
				});
			let packed_b = &*packed_b;
			c.par_chunks_mut(task_rows * n * 4)
				.enumerate()
				.for_each_init(
					|| vec![0i32; task_rows * pairs],
					|packed_a, (task, c)| {
						let first_row = task * task_rows;
						let rows = c.len() / (n * 4);
						let row_panels = rows.div_ceil(ROWS);
						for (panel, words) in packed_a
							.chunks_exact_mut(pairs * ROWS)
							.take(row_panels)
							.enumerate()
						{
							pack_rows(words, a, m, k, first_row + panel * ROWS);
						}
						for (column_panel, b) in packed_b.chunks_exact(panel_words).enumerate() {
							let column = first_column + column_panel * COLUMNS;
							let columns = COLUMNS.min(n - column);
							let row_panels = packed_a.chunks_exact(pairs * ROWS).take(row_panels);
							for (row_panel, a) in row_panels.enumerate() {
								let tile = self.kernel.multiply(a, b);
								let c_rows = c.chunks_exact_mut(n * 4).skip(row_panel * ROWS);
								for (c_row, sums) in c_rows.zip(&tile) {
									let c_row = &mut c_row[column * 4..(column + columns) * 4];
									for (bytes, sum) in c_row.chunks_exact_mut(4).zip(sums) {
										bytes.copy_from_slice(&sum.to_le_bytes());
									}
								}
							}
						}
					},
				);
		}
		c
	}
}

impl Default for Cpu {
	fn default() -> Self {
		Self::new()
	}
}

impl Backend for Cpu {
	fn name(&self) -> &'static str {
		"cpu"
	}

	fn describe(&self) -> String {
		format!(
			"the CPU, {} threads, {}",
			rayon::current_num_threads(),
			self.kernel.describe()
		)
	}

	fn run(&self, work: Work<'_>) -> Result<Vec<u8>, BackendError> {
		match work {
			Work::Gemm { m, k, n, a, b } => {
				check_gemm(m, k, n, a, b)?;
				Ok(self.gemm(m, k, n, a, b))
			}
			// What proving takes is a thousand times as much: the references, on all cores, are quick enough.
			Work::Infer { .. }
			| Work::Train { .. }
			| Work::Fractal { .. }
			| Work::Render { .. }
			| Work::Own(_) => Ok(work.reference()),
		}
	}
}

/// Two i16 in one word, the first in the low half.
fn pair(first: i8, second: i8) -> i32 {
	i32::from(first as i16 as u16) | i32::from(second as i16) << 16
}

/// Packs [`ROWS`] rows of A from `first` on: for each pair of k, one word of every row. Rows beyond the last
/// and the pair's half beyond an odd k are zero.
fn pack_rows(words: &mut [i32], a: &[i8], m: usize, k: usize, first: usize) {
	words.fill(0);
	for (r, row) in a
		.chunks_exact(k)
		.skip(first)
		.take(ROWS.min(m - first))
		.enumerate()
	{
		for (word, values) in words.iter_mut().skip(r).step_by(ROWS).zip(row.chunks(2)) {
			*word = pair(values[0], values.get(1).copied().unwrap_or(0));
		}
	}
}

/// Packs [`COLUMNS`] columns of B from `first` on, likewise.
fn pack_columns(words: &mut [i32], b: &[i8], k: usize, n: usize, first: usize) {
	let columns = COLUMNS.min(n - first);
	words.fill(0);
	for (p, words) in words.chunks_exact_mut(COLUMNS).enumerate() {
		let low = &b[2 * p * n + first..][..columns];
		if 2 * p + 1 < k {
			let high = &b[(2 * p + 1) * n + first..][..columns];
			for ((word, &low), &high) in words.iter_mut().zip(low).zip(high) {
				*word = pair(low, high);
			}
		} else {
			for (word, &low) in words.iter_mut().zip(low) {
				*word = pair(low, 0);
			}
		}
	}
}

/// The product by its definition, as little-endian bytes: what every backend must agree with.
pub fn reference(m: usize, k: usize, n: usize, a: &[i8], b: &[i8]) -> Vec<u8> {
	let mut c = vec![0i32; m * n];
	for (row_a, row_c) in a.chunks_exact(k).zip(c.chunks_exact_mut(n)) {
		for (&x, row_b) in row_a.iter().zip(b.chunks_exact(n)) {
			for (sum, &y) in row_c.iter_mut().zip(row_b) {
				*sum += i32::from(x) * i32::from(y);
			}
		}
	}
	c.into_iter().flat_map(i32::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use rand::{rngs::StdRng, Rng, SeedableRng};

	fn compare(m: usize, k: usize, n: usize, mut value: impl FnMut() -> i8) {
		let a: Vec<i8> = (0..m * k).map(|_| value()).collect();
		let b: Vec<i8> = (0..k * n).map(|_| value()).collect();
		let expected = reference(m, k, n, &a, &b);
		for cpu in [Cpu::new(), Cpu::portable()] {
			let got = cpu
				.run(Work::Gemm {
					m,
					k,
					n,
					a: &a,
					b: &b,
				})
				.unwrap();
			assert!(got == expected, "{m}x{k}x{n} differs on {}", cpu.describe());
		}
	}

	#[test]
	fn products_should_equal_the_definition_on_odd_shapes() {
		let mut rng = StdRng::seed_from_u64(1);
		for m in [1, 2, 5, 6, 7, 97, 200] {
			for k in [1, 2, 3, 64, 129] {
				for n in [1, 15, 16, 17, 100] {
					compare(m, k, n, || rng.gen());
				}
			}
		}
	}

	#[test]
	fn products_should_equal_the_definition_when_b_is_packed_in_several_parts() {
		let mut rng = StdRng::seed_from_u64(2);
		// 2 * 65537 bytes a column: 15 panels at a time.
		compare(3, 65_537, 300, || rng.gen());
	}

	#[test]
	fn products_should_be_exact_at_the_ends_of_the_range() {
		for (x, y) in [(-128, -128), (-128, 127), (127, 127), (0, -128)] {
			let mut turn = false;
			compare(20, 4096, 33, || {
				turn = !turn;
				if turn {
					x
				} else {
					y
				}
			});
			compare(7, 4095, 17, || x);
		}
	}

	#[test]
	fn products_should_not_overflow_at_the_longest_inner_dimension() {
		compare(1, super::super::MAX_INNER_DIMENSION, 1, || -128);
	}
}
