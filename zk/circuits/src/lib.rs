//! Lemma's programs as plonky2 circuits, their wrapping into one outer proof, and the prover.
//!
//! A program's circuit P proves a statement less its program. If P has not the one fixed shape, W, which has it,
//! verifies P with P's key built in. The outer circuit O verifies a proof of that shape with a key that is a
//! witness, and exposes the hash of that key: the program's id. O's key is the only one that the chain holds.
//!
//! - [`program`]: what a program is to the worker and the command line; [`programs`]: all there are
//! - [`circuit`]: what a program's circuit is to the frame; [`targets`]: the statement inside a circuit
//! - [`security`]: every parameter on which soundness rests; `constraint`: every constraint, by name
//! - [`wrap`], [`outer`]: the two circuits around a program's
//! - [`prover`]: builds circuits, keeps them, proves; [`keys`]: the committed key files;
//!   [`sample`]: a committed proof
//!
//! See `docs/protocol/` for the protocol and `docs/security.md` for what it rests on.

#![deny(missing_docs)]

pub mod circuit;
mod constraint;
pub mod gadgets;
pub mod keys;
pub mod outer;
pub mod program;
pub mod programs;
pub mod prover;
pub mod sample;
pub mod security;
pub mod targets;
pub mod wrap;

use plonky2::{
	field::extension::quadratic::QuadraticExtension,
	plonk::{circuit_builder::CircuitBuilder, config::PoseidonGoldilocksConfig},
};

pub use lemma_zk_statement::F;
pub use prover::Prover;

/// Degree of the field extension of which challenges are taken.
pub const D: usize = 2;
/// That extension.
pub type F2 = QuadraticExtension<F>;
/// What every circuit but the outer one is proven with: Poseidon, cheap to verify in a circuit.
pub type C = PoseidonGoldilocksConfig;
/// Builder of such circuits.
pub type Builder = CircuitBuilder<F, D>;
/// A circuit, ready to prove.
pub type CircuitData = plonky2::plonk::circuit_data::CircuitData<F, C, D>;
/// A proof with its public inputs.
pub type Proof = plonky2::plonk::proof::ProofWithPublicInputs<F, C, D>;
