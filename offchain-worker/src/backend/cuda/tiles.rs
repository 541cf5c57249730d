//! Tiles of fractals and images: one thread for each point or pixel.

use cudarc::driver::PushKernelArg;
use lemma_zk_circuits::programs::{
	fractal,
	render::{
		class::{Class, Room},
		prepared::Prepared,
	},
};

use super::{
	super::BackendError,
	compile::{FRACTAL, RENDER},
	device, threads, Cuda,
};

impl Cuda {
	/// `kernels/fractal.cu`.
	pub(super) fn fractal(&self, tile: &fractal::Tile) -> Result<Vec<u8>, BackendError> {
		let kernel = self.modules.function(FRACTAL, "lemma_fractal")?;
		let points = tile.side * tile.side;
		let [side, iterations] = [tile.side, tile.iterations].map(|size| size as u32);
		let numbers = self.upload(&tile.numbers()[..])?;
		let mut counts = self.empty::<u8>(points)?;
		// SAFETY: arguments as in the kernel's signature; it writes one byte for each point.
		unsafe {
			self.stream
				.launch_builder(&kernel)
				.arg(&numbers)
				.arg(&side)
				.arg(&iterations)
				.arg(&mut counts)
				.launch(threads(points)?)
				.map_err(device)?;
		}
		self.download(&counts)
	}

	/// `kernels/render.cu`.
	pub(super) fn render(
		&self,
		class: Class,
		prepared: &Prepared<i64>,
	) -> Result<Vec<u8>, BackendError> {
		let kernel = self.modules.function(RENDER, "lemma_render")?;
		let pixels = class.side * class.side;
		let Room {
			spheres,
			planes,
			triangles,
			lights,
			mirrors,
		} = class.room;
		let sizes = [class.side, spheres, planes, triangles, lights];
		let [side, spheres, planes, triangles, lights] = sizes.map(|size| size as u32);
		let mirrors = u32::from(mirrors);
		let numbers = self.upload(&prepared.numbers()[..])?;
		let mut image = self.empty::<u8>(3 * pixels)?;
		// SAFETY: arguments as in the kernel's signature; the numbers are as many as the class says, and it writes three
		// bytes for each pixel.
		unsafe {
			self.stream
				.launch_builder(&kernel)
				.arg(&numbers)
				.arg(&side)
				.arg(&spheres)
				.arg(&planes)
				.arg(&triangles)
				.arg(&lights)
				.arg(&mirrors)
				.arg(&mut image)
				.launch(threads(pixels)?)
				.map_err(device)?;
		}
		self.download(&image)
	}
}
