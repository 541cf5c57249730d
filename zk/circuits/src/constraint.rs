//! Constraints by name, so that tests can leave each of them out.
//!
//! Every constraint that Lemma's own circuits add has its name where it is added: [`constrained`] hands on the wires
//! that it is about, [`holds`] says whether to add it at all. Both do nothing but in this crate's unit tests. There each circuit
//! is built once without each of its constraints, and a cheat is shown that passes then and only then: see
//! [`leaving_out`]. `scripts/list-constraints` makes the list of all of them in `docs/develop/testing.md`, and
//! fails if one has no test.
//!
//! What the gates of `gadgets` and `Rounding` of train say within a row has no name: their tests try rows that say
//! otherwise (`gadgets/tests/gates.rs`, `programs/train/tests`).
//!
//! A constraint is one place in the code: what it says of each element of an array, or in each query, is one. What is
//! plonky2's own (how a gate computes, how a proof is verified inside a circuit) is not Lemma's to test.

#[cfg(test)]
pub(crate) mod leaving_out;
#[cfg(test)]
pub(crate) mod satisfaction;

#[cfg(test)]
pub(crate) use leaving_out::{constrained, holds};

/// The wires that a constraint is about, for what follows. A test that leaves the constraint out gets other wires instead,
/// which a cheat sets as it likes.
#[cfg(not(test))]
pub(crate) fn constrained<W>(_builder: &mut crate::Builder, _name: &'static str, wires: W) -> W {
	wires
}

/// Whether to add a constraint: yes, but in a test that leaves it out.
#[cfg(not(test))]
pub(crate) const fn holds(_name: &'static str) -> bool {
	true
}
