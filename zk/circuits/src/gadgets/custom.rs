//! Gates of Lemma's own: the constraints of a row are written down once, for the prover, the verifier and the circuit that
//! verifies.
//!
//! A gate is a [`Row`]: some operations side by side, each with wires of its own. Only circuits that are wrapped can have such
//! gates, for the fixed shape of [`crate::wrap`] has none; each costs the wrap the rows in which its constraints are evaluated.

use std::fmt::Debug;

use anyhow::Result;
use plonky2::{
	field::{
		packed::PackedField,
		types::{Field, Field64, PrimeField64},
	},
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
			EvaluationTargets, EvaluationVars, EvaluationVarsBase, EvaluationVarsBaseBatch,
			EvaluationVarsBasePacked,
		},
	},
	util::serialization::{Buffer, IoError, IoResult},
};

use crate::{constraint::constrained, Builder, D, F, F2};

/// Arithmetic in whatever a row is evaluated over.
pub(crate) trait Algebra {
	/// A wire's or a constant's value.
	type Value: Copy;

	/// A constant.
	fn constant(&mut self, value: F) -> Self::Value;

	/// `scale` * a * b + `addend` * c.
	fn combine(
		&mut self,
		scale: F,
		a: Self::Value,
		b: Self::Value,
		addend: F,
		c: Self::Value,
	) -> Self::Value;

	/// a * b + c.
	fn mul_add(&mut self, a: Self::Value, b: Self::Value, c: Self::Value) -> Self::Value {
		self.combine(F::ONE, a, b, F::ONE, c)
	}

	/// a * b.
	fn mul(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
		self.combine(F::ONE, a, b, F::ZERO, a)
	}

	/// `scale` * a + c.
	fn scale_add(&mut self, scale: F, a: Self::Value, c: Self::Value) -> Self::Value {
		let one = self.constant(F::ONE);
		self.combine(scale, a, one, F::ONE, c)
	}

	/// a - b.
	fn sub(&mut self, a: Self::Value, b: Self::Value) -> Self::Value {
		self.scale_add(F::NEG_ONE, b, a)
	}

	/// Zero if and only if a is 0, 1, 2 or 3: (a^2 - 3a)(a^2 - 3a + 2), of degree four times a's.
	fn below_four(&mut self, a: Self::Value) -> Self::Value {
		let square = self.combine(F::ONE, a, a, -F::from_canonical_u64(3), a);
		self.combine(F::ONE, square, square, F::TWO, square)
	}

	/// Zero if and only if a is 0 or 1.
	fn below_two(&mut self, a: Self::Value) -> Self::Value {
		self.combine(F::ONE, a, a, F::NEG_ONE, a)
	}

	/// The sum of `digits` to base four, least first, times `scale`, added to `start`.
	fn base_four(
		&mut self,
		scale: F,
		digits: impl IntoIterator<Item = Self::Value>,
		start: Self::Value,
	) -> Self::Value {
		let powers = F::from_canonical_u64(4).powers();
		powers.zip(digits).fold(start, |sum, (power, digit)| {
			self.scale_add(scale * power, digit, sum)
		})
	}
}

struct Base;

/// In the base field, several points at once.
struct Packed<P>(std::marker::PhantomData<P>);

impl<P: PackedField<Scalar = F>> Algebra for Packed<P> {
	type Value = P;

	fn constant(&mut self, value: F) -> P {
		P::from(value)
	}

	fn combine(&mut self, scale: F, a: P, b: P, addend: F, c: P) -> P {
		a * b * scale + c * addend
	}

	// Fewer multiplications than the above.
	fn mul_add(&mut self, a: P, b: P, c: P) -> P {
		a * b + c
	}

	fn mul(&mut self, a: P, b: P) -> P {
		a * b
	}

	fn scale_add(&mut self, scale: F, a: P, c: P) -> P {
		a * scale + c
	}

	fn sub(&mut self, a: P, b: P) -> P {
		a - b
	}

	fn below_four(&mut self, a: P) -> P {
		let square = a * (a - F::from_canonical_u64(3));
		square * (square + F::TWO)
	}

	fn below_two(&mut self, a: P) -> P {
		a * (a - F::ONE)
	}
}

/// In the extension.
impl Algebra for Base {
	type Value = F2;

	fn constant(&mut self, value: F) -> F2 {
		F2::from(value)
	}

	fn combine(&mut self, scale: F, a: F2, b: F2, addend: F, c: F2) -> F2 {
		a * b * F2::from(scale) + c * F2::from(addend)
	}
}

impl Algebra for Builder {
	type Value = ExtensionTarget<D>;

	fn constant(&mut self, value: F) -> ExtensionTarget<D> {
		self.constant_extension(F2::from(value))
	}

	fn combine(
		&mut self,
		scale: F,
		a: ExtensionTarget<D>,
		b: ExtensionTarget<D>,
		addend: F,
		c: ExtensionTarget<D>,
	) -> ExtensionTarget<D> {
		self.arithmetic_extension(scale, addend, a, b, c)
	}
}

/// A gate: what a row must satisfy.
pub(crate) trait Row: Clone + Debug + Send + Sync + 'static {
	/// Operations in a row.
	fn operations(&self) -> usize;

	/// Wires of a row.
	fn wires(&self) -> usize;

	/// Constants of a row.
	fn constants(&self) -> usize;

	/// Degree of the constraints: at most 8.
	fn degree(&self) -> usize;

	/// Number of constraints.
	fn constraints(&self) -> usize;

	/// What must be zero. A row of zeros must satisfy it, unless every operation of every row is given its inputs.
	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		constants: &[A::Value],
	) -> Vec<A::Value>;

	/// The wires that an operation's others follow from.
	fn inputs(&self, operation: usize, constants: &[F]) -> Vec<usize>;

	/// The other wires of an operation, from the values of its inputs. Whatever these are, it must not panic.
	fn complete(&self, operation: usize, constants: &[F], inputs: &[F]) -> Vec<(usize, F)>;
}

/// A [`Row`] as plonky2 takes it.
#[derive(Clone, Debug)]
pub(crate) struct Custom<R>(pub R);

impl<R: Row> Gate<F, D> for Custom<R> {
	fn id(&self) -> String {
		format!("Lemma {:?}", self.0)
	}

	// Circuits are built, never read.
	fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		Err(IoError)
	}

	fn deserialize(_: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Err(IoError)
	}

	fn eval_unfiltered(&self, vars: EvaluationVars<'_, F, D>) -> Vec<F2> {
		self.0
			.evaluate(&mut Base, vars.local_wires, vars.local_constants)
	}

	fn eval_unfiltered_base_one(
		&self,
		vars: EvaluationVarsBase<'_, F>,
		mut yield_constr: StridedConstraintConsumer<'_, F>,
	) {
		let wires: Vec<F> = vars.local_wires.iter().copied().collect();
		let constants: Vec<F> = vars.local_constants.iter().copied().collect();
		let mut algebra = Packed::<F>(std::marker::PhantomData);
		yield_constr.many(self.0.evaluate(&mut algebra, &wires, &constants));
	}

	fn eval_unfiltered_base_batch(&self, vars: EvaluationVarsBaseBatch<'_, F>) -> Vec<F> {
		self.eval_unfiltered_base_batch_packed(vars)
	}

	fn eval_unfiltered_circuit(
		&self,
		builder: &mut Builder,
		vars: EvaluationTargets<'_, D>,
	) -> Vec<ExtensionTarget<D>> {
		self.0
			.evaluate(builder, vars.local_wires, vars.local_constants)
	}

	fn generators(&self, row: usize, constants: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
		(0..self.0.operations())
			.map(|operation| {
				let completing = Completing {
					gate: self.0.clone(),
					row,
					operation,
					constants: constants.to_vec(),
				};
				WitnessGeneratorRef::new(completing.adapter())
			})
			.collect()
	}

	fn num_wires(&self) -> usize {
		self.0.wires()
	}

	fn num_constants(&self) -> usize {
		self.0.constants()
	}

	fn degree(&self) -> usize {
		self.0.degree()
	}

	fn num_constraints(&self) -> usize {
		self.0.constraints()
	}

	fn num_ops(&self) -> usize {
		self.0.operations()
	}
}

impl<R: Row> PackedEvaluableBase<F, D> for Custom<R> {
	fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
		&self,
		vars: EvaluationVarsBasePacked<'_, P>,
		mut yield_constr: StridedConstraintConsumer<'_, P>,
	) {
		let wires: Vec<P> = (0..self.0.wires()).map(|i| vars.local_wires[i]).collect();
		let constants: Vec<P> = (0..self.0.constants())
			.map(|i| vars.local_constants[i])
			.collect();
		let mut algebra = Packed::<P>(std::marker::PhantomData);
		yield_constr.many(self.0.evaluate(&mut algebra, &wires, &constants));
	}
}

/// Joins a wire of a gate's row with the value that it is to have.
pub(crate) fn feed(builder: &mut Builder, row: usize, wire: usize, value: Target) {
	let value = constrained(builder, "gate: a wire is what it is fed", value);
	builder.connect(value, Target::wire(row, wire));
}

/// Fills in one operation.
#[derive(Debug)]
struct Completing<R> {
	gate: R,
	row: usize,
	operation: usize,
	constants: Vec<F>,
}

impl<R: Row> SimpleGenerator<F, D> for Completing<R> {
	fn id(&self) -> String {
		format!("Lemma {:?}", self.gate)
	}

	fn dependencies(&self) -> Vec<Target> {
		let inputs = self.gate.inputs(self.operation, &self.constants);
		inputs
			.into_iter()
			.map(|wire| Target::wire(self.row, wire))
			.collect()
	}

	fn run_once(
		&self,
		witness: &PartitionWitness<'_, F>,
		out: &mut GeneratedValues<F>,
	) -> Result<()> {
		let inputs: Vec<F> = self
			.dependencies()
			.into_iter()
			.map(|wire| witness.get_target(wire))
			.collect();
		let others = self.gate.complete(self.operation, &self.constants, &inputs);
		for (wire, value) in others {
			out.set_target(Target::wire(self.row, wire), value)?;
		}
		Ok(())
	}

	fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		Err(IoError)
	}

	fn deserialize(_: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Err(IoError)
	}
}

/// The `count` lowest digits to base four, least first.
pub(crate) fn digits(value: u64, count: usize) -> impl Iterator<Item = F> {
	(0..count).map(move |place| {
		let shifted = value.checked_shr(2 * place as u32).unwrap_or(0);
		F::from_canonical_u64(shifted & 3)
	})
}

/// An element as a number of either sign, the one of least magnitude.
pub fn signed(element: F) -> i64 {
	let value = element.to_canonical_u64();
	if value > F::ORDER / 2 {
		-((F::ORDER - value) as i64)
	} else {
		value as i64
	}
}

/// A number of either sign as an element.
pub fn element(value: i64) -> F {
	F::from_noncanonical_i64(value)
}

/// What a real row of a gate satisfies, for tests of gates.
#[cfg(test)]
pub(crate) mod testing {
	use super::*;

	/// The row that follows from the inputs of its operations.
	pub fn completed<R: Row>(
		gate: &R,
		constants: &[F],
		inputs: impl Fn(usize, usize) -> F,
	) -> Vec<F> {
		let mut wires = vec![F::ZERO; gate.wires()];
		for operation in 0..gate.operations() {
			let places = gate.inputs(operation, constants);
			let values: Vec<F> = (0..places.len()).map(|i| inputs(operation, i)).collect();
			for (place, value) in places.into_iter().zip(&values) {
				wires[place] = *value;
			}
			for (place, value) in gate.complete(operation, constants, &values) {
				wires[place] = value;
			}
		}
		wires
	}

	/// Whether a row satisfies its gate.
	pub fn is_satisfied<R: Row>(gate: &R, wires: &[F], constants: &[F]) -> bool {
		let mut algebra = Packed::<F>(std::marker::PhantomData);
		let values = gate.evaluate(&mut algebra, wires, constants);
		assert_eq!(values.len(), gate.constraints());
		values.iter().all(|value| *value == F::ZERO)
	}

	/// Fails unless the gate is what it says, and zeros satisfy it.
	pub fn assert_sound_gate<R: Row>(gate: &R) {
		assert!(is_satisfied(
			gate,
			&vec![F::ZERO; gate.wires()],
			&vec![F::ZERO; gate.constants()]
		));
		assert_consistent_gate(gate);
	}

	/// Fails unless the gate is what it says: its degree is the one it gives, and all ways to evaluate it agree.
	pub fn assert_consistent_gate<R: Row>(gate: &R) {
		assert!(gate.wires() <= 135 && gate.degree() <= 8);
		let mix = |seed: u64, place: usize| {
			F::from_noncanonical_u64(
				(seed + place as u64 + 1)
					.wrapping_mul(0x9e37_79b9_7f4a_7c15)
					.rotate_left(29),
			)
		};
		let at = |t: F, seed: u64, count: usize| -> Vec<F> {
			(0..count)
				.map(|place| mix(seed, place) + t * mix(seed + 1000, place))
				.collect()
		};
		// Along a line each constraint is a polynomial of the gate's degree: its next difference is zero.
		let degree = gate.degree();
		let mut differences: Vec<Vec<F>> = (0..degree as u64 + 2)
			.map(|t| {
				let t = F::from_canonical_u64(t);
				let (wires, constants) = (at(t, 1, gate.wires()), at(t, 7, gate.constants()));
				let mut algebra = Packed::<F>(std::marker::PhantomData);
				let base = gate.evaluate(&mut algebra, &wires, &constants);
				let lift =
					|values: Vec<F>| -> Vec<F2> { values.into_iter().map(F2::from).collect() };
				let extended = gate.evaluate(&mut Base, &lift(wires), &lift(constants));
				assert_eq!(lift(base.clone()), extended);
				base
			})
			.collect();
		assert_eq!(differences[0].len(), gate.constraints());
		let mut reached = vec![F::ZERO; gate.constraints()];
		for order in 0..=degree {
			differences = differences
				.windows(2)
				.map(|pair| pair[1].iter().zip(&pair[0]).map(|(b, a)| *b - *a).collect())
				.collect();
			if order + 1 == degree {
				reached.clone_from(&differences[0]);
			}
		}
		assert!(differences[0].iter().all(|value| *value == F::ZERO));
		assert!(
			reached.iter().any(|value| *value != F::ZERO),
			"the degree is less"
		);
	}
}
