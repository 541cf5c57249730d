//! One tile, from its blob to its proof.

use lemma_zk_statement::OutputElement;

use super::{
	circuit::{commitment, Gates, RenderCircuit},
	class::{Class, Room},
	prepared::Prepared,
	reference,
	scene::Tile,
};
use crate::{
	circuit::Circuit,
	keys,
	program::{InputError, Job, ProgramId, ProveError, Proved, Stage, Work},
	Prover,
};

/// A tile to be rendered and proven.
pub struct RenderJob {
	class: Class,
	prepared: Prepared<i64>,
	program: ProgramId,
}

impl RenderJob {
	/// Takes a tile whose numbers are in bounds.
	pub fn new(tile: &Tile) -> Result<Self, InputError> {
		let class = tile.class()?;
		let program = keys::program(&RenderCircuit(class).name())?;
		Ok(Self {
			class,
			prepared: Prepared::of_tile(tile)?,
			program,
		})
	}

	fn pixels(&self) -> usize {
		self.class.side * self.class.side
	}

	/// Rows of the circuit, filled up.
	fn rows(&self) -> usize {
		let Room {
			lights, mirrors, ..
		} = self.class.room;
		let rays = 1 + usize::from(mirrors);
		(self.pixels() * rays * (2 + lights)).next_power_of_two()
	}

	/// Wires of a row.
	fn wires(&self) -> usize {
		Gates::new(self.class).width().0
	}
}

impl Job for RenderJob {
	fn program(&self) -> ProgramId {
		self.program
	}

	fn shape(&self) -> String {
		let Class { side, room } = self.class;
		format!("{side}x{side}, {room}")
	}

	fn element(&self) -> OutputElement {
		OutputElement::U8
	}

	fn output_len(&self) -> usize {
		3 * self.pixels()
	}

	fn memory_estimate(&self) -> u64 {
		/// The wrap's and the outer circuit, and the process itself.
		const FRAME: u64 = 400 << 20;
		/// A wire of a row and its share of all that is computed of it.
		const WIRE: u64 = 640;
		FRAME + WIRE * (self.wires() * self.rows()) as u64
	}

	fn cost_estimate(&self) -> f64 {
		/// Shrinking, wrap and outer proof, in products of 256x256x256.
		const FRAME: f64 = 2.0;
		/// Rows that take as long as such a product.
		const ROWS: f64 = 5000.0;
		/// Wires that take as long as the rest of a row.
		const WIRES: f64 = 150.0;
		FRAME + self.rows() as f64 * (0.5 + self.wires() as f64 / WIRES) / ROWS
	}

	fn commitment(&self) -> [u8; 32] {
		commitment(self.class, &self.prepared)
	}

	fn work(&self) -> Work<'_> {
		Work::Render {
			class: self.class,
			prepared: &self.prepared,
		}
	}

	fn prove(
		&self,
		prover: &Prover,
		output: &[u8],
		binding: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		// Cheaper than to find out by a proof that fails.
		if output != reference::output(self.class, &self.prepared) {
			return Err(ProveError::WrongOutput(
				"this is not the tile's image; render it again, on another backend if there is one"
					.into(),
			));
		}
		let statement = self.statement(output, binding)?;
		prover.prove(
			&RenderCircuit(self.class),
			&statement,
			|targets, witness| targets.set(witness, &self.prepared),
			progress,
		)
	}
}
