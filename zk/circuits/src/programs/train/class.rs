//! Classes: which networks and numbers of steps have a circuit.

use super::{circuit::TrainCircuit, network::Network};

/// Widths, steps and log2 of the circuit's rows, which come of the two.
const CLASSES: [(&[usize], usize, u32); 2] = [(&[64, 32, 10], 1, 12), (&[64, 32, 10], 10, 14)];

/// Seconds that a 256x256x256 product takes, the unit of cost, on the machine that `docs/performance.md` names.
const UNIT: f64 = 2.9;

/// One circuit of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
	/// What is trained, and how many steps.
	pub circuit: TrainCircuit,
	rows_log2: u32,
}

impl Class {
	/// All classes, in the order of the key file.
	pub fn all() -> impl Iterator<Item = Self> {
		CLASSES
			.into_iter()
			.filter_map(|(widths, steps, rows_log2)| {
				let network = Network::new(widths.to_vec()).ok()?;
				Some(Self {
					circuit: TrainCircuit { network, steps },
					rows_log2,
				})
			})
	}

	/// The class of a circuit, if there is one.
	pub fn of(circuit: &TrainCircuit) -> Option<Self> {
		Self::all().find(|class| class.circuit == *circuit)
	}

	/// log2 of the circuit's rows.
	pub fn rows_log2(&self) -> u32 {
		self.rows_log2
	}

	/// Rough peak of memory of proving, bytes.
	pub fn memory_estimate(&self) -> u64 {
		/// The wrap's and the outer circuit, and the process itself.
		const FRAME: u64 = 300 << 20;
		const ROW: u64 = 80 << 10;
		FRAME + (ROW << self.rows_log2)
	}

	/// Rough cost of proving in the unit of one 256x256x256 product.
	pub fn cost_estimate(&self) -> f64 {
		/// Wrap and outer proof.
		const FRAME: f64 = 2.6;
		/// One row of the program's circuit.
		const ROW: f64 = 0.45e-3;
		/// Shrinking a larger circuit's proof.
		const SHRINK: f64 = 3.0;
		let shrink = if self.rows_log2 > 13 { SHRINK } else { 0.0 };
		(FRAME + shrink + f64::from(1u32 << self.rows_log2) * ROW) / UNIT
	}
}
