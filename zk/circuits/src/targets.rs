//! The statement inside a circuit.

use lemma_zk_statement::{
	bytes_to_hash, limbs, OutputElement, Statement, CHALLENGE_TAG, MATRIX_TAG,
};
use plonky2::{
	field::types::Field,
	hash::{hash_types::HashOutTarget, poseidon::PoseidonHash},
	iop::{
		ext_target::ExtensionTarget,
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
};

use crate::{constraint::constrained, program::ProveError, Builder, D, F};

#[cfg(test)]
mod tests;

/// Public inputs of a program's circuit and of its wrap: the statement less the program.
pub const PROGRAM_PUBLIC_INPUTS: usize = lemma_zk_statement::STATEMENT_ELEMENTS - 4;

/// The statement less the program, as wires.
#[derive(Clone, Copy, Debug)]
pub struct StatementTargets {
	/// Hash of chain, order and provider, in 32-bit limbs.
	pub binding: [Target; 8],
	/// The input's commitment.
	pub input: [Target; 4],
	/// Root of the output's chunk tree, in 32-bit limbs.
	pub output: [Target; 8],
	/// Where the output is evaluated.
	pub y: [Target; 2],
	/// The output's evaluation at y.
	pub v: [Target; 2],
}

impl StatementTargets {
	/// Adds the statement to a program's circuit: its elements become the public inputs, in order, and y is
	/// constrained to be the challenge of the output's type, which is a constant, and of input, output and binding
	/// (`lemma_zk_statement::challenge`).
	///
	/// What is left to the program: to constrain its input by `input`, and v to be the evaluation at y of an
	/// output that the input determines.
	///
	/// The limbs need no range checks: whoever verifies computes all public inputs from bytes.
	pub fn add(builder: &mut Builder, element: OutputElement) -> Self {
		let public = Self {
			binding: builder.add_virtual_public_input_arr(),
			input: builder.add_virtual_public_input_arr(),
			output: builder.add_virtual_public_input_arr(),
			y: builder.add_virtual_public_input_arr(),
			v: builder.add_virtual_public_input_arr(),
		};
		let statement = Self {
			binding: constrained(builder, "statement: the binding is public", public.binding),
			input: constrained(builder, "statement: the input is public", public.input),
			output: constrained(builder, "statement: the output is public", public.output),
			y: constrained(builder, "statement: y is public", public.y),
			v: constrained(builder, "statement: v is public", public.v),
		};
		let tag = builder.constant(F::from_canonical_u64(CHALLENGE_TAG));
		let element = builder.constant(F::from_canonical_u64(element.code()));
		let preimage = [
			&[constrained(
				builder,
				"challenge: it begins with its tag",
				tag,
			)],
			&[constrained(
				builder,
				"challenge: it is of the output's type",
				element,
			)],
			&constrained(builder, "challenge: it is of the input", statement.input)[..],
			&constrained(builder, "challenge: it is of the output", statement.output)[..],
			&constrained(
				builder,
				"challenge: it is of the binding",
				statement.binding,
			)[..],
		]
		.concat();
		let hash = builder.hash_n_to_hash_no_pad::<PoseidonHash>(preimage);
		let challenge = constrained(builder, "challenge: y is it", hash.elements);
		for (y, element) in statement.y.into_iter().zip(challenge) {
			builder.connect(y, element);
		}
		statement
	}

	/// y as an element of the extension.
	pub fn y_extension(&self) -> ExtensionTarget<D> {
		ExtensionTarget(self.y)
	}

	/// v as an element of the extension.
	pub fn v_extension(&self) -> ExtensionTarget<D> {
		ExtensionTarget(self.v)
	}

	/// The input's commitment as a hash.
	pub fn input_hash(&self) -> HashOutTarget {
		HashOutTarget {
			elements: self.input,
		}
	}

	/// Sets the wires to a statement's values.
	pub fn set(
		&self,
		witness: &mut PartialWitness<F>,
		statement: &Statement,
	) -> Result<(), ProveError> {
		let input = bytes_to_hash(&statement.input).ok_or_else(|| {
			ProveError::Prover("the input's commitment is not a canonical hash".into())
		})?;
		let pairs = self
			.binding
			.into_iter()
			.zip(limbs(&statement.binding))
			.chain(self.input.into_iter().zip(input))
			.chain(self.output.into_iter().zip(limbs(&statement.output)))
			.chain(
				self.y
					.into_iter()
					.zip(statement.y.map(F::from_noncanonical_u64)),
			)
			.chain(
				self.v
					.into_iter()
					.zip(statement.v.map(F::from_noncanonical_u64)),
			);
		witness
			.extend(pairs)
			.map_err(|error| ProveError::Prover(error.to_string()))
	}
}

/// `lemma_zk_statement::matrix_commitment` inside a circuit.
pub fn matrix_commitment(
	builder: &mut Builder,
	shape: &[Target],
	hashes: &[HashOutTarget],
) -> HashOutTarget {
	let header = [MATRIX_TAG, shape.len() as u64, hashes.len() as u64]
		.map(|n| builder.constant(F::from_canonical_u64(n)));
	let header = constrained(
		builder,
		"commitment: it begins with its tag and lengths",
		header,
	);
	let shape = constrained(builder, "commitment: it is of the shape", shape.to_vec());
	let hashes = constrained(builder, "commitment: it is of the caps", hashes.to_vec());
	let preimage = header
		.into_iter()
		.chain(shape)
		.chain(hashes.iter().flat_map(|hash| hash.elements))
		.collect();
	builder.hash_n_to_hash_no_pad::<PoseidonHash>(preimage)
}
