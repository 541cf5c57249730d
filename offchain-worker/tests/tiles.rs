//! The kernels of tiles, fractal.cu and render.cu, where there is no GPU: executed on the CPU by the shim in `kernels/shim`
//! and compared with the references.

use std::{
	io::Write,
	path::{Path, PathBuf},
	process::{Command, Stdio},
	sync::OnceLock,
};

use lemma_zk_circuits::programs::{
	fractal::{self, tile::CLASSES},
	render::{
		self,
		prepared::Prepared,
		scene::{Camera, Checker, Light, Plane, Scene, Sphere},
	},
};

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
	let real = |sixty_fourths: i32| sixty_fourths << 12;
	let tiles = [
		fractal::Tile::mandelbrot(CLASSES[0], [real(-120), real(80)], real(5)),
		fractal::Tile::mandelbrot(CLASSES[1], [real(-128), real(128)], real(8)),
		fractal::Tile::julia(
			CLASSES[2],
			[real(-48), real(8)],
			[real(-90), real(90)],
			real(12),
		),
		fractal::Tile::julia(
			CLASSES[1],
			[real(-128), real(128)],
			[real(-256), real(256)],
			real(16),
		),
	];
	for tile in tiles {
		let tile = tile.expect("these tiles are in bounds");
		let numbers = tile.numbers().map(i32::to_le_bytes).concat();
		let sizes = [tile.side, tile.iterations].map(|size| size.to_string());
		for (threads, order) in [("128", "0"), ("100", "1"), ("7", "2")] {
			let arguments = ["fractal", &sizes[0], &sizes[1], threads, order];
			let counts = run(&arguments, numbers.clone());
			assert!(counts == fractal::reference::output(&tile), "{tile:?}");
		}
	}
}

/// Random scenes that can be rendered, some of them with everything at its bounds.
fn scenes() -> impl Iterator<Item = render::Tile> {
	let mut state = 7u64;
	let mut number = move |least: i32, most: i32| {
		state = state
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1_442_695_040_888_963_407);
		least + ((state >> 33) % (most - least + 1) as u64) as i32
	};
	std::iter::repeat_with(move || {
		let colour =
			|number: &mut dyn FnMut(i32, i32) -> i32| [(); 3].map(|()| number(0, 255) as u8);
		let number = &mut number as &mut dyn FnMut(i32, i32) -> i32;
		let spheres = (0..number(0, 8))
			.map(|_| Sphere {
				centre: [
					number(-4096, 4096),
					number(-2000, 4096),
					number(-4096, 4096),
				],
				radius: number(16, 1500),
				colour: colour(number),
			})
			.collect();
		let plane = (number(0, 3) > 0).then(|| Plane {
			normal: [number(-20, 20), 128, number(-20, 20)],
			height: -128 * 4096 - 40 * 4096 - number(0, 100),
			colour: colour(number),
			checker: (number(0, 1) == 1).then(|| Checker {
				axes: [(); 2].map(|()| [(); 3].map(|()| number(-4096, 4096))),
				colour: colour(number),
			}),
		});
		let lights = (0..number(0, 2))
			.map(|_| Light {
				position: [(); 3].map(|()| number(-4096, 4096)),
				strength: number(0, 1 << 24),
			})
			.collect();
		let apart = number(20, 500);
		render::Tile {
			scene: Scene {
				camera: Camera {
					position: [number(-100, 100), number(-100, 4000), -4096],
					first: [-8 * apart, 8 * apart, number(3000, 8192)],
					right: [apart, number(-9, 9), 0],
					down: [number(-9, 9), -apart, 0],
				},
				ambient: number(0, 512) as u16,
				background: colour(number),
				spheres,
				plane,
				lights,
			},
			side: 16,
			column: 0,
			row: 0,
		}
	})
	.filter_map(|tile| tile.checked().ok())
}

#[test]
fn the_renderers_kernel_should_equal_the_reference() {
	let mut busy = 0;
	for (tile, turn) in scenes().zip(0..60) {
		let class = tile.class().expect("the tile was checked");
		let prepared = Prepared::of_tile(&tile).expect("the tile was checked");
		let numbers: Vec<u8> = prepared
			.numbers()
			.into_iter()
			.flat_map(i64::to_le_bytes)
			.collect();
		let sizes = [class.side, class.spheres, class.lights].map(|size| size.to_string());
		let (threads, order) = [("128", "0"), ("100", "1"), ("7", "2")][turn % 3];
		let arguments = ["render", &sizes[0], &sizes[1], &sizes[2], threads, order];
		let image = run(&arguments, numbers);
		assert!(
			image == render::reference::output(class, &prepared),
			"{tile:?}"
		);
		busy += usize::from(tile.scene.spheres.len() > 2 && !tile.scene.lights.is_empty());
	}
	assert!(busy > 5, "{busy}");
}
