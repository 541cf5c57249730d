//! The worker against a real node: real proofs, real deaths and faults, every order settled once.
//!
//! Needs `lemma-node` beside the worker: `cargo build --release -p lemma-node`.

mod deaths;
mod faults;
mod net;
