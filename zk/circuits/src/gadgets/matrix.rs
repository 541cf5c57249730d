//! Products with constant matrices, and sums of small values with weights in the extension.

use plonky2::{
	field::types::Field,
	iop::{ext_target::ExtensionTarget, target::Target},
};

use super::custom::{feed, Algebra, Custom, Row};
use crate::{Builder, D, F};

/// A block of a constant matrix times the blocks of several vectors: for each vector (*lane*) and output, the output is the sum
/// so far and the constants times the inputs.
///
/// `inputs` * `outputs` constants and as many multiplications for each lane. The constants are columns of the circuit's
/// key: [`crate::circuit::Circuit::config`] must have as many, and each costs the wrap about four rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
	/// Vectors.
	pub lanes: usize,
	/// Columns of the block.
	pub inputs: usize,
	/// Rows of the block.
	pub outputs: usize,
}

impl Block {
	/// Wire of an input.
	fn input(&self, lane: usize, input: usize) -> usize {
		lane * self.inputs + input
	}

	/// Wire of a sum so far; the next is the output's.
	fn start(&self, lane: usize, output: usize) -> usize {
		self.lanes * self.inputs + 2 * (lane * self.outputs + output)
	}

	/// Constants of a row.
	pub const fn size(&self) -> usize {
		self.inputs * self.outputs
	}
}

impl Row for Block {
	fn operations(&self) -> usize {
		self.lanes * self.outputs
	}

	fn wires(&self) -> usize {
		self.start(self.lanes, 0)
	}

	fn constants(&self) -> usize {
		self.size()
	}

	fn degree(&self) -> usize {
		2
	}

	fn constraints(&self) -> usize {
		self.lanes * self.outputs
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		constants: &[A::Value],
	) -> Vec<A::Value> {
		let mut constraints = Vec::with_capacity(self.constraints());
		for lane in 0..self.lanes {
			let inputs = &wires[self.input(lane, 0)..][..self.inputs];
			for output in 0..self.outputs {
				let row = &constants[output * self.inputs..][..self.inputs];
				let start = wires[self.start(lane, output)];
				let sum = row.iter().zip(inputs).fold(start, |sum, (weight, input)| {
					algebra.mul_add(*weight, *input, sum)
				});
				constraints.push(algebra.sub(sum, wires[self.start(lane, output) + 1]));
			}
		}
		constraints
	}

	fn inputs(&self, operation: usize, constants: &[F]) -> Vec<usize> {
		let (lane, output) = (operation / self.outputs, operation % self.outputs);
		let row = &constants[output * self.inputs..][..self.inputs];
		let used = (0..self.inputs).filter(|input| row[*input] != F::ZERO);
		used.map(|input| self.input(lane, input))
			.chain([self.start(lane, output)])
			.collect()
	}

	fn complete(&self, operation: usize, constants: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let (lane, output) = (operation / self.outputs, operation % self.outputs);
		let row = &constants[output * self.inputs..][..self.inputs];
		let used = row.iter().filter(|weight| **weight != F::ZERO);
		let start = inputs.last().copied().unwrap_or(F::ZERO);
		let sum = used
			.zip(inputs)
			.fold(start, |sum, (weight, input)| sum + *weight * *input);
		vec![(self.start(lane, output) + 1, sum)]
	}
}

/// A matrix of constants times vectors, added to what each output starts from: `rows` has a row for each output, `starts` a value
/// for each output of each vector.
///
/// Takes ceil(vectors / lanes) * ceil(outputs / block outputs) * ceil(inputs / block inputs) rows.
pub fn constant_matrix(
	builder: &mut Builder,
	block: Block,
	rows: &[Vec<F>],
	vectors: &[Vec<Target>],
	starts: &[Vec<Target>],
) -> Vec<Vec<Target>> {
	let mut sums = starts.to_vec();
	let zero = builder.zero();
	let lanes = vectors
		.chunks(block.lanes)
		.zip(sums.chunks_mut(block.lanes));
	for (vectors, sums) in lanes {
		for first_output in (0..rows.len()).step_by(block.outputs) {
			for first_input in (0..rows[0].len()).step_by(block.inputs) {
				let weight = |output: usize, input: usize| {
					let row = rows.get(first_output + output);
					row.and_then(|row| row.get(first_input + input))
				};
				let constants: Vec<F> = (0..block.outputs)
					.flat_map(|output| (0..block.inputs).map(move |input| (output, input)))
					.map(|(output, input)| weight(output, input).copied().unwrap_or(F::ZERO))
					.collect();
				let row = builder.num_gates();
				builder.add_gate(Custom(block), constants);
				for lane in 0..block.lanes {
					for input in 0..block.inputs {
						let value = vectors
							.get(lane)
							.and_then(|vector| vector.get(first_input + input));
						let value = value.copied().unwrap_or(zero);
						feed(builder, row, block.input(lane, input), value);
					}
					for output in 0..block.outputs {
						let sum = sums
							.get_mut(lane)
							.and_then(|sums| sums.get_mut(first_output + output));
						let wire = block.start(lane, output);
						feed(builder, row, wire, sum.as_deref().copied().unwrap_or(zero));
						if let Some(sum) = sum {
							*sum = Target::wire(row, wire + 1);
						}
					}
				}
			}
		}
	}
	sums
}

/// Values of the field times weights of the extension, which several sums share: for each *sample*, the sum is the one so far and
/// the weights times the sample's values. Forty products a row.
#[derive(Clone, Debug)]
pub(super) struct Weighted;

const TERMS: usize = 10;
const SAMPLES: usize = 4;

impl Weighted {
	fn weight(term: usize) -> usize {
		D * term
	}

	fn value(sample: usize, term: usize) -> usize {
		D * TERMS + sample * TERMS + term
	}

	/// Wires of a sum so far; the next two are the sum's.
	fn start(sample: usize) -> usize {
		(D + SAMPLES) * TERMS + 2 * D * sample
	}
}

impl Row for Weighted {
	fn operations(&self) -> usize {
		SAMPLES
	}

	fn wires(&self) -> usize {
		Self::start(SAMPLES)
	}

	fn constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		2
	}

	fn constraints(&self) -> usize {
		D * SAMPLES
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		_: &[A::Value],
	) -> Vec<A::Value> {
		let mut constraints = Vec::with_capacity(self.constraints());
		for sample in 0..SAMPLES {
			for coordinate in 0..D {
				let start = Self::start(sample) + coordinate;
				let sum = (0..TERMS).fold(wires[start], |sum, term| {
					let weight = wires[Self::weight(term) + coordinate];
					algebra.mul_add(weight, wires[Self::value(sample, term)], sum)
				});
				constraints.push(algebra.sub(sum, wires[start + D]));
			}
		}
		constraints
	}

	fn inputs(&self, sample: usize, _: &[F]) -> Vec<usize> {
		let weights = 0..D * TERMS;
		let values = Self::value(sample, 0)..Self::value(sample, TERMS);
		let start = Self::start(sample);
		weights.chain(values).chain(start..start + D).collect()
	}

	fn complete(&self, sample: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let (weights, rest) = inputs.split_at(D * TERMS);
		let (values, start) = rest.split_at(TERMS);
		(0..D)
			.map(|coordinate| {
				let weights = weights.iter().skip(coordinate).step_by(D);
				let sum = weights
					.zip(values)
					.fold(start[coordinate], |sum, (weight, value)| {
						sum + *weight * *value
					});
				(Self::start(sample) + D + coordinate, sum)
			})
			.collect()
	}
}

/// For each sample, the sum of its values times the weights.
///
/// Takes ceil(samples / 4) * ceil(weights / 10) rows.
pub fn weighted_sums(
	builder: &mut Builder,
	weights: &[ExtensionTarget<D>],
	samples: &[Vec<Target>],
) -> Vec<ExtensionTarget<D>> {
	let zero = builder.zero();
	let mut sums = vec![builder.zero_extension(); samples.len()];
	for (samples, sums) in samples.chunks(SAMPLES).zip(sums.chunks_mut(SAMPLES)) {
		for first in (0..weights.len()).step_by(TERMS) {
			let row = builder.num_gates();
			builder.add_gate(Custom(Weighted), vec![]);
			for term in 0..TERMS {
				let weight = weights.get(first + term);
				let weight = weight.map_or([zero; D], |weight| weight.0);
				for (coordinate, value) in weight.into_iter().enumerate() {
					feed(builder, row, Weighted::weight(term) + coordinate, value);
				}
				for sample in 0..SAMPLES {
					let value = samples
						.get(sample)
						.and_then(|values| values.get(first + term));
					let value = value.copied().unwrap_or(zero);
					feed(builder, row, Weighted::value(sample, term), value);
				}
			}
			for sample in 0..SAMPLES {
				let start = Weighted::start(sample);
				let so_far = sums.get(sample).map_or([zero; D], |sum| sum.0);
				for (coordinate, value) in so_far.into_iter().enumerate() {
					feed(builder, row, start + coordinate, value);
				}
				if let Some(sum) = sums.get_mut(sample) {
					*sum = ExtensionTarget(
						[start + D, start + D + 1].map(|wire| Target::wire(row, wire)),
					);
				}
			}
		}
	}
	sums
}
