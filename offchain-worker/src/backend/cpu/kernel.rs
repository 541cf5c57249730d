//! The innermost loop: one small tile of C from packed rows of A and packed columns of B.

/// Rows of a tile. With [`COLUMNS`], as many sums as the vector registers hold.
pub const ROWS: usize = 6;

/// Columns of a tile.
pub const COLUMNS: usize = 16;

/// A tile of C.
pub type Tile = [[i32; COLUMNS]; ROWS];

/// Which instructions the loop uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
	/// AVX2's multiply-add of i16 pairs.
	#[cfg(target_arch = "x86_64")]
	Avx2,
	/// Whatever the compiler makes of plain code.
	Portable,
}

impl Kernel {
	/// The best that this machine can run.
	pub fn detect() -> Self {
		#[cfg(target_arch = "x86_64")]
		if is_x86_feature_detected!("avx2") {
			return Self::Avx2;
		}
		Self::Portable
	}

	/// For people.
	pub fn describe(self) -> &'static str {
		match self {
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 => "AVX2",
			Self::Portable => "no vector instructions of its own",
		}
	}

	/// Multiplies packed operands: `a` holds [`ROWS`] words, `b` [`COLUMNS`] words for each pair of k.
	pub fn multiply(self, a: &[i32], b: &[i32]) -> Tile {
		match self {
			#[cfg(target_arch = "x86_64")]
			Self::Avx2 if is_x86_feature_detected!("avx2") => {
				// SAFETY: the CPU has AVX2, as just asked.
				unsafe { avx2(a, b) }
			}
			_ => portable(a, b),
		}
	}
}

/// Wrapping, because checks for the overflow that cannot happen would keep the compiler from vectorising.
fn portable(a: &[i32], b: &[i32]) -> Tile {
	let mut tile = [[0i32; COLUMNS]; ROWS];
	for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(COLUMNS)) {
		for (sums, &x) in tile.iter_mut().zip(a) {
			let (x_low, x_high) = (i32::from(x as i16), x >> 16);
			for (sum, &y) in sums.iter_mut().zip(b) {
				let low = x_low.wrapping_mul(i32::from(y as i16));
				let high = x_high.wrapping_mul(y >> 16);
				*sum = sum.wrapping_add(low).wrapping_add(high);
			}
		}
	}
	tile
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(a: &[i32], b: &[i32]) -> Tile {
	use std::arch::x86_64::{
		__m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32,
		_mm256_setzero_si256, _mm256_storeu_si256,
	};

	let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
	for (a, b) in a.chunks_exact(ROWS).zip(b.chunks_exact(COLUMNS)) {
		// SAFETY: `b` is 16 words long, two vectors of eight.
		let (left, right) = unsafe {
			let b = b.as_ptr().cast::<__m256i>();
			(_mm256_loadu_si256(b), _mm256_loadu_si256(b.add(1)))
		};
		for (sums, &x) in sums.iter_mut().zip(a) {
			let x = _mm256_set1_epi32(x);
			sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(x, left));
			sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(x, right));
		}
	}
	let mut tile = [[0i32; COLUMNS]; ROWS];
	for (row, sums) in tile.iter_mut().zip(&sums) {
		// SAFETY: `row` is 16 words long, two vectors of eight.
		unsafe {
			let row = row.as_mut_ptr().cast::<__m256i>();
			_mm256_storeu_si256(row, sums[0]);
			_mm256_storeu_si256(row.add(1), sums[1]);
		}
	}
	tile
}
