//! Products of a matrix with a vector in a circuit: a gate of forty multiply-adds a row.
//!
//! The matrix is of the field, the vector of its extension. Powers of random points for a vector turn a matrix into a
//! few values by which it can be told from any other; that is how the circuit checks products of matrices that it
//! never computes.

use anyhow::Result;
use plonky2::{
	field::{packed::PackedField, types::Field},
	gates::{gate::Gate, packed_util::PackedEvaluableBase, util::StridedConstraintConsumer},
	iop::{
		ext_target::ExtensionTarget,
		generator::{GeneratedValues, SimpleGenerator, WitnessGeneratorRef},
		target::Target,
		witness::{PartitionWitness, Witness, WitnessWrite},
	},
	plonk::{
		circuit_data::CommonCircuitData,
		vars::{
			EvaluationTargets, EvaluationVars, EvaluationVarsBaseBatch, EvaluationVarsBasePacked,
		},
	},
	util::serialization::{Buffer, IoResult, Read, Write},
};

use crate::{constraint::constrained, Builder, D, F, F2};

/// Rows of the matrix in one row of the circuit.
const ROWS: usize = 5;
/// Columns of it.
const COLUMNS: usize = 8;

/// Adds to each of five sums the product of a row of eight coefficients with the one vector.
#[derive(Clone, Copy, Debug)]
pub struct ProductGate;

/// First wire of an element of the vector.
const fn wire_vector(column: usize) -> usize {
	D * column
}

/// Wire of a coefficient.
const fn wire_coefficient(row: usize, column: usize) -> usize {
	D * COLUMNS + COLUMNS * row + column
}

/// First wire of a sum before.
const fn wire_before(row: usize) -> usize {
	(D + ROWS) * COLUMNS + D * row
}

/// First wire of a sum after.
const fn wire_after(row: usize) -> usize {
	wire_before(ROWS) + D * row
}

/// All constraints of a row, over wires of any kind.
fn constraints<P: PackedField>(wire: impl Fn(usize) -> P, mut yield_one: impl FnMut(P)) {
	for row in 0..ROWS {
		// A coefficient is of the field: it multiplies both coordinates.
		for coordinate in 0..D {
			let mut sum = wire(wire_before(row) + coordinate);
			for column in 0..COLUMNS {
				sum += wire(wire_coefficient(row, column)) * wire(wire_vector(column) + coordinate);
			}
			yield_one(sum - wire(wire_after(row) + coordinate));
		}
	}
}

impl Gate<F, D> for ProductGate {
	fn id(&self) -> String {
		"lemma::train::ProductGate".into()
	}

	fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		Ok(())
	}

	fn deserialize(_: &mut Buffer, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Ok(Self)
	}

	fn eval_unfiltered(&self, vars: EvaluationVars<'_, F, D>) -> Vec<F2> {
		let mut all = Vec::with_capacity(self.num_constraints());
		constraints(|wire| vars.local_wires[wire], |value| all.push(value));
		all
	}

	fn eval_unfiltered_base_batch(&self, vars: EvaluationVarsBaseBatch<'_, F>) -> Vec<F> {
		self.eval_unfiltered_base_batch_packed(vars)
	}

	fn eval_unfiltered_circuit(
		&self,
		builder: &mut Builder,
		vars: EvaluationTargets<'_, D>,
	) -> Vec<ExtensionTarget<D>> {
		let mut all = Vec::with_capacity(self.num_constraints());
		for row in 0..ROWS {
			for coordinate in 0..D {
				let mut sum = vars.local_wires[wire_before(row) + coordinate];
				for column in 0..COLUMNS {
					let coefficient = vars.local_wires[wire_coefficient(row, column)];
					let element = vars.local_wires[wire_vector(column) + coordinate];
					sum = builder.mul_add_extension(coefficient, element, sum);
				}
				let after = vars.local_wires[wire_after(row) + coordinate];
				all.push(builder.sub_extension(sum, after));
			}
		}
		all
	}

	fn generators(&self, row: usize, _: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
		(0..ROWS)
			.map(|of| WitnessGeneratorRef::new(ProductGenerator { row, of }.adapter()))
			.collect()
	}

	fn num_wires(&self) -> usize {
		wire_after(ROWS)
	}

	fn num_constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		2
	}

	fn num_constraints(&self) -> usize {
		D * ROWS
	}
}

impl PackedEvaluableBase<F, D> for ProductGate {
	fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
		&self,
		vars: EvaluationVarsBasePacked<'_, P>,
		mut yield_constr: StridedConstraintConsumer<'_, P>,
	) {
		constraints(
			|wire| vars.local_wires[wire],
			|value| yield_constr.one(value),
		);
	}
}

/// Fills one sum of a row.
#[derive(Debug)]
struct ProductGenerator {
	row: usize,
	of: usize,
}

impl ProductGenerator {
	fn extension(&self, wire: usize) -> ExtensionTarget<D> {
		ExtensionTarget::from_range(self.row, wire..wire + D)
	}
}

impl SimpleGenerator<F, D> for ProductGenerator {
	fn id(&self) -> String {
		"lemma::train::ProductGenerator".into()
	}

	fn dependencies(&self) -> Vec<Target> {
		let before = wire_before(self.of);
		let coefficients = wire_coefficient(self.of, 0);
		(wire_vector(0)..wire_vector(COLUMNS))
			.chain(coefficients..coefficients + COLUMNS)
			.chain(before..before + D)
			.map(|wire| Target::wire(self.row, wire))
			.collect()
	}

	fn run_once(
		&self,
		witness: &PartitionWitness<'_, F>,
		out: &mut GeneratedValues<F>,
	) -> Result<()> {
		let before = witness.get_extension_target(self.extension(wire_before(self.of)));
		let sum = (0..COLUMNS).fold(before, |sum, column| {
			let coefficient = Target::wire(self.row, wire_coefficient(self.of, column));
			let element = witness.get_extension_target(self.extension(wire_vector(column)));
			sum + element * F2::from(witness.get_target(coefficient))
		});
		out.set_extension_target(self.extension(wire_after(self.of)), sum)
	}

	fn serialize(&self, out: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		out.write_usize(self.row)?;
		out.write_usize(self.of)
	}

	fn deserialize(source: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Ok(Self {
			row: source.read_usize()?,
			of: source.read_usize()?,
		})
	}
}

/// The matrix times the vector: an element for each of its rows, which are as long as the vector.
pub fn multiply(
	builder: &mut Builder,
	matrix: &[Vec<Target>],
	vector: &[ExtensionTarget<D>],
) -> Vec<ExtensionTarget<D>> {
	assert!(matrix.iter().all(|row| row.len() == vector.len()));
	let (zero, zero_extension) = (builder.zero(), builder.zero_extension());
	let mut all = Vec::with_capacity(matrix.len());
	for rows in matrix.chunks(ROWS) {
		let mut sums = [zero_extension; ROWS];
		for start in (0..vector.len()).step_by(COLUMNS) {
			let gate = builder.add_gate(ProductGate, vec![]);
			let wires = |wire| ExtensionTarget::<D>::from_range(gate, wire..wire + D);
			for column in 0..COLUMNS {
				let element = vector
					.get(start + column)
					.copied()
					.unwrap_or(zero_extension);
				let element = constrained(builder, "products: it is with the vector", element);
				builder.connect_extension(element, wires(wire_vector(column)));
			}
			for (row, sum) in sums.iter_mut().enumerate() {
				let coefficients: [Target; COLUMNS] = std::array::from_fn(|column| {
					let row = rows.get(row).and_then(|row| row.get(start + column));
					row.copied().unwrap_or(zero)
				});
				let coefficients =
					constrained(builder, "products: it is of the matrix", coefficients);
				for (column, coefficient) in coefficients.into_iter().enumerate() {
					builder.connect(
						coefficient,
						Target::wire(gate, wire_coefficient(row, column)),
					);
				}
				let before = constrained(builder, "products: sums are carried on", *sum);
				builder.connect_extension(before, wires(wire_before(row)));
				*sum = wires(wire_after(row));
			}
		}
		all.extend(sums.into_iter().take(rows.len()));
	}
	all
}

/// The sum of products of two vectors.
pub fn inner_product(
	builder: &mut Builder,
	one: &[ExtensionTarget<D>],
	other: &[ExtensionTarget<D>],
) -> ExtensionTarget<D> {
	assert_eq!(one.len(), other.len());
	let zero = builder.zero_extension();
	let pairs = one.iter().copied().zip(other.iter().copied());
	builder.inner_product_extension(F::ONE, zero, pairs.collect())
}

/// The powers of an element, from 0 on.
pub fn powers(
	builder: &mut Builder,
	of: ExtensionTarget<D>,
	count: usize,
) -> Vec<ExtensionTarget<D>> {
	let one = builder.one_extension();
	std::iter::successors(Some(one), |power| Some(builder.mul_extension(*power, of)))
		.take(count)
		.collect()
}
