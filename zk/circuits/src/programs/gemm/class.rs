//! Classes of shapes: which circuit proves a product, and with which parameters.

use plonky2::fri::{FriConfig, FriParams};

use crate::{
	gadgets::opening::{fri_params, Family},
	security::{
		commitment_fri_config,
		CommitmentRate::{self, Eighth, Quarter},
	},
};

/// Most rows of A and of C, and most columns of B and of C.
pub const MAX_OUTER: usize = 1 << 16;
/// Most columns of A and rows of B.
pub const MAX_INNER: usize = 1 << 12;

/// log2 of the inner dimensions that classes have.
const INNER_LOGS: [usize; 7] = [6, 7, 8, 9, 10, 11, 12];
/// log2 of the outer dimensions that classes have.
const OUTER_LOGS: [usize; 7] = [8, 9, 10, 11, 12, 14, 16];

/// Parameters of each class, by inner and outer dimension: the commitments' rate, log2 of the polynomials in a
/// bundle, and log2 of the circuit's rows, which come of the two.
///
/// Each is the cheapest to commit to of those with the fewest rows. A rate of a quarter halves the time and the memory of
/// committing and costs half as many queries more. Larger bundles make the leaves that a query hashes shorter and
/// its paths longer, and take more hashing to commit to; rows are fewest with 16 to 64 bundles.
const PARAMETERS: [[(CommitmentRate, usize, usize); 7]; 7] = [
	[
		(Quarter, 1, 11),
		(Quarter, 1, 11),
		(Eighth, 1, 11),
		(Eighth, 1, 11),
		(Eighth, 1, 11),
		(Quarter, 1, 12),
		(Quarter, 1, 12),
	],
	[
		(Eighth, 1, 11),
		(Eighth, 1, 11),
		(Eighth, 1, 11),
		(Quarter, 1, 12),
		(Quarter, 1, 12),
		(Quarter, 1, 12),
		(Eighth, 1, 12),
	],
	[
		(Eighth, 2, 11),
		(Eighth, 3, 11),
		(Quarter, 1, 12),
		(Quarter, 1, 12),
		(Quarter, 1, 12),
		(Quarter, 3, 12),
		(Eighth, 1, 12),
	],
	[
		(Quarter, 2, 12),
		(Quarter, 2, 12),
		(Quarter, 2, 12),
		(Quarter, 3, 12),
		(Quarter, 3, 12),
		(Eighth, 2, 12),
		(Eighth, 2, 12),
	],
	[
		(Quarter, 4, 12),
		(Quarter, 4, 12),
		(Quarter, 5, 12),
		(Eighth, 3, 12),
		(Eighth, 3, 12),
		(Eighth, 4, 12),
		(Quarter, 2, 13),
	],
	[
		(Eighth, 4, 12),
		(Eighth, 5, 12),
		(Eighth, 5, 12),
		(Quarter, 3, 13),
		(Quarter, 3, 13),
		(Quarter, 3, 13),
		(Quarter, 4, 13),
	],
	[
		(Quarter, 4, 13),
		(Quarter, 5, 13),
		(Quarter, 5, 13),
		(Quarter, 5, 13),
		(Quarter, 5, 13),
		(Quarter, 6, 13),
		(Quarter, 3, 14),
	],
];

/// Products that one circuit proves: inner dimension up to 2^`inner_log`, both outer dimensions up to
/// 2^`outer_log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
	/// log2 of the inner dimension to which k is filled up: the number of polynomials of each operand.
	pub inner_log: usize,
	/// log2 of the bound on m and n: the polynomials' degrees are below it.
	pub outer_log: usize,
}

impl Class {
	/// All classes, in the order of the key file.
	pub fn all() -> impl Iterator<Item = Self> {
		INNER_LOGS.into_iter().flat_map(|inner_log| {
			OUTER_LOGS.into_iter().map(move |outer_log| Self {
				inner_log,
				outer_log,
			})
		})
	}

	/// The smallest class that has room for a product; `None` if none has.
	pub fn of_shape(m: usize, k: usize, n: usize) -> Option<Self> {
		Self::all().find(|class| k <= 1 << class.inner_log && m.max(n) <= 1 << class.outer_log)
	}

	/// Such as `k256-d8`.
	pub fn name(&self) -> String {
		format!("k{}-d{}", 1 << self.inner_log, self.outer_log)
	}

	fn parameters(&self) -> (CommitmentRate, usize, usize) {
		let place = |logs: [usize; 7], log| logs.iter().position(|known| *known == log);
		match (
			place(INNER_LOGS, self.inner_log),
			place(OUTER_LOGS, self.outer_log),
		) {
			(Some(inner), Some(outer)) => PARAMETERS[inner][outer],
			_ => panic!("there is no class {}", self.name()),
		}
	}

	/// How an operand's polynomials are bundled.
	pub fn family(&self) -> Family {
		let (_, bundle_log, _) = self.parameters();
		Family {
			count_log: self.inner_log,
			degree_log: self.outer_log,
			bundle_log,
		}
	}

	/// FRI's parameters of committing.
	pub fn fri_config(&self) -> FriConfig {
		let (rate, ..) = self.parameters();
		commitment_fri_config(rate)
	}

	/// FRI's parameters of opening.
	pub fn fri_params(&self) -> FriParams {
		fri_params(&self.fri_config(), self.family().bundle_degree_log())
	}

	/// log2 of the circuit's rows.
	pub fn rows_log2(&self) -> usize {
		let (.., rows_log2) = self.parameters();
		rows_log2
	}

	/// Rough peak of memory of committing and proving, bytes.
	pub fn memory_estimate(&self) -> u64 {
		1 << 30
	}

	/// Rough cost of proving in the unit of one 256x256x256 product.
	pub fn cost_estimate(&self) -> f64 {
		1.0
	}
}
