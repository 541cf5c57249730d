//! What a measurement is, and the file in which the worker finds what this machine can promise.

use std::{fmt, fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// Seconds by stage. A stage that did not happen is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stages {
	/// The computation itself, by the backend.
	pub native: f64,
	/// Committing to the input.
	pub commit: f64,
	/// Opening the commitments at the challenge.
	pub open: f64,
	/// Proving the program's own circuit.
	pub prove_program: f64,
	/// Shrinking a large program proof.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub shrink: Option<f64>,
	/// Wrapping into the fixed shape.
	pub wrap: f64,
	/// The outer proof.
	pub outer: f64,
}

/// What one case took: one line of `bench --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
	/// The program's name.
	pub program: String,
	/// Its class, such as `k256-d8`. Empty in files of workers that measured only products.
	#[serde(default)]
	pub class: String,
	/// Its input's size, such as `256x256x256` (m x k x n).
	pub shape: String,
	/// Seconds by stage.
	pub stages: Stages,
	/// Seconds from the inputs in memory to the outer proof, circuits built.
	pub total_seconds: f64,
	/// Seconds of processor time in that, all threads together. Where the total is much more than this over the
	/// number of threads, the machine had other things to do.
	pub cpu_seconds: f64,
	/// Highest resident memory of the process that built the circuits and proved, bytes.
	pub peak_rss_bytes: u64,
	/// Rows of the program's own circuit, log2.
	pub rows_log2: u32,
	/// Length of the outer proof, bytes.
	pub proof_bytes: usize,
	/// Milliseconds to check output and proof natively, hashing and evaluation of the output included.
	pub verify_native_ms: f64,
	/// Milliseconds for the same in the chain's Wasm runtime; absent if no node was asked, or if the output
	/// is longer than the chain takes.
	pub verify_wasm_ms: Option<f64>,
	/// Which backend computed.
	pub backend: String,
	/// Threads that computed and proved.
	pub threads: usize,
	/// Seconds until a job could be opened, once in a worker's life; not in the total. A network's id is computed in them, for
	/// which its circuit is built.
	#[serde(default)]
	pub load_seconds: f64,
	/// Seconds to build the circuits for proving, once in a worker's life; not in the total.
	pub build_seconds: f64,
	/// The program's own estimate of the cost, in units of one 256x256x256 product.
	pub cost: f64,
	/// The program's own estimate of the memory, bytes.
	pub memory_estimate_bytes: u64,
}

/// What `bench` writes for the worker: see `docs/performance.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promise {
	/// Version of the worker that measured.
	pub version: String,
	/// Seconds for one unit of cost: the largest of the measured cases', so that none takes longer than
	/// promised.
	pub seconds_per_unit: f64,
	/// The measurements behind it.
	pub measurements: Vec<Measurement>,
}

impl Promise {
	/// From measurements; `None` if there are none.
	pub fn of(measurements: Vec<Measurement>) -> Option<Self> {
		let seconds_per_unit = measurements
			.iter()
			.map(|measured| measured.total_seconds / measured.cost)
			.reduce(f64::max)?;
		Some(Self {
			version: env!("CARGO_PKG_VERSION").into(),
			seconds_per_unit,
			measurements,
		})
	}

	/// Writes it where the worker's setting `bench_file` points.
	pub fn write(&self, file: &Path) -> anyhow::Result<()> {
		let text = serde_json::to_string_pretty(self)? + "\n";
		fs::write(file, text).with_context(|| unwritable(file))
	}
}

/// That [`Promise::write`] will be able to write this file, whose folder is made: measuring takes minutes. A file that is there stays
/// as it is.
///
/// # Errors
///
/// It cannot be written.
pub fn check_writable(file: &Path) -> anyhow::Result<()> {
	let folder = match file.parent() {
		Some(folder) if folder != Path::new("") => folder,
		_ => Path::new("."),
	};
	fs::create_dir_all(folder).with_context(|| unwritable(file))?;
	let written = match fs::OpenOptions::new().write(true).open(file) {
		Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
			tempfile::NamedTempFile::new_in(folder).map(drop)
		}
		opened => opened.map(drop),
	};
	written.with_context(|| unwritable(file))
}

fn unwritable(file: &Path) -> String {
	format!(
		"{} cannot be written: name another --output",
		file.display()
	)
}

/// Seconds for one unit of cost, from the text of the file that `bench` wrote.
///
/// # Errors
///
/// The text is not what `bench` writes.
pub fn seconds_per_unit(text: &str) -> anyhow::Result<f64> {
	let promise: Promise = serde_json::from_str(text).context("this is no file of `bench`")?;
	anyhow::ensure!(
		promise.seconds_per_unit.is_finite() && promise.seconds_per_unit > 0.0,
		"seconds_per_unit must be a positive number, not {}",
		promise.seconds_per_unit
	);
	Ok(promise.seconds_per_unit)
}

/// The measurements for people.
pub struct Table<'a>(pub &'a [Measurement]);

impl fmt::Display for Table<'_> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let head = [
			"program", "shape", "native", "commit", "open", "prove", "shrink", "wrap", "outer",
			"total", "memory", "rows", "proof", "verify", "in Wasm",
		];
		let seconds = |value: f64| format!("{value:.2} s");
		let optional = |value: Option<String>| value.unwrap_or_else(|| "-".into());
		let rows: Vec<Vec<String>> = self
			.0
			.iter()
			.map(|m| {
				vec![
					m.program.clone(),
					m.shape.clone(),
					format!("{:.4} s", m.stages.native),
					seconds(m.stages.commit),
					seconds(m.stages.open),
					seconds(m.stages.prove_program),
					optional(m.stages.shrink.map(seconds)),
					seconds(m.stages.wrap),
					seconds(m.stages.outer),
					seconds(m.total_seconds),
					format!("{:.2} GB", m.peak_rss_bytes as f64 / 1e9),
					format!("2^{}", m.rows_log2),
					format!("{} B", m.proof_bytes),
					format!("{:.1} ms", m.verify_native_ms),
					optional(m.verify_wasm_ms.map(|ms| format!("{ms:.1} ms"))),
				]
			})
			.collect();
		let mut widths = head.map(str::len);
		for row in &rows {
			for (width, cell) in widths.iter_mut().zip(row) {
				*width = cell.len().max(*width);
			}
		}
		let mut line = |cells: &[&str]| -> fmt::Result {
			for (cell, width) in cells.iter().zip(widths) {
				write!(f, "{cell:>width$}  ")?;
			}
			writeln!(f)
		};
		line(&head)?;
		for row in &rows {
			line(&row.iter().map(String::as_str).collect::<Vec<_>>())?;
		}
		if let Some(m) = self.0.first() {
			write!(
				f,
				"computed on {} and proven with {} threads",
				m.backend, m.threads
			)?;
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn measurement(shape: &str, total_seconds: f64, cost: f64) -> Measurement {
		Measurement {
			program: "gemm".into(),
			class: "k256-d8".into(),
			shape: shape.into(),
			stages: Stages {
				native: 0.001,
				wrap: 1.5,
				..Default::default()
			},
			total_seconds,
			cpu_seconds: total_seconds,
			peak_rss_bytes: 1_000_000_000,
			rows_log2: 12,
			proof_bytes: 91_914,
			verify_native_ms: 2.0,
			verify_wasm_ms: None,
			backend: "cpu".into(),
			threads: 2,
			load_seconds: 0.0,
			build_seconds: 3.0,
			cost,
			memory_estimate_bytes: 1_200_000_000,
		}
	}

	#[test]
	fn a_promise_should_be_kept_by_every_measured_case() {
		let promise = Promise::of(vec![
			measurement("256x256x256", 5.0, 1.0),
			measurement("512x512x512", 6.0, 1.5),
		])
		.unwrap();
		assert_eq!(promise.seconds_per_unit, 5.0);
		assert_eq!(Promise::of(vec![]), None);
	}

	#[test]
	fn a_promise_should_be_read_as_written() {
		let folder = tempfile::tempdir().unwrap();
		let file = folder.path().join("bench.json");
		Promise::of(vec![measurement("256x256x256", 5.0, 2.0)])
			.unwrap()
			.write(&file)
			.unwrap();
		assert_eq!(
			seconds_per_unit(&fs::read_to_string(&file).unwrap()).unwrap(),
			2.5
		);
	}

	#[test]
	fn a_file_should_be_known_to_be_writable_before_anything_is_measured() {
		let folder = tempfile::tempdir().unwrap();
		let file = folder.path().join("of/the/worker/bench.json");
		check_writable(&file).unwrap();
		let beside = fs::read_dir(file.parent().unwrap()).unwrap();
		assert_eq!(beside.count(), 0, "nothing is left there");
		fs::write(&file, "measured before").unwrap();
		check_writable(&file).unwrap();
		assert_eq!(fs::read_to_string(&file).unwrap(), "measured before");
		for wrong in [folder.path().to_owned(), file.join("bench.json")] {
			let error = check_writable(&wrong).unwrap_err();
			assert!(error.to_string().contains("--output"), "{error:#}");
		}
	}

	#[test]
	fn a_promise_should_be_read_when_an_earlier_worker_wrote_it() {
		let promise = Promise::of(vec![measurement("256x256x256", 5.0, 1.0)]).unwrap();
		let mut value = serde_json::to_value(&promise).unwrap();
		for key in ["class", "load_seconds"] {
			let measured = value["measurements"][0].as_object_mut().unwrap();
			assert!(measured.remove(key).is_some(), "{key}");
		}
		assert_eq!(seconds_per_unit(&value.to_string()).unwrap(), 5.0);
	}

	#[test]
	fn a_promise_should_be_refused_when_it_promises_nothing() {
		assert!(seconds_per_unit("{}").is_err());
		let mut promise = Promise::of(vec![measurement("256x256x256", 5.0, 1.0)]).unwrap();
		promise.seconds_per_unit = 0.0;
		assert!(seconds_per_unit(&serde_json::to_string(&promise).unwrap()).is_err());
	}

	#[test]
	fn a_line_should_have_the_documented_keys_and_no_stage_that_did_not_happen() {
		let mut measured = measurement("256x256x256", 5.0, 1.0);
		let value = serde_json::to_value(&measured).unwrap();
		for key in [
			"program",
			"class",
			"shape",
			"stages",
			"total_seconds",
			"peak_rss_bytes",
			"rows_log2",
			"proof_bytes",
			"verify_native_ms",
			"verify_wasm_ms",
			"backend",
			"threads",
			"load_seconds",
			"build_seconds",
		] {
			assert!(value.get(key).is_some(), "{key} is missing");
		}
		assert!(value["stages"].get("shrink").is_none());
		measured.stages.shrink = Some(3.0);
		assert_eq!(
			serde_json::to_value(&measured).unwrap()["stages"]["shrink"],
			3.0
		);
	}
}
