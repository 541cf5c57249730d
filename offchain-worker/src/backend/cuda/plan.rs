//! How a matrix product is laid out on the device: the numbers that `kernels/gemm.cu` and the host share.

use super::super::BackendError;

/// Rows and columns of C that one block computes: `TILE` in the kernel.
const TILE: usize = 128;

/// Words of k, four values each, that a block takes in one step: `DEPTH` in the kernel.
const DEPTH: usize = 8;

/// Threads of a block of the product: `THREADS` in the kernel.
const THREADS: u32 = 256;

/// Side of the square that one block of `lemma_pack_rows` turns: `TURN` in the kernel.
const TURN: usize = 32;

/// Most rows of A and C in one band: as many as the grid's second dimension has tiles.
const MAX_BAND_ROWS: usize = 65_535 * TILE;

/// Grid and block of one kernel's launch, width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
	/// Blocks.
	pub grid: (u32, u32),
	/// Threads of a block.
	pub block: (u32, u32),
}

/// Sizes and launches for one band of rows of A and C with all of B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
	/// Rows of A and C.
	pub m: u32,
	/// Columns of A, rows of B.
	pub k: u32,
	/// Columns of B and C.
	pub n: u32,
	/// Words of k in the packed operands.
	pub words: u32,
	/// Rows of packed A.
	pub lda: u32,
	/// Columns of packed B.
	pub ldb: u32,
}

impl Plan {
	/// For a product of m by k and k by n.
	///
	/// # Errors
	///
	/// [`BackendError::Memory`] if the dimensions are beyond what a launch can express.
	pub fn new(m: usize, k: usize, n: usize) -> Result<Self, BackendError> {
		let within = |value: usize| i32::try_from(value).ok().map(|value| value as u32);
		let plan = || {
			Some(Self {
				m: within(m)?,
				k: within(k)?,
				n: within(n)?,
				words: within(k.div_ceil(DEPTH * 4).checked_mul(DEPTH)?)?,
				lda: within(m.checked_next_multiple_of(TILE)?)?,
				ldb: within(n.checked_next_multiple_of(TILE)?)?,
			})
		};
		plan().filter(|_| m <= MAX_BAND_ROWS).ok_or_else(|| {
			BackendError::Memory(format!(
				"a {m}x{k}x{n} product is more than a GPU can be given"
			))
		})
	}

	/// Words of packed A.
	pub fn packed_a(&self) -> usize {
		self.words as usize * self.lda as usize
	}

	/// Words of packed B.
	pub fn packed_b(&self) -> usize {
		self.words as usize * self.ldb as usize
	}

	/// `lemma_pack_rows`.
	pub fn pack_rows(&self) -> Launch {
		let turn = TURN as u32;
		Launch {
			grid: (self.lda / turn, self.words.div_ceil(turn)),
			block: (turn, 8),
		}
	}

	/// `lemma_pack_columns`.
	pub fn pack_columns(&self) -> Launch {
		Launch {
			grid: (self.ldb / TILE as u32, self.words),
			block: (TILE as u32, 1),
		}
	}

	/// `lemma_gemm_i8`.
	pub fn multiply(&self) -> Launch {
		let tile = TILE as u32;
		Launch {
			grid: (self.ldb / tile, self.lda / tile),
			block: (THREADS, 1),
		}
	}
}

/// How many rows of A and C to do at a time, so that they and all of B fit into `free` bytes.
///
/// # Errors
///
/// [`BackendError::Memory`] if not even one tile's rows fit.
pub fn band_rows(m: usize, k: usize, n: usize, free: u64) -> Result<usize, BackendError> {
	// The driver's own needs, and the roundings of its allocator.
	let usable = u128::from(free) * 9 / 10;
	let padded_k = k.next_multiple_of(DEPTH * 4) as u128;
	let (k, n) = (k as u128, n as u128);
	let b_bytes = k * n + padded_k * (n + TILE as u128);
	let row_bytes = k + padded_k + 4 * n;
	let rows = usable.saturating_sub(b_bytes) / row_bytes;
	if rows >= m as u128 + TILE as u128 {
		return Ok(m.min(MAX_BAND_ROWS));
	}
	// Whole tiles, less one for the padding of the last.
	let tiles = (rows / TILE as u128).saturating_sub(1);
	match usize::try_from(tiles) {
		Ok(tiles) if tiles > 0 => Ok((tiles * TILE).min(m).min(MAX_BAND_ROWS)),
		_ => Err(BackendError::Memory(format!(
			"a {m}x{k}x{n} product needs {} MiB of GPU memory at least, and {} MiB are free: \
			free some, or run with the cpu backend",
			(b_bytes + 2 * TILE as u128 * row_bytes).div_ceil(1 << 20) * 10 / 9,
			free >> 20
		))),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn plans_should_cover_every_element_and_all_of_k() {
		for (m, k, n) in [
			(1, 1, 1),
			(128, 32, 128),
			(129, 33, 1000),
			(65_536, 4096, 65_536),
		] {
			let plan = Plan::new(m, k, n).unwrap();
			assert!(plan.words as usize * 4 >= k && (plan.words as usize).is_multiple_of(DEPTH));
			let (columns, rows) = plan.multiply().grid;
			assert!(rows as usize * TILE >= m && columns as usize * TILE >= n);
			let (turned_rows, turned_words) = plan.pack_rows().grid;
			assert!(turned_rows as usize * TURN == plan.lda as usize);
			assert!(turned_words as usize * TURN >= plan.words as usize);
			let pack = plan.pack_columns();
			assert_eq!(
				(pack.grid.0 * pack.block.0, pack.grid.1),
				(plan.ldb, plan.words)
			);
		}
	}

	#[test]
	fn plans_should_refuse_what_a_launch_cannot_express() {
		assert!(Plan::new(MAX_BAND_ROWS + 1, 1, 1).is_err());
		assert!(Plan::new(1, 1, usize::MAX).is_err());
	}

	#[test]
	fn bands_should_fit_with_b_into_the_memory() {
		let fits = |rows: usize, k: usize, n: usize, free: u64| {
			let plan = Plan::new(rows, k, n).unwrap();
			let bytes = k * n + 4 * plan.packed_b() + rows * k + 4 * plan.packed_a() + 4 * rows * n;
			bytes as u64 <= free
		};
		for free in [64 << 20, 1 << 30, 8 << 30, 80 << 30] {
			for (m, k, n) in [
				(1, 1, 1),
				(65_536, 64, 64),
				(4096, 4096, 4096),
				(65_536, 64, 65_536),
			] {
				match band_rows(m, k, n, free) {
					Ok(rows) => {
						assert!(rows > 0 && rows <= m);
						assert!(fits(rows, k, n, free), "{m}x{k}x{n} in {free}: {rows}");
					}
					Err(_) => assert!(!fits(m, k, n, free)),
				}
			}
		}
		assert_eq!(band_rows(1024, 1024, 1024, 8 << 30), Ok(1024));
		assert!(band_rows(1, 4096, 65_536, 64 << 20).is_err());
	}
}
