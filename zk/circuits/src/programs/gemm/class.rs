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
/// Each is the cheapest to commit to of those that fit into the 2^12 rows of the fixed shape, and so need no
/// wrap; where none fits, of those with the fewest rows. A rate of a quarter halves the time and the memory of
/// committing and costs half as many queries more. Larger bundles make the leaves that a query hashes shorter and
/// its paths longer, and take more hashing to commit to; rows are fewest with 16 to 64 bundles. (The last class, whose
/// commitments take by far the most of the time, has twice the fewest rows.)
const PARAMETERS: [[(CommitmentRate, usize, usize); 7]; 7] = [
	[
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
	],
	[
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 0, 12),
		(Quarter, 1, 12),
		(Eighth, 0, 12),
	],
	[
		(Quarter, 1, 12),
		(Quarter, 1, 12),
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

	/// Rough peak of memory of committing and proving, bytes: both commitments, what making the second of them takes
	/// for a while or, if that is more, the opening's word; the circuits with their proofs.
	pub fn memory_estimate(&self) -> u64 {
		/// A hash in the leaf layer and its share of the layers above, and what a vector takes besides its
		/// elements.
		const LEAF_OVERHEAD: u64 = 112;
		/// The wrap's and the outer circuit, and the process itself.
		const FRAME: u64 = 300 << 20;
		const ROW: u64 = 80 << 10;
		let leaves = 1u64 << self.fri_params().lde_bits();
		let on_domain = leaves * self.family().bundles() as u64 * 8;
		let coefficients = 8u64 << (self.inner_log + self.outer_log);
		let commitment = coefficients + on_domain + leaves * LEAF_OVERHEAD;
		// Elements of the extension: coefficients, values, the first folded word's tree.
		let word = leaves * 64;
		2 * commitment + on_domain.max(word) + FRAME + (ROW << self.rows_log2())
	}

	/// Rough cost of proving in the unit of one 256x256x256 product.
	pub fn cost_estimate(&self) -> f64 {
		self.seconds()
			/ Self {
				inner_log: 8,
				outer_log: 8,
			}
			.seconds()
	}

	/// Seconds of two cores of the machine that `docs/performance.md` names.
	fn seconds(&self) -> f64 {
		/// One permutation of Poseidon.
		const PERMUTATION: f64 = 0.65e-6;
		/// A large part of an opening: for each coefficient of both operands.
		const COEFFICIENT: f64 = 20e-9;
		/// The outer proof.
		const FRAME: f64 = 1.0;
		/// The wrap, for circuits that have not the fixed shape themselves.
		const WRAP: f64 = 1.6;
		/// One row of the program's circuit.
		const ROW: f64 = 0.45e-3;
		/// Shrinking a larger circuit's proof.
		const SHRINK: f64 = 3.0;
		let leaves = (1u64 << self.fri_params().lde_bits()) as f64;
		let permutations = 2.0 * leaves * (self.family().bundles() as f64 / 8.0 + 1.0);
		let coefficients = 2.0 * (1u64 << (self.inner_log + self.outer_log)) as f64;
		let rows = (1u64 << self.rows_log2()) as f64;
		let shrink = if self.rows_log2() > 13 { SHRINK } else { 0.0 };
		let wrap = if self.rows_log2() > 12 { WRAP } else { 0.0 };
		FRAME + wrap + shrink + rows * ROW + permutations * PERMUTATION + coefficients * COEFFICIENT
	}
}
