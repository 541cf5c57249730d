//! Building blocks of circuits that more than one program can use.

pub mod fri;
pub mod merkle;
pub(crate) mod octal;
pub mod opening;
pub mod poseidon;
#[cfg(test)]
mod tests;
