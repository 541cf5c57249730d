//! The circuit of some steps of a training: v is the evaluation at y of the weights that they yield.
//!
//! No product of matrices is computed. The prover names the sums that each layer yields and returns; the circuit hashes
//! them and draws two points, rho and beta, from the hash; and for u = (rho^i) over the samples and s = (beta^k) over a layer's
//! values it checks u (A W) s = (u A) (W s), by which the sums are A W, but for (32 + width) / 2^128. W s is known without W:
//! it begins as that of the first weights, and what a step changes it by is a product of the step's errors, and of its
//! activations, with vectors. So weights in between are no wires. `docs/protocol/train.md` argues that this is sound.

use lemma_zk_statement::OutputElement;
use plonky2::{
	field::types::Field,
	hash::{hash_types::HashOutTarget, merkle_proofs::MerkleProofTarget, poseidon::PoseidonHash},
	iop::{
		challenger::RecursiveChallenger,
		ext_target::ExtensionTarget,
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
	util::reducing::ReducingFactorTarget,
};

use super::{
	blob::Training,
	commit::{CommittedTraining, WEIGHTS_TAG},
	network::{Network, BATCH, BIAS_INPUT, ERROR_OFFSET, MARGIN, MAX_BATCHES_LOG, SHIFT},
	points::{inner_product, powers},
	reference::{Trace, RETURNED_OFFSET},
	rounding::round,
};
use crate::{
	circuit::Circuit,
	constraint::{constrained, holds},
	gadgets::matrix::weighted_sums,
	program::ProveError,
	targets::{matrix_commitment, StatementTargets},
	Builder, D, F,
};

/// First element of what the challenges are drawn from.
pub(super) const CHALLENGES_TAG: u64 = u64::from_le_bytes(*b"lemma-tc");

/// The circuit of a network and a number of steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainCircuit {
	/// What is trained.
	pub network: Network,
	/// Steps of one job.
	pub steps: usize,
}

/// What the prover sets of one step.
#[derive(Clone, Debug)]
pub(super) struct StepTargets {
	/// Features, sample by sample.
	pub features: Vec<Target>,
	/// 1 or -1 for each class, sample by sample.
	pub signs: Vec<Target>,
	/// From the batch's leaf to the root.
	pub path: Vec<HashOutTarget>,
	/// Each layer's sums, sample by sample.
	pub sums: Vec<Vec<Target>>,
	/// Each layer's but the first one's returned sums, [`RETURNED_OFFSET`] added.
	pub returned: Vec<Vec<Target>>,
}

/// What all steps have in common.
#[derive(Clone, Debug)]
pub struct TrainTargets {
	pub(super) batches: Target,
	pub(super) first: Target,
	pub(super) rates: Vec<Target>,
	pub(super) root: HashOutTarget,
	pub(super) begun: Vec<Target>,
	pub(super) yielded: Vec<Target>,
	pub(super) steps: Vec<StepTargets>,
	/// The points rho and beta.
	#[cfg_attr(not(test), allow(dead_code))]
	pub(super) challenges: [ExtensionTarget<D>; 2],
}

type Extension = ExtensionTarget<D>;

/// A table with `width` values a row, as rows.
fn rows(table: &[Target], width: usize) -> Vec<Vec<Target>> {
	table.chunks_exact(width).map(<[Target]>::to_vec).collect()
}

/// A table with `width` values a row, as columns.
fn columns(table: &[Target], width: usize) -> Vec<Vec<Target>> {
	(0..width)
		.map(|column| table.iter().skip(column).step_by(width).copied().collect())
		.collect()
}

/// The points by which products are checked.
struct Points {
	/// Powers of rho, one for each sample.
	samples: Vec<Extension>,
	/// Powers of beta, one for each value of the widest layer.
	values: Vec<Extension>,
	/// What [`RETURNED_OFFSET`] makes of a check, for each number of values.
	offset: Vec<Extension>,
}

/// What a step knows of one layer besides sums.
struct LayerValues {
	/// Activations that the layer takes.
	activations: Vec<Target>,
	/// Errors of its sums.
	errors: Vec<Target>,
}

/// A layer's weights W, as products with powers of beta.
struct Tracked {
	/// W s: one for each input, the bias last.
	of_inputs: Vec<Extension>,
	/// s W without the bias: one for each output. None for the first layer, which returns nothing.
	of_outputs: Vec<Extension>,
}

impl Circuit for TrainCircuit {
	type Targets = TrainTargets;

	fn name(&self) -> String {
		format!("train/{}-s{}", self.network.name(), self.steps)
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> TrainTargets {
		let mut targets = self.add_targets(builder);
		self.open_input(builder, statement, &targets);
		self.open_batches(builder, &targets);
		let values: Vec<_> = (targets.steps.iter())
			.map(|step| self.values(builder, step))
			.collect();
		let points = self.draw_points(builder, statement, &mut targets);

		let mut tracked = self.tracked(builder, &targets.begun, &points);
		for (step, values) in targets.steps.iter().zip(&values) {
			self.check_sums(builder, step, values, &tracked, &points);
			for ((layer, rate), values) in tracked.iter_mut().zip(&targets.rates).zip(values) {
				layer.change(builder, *rate, values, &points);
			}
		}
		let yielded = self.tracked(builder, &targets.yielded, &points);
		for (computed, yielded) in tracked.iter().zip(&yielded) {
			for (computed, yielded) in computed.of_inputs.iter().zip(&yielded.of_inputs) {
				let computed = constrained(
					builder,
					"train: the yielded weights are the last",
					*computed,
				);
				builder.connect_extension(computed, *yielded);
			}
		}
		let y = statement.y_extension();
		let evaluation = ReducingFactorTarget::new(y).reduce_base(&targets.yielded, builder);
		let evaluation = constrained(builder, "train: v is the yielded weights'", evaluation);
		builder.connect_extension(evaluation, statement.v_extension());
		targets
	}
}

impl TrainCircuit {
	/// The circuit of a training.
	pub fn of(training: &Training) -> Self {
		Self {
			network: training.network.clone(),
			steps: training.steps,
		}
	}

	fn add_targets(&self, builder: &mut Builder) -> TrainTargets {
		let network = &self.network;
		let mut steps = Vec::with_capacity(self.steps);
		for _ in 0..self.steps {
			steps.push(StepTargets {
				features: builder.add_virtual_targets(BATCH * network.features()),
				signs: builder.add_virtual_targets(BATCH * network.classes()),
				path: builder.add_virtual_hashes(MAX_BATCHES_LOG),
				sums: (network.layers())
					.map(|(_, outputs)| builder.add_virtual_targets(BATCH * outputs))
					.collect(),
				returned: (network.layers().skip(1))
					.map(|(inputs, _)| builder.add_virtual_targets(BATCH * inputs))
					.collect(),
			});
		}
		let zero = builder.zero_extension();
		TrainTargets {
			batches: builder.add_virtual_target(),
			first: builder.add_virtual_target(),
			rates: builder.add_virtual_targets(network.layers().len()),
			root: builder.add_virtual_hash(),
			begun: builder.add_virtual_targets(network.weights()),
			yielded: builder.add_virtual_targets(network.weights()),
			steps,
			challenges: [zero; 2],
		}
	}

	/// The statement's input is the commitment to all that the job is given.
	fn open_input(
		&self,
		builder: &mut Builder,
		statement: &StatementTargets,
		targets: &TrainTargets,
	) {
		let header = [WEIGHTS_TAG, targets.begun.len() as u64]
			.map(|number| builder.constant(F::from_canonical_u64(number)));
		let header = constrained(
			builder,
			"train: the weights' hash begins with tag and length",
			header,
		);
		let begun = targets.begun.clone();
		let begun = constrained(builder, "train: the weights' hash is of the weights", begun);
		let weights = builder.hash_n_to_hash_no_pad::<PoseidonHash>([&header[..], &begun].concat());

		let widths = self.network.widths();
		let mut shape: Vec<Target> = ([self.steps, widths.len()].iter().chain(widths))
			.map(|number| builder.constant(F::from_canonical_usize(*number)))
			.collect();
		shape.extend([targets.batches, targets.first]);
		shape.extend(&targets.rates);
		let commitment = matrix_commitment(builder, &shape, &[targets.root, weights]);
		let commitment = constrained(builder, "train: the input is the commitment", commitment);
		builder.connect_hashes(commitment, statement.input_hash());
	}

	/// Each step's batch is the one that it has to take.
	fn open_batches(&self, builder: &mut Builder, targets: &TrainTargets) {
		let (features, classes) = (self.network.features(), self.network.classes());
		let mut batch = targets.first;
		for step in &targets.steps {
			let split = constrained(builder, "train: a batch's place is its bits", batch);
			let bits = builder.split_le(split, MAX_BATCHES_LOG);
			let samples = step
				.features
				.chunks_exact(features)
				.zip(step.signs.chunks_exact(classes));
			let leaf = samples
				.flat_map(|(features, signs)| [features, signs].concat())
				.collect();
			let leaf = builder.hash_n_to_hash_no_pad::<PoseidonHash>(leaf);
			let path = MerkleProofTarget {
				siblings: step.path.clone(),
			};
			if holds("train: a batch is committed to") {
				let leaf = leaf.elements.to_vec();
				builder.verify_merkle_proof::<PoseidonHash>(leaf, &bits, targets.root, &path);
			}
			let next = builder.add_const(batch, F::ONE);
			let is_beyond = builder.is_equal(next, targets.batches);
			let next = builder.arithmetic(F::NEG_ONE, F::ONE, is_beyond.target, next, next);
			batch = constrained(
				builder,
				"train: the next batch follows, the first the last",
				next,
			);
		}
	}

	/// Activations and errors of a step: functions of its samples and sums.
	fn values(&self, builder: &mut Builder, step: &StepTargets) -> Vec<LayerValues> {
		let last = step.sums.len() - 1;
		let mut activations = vec![step.features.clone()];
		let mut not_negative = Vec::new();
		for sums in &step.sums[..last] {
			let rounded = round(builder, sums);
			let values: Vec<Target> = rounded.iter().map(|rounded| rounded.value).collect();
			let values = constrained(builder, "train: an activation is the sum, rounded", values);
			activations.push(values);
			not_negative.push(
				rounded
					.into_iter()
					.map(|rounded| rounded.not_negative)
					.collect::<Vec<_>>(),
			);
		}

		let margin = builder.constant(F::from_canonical_u64((MARGIN as u64) << SHIFT));
		let short: Vec<Target> = (step.sums[last].iter().zip(&step.signs))
			.map(|(sum, sign)| builder.arithmetic(F::NEG_ONE, F::ONE, *sign, *sum, margin))
			.collect();
		let short = constrained(builder, "train: a score is short of its margin", short);
		let of_scores: Vec<Target> = (round(builder, &short).iter().zip(&step.signs))
			.map(|(rounded, sign)| {
				let zero = builder.zero();
				builder.arithmetic(F::NEG_ONE, F::ZERO, *sign, rounded.value, zero)
			})
			.collect();
		let of_scores = constrained(
			builder,
			"train: a score's error is what it is short of",
			of_scores,
		);

		let mut errors = vec![of_scores];
		for (returned, not_negative) in step.returned.iter().zip(&not_negative).rev() {
			let rounded = round(builder, returned);
			let hidden: Vec<Target> = (rounded.iter().zip(not_negative))
				.map(|(rounded, flag)| {
					// flag * (value - offset)
					let offset = F::from_noncanonical_i64(-ERROR_OFFSET);
					builder.arithmetic(F::ONE, offset, *flag, rounded.value, *flag)
				})
				.collect();
			errors.push(constrained(
				builder,
				"train: an error is what was returned, rounded",
				hidden,
			));
		}
		let layers = activations.into_iter().zip(errors.into_iter().rev());
		layers
			.map(|(activations, errors)| LayerValues {
				activations,
				errors,
			})
			.collect()
	}

	/// Draws rho and beta when all that they check is fixed.
	fn draw_points(
		&self,
		builder: &mut Builder,
		statement: &StatementTargets,
		targets: &mut TrainTargets,
	) -> Points {
		let mut challenger = RecursiveChallenger::<F, PoseidonHash, D>::new(builder);
		let tag = builder.constant(F::from_canonical_u64(CHALLENGES_TAG));
		let tag = constrained(builder, "train: points are drawn after their tag", tag);
		challenger.observe_element(tag);
		let input = constrained(
			builder,
			"train: points are drawn after the input",
			statement.input,
		);
		challenger.observe_elements(&input);
		for step in &targets.steps {
			let sums = step
				.sums
				.iter()
				.chain(&step.returned)
				.flatten()
				.copied()
				.collect::<Vec<_>>();
			let sums = constrained(builder, "train: points are drawn after the sums", sums);
			challenger.observe_elements(&sums);
		}
		let yielded = targets.yielded.clone();
		let yielded = constrained(
			builder,
			"train: points are drawn after the yielded weights",
			yielded,
		);
		challenger.observe_elements(&yielded);
		let drawn = [(); 2].map(|()| challenger.get_extension_challenge(builder));
		let drawn = constrained(builder, "train: points are drawn", drawn);
		targets.challenges = drawn;
		let [rho, beta] = drawn;

		let widest = self
			.network
			.widths()
			.iter()
			.copied()
			.max()
			.unwrap_or_default();
		let samples = powers(builder, rho, BATCH);
		let values = powers(builder, beta, widest);
		let of_samples = builder.add_many_extension(&samples);
		let mut sum = builder.zero_extension();
		let mut offset = vec![sum];
		for value in &values {
			sum = builder.add_extension(sum, *value);
			offset.push(sum);
		}
		let scale = F::from_canonical_u64(RETURNED_OFFSET as u64);
		let offset = (offset.into_iter())
			.map(|sum| builder.arithmetic_extension(scale, F::ZERO, of_samples, sum, sum))
			.collect();
		Points {
			samples,
			values,
			offset,
		}
	}

	/// Weights as the circuit tracks them.
	fn tracked(&self, builder: &mut Builder, weights: &[Target], points: &Points) -> Vec<Tracked> {
		let mut weights = weights;
		let mut all = Vec::new();
		for (layer, (inputs, outputs)) in self.network.layers().enumerate() {
			let (here, later) = weights.split_at((inputs + 1) * outputs);
			weights = later;
			let of_inputs = weighted_sums(builder, &points.values[..outputs], &rows(here, outputs));
			let of_outputs = if layer == 0 {
				Vec::new()
			} else {
				let returning = columns(&here[..inputs * outputs], outputs);
				weighted_sums(builder, &points.values[..inputs], &returning)
			};
			all.push(Tracked {
				of_inputs,
				of_outputs,
			});
		}
		all
	}

	/// The sums of a step are the products that they should be.
	fn check_sums(
		&self,
		builder: &mut Builder,
		step: &StepTargets,
		values: &[LayerValues],
		tracked: &[Tracked],
		points: &Points,
	) {
		let u = &points.samples;
		for (layer, (inputs, outputs)) in self.network.layers().enumerate() {
			let LayerValues {
				activations,
				errors,
			} = &values[layer];
			let matrix = with_bias(builder, activations, inputs);
			let combined = weighted_sums(builder, u, &matrix);
			let product = inner_product(builder, &combined, &tracked[layer].of_inputs);
			let sums = rows(&step.sums[layer], outputs);
			let mut claims = vec![(product, sums, builder.zero_extension())];
			if layer > 0 {
				let combined = weighted_sums(builder, u, &columns(errors, outputs));
				let product = inner_product(builder, &combined, &tracked[layer].of_outputs);
				let returned = rows(&step.returned[layer - 1], inputs);
				claims.push((product, returned, points.offset[inputs]));
			}
			for (product, sums, offset) in claims {
				let s = &points.values[..sums[0].len()];
				let of_rows = weighted_sums(builder, s, &sums);
				let sum = inner_product(builder, &of_rows, u);
				let product = builder.add_extension(product, offset);
				let product = constrained(builder, "train: sums are those of the weights", product);
				builder.connect_extension(product, sum);
			}
		}
	}
}

/// A layer's activations, input by input, the bias's last.
fn with_bias(builder: &mut Builder, activations: &[Target], inputs: usize) -> Vec<Vec<Target>> {
	let bias = builder.constant(F::from_noncanonical_i64(BIAS_INPUT));
	let mut all = columns(activations, inputs);
	all.push(vec![bias; BATCH]);
	all
}

impl Tracked {
	/// What a step makes of it: W - rate * A^T E.
	fn change(
		&mut self,
		builder: &mut Builder,
		rate: Target,
		values: &LayerValues,
		points: &Points,
	) {
		let LayerValues {
			activations,
			errors,
		} = values;
		let (inputs, outputs) = (activations.len() / BATCH, errors.len() / BATCH);
		let combined = weighted_sums(builder, &points.values[..outputs], &rows(errors, outputs));
		let matrix = with_bias(builder, activations, inputs);
		let mut changes = vec![(&mut self.of_inputs, matrix, combined)];
		if !self.of_outputs.is_empty() {
			let combined = weighted_sums(
				builder,
				&points.values[..inputs],
				&rows(activations, inputs),
			);
			changes.push((&mut self.of_outputs, columns(errors, outputs), combined));
		}
		let rate = builder.convert_to_ext(rate);
		for (tracked, matrix, vector) in changes {
			let changes = weighted_sums(builder, &vector, &matrix);
			let changed: Vec<Extension> = (tracked.iter().zip(changes))
				.map(|(before, change)| {
					builder.arithmetic_extension(F::NEG_ONE, F::ONE, rate, change, *before)
				})
				.collect();
			*tracked = constrained(
				builder,
				"train: weights change by inputs times errors",
				changed,
			);
		}
	}
}

fn elements(numbers: &[i64], offset: i64) -> Vec<F> {
	numbers
		.iter()
		.map(|number| F::from_noncanonical_i64(number + offset))
		.collect()
}

impl TrainTargets {
	/// Sets all of the witness that the statement does not.
	pub(super) fn set(
		&self,
		witness: &mut PartialWitness<F>,
		training: &Training,
		committed: &CommittedTraining,
		traces: &[Trace],
		yielded: &[i32],
	) -> Result<(), ProveError> {
		let mut set_all = |targets: &[Target], values: &[F]| {
			if targets.len() != values.len() {
				anyhow::bail!("{} values for {} wires", values.len(), targets.len());
			}
			witness.set_target_arr(targets, values)
		};
		let mut set = || {
			let numbers = [training.batches(), training.first].map(F::from_canonical_usize);
			set_all(&[self.batches, self.first], &numbers)?;
			let rates: Vec<F> = training
				.rates
				.iter()
				.copied()
				.map(F::from_canonical_u32)
				.collect();
			set_all(&self.rates, &rates)?;
			set_all(&self.root.elements, &committed.root().elements)?;
			set_all(&self.begun, &committed.weights)?;
			let yielded: Vec<i64> = yielded.iter().copied().map(i64::from).collect();
			set_all(&self.yielded, &elements(&yielded, 0))?;
			if traces.len() != self.steps.len() {
				anyhow::bail!("{} traces of {} steps", traces.len(), self.steps.len());
			}
			for (number, (step, trace)) in self.steps.iter().zip(traces).enumerate() {
				let batch = (training.first + number) % training.batches();
				set_all(&step.features, &committed.batches[batch].features)?;
				set_all(&step.signs, &committed.batches[batch].signs)?;
				for (target, hash) in step.path.iter().zip(committed.path(batch)) {
					set_all(&target.elements, &hash.elements)?;
				}
				for (targets, sums) in step.sums.iter().zip(&trace.sums) {
					set_all(targets, &elements(sums, 0))?;
				}
				for (targets, returned) in step.returned.iter().zip(&trace.returned) {
					set_all(targets, &elements(returned, RETURNED_OFFSET))?;
				}
			}
			Ok(())
		};
		set().map_err(|error: anyhow::Error| ProveError::Prover(error.to_string()))
	}
}
