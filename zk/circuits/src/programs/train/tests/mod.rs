//! The program: its arithmetic, its encoding, its circuit.

mod blobs;
mod cheats;
mod constraints;
mod digits;
mod gates;
mod honest;
mod rule;

use std::sync::OnceLock;

use lemma_zk_statement::{blake2_256, OutputElement, Statement};
use plonky2::iop::witness::PartialWitness;

use super::{
	blob::Training,
	circuit::{TrainCircuit, TrainTargets},
	commit::CommittedTraining,
	job::output,
	network::{Network, BATCH},
	reference::{self, step_seen, Batch, Table, Trace},
};
use crate::{
	constraint::leaving_out::{Cheat, Tested},
	targets::StatementTargets,
	wrap::Wrapped,
	Builder,
};

const BINDING: [u8; 32] = [7; 32];
/// Steps of the circuit in which cheats are tried.
const STEPS: usize = 2;

/// Some steps of a small network, with features and weights of every size that matters.
fn training(steps: usize, rows: usize, first: usize) -> Training {
	let network = Network::new(vec![5, 4, 3]).unwrap();
	let mut state = 1u64;
	let mut next = |bound: u64| {
		state = state
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1_442_695_040_888_963_407);
		(state >> 33) % bound
	};
	let training = Training {
		rates: vec![7, 3],
		steps,
		first: first % (rows / BATCH),
		seed: [5; 32],
		features: (0..5 * rows).map(|_| next(256) as u8 as i8).collect(),
		labels: (0..rows).map(|_| next(3) as u8).collect(),
		weights: (0..network.weights())
			.map(|_| next(1 << 21) as i32 - (1 << 20))
			.collect(),
		network,
	};
	training.check().unwrap();
	training
}

/// All that sets a circuit's witness.
type Targets = (StatementTargets, TrainTargets);

/// The circuit of [`STEPS`] steps of the small network, not yet built.
fn unbuilt() -> (Builder, Targets) {
	let circuit = TrainCircuit {
		network: training(STEPS, 96, 0).network,
		steps: STEPS,
	};
	let (builder, statement, targets) = Wrapped::plain(&circuit);
	(builder, (statement, targets))
}

/// That circuit, of which only satisfaction is asked.
fn whole() -> &'static Tested<Targets> {
	static WHOLE: OnceLock<Tested<Targets>> = OnceLock::new();
	WHOLE.get_or_init(|| Tested::whole(unbuilt))
}

/// What a prover says, true or not.
#[derive(Clone)]
struct Case {
	/// What the witness is of.
	training: Training,
	/// The batch that each step takes.
	batches: Vec<usize>,
	/// What the statement says that the input is.
	commitment: [u8; 32],
	traces: Vec<Trace>,
	/// What the witness says that the output is.
	yielded: Vec<i32>,
	/// What the statement says that it is.
	output: Vec<i32>,
}

impl Case {
	fn honest(training: Training) -> Self {
		let (yielded, traces) = reference::train(&training);
		let case = Self::run(training, None, |_, _, _| ());
		assert_eq!((&case.yielded, &case.traces), (&yielded, &traces));
		case
	}

	/// A training by other batches, or of which `see` changes a table of a step.
	fn run(
		training: Training,
		batches: Option<Vec<usize>>,
		mut see: impl FnMut(usize, Table, &mut Vec<i64>),
	) -> Self {
		let samples = training.ordered();
		let taken = (training.first..)
			.take(training.steps)
			.map(|step| step % samples.len());
		let batches = batches.unwrap_or_else(|| taken.collect());
		let mut weights: Vec<i64> = training.weights.iter().copied().map(i64::from).collect();
		let traces = (batches.iter().enumerate())
			.map(|(number, batch)| {
				let (features, labels) = &samples[*batch];
				let batch = Batch { features, labels };
				let (network, rates) = (&training.network, &training.rates);
				step_seen(network, rates, &mut weights, batch, |table, values| {
					see(number, table, values)
				})
			})
			.collect();
		let yielded: Vec<i32> = weights.into_iter().map(|weight| weight as i32).collect();
		Self {
			commitment: CommittedTraining::new(&training).commitment,
			training,
			batches,
			traces,
			output: yielded.clone(),
			yielded,
		}
	}

	fn statement(&self) -> Statement {
		let output = output(&self.output);
		let element = OutputElement::I32;
		Statement::of_result(
			[0; 32],
			BINDING,
			self.commitment,
			element,
			&output,
			blake2_256,
		)
		.unwrap()
	}

	fn cheat(&self, targets: &Targets) -> Cheat {
		let mut witness = PartialWitness::new();
		let statement = self.statement();
		targets.0.set(&mut witness, &statement).unwrap();
		let committed = CommittedTraining::new(&self.training);
		let set = &targets.1;
		set.set(
			&mut witness,
			&self.training,
			&committed,
			&self.traces,
			&self.yielded,
		)
		.unwrap();
		for (step, batch) in set.steps.iter().zip(&self.batches) {
			let samples = &committed.batches[*batch];
			let path = committed.path(*batch);
			let path = step
				.path
				.iter()
				.zip(path)
				.flat_map(|(t, hash)| t.elements.into_iter().zip(hash.elements));
			let features = step
				.features
				.iter()
				.copied()
				.zip(samples.features.iter().copied());
			let signs = step
				.signs
				.iter()
				.copied()
				.zip(samples.signs.iter().copied());
			witness
				.target_values
				.extend(features.chain(signs).chain(path));
		}
		Cheat {
			claim: statement.to_elements()[4..].to_vec(),
			witness,
			behind: Vec::new(),
		}
	}

	fn is_accepted(&self) -> bool {
		whole().accepts(None, &self.cheat(whole().targets()))
	}
}
