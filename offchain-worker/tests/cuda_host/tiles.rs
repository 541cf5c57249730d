//! Fractals and images.

use lemma_worker::backend::{Backend, Cuda};
use lemma_zk_circuits::{program::Work, programs::render::prepared::Prepared};

use super::{assert_passes, samples};

#[test]
fn tiles_should_equal_the_references() {
	assert_passes("tiles::part_tiles_equal_the_references", &[]);
}

#[test]
#[ignore = "run by tiles_should_..., with a driver"]
fn part_tiles_equal_the_references() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	for tile in &samples::fractals() {
		let work = Work::Fractal { tile };
		assert!(cuda.run(work) == Ok(work.reference()), "{tile:?}");
	}
	for tile in samples::images().take(40) {
		let prepared = Prepared::of_tile(&tile).expect("the tile was checked");
		let work = Work::Render {
			class: tile.class().expect("the tile was checked"),
			prepared: &prepared,
		};
		assert!(cuda.run(work) == Ok(work.reference()), "{tile:?}");
	}
}
