//! What a program's circuit is to the frame.

use lemma_zk_statement::OutputElement;
use plonky2::plonk::circuit_data::CircuitConfig;

use crate::{program::ProgramId, security, targets::StatementTargets, wrap, Builder, Prover};

/// The circuit of one class of a program.
///
/// An implementation is a small value that says which circuit it is (such as the class's dimensions);
/// [`crate::Prover`] builds the circuit when it is first used.
pub trait Circuit: Send + Sync + 'static {
	/// What setting a witness takes: the circuit's targets.
	type Targets: Send + Sync + 'static;

	/// Program and class, such as `gemm/k256-d8`; unique. Under this name its id stands in the key file.
	fn name(&self) -> String;

	/// Type of the output's elements.
	fn element(&self) -> OutputElement;

	/// Builds the circuit around the statement, whose public inputs and challenge are already in place.
	///
	/// A circuit of at most about 4,080 rows and no gates but those that verifying a proof takes (arithmetic,
	/// Poseidon, base sums, reducing, random access to 16, interpolation on cosets of 16) needs no wrap, which
	/// saves a third of the time to prove: see [`wrap`].
	///
	/// Must be deterministic, must add no public inputs, and its constraints must determine the output by
	/// what is committed to: see [`StatementTargets::add`].
	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> Self::Targets;

	/// Parameters of the circuit's own proof.
	fn config(&self) -> CircuitConfig {
		security::inner_config()
	}
}

/// A circuit of any program, as the key files see it.
pub trait AnyCircuit: Send + Sync {
	/// [`Circuit::name`].
	fn name(&self) -> String;

	/// [`Circuit::element`].
	fn element(&self) -> OutputElement;

	/// Builds the circuit and its wrap and computes the program's id. Takes seconds.
	fn compute_id(&self) -> ProgramId;

	/// Builds the circuit into `prover`'s cache, if it is not there: whoever knows what is to be proven
	/// next has it built meanwhile.
	fn warm(&self, prover: &Prover);
}

impl<T: Circuit> AnyCircuit for T {
	fn name(&self) -> String {
		Circuit::name(self)
	}

	fn element(&self) -> OutputElement {
		Circuit::element(self)
	}

	fn compute_id(&self) -> ProgramId {
		wrap::Wrapped::build(self).id()
	}

	fn warm(&self, prover: &Prover) {
		prover.circuit(self);
	}
}
