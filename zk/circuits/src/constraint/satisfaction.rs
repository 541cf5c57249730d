//! Whether a witness satisfies a circuit, asked of the constraints themselves and not of a proof.
//!
//! A witness here is one that no honest prover would make: it holds what a cheat wrote, and generators fill in only what it
//! did not write. Wires that copy constraints join have one value by the witness's form; what is left to ask is whether every
//! row satisfies its gate. That is what a proof proves; a test with a real proof is beside the tests of
//! `programs::gemm`.

use std::panic::{catch_unwind, AssertUnwindSafe};

use plonky2::{
	field::types::{Field, PrimeField64},
	hash::poseidon::PoseidonHash,
	iop::{
		generator::GeneratedValues,
		target::Target,
		witness::{PartitionWitness, Witness},
	},
	plonk::{
		circuit_data::CircuitData,
		config::{GenericConfig, Hasher},
		vars::EvaluationVarsBaseBatch,
	},
};

use crate::{D, F};

/// In a selector polynomial: the row's gate is of another group.
const UNUSED_SELECTOR: u64 = u32::MAX as u64;

/// The witness in which each wire of `set` has the first value that it is given there, and every other the one that the
/// generators compute. A wire behind a constraint that is left out takes the value before it, if it has no other.
pub fn complete<'a, C: GenericConfig<D, F = F>>(
	data: &'a CircuitData<F, C, D>,
	set: impl Iterator<Item = (Target, F)>,
	links: &[(Target, Target)],
) -> PartitionWitness<'a, F> {
	let mut witness = PartitionWitness::new(
		data.common.config.num_wires,
		data.common.degree(),
		&data.prover_only.representative_map,
	);
	for (wire, value) in set {
		// An error says that the wire has another value already.
		let _ = witness.set_target_returning_rep(wire, value);
	}
	let mut finished = vec![false; data.prover_only.generators.len()];
	loop {
		generate(data, &mut witness, &mut finished);
		let mut carried = false;
		for (before, after) in links {
			if let (Some(value), None) = (
				witness.try_get_target(*before),
				witness.try_get_target(*after),
			) {
				carried |= witness.set_target_returning_rep(*after, value).is_ok();
			}
		}
		if !carried {
			return witness;
		}
	}
}

/// Runs all generators that can be run.
fn generate<C: GenericConfig<D, F = F>>(
	data: &CircuitData<F, C, D>,
	witness: &mut PartitionWitness<'_, F>,
	finished: &mut [bool],
) {
	let prover = &data.prover_only;
	let mut values = GeneratedValues::empty();
	let mut pending: Vec<usize> = (0..finished.len()).collect();
	while !pending.is_empty() {
		let mut next = Vec::new();
		for generator in pending {
			if finished[generator] {
				continue;
			}
			// Some panic on what only a cheat would give them, such as an index beyond a list.
			let run = || prover.generators[generator].0.run(witness, &mut values);
			finished[generator] = catch_unwind(AssertUnwindSafe(run)).unwrap_or(true);
			for (wire, value) in values.target_values.drain(..) {
				if let Ok(Some(set)) = witness.set_target_returning_rep(wire, value) {
					let watchers = prover.generator_indices_by_watches.get(&set);
					next.extend(watchers.into_iter().flatten());
				}
			}
		}
		pending = next;
	}
}

/// A gate that a row does not satisfy; `None` if all are satisfied. Wires without a value are zero, as the prover makes them.
pub fn violated<C: GenericConfig<D, F = F>>(
	data: &CircuitData<F, C, D>,
	witness: &PartitionWitness<'_, F>,
) -> Option<String> {
	let (common, prover) = (&data.common, &data.prover_only);
	assert!(common.luts.is_empty(), "tables are not checked here");
	let value = |wire| witness.try_get_target(wire).unwrap_or(F::ZERO);
	let public: Vec<F> = prover
		.public_inputs
		.iter()
		.map(|wire| value(*wire))
		.collect();
	let public_inputs_hash = PoseidonHash::hash_no_pad(&public);

	let polynomials = &prover.constants_sigmas_commitment.polynomials[..common.num_constants];
	let on_rows: Vec<Vec<F>> = polynomials
		.iter()
		.map(|polynomial| polynomial.clone().fft().values)
		.collect();
	let (selectors, constants) = on_rows.split_at(common.selectors_info.num_selectors());
	let mut rows_of_gate = vec![Vec::new(); common.gates.len()];
	for row in 0..common.degree() {
		let gate = selectors
			.iter()
			.map(|selector| selector[row].to_canonical_u64())
			.find(|gate| *gate != UNUSED_SELECTOR)
			.expect("every row has a gate");
		rows_of_gate[gate as usize].push(row);
	}

	for (gate, rows) in common.gates.iter().zip(&rows_of_gate) {
		if rows.is_empty() {
			continue;
		}
		let constants: Vec<F> = constants
			.iter()
			.flat_map(|constant| rows.iter().map(|row| constant[*row]))
			.collect();
		let wires: Vec<F> = (0..common.config.num_wires)
			.flat_map(|column| {
				rows.iter()
					.map(move |row| value(Target::wire(*row, column)))
			})
			.collect();
		let vars =
			EvaluationVarsBaseBatch::new(rows.len(), &constants, &wires, &public_inputs_hash);
		let constraints = gate.0.eval_unfiltered_base_batch(vars);
		if let Some(place) = constraints.iter().position(|value| *value != F::ZERO) {
			return Some(format!(
				"{}, row {}, constraint {}",
				gate.0.id(),
				rows[place % rows.len()],
				place / rows.len()
			));
		}
	}
	None
}
