//! The circuit of a model for a batch: v is the evaluation at y of what the model makes of the committed samples.
//!
//! Weights, biases and scales are constants. Every product, rounding and comparison is constrained; `docs/protocol/infer.md`
//! has the argument.

use std::sync::Arc;

use anyhow::Result;
use lemma_zk_statement::{blake2_256, OutputElement};
use plonky2::{
	field::types::Field,
	hash::poseidon::PoseidonHash,
	iop::{
		ext_target::ExtensionTarget,
		generator::{GeneratedValues, SimpleGenerator},
		target::{BoolTarget, Target},
		witness::{PartialWitness, PartitionWitness, Witness, WitnessWrite},
	},
	plonk::circuit_data::{CircuitConfig, CommonCircuitData},
	util::serialization::{Buffer, IoError, IoResult},
};

use super::{
	model::{Linear, Model, ModelError, Op, Range, Requantise, Shape, Window},
	plan::{Plan, ROUTED_WIRES},
	reference::patch,
};
use crate::{
	circuit::Circuit,
	constraint::{constrained, holds},
	gadgets::{
		bytes::{greatest, packed, raised, sponge_input},
		custom::{element, signed},
		matrix::{constant_matrix, weighted_sums},
		output::evaluate_output,
		range::range_check,
		requantise::{requantise, Requantisation},
	},
	program::ProveError,
	security,
	targets::StatementTargets,
	Builder, D, F,
};

/// First element of what the combination of products is drawn from.
pub(super) const COMBINATION_TAG: u64 = u64::from_le_bytes(*b"lemma-ic");

/// The circuit of one model and batch.
#[derive(Clone, Debug)]
pub struct InferCircuit {
	/// The model.
	pub model: Arc<Model>,
	/// Samples of a job.
	pub batch: usize,
	/// The layout.
	pub plan: Plan,
	name: String,
}

/// Targets of the circuit.
pub struct InferTargets {
	/// The samples, packed.
	pub(super) packed: Vec<Target>,
	/// All values: of each sample, in order.
	#[cfg(test)]
	pub(super) values: Vec<Vec<Vec<Target>>>,
}

/// The values of one layer: of each sample its elements.
type Values = Vec<Vec<Target>>;

/// Products whose combination is still to be checked.
struct Combined {
	/// A row of weights for each output.
	rows: Vec<Vec<F>>,
	bias: Vec<F>,
	vectors: Vec<Vec<Target>>,
	/// Of each vector.
	products: Vec<Vec<Target>>,
}

impl InferCircuit {
	/// The circuit of a model for a batch, if it can be laid out.
	pub fn new(model: Arc<Model>, batch: usize) -> Result<Self, ModelError> {
		let plan = Plan::new(&model, batch)?;
		let digest = hex::encode(&blake2_256(&model.encode())[..16]);
		Ok(Self {
			name: format!("infer/{digest}-b{batch}"),
			model,
			batch,
			plan,
		})
	}

	fn linear(
		&self,
		builder: &mut Builder,
		layer: usize,
		linear: &Linear,
		patches: impl Fn(usize, usize) -> Vec<Option<usize>>,
		input: &Values,
		later: &mut Vec<Combined>,
	) -> Values {
		let shape = self.model.values()[layer + 1].shape;
		let plane = shape.height * shape.width;
		let groups = match &self.model.layers()[layer].op {
			Op::Conv { groups, .. } => *groups,
			_ => 1,
		};
		let (outputs, length) = (
			shape.channels / groups,
			linear.weights.len() / linear.bias.len(),
		);
		let zero = builder.zero();
		let mut values = vec![vec![zero; shape.elements()]; self.batch];
		for group in 0..groups {
			let channels = group * outputs..(group + 1) * outputs;
			let of_channel = |channel: usize| {
				let weights = &linear.weights[channel * length..][..length];
				weights
					.iter()
					.map(|weight| element(i64::from(*weight)))
					.collect()
			};
			let rows: Vec<Vec<F>> = channels.clone().map(of_channel).collect();
			let bias: Vec<F> = linear.bias[channels.clone()]
				.iter()
				.map(|bias| element(i64::from(*bias)))
				.collect();
			let places: Vec<Vec<Option<usize>>> =
				(0..plane).map(|place| patches(group, place)).collect();
			let vectors: Vec<Vec<Target>> = input
				.iter()
				.flat_map(|sample| {
					places.iter().map(|places| {
						let inside = places.iter().map(|at| at.map_or(zero, |at| sample[at]));
						inside.collect()
					})
				})
				.collect();
			let products = if self.plan.combined[layer] {
				let shared: Arc<[Vec<F>]> = rows.clone().into();
				let products: Vec<Vec<Target>> = vectors
					.iter()
					.map(|vector| hint_products(builder, &shared, &bias, vector))
					.collect();
				later.push(Combined {
					rows,
					bias,
					vectors,
					products: products.clone(),
				});
				products
			} else {
				let bias: Vec<Target> = bias.iter().map(|bias| builder.constant(*bias)).collect();
				let starts = vec![bias; vectors.len()];
				constant_matrix(builder, self.plan.block, &rows, &vectors, &starts)
			};
			for (place, products) in products.iter().enumerate() {
				for (channel, product) in channels.clone().zip(products) {
					values[place / plane][channel * plane + place % plane] = *product;
				}
			}
		}
		values
	}

	fn requantised(
		&self,
		builder: &mut Builder,
		layer: usize,
		scales: &Requantise,
		accumulators: &Values,
	) -> Values {
		let shape = self.model.values()[layer + 1].shape;
		let plane = shape.height * shape.width;
		let Some(gate) = self.plan.requantise else {
			unreachable!("a model with a rounding has a gate for it")
		};
		let all: Vec<Requantisation> = accumulators
			.iter()
			.flat_map(|sample| {
				sample
					.iter()
					.enumerate()
					.map(|(place, accumulator)| Requantisation {
						accumulator: *accumulator,
						multiplier: self.plan.multiplier(scales.scale(place / plane)),
						is_cut_at_zero: scales.low == 0,
					})
			})
			.collect();
		let all = requantise(builder, gate, &all);
		all.chunks(shape.elements())
			.map(<[Target]>::to_vec)
			.collect()
	}

	/// What a layer makes of the values before it.
	fn layer(
		&self,
		builder: &mut Builder,
		place: usize,
		values: &[Values],
		later: &mut Vec<Combined>,
	) -> Values {
		let layer = &self.model.layers()[place];
		let input = &values[layer.input];
		let shape = self.model.values()[layer.input].shape;
		let output = self.model.values()[place + 1].shape;
		let each = |of_sample: &mut dyn FnMut(&[Target]) -> Vec<Target>| -> Values {
			input.iter().map(|sample| of_sample(sample)).collect()
		};
		let accumulators = match &layer.op {
			Op::Dense(linear) => {
				let all = |_: usize, _: usize| (0..shape.elements()).map(Some).collect();
				self.linear(builder, place, linear, all, input, later)
			}
			Op::Conv {
				linear,
				window,
				groups,
			} => {
				let channels = shape.channels / groups;
				let inside = |group: usize, at: usize| {
					let (row, column) = (at / output.width, at % output.width);
					patch(
						window,
						shape,
						group * channels..(group + 1) * channels,
						row,
						column,
					)
					.collect()
				};
				self.linear(builder, place, linear, inside, input, later)
			}
			Op::Add { other, factors, .. } => {
				let [a, b] = factors.map(|factor| element(i64::from(factor)));
				let pairs = input.iter().zip(&values[*other]);
				pairs
					.map(|(left, right)| {
						let pairs = left.iter().zip(right);
						pairs
							.map(|(left, right)| {
								let left = builder.mul_const(a, *left);
								builder.mul_const_add(b, *right, left)
							})
							.collect()
					})
					.collect()
			}
			Op::Relu => {
				let zero = builder.zero();
				each(&mut |sample| {
					let cut = sample
						.iter()
						.map(|value| greatest(builder, &[*value, zero]));
					cut.collect()
				})
			}
			Op::MaxPool(window) => each(&mut |sample| {
				pooled(window, shape, output, sample, |inside| {
					greatest(builder, inside)
				})
			}),
			Op::AveragePool { window, .. } => each(&mut |sample| {
				pooled(window, shape, output, sample, |inside| {
					builder.add_many(inside)
				})
			}),
			Op::GlobalAveragePool { .. } => each(&mut |sample| {
				let channels = sample.chunks(shape.height * shape.width);
				channels.map(|channel| builder.add_many(channel)).collect()
			}),
			Op::Reshape(_) => input.clone(),
			Op::ArgMax => {
				let range = self.model.values()[layer.input].range;
				each(&mut |sample| vec![arg_max(builder, sample, range)])
			}
		};
		match layer.op.requantise() {
			Some(scales) => self.requantised(builder, place, scales, &accumulators),
			None => accumulators,
		}
	}

	/// Checks all products that were only claimed so far, by a combination of their outputs that is drawn after all of them.
	fn check_combined(&self, builder: &mut Builder, input: [Target; 4], later: &[Combined]) {
		if later.is_empty() {
			return;
		}
		let tag = builder.constant(F::from_canonical_u64(COMBINATION_TAG));
		let products = later.iter().flat_map(|one| one.products.iter().flatten());
		let products: Vec<Target> = products.copied().collect();
		let products = constrained(builder, "combination: it is of all products", products);
		let preimage = [tag].into_iter().chain(input).chain(products).collect();
		let hash = builder.hash_n_to_hash_no_pad::<PoseidonHash>(preimage);
		let drawn = constrained(builder, "combination: its point is drawn", hash);
		let point = ExtensionTarget([drawn.elements[0], drawn.elements[1]]);

		let most = later.iter().map(|one| one.bias.len()).max().unwrap_or(0);
		let mut powers = vec![builder.one_extension()];
		while powers.len() < most {
			let next = builder.mul_extension(powers[powers.len() - 1], point);
			powers.push(next);
		}
		let zero = builder.zero();
		for one in later {
			let powers = &powers[..one.bias.len()];
			// Column by column, and the bias as one more.
			let columns: Vec<Vec<F>> = (0..one.rows[0].len())
				.map(|column| one.rows.iter().map(|row| row[column]).collect())
				.chain([one.bias.clone()])
				.collect();
			let coordinates: Vec<Vec<Target>> = (0..D)
				.map(|coordinate| powers.iter().map(|power| power.0[coordinate]).collect())
				.collect();
			let starts = vec![vec![zero; columns.len()]; D];
			let sums = constant_matrix(builder, self.plan.block, &columns, &coordinates, &starts);
			let mut weights: Vec<ExtensionTarget<D>> = (0..columns.len())
				.map(|column| ExtensionTarget([sums[0][column], sums[1][column]]))
				.collect();
			let Some(bias) = weights.pop() else {
				unreachable!("the bias is a column")
			};
			let of_inputs = weighted_sums(builder, &weights, &one.vectors);
			let of_products = weighted_sums(builder, powers, &one.products);
			for (of_inputs, of_products) in of_inputs.into_iter().zip(of_products) {
				let due = builder.add_extension(of_inputs, bias);
				let due = constrained(builder, "combination: the products are the inputs'", due);
				builder.connect_extension(due, of_products);
			}
		}
	}
}

impl Circuit for InferCircuit {
	type Targets = InferTargets;

	fn name(&self) -> String {
		self.name.clone()
	}

	fn element(&self) -> OutputElement {
		self.model.element()
	}

	fn config(&self) -> CircuitConfig {
		CircuitConfig {
			num_constants: self.plan.constants(),
			num_routed_wires: ROUTED_WIRES,
			..security::inner_config()
		}
	}

	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> InferTargets {
		let length = self.model.input().elements();
		let input = sponge_input(builder, self.batch * length, true);
		let commitment = constrained(builder, "infer: the input is the commitment", input.hash);
		builder.connect_hashes(commitment, statement.input_hash());

		let samples = input.bytes.chunks(length).map(<[Target]>::to_vec);
		let mut values: Vec<Values> = vec![samples.collect()];
		let mut later = Vec::new();
		for place in 0..self.model.layers().len() {
			let made = self.layer(builder, place, &values, &mut later);
			values.push(made);
		}
		self.check_combined(builder, statement.input, &later);

		let output: Vec<Target> = values
			.iter()
			.last()
			.into_iter()
			.flatten()
			.flatten()
			.copied()
			.collect();
		evaluate_output(builder, statement, &output);
		InferTargets {
			packed: input.packed,
			#[cfg(test)]
			values,
		}
	}
}

impl InferTargets {
	/// Sets all of the witness that the statement does not.
	pub(super) fn set(
		&self,
		witness: &mut PartialWitness<F>,
		samples: &[i8],
	) -> Result<(), ProveError> {
		let bytes = raised(samples);
		let pairs = self.packed.iter().copied().zip(packed(&bytes));
		witness
			.extend(pairs)
			.map_err(|error| ProveError::Prover(error.to_string()))
	}
}

/// What a window makes of a sample, channel by channel.
fn pooled(
	window: &Window,
	shape: Shape,
	output: Shape,
	sample: &[Target],
	mut of_inside: impl FnMut(&[Target]) -> Target,
) -> Vec<Target> {
	let mut pooled = Vec::with_capacity(output.elements());
	for channel in 0..output.channels {
		for row in 0..output.height {
			for column in 0..output.width {
				let inside = patch(window, shape, channel..channel + 1, row, column);
				let inside: Vec<Target> = inside.flatten().map(|at| sample[at]).collect();
				pooled.push(of_inside(&inside));
			}
		}
	}
	pooled
}

/// The place of the greatest of values within a range, the first of equals.
///
/// One place is chosen; the value there is no less than any, and more than any before it.
pub(super) fn arg_max(builder: &mut Builder, values: &[Target], range: Range) -> Target {
	let chosen = builder.add_virtual_targets(values.len());
	builder.add_simple_generator(Choice {
		values: values.to_vec(),
		chosen: chosen.clone(),
	});
	if holds("arg max: a place is chosen or not") {
		for chosen in &chosen {
			builder.assert_bool(BoolTarget::new_unsafe(*chosen));
		}
	}
	let count = builder.add_many(&chosen);
	if holds("arg max: one place is chosen") {
		builder.assert_one(count);
	}

	let zero = builder.zero();
	let pairs = chosen.iter().zip(values);
	let greatest = pairs.fold(zero, |sum, (chosen, value)| {
		builder.mul_add(*chosen, *value, sum)
	});
	let width = (i64::from(range.high) - i64::from(range.low)) as u64 + 1;
	let bits = 64 - width.leading_zeros() as usize;
	// Whether the chosen place is after this one.
	let mut after = builder.one();
	let mut place = zero;
	for (at, (chosen, value)) in chosen.iter().zip(values).enumerate() {
		after = builder.sub(after, *chosen);
		let above = builder.sub(greatest, *value);
		let above = builder.sub(above, after);
		let above = constrained(builder, "arg max: it is the first of the greatest", above);
		range_check(builder, above, bits);
		place = builder.mul_const_add(F::from_canonical_usize(at), *chosen, place);
	}
	place
}

/// Chooses the first of the greatest.
#[derive(Debug)]
struct Choice {
	values: Vec<Target>,
	chosen: Vec<Target>,
}

impl SimpleGenerator<F, D> for Choice {
	fn id(&self) -> String {
		"Lemma choice".into()
	}

	fn dependencies(&self) -> Vec<Target> {
		self.values.clone()
	}

	fn run_once(
		&self,
		witness: &PartitionWitness<'_, F>,
		out: &mut GeneratedValues<F>,
	) -> Result<()> {
		let value = |place: usize| signed(witness.get_target(self.values[place]));
		let greatest = (0..self.values.len())
			.rev()
			.max_by_key(|place| value(*place));
		for (place, chosen) in self.chosen.iter().enumerate() {
			out.set_target(*chosen, F::from_bool(Some(place) == greatest))?;
		}
		Ok(())
	}

	fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		Err(IoError)
	}

	fn deserialize(_: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Err(IoError)
	}
}

/// Wires that the prover fills with the products of a matrix and a vector; nothing is constrained.
fn hint_products(
	builder: &mut Builder,
	rows: &Arc<[Vec<F>]>,
	bias: &[F],
	vector: &[Target],
) -> Vec<Target> {
	let products = builder.add_virtual_targets(rows.len());
	builder.add_simple_generator(Products {
		rows: rows.clone(),
		bias: bias.to_vec(),
		vector: vector.to_vec(),
		products: products.clone(),
	});
	products
}

#[derive(Debug)]
struct Products {
	rows: Arc<[Vec<F>]>,
	bias: Vec<F>,
	vector: Vec<Target>,
	products: Vec<Target>,
}

impl SimpleGenerator<F, D> for Products {
	fn id(&self) -> String {
		"Lemma products".into()
	}

	fn dependencies(&self) -> Vec<Target> {
		self.vector.clone()
	}

	fn run_once(
		&self,
		witness: &PartitionWitness<'_, F>,
		out: &mut GeneratedValues<F>,
	) -> Result<()> {
		let vector = witness.get_targets(&self.vector);
		let rows = self.rows.iter().zip(&self.bias).zip(&self.products);
		for ((row, bias), product) in rows {
			let terms = row.iter().zip(&vector);
			let sum = terms.fold(*bias, |sum, (weight, value)| sum + *weight * *value);
			out.set_target(*product, sum)?;
		}
		Ok(())
	}

	fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		Err(IoError)
	}

	fn deserialize(_: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Err(IoError)
	}
}
