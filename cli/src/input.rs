//! Input blobs: what they are to this client's programs.

use std::{fs::File, io::Read, path::Path, sync::Arc};

use lemma_client::H256;
use lemma_zk_circuits::{
	program::{Class, Job, Program, Work},
	programs::{self, bundles::open_bundle, infer::encoding::INPUT_MAGIC},
};
use lemma_zk_statement::OutputElement;

use crate::{
	args::Bundles,
	failure::{exit, file_failure, Failure, Outcome},
};

/// What an order must say of its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
	/// Id of the program.
	pub program: H256,
	/// Commitment to the input.
	pub commitment: H256,
	/// Type of the output's elements, unless only the chain knows the program.
	pub element: Option<OutputElement>,
	/// Exact length of the output, bytes.
	pub output_len: u32,
	/// Cost of proving in the unit of one 256x256x256 product; by it the claim window is chosen.
	pub cost: f64,
	/// The job's size, for people.
	pub shape: String,
	/// Rows and columns of the output, if it is a matrix.
	pub matrix: Option<(usize, usize)>,
}

/// Largest input that is read: twice the largest pair of matrices.
const MAX_INPUT_BYTES: u64 = 1 << 30;

/// The programs that this client knows: those that are built in, and those of bundles and executables that were named.
#[derive(Clone, Default)]
pub struct Known {
	bundles: Vec<Arc<dyn Program>>,
}

impl Known {
	/// Those built in, those of these bundles, and those of these executables, which are started. The bundles' ids are computed when they are first asked for, seconds for each.
	pub fn load(named: &Bundles) -> Outcome<Self> {
		let bundles = named.bundles.iter().map(|path| {
			open_bundle(&read_file(path)?).map_err(|e| {
				Failure::new(
					exit::USAGE,
					"bad_bundle",
					format!("{}: {e}", path.display()),
				)
			})
		});
		let mut known = Self {
			bundles: bundles.collect::<Outcome<_>>()?,
		};
		for path in &named.executables {
			let programs = lemma_job_host::remote::start(path).map_err(|problem| {
				Failure::new(
					exit::USAGE,
					"bad_executable",
					format!("{}: {problem}", path.display()),
				)
			})?;
			known.bundles.extend(programs);
		}
		Ok(known)
	}

	fn programs(&self) -> impl Iterator<Item = &dyn Program> {
		let bundles = self.bundles.iter().map(AsRef::as_ref);
		programs::all().iter().copied().chain(bundles)
	}

	/// Opens a blob with the program whose input it is.
	pub fn open(&self, blob: &[u8]) -> Outcome<Box<dyn Job>> {
		let mut reasons = Vec::new();
		for program in self.programs() {
			match program.open(blob) {
				Ok(job) => return Ok(job),
				Err(e) => reasons.push(format!("{}: {e}", program.name())),
			}
		}
		if self.bundles.is_empty() && blob.starts_with(&INPUT_MAGIC) {
			return Err(Failure::new(
				exit::USAGE,
				"bad_input",
				"this is the input of a neural network, whose file must be named: give --bundle FILE",
			));
		}
		Err(Failure::new(
			exit::USAGE,
			"bad_input",
			format!(
				"this is no input of a program that this client knows ({})",
				reasons.join("; ")
			),
		))
	}

	/// What this client calls a program: its name and its class, such as `gemm k256-d8`.
	pub fn name_of(&self, id: &H256) -> Option<String> {
		self.classes()
			.find(|(_, class)| class.id == id.0)
			.map(|(program, class)| title(program, &class))
	}

	/// Type of the elements of a program's outputs, if this client knows the program.
	pub fn element_of(&self, id: &H256) -> Option<OutputElement> {
		self.classes()
			.find(|(_, class)| class.id == id.0)
			.map(|(_, class)| class.element)
	}

	/// All classes of all programs.
	pub fn classes(&self) -> impl Iterator<Item = (&dyn Program, Class)> {
		self.programs().flat_map(|program| {
			let classes = program.classes().into_iter();
			classes.map(move |class| (program, class))
		})
	}
}

/// Opens a blob with the program whose input it is, one of those that are built in.
pub fn open(blob: &[u8]) -> Outcome<Box<dyn Job>> {
	Known::default().open(blob)
}

/// Reads what a job says of itself. Computes its commitment, which takes a while for large ones.
pub fn describe(job: &dyn Job) -> Outcome<Described> {
	let output_len = job.output_len();
	if output_len > lemma_primitives::MAX_OUTPUT_BYTES as usize {
		return Err(Failure::new(
			exit::USAGE,
			"output_too_large",
			format!(
				"the result of {} would have {output_len} bytes, but a block carries at most {}: split \
				 the job, for example into blocks of rows of A, and order each part",
				job.shape(),
				lemma_primitives::MAX_OUTPUT_BYTES
			),
		));
	}
	Ok(Described {
		program: H256(job.program()),
		commitment: H256(job.commitment()),
		element: Some(job.element()),
		// At most a MiB, as was just checked.
		output_len: output_len as u32,
		cost: job.cost_estimate(),
		shape: job.shape(),
		matrix: match job.work() {
			Work::Gemm { m, n, .. } => Some((m, n)),
			Work::Infer { model, samples } => Some((
				samples.len() / model.input().elements(),
				model.output().shape.elements(),
			)),
			_ => None,
		},
	})
}

/// Reads a file. One without an end, such as a device, is refused like one that is too large.
pub fn read_file(path: &Path) -> Outcome<Vec<u8>> {
	let mut bytes = Vec::new();
	File::open(path)
		.and_then(|file| file.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes))
		.map_err(|e| file_failure(path, "read", &e))?;
	if bytes.len() as u64 > MAX_INPUT_BYTES {
		return Err(Failure::new(
			exit::USAGE,
			"bad_file",
			format!(
				"{} has more than the {MAX_INPUT_BYTES} bytes that are read: no input, and no result, is as large",
				path.display()
			),
		));
	}
	Ok(bytes)
}

/// A class's name with its program's.
pub fn title(program: &dyn Program, class: &Class) -> String {
	format!("{} {}", program.name(), class.name)
}
