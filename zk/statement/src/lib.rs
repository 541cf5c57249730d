//! What a Lemma proof says: the statement, its encoding to field elements, the commitments that it
//! names, and the evaluation of an output.
//!
//! The runtime computes a [`Statement`] of the order that it holds and the output's bytes that it was
//! given, and accepts the result if a proof of that very statement verifies. The circuits of
//! `lemma-zk-circuits` derive the same values from the same layouts. The encodings are specified in
//! `docs/protocol/statement.md`; the tests here pin them with known answers.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]
#![cfg_attr(
	not(test),
	deny(
		clippy::unwrap_used,
		clippy::expect_used,
		clippy::indexing_slicing,
		clippy::arithmetic_side_effects
	)
)]

extern crate alloc;

mod commitment;
mod element;
mod evaluation;
mod field;
mod output;
mod statement;

pub use commitment::{matrix_commitment, sponge_commitment, MATRIX_TAG, SPONGE_TAG};
pub use element::OutputElement;
pub use evaluation::evaluate;
pub use field::{bytes_to_hash, hash_to_bytes, limbs, F};
pub use output::{output_root, CHUNK_BYTES};
pub use statement::{
	binding, blake2_256, challenge, Statement, StatementError, CHALLENGE_TAG, STATEMENT_ELEMENTS,
};
