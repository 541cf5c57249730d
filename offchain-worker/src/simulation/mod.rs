//! The worker's state machine against a chain in memory, on a disk in memory: deaths at every point, forks, lost
//! transactions, nodes and disks that fail. Proving is replaced by something quick; everything else is the worker
//! itself.
//!
//! - [`world`]: the chain; [`machine`]: what the worker runs on, and its lives;
//! - [`course`]: what happens to orders without any fault;
//! - [`deaths`]: the worker dies; [`restarts`]: the next life finds what the last one left; [`keys`]: its key acts for another;
//! - [`faults`]: what is around it fails; [`answers`]: the node answers otherwise than it should; [`tips`]: blocks are full.

mod answers;
mod course;
mod deaths;
mod faults;
mod keys;
mod machine;
mod restarts;
mod tips;
mod world;
