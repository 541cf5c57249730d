//! The program, with real proofs of the smallest class.

mod blobs;
mod cheats;
mod classes;
mod constraints;
mod honest;

use std::sync::{Arc, OnceLock};

use lemma_zk_statement::{blake2_256, OutputElement, Statement};
use plonky2::iop::witness::PartialWitness;

use super::{
	blob::Operands,
	circuit::{GemmCircuit, GemmTargets},
	class::Class,
	commit::CommittedOperands,
	reference,
};
use crate::{
	circuit::Circuit,
	constraint::leaving_out::{Cheat, Tested},
	gadgets::opening::Opening,
	keys,
	targets::StatementTargets,
	wrap::Wrapped,
	Builder, Prover,
};

/// The smallest class: k up to 64, m and n up to 256.
const CLASS: Class = Class {
	inner_log: 6,
	outer_log: 8,
};
/// The smallest class whose openings are folded.
const FOLDING: Class = Class {
	inner_log: 6,
	outer_log: 9,
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

/// All that sets a circuit's witness.
type Targets = (StatementTargets, GemmTargets);

/// A class's circuit, not yet built.
fn unbuilt(class: Class) -> (Builder, Targets) {
	let (builder, statement, targets) = Wrapped::plain(&GemmCircuit(class));
	(builder, (statement, targets))
}

/// The circuit of [`CLASS`] or [`FOLDING`], of which only satisfaction is asked.
fn whole(class: Class) -> &'static Tested<Targets> {
	static WHOLE: [OnceLock<Tested<Targets>>; 2] = [OnceLock::new(), OnceLock::new()];
	let place = usize::from(class == FOLDING);
	assert_eq!(class, [CLASS, FOLDING][place]);
	WHOLE[place].get_or_init(|| Tested::whole(|| unbuilt(class)))
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

/// A product with all that proving it takes.
struct Case {
	class: Class,
	operands: Operands,
	committed: CommittedOperands,
	output: Vec<u8>,
}

impl Case {
	fn new(operands: Operands) -> Self {
		Self::of(CLASS, operands)
	}

	fn of(class: Class, operands: Operands) -> Self {
		let committed = CommittedOperands::new(class, &operands);
		let output = reference::output(&operands);
		Self {
			class,
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
			keys::id(&GemmCircuit(self.class).name()).unwrap(),
			BINDING,
			commitment,
			element,
			output,
			blake2_256,
		)
		.unwrap()
	}
	/// The witness of whoever proves `statement` with the dimensions, commitment and opening as given.
	fn cheat(
		targets: &Targets,
		statement: &Statement,
		dimensions: [usize; 3],
		committed: &CommittedOperands,
		opening: &Opening,
	) -> Cheat {
		let mut witness = PartialWitness::new();
		targets.0.set(&mut witness, statement).unwrap();
		targets
			.1
			.set(&mut witness, dimensions, committed, opening)
			.unwrap();
		Cheat {
			claim: statement.to_elements()[4..].to_vec(),
			witness,
			behind: Vec::new(),
		}
	}
}
