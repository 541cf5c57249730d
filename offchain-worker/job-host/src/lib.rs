//! The process in which jobs are done.
//!
//! A worker reads no stranger's input, computes nothing and proves nothing in its own process: a process beside it does, and a kernel
//! that crashes, hangs or takes all memory takes that process and nothing else. It is long-lived, so that circuits are built
//! once; the worker ends it when it breaks a limit, and starts another.
//!
//! - [`message`]: what a worker asks and is answered; [`wire`]: the frames around it, on a socket that is the process's standard
//!   input
//! - [`serve`]: the loop that answers; the process ends when the socket closes, for then its worker is gone
//! - [`make`]: one job, computed, on the processor if the GPU fails, and proven
//! - [`machine`]: what computes
//! - [`remote`]: the other side, for clients
//! - [`environment`]: what of their own environment both hand down
//! - [`priority`]: the process gives way to the node beside it
//!
//! `docs/decisions/0040-job-processes.md` says why it is so.

#![deny(missing_docs)]

pub mod environment;
pub mod machine;
pub mod make;
pub mod message;
pub mod priority;
pub mod remote;
pub mod serve;
pub mod wire;

pub use machine::{Machine, Reference};
pub use serve::{serve, serve_on};
