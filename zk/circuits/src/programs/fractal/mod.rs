//! Julia and Mandelbrot sets: how many steps of z -> z^2 + c each point of a tile takes to escape, in fixed point.
//!
//! - [`tile`]: what is to be computed, and the input's bytes
//! - [`reference`]: the counts, computed plainly
//!
//! `docs/protocol/fractal.md` specifies all of it.

pub mod reference;
pub mod tile;
#[cfg(test)]
mod tests;

pub use tile::Tile;
