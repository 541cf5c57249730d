//! What must not be provable: each kind of a thing that a prover says, changed.

use lemma_zk_statement::F;
use plonky2::{field::types::Field, iop::target::Target};

use super::*;

#[test]
fn every_wire_that_the_prover_sets_should_have_one_value() {
	let circuit = whole();
	let case = Case::honest(training(STEPS, 96, 1));
	assert!(case.is_accepted());
	let targets = &circuit.targets().1;
	let mut sites = vec![
		("batches", targets.batches),
		("first", targets.first),
		("rate", targets.rates[0]),
		("last rate", targets.rates[1]),
		("root", targets.root.elements[2]),
		("first weight", targets.begun[0]),
		("last weight", targets.begun[38]),
		("yielded weight", targets.yielded[0]),
		("last yielded weight", targets.yielded[38]),
	];
	for step in &targets.steps {
		sites.extend([
			("feature", step.features[77]),
			("sign", step.signs[5]),
			("path", step.path[3].elements[1]),
			("sum", step.sums[0][9]),
			("score", step.sums[1][95]),
			("returned", step.returned[0][127]),
		]);
	}
	for (name, site) in sites {
		for change in [F::ONE, F::NEG_ONE, F::from_canonical_u64(1 << 20)] {
			let mut cheat = case.cheat(circuit.targets());
			*cheat.witness.target_values.get_mut(&site).unwrap() += change;
			assert!(
				!circuit.accepts(None, &cheat),
				"{name} is another by {change}"
			);
		}
	}
}

#[test]
fn no_other_output_should_be_provable() {
	let case = Case::honest(training(STEPS, 96, 1));
	for place in 0..39 {
		let mut wrong = case.clone();
		wrong.output[place] ^= 1;
		assert!(!wrong.is_accepted());
		// Not even if the witness says so.
		wrong.yielded = wrong.output.clone();
		assert!(!wrong.is_accepted());
	}
}

/// All that follows from the change is as if it were true.
#[test]
fn no_table_should_be_changed() {
	let tables = [
		Table::Activations(1),
		Table::Sums(0),
		Table::Sums(1),
		Table::Returned(1),
		Table::Errors(0),
		Table::Errors(1),
	];
	for step in 0..STEPS {
		for changed in tables {
			for change in [1, -1, 1 << 20] {
				let cheat = Case::run(training(STEPS, 96, 1), None, |number, table, values| {
					if (number, table) == (step, changed) {
						values[6] += change;
					}
				});
				assert!(!cheat.is_accepted(), "{changed:?} of step {step}");
			}
		}
	}
}

/// The steps are true of other samples than the committed ones.
#[test]
fn no_sample_should_be_another() {
	let honest = training(STEPS, 96, 1);
	let commitment = CommittedTraining::new(&honest).commitment;
	let root = CommittedTraining::new(&honest).root();
	let order = crate::programs::train::seeded::order(honest.seed, 96);
	let (one, other) = (order[BATCH + 3], order[BATCH + 4]);
	let feature = |training: &mut Training| {
		let feature = &mut training.features[5 * one + 2];
		*feature = feature.wrapping_add(1);
	};
	let label = |training: &mut Training| training.labels[one] = (training.labels[one] + 1) % 3;
	let swapped = |training: &mut Training| {
		training.labels.swap(one, other);
		(0..5).for_each(|place| training.features.swap(5 * one + place, 5 * other + place));
	};
	let changes: [&dyn Fn(&mut Training); 3] = [&feature, &label, &swapped];
	for change in changes {
		let mut training = honest.clone();
		change(&mut training);
		let cheat = Case {
			commitment,
			..Case::honest(training)
		};
		assert!(!cheat.is_accepted());
		let mut cheat = cheat.cheat(whole().targets());
		let said: [(Target, F); 4] =
			std::array::from_fn(|i| (whole().targets().1.root.elements[i], root.elements[i]));
		cheat.witness.target_values.extend(said);
		assert!(!whole().accepts(None, &cheat));
	}
	for batches in [vec![1, 0], vec![1, 1], vec![0, 2], vec![2, 1]] {
		assert!(!Case::run(honest.clone(), Some(batches), |_, _, _| ()).is_accepted());
	}
	assert!(Case::run(honest, Some(vec![1, 2]), |_, _, _| ()).is_accepted());
}
