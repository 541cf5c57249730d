//! Circuits with one constraint left out, and what a cheat makes of them.

use std::{cell::RefCell, collections::BTreeMap};

use lemma_zk_verifier::OuterConfig;
use plonky2::{
	hash::hash_types::{HashOutTarget, MerkleCapTarget},
	iop::{ext_target::ExtensionTarget, target::Target, witness::PartialWitness},
	plonk::circuit_data::{CircuitData, VerifierCircuitTarget},
};

use super::satisfaction;
use crate::{Builder, D, F};

/// A constrained wire, and the one that stands for it in what follows: the same, but where the constraint is left out.
type Link = (Target, Target);

/// What a circuit's constraints were, as it was built.
#[derive(Default)]
pub(crate) struct Record {
	left_out: Option<&'static str>,
	links: BTreeMap<&'static str, Vec<Link>>,
}

impl Record {
	/// The wires of a constraint.
	///
	/// # Panics
	///
	/// If the circuit has no constraint of that name.
	pub fn links(&self, name: &str) -> &[Link] {
		match self.links.get(name) {
			Some(links) => links,
			None => panic!("there is no constraint {name:?} in this circuit"),
		}
	}
}

thread_local! {
	static RECORD: RefCell<Option<Record>> = const { RefCell::new(None) };
}

/// Builds something without one constraint, or with all.
pub(crate) fn recorded<T>(
	left_out: Option<&'static str>,
	build: impl FnOnce() -> T,
) -> (T, Record) {
	let record = Record {
		left_out,
		..Record::default()
	};
	RECORD.with(|cell| assert!(cell.replace(Some(record)).is_none(), "one at a time"));
	let built = build();
	let record = RECORD.with(|cell| cell.take());
	(built, record.expect("nobody else takes it"))
}

/// See the one that is not for tests.
pub(crate) fn constrained<W: Wires>(builder: &mut Builder, name: &'static str, wires: W) -> W {
	RECORD.with_borrow_mut(|record| {
		let Some(record) = record else { return wires };
		let left_out = record.left_out == Some(name);
		let links = record.links.entry(name).or_default();
		wires.map(&mut |wire| {
			let after = if left_out {
				builder.add_virtual_target()
			} else {
				wire
			};
			links.push((wire, after));
			after
		})
	})
}

/// See the one that is not for tests.
pub(crate) fn holds(name: &'static str) -> bool {
	RECORD.with_borrow_mut(|record| {
		let Some(record) = record else { return true };
		record.links.entry(name).or_default();
		record.left_out != Some(name)
	})
}

/// Wires in whatever form.
pub(crate) trait Wires {
	/// Each of them replaced, in order.
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self;
}

impl Wires for Target {
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self {
		replace(self)
	}
}

impl Wires for ExtensionTarget<D> {
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self {
		Self(self.0.map(replace))
	}
}

impl Wires for HashOutTarget {
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self {
		Self {
			elements: self.elements.map(replace),
		}
	}
}

impl Wires for MerkleCapTarget {
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self {
		Self(self.0.map(replace))
	}
}

impl Wires for VerifierCircuitTarget {
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self {
		Self {
			constants_sigmas_cap: self.constants_sigmas_cap.map(replace),
			circuit_digest: self.circuit_digest.map(replace),
		}
	}
}

impl<W: Wires, const N: usize> Wires for [W; N] {
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self {
		<[W; N]>::map(self, |wires| wires.map(replace))
	}
}

impl<W: Wires> Wires for Vec<W> {
	fn map(self, replace: &mut impl FnMut(Target) -> Target) -> Self {
		self.into_iter().map(|wires| wires.map(replace)).collect()
	}
}

/// A circuit with all constraints or without one, of which only satisfaction is asked.
pub(crate) struct Tested<T> {
	data: CircuitData<F, OuterConfig, D>,
	targets: T,
	record: Record,
}

/// What a cheat does about one constraint.
#[derive(Clone, Default)]
pub(crate) struct Cheat {
	/// What it claims: the circuit's public inputs, in order. None if the circuit has none.
	pub claim: Vec<F>,
	/// What it sets as an honest prover would, to whatever values.
	pub witness: PartialWitness<F>,
	/// What it sets behind the constraint that is left out; as constrained, if nothing.
	pub behind: Vec<F>,
}

impl<T> Tested<T> {
	/// The circuit with all its constraints.
	pub fn whole(make: impl FnOnce() -> (Builder, T)) -> Self {
		Self::build(None, make)
	}

	/// The circuit without one of its constraints.
	pub fn without(name: &'static str, make: impl FnOnce() -> (Builder, T)) -> Self {
		Self::build(Some(name), make)
	}

	fn build(left_out: Option<&'static str>, make: impl FnOnce() -> (Builder, T)) -> Self {
		let ((mut builder, targets), record) = recorded(left_out, make);
		// Nobody asks for a proof, so it is the parameters and the hash that take the least time to build.
		builder.config.fri_config.rate_bits = 3;
		Self {
			data: builder.build(),
			targets,
			record,
		}
	}

	/// What setting a witness takes.
	pub fn targets(&self) -> &T {
		&self.targets
	}

	/// Whether the cheat about constraint `name` has a witness that satisfies the circuit: what the prover sets, and of the
	/// rest whatever the generators compute that does not contradict it.
	pub fn accepts(&self, name: Option<&str>, cheat: &Cheat) -> bool {
		let public = &self.data.prover_only.public_inputs;
		assert!(cheat.claim.is_empty() || cheat.claim.len() == public.len());
		let links = name.map_or(&[][..], |name| self.record.links(name));
		assert!(
			cheat.behind.is_empty() || cheat.behind.len() == links.len(),
			"{} wires, not {}, are behind {name:?}",
			links.len(),
			cheat.behind.len()
		);
		// What is claimed comes first: a wire keeps the first value that it is given.
		let set = (public.iter().copied().zip(cheat.claim.iter().copied()))
			.chain(
				cheat
					.witness
					.target_values
					.iter()
					.map(|(wire, value)| (*wire, *value)),
			)
			.chain(
				links
					.iter()
					.map(|(_, after)| *after)
					.zip(cheat.behind.iter().copied()),
			);
		let witness = satisfaction::complete(&self.data, set, links);
		satisfaction::violated(&self.data, &witness).is_none()
	}
}

/// Fails unless the constraint is what stands between each of `cheats` and its success: the whole circuit refuses it, and the
/// circuit that lacks the constraint accepts it.
pub(crate) fn assert_needed<T>(
	name: &'static str,
	whole: &Tested<T>,
	make: impl FnOnce() -> (Builder, T),
	cheats: impl Fn(&T) -> Vec<Cheat>,
) {
	let without = Tested::without(name, make);
	let (refused, accepted) = (cheats(whole.targets()), cheats(without.targets()));
	assert!(!refused.is_empty(), "a cheat for {name:?} must be shown");
	for (i, (refused, accepted)) in refused.iter().zip(&accepted).enumerate() {
		assert!(
			!whole.accepts(Some(name), refused),
			"{name}: cheat {i} passes although the constraint is there"
		);
		assert!(
			without.accepts(Some(name), accepted),
			"{name}: cheat {i} fails although the constraint is left out, so it shows nothing"
		);
	}
}
