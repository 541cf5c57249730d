//! Quantised neural networks: int8 in, exact integer arithmetic, int8 or int32 out.
//!
//! - [`model`]: a network as plain data
//!
//! `docs/protocol/infer.md` specifies all of it and argues that it is sound.

pub mod model;

pub use model::Model;
