//! Rendering: a ray tracer over the integers.
//!
//! - [`scene`]: what is to be rendered, and which scenes can be; [`blob`]: the input's bytes
//! - [`prepared`]: a tile as the numbers that are committed to
//! - [`reference`]: the image, computed plainly
//!
//! `docs/protocol/render.md` specifies all of it.

pub mod blob;
pub mod prepared;
pub mod reference;
pub mod scene;
#[cfg(test)]
mod tests;

pub use scene::{Scene, Tile};
