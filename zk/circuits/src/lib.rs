//! Lemma's programs as plonky2 circuits, their wrapping into one outer proof, and the prover.
#![deny(missing_docs)]

pub mod program;
