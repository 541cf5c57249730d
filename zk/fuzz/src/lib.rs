//! Fuzzing of what reads strangers' bytes.
//!
//! A [`Target`] is a function that takes any bytes and panics if something is wrong with what the code makes of them. It is run
//! in two ways: `scripts/fuzz` builds it with a coverage-guided engine and runs it for as long as one likes; and
//! [`smoke`] replays the committed corpus and some thousand mutations of it in every `cargo test`.
//!
//! - [`harness`]: targets, mutations, the smoke run; the worker's and the runtime's fuzzing use it too
//! - [`targets`]: proofs, statements and outer keys
//!
//! A corpus holds what the engine found to reach code that nothing else reached; `scripts/fuzz` adds to it.

#![deny(missing_docs)]

pub mod harness;
pub mod targets;

pub use harness::{begin, run_chosen, smoke, Target};
