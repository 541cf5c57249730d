//! One tile, from its blob to its proof.

use lemma_zk_statement::OutputElement;

use super::{
	circuit::{commitment, FractalCircuit},
	gate::STEPS,
	reference,
	tile::Tile,
};
use crate::{
	circuit::Circuit,
	keys,
	program::{InputError, Job, ProgramId, ProveError, Proved, Stage, Work},
	Prover,
};

/// A tile to be computed and proven.
pub struct FractalJob {
	tile: Tile,
	program: ProgramId,
}

impl FractalJob {
	/// Takes a tile whose numbers are in bounds.
	pub fn new(tile: Tile) -> Result<Self, InputError> {
		let program = keys::program(&FractalCircuit::of_tile(&tile).name())?;
		Ok(Self { tile, program })
	}

	/// Rows of the circuit that are points' steps.
	fn rows(&self) -> usize {
		self.tile.side * self.tile.side * (self.tile.iterations / STEPS)
	}
}

impl Job for FractalJob {
	fn program(&self) -> ProgramId {
		self.program
	}

	fn shape(&self) -> String {
		let Tile {
			side, iterations, ..
		} = self.tile;
		format!("{side}x{side}x{iterations}")
	}

	fn element(&self) -> OutputElement {
		OutputElement::U8
	}

	fn output_len(&self) -> usize {
		self.tile.side * self.tile.side
	}

	fn memory_estimate(&self) -> u64 {
		/// The wrap's and the outer circuit, and the process itself.
		const FRAME: u64 = 400 << 20;
		/// A row and its share of all that is computed of it.
		const ROW: u64 = 130 << 10;
		FRAME + ROW * self.rows().next_power_of_two() as u64
	}

	fn cost_estimate(&self) -> f64 {
		/// Wrap and outer proof, in products of 256x256x256.
		const FRAME: f64 = 1.0;
		/// Rows that take as long as such a product.
		const ROWS: f64 = 4096.0;
		FRAME + self.rows().next_power_of_two() as f64 / ROWS
	}

	fn commitment(&self) -> [u8; 32] {
		commitment(&self.tile)
	}

	fn work(&self) -> Work<'_> {
		Work::Fractal { tile: &self.tile }
	}

	fn prove(
		&self,
		prover: &Prover,
		output: &[u8],
		binding: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		// Cheaper than to find out by a proof that fails.
		if output != reference::output(&self.tile) {
			return Err(ProveError::WrongOutput(
				"these are not the tile's counts; compute them again, on another backend if there is one".into(),
			));
		}
		let statement = self.statement(output, binding)?;
		prover.prove(
			&FractalCircuit::of_tile(&self.tile),
			&statement,
			|targets, witness| targets.set(witness, &self.tile),
			progress,
		)
	}
}
