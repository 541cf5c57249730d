//! An output whose elements are wires.

use plonky2::{iop::target::Target, util::reducing::ReducingFactorTarget};

use crate::{constraint::constrained, targets::StatementTargets, Builder};

/// Constrains v to be the evaluation at y of these elements, in order. Takes a row for every 43 of them.
///
/// Takes for granted that each is a number that the output's type holds, in the form that `docs/protocol/statement.md` gives it
/// (p + o for a negative o), and that all of them follow from the committed input.
pub fn evaluate_output(builder: &mut Builder, statement: &StatementTargets, elements: &[Target]) {
	let mut powers = ReducingFactorTarget::new(statement.y_extension());
	let evaluation = powers.reduce_base(elements, builder);
	let evaluation = constrained(builder, "output: v is its evaluation", evaluation);
	builder.connect_extension(evaluation, statement.v_extension());
}
