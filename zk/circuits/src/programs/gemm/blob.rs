//! The input blob of a product: both operands, as they lie in a store.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..8 | `lemma-g` and the format's version, 1 |
//! | 8..20 | m, k, n: three u32, little-endian |
//! | 20..20+mk | A, int8, row by row |
//! | 20+mk.. | B, int8, row by row, kn bytes and no more |

use super::class::{MAX_INNER, MAX_OUTER};
use crate::program::InputError;

/// How a blob begins: a name and the format's version.
pub const MAGIC: [u8; 8] = *b"lemma-g\x01";
/// Length of what stands before the operands.
pub const HEADER_BYTES: usize = 20;

/// Two matrices to be multiplied: A, m*k, and B, k*n, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operands {
	/// Rows of A.
	pub m: usize,
	/// Columns of A, rows of B.
	pub k: usize,
	/// Columns of B.
	pub n: usize,
	/// A.
	pub a: Vec<i8>,
	/// B.
	pub b: Vec<i8>,
}

impl Operands {
	/// Checks the dimensions.
	pub fn new(m: usize, k: usize, n: usize, a: Vec<i8>, b: Vec<i8>) -> Result<Self, InputError> {
		check_dimensions(m, k, n)?;
		for (name, operand, rows, columns) in [("A", &a, m, k), ("B", &b, k, n)] {
			if operand.len() != rows * columns {
				return Err(InputError(format!(
					"{name} is {rows}x{columns} and needs {} values, but {} were given",
					rows * columns,
					operand.len()
				)));
			}
		}
		Ok(Self { m, k, n, a, b })
	}

	/// The blob.
	pub fn encode(&self) -> Vec<u8> {
		let mut blob = Vec::with_capacity(HEADER_BYTES + self.a.len() + self.b.len());
		blob.extend(MAGIC);
		for dimension in [self.m, self.k, self.n] {
			// At most 2^16: checked when made.
			blob.extend((dimension as u32).to_le_bytes());
		}
		blob.extend(self.a.iter().chain(&self.b).map(|value| *value as u8));
		blob
	}

	/// The operands of a blob. Allocates as many bytes as the blob has, and nothing before its length is known
	/// to be right.
	pub fn decode(blob: &[u8]) -> Result<Self, InputError> {
		let Some((header, values)) = blob.split_at_checked(HEADER_BYTES) else {
			return Err(InputError(format!(
				"the blob has {} bytes, fewer than the {HEADER_BYTES} of a matrix product's header: make it with \
				 `lemma gemm`",
				blob.len()
			)));
		};
		let (magic, dimensions) = header.split_at(MAGIC.len());
		if magic != MAGIC {
			return Err(InputError(
				"the blob does not begin as a matrix product's (`lemma-g`, version 1): is it of another \
				 program, or of a newer Lemma?"
					.into(),
			));
		}
		let mut dimensions = dimensions.chunks_exact(4).map(|bytes| {
			bytes
				.iter()
				.rev()
				.fold(0, |number, byte| number << 8 | usize::from(*byte))
		});
		let mut next = || dimensions.next().unwrap_or_default();
		let (m, k, n) = (next(), next(), next());
		check_dimensions(m, k, n)?;
		let expected = m * k + k * n;
		if values.len() != expected {
			return Err(InputError(format!(
				"the blob says {m}x{k} times {k}x{n}, which takes {expected} bytes after the header, but has {}: it \
				 was cut off or something was appended",
				values.len()
			)));
		}
		let (a, b) = values.split_at(m * k);
		let signed = |bytes: &[u8]| bytes.iter().map(|byte| *byte as i8).collect();
		Ok(Self {
			m,
			k,
			n,
			a: signed(a),
			b: signed(b),
		})
	}
}

fn check_dimensions(m: usize, k: usize, n: usize) -> Result<(), InputError> {
	if m == 0 || k == 0 || n == 0 {
		return Err(InputError(format!(
			"{m}x{k} times {k}x{n} has an empty side: every dimension must be at least 1"
		)));
	}
	for (name, size, most) in [
		("m", m, MAX_OUTER),
		("k", k, MAX_INNER),
		("n", n, MAX_OUTER),
	] {
		if size > most {
			return Err(InputError(format!(
				"{name} is {size}, and at most {most} is provable (m and n up to {MAX_OUTER}, k up to {MAX_INNER}): cut \
				 the product into blocks and order each"
			)));
		}
	}
	Ok(())
}
