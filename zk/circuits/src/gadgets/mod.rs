//! Building blocks of circuits that more than one program can use.

pub mod bytes;
pub mod custom;
pub mod fri;
pub mod matrix;
pub mod merkle;
pub(crate) mod octal;
pub mod opening;
pub mod output;
pub mod poseidon;
pub mod range;
pub mod requantise;
#[cfg(test)]
mod tests;
