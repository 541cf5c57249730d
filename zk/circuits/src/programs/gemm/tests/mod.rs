//! The program, with real proofs of the smallest class.

mod blobs;
mod cheats;
mod classes;
mod honest;

use std::sync::{Arc, OnceLock};

use lemma_zk_statement::{blake2_256, OutputElement, Statement};

use super::{
	blob::Operands,
	circuit::{GemmCircuit, GemmTargets},
	class::Class,
	commit::CommittedOperands,
	reference,
};
use crate::{wrap::Wrapped, Prover};

/// The smallest class: k up to 64, m and n up to 256.
const CLASS: Class = Class {
	inner_log: 6,
	outer_log: 8,
};
const BINDING: [u8; 32] = [7; 32];

/// One prover for all tests: circuits take seconds to build.
fn prover() -> &'static Prover {
	static PROVER: OnceLock<Prover> = OnceLock::new();
	PROVER.get_or_init(Prover::new)
}

/// The circuit of [`CLASS`].
fn circuit() -> Arc<Wrapped<GemmTargets>> {
	prover().circuit(&GemmCircuit(CLASS))
}

/// Matrices of irregular values, each of which every int8 can be.
fn operands(m: usize, k: usize, n: usize, seed: u64) -> Operands {
	let mut state = seed;
	let mut value = || {
		state = state
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1_442_695_040_888_963_407);
		(state >> 56) as u8 as i8
	};
	let a = (0..m * k).map(|_| value()).collect();
	let b = (0..k * n).map(|_| value()).collect();
	Operands::new(m, k, n, a, b).unwrap()
}

/// A product of [`CLASS`] with all that proving it takes.
struct Case {
	operands: Operands,
	committed: CommittedOperands,
	output: Vec<u8>,
}

impl Case {
	fn new(operands: Operands) -> Self {
		let committed = CommittedOperands::new(CLASS, &operands);
		let output = reference::output(&operands);
		Self {
			operands,
			committed,
			output,
		}
	}

	fn dimensions(&self) -> [usize; 3] {
		[self.operands.m, self.operands.k, self.operands.n]
	}

	/// The statement that `output` is the output.
	fn statement(&self, output: &[u8]) -> Statement {
		let element = OutputElement::I32;
		let commitment = self.committed.commitment;
		Statement::of_result(
			circuit().id(),
			BINDING,
			commitment,
			element,
			output,
			blake2_256,
		)
		.unwrap()
	}
}
