//! Samples and labels in NumPy's .npy files: the first dimension counts samples.

use std::{
	fs::File,
	io::{BufReader, Read},
	path::Path,
};

use npyz::{DType, NpyFile, Order, TypeChar};

use crate::Error;

/// Values of a file at most.
pub const MAX_VALUES: u64 = 1 << 28;
/// Longest header: NumPy writes 118 bytes for such arrays.
const MAX_HEADER_BYTES: u64 = 1024;

/// Inputs of a network, sample by sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
	/// Number of samples.
	pub rows: usize,
	/// Values of a sample.
	pub columns: usize,
	/// A sample's dimensions, whose product that is.
	pub shape: Vec<usize>,
	/// `rows * columns` values.
	pub values: Vec<f32>,
	/// Whether the file's elements are int8: a network takes those as its own integers, see [`Integers::of`].
	pub is_int8: bool,
	/// Whether they are float32 or float64.
	pub is_float: bool,
}

impl Samples {
	/// Reads a file of int8 to int64, uint8 to uint64, float32 or float64.
	pub fn read(path: &Path) -> Result<Self, Error> {
		Ok(Self::read_typed(path)?.0)
	}

	/// The real numbers that they are to a network, a unit of whose integers stands for `scale`.
	pub fn real(&self, scale: f64) -> Self {
		let unit = if self.is_int8 { scale } else { 1.0 };
		let values = self.values.iter();
		Self {
			rows: self.rows,
			columns: self.columns,
			shape: self.shape.clone(),
			values: values
				.map(|value| (f64::from(*value) * unit) as f32)
				.collect(),
			is_int8: false,
			is_float: self.is_float,
		}
	}

	/// The same, and what the file calls the type of its elements.
	fn read_typed(path: &Path) -> Result<(Self, String), Error> {
		let Array {
			shape,
			values,
			element,
		} = read(path)?;
		let fail = |reason| Error::File {
			path: path.display().to_string(),
			reason,
		};
		let rows = shape.first().map_or(0, |rows| *rows as usize);
		if shape.len() < 2 || values.is_empty() {
			return Err(fail(format!(
				"its shape is {shape:?}, but samples by values are needed, at least one of each"
			)));
		}
		let values: Vec<_> = values.into_iter().map(|value| value as f32).collect();
		if let Some(at) = values.iter().position(|value| !value.is_finite()) {
			return Err(fail(format!(
				"value {at} is not a finite number, or is larger than a float32 can be"
			)));
		}
		let samples = Self {
			rows,
			columns: values.len() / rows,
			// Their product is in memory.
			shape: shape.iter().skip(1).map(|side| *side as usize).collect(),
			values,
			is_int8: element == "int8",
			is_float: element.starts_with("float"),
		};
		Ok((samples, element))
	}

	/// One sample.
	pub fn row(&self, row: usize) -> &[f32] {
		&self.values[row * self.columns..(row + 1) * self.columns]
	}

	/// These samples of them, in this order.
	pub fn select(&self, rows: &[usize]) -> Result<Self, Error> {
		if let Some(row) = rows.iter().find(|row| **row >= self.rows) {
			return Err(Error::Samples(format!(
				"there is no sample {row}: there are {}",
				self.rows
			)));
		}
		Ok(Self {
			rows: rows.len(),
			columns: self.columns,
			shape: self.shape.clone(),
			values: rows
				.iter()
				.flat_map(|row| self.row(*row))
				.copied()
				.collect(),
			is_int8: self.is_int8,
			is_float: self.is_float,
		})
	}

	/// Why a network that these calibrate may be a bad one, for people; a unit of its samples' integers stands for `scale`.
	pub fn doubts(&self, scale: f64) -> Vec<String> {
		let mut doubts = Vec::new();
		let mut rows = self.values.chunks(self.columns.max(1));
		let first = rows.next();
		if rows.all(|row| Some(row) == first) {
			doubts.push(
				"all samples are equal, and the ranges of all values are chosen by that one: give many that are typical".into(),
			);
		}
		if self.is_float && scale == 1.0 && self.greatest() <= 1.0 {
			doubts.push(
				"all values are -1, 0 or 1, so the network's integers stand for themselves, and samples with values between \
				 these are rounded to them: give typical samples"
					.into(),
			);
		}
		doubts
	}

	/// The greatest absolute value.
	pub fn greatest(&self) -> f32 {
		self.values
			.iter()
			.fold(0.0, |most, value| most.max(value.abs()))
	}
}

/// Inputs of a quantised network, sample by sample: its own integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integers {
	/// Number of samples.
	pub rows: usize,
	/// Values of a sample.
	pub columns: usize,
	/// A sample's dimensions, whose product that is.
	pub shape: Vec<usize>,
	/// `rows * columns` values.
	pub values: Vec<i8>,
	/// Values that lay outside int8, and were clipped.
	pub clipped: usize,
	/// Whether they were int8 in the file.
	pub is_int8: bool,
}

impl Integers {
	/// Reads a file of the types that [`Samples::read`] takes, for a network of this scale: see [`Self::of`]. Without the scale
	/// only int8 can be read.
	pub fn read(path: &Path, scale: Option<f64>) -> Result<Self, Error> {
		let (samples, element) = Samples::read_typed(path)?;
		let scale = match (samples.is_int8, scale) {
			(true, scale) => scale.unwrap_or(1.0),
			(false, Some(scale)) => scale,
			(false, None) => {
				return Err(Error::File {
					path: path.display().to_string(),
					reason: format!(
						"its elements are {element}, and the network's scale is not known: save int8 with A.astype(numpy.int8), or keep \
						 the .json file that was made with the network beside it"
					),
				})
			}
		};
		Ok(Self::of(&samples, scale))
	}

	/// What samples are to a network, a unit of whose integers stands for `scale` ([`crate::Quantised::input_scale`]): int8 is
	/// taken as it is; any other type is real numbers, which are divided by the scale.
	pub fn of(samples: &Samples, scale: f64) -> Self {
		let unit = if samples.is_int8 { 1.0 } else { scale };
		let mut clipped = 0;
		let values = samples.values.iter().map(|value| {
			let (integer, fits) = integer(*value, unit);
			clipped += usize::from(!fits);
			integer
		});
		let values = values.collect();
		Self {
			rows: samples.rows,
			columns: samples.columns,
			shape: samples.shape.clone(),
			values,
			clipped,
			is_int8: samples.is_int8,
		}
	}

	/// Some samples, one after the other.
	pub fn rows(&self, rows: std::ops::Range<usize>) -> &[i8] {
		&self.values[rows.start * self.columns..rows.end * self.columns]
	}
}

/// Why samples of these dimensions are not those that a network takes, of as many values; `None` if they are. Ones do not
/// matter, and one list of values says nothing of their order.
pub fn mismatch(sample: &[usize], network: &[usize]) -> Option<String> {
	let sides = |shape: &[usize]| -> Vec<usize> {
		shape.iter().copied().filter(|side| *side != 1).collect()
	};
	let (found, wanted) = (sides(sample), sides(network));
	(found.len() > 1 && wanted.len() > 1 && found != wanted).then(|| {
		format!(
			"a sample's dimensions are {sample:?}, but the network takes {network:?}: transpose the samples; \
			 numpy.ascontiguousarray(numpy.moveaxis(A, -1, 1)) puts channels that come last before rows and columns"
		)
	})
}

/// A real number in units of `scale`, rounded to the nearest, halves away from zero; and whether that is an int8, or had to
/// be clipped.
pub(crate) fn integer(value: f32, scale: f64) -> (i8, bool) {
	let rounded = (f64::from(value) / scale).round();
	let clipped = rounded.clamp(-128.0, 127.0);
	// Within int8.
	(clipped as i8, clipped == rounded)
}

/// Reads whole numbers from 0: labels, or the numbers of rows. All dimensions but one must be 1.
pub fn read_indices(path: &Path) -> Result<Vec<usize>, Error> {
	let Array { shape, values, .. } = read(path)?;
	let fail = |reason| Error::File {
		path: path.display().to_string(),
		reason,
	};
	if shape.iter().filter(|side| **side != 1).count() > 1 {
		return Err(fail(format!(
			"its shape is {shape:?}, but a list is needed"
		)));
	}
	let whole = |value: f64| value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0;
	match values.iter().find(|value| !whole(**value)) {
		Some(value) => Err(fail(format!("{value} is not a whole number from 0"))),
		None => Ok(values.into_iter().map(|value| value as usize).collect()),
	}
}

/// What a file holds.
struct Array {
	shape: Vec<u64>,
	/// In row-major order.
	values: Vec<f64>,
	/// NumPy's name of the elements' type.
	element: String,
}

fn read(path: &Path) -> Result<Array, Error> {
	let fail = |reason: String| Error::File {
		path: path.display().to_string(),
		reason,
	};
	let file = File::open(path).map_err(|e| fail(format!("it cannot be read: {e}")))?;
	let mut file = BufReader::new(file);
	let header = header(&mut file).map_err(fail)?;
	let shape = header.shape().to_vec();
	let count = shape
		.iter()
		.try_fold(1, |n: u64, side| n.checked_mul(*side));
	if count.is_none_or(|count| count > MAX_VALUES) {
		return Err(fail(format!(
			"its shape is {shape:?}: that is more than {MAX_VALUES} values; split it"
		)));
	}
	if header.order() == Order::Fortran && shape.len() > 1 {
		return Err(fail(
			"it is in Fortran's order: save numpy.ascontiguousarray(A)".into(),
		));
	}
	let dtype = header.dtype();
	let DType::Plain(plain) = &dtype else {
		return Err(fail(format!("its elements are {}", dtype.descr())));
	};
	let kind = match plain.type_char() {
		TypeChar::Int => "int",
		TypeChar::Uint => "uint",
		_ => "float",
	};
	let element = format!("{kind}{}", plain.size_field().saturating_mul(8));
	let file = NpyFile::with_header(header, file);
	macro_rules! values {
		($type:ty) => {
			file.into_vec::<$type>()
				.map(|values| values.into_iter().map(|value| value as f64).collect())
		};
	}
	let values = match (plain.type_char(), plain.size_field()) {
		(TypeChar::Int, 1) => values!(i8),
		(TypeChar::Int, 2) => values!(i16),
		(TypeChar::Int, 4) => values!(i32),
		(TypeChar::Int, 8) => values!(i64),
		(TypeChar::Uint, 1) => values!(u8),
		(TypeChar::Uint, 2) => values!(u16),
		(TypeChar::Uint, 4) => values!(u32),
		(TypeChar::Uint, 8) => values!(u64),
		(TypeChar::Float, 4) => values!(f32),
		(TypeChar::Float, 8) => values!(f64),
		_ => {
			return Err(fail(format!(
				"its elements are {plain}: integers, float32 or float64 are needed"
			)))
		}
	};
	let values = values.map_err(|e| fail(format!("it is damaged: {e}")))?;
	Ok(Array {
		shape,
		values,
		element,
	})
}

fn header(file: &mut impl Read) -> Result<npyz::NpyHeader, String> {
	let damaged = |e: std::io::Error| format!("it is no .npy file ({e}): save it with numpy.save");
	let mut start = [0; 10];
	file.read_exact(&mut start).map_err(damaged)?;
	let mut bytes = start.to_vec();
	let mut length = u64::from(u16::from_le_bytes([start[8], start[9]]));
	if start[6] > 1 {
		let mut upper = [0; 2];
		file.read_exact(&mut upper).map_err(damaged)?;
		bytes.extend(upper);
		length += u64::from(u16::from_le_bytes(upper)) << 16;
	}
	if length > MAX_HEADER_BYTES {
		return Err("its header is longer than any of an array of numbers".into());
	}
	let before = bytes.len();
	file.take(length).read_to_end(&mut bytes).map_err(damaged)?;
	// The library multiplies the lengths: numbers of at most 19 digits in all do not overflow.
	let digits = bytes[before..].iter().filter(|byte| byte.is_ascii_digit());
	if digits.count() > 19 {
		return Err("its header has longer numbers than any of an array that fits".into());
	}
	npyz::NpyHeader::from_reader(bytes.as_slice()).map_err(damaged)
}
