//! Bytes of a model, of a bundle and of an input. Each has one encoding: what decodes is what would be encoded.
//!
//! `docs/protocol/infer.md` has the tables. Decoding allocates no more than a small multiple of the bytes that it is given.

use super::model::{
	Layer, Linear, Model, ModelError, Op, Requantise, Scale, Shape, Window, MAX_ELEMENTS,
	MAX_LAYERS,
};

/// How a model begins: a name and the format's version.
pub const MODEL_MAGIC: [u8; 8] = *b"lemma-n\x01";
/// How a bundle begins.
pub const BUNDLE_MAGIC: [u8; 8] = *b"lemma-b\x01";
/// How an input begins.
pub const INPUT_MAGIC: [u8; 8] = *b"lemma-i\x01";
/// Samples of a batch at most.
pub const MAX_BATCH: usize = 1024;
/// Batches of a bundle at most.
pub const MAX_BATCHES: usize = 16;

/// Why bytes are none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
	/// They end too early.
	#[error("it ends too early")]
	Truncated,
	/// They begin or go on as they should not.
	#[error("{0}")]
	Malformed(String),
	/// They are no model that can be.
	#[error(transparent)]
	Model(#[from] ModelError),
}

fn malformed<T>(reason: impl Into<String>) -> Result<T, DecodeError> {
	Err(DecodeError::Malformed(reason.into()))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
	fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
		let (taken, rest) = self
			.0
			.split_at_checked(count)
			.ok_or(DecodeError::Truncated)?;
		self.0 = rest;
		Ok(taken)
	}

	fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
		let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
		self.0 = rest;
		Ok(*taken)
	}

	fn u8(&mut self) -> Result<u8, DecodeError> {
		let [byte] = self.array()?;
		Ok(byte)
	}

	fn u16(&mut self) -> Result<u16, DecodeError> {
		self.array().map(u16::from_le_bytes)
	}

	fn u32(&mut self) -> Result<usize, DecodeError> {
		self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
	}

	fn i8s(&mut self, count: usize) -> Result<Vec<i8>, DecodeError> {
		Ok(self.bytes(count)?.iter().map(|byte| *byte as i8).collect())
	}

	fn magic(&mut self, magic: [u8; 8], what: &str) -> Result<(), DecodeError> {
		match self.array()? {
			begins if begins == magic => Ok(()),
			_ => malformed(format!("it does not begin as {what} of this version does")),
		}
	}

	fn end(&self) -> Result<(), DecodeError> {
		match self.0.len() {
			0 => Ok(()),
			more => malformed(format!("{more} bytes follow the end")),
		}
	}
}

fn u32(bytes: &mut Vec<u8>, value: usize) {
	// Everything that is counted here is bounded far below.
	bytes.extend((value as u32).to_le_bytes());
}

mod tag {
	pub const DENSE: u8 = 0;
	pub const CONV: u8 = 1;
	pub const ADD: u8 = 2;
	pub const RELU: u8 = 3;
	pub const MAX_POOL: u8 = 4;
	pub const AVERAGE_POOL: u8 = 5;
	pub const GLOBAL_AVERAGE_POOL: u8 = 6;
	pub const RESHAPE: u8 = 7;
	pub const ARG_MAX: u8 = 8;
}

impl Model {
	/// The model's bytes.
	pub fn encode(&self) -> Vec<u8> {
		let mut bytes = MODEL_MAGIC.to_vec();
		shape(&mut bytes, self.input());
		u32(&mut bytes, self.layers().len());
		for layer in self.layers() {
			u32(&mut bytes, layer.input);
			op(&mut bytes, &layer.op);
		}
		bytes
	}

	/// The model of these bytes and no others.
	pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
		let mut reader = Reader(bytes);
		let model = read_model(&mut reader)?;
		reader.end()?;
		Ok(model)
	}
}

fn shape(bytes: &mut Vec<u8>, shape: Shape) {
	for side in [shape.channels, shape.height, shape.width] {
		u32(bytes, side);
	}
}

fn op(bytes: &mut Vec<u8>, op: &Op) {
	match op {
		Op::Dense(weights) => {
			bytes.push(tag::DENSE);
			linear(bytes, weights);
		}
		Op::Conv {
			linear: weights,
			window: kernel,
			groups,
		} => {
			bytes.push(tag::CONV);
			window(bytes, kernel);
			u32(bytes, *groups);
			linear(bytes, weights);
		}
		Op::Add {
			other,
			factors,
			requantise: rounding,
		} => {
			bytes.push(tag::ADD);
			u32(bytes, *other);
			bytes.extend(factors.iter().flat_map(|factor| factor.to_le_bytes()));
			requantise(bytes, rounding);
		}
		Op::Relu => bytes.push(tag::RELU),
		Op::MaxPool(kernel) => {
			bytes.push(tag::MAX_POOL);
			window(bytes, kernel);
		}
		Op::AveragePool {
			window: kernel,
			requantise: rounding,
		} => {
			bytes.push(tag::AVERAGE_POOL);
			window(bytes, kernel);
			requantise(bytes, rounding);
		}
		Op::GlobalAveragePool {
			requantise: rounding,
		} => {
			bytes.push(tag::GLOBAL_AVERAGE_POOL);
			requantise(bytes, rounding);
		}
		Op::Reshape(to) => {
			bytes.push(tag::RESHAPE);
			shape(bytes, *to);
		}
		Op::ArgMax => bytes.push(tag::ARG_MAX),
	}
}

fn linear(bytes: &mut Vec<u8>, linear: &Linear) {
	u32(bytes, linear.weights.len());
	bytes.extend(linear.weights.iter().map(|weight| *weight as u8));
	u32(bytes, linear.bias.len());
	bytes.extend(linear.bias.iter().flat_map(|bias| bias.to_le_bytes()));
	bytes.push(linear.requantise.is_some().into());
	if let Some(rounding) = &linear.requantise {
		requantise(bytes, rounding);
	}
}

fn requantise(bytes: &mut Vec<u8>, requantise: &Requantise) {
	bytes.push(requantise.low as u8);
	u32(bytes, requantise.scales.len());
	for Scale { multiplier, shift } in &requantise.scales {
		bytes.extend(multiplier.to_le_bytes());
		bytes.push(*shift);
	}
}

fn window(bytes: &mut Vec<u8>, window: &Window) {
	let numbers = window.kernel.iter().chain(&window.stride);
	for number in numbers.chain(&window.padding) {
		// At most MAX_WINDOW.
		bytes.extend((*number as u16).to_le_bytes());
	}
}

fn read_model(reader: &mut Reader<'_>) -> Result<Model, DecodeError> {
	reader.magic(MODEL_MAGIC, "a model")?;
	let input = read_shape(reader)?;
	let count = reader.u32()?;
	if count > MAX_LAYERS {
		return malformed(format!("{count} layers are more than {MAX_LAYERS}"));
	}
	let layers: Result<Vec<Layer>, DecodeError> = (0..count)
		.map(|_| {
			Ok(Layer {
				input: reader.u32()?,
				op: read_op(reader)?,
			})
		})
		.collect();
	Ok(Model::new(input, layers?)?)
}

fn read_shape(reader: &mut Reader<'_>) -> Result<Shape, DecodeError> {
	Ok(Shape::new(reader.u32()?, reader.u32()?, reader.u32()?))
}

fn read_op(reader: &mut Reader<'_>) -> Result<Op, DecodeError> {
	Ok(match reader.u8()? {
		tag::DENSE => Op::Dense(read_linear(reader)?),
		tag::CONV => Op::Conv {
			window: read_window(reader)?,
			groups: reader.u32()?,
			linear: read_linear(reader)?,
		},
		tag::ADD => Op::Add {
			other: reader.u32()?,
			factors: [
				i16::from_le_bytes(reader.array()?),
				i16::from_le_bytes(reader.array()?),
			],
			requantise: read_requantise(reader)?,
		},
		tag::RELU => Op::Relu,
		tag::MAX_POOL => Op::MaxPool(read_window(reader)?),
		tag::AVERAGE_POOL => Op::AveragePool {
			window: read_window(reader)?,
			requantise: read_requantise(reader)?,
		},
		tag::GLOBAL_AVERAGE_POOL => Op::GlobalAveragePool {
			requantise: read_requantise(reader)?,
		},
		tag::RESHAPE => Op::Reshape(read_shape(reader)?),
		tag::ARG_MAX => Op::ArgMax,
		other => return malformed(format!("there is no operator {other}")),
	})
}

fn read_linear(reader: &mut Reader<'_>) -> Result<Linear, DecodeError> {
	let weights = reader.u32()?;
	let weights = reader.i8s(weights)?;
	let count = reader.u32()?;
	let bias = reader.bytes(count.saturating_mul(4))?;
	let bias = bias
		.as_chunks()
		.0
		.iter()
		.copied()
		.map(i32::from_le_bytes)
		.collect();
	let requantise = match reader.u8()? {
		0 => None,
		1 => Some(read_requantise(reader)?),
		other => {
			return malformed(format!(
				"{other} is neither 0 nor 1, without or with scales"
			))
		}
	};
	Ok(Linear {
		weights,
		bias,
		requantise,
	})
}

fn read_requantise(reader: &mut Reader<'_>) -> Result<Requantise, DecodeError> {
	let low = reader.u8()? as i8;
	let count = reader.u32()?;
	let scales = reader.bytes(count.saturating_mul(3))?.as_chunks().0;
	let scales = scales
		.iter()
		.map(|[least, most, shift]| Scale {
			multiplier: u16::from_le_bytes([*least, *most]),
			shift: *shift,
		})
		.collect();
	Ok(Requantise { scales, low })
}

fn read_window(reader: &mut Reader<'_>) -> Result<Window, DecodeError> {
	let mut numbers = [0; 8];
	for number in &mut numbers {
		*number = reader.u16()?.into();
	}
	let [a, b, c, d, top, left, bottom, right] = numbers;
	Ok(Window {
		kernel: [a, b],
		stride: [c, d],
		padding: [top, left, bottom, right],
	})
}

/// A model and the batches that it has programs for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
	/// The model.
	pub model: Model,
	/// Samples of a job, one program each: ascending, 1 to [`MAX_BATCH`].
	pub batches: Vec<usize>,
}

impl Bundle {
	/// Checks the batches.
	pub fn new(model: Model, batches: Vec<usize>) -> Result<Self, DecodeError> {
		let fits = (1..=MAX_BATCHES).contains(&batches.len())
			&& batches.is_sorted_by(|a, b| a < b)
			&& batches.iter().all(|batch| (1..=MAX_BATCH).contains(batch));
		if !fits {
			return malformed(format!(
				"batches are 1 to {MAX_BATCHES} different numbers from 1 to {MAX_BATCH}, ascending"
			));
		}
		let greatest = batches.last().copied().unwrap_or(1);
		if model.input().elements() * greatest > MAX_ELEMENTS {
			return malformed(format!(
				"a batch of {greatest} has more than {MAX_ELEMENTS} elements"
			));
		}
		Ok(Self { model, batches })
	}

	/// The bundle's bytes.
	pub fn encode(&self) -> Vec<u8> {
		let mut bytes = BUNDLE_MAGIC.to_vec();
		u32(&mut bytes, self.batches.len());
		for batch in &self.batches {
			u32(&mut bytes, *batch);
		}
		bytes.extend(self.model.encode());
		bytes
	}

	/// The bundle of these bytes and no others.
	pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
		let mut reader = Reader(bytes);
		reader.magic(BUNDLE_MAGIC, "a bundle")?;
		let count = reader.u32()?;
		if count > MAX_BATCHES {
			return malformed(format!("{count} batches are more than {MAX_BATCHES}"));
		}
		let batches: Result<Vec<usize>, DecodeError> = (0..count).map(|_| reader.u32()).collect();
		let model = read_model(&mut reader)?;
		reader.end()?;
		Self::new(model, batches?)
	}
}

/// An input's blob: the samples, one after the other.
pub fn encode_input(samples: &[i8], batch: usize) -> Vec<u8> {
	let mut bytes = INPUT_MAGIC.to_vec();
	u32(&mut bytes, batch);
	u32(&mut bytes, samples.len() / batch.max(1));
	bytes.extend(samples.iter().map(|value| *value as u8));
	bytes
}

/// The batch and the samples of an input's blob, of `elements` each.
pub fn decode_input(bytes: &[u8], elements: usize) -> Result<(usize, Vec<i8>), DecodeError> {
	let mut reader = Reader(bytes);
	reader.magic(INPUT_MAGIC, "an input")?;
	let (batch, length) = (reader.u32()?, reader.u32()?);
	if length != elements || !(1..=MAX_BATCH).contains(&batch) {
		return malformed(format!(
			"{batch} samples of {length} elements are not 1 to {MAX_BATCH} of {elements}"
		));
	}
	let samples = reader.i8s(batch * length)?;
	reader.end()?;
	Ok((batch, samples))
}
