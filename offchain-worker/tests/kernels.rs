//! The GPU's kernels where there is no GPU: compiled by NVRTC if it is installed, and executed on the CPU by
//! the shim in `kernels/shim`, with the launches that the worker itself would make.

use std::{
	fs,
	io::Write,
	path::{Path, PathBuf},
	process::{Command, Stdio},
	sync::OnceLock,
};

use lemma_worker::backend::{
	cpu::reference,
	cuda::{
		compile::{Compiler, Target, FRACTAL, GEMM, INFER, RENDER, TRAIN},
		plan::Plan,
	},
};
use rand::{rngs::StdRng, Rng, SeedableRng};

const BARRIER: &str = "__syncthreads();";

/// Builds the shim around a kernel's source; `name` keeps builds apart.
fn build(name: &str, source: &str) -> PathBuf {
	let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
	fs::create_dir_all(&folder).expect("the target folder can be written");
	let kernel = folder.join("gemm.cu");
	fs::write(&kernel, source).expect("the target folder can be written");
	let program = folder.join("gemm");
	let built = Command::new("g++")
		.args([
			"-std=c++17",
			"-O2",
			"-fno-strict-aliasing",
			"-Wall",
			"-Wno-unknown-pragmas",
		])
		.args(["-fsanitize=undefined", "-fno-sanitize-recover=undefined"])
		.arg(format!("-DLEMMA_KERNEL=\"{}\"", kernel.display()))
		.arg("-o")
		.arg(&program)
		.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/shim/gemm_main.cpp"))
		.output()
		.expect("g++ runs: scripts/setup installs it");
	assert!(
		built.status.success(),
		"{}",
		String::from_utf8_lossy(&built.stderr)
	);
	program
}

fn gemm() -> &'static Path {
	static BUILT: OnceLock<PathBuf> = OnceLock::new();
	BUILT.get_or_init(|| build("shim", GEMM))
}

/// Runs a product on the shim; `order` is that of the threads. `None` if it crashed.
fn run(
	program: &Path,
	(m, k, n): (usize, usize, usize),
	a: &[i8],
	b: &[i8],
	order: u32,
) -> Option<Vec<u8>> {
	let plan = Plan::new(m, k, n).expect("small products can be planned");
	let mut arguments = vec![plan.m, plan.k, plan.n, plan.words, plan.lda, plan.ldb];
	for launch in [plan.pack_rows(), plan.pack_columns(), plan.multiply()] {
		arguments.extend([launch.grid.0, launch.grid.1, launch.block.0, launch.block.1]);
	}
	arguments.push(order);
	let mut child = Command::new(program)
		.args(arguments.iter().map(u32::to_string))
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.spawn()
		.expect("the shim starts");
	let input: Vec<u8> = a.iter().chain(b).map(|&value| value as u8).collect();
	child
		.stdin
		.take()
		.expect("standard input is piped")
		.write_all(&input)
		.expect("the shim reads all of its input before it writes");
	let output = child.wait_with_output().expect("the shim ends");
	output.status.success().then_some(output.stdout)
}

fn compare(shape: (usize, usize, usize), order: u32, mut value: impl FnMut() -> i8) {
	let (m, k, n) = shape;
	let a: Vec<i8> = (0..m * k).map(|_| value()).collect();
	let b: Vec<i8> = (0..k * n).map(|_| value()).collect();
	let got = run(gemm(), shape, &a, &b, order).expect("the kernels stay within their buffers");
	assert!(
		got == reference(m, k, n, &a, &b),
		"{m}x{k}x{n} differs in thread order {order}"
	);
}

#[test]
fn the_kernels_should_equal_the_definition_on_odd_shapes_and_in_any_thread_order() {
	let mut rng = StdRng::seed_from_u64(3);
	for shape in [
		(1, 1, 1),
		(1, 4, 1),
		(3, 5, 7),
		(127, 31, 129),
		(128, 32, 128),
		(129, 33, 127),
		(2, 300, 260),
		(260, 97, 3),
		(256, 256, 256),
	] {
		for order in [0, 1, 2, 3] {
			compare(shape, order, || rng.gen());
		}
	}
}

#[test]
fn the_kernels_should_be_exact_at_the_ends_of_the_range() {
	for (x, y) in [(-128, -128), (-128, 127), (127, 127), (0, -128), (-1, 1)] {
		let mut turn = false;
		compare((5, 1023, 6), 0, || {
			turn = !turn;
			if turn {
				x
			} else {
				y
			}
		});
	}
	// The greatest sum that int32 holds.
	compare(
		(1, lemma_worker::backend::MAX_INNER_DIMENSION, 1),
		0,
		|| -128,
	);
}

#[test]
fn the_shim_should_notice_each_missing_barrier() {
	let barriers: Vec<usize> = GEMM.match_indices(BARRIER).map(|(at, _)| at).collect();
	assert_eq!(barriers.len(), 3);
	// Several steps of k, so that both halves of the shared memory are used again.
	let shape @ (m, k, n) = (70, 200, 70);
	let mut rng = StdRng::seed_from_u64(4);
	let a: Vec<i8> = (0..m * k).map(|_| rng.gen()).collect();
	let b: Vec<i8> = (0..k * n).map(|_| rng.gen()).collect();
	let expected = reference(m, k, n, &a, &b);
	assert!(run(gemm(), shape, &a, &b, 0).as_ref() == Some(&expected));
	for (number, at) in barriers.into_iter().enumerate() {
		let without = [&GEMM[..at], &GEMM[at + BARRIER.len()..]].concat();
		let program = build(&format!("shim-without-barrier-{number}"), &without);
		let noticed = [0, 1, 2]
			.into_iter()
			.any(|order| run(&program, shape, &a, &b, order).as_ref() != Some(&expected));
		assert!(
			noticed,
			"barrier {number} could be left out and no test would notice"
		);
	}
}

/// NVRTC, or `None` with a word about it; `scripts/test` demands it where it could be installed.
fn nvrtc() -> Option<Compiler> {
	match Compiler::find() {
		Ok(compiler) => Some(compiler.keep_in(None)),
		Err(reason) => {
			assert!(
				std::env::var_os("LEMMA_REQUIRE_NVRTC").is_none(),
				"{reason}"
			);
			println!("skipped: {reason}");
			None
		}
	}
}

/// Every source, and its kernels.
const SOURCES: [(&str, &[&str]); 5] = [
	(
		GEMM,
		&["lemma_pack_rows", "lemma_pack_columns", "lemma_gemm_i8"],
	),
	(
		INFER,
		&[
			"lemma_linear",
			"lemma_direct",
			"lemma_pool",
			"lemma_average",
			"lemma_add",
			"lemma_relu",
			"lemma_argmax",
		],
	),
	(TRAIN, &["lemma_forward", "lemma_backward", "lemma_update"]),
	(FRACTAL, &["lemma_fractal"]),
	(RENDER, &["lemma_render"]),
];

#[test]
fn the_kernels_should_compile_to_ptx_for_two_architectures() {
	let Some(compiler) = nvrtc() else { return };
	for capability in [75, 90] {
		for (source, kernels) in SOURCES {
			let ptx = compiler
				.compile(source, Target::Ptx(capability))
				.expect("the kernels compile");
			let ptx = String::from_utf8(ptx).expect("PTX is text");
			assert!(ptx.contains(&format!(".target sm_{capability}")));
			for kernel in kernels {
				assert!(
					ptx.contains(&format!(".entry {kernel}(")),
					"{kernel} is missing"
				);
			}
			let multiply_adds = ptx.matches("dp4a.s32.s32").count();
			match source {
				// 8 words of k by 8 by 8 elements, all unrolled; and 8 by 4 by 4.
				GEMM => assert_eq!(multiply_adds, 512),
				INFER => assert_eq!(multiply_adds, 128),
				_ => assert_eq!(multiply_adds, 0),
			}
		}
	}
}

#[test]
fn the_kernels_should_compile_to_machine_code() {
	let Some(compiler) = nvrtc() else { return };
	let newest = compiler
		.supported()
		.iter()
		.copied()
		.max()
		.expect("NVRTC compiles for something");
	for (source, _) in SOURCES {
		let image = compiler
			.compile(source, Target::Cubin(newest))
			.expect("the kernels compile");
		assert!(image.starts_with(b"\x7fELF"));
	}
}

#[test]
fn a_kernel_that_does_not_compile_should_give_the_compilers_message() {
	let Some(compiler) = nvrtc() else { return };
	let error = compiler.compile("__global__ void kernel() { nonsense }", Target::Ptx(75));
	assert!(error.unwrap_err().to_string().contains("nonsense"));
}

#[test]
fn compiled_kernels_should_be_kept_and_read_back() {
	let Some(compiler) = nvrtc() else { return };
	let folder = tempfile::tempdir().expect("a temporary folder");
	let compiler = compiler.keep_in(Some(folder.path().into()));
	let compiled = compiler
		.get(GEMM, Target::Ptx(75))
		.expect("the kernels compile");
	let kept: Vec<_> = fs::read_dir(folder.path())
		.expect("the folder is there")
		.collect();
	assert_eq!(kept.len(), 1);
	assert_eq!(compiler.get(GEMM, Target::Ptx(75)), Ok(compiled));
}
