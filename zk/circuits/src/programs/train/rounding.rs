//! Rounding in a circuit: a gate of six roundings a row.
//!
//! For a sum s of magnitude below 2^47, q = floor(s / 2^20), the gate gives
//!
//! - the *value*: q cut to 0..=255
//! - whether s is *not negative*: 1 if q >= 0, else 0
//!
//! and both are unique. With p for the second, h for the first, and digits for r < 2^20, h < 2^8, g < 2^27, the gate says
//!
//! s = 2^20 q + r,  q = h + g if p = 1, h - (g + 1) if p = 0,  p = 0 or p = 1,  (1 - p) h = 0,  p g (255 - h) = 0
//!
//! s determines q and r, as both sides are below p/2 in magnitude. If q >= 0, p is 1 (else q = h - g - 1 = -g - 1 < 0), so h + g = q
//! and g is zero or h is 255: h is q up to 255, then 255. If q < 0, p is 0 and h is 0.
//!
//! Digits are of base 8, the highest of r and h of base 4: polynomials of degree 8 keep them so.

use anyhow::Result;
use plonky2::{
	field::{packed::PackedField, types::Field, types::PrimeField64},
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

use super::network::{MAX_ACTIVATION, SHIFT};
use crate::{constraint::constrained, Builder, D, F, F2};

/// Roundings of one row.
const OPERATIONS: usize = 6;
/// Wires of one of them that others can be connected to: sum, value, not negative.
const ROUTED: usize = 3;
/// Bases' logs of the digits: of r, of h, of g.
const DIGITS: [u32; 19] = [3, 3, 3, 3, 3, 3, 2, 3, 3, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3];
/// The digits of each.
const PARTS: [std::ops::Range<usize>; 3] = [0..7, 7..10, 10..19];
/// Constraints of one rounding: of each digit, and of what they make.
const CONSTRAINTS: usize = DIGITS.len() + 5;

/// The gate.
#[derive(Clone, Copy, Debug)]
pub struct RoundingGate;

/// Wire of a sum.
const fn wire_sum(operation: usize) -> usize {
	ROUTED * operation
}

/// Wire of a value.
const fn wire_value(operation: usize) -> usize {
	ROUTED * operation + 1
}

/// Wire that says whether a sum is not negative.
const fn wire_not_negative(operation: usize) -> usize {
	ROUTED * operation + 2
}

/// Wire of a digit.
const fn wire_digit(operation: usize, digit: usize) -> usize {
	ROUTED * OPERATIONS + DIGITS.len() * operation + digit
}

/// All constraints of a row, over wires of any kind.
fn constraints<P: PackedField>(wire: impl Fn(usize) -> P, mut yield_one: impl FnMut(P)) {
	let number = |n: i64| P::Scalar::from_noncanonical_i64(n);
	for operation in 0..OPERATIONS {
		let digit = |place: usize| wire(wire_digit(operation, place));
		for (place, base_log) in DIGITS.into_iter().enumerate() {
			let x = digit(place);
			if base_log == 3 {
				// x (x - 7), of which (x - 1) (x - 6) is 6 more, and so on.
				let u = x * (x - number(7));
				yield_one(u * (u + number(6)) * (u + number(10)) * (u + number(12)));
			} else {
				let u = x * (x - number(3));
				yield_one(u * (u + number(2)));
			}
		}
		let [r, h, g] = PARTS.map(|part| {
			part.rev().fold(P::ZEROS, |sum, place| {
				sum * number(1 << DIGITS[place]) + digit(place)
			})
		});
		let (sum, value) = (wire(wire_sum(operation)), wire(wire_value(operation)));
		let p = wire(wire_not_negative(operation));
		let quotient = h + p * g * number(2) - g + p - number(1);
		yield_one(h - value);
		yield_one(p * (p - number(1)));
		yield_one(h - p * h);
		yield_one(p * g * (h - number(MAX_ACTIVATION)));
		yield_one(quotient * number(1 << SHIFT) + r - sum);
	}
}

impl Gate<F, D> for RoundingGate {
	fn id(&self) -> String {
		"lemma::train::RoundingGate".into()
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
		let number = F::from_noncanonical_i64;
		let mut all = Vec::with_capacity(self.num_constraints());
		for operation in 0..OPERATIONS {
			let digits: Vec<_> = (0..DIGITS.len())
				.map(|place| vars.local_wires[wire_digit(operation, place)])
				.collect();
			for (x, base_log) in digits.iter().copied().zip(DIGITS) {
				let mut square_and =
					|times: i64, x| builder.arithmetic_extension(F::ONE, number(times), x, x, x);
				all.push(if base_log == 3 {
					let u = square_and(-7, x);
					let outer = square_and(6, u);
					let inner = square_and(22, u);
					// (u + 10) (u + 12)
					builder.arithmetic_extension(F::ONE, number(120), outer, inner, outer)
				} else {
					let u = square_and(-3, x);
					square_and(2, u)
				});
			}
			let [r, h, g] = PARTS.map(|part| {
				let zero = builder.zero_extension();
				part.rev().fold(zero, |sum, place| {
					let base = number(1 << DIGITS[place]);
					builder.mul_const_add_extension(base, sum, digits[place])
				})
			});
			let sum = vars.local_wires[wire_sum(operation)];
			let value = vars.local_wires[wire_value(operation)];
			let p = vars.local_wires[wire_not_negative(operation)];
			let one = builder.one_extension();
			let pg = builder.mul_extension(p, g);
			let quotient = builder.mul_const_add_extension(number(2), pg, h);
			let quotient = builder.sub_extension(quotient, g);
			let quotient = builder.add_extension(quotient, p);
			let quotient = builder.sub_extension(quotient, one);
			let whole = builder.mul_const_add_extension(number(1 << SHIFT), quotient, r);
			all.push(builder.sub_extension(h, value));
			all.push(builder.mul_sub_extension(p, p, p));
			all.push(builder.arithmetic_extension(-F::ONE, F::ONE, p, h, h));
			all.push(builder.arithmetic_extension(F::ONE, number(-MAX_ACTIVATION), pg, h, pg));
			all.push(builder.sub_extension(whole, sum));
		}
		all
	}

	fn generators(&self, row: usize, _: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
		(0..OPERATIONS)
			.map(|operation| {
				WitnessGeneratorRef::new(RoundingGenerator { row, operation }.adapter())
			})
			.collect()
	}

	fn num_wires(&self) -> usize {
		OPERATIONS * (ROUTED + DIGITS.len())
	}

	fn num_constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		8
	}

	fn num_constraints(&self) -> usize {
		OPERATIONS * CONSTRAINTS
	}
}

impl PackedEvaluableBase<F, D> for RoundingGate {
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

/// Fills one rounding.
#[derive(Debug)]
struct RoundingGenerator {
	row: usize,
	operation: usize,
}

impl SimpleGenerator<F, D> for RoundingGenerator {
	fn id(&self) -> String {
		"lemma::train::RoundingGenerator".into()
	}

	fn dependencies(&self) -> Vec<Target> {
		vec![Target::wire(self.row, wire_sum(self.operation))]
	}

	fn run_once(
		&self,
		witness: &PartitionWitness<'_, F>,
		out: &mut GeneratedValues<F>,
	) -> Result<()> {
		let Self { row, operation } = *self;
		let sum = witness
			.get_target(Target::wire(row, wire_sum(operation)))
			.to_canonical_u64();
		// As a signed number; what is out of range gets digits that do not satisfy the gate.
		let sum = if sum > F::NEG_ONE.to_canonical_u64() / 2 {
			i128::from(sum) - i128::from(F::NEG_ONE.to_canonical_u64()) - 1
		} else {
			i128::from(sum)
		};
		let (quotient, rest) = (sum >> SHIFT, sum & ((1 << SHIFT) - 1));
		let value = quotient.clamp(0, MAX_ACTIVATION.into());
		let beyond = if quotient < 0 {
			-quotient - 1
		} else {
			quotient - value
		};
		for (part, number) in PARTS.into_iter().zip([rest, value, beyond]) {
			let mut number = number as u64;
			for place in part {
				let digit = number & ((1 << DIGITS[place]) - 1);
				number >>= DIGITS[place];
				let wire = Target::wire(row, wire_digit(operation, place));
				out.set_target(wire, F::from_canonical_u64(digit))?;
			}
		}
		let value = F::from_canonical_u64(value as u64);
		out.set_target(Target::wire(row, wire_value(operation)), value)?;
		let not_negative = F::from_bool(quotient >= 0);
		out.set_target(
			Target::wire(row, wire_not_negative(operation)),
			not_negative,
		)
	}

	fn serialize(&self, out: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
		out.write_usize(self.row)?;
		out.write_usize(self.operation)
	}

	fn deserialize(source: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
		Ok(Self {
			row: source.read_usize()?,
			operation: source.read_usize()?,
		})
	}
}

/// A sum, rounded.
#[derive(Clone, Copy, Debug)]
pub struct Rounded {
	/// floor(sum / 2^20), cut to 0..=255.
	pub value: Target,
	/// 1 if the sum is not negative, else 0.
	pub not_negative: Target,
}

/// Rounds sums: [`super::reference::rounded`] in a circuit. A row for six; a sum of magnitude 2^47 or more has no witness.
pub fn round(builder: &mut Builder, sums: &[Target]) -> Vec<Rounded> {
	let zero = builder.zero();
	let mut all = Vec::with_capacity(sums.len());
	for sums in sums.chunks(OPERATIONS) {
		let row = builder.add_gate(RoundingGate, vec![]);
		for operation in 0..OPERATIONS {
			let sum = sums.get(operation).copied();
			let sum = constrained(builder, "rounding: it is of the sum", sum.unwrap_or(zero));
			builder.connect(sum, Target::wire(row, wire_sum(operation)));
		}
		all.extend((0..sums.len()).map(|operation| Rounded {
			value: Target::wire(row, wire_value(operation)),
			not_negative: Target::wire(row, wire_not_negative(operation)),
		}));
	}
	all
}
