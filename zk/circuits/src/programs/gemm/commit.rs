//! The commitment to a product's operands.

use lemma_zk_statement::{matrix_commitment, F};
use plonky2::field::types::Field;

use super::{blob::Operands, class::Class};
use crate::gadgets::opening::Committed;

/// Both operands, committed to, with what it takes to open them.
pub struct CommittedOperands {
	/// A's columns.
	pub a: Committed,
	/// B's rows.
	pub b: Committed,
	/// The input's commitment, which names both and the shape.
	pub commitment: [u8; 32],
}

impl CommittedOperands {
	/// Commits to operands that `class` has room for.
	pub fn new(class: Class, operands: &Operands) -> Self {
		let Operands { m, k, n, a, b } = operands;
		let (family, config) = (class.family(), class.fri_config());
		let bundle = family.bundle();
		let columns = Committed::new(family, &config, |g, coefficients| {
			for (row, place) in a
				.chunks_exact(*k)
				.zip(coefficients.chunks_exact_mut(bundle))
			{
				for (value, place) in row.iter().skip(g * bundle).zip(place) {
					*place = element(*value);
				}
			}
		});
		let rows = Committed::new(family, &config, |g, coefficients| {
			for (j, row) in b.chunks_exact(*n).skip(g * bundle).take(bundle).enumerate() {
				for (value, place) in row
					.iter()
					.zip(coefficients.iter_mut().skip(j).step_by(bundle))
				{
					*place = element(*value);
				}
			}
		});
		let shape = [class.inner_log, class.outer_log, *m, *k, *n].map(F::from_canonical_usize);
		let hashes = [columns.cap().0.as_slice(), rows.cap().0.as_slice()].concat();
		Self {
			commitment: matrix_commitment(&shape, &hashes),
			a: columns,
			b: rows,
		}
	}
}

fn element(value: i8) -> F {
	F::from_noncanonical_i64(value.into())
}
