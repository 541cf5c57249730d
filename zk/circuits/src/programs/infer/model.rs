//! A quantised network as plain data: integers only, no float anywhere.
//!
//! A model takes a sample, an int8 tensor, through its layers in order. Value 0 is the sample, value i + 1 what layer i
//! makes of earlier values. Every value is int8, but for the last linear layer's if it is not requantised (int32 scores) and
//! for [`Op::ArgMax`]'s. Tensors lie channel by channel, each row by row.
//!
//! Sums are exact: a model of which any input could carry a sum beyond int32 is none ([`Model::new`] checks the worst case).
//! The only rounding is [`Requantise`]'s. `docs/protocol/infer.md` specifies all of it.

use std::fmt;

use lemma_zk_statement::OutputElement;

/// Layers of a model at most.
pub const MAX_LAYERS: usize = 256;
/// Elements of a value at most.
pub const MAX_ELEMENTS: usize = 1 << 18;
/// Weights and biases of a model at most.
pub const MAX_PARAMETERS: usize = 1 << 22;
/// Multiplications, additions and comparisons of one sample at most.
pub const MAX_OPERATIONS: u64 = 1 << 30;
/// Largest shift.
pub const MAX_SHIFT: u8 = 40;
/// Largest side of a window, stride and padding.
pub const MAX_WINDOW: usize = 256;

/// Shape of one sample's tensor. A vector of n elements is n channels of 1x1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
	/// Channels.
	pub channels: usize,
	/// Rows of each channel.
	pub height: usize,
	/// Columns of each channel.
	pub width: usize,
}

impl Shape {
	/// A tensor of three dimensions.
	pub const fn new(channels: usize, height: usize, width: usize) -> Self {
		Self {
			channels,
			height,
			width,
		}
	}

	/// A vector.
	pub const fn vector(elements: usize) -> Self {
		Self::new(elements, 1, 1)
	}

	/// Number of elements; `None` if it is zero or more than [`MAX_ELEMENTS`].
	pub fn checked_elements(&self) -> Option<usize> {
		let elements = self
			.channels
			.checked_mul(self.height)?
			.checked_mul(self.width)?;
		(1..=MAX_ELEMENTS).contains(&elements).then_some(elements)
	}

	/// Number of elements of a shape that a model has.
	pub fn elements(&self) -> usize {
		self.channels * self.height * self.width
	}
}

impl fmt::Display for Shape {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}x{}x{}", self.channels, self.height, self.width)
	}
}

/// What an accumulator is multiplied by: multiplier / 2^shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scale {
	/// 1 to 65535. A multiplier of 1 is the cheapest to prove.
	pub multiplier: u16,
	/// 0 to [`MAX_SHIFT`].
	pub shift: u8,
}

/// From an int32 accumulator to int8:
///
/// max(`low`, min(127, floor(accumulator * multiplier / 2^shift)))
///
/// floor is towards minus infinity, an arithmetic shift. To round to the nearest, let the bias hold
/// 2^(shift - 1) / multiplier more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requantise {
	/// One for all channels, or one for each.
	pub scales: Vec<Scale>,
	/// The least value that comes out: -128, or 0 for a Relu at no cost; no other.
	pub low: i8,
}

impl Requantise {
	/// The same scale for all channels.
	pub fn uniform(multiplier: u16, shift: u8, low: i8) -> Self {
		Self {
			scales: vec![Scale { multiplier, shift }],
			low,
		}
	}

	/// The scale of a channel.
	pub fn scale(&self, channel: usize) -> Scale {
		if self.scales.len() == 1 {
			self.scales[0]
		} else {
			self.scales[channel]
		}
	}

	/// What becomes of an accumulator of a channel.
	pub fn apply(&self, channel: usize, accumulator: i32) -> i8 {
		let Scale { multiplier, shift } = self.scale(channel);
		let scaled = (i64::from(accumulator) * i64::from(multiplier)) >> shift;
		// Between two int8.
		scaled.min(127).max(i64::from(self.low)) as i8
	}
}

/// Weights and biases of a linear layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Linear {
	/// Row by row, a row for each output channel: of a dense layer, a weight for each input element; of a convolution, for each
	/// input channel of the group, row and column of the kernel, in this order.
	pub weights: Vec<i8>,
	/// One for each output channel.
	pub bias: Vec<i32>,
	/// None only where no layer but an [`Op::ArgMax`] reads the output: the accumulators are the scores.
	pub requantise: Option<Requantise>,
}

/// Where a kernel goes over a tensor. The output has (height + top + bottom - kernel height) / stride + 1 rows, rounded down,
/// and columns likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
	/// Rows and columns.
	pub kernel: [usize; 2],
	/// Down and to the right.
	pub stride: [usize; 2],
	/// Top, left, bottom, right; each less than the kernel's side there.
	pub padding: [usize; 4],
}

impl Window {
	/// Of this kernel, everywhere once: the strides are its sides.
	pub const fn tiles(height: usize, width: usize) -> Self {
		Self {
			kernel: [height, width],
			stride: [height, width],
			padding: [0; 4],
		}
	}

	/// Height and width of what it makes of a tensor; `None` if it does not fit in.
	pub fn output(&self, input: Shape) -> Option<[usize; 2]> {
		let [top, left, bottom, right] = self.padding;
		let side = |length: usize, before: usize, after: usize, kernel: usize, stride: usize| {
			let fits = [kernel, stride]
				.iter()
				.all(|side| (1..=MAX_WINDOW).contains(side))
				&& before < kernel
				&& after < kernel;
			let room = (fits.then_some(length)? + before + after).checked_sub(kernel)?;
			Some(room / stride + 1)
		};
		Some([
			side(input.height, top, bottom, self.kernel[0], self.stride[0])?,
			side(input.width, left, right, self.kernel[1], self.stride[1])?,
		])
	}

	/// The input elements, channel by channel at one place of the output, as (row, column) of the input; `None` where the
	/// padding is.
	pub fn places(
		&self,
		input: Shape,
		row: usize,
		column: usize,
	) -> impl Iterator<Item = Option<[usize; 2]>> + '_ {
		let [top, left, ..] = self.padding;
		(0..self.kernel[0]).flat_map(move |i| {
			(0..self.kernel[1]).map(move |j| {
				let row = (row * self.stride[0] + i).checked_sub(top)?;
				let column = (column * self.stride[1] + j).checked_sub(left)?;
				(row < input.height && column < input.width).then_some([row, column])
			})
		})
	}
}

/// What a layer does to its input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
	/// Every output is the bias and the sum of weights times all input elements. Makes a vector.
	Dense(Linear),
	/// The same over a window, whose padding is zero. Input and output channels are divided into groups in order.
	Conv {
		/// Weights.
		linear: Linear,
		/// The window.
		window: Window,
		/// Number of groups: 1, or up to the number of channels (depthwise).
		groups: usize,
	},
	/// Of the input and another value of its shape: the sum of each times its factor, requantised (with one scale, or one for each
	/// channel).
	Add {
		/// The other value.
		other: usize,
		/// Of the input and of the other value.
		factors: [i16; 2],
		/// The rounding.
		requantise: Requantise,
	},
	/// max(0, x).
	Relu,
	/// The largest in a window; padding does not take part.
	MaxPool(Window),
	/// The sum over a window, whose padding is zero, requantised: the divisor is the scale's.
	AveragePool {
		/// The window.
		window: Window,
		/// The rounding.
		requantise: Requantise,
	},
	/// The sum over each channel, requantised. Makes a vector.
	GlobalAveragePool {
		/// The rounding.
		requantise: Requantise,
	},
	/// The same elements in the same order. Flattening is one of these.
	Reshape(Shape),
	/// The place of the largest element, the first of equals. Only as the last layer.
	ArgMax,
}

impl Op {
	/// Name for people.
	pub fn name(&self) -> &'static str {
		match self {
			Self::Dense(_) => "Dense",
			Self::Conv { .. } => "Conv",
			Self::Add { .. } => "Add",
			Self::Relu => "Relu",
			Self::MaxPool(_) => "MaxPool",
			Self::AveragePool { .. } => "AveragePool",
			Self::GlobalAveragePool { .. } => "GlobalAveragePool",
			Self::Reshape(_) => "Reshape",
			Self::ArgMax => "ArgMax",
		}
	}

	/// The rounding at the end, if there is one.
	pub fn requantise(&self) -> Option<&Requantise> {
		match self {
			Self::Dense(linear) | Self::Conv { linear, .. } => linear.requantise.as_ref(),
			Self::Add { requantise, .. }
			| Self::AveragePool { requantise, .. }
			| Self::GlobalAveragePool { requantise } => Some(requantise),
			Self::Relu | Self::MaxPool(_) | Self::Reshape(_) | Self::ArgMax => None,
		}
	}
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
	/// Which value it reads: 0 is the sample, i + 1 layer i's output.
	pub input: usize,
	/// What it does.
	pub op: Op,
}

/// What is known of a value or of a layer's accumulators before any input is: every input keeps within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
	/// The least.
	pub low: i32,
	/// The greatest.
	pub high: i32,
}

/// Of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value {
	/// Its shape.
	pub shape: Shape,
	/// Within which its elements are.
	pub range: Range,
	/// Of the accumulators before it was requantised; the same as `range` if it was not.
	pub accumulator: Range,
	/// int32 scores, or the place of the greatest of them.
	pub is_wide: bool,
}

/// A model that can be run: shapes fit, no sum overflows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
	layers: Vec<Layer>,
	values: Vec<Value>,
}

/// Why layers are no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
	/// A layer cannot be.
	#[error("layer {layer} ({op}): {reason}")]
	Layer {
		/// Which.
		layer: usize,
		/// Its operator.
		op: &'static str,
		/// What is wrong with it.
		reason: String,
	},
	/// The model as a whole.
	#[error("{0}")]
	Model(String),
}

impl Model {
	/// Checks the layers.
	pub fn new(input: Shape, layers: Vec<Layer>) -> Result<Self, ModelError> {
		let whole = |reason: String| Err(ModelError::Model(reason));
		if input.checked_elements().is_none() {
			return whole(format!(
				"a sample of {input} is empty or has more than {MAX_ELEMENTS} elements"
			));
		}
		if !(1..=MAX_LAYERS).contains(&layers.len()) {
			return whole(format!(
				"a model has 1 to {MAX_LAYERS} layers, not {}",
				layers.len()
			));
		}
		let byte = Range {
			low: -128,
			high: 127,
		};
		let mut values = vec![Value {
			shape: input,
			range: byte,
			accumulator: byte,
			is_wide: false,
		}];
		let (mut parameters, mut operations) = (0, 0u64);
		for (place, layer) in layers.iter().enumerate() {
			let fail = |reason: String| ModelError::Layer {
				layer: place,
				op: layer.op.name(),
				reason,
			};
			let is_last = place + 1 == layers.len();
			let value = check_layer(layer, &values, is_last).map_err(fail)?;
			if let Op::Dense(linear) | Op::Conv { linear, .. } = &layer.op {
				parameters += linear.weights.len() + linear.bias.len();
			}
			let each = match &layer.op {
				Op::Dense(linear) => linear.weights.len() / value.shape.channels,
				Op::Conv { linear, .. } => linear.weights.len() / value.shape.channels,
				Op::MaxPool(window) | Op::AveragePool { window, .. } => {
					window.kernel[0] * window.kernel[1]
				}
				Op::GlobalAveragePool { .. } | Op::ArgMax => values[layer.input].shape.elements(),
				Op::Add { .. } => 2,
				Op::Relu | Op::Reshape(_) => 1,
			};
			operations =
				operations.saturating_add(value.shape.elements() as u64 * each.max(1) as u64);
			if parameters > MAX_PARAMETERS || operations > MAX_OPERATIONS {
				return Err(fail(format!(
					"up to here are {parameters} parameters (at most {MAX_PARAMETERS}) and {operations} operations (at most {MAX_OPERATIONS})"
				)));
			}
			values.push(value);
		}
		Ok(Self { layers, values })
	}

	/// The layers in order.
	pub fn layers(&self) -> &[Layer] {
		&self.layers
	}

	/// What is known of every value: of the sample, then of each layer's output.
	pub fn values(&self) -> &[Value] {
		&self.values
	}

	/// Shape of a sample.
	pub fn input(&self) -> Shape {
		self.values[0].shape
	}

	/// What is known of the output of one sample.
	pub fn output(&self) -> Value {
		*self.values.last().expect("the sample is one")
	}

	/// Type of the output's elements: int8, or int32 if it is scores or a place.
	pub fn element(&self) -> OutputElement {
		if self.output().is_wide {
			OutputElement::I32
		} else {
			OutputElement::I8
		}
	}

	/// Bytes of the output of `batch` samples.
	pub fn output_len(&self, batch: usize) -> usize {
		batch * self.output().shape.elements() * self.element().size_bytes()
	}
}

/// What a layer makes of the values before it, or why it is none.
fn check_layer(layer: &Layer, values: &[Value], is_last: bool) -> Result<Value, String> {
	let read = |place: usize| {
		values
			.get(place)
			.copied()
			.ok_or_else(|| format!("it reads value {place}, which is not made before it"))
	};
	let input = read(layer.input)?;
	if input.is_wide && !matches!(layer.op, Op::ArgMax) {
		return Err("it reads int32 scores, which only ArgMax does".into());
	}
	let Shape {
		channels,
		height,
		width,
	} = input.shape;
	let windowed = |window: &Window, channels: usize| {
		let [height, width] = window.output(input.shape).ok_or_else(|| {
			format!(
				"its window {:?} with stride {:?} and padding {:?} does not fit into {}",
				window.kernel, window.stride, window.padding, input.shape
			)
		})?;
		Ok::<_, String>(Shape::new(channels, height, width))
	};
	let same = |shape: Shape| Value {
		shape,
		range: input.range,
		accumulator: input.range,
		is_wide: false,
	};
	let value = match &layer.op {
		Op::Dense(linear) => {
			let accumulator = linear_range(linear, input.shape.elements(), input.range, false)?;
			let shape = Shape::vector(linear.bias.len());
			requantised(shape, accumulator, linear.requantise.as_ref())?
		}
		Op::Conv {
			linear,
			window,
			groups,
		} => {
			let outputs = linear.bias.len();
			if *groups == 0 || channels % groups != 0 || outputs % groups != 0 {
				return Err(format!(
					"{channels} input and {outputs} output channels are not {groups} groups"
				));
			}
			let shape = windowed(window, outputs)?;
			let inputs = channels / groups * window.kernel[0] * window.kernel[1];
			let padded = window.padding != [0; 4];
			let accumulator = linear_range(linear, inputs, input.range, padded)?;
			requantised(shape, accumulator, linear.requantise.as_ref())?
		}
		Op::Add {
			other,
			factors,
			requantise,
		} => {
			let other = read(*other)?;
			if other.is_wide || other.shape != input.shape {
				return Err(format!(
					"it adds {} and {}{}",
					input.shape,
					other.shape,
					if other.is_wide { ", int32" } else { "" }
				));
			}
			let terms = [(factors[0], input.range), (factors[1], other.range)];
			let accumulator = sum_range(0, terms.map(|(f, range)| (i64::from(f), range, 1)))?;
			requantised(input.shape, accumulator, Some(requantise))?
		}
		Op::Relu => Value {
			range: Range {
				low: input.range.low.max(0),
				high: input.range.high.max(0),
			},
			..same(input.shape)
		},
		Op::MaxPool(window) => same(windowed(window, channels)?),
		Op::AveragePool { window, requantise } => {
			let mut range = input.range;
			if window.padding != [0; 4] {
				range = with_zero(range);
			}
			let count = window.kernel[0] * window.kernel[1];
			let shape = windowed(window, channels)?;
			requantised(shape, sum_range(0, [(1, range, count)])?, Some(requantise))?
		}
		Op::GlobalAveragePool { requantise } => {
			let accumulator = sum_range(0, [(1, input.range, height * width)])?;
			requantised(Shape::vector(channels), accumulator, Some(requantise))?
		}
		Op::Reshape(shape) => {
			if shape.checked_elements() != Some(input.shape.elements()) {
				return Err(format!(
					"{} cannot be reshaped to {shape}: it has {} elements",
					input.shape,
					input.shape.elements()
				));
			}
			same(*shape)
		}
		Op::ArgMax => {
			let range = Range {
				low: 0,
				// At most MAX_ELEMENTS.
				high: input.shape.elements() as i32 - 1,
			};
			Value {
				shape: Shape::vector(1),
				range,
				accumulator: range,
				is_wide: true,
			}
		}
	};
	if value.shape.checked_elements().is_none() {
		return Err(format!(
			"its output of {} is empty or has more than {MAX_ELEMENTS} elements",
			value.shape
		));
	}
	match layer.op {
		Op::ArgMax if !is_last => Err("it must be the last layer".into()),
		_ => Ok(value),
	}
}

fn with_zero(range: Range) -> Range {
	Range {
		low: range.low.min(0),
		high: range.high.max(0),
	}
}

/// The range of a bias and terms: factor, range and how many of them.
fn sum_range(
	bias: i64,
	terms: impl IntoIterator<Item = (i64, Range, usize)>,
) -> Result<Range, String> {
	let (mut low, mut high) = (bias, bias);
	for (factor, range, count) in terms {
		let ends = [range.low, range.high].map(|end| factor * i64::from(end) * count as i64);
		low += ends[0].min(ends[1]);
		high += ends[0].max(ends[1]);
	}
	match (i32::try_from(low), i32::try_from(high)) {
		(Ok(low), Ok(high)) => Ok(Range { low, high }),
		_ => Err(format!(
			"a sum can be anything from {low} to {high}, more than 32 bits hold"
		)),
	}
}

/// The range of all accumulators of a linear layer.
fn linear_range(
	linear: &Linear,
	inputs: usize,
	mut range: Range,
	padded: bool,
) -> Result<Range, String> {
	let outputs = linear.bias.len();
	if outputs == 0 || outputs.checked_mul(inputs) != Some(linear.weights.len()) {
		return Err(format!(
			"{} weights are not {outputs} rows of {inputs}",
			linear.weights.len()
		));
	}
	if padded {
		range = with_zero(range);
	}
	let rows = linear.weights.chunks_exact(inputs).zip(&linear.bias);
	rows.map(|(row, bias)| {
		sum_range(
			i64::from(*bias),
			row.iter().map(|weight| (i64::from(*weight), range, 1)),
		)
	})
	.reduce(|all, one| {
		let (all, one) = (all?, one?);
		Ok(Range {
			low: all.low.min(one.low),
			high: all.high.max(one.high),
		})
	})
	.unwrap_or_else(|| Err("it has no outputs".into()))
}

/// A value that comes of accumulators.
fn requantised(
	shape: Shape,
	accumulator: Range,
	requantise: Option<&Requantise>,
) -> Result<Value, String> {
	let Some(requantise) = requantise else {
		return Ok(Value {
			shape,
			range: accumulator,
			accumulator,
			is_wide: true,
		});
	};
	let scales = requantise.scales.len();
	if scales != 1 && scales != shape.channels {
		return Err(format!("{scales} scales are not 1 or {}", shape.channels));
	}
	for Scale { multiplier, shift } in &requantise.scales {
		if *multiplier == 0 || *shift > MAX_SHIFT {
			return Err(format!(
				"the scale {multiplier} / 2^{shift} is out of bounds: multipliers are 1 to 65535, shifts 0 to {MAX_SHIFT}"
			));
		}
	}
	if ![-128, 0].contains(&requantise.low) {
		return Err(format!(
			"the least value is -128 or 0, not {}",
			requantise.low
		));
	}
	let ends = |accumulator: i32| {
		(0..scales).map(move |channel| i32::from(requantise.apply(channel, accumulator)))
	};
	Ok(Value {
		shape,
		range: Range {
			low: ends(accumulator.low).min().unwrap_or(-128),
			high: ends(accumulator.high).max().unwrap_or(127),
		},
		accumulator,
		is_wide: false,
	})
}
