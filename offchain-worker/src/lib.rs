//! Lemma's worker: watches for orders, runs them on a GPU or a CPU, proves and submits them.
//!
//! - [`backend`]: what runs a program's computation
//! - [`bench`]: measures what this machine can promise

#![deny(missing_docs)]

pub mod backend;
pub mod bench;
