//! Lemma's worker: watches for orders, runs them on a GPU or a CPU, proves and submits them.
//!
//! - [`cli`] and [`config`]: the command line; flags over environment over file;
//! - [`worker`]: puts the parts together, signals;
//! - [`heads`]: the chain's heads, and whether the node can be relied on;
//! - [`scheduler`] and [`selection`]: which orders to take;
//! - [`order`] and [`decide`]: one order's way, and the pure function that says what is next;
//! - [`journal`] and [`outbox`]: nothing is done that is not written down first, nothing sent twice; [`tip`]: what to offer
//!   for a place in a block;
//! - [`chain`] and [`node`]: what is asked of a chain, and a node that answers;
//! - [`workshop`], [`executor`], [`input`], [`estimate`]: fetching, checking, computing, proving;
//! - [`jobs`]: the processes in which jobs are done, and their limits;
//! - [`catalogue`], [`bundles`], [`executables`]: the programs that can be proven: built in, or come as files, data or code;
//! - [`backend`]: what runs a program's computation;
//! - [`bench`]: measures what this machine can promise;
//! - [`status`], [`metrics`], [`http`]: what the worker says of itself;
//! - [`clock`]: wall-clock time, which may jump; [`fuse`]: where tests let it die.

#![deny(missing_docs)]

pub mod backend;
pub mod bench;
pub mod bundles;
pub mod catalogue;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod decide;
pub mod estimate;
pub mod executables;
pub mod executor;
pub mod fuse;
pub mod heads;
pub mod http;
pub mod input;
pub mod jobs;
pub mod journal;
pub mod metrics;
pub mod node;
pub mod order;
pub mod outbox;
pub mod scheduler;
pub mod selection;
pub mod status;
pub mod tip;
pub mod worker;
pub mod workshop;

#[cfg(test)]
mod simulation;
