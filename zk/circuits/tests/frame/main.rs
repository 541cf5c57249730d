//! The frame around programs' circuits, with a small program that is used nowhere else: one shape and one
//! key for all, and what a cheat can do.

mod cheats;
mod constraints;
mod keys;
mod shape;
mod sum;
