//! The circuit of a tile: each point's steps, a row for [`STEPS`] of them, and the evaluation of the counts.
//!
//! The argument that it is sound is in `docs/protocol/fractal.md`.

use lemma_zk_statement::{hash_to_bytes, OutputElement};
use plonky2::{
	field::types::Field,
	hash::poseidon::PoseidonHash,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
	plonk::{circuit_data::CircuitConfig, config::Hasher},
};

use super::{
	gate::{wires, Steps, STEPS},
	tile::{Tile, CLASSES},
};
use crate::{
	circuit::Circuit,
	constraint::constrained,
	gadgets::{
		custom::{element, feed, Custom, Row},
		output::evaluate_output,
	},
	program::ProveError,
	security,
	targets::StatementTargets,
	Builder, F,
};

/// First element of what a tile's commitment hashes.
pub const TILE_TAG: u64 = u64::from_le_bytes(*b"lemma-f\0");

/// The circuit of tiles of one side and number of iterations.
#[derive(Clone, Copy, Debug)]
pub struct FractalCircuit {
	/// Points in a row, and rows.
	pub side: usize,
	/// Most steps of a point.
	pub iterations: usize,
}

/// Targets of the circuit: the tile's numbers.
pub struct FractalTargets {
	pub(super) numbers: [Target; 6],
	/// Rows of each point.
	#[cfg(test)]
	pub(super) rows: Vec<Vec<usize>>,
}

impl FractalCircuit {
	/// The circuits of all classes.
	pub fn all() -> impl Iterator<Item = Self> {
		CLASSES
			.into_iter()
			.map(|(side, iterations)| Self { side, iterations })
	}

	/// The circuit that proves a tile.
	pub fn of_tile(tile: &Tile) -> Self {
		Self {
			side: tile.side,
			iterations: tile.iterations,
		}
	}
}

/// A tile's commitment: the Poseidon hash of a tag, side and iterations, and the tile's numbers, a negative one as p less it.
pub fn commitment(tile: &Tile) -> [u8; 32] {
	let class = [TILE_TAG, tile.side as u64, tile.iterations as u64].map(F::from_canonical_u64);
	let numbers = tile.numbers().map(|number| element(number.into()));
	let elements = [&class[..], &numbers].concat();
	hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements)
}

impl Circuit for FractalCircuit {
	type Targets = FractalTargets;

	fn name(&self) -> String {
		format!("fractal/t{}-i{}", self.side, self.iterations)
	}

	fn element(&self) -> OutputElement {
		OutputElement::U8
	}

	fn config(&self) -> CircuitConfig {
		CircuitConfig {
			num_wires: Steps::new().wires(),
			..security::inner_config()
		}
	}

	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> FractalTargets {
		let numbers: [Target; 6] = builder.add_virtual_target_arr();
		let class = [TILE_TAG, self.side as u64, self.iterations as u64]
			.map(|number| builder.constant(F::from_canonical_u64(number)));
		let class = constrained(
			builder,
			"fractal: the commitment begins with its class",
			class,
		);
		let hashed = constrained(
			builder,
			"fractal: the commitment is of the numbers",
			numbers,
		);
		let elements = [&class[..], &hashed].concat();
		let hash = builder.hash_n_to_hash_no_pad::<PoseidonHash>(elements);
		let hash = constrained(builder, "fractal: the input is the commitment", hash);
		builder.connect_hashes(hash, statement.input_hash());

		let [start_x, start_y, start_step, c_x, c_y, c_step] = numbers;
		// The tile's columns and rows: first +- step * place.
		let mut places = |first: Target, step: Target, sign: F| -> Vec<Target> {
			(0..self.side)
				.map(|place| {
					let one = builder.one();
					let far = sign * F::from_canonical_usize(place);
					builder.arithmetic(far, F::ONE, step, one, first)
				})
				.collect()
		};
		let columns = [
			places(start_x, start_step, F::ONE),
			places(c_x, c_step, F::ONE),
		];
		let rows = [
			places(start_y, start_step, F::NEG_ONE),
			places(c_y, c_step, F::NEG_ONE),
		];

		assert_eq!(self.iterations % STEPS, 0, "a row is {STEPS} steps");
		let gate = Steps::new();
		let (one, zero) = (builder.one(), builder.zero());
		let mut counts = Vec::with_capacity(self.side * self.side);
		#[cfg(test)]
		let mut gate_rows = Vec::new();
		let [columns, rows] =
			[columns, rows].map(|[z, c]| z.into_iter().zip(c).collect::<Vec<_>>());
		for (start_y, c_y) in rows {
			for &(start_x, c_x) in &columns {
				let c = [c_x, c_y];
				let (mut z, mut inside, mut count) = ([start_x, start_y], one, zero);
				#[cfg(test)]
				gate_rows.push(Vec::new());
				for _ in 0..self.iterations / STEPS {
					let row = builder.add_gate(Custom(gate.clone()), vec![]);
					let inputs = [z[0], z[1], c[0], c[1], inside, count];
					for (wire, value) in (wires::Z..).zip(inputs) {
						feed(builder, row, wire, value);
					}
					z = [wires::NEXT_Z, wires::NEXT_Z + 1].map(|wire| Target::wire(row, wire));
					inside = Target::wire(row, wires::NEXT_INSIDE);
					count = Target::wire(row, wires::NEXT_COUNT);
					#[cfg(test)]
					gate_rows.last_mut().expect("pushed above").push(row);
				}
				counts.push(count);
			}
		}
		evaluate_output(builder, statement, &counts);
		FractalTargets {
			numbers,
			#[cfg(test)]
			rows: gate_rows,
		}
	}
}

impl FractalTargets {
	/// Sets all of the witness that the statement does not.
	pub(super) fn set(
		&self,
		witness: &mut PartialWitness<F>,
		tile: &Tile,
	) -> Result<(), ProveError> {
		let numbers = tile.numbers().map(|number| element(number.into()));
		witness
			.extend(self.numbers.into_iter().zip(numbers))
			.map_err(|error| ProveError::Prover(error.to_string()))
	}
}
