//! Building blocks of circuits that more than one program can use.

pub mod fri;
pub mod opening;
#[cfg(test)]
mod tests;
