//! The kernels of tiles, fractal.cu and render.cu, where there is no GPU: executed on the CPU by the shim in `kernels/shim`
//! and compared with the references.

use std::{
	io::Write,
	path::{Path, PathBuf},
	process::{Command, Stdio},
	sync::OnceLock,
};

use lemma_zk_circuits::programs::{
	fractal,
	render::{self, prepared::Prepared},
};

mod samples;

/// Builds the shim.
fn shim() -> &'static Path {
	static BUILT: OnceLock<PathBuf> = OnceLock::new();
	BUILT.get_or_init(|| {
		let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tile_main");
		let built = Command::new("g++")
			.args(["-std=c++17", "-O2", "-fno-strict-aliasing", "-Wall"])
			.args(["-Wno-unknown-pragmas", "-fsanitize=undefined"])
			.arg("-fno-sanitize-recover=undefined")
			.arg("-o")
			.arg(&program)
			.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/shim/tile_main.cpp"))
			.output()
			.expect("g++ runs: scripts/setup installs it");
		assert!(
			built.status.success(),
			"{}",
			String::from_utf8_lossy(&built.stderr)
		);
		program
	})
}

/// What a kernel makes of numbers.
fn run(arguments: &[&str], numbers: Vec<u8>) -> Vec<u8> {
	let mut child = Command::new(shim())
		.args(arguments)
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.spawn()
		.expect("the shim starts");
	child
		.stdin
		.take()
		.expect("standard input is piped")
		.write_all(&numbers)
		.expect("the shim reads all of its input before it writes");
	let output = child.wait_with_output().expect("the shim ends");
	assert!(output.status.success(), "the kernel stays in its buffers");
	output.stdout
}

#[test]
fn the_fractals_kernel_should_equal_the_reference() {
	for tile in samples::fractals() {
		let numbers = tile.numbers().map(i32::to_le_bytes).concat();
		let sizes = [tile.side, tile.iterations].map(|size| size.to_string());
		for (threads, order) in [("128", "0"), ("100", "1"), ("7", "2")] {
			let arguments = ["fractal", &sizes[0], &sizes[1], threads, order];
			let counts = run(&arguments, numbers.clone());
			assert!(counts == fractal::reference::output(&tile), "{tile:?}");
		}
	}
}

#[test]
fn the_renderers_kernel_should_equal_the_reference() {
	let mut busy = [0; 4];
	for (tile, turn) in samples::images().zip(0..90) {
		let class = tile.class().expect("the tile was checked");
		let prepared = Prepared::of_tile(&tile).expect("the tile was checked");
		let numbers: Vec<u8> = prepared
			.numbers()
			.into_iter()
			.flat_map(i64::to_le_bytes)
			.collect();
		let room = class.room;
		let counts = [room.spheres, room.planes, room.triangles, room.lights];
		let sizes = [&[class.side], &counts[..], &[usize::from(room.mirrors)]].concat();
		let (threads, order) = [("128", "0"), ("100", "1"), ("7", "2")][turn % 3];
		let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
		let mut arguments = vec!["render"];
		arguments.extend(sizes.iter().map(String::as_str));
		arguments.extend([threads, order]);
		let image = run(&arguments, numbers);
		assert!(
			image == render::reference::output(class, &prepared),
			"{tile:?}"
		);
		let scene = &tile.scene;
		let there = [
			scene.spheres.len() > 2 && !scene.lights.is_empty(),
			scene.planes.len() > 1,
			scene.triangles.len() > 1,
			scene.room().mirrors,
		];
		for (count, there) in busy.iter_mut().zip(there) {
			*count += usize::from(there);
		}
	}
	assert!(busy.iter().all(|count| *count > 5), "{busy:?}");
}
