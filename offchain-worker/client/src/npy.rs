//! Matrices and vectors in NumPy's .npy files: int8, uint8 and int32, two dimensions or one.
//!
//! Files are a user's, and may be anything: what is read is limited by what the header may say, and the
//! header by what a matrix's needs.

use std::{
	fmt,
	fs::File,
	io::{BufReader, Cursor, Read, Write},
	path::{Path, PathBuf},
};

use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, WriterBuilder};

/// Most elements that a matrix may have, unless the caller says otherwise: 65536 * 4096.
pub const MAX_ELEMENTS: u64 = 1 << 28;

/// Longest header. NumPy writes 118 bytes for a matrix.
const MAX_HEADER_BYTES: usize = 1024;

/// Most brackets in a header besides the outermost: a shape has one, a type of several fields one more for each.
const MAX_BRACKETS: usize = 8;

/// A matrix, row by row.
#[derive(Clone, PartialEq, Eq)]
pub struct Matrix<T> {
	/// Rows.
	pub rows: usize,
	/// Columns.
	pub columns: usize,
	/// `rows * columns` values.
	pub values: Vec<T>,
}

impl<T> fmt::Debug for Matrix<T> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "Matrix({} x {})", self.rows, self.columns)
	}
}

/// Why a file is not the matrix that was wanted.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}", path = .path.display())]
pub struct NpyError {
	/// The file.
	pub path: PathBuf,
	/// What is wrong with it.
	pub problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
	/// The system refuses.
	#[error("it cannot be {done}: {reason}")]
	Io {
		/// `read` or `written`.
		done: &'static str,
		/// What the system says.
		reason: String,
	},
	/// It is empty.
	#[error("the file is empty: save a matrix into it with numpy.save")]
	Empty,
	/// It is no .npy file.
	#[error("it is no .npy file ({0}): save the matrix with numpy.save")]
	NotNpy(String),
	/// Its elements are of another type.
	#[error("its elements are {found}, but {wanted} is needed: convert it with {advice}")]
	WrongType {
		/// The type found.
		found: String,
		/// The type needed.
		wanted: &'static str,
		/// How to convert.
		advice: &'static str,
	},
	/// It does not have two dimensions.
	#[error(
		"its shape is {0}, but a matrix of two dimensions is needed: reshape it, for example with \
		 A.reshape(-1, 1) for a column"
	)]
	NotAMatrix(String),
	/// It has more than one dimension.
	#[error(
		"its shape is {0}, but a vector is needed: one dimension, or a single row or column; A.ravel() \
		 makes one of any matrix"
	)]
	NotAVector(String),
	/// It has no elements.
	#[error("its shape is {0} x {1}: it has no elements, and there is nothing to compute")]
	NoElements(u64, u64),
	/// It has too many elements.
	#[error("its shape is {0} x {1}: that is more than the {2} elements that fit; split it")]
	TooLarge(u64, u64, u64),
	/// It ends too early.
	#[error("it ends after {found} of {wanted} bytes of data: it is damaged, save it again")]
	Truncated {
		/// Bytes there.
		found: u64,
		/// Bytes that the header promises.
		wanted: u64,
	},
	/// Bytes follow the matrix.
	#[error("there are bytes behind the matrix: it is damaged, save it again")]
	TrailingBytes,
}

/// A type of elements.
pub trait Element: Copy + npyz::Serialize + npyz::AutoSerialize + sealed::Sealed {
	/// NumPy's name for it.
	const NAME: &'static str;
	/// How to come to it.
	const ADVICE: &'static str;
	/// Kind in the file.
	#[doc(hidden)]
	const KIND: TypeChar;
	/// From little-endian or big-endian bytes.
	#[doc(hidden)]
	fn from_bytes(bytes: &[u8], big_endian: bool) -> Self;
}

mod sealed {
	pub trait Sealed {}
	impl Sealed for i8 {}
	impl Sealed for u8 {}
	impl Sealed for i32 {}
}

macro_rules! element {
	($type:ty, $name:literal, $advice:literal, $kind:expr) => {
		impl Element for $type {
			const NAME: &'static str = $name;
			const ADVICE: &'static str = $advice;
			const KIND: TypeChar = $kind;

			fn from_bytes(bytes: &[u8], big_endian: bool) -> Self {
				let mut array = [0; size_of::<$type>()];
				array.copy_from_slice(bytes);
				match big_endian {
					true => <$type>::from_be_bytes(array),
					false => <$type>::from_le_bytes(array),
				}
			}
		}
	};
}

element!(
	i8,
	"int8",
	"A.astype(numpy.int8) if its values lie in -128..127, or scale it into that range first",
	TypeChar::Int
);
element!(
	u8,
	"uint8",
	"A.astype(numpy.uint8) if its values lie in 0..255",
	TypeChar::Uint
);
element!(i32, "int32", "A.astype(numpy.int32)", TypeChar::Int);

/// Reads a matrix of at most [`MAX_ELEMENTS`] elements.
pub fn read<T: Element>(path: &Path) -> Result<Matrix<T>, NpyError> {
	read_limited(path, MAX_ELEMENTS)
}

/// Reads a matrix of at most `limit` elements.
pub fn read_limited<T: Element>(path: &Path, limit: u64) -> Result<Matrix<T>, NpyError> {
	read_as(path, limit, matrix)
}

/// Reads a vector of at most [`MAX_ELEMENTS`] elements: of one dimension, or a matrix of one row or column.
pub fn read_vector<T: Element>(path: &Path) -> Result<Vec<T>, NpyError> {
	read_as(path, MAX_ELEMENTS, vector).map(|vector| vector.values)
}

/// What rows and columns a shape stands for, if it is one that is wanted.
type Wanted = fn(&[u64]) -> Result<(u64, u64), Problem>;

fn matrix(shape: &[u64]) -> Result<(u64, u64), Problem> {
	match shape {
		&[rows, columns] => Ok((rows, columns)),
		_ => Err(Problem::NotAMatrix(in_brackets(shape))),
	}
}

fn vector(shape: &[u64]) -> Result<(u64, u64), Problem> {
	match shape {
		&[length] | &[length, 1] | &[1, length] => Ok((length, 1)),
		_ => Err(Problem::NotAVector(in_brackets(shape))),
	}
}

fn in_brackets(shape: &[u64]) -> String {
	let lengths: Vec<_> = shape.iter().map(u64::to_string).collect();
	format!("({})", lengths.join(", "))
}

fn read_as<T: Element>(path: &Path, limit: u64, wanted: Wanted) -> Result<Matrix<T>, NpyError> {
	let error = |problem| NpyError {
		path: path.into(),
		problem,
	};
	let file = File::open(path).map_err(|e| error(unreadable(e)))?;
	let is_folder = file.metadata().is_ok_and(|metadata| metadata.is_dir());
	if is_folder {
		return Err(error(Problem::NotNpy("it is a folder".into())));
	}
	parse_as(BufReader::new(file), limit, wanted).map_err(error)
}

/// Parses what the file of a matrix holds.
pub fn parse<T: Element>(file: impl Read, limit: u64) -> Result<Matrix<T>, Problem> {
	parse_as(file, limit, matrix)
}

fn parse_as<T: Element>(
	mut file: impl Read,
	limit: u64,
	wanted: Wanted,
) -> Result<Matrix<T>, Problem> {
	let header = read_header(&mut file)?;
	let (big_endian, size) = check_type::<T>(&header)?;
	let (rows, columns) = wanted(header.shape())?;
	if rows == 0 || columns == 0 {
		return Err(Problem::NoElements(rows, columns));
	}
	let count = rows.checked_mul(columns).filter(|count| *count <= limit);
	let count = count.ok_or(Problem::TooLarge(rows, columns, limit))?;
	let length = count.saturating_mul(size as u64);
	let mut bytes = Vec::new();
	file.by_ref()
		.take(length)
		.read_to_end(&mut bytes)
		.map_err(unreadable)?;
	if (bytes.len() as u64) < length {
		return Err(Problem::Truncated {
			found: bytes.len() as u64,
			wanted: length,
		});
	}
	if file.read(&mut [0]).map_err(unreadable)? > 0 {
		return Err(Problem::TrailingBytes);
	}
	let values = bytes
		.chunks_exact(size)
		.map(|bytes| T::from_bytes(bytes, big_endian));
	let mut values: Vec<T> = values.collect();
	// Both fit: their product is within the limit, which the elements in memory are.
	let (rows, columns) = (rows as usize, columns as usize);
	if header.order() == Order::Fortran {
		values = (0..rows * columns)
			.map(|at| values[(at % columns) * rows + at / columns])
			.collect();
	}
	Ok(Matrix {
		rows,
		columns,
		values,
	})
}

fn read_header(file: &mut impl Read) -> Result<NpyHeader, Problem> {
	let not_npy = |reason: &str| Problem::NotNpy(reason.into());
	let mut start = Vec::new();
	file.by_ref()
		.take(10)
		.read_to_end(&mut start)
		.map_err(unreadable)?;
	if start.is_empty() {
		return Err(Problem::Empty);
	}
	let &[b'\x93', b'N', b'U', b'M', b'P', b'Y', major, _, low, high] = start.as_slice() else {
		return Err(not_npy("it does not begin as one"));
	};
	let mut length = usize::from(u16::from_le_bytes([low, high]));
	if major > 1 {
		let mut upper = [0; 2];
		file.read_exact(&mut upper)
			.map_err(|_| not_npy("its header is cut off"))?;
		start.extend_from_slice(&upper);
		length += usize::from(u16::from_le_bytes(upper)) << 16;
	}
	if length > MAX_HEADER_BYTES {
		return Err(not_npy("its header is longer than any of a matrix"));
	}
	let before = start.len();
	file.by_ref()
		.take(length as u64)
		.read_to_end(&mut start)
		.map_err(unreadable)?;
	let header = &start[before..];
	if header.len() < length {
		return Err(not_npy("its header is cut off"));
	}
	// The library multiplies the lengths: numbers of at most 19 digits in all do not overflow.
	if header.iter().filter(|byte| byte.is_ascii_digit()).count() > 19 {
		return Err(not_npy(
			"its header has longer numbers than any of a matrix",
		));
	}
	// The library tries each bracket that is not closed in every way: twice the time, or more, for each one within another.
	let count = |wanted: &[u8]| header.iter().filter(|byte| wanted.contains(byte)).count();
	if count(b"{") > 1 || count(b"([") > MAX_BRACKETS {
		return Err(not_npy("its header has more brackets than any of a matrix"));
	}
	NpyHeader::from_reader(Cursor::new(&start)).map_err(|e| Problem::NotNpy(e.to_string()))
}

/// Whether the elements are big-endian, and their size in bytes.
fn check_type<T: Element>(header: &NpyHeader) -> Result<(bool, usize), Problem> {
	let dtype = header.dtype();
	let size = size_of::<T>();
	if let DType::Plain(plain) = &dtype {
		if plain.type_char() == T::KIND && plain.size_field() == size as u64 {
			return Ok((size > 1 && plain.endianness() == Endianness::Big, size));
		}
	}
	Err(Problem::WrongType {
		found: type_name(&dtype),
		wanted: T::NAME,
		advice: T::ADVICE,
	})
}

/// NumPy's name of a type, such as `float64`; what the file says where it has no plain name.
fn type_name(dtype: &DType) -> String {
	if let DType::Plain(plain) = dtype {
		let bits = plain.size_field().saturating_mul(8);
		return match plain.type_char() {
			TypeChar::Int => format!("int{bits}"),
			TypeChar::Uint => format!("uint{bits}"),
			TypeChar::Float => format!("float{bits}"),
			TypeChar::Complex => format!("complex{bits}"),
			TypeChar::Bool => "bool".into(),
			_ => plain.to_string(),
		};
	}
	dtype.descr()
}

fn unreadable(e: std::io::Error) -> Problem {
	Problem::Io {
		done: "read",
		reason: e.to_string(),
	}
}

/// Writes a matrix to a file, which is complete or not there: it gets its name when it is written.
pub fn write<T: Element>(path: &Path, matrix: &Matrix<T>) -> Result<(), NpyError> {
	let shape = [matrix.rows as u64, matrix.columns as u64];
	write_as(path, &shape, &matrix.values)
}

/// Writes a vector, of one dimension, to a file likewise.
pub fn write_vector<T: Element>(path: &Path, values: &[T]) -> Result<(), NpyError> {
	write_as(path, &[values.len() as u64], values)
}

fn write_as<T: Element>(path: &Path, shape: &[u64], values: &[T]) -> Result<(), NpyError> {
	write_atomically(path, |file| {
		let mut writer = npyz::WriteOptions::<T>::new()
			.default_dtype()
			.shape(shape)
			.writer(file)
			.begin_nd()?;
		writer.extend(values.iter().copied())?;
		writer.finish()
	})
	.map_err(|e| NpyError {
		path: path.into(),
		problem: Problem::Io {
			done: "written",
			reason: e.to_string(),
		},
	})
}

/// Writes a file under a temporary name beside it, then gives it its name. Once this returns, both last.
pub fn write_atomically(
	path: &Path,
	fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
	let folder = match path.parent() {
		Some(parent) if !parent.as_os_str().is_empty() => parent,
		_ => Path::new("."),
	};
	let mut file = tempfile::NamedTempFile::new_in(folder)?;
	{
		let mut buffered = std::io::BufWriter::new(file.as_file_mut());
		fill(&mut buffered)?;
		buffered.flush()?;
	}
	#[cfg(unix)]
	{
		// Temporary files are the owner's alone; this one is a user's result.
		use std::os::unix::fs::PermissionsExt;
		file.as_file()
			.set_permissions(PermissionsExt::from_mode(0o644))?;
	}
	file.as_file().sync_all()?;
	file.persist(path).map_err(|e| e.error)?;
	sync_folder(folder)
}

/// Has the names in a folder written to disk, where the system can do that.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
	use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
	match File::open(folder).and_then(|folder| folder.sync_all()) {
		// There are file systems without, and folders that can be written to but not be opened.
		Err(e) if !matches!(e.kind(), InvalidInput | PermissionDenied | Unsupported) => Err(e),
		_ => Ok(()),
	}
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	/// A file as NumPy writes it.
	fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
		let mut header =
			format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
		while (10 + header.len() + 1) % 64 != 0 {
			header.push(' ');
		}
		header.push('\n');
		let mut file = b"\x93NUMPY\x01\x00".to_vec();
		file.extend((header.len() as u16).to_le_bytes());
		file.extend(header.as_bytes());
		file.extend(data);
		file
	}

	fn problem<T: Element>(file: &[u8]) -> Problem {
		parse::<T>(file, 1000).expect_err("no such matrix")
	}

	#[test]
	fn a_matrix_should_be_read_row_by_row() {
		let file = npy("|i1", "False", "(2, 3)", &[1, 2, 3, 0xff, 0x80, 0x7f]);
		let matrix = parse::<i8>(file.as_slice(), 6).expect("a matrix");
		assert_eq!((matrix.rows, matrix.columns), (2, 3));
		assert_eq!(matrix.values, [1, 2, 3, -1, -128, 127]);
	}

	#[test]
	fn a_matrix_in_fortrans_order_should_be_read_row_by_row() {
		let file = npy("|i1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]);
		assert_eq!(
			parse::<i8>(file.as_slice(), 6).expect("a matrix").values,
			[1, 2, 3, 4, 5, 6]
		);
	}

	#[test]
	fn integers_should_be_read_in_either_byte_order() {
		let little = npy("<i4", "False", "(1, 1)", &(-5i32).to_le_bytes());
		let big = npy(">i4", "False", "(1, 1)", &(-5i32).to_be_bytes());
		assert_eq!(
			parse::<i32>(little.as_slice(), 1).expect("a matrix").values,
			[-5]
		);
		assert_eq!(
			parse::<i32>(big.as_slice(), 1).expect("a matrix").values,
			[-5]
		);
	}

	#[test]
	fn a_matrix_should_survive_being_written_and_read() {
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("c.npy");
		let matrix = Matrix {
			rows: 2,
			columns: 2,
			values: vec![i32::MIN, -1, 0, i32::MAX],
		};
		write(&path, &matrix).expect("written");
		assert_eq!(read::<i32>(&path).expect("read"), matrix);
		assert_eq!(
			std::fs::read_dir(folder.path()).expect("a folder").count(),
			1
		);
	}

	#[test]
	fn a_vector_should_be_read_from_one_dimension_or_a_single_row_or_column() {
		let data = [1, 2, 0xff];
		for shape in ["(3,)", "(3, 1)", "(1, 3)"] {
			let file = npy("|i1", "False", shape, &data);
			let read = parse_as::<i8>(file.as_slice(), 3, vector).expect("a vector");
			assert_eq!(read.values, [1, 2, -1]);
		}
		let file = npy("|i1", "False", "(2, 2)", &[0; 4]);
		let problem = parse_as::<i8>(file.as_slice(), 9, vector).expect_err("a matrix");
		assert_eq!(problem, Problem::NotAVector("(2, 2)".into()));
		let file = npy("|i1", "False", "(0,)", &[]);
		assert!(parse_as::<i8>(file.as_slice(), 9, vector).is_err());
	}

	#[test]
	fn a_vector_should_survive_being_written_and_read() {
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("w.npy");
		write_vector(&path, &[i32::MIN, -1, 7]).expect("written");
		assert_eq!(read_vector::<i32>(&path).expect("read"), [i32::MIN, -1, 7]);
		assert!(read::<i32>(&path).is_err(), "it is no matrix");
	}

	#[test]
	fn a_file_should_be_refused_when_its_elements_are_of_another_type() {
		let file = npy("<f8", "False", "(1, 1)", &[0; 8]);
		let text = problem::<i8>(&file).to_string();
		assert!(
			text.contains("float64") && text.contains("astype(numpy.int8)"),
			"{text}"
		);
		let file = npy("|u1", "False", "(1, 1)", &[200]);
		assert!(problem::<i8>(&file).to_string().contains("uint8"));
	}

	#[test]
	fn a_file_should_be_refused_when_it_is_no_matrix() {
		let file = npy("|i1", "False", "(4,)", &[0; 4]);
		assert!(problem::<i8>(&file).to_string().contains("(4)"));
		let file = npy("|i1", "False", "(0, 4)", &[]);
		assert_eq!(problem::<i8>(&file), Problem::NoElements(0, 4));
	}

	#[test]
	fn a_file_should_be_refused_when_it_is_empty_damaged_or_something_else() {
		assert_eq!(problem::<i8>(&[]), Problem::Empty);
		assert!(matches!(
			problem::<i8>(b"PK\x03\x04 an archive"),
			Problem::NotNpy(_)
		));
		let mut file = npy("|i1", "False", "(2, 3)", &[0; 6]);
		file.pop();
		assert_eq!(
			problem::<i8>(&file),
			Problem::Truncated {
				found: 5,
				wanted: 6
			}
		);
		file.extend([0, 0]);
		assert_eq!(problem::<i8>(&file), Problem::TrailingBytes);
		assert!(matches!(problem::<i8>(&file[..40]), Problem::NotNpy(_)));
	}

	#[test]
	fn a_file_should_be_refused_when_it_is_larger_than_the_limit() {
		let file = npy("|i1", "False", "(1000000, 1000000)", &[]);
		assert_eq!(
			problem::<i8>(&file),
			Problem::TooLarge(1_000_000, 1_000_000, 1000)
		);
	}

	#[test]
	fn a_file_should_be_refused_without_a_panic_when_its_shape_overflows() {
		let file = npy("|i1", "False", "(9999999999, 9999999999)", &[]);
		assert!(matches!(problem::<i8>(&file), Problem::NotNpy(_)));
		let mut file = npy("|i1", "False", "(1, 1)", &[0]);
		file[6] = 2;
		assert!(
			matches!(problem::<i8>(&file), Problem::NotNpy(_)),
			"a header of gigabytes"
		);
	}

	#[test]
	fn a_header_should_be_refused_at_once_when_its_brackets_are_nested() {
		let began = std::time::Instant::now();
		for (bracket, count) in [("{", 120), ("(", 120), ("[", 120), ("([", 60)] {
			let file = npy("|i1", "False", &bracket.repeat(count), &[]);
			let problem = problem::<i8>(&file);
			assert!(problem.to_string().contains("brackets"), "{problem}");
		}
		for bracket in ["(", "["] {
			let file = npy("|i1", "False", &bracket.repeat(MAX_BRACKETS), &[]);
			assert!(matches!(problem::<i8>(&file), Problem::NotNpy(_)));
		}
		let took = began.elapsed();
		assert!(took.as_secs() < 5, "as many as are allowed took {took:?}");
	}
}
