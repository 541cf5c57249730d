//! The runtime as a whole: its presets, a job's life with a real proof, fees, and the verdict of the
//! Wasm blob against the native one.
//!
//! Needs the Wasm blob: build without SKIP_WASM_BUILD.

mod chain;
mod fees;
mod free_riding;
mod genesis;
mod limits;
mod market;
mod measure;
mod proof;
mod verdict;
mod weights;
