//! The GPU backend's host side where there is no GPU: cudarc, memory, launches and bands against the driver in
//! `kernels/shim/libcuda.cpp`, which runs the kernels on the CPU. Needs NVRTC, as the backend does.
//!
//! The driver must be in the library path before a process starts, so each test runs itself once more: the
//! part marked as ignored is what runs there.

use std::{
	ffi::OsString,
	path::{Path, PathBuf},
	process::{Command, Output},
	sync::OnceLock,
};

#[path = "../hands/mod.rs"]
mod hands;
mod infer;
mod jobs;
mod own;
#[path = "../samples/mod.rs"]
mod samples;
mod tiles;
mod train;

use lemma_worker::backend::{
	choose, cpu::reference, cuda::compile::Compiler, Backend, BackendError, Cuda, Preference,
};
use lemma_zk_circuits::program::Work;
use rand::{rngs::StdRng, Rng, SeedableRng};

/// Folder of the driver for the shim, built once.
fn driver() -> &'static Path {
	static BUILT: OnceLock<PathBuf> = OnceLock::new();
	BUILT.get_or_init(|| {
		let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("driver");
		std::fs::create_dir_all(&folder).expect("the target folder can be written");
		let built = Command::new("g++")
			.args([
				"-std=c++17",
				"-O2",
				"-fno-strict-aliasing",
				"-Wall",
				"-Wno-unknown-pragmas",
				// A kernel whose arithmetic has no meaning ends the process.
				"-fsanitize=undefined",
				"-fsanitize-undefined-trap-on-error",
			])
			.args(["-shared", "-fPIC", "-o"])
			// Not `libcuda.so.1`: NVRTC looks for that one itself, and asks it for more than is there.
			.arg(folder.join("libcuda.so"))
			.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/shim/libcuda.cpp"))
			.output()
			.expect("g++ runs: scripts/setup installs it");
		assert!(
			built.status.success(),
			"{}",
			String::from_utf8_lossy(&built.stderr)
		);
		folder
	})
}

/// The library path with the driver in it. `None`, with a word about it, without NVRTC.
fn library_path() -> Option<OsString> {
	if let Err(reason) = Compiler::find() {
		assert!(
			std::env::var_os("LEMMA_REQUIRE_NVRTC").is_none(),
			"{reason}"
		);
		println!("skipped: {reason}");
		return None;
	}
	let mut path = driver().as_os_str().to_owned();
	if let Some(others) = std::env::var_os("LD_LIBRARY_PATH") {
		path.push(":");
		path.push(others);
	}
	Some(path)
}

/// Runs the ignored test `name` with a GPU as `settings` say. `None` without NVRTC.
fn with_gpu(name: &str, settings: &[(&str, &str)]) -> Option<Output> {
	let path = library_path()?;
	let kept = tempfile::tempdir().expect("a temporary folder");
	let output = Command::new(std::env::current_exe().expect("a test knows its program"))
		.args(["--exact", name, "--ignored", "--nocapture"])
		.env("LD_LIBRARY_PATH", path)
		.env("XDG_CACHE_HOME", kept.path())
		.envs(settings.iter().copied())
		.output()
		.expect("a test can run itself");
	Some(output)
}

fn assert_passes(name: &str, settings: &[(&str, &str)]) {
	if let Some(output) = with_gpu(name, settings) {
		let text = String::from_utf8_lossy(&output.stdout);
		assert!(
			output.status.success() && text.contains("1 passed"),
			"{name} with {settings:?}: {text}{}",
			String::from_utf8_lossy(&output.stderr)
		);
	}
}

/// That the part `name` fails without any one of the barriers of a kernel's source, in some order of the threads.
fn assert_needs_barriers(name: &str, file: &str, source: &str, expected: usize) {
	let lines = source.lines().zip(1..);
	let barriers: Vec<usize> = lines
		.filter(|(line, _)| line.contains("__syncthreads();"))
		.map(|(_, number)| number)
		.collect();
	assert_eq!(barriers.len(), expected);
	for line in barriers {
		let barrier = format!("{file}:{line}");
		let mut noticed = false;
		for order in ["0", "1", "2"] {
			let settings = [
				("LEMMA_SHIM_WITHOUT", barrier.as_str()),
				("LEMMA_SHIM_ORDER", order),
			];
			match with_gpu(name, &settings) {
				Some(output) => noticed |= !output.status.success(),
				None => return,
			}
			if noticed {
				break;
			}
		}
		assert!(
			noticed,
			"the barrier {barrier} could be left out and no test would notice"
		);
	}
}

#[test]
fn the_gpu_backend_should_equal_the_definition() {
	assert_passes("part_products_equal_the_definition", &[]);
}

#[test]
fn the_gpu_backend_should_cut_a_product_into_bands_when_memory_is_short() {
	let rows = lemma_worker::backend::cuda::plan::band_rows(1000, 40, 300, 1_000_000);
	assert!(
		rows.is_ok_and(|rows| rows < 1000),
		"the largest product below must not fit at once"
	);
	assert_passes(
		"part_products_equal_the_definition",
		&[("LEMMA_SHIM_MEMORY", "1000000")],
	);
}

#[test]
fn the_gpu_backend_should_serve_a_device_newer_than_the_compiler() {
	assert_passes(
		"part_products_equal_the_definition",
		&[("LEMMA_SHIM_CAPABILITY", "999")],
	);
}

#[test]
fn the_gpu_backend_should_say_how_much_memory_a_product_needs() {
	assert_passes(
		"part_memory_is_too_short",
		&[("LEMMA_SHIM_MEMORY", "300000")],
	);
}

#[test]
fn auto_should_take_a_gpu_that_works() {
	assert_passes("part_auto_takes_the_gpu", &[]);
}

#[test]
fn auto_should_take_the_cpu_when_the_gpu_cannot_be_used() {
	for setting in [
		("LEMMA_SHIM_FAULT", "1"),
		("LEMMA_SHIM_DEVICES", "0"),
		("LEMMA_SHIM_CAPABILITY", "52"),
		("LEMMA_SHIM_REFUSE", "1"),
		("LEMMA_SHIM_MEMORY", "1000"),
	] {
		assert_passes("part_auto_takes_the_cpu", &[setting]);
	}
}

#[test]
#[ignore = "run by the_gpu_backend_should_..., with a driver"]
fn part_products_equal_the_definition() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	assert!(cuda.describe().starts_with("CPU shim"));
	let mut rng = StdRng::seed_from_u64(5);
	for (m, k, n) in [
		(1, 1, 1),
		(3, 5, 7),
		(129, 33, 127),
		(1000, 40, 300),
		(1, 256, 512),
	] {
		let a: Vec<i8> = (0..m * k).map(|_| rng.gen()).collect();
		let b: Vec<i8> = (0..k * n).map(|_| rng.gen()).collect();
		let got = cuda
			.run(Work::Gemm {
				m,
				k,
				n,
				a: &a,
				b: &b,
			})
			.expect("it fits");
		assert!(got == reference(m, k, n, &a, &b), "{m}x{k}x{n}");
	}
}

#[test]
#[ignore = "run by the_gpu_backend_should_..., with a driver"]
fn part_memory_is_too_short() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	let (m, k, n) = (16, 512, 512);
	let (a, b) = (vec![1; m * k], vec![1; k * n]);
	match cuda.run(Work::Gemm {
		m,
		k,
		n,
		a: &a,
		b: &b,
	}) {
		Err(BackendError::Memory(text)) => assert!(text.contains("MiB of GPU memory")),
		other => panic!("expected a refusal, got {other:?}"),
	}
	let small = cuda.run(Work::Gemm {
		m: 2,
		k: 1,
		n: 1,
		a: &[2, 3],
		b: &[-5],
	});
	assert_eq!(small, Ok([-10i32, -15].map(i32::to_le_bytes).concat()));
}

#[test]
#[ignore = "run by auto_should_..., with a driver"]
fn part_auto_takes_the_gpu() {
	assert_eq!(
		choose(Preference::Auto).map(|(backend, _)| backend.name()),
		Ok("cuda")
	);
	assert_eq!(
		choose(Preference::Cpu).map(|(backend, _)| backend.name()),
		Ok("cpu")
	);
}

#[test]
#[ignore = "run by auto_should_..., with a driver"]
fn part_auto_takes_the_cpu() {
	assert_eq!(
		choose(Preference::Auto).map(|(backend, _)| backend.name()),
		Ok("cpu")
	);
	assert!(choose(Preference::Cuda).is_err());
}
