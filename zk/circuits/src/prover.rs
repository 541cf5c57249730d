//! The prover: builds circuits when they are first needed, keeps them, and takes a witness to an outer proof.

use std::{
	any::Any,
	sync::{Arc, Mutex, OnceLock, PoisonError},
	time::Instant,
};

use lemma_zk_statement::{Statement, F};
use lemma_zk_verifier::{proof_to_bytes, Verifier};
use plonky2::iop::witness::PartialWitness;

use crate::{
	circuit::Circuit,
	outer::Outer,
	program::{ProveError, Proved, Stage},
	wrap::Wrapped,
};

/// Rows of all circuits that are kept, at about 10 kB each. The ones used last stay.
const MAX_KEPT_ROWS: usize = 1 << 17;

/// One circuit of the cache. The cell is filled outside the cache's lock, so that building one
/// circuit keeps nobody from another.
#[derive(Clone)]
struct Kept {
	name: String,
	circuit: Arc<OnceLock<(Arc<dyn Any + Send + Sync>, usize)>>,
}

/// Makes proofs, and keeps the circuits that it has built. Share one: circuits take seconds to build and
/// tens of megabytes to keep.
#[derive(Default)]
pub struct Prover {
	/// Used last comes last.
	kept: Mutex<Vec<Kept>>,
	outer: OnceLock<Outer>,
}

impl Prover {
	/// A prover that has built nothing yet.
	pub fn new() -> Self {
		Self::default()
	}

	/// The outer circuit.
	pub fn outer(&self) -> &Outer {
		self.outer.get_or_init(Outer::build)
	}

	/// A program's circuit with its wrap.
	pub fn circuit<T: Circuit>(&self, circuit: &T) -> Arc<Wrapped<T::Targets>> {
		let name = circuit.name();
		let entry = {
			let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
			let entry = match kept.iter().position(|entry| entry.name == name) {
				Some(at) => kept.remove(at),
				None => Kept {
					name: name.clone(),
					circuit: Default::default(),
				},
			};
			kept.push(entry.clone());
			entry
		};
		let (built, _) = entry.circuit.get_or_init(|| {
			let start = Instant::now();
			let built = Wrapped::build(circuit);
			let rows = built.rows();
			log::info!(
				"built {name}: {rows} rows in {:.1} s",
				start.elapsed().as_secs_f64()
			);
			(Arc::new(built), rows)
		});
		self.forget_beyond(MAX_KEPT_ROWS);
		match built.clone().downcast() {
			Ok(wrapped) => wrapped,
			// Two circuits under one name: the cache can be of no use to the later one.
			Err(_) => Arc::new(Wrapped::build(circuit)),
		}
	}

	/// Drops what was used longest ago until at most `rows` are kept, but never what was used last.
	fn forget_beyond(&self, rows: usize) {
		let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
		let mut total = 0;
		let beyond = kept.iter().rev().position(|entry| {
			total += entry.circuit.get().map_or(0, |(_, rows)| *rows);
			total > rows
		});
		if let Some(at) = beyond {
			let forgotten = kept.len() - at.max(1);
			kept.drain(..forgotten);
		}
	}

	/// Proves `statement`, whose witness `set` completes: the program's proof, shrunk if it is large and
	/// wrapped if it has not the fixed shape, and the outer proof of that. `progress` hears of each stage as
	/// it begins. The result has been verified.
	pub fn prove<T: Circuit>(
		&self,
		circuit: &T,
		statement: &Statement,
		set: impl FnOnce(&T::Targets, &mut PartialWitness<F>) -> Result<(), ProveError>,
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		let built = self.circuit(circuit);
		let outer = self.outer();
		if built.id() != statement.program {
			return Err(ProveError::Prover(format!(
				"{} is not the program of the statement: rebuild the keys with `lemma-zk-circuits keys`",
				circuit.name()
			)));
		}

		let mut stages = Vec::new();
		let mut proof = timed(&mut stages, Stage::ProveProgram, progress, || {
			built.prove_program(built.witness(statement, set)?)
		})?;
		for shrinking in &built.shrinking {
			proof = timed(&mut stages, Stage::Shrink, progress, || {
				shrinking.prove(&proof)
			})?;
		}
		if let Some(wrap) = &built.wrap {
			proof = timed(&mut stages, Stage::Wrap, progress, || wrap.prove(&proof))?;
		}
		let proof = timed(&mut stages, Stage::Outer, progress, || {
			let proof = outer.prove(&proof, &built.shaped().verifier_only)?;
			let proof = proof_to_bytes(&proof);
			Verifier::embedded()
				.and_then(|verifier| verifier.verify(statement, &proof))
				.map_err(|error| ProveError::Prover(format!("the proof is not valid: {error}")))?;
			Ok(proof)
		})?;
		Ok(Proved {
			proof,
			stages,
			rows_log2: built.program.common.degree_bits() as u32,
		})
	}
}

fn timed<T>(
	stages: &mut Vec<(Stage, f64)>,
	stage: Stage,
	progress: &dyn Fn(Stage),
	run: impl FnOnce() -> Result<T, ProveError>,
) -> Result<T, ProveError> {
	progress(stage);
	let start = Instant::now();
	let result = run()?;
	let seconds = start.elapsed().as_secs_f64();
	match stages.iter_mut().find(|(known, _)| *known == stage) {
		Some((_, sum)) => *sum += seconds,
		None => stages.push((stage, seconds)),
	}
	Ok(result)
}
