//! What can be measured: products of matrices, classes of the other programs, and networks that come as bundles.
//!
//! A [`Case`] is one of them, by its name on the command line; its [`Subject`] is the program with an input of ours.

use std::{
	ffi::OsString,
	fmt, fs,
	path::{Path, PathBuf},
	str::FromStr,
};

use anyhow::Context;
use lemma_client::npy;
use lemma_zk_circuits::{
	program::Program,
	programs::{
		fractal::Fractal,
		gemm::Gemm,
		infer::{encoding::encode_input, Bundle, Infer, Model},
		render::Render,
		train::Train,
	},
};

use super::inputs::{self, Random};

/// The programs, in the order in which they are measured.
pub const PROGRAMS: [&str; 5] = ["gemm", "fractal", "render", "train", "infer"];
/// Products that stand for `gemm`, which has classes up to sizes that take hours.
const PRODUCTS: [Shape; 3] = [Shape::square(256), Shape::square(512), Shape::square(1024)];
/// What stands for `infer`, which has a class for each network and batch: our name, the network, samples of a job.
const NETWORKS: [(&str, fn() -> anyhow::Result<Model>, usize); 3] = [
	("b1", inputs::network, 1),
	("b16", inputs::network, 16),
	("conv-b1", inputs::convolutional_network, 1),
];

/// Dimensions of a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
	/// Rows of A and C.
	pub m: u32,
	/// Columns of A, rows of B.
	pub k: u32,
	/// Columns of B and C.
	pub n: u32,
}

impl Shape {
	const fn square(side: u32) -> Self {
		Self {
			m: side,
			k: side,
			n: side,
		}
	}
}

impl fmt::Display for Shape {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}x{}x{}", self.m, self.k, self.n)
	}
}

impl FromStr for Shape {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let dimensions: Vec<u32> = text
			.split('x')
			.map(str::parse)
			.collect::<Result<_, _>>()
			.unwrap_or_default();
		match dimensions[..] {
			[m, k, n] if m > 0 && k > 0 && n > 0 => Ok(Self { m, k, n }),
			_ => Err("a shape is three numbers, m x k x n, such as 256x256x256".into()),
		}
	}
}

/// A class of a program that is not measured by shapes, such as `fractal/t32-i35`. `infer/b16` is a batch of 16 for
/// [`inputs::network`], `infer/conv-b1` one sample for [`inputs::convolutional_network`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassName {
	program: &'static str,
	class: String,
}

impl ClassName {
	/// All classes of a program that can be measured; none of `gemm`.
	fn all(program: &str) -> Vec<Self> {
		let built_in = |program: &dyn Program| -> Vec<Self> {
			let classes = program.classes().into_iter();
			classes
				.map(|class| Self {
					program: program.name(),
					class: class.name,
				})
				.collect()
		};
		match program {
			"fractal" => built_in(&Fractal),
			"render" => built_in(&Render),
			"train" => built_in(&Train),
			"infer" => NETWORKS
				.iter()
				.map(|(class, ..)| Self {
					program: "infer",
					class: (*class).into(),
				})
				.collect(),
			_ => Vec::new(),
		}
	}
}

impl fmt::Display for ClassName {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}/{}", self.program, self.class)
	}
}

impl FromStr for ClassName {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let mut known: Vec<Self> = PROGRAMS.into_iter().flat_map(Self::all).collect();
		match known.iter().position(|class| class.to_string() == text) {
			Some(place) => Ok(known.swap_remove(place)),
			None => {
				let names: Vec<_> = known.iter().map(Self::to_string).collect();
				Err(format!(
					"the classes are {}; products are chosen by --shape, a network by --bundle",
					names.join(", ")
				))
			}
		}
	}
}

/// One thing to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Case {
	/// A product of random matrices.
	Product(Shape),
	/// A class of another program, with an input of ours.
	Class(ClassName),
	/// A batch for a network of somebody's.
	Network {
		/// The bundle's file.
		bundle: PathBuf,
		/// Samples, int8, of which the first are taken; random ones without.
		inputs: Option<PathBuf>,
		/// Samples of the batch.
		batch: usize,
	},
}

/// A program and an input for it.
pub struct Subject {
	/// The program.
	pub program: Box<dyn Program>,
	/// The input's blob.
	pub blob: Vec<u8>,
}

impl Case {
	/// What stands for a program.
	pub fn of_program(program: &str) -> Vec<Self> {
		if program == "gemm" {
			return PRODUCTS.into_iter().map(Self::Product).collect();
		}
		let classes = ClassName::all(program).into_iter();
		classes.map(Self::Class).collect()
	}

	/// Batches for a bundle's network: of these sizes, or of all that it has.
	///
	/// # Errors
	///
	/// The file is no bundle, or has no program for one of the sizes.
	pub fn of_bundle(
		path: &Path,
		inputs: Option<&Path>,
		batches: &[usize],
	) -> anyhow::Result<Vec<Self>> {
		let known = read_bundle(path)?.batches;
		if let Some(missing) = batches.iter().find(|batch| !known.contains(batch)) {
			let known: Vec<_> = known.iter().map(usize::to_string).collect();
			anyhow::bail!(
				"{} has no program for batches of {missing}, only of {}: `lemma model build --batches` makes others",
				path.display(),
				known.join(", ")
			);
		}
		let batches = if batches.is_empty() { &known } else { batches };
		Ok(batches
			.iter()
			.map(|batch| Self::Network {
				bundle: path.into(),
				inputs: inputs.map(Path::to_path_buf),
				batch: *batch,
			})
			.collect())
	}

	/// What selects this case, and no other, on the command line.
	pub fn arguments(&self) -> Vec<OsString> {
		match self {
			Self::Product(shape) => vec!["--shape".into(), shape.to_string().into()],
			Self::Class(class) => vec!["--class".into(), class.to_string().into()],
			Self::Network {
				bundle,
				inputs,
				batch,
			} => {
				let mut arguments = vec![
					"--bundle".into(),
					bundle.into(),
					"--batch".into(),
					batch.to_string().into(),
				];
				if let Some(inputs) = inputs {
					arguments.extend(["--inputs".into(), inputs.into()]);
				}
				arguments
			}
		}
	}

	/// The program and an input, the same at every call. What takes time is left to [`Program::open`].
	///
	/// # Errors
	///
	/// It is too large to be proven, or a file is not what it should be.
	pub fn subject(&self) -> anyhow::Result<Subject> {
		let subject = |program: Box<dyn Program>, blob| Subject { program, blob };
		match self {
			Self::Product(shape) => Ok(subject(Box::new(Gemm), inputs::product(*shape)?)),
			Self::Class(ClassName { program, class }) => Ok(match *program {
				"fractal" => subject(Box::new(Fractal), inputs::fractal(class)?),
				"render" => subject(Box::new(Render), inputs::render(class)?),
				"train" => subject(Box::new(Train), inputs::train(class)?),
				_ => {
					let (_, network, batch) = NETWORKS
						.iter()
						.find(|(name, ..)| name == class)
						.with_context(|| format!("there is no network {class}"))?;
					let bundle = Bundle::new(network()?, vec![*batch])?;
					batch_of(&bundle, *batch, None)?
				}
			}),
			Self::Network {
				bundle,
				inputs,
				batch,
			} => batch_of(&read_bundle(bundle)?, *batch, inputs.as_deref()),
		}
	}
}

impl fmt::Display for Case {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Product(shape) => write!(f, "gemm {shape}"),
			Self::Class(class) => class.fmt(f),
			Self::Network { bundle, batch, .. } => {
				write!(f, "{} with batches of {batch}", bundle.display())
			}
		}
	}
}

fn read_bundle(path: &Path) -> anyhow::Result<Bundle> {
	let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
	Bundle::decode(&bytes).with_context(|| {
		format!(
			"{} is no network: `lemma model build` makes one of an ONNX file",
			path.display()
		)
	})
}

/// A batch for a network, whose other batches are left out: each is a circuit to be built.
fn batch_of(bundle: &Bundle, batch: usize, inputs: Option<&Path>) -> anyhow::Result<Subject> {
	let elements = bundle.model.input().elements();
	let count = elements.saturating_mul(batch);
	let samples = match inputs {
		None => Random::default().int8s(count),
		Some(path) => {
			let mut samples = npy::read::<i8>(path)?;
			anyhow::ensure!(
				samples.columns == elements && samples.rows >= batch,
				"{} holds {} samples of {} values, and at least {batch} of {elements} are needed",
				path.display(),
				samples.rows,
				samples.columns
			);
			samples.values.truncate(count);
			samples.values
		}
	};
	let bundle = Bundle::new(bundle.model.clone(), vec![batch])?;
	Ok(Subject {
		program: Box::new(Infer::new(&bundle)?),
		blob: encode_input(&samples, batch),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn shapes_should_be_three_positive_numbers() {
		assert_eq!("2x3x4".parse(), Ok(Shape { m: 2, k: 3, n: 4 }));
		for wrong in ["", "2x3", "2x3x4x5", "0x1x1", "axbxc", "2x3x-4"] {
			assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
		}
	}

	#[test]
	fn classes_should_be_those_with_a_circuit() {
		for program in &PROGRAMS[1..] {
			assert!(!Case::of_program(program).is_empty(), "{program}");
		}
		for class in PROGRAMS.into_iter().flat_map(ClassName::all) {
			assert_eq!(class.to_string().parse(), Ok(class));
		}
		for wrong in ["", "fractal", "fractal/", "gemm/k256-d8", "t32-i35"] {
			let refusal = wrong.parse::<ClassName>().unwrap_err();
			assert!(
				refusal.contains("train/64-32-10-s10") && refusal.contains("--shape"),
				"{refusal}"
			);
		}
	}

	#[test]
	fn every_class_should_have_an_input_that_it_proves() {
		let cases = PROGRAMS.into_iter().flat_map(Case::of_program);
		for case in cases.chain([Case::Product(Shape { m: 3, k: 5, n: 4 })]) {
			// Its id takes a circuit that is built: `Program::open` would compute it.
			if case.to_string().starts_with("infer/") {
				assert!(case.subject().is_ok(), "{case}");
				continue;
			}
			let Subject { program, blob } = case.subject().unwrap();
			let job = program
				.open(&blob)
				.unwrap_or_else(|error| panic!("{case}: {error}"));
			let classes = program.classes();
			let class = classes
				.iter()
				.find(|class| class.id == job.program())
				.unwrap();
			if let Case::Class(name) = &case {
				assert_eq!(class.name, name.class);
			}
		}
	}

	#[test]
	fn products_should_be_refused_when_they_are_larger_than_can_be_proven() {
		let refusal = |m, k, n| Case::Product(Shape { m, k, n }).subject().err();
		for (m, k, n) in [(1 << 17, 1, 1), (1, 1 << 13, 1), (1, 1, 1 << 17)] {
			let text = refusal(m, k, n).unwrap().to_string();
			assert!(text.contains("larger than can be proven"), "{text}");
		}
	}

	#[test]
	fn batches_should_be_those_of_the_bundle() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("net.lemma");
		let bundle = Bundle::new(inputs::network().unwrap(), vec![1, 16]).unwrap();
		fs::write(&path, bundle.encode()).unwrap();
		let batches = |sizes: &[usize]| -> Vec<usize> {
			let cases = Case::of_bundle(&path, None, sizes).unwrap().into_iter();
			cases
				.map(|case| match case {
					Case::Network { batch, .. } => batch,
					other => panic!("{other} is no network"),
				})
				.collect()
		};
		assert_eq!(batches(&[]), [1, 16]);
		assert_eq!(batches(&[16]), [16]);
		let text = Case::of_bundle(&path, None, &[4]).unwrap_err().to_string();
		assert!(text.contains("only of 1, 16"), "{text}");
		fs::write(&path, b"lemma-b").unwrap();
		let error = Case::of_bundle(&path, None, &[]).unwrap_err();
		assert!(
			format!("{error:#}").contains("lemma model build"),
			"{error:#}"
		);
	}

	#[test]
	fn samples_should_be_refused_when_they_are_too_few_or_of_another_length() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("samples.npy");
		let bundle = Bundle::new(inputs::network().unwrap(), vec![2]).unwrap();
		for (rows, columns, fits) in [
			(2, 784, true),
			(3, 784, true),
			(1, 784, false),
			(2, 64, false),
		] {
			let values = Random::default().int8s(rows * columns);
			let samples = npy::Matrix {
				rows,
				columns,
				values,
			};
			npy::write(&path, &samples).unwrap();
			match batch_of(&bundle, 2, Some(&path)) {
				Ok(subject) => {
					assert!(fits);
					let expected = encode_input(&samples.values[..2 * 784], 2);
					assert_eq!(subject.blob, expected);
				}
				Err(error) => {
					assert!(!fits && error.to_string().contains("2 of 784"), "{error}");
				}
			}
		}
	}
}
