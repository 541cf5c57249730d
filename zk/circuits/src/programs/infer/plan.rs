//! How a model's circuit is laid out: which technique proves each linear layer, and the sizes of the gates.
//!
//! A linear layer is a matrix of constants times *vectors*: one for each sample of a dense layer, one for each sample, group and
//! place of a convolution. Two techniques prove the products; whichever takes fewer rows is chosen, layer by layer:
//!
//! - *directly*: every multiplication is one of a [`Block`]'s;
//! - *combined*: all outputs of a vector are checked at once, by a combination that is drawn after they are fixed. The matrix is
//!   combined once for all vectors.

use super::model::{Model, ModelError, Op, Scale};
use crate::gadgets::{matrix::Block, requantise::Requantise};

/// Wires of a row that can be connected to others: as many as the gates need. Each, and each constant, is a column whose value at
/// every query is hashed in the wrap, eight at a time. A circuit for which a wrap has too few rows is shrunk first, which takes longer
/// than all else.
pub const ROUTED_WIRES: usize = 76;
/// Blocks that are tried, inputs and outputs: at most 72 constants, at most [`ROUTED_WIRES`] wires.
const BLOCKS: [(usize, usize); 25] = [
	(6, 12),
	(9, 8),
	(12, 6),
	(18, 4),
	(24, 3),
	(34, 2),
	(6, 10),
	(10, 6),
	(12, 5),
	(15, 4),
	(20, 3),
	(30, 2),
	(4, 12),
	(6, 8),
	(8, 6),
	(12, 4),
	(16, 3),
	(24, 2),
	(6, 6),
	(9, 4),
	(12, 3),
	(18, 2),
	(6, 4),
	(8, 3),
	(12, 2),
];
/// Vectors of a block: the combined technique has the two coordinates of an element of the extension there.
const LANES: usize = 2;

/// Rows of a circuit at most, about: to prove them takes some 15 GB.
pub const MAX_ROWS: usize = 1 << 20;
/// Elements of all vectors of a circuit at most: some 40 bytes each while it is built.
pub const MAX_GATHERED: usize = 1 << 26;

/// One linear layer's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
	/// Matrices: groups of a convolution.
	pub groups: usize,
	/// Vectors for each matrix.
	pub vectors: usize,
	/// Columns of a matrix.
	pub inputs: usize,
	/// Rows of a matrix.
	pub outputs: usize,
}

impl Product {
	/// Of a layer, for a batch; `None` if it has no matrix.
	pub fn of(model: &Model, layer: usize, batch: usize) -> Option<Self> {
		let (Op::Dense(linear) | Op::Conv { linear, .. }) = &model.layers()[layer].op else {
			return None;
		};
		let groups = match &model.layers()[layer].op {
			Op::Conv { groups, .. } => *groups,
			_ => 1,
		};
		let shape = model.values()[layer + 1].shape;
		Some(Self {
			groups,
			vectors: batch * shape.height * shape.width,
			inputs: linear.weights.len() / linear.bias.len(),
			outputs: linear.bias.len() / groups,
		})
	}

	/// Elements of all vectors, each of which is gathered from a layer's input.
	fn gathered(&self) -> usize {
		self.groups * self.vectors * self.inputs
	}

	/// Rows of the direct technique.
	fn direct_rows(&self, block: Block) -> usize {
		self.groups
			* self.vectors.div_ceil(block.lanes)
			* self.outputs.div_ceil(block.outputs)
			* self.inputs.div_ceil(block.inputs)
	}

	/// Rows of the combined technique: combining the matrix and the bias, the two sums, and hashing the outputs.
	fn combined_rows(&self, block: Block) -> usize {
		let matrix =
			(self.inputs + 1).div_ceil(block.outputs) * self.outputs.div_ceil(block.inputs);
		let sums =
			self.vectors.div_ceil(4) * (self.inputs.div_ceil(10) + self.outputs.div_ceil(10));
		let hashing = (self.vectors * self.outputs).div_ceil(8);
		self.groups * (matrix + sums + hashing)
	}
}

/// The layout of one circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
	/// The gate of all matrices.
	pub block: Block,
	/// The gate of all requantisations; none if the model has none.
	pub requantise: Option<Requantise>,
	/// Layers of which the products are combined.
	pub combined: Vec<bool>,
	/// Rows of the circuit, about.
	pub rows: usize,
}

impl Plan {
	/// Lays out the circuit of a model for a batch, if it is not too large.
	pub fn new(model: &Model, batch: usize) -> Result<Self, ModelError> {
		let requantise = requantise_gate(model)?;
		let elements = batch * model.input().elements();
		let mut rows = elements.div_ceil(28) + elements.div_ceil(56) + elements.div_ceil(140) + 16;
		for (place, layer) in model.layers().iter().enumerate() {
			let outputs = batch * model.values()[place + 1].shape.elements();
			let inputs = batch * model.values()[layer.input].shape.elements();
			if let (Some(_), Some(gate)) = (layer.op.requantise(), requantise) {
				rows += gate.rows(outputs);
			}
			rows += match &layer.op {
				Op::MaxPool(window) => (outputs * window.kernel[0] * window.kernel[1]).div_ceil(21),
				Op::AveragePool { window, .. } => {
					(outputs * window.kernel[0] * window.kernel[1]).div_ceil(20)
				}
				Op::GlobalAveragePool { .. } => inputs.div_ceil(20),
				Op::Relu => outputs.div_ceil(7),
				Op::Add { .. } => outputs.div_ceil(10),
				Op::ArgMax => inputs.div_ceil(2),
				Op::Dense(_) | Op::Conv { .. } | Op::Reshape(_) => 0,
			};
		}
		let products: Vec<Option<Product>> = (0..model.layers().len())
			.map(|layer| Product::of(model, layer, batch))
			.collect();
		let block_rows = |block: Block| -> usize {
			let of_product =
				|product: &Product| product.direct_rows(block).min(product.combined_rows(block));
			products.iter().flatten().map(of_product).sum()
		};
		let block = BLOCKS
			.map(|(inputs, outputs)| Block {
				lanes: LANES,
				inputs,
				outputs,
			})
			.into_iter()
			// Rows come in powers of two; of as many, the one with the fewest constants is the cheapest to wrap.
			.min_by_key(|block| {
				let all = rows + block_rows(*block);
				(all.next_power_of_two(), block.size(), all)
			})
			.expect("there are blocks");
		let is_combined = |product: &Option<Product>| {
			product.is_some_and(|product| product.combined_rows(block) < product.direct_rows(block))
		};
		let rows = rows + block_rows(block);
		let gathered: usize = products.iter().flatten().map(Product::gathered).sum();
		if rows > MAX_ROWS || gathered > MAX_GATHERED {
			return Err(ModelError::Model(format!(
				"a batch of {batch} takes about {rows} rows (at most {MAX_ROWS}) and multiplies {gathered} elements of \
				windows (at most {MAX_GATHERED}): take a smaller batch, or a smaller network"
			)));
		}
		Ok(Self {
			block,
			requantise,
			combined: products.iter().map(is_combined).collect(),
			rows,
		})
	}

	/// Constants that a row of the circuit needs.
	pub fn constants(&self) -> usize {
		let requantise = self.requantise.map_or(0, |gate| gate.row_constants());
		self.block.size().max(requantise).max(2)
	}

	/// A scale's multiplier as the gate takes it.
	pub fn multiplier(&self, scale: Scale) -> u64 {
		let shift = self.requantise.map_or(0, |gate| gate.shift());
		normalised(scale, shift).unwrap_or(0)
	}
}

/// multiplier * 2^(`shift` - own shift); `None` if that is no integer.
fn normalised(scale: Scale, shift: usize) -> Option<u64> {
	let multiplier = u64::from(scale.multiplier);
	let own = usize::from(scale.shift);
	match shift.checked_sub(own) {
		Some(more) => multiplier.checked_shl(more as u32),
		None => {
			let less = own - shift;
			(multiplier.trailing_zeros() as usize >= less).then(|| multiplier >> less)
		}
	}
}

/// The gate with room for all of a model's roundings.
fn requantise_gate(model: &Model) -> Result<Option<Requantise>, ModelError> {
	let scales = || {
		let values = model.values().iter().skip(1);
		model
			.layers()
			.iter()
			.zip(values)
			.flat_map(|(layer, value)| {
				let requantise = layer.op.requantise();
				let scales = requantise.map_or(&[][..], |requantise| &requantise.scales);
				scales.iter().map(move |scale| (*scale, value.accumulator))
			})
	};
	// A scale's factors of two need no shift.
	let needed = scales().map(|(scale, _)| {
		let zeros = scale.multiplier.trailing_zeros() as usize;
		usize::from(scale.shift).saturating_sub(zeros)
	});
	let Some(shift) = needed.max() else {
		return Ok(None);
	};
	let shift = shift.div_ceil(2).max(1) * 2;
	let greatest = scales().map(|(scale, range)| {
		let magnitude = range.low.unsigned_abs().max(range.high.unsigned_abs());
		let multiplier = normalised(scale, shift).unwrap_or(u64::MAX);
		u128::from(magnitude) * u128::from(multiplier)
	});
	let greatest = greatest.max().unwrap_or(0);
	match Requantise::new(shift, greatest) {
		Some(gate) => Ok(Some(gate)),
		None => Err(ModelError::Model(format!(
			"its roundings are too far apart for one gate: with a shift of {shift} for all, a product can be {greatest}"
		))),
	}
}
