//! What the runtime makes of each pallet, a file for each group of them.

pub mod consensus;
pub mod market;
pub mod money;
pub mod system;
