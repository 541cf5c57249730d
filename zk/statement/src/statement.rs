//! The statement, its parts and its encoding.

use core::fmt;

use blake2::{digest::consts::U32, Blake2b, Digest};
use codec::Encode;
use plonky2::{
	field::types::{Field, PrimeField64},
	hash::poseidon::PoseidonHash,
	plonk::config::Hasher,
};

use crate::{bytes_to_hash, evaluate, limbs, output_root, OutputElement, F};

/// First element of what [`challenge`] hashes.
pub const CHALLENGE_TAG: u64 = u64::from_le_bytes(*b"lemma-y\0");

/// Field elements of a statement: program 4, binding 8, input 4, output 8, y 2, v 2.
pub const STATEMENT_ELEMENTS: usize = 28;

/// blake2-256, as `sp_io::hashing::blake2_256` gives it.
pub fn blake2_256(bytes: &[u8]) -> [u8; 32] {
	Blake2b::<U32>::digest(bytes).into()
}

/// What binds a proof to one order, one provider and one chain: blake2-256 of the SCALE encoding of the
/// three, which is the genesis hash's 32 bytes, the order's number as eight bytes, little-endian, and the
/// provider's account, 32 bytes.
pub fn binding(genesis_hash: &[u8; 32], order: u64, provider: &[u8; 32]) -> [u8; 32] {
	blake2_256(&(genesis_hash, order, provider).encode())
}

/// The point at which the output is evaluated, in the quadratic extension: the first two elements of the
/// Poseidon hash of the tag, the output's type (1), the input's commitment (4), the output's root (8) and the binding
/// (8). `None` if the commitment is not canonical.
///
/// All that a prover could choose is hashed here, and the circuit derives the same point from the same
/// values, so it is fixed only after the output is. The circuit has its type as a constant: bytes that are read as
/// values of another have another point, and no proof.
pub fn challenge(
	element: OutputElement,
	input: &[u8; 32],
	output_root: &[u8; 32],
	binding: &[u8; 32],
) -> Option<[u64; 2]> {
	let mut elements = [F::from_canonical_u64(CHALLENGE_TAG); 22];
	let parts = [F::from_canonical_u64(element.code())]
		.into_iter()
		.chain(bytes_to_hash(input)?)
		.chain(limbs(output_root))
		.chain(limbs(binding));
	for (place, element) in elements.iter_mut().skip(1).zip(parts) {
		*place = element;
	}
	let [a, b, ..] = PoseidonHash::hash_no_pad(&elements).elements;
	Some([a.to_canonical_u64(), b.to_canonical_u64()])
}

/// What a proof says: `output` is the root of the output of the program on the input, whose evaluation at
/// `y` is `v`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
	/// Id of the program: a Poseidon hash, canonical.
	pub program: [u8; 32],
	/// See [`binding`].
	pub binding: [u8; 32],
	/// Commitment to the input: a Poseidon hash, canonical.
	pub input: [u8; 32],
	/// See [`output_root`].
	pub output: [u8; 32],
	/// See [`challenge`].
	pub y: [u64; 2],
	/// See [`evaluate`].
	pub v: [u64; 2],
}

impl Statement {
	/// The statement that `output_bytes` are the output of `program` on `input`. `hash` is blake2-256:
	/// [`blake2_256`], or the host's.
	pub fn of_result(
		program: [u8; 32],
		binding: [u8; 32],
		input: [u8; 32],
		element: OutputElement,
		output_bytes: &[u8],
		hash: impl Fn(&[u8]) -> [u8; 32],
	) -> Result<Self, StatementError> {
		bytes_to_hash(&program).ok_or(StatementError::ProgramNotCanonical)?;
		if output_bytes.is_empty() {
			return Err(StatementError::EmptyOutput);
		}
		if output_bytes.len().checked_rem(element.size_bytes()) != Some(0) {
			return Err(StatementError::PartialElement);
		}
		let output = output_root(hash, output_bytes);
		let y = challenge(element, &input, &output, &binding)
			.ok_or(StatementError::InputNotCanonical)?;
		let v = evaluate(element, output_bytes, y);
		Ok(Self {
			program,
			binding,
			input,
			output,
			y,
			v,
		})
	}

	/// The public inputs of the outer proof, in order: program (4), binding (8), input (4), output (8),
	/// y (2), v (2).
	///
	/// A value that is not canonical (only one made by hand has any) becomes an element that no proof
	/// is about, since [`Self::is_canonical`] is asked first by the verifier.
	pub fn to_elements(&self) -> [F; STATEMENT_ELEMENTS] {
		let hash = |bytes: &[u8; 32]| bytes_to_hash(bytes).unwrap_or([F::ZERO; 4]);
		let parts = hash(&self.program)
			.into_iter()
			.chain(limbs(&self.binding))
			.chain(hash(&self.input))
			.chain(limbs(&self.output))
			.chain(self.y.map(F::from_noncanonical_u64))
			.chain(self.v.map(F::from_noncanonical_u64));
		let mut elements = [F::ZERO; STATEMENT_ELEMENTS];
		for (place, element) in elements.iter_mut().zip(parts) {
			*place = element;
		}
		elements
	}

	/// Whether every number that stands for a field element is below p. Always so for
	/// [`Self::of_result`]'s.
	pub fn is_canonical(&self) -> bool {
		let below_p = |n: u64| F::from_noncanonical_u64(n).to_canonical_u64() == n;
		bytes_to_hash(&self.program).is_some()
			&& bytes_to_hash(&self.input).is_some()
			&& self.y.into_iter().chain(self.v).all(below_p)
	}
}

/// Why there is no statement of a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatementError {
	/// The program's id is not four numbers below p.
	ProgramNotCanonical,
	/// The input's commitment is not four numbers below p.
	InputNotCanonical,
	/// The output has no bytes.
	EmptyOutput,
	/// The output's length is not a multiple of the element's.
	PartialElement,
}

impl fmt::Display for StatementError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::ProgramNotCanonical => "the program's id is not a canonical Poseidon hash",
			Self::InputNotCanonical => "the input's commitment is not a canonical Poseidon hash",
			Self::EmptyOutput => "the output is empty",
			Self::PartialElement => "the output's length is not a multiple of its elements' size",
		})
	}
}

impl core::error::Error for StatementError {}

#[cfg(test)]
mod tests {
	use super::*;

	const P: u64 = 0xffff_ffff_0000_0001;

	fn sample() -> Statement {
		let output: Vec<u8> = (0..6000).map(|i| (i % 251) as u8).collect();
		Statement::of_result(
			[1; 32],
			binding(&[2; 32], 7, &[3; 32]),
			[4; 32],
			OutputElement::I32,
			&output,
			blake2_256,
		)
		.unwrap()
	}

	#[test]
	fn blake2_256_should_be_blake2b_with_a_32_byte_digest() {
		assert_eq!(
			hex::encode(blake2_256(b"")),
			"0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
		);
	}

	#[test]
	fn binding_should_be_the_hash_of_chain_order_and_provider() {
		let mut bytes = vec![2; 32];
		bytes.extend([7, 0, 0, 0, 0, 0, 0, 0]);
		bytes.extend([3; 32]);
		assert_eq!(binding(&[2; 32], 7, &[3; 32]), blake2_256(&bytes));
		assert_eq!(
			hex::encode(binding(&[2; 32], 7, &[3; 32])),
			"d2b516d24fc8d17edfd15dba77423d10668392279ac874251b97b7ef600d02ea"
		);
	}

	#[test]
	fn statement_should_have_a_known_answer() {
		let statement = sample();
		assert_eq!(
			hex::encode(statement.output),
			"f22607f2351645b7da73c1feb71950e1594c723d56a77a2d362f647c02760901"
		);
		assert_eq!(statement.y, [1536630889187975599, 12678884179343627661]);
		assert_eq!(statement.v, [224162517594059181, 12601145612167881768]);
		assert!(statement.is_canonical());
	}

	#[test]
	fn challenge_should_change_with_every_part_and_refuse_a_commitment_that_is_not_canonical() {
		use OutputElement::*;
		let of = |element, input, root, binding| {
			challenge(element, &[input; 32], &[root; 32], &[binding; 32])
		};
		let honest = of(I32, 4, 5, 6).unwrap();
		for element in [U8, I8, I16] {
			assert_ne!(of(element, 4, 5, 6).unwrap(), honest);
		}
		assert_ne!(of(I32, 9, 5, 6).unwrap(), honest);
		assert_ne!(of(I32, 4, 9, 6).unwrap(), honest);
		assert_ne!(of(I32, 4, 5, 9).unwrap(), honest);
		assert_ne!(of(I32, 4, 6, 5).unwrap(), honest);
		assert_eq!(of(I32, 0xff, 5, 6), None);
	}

	#[test]
	fn to_elements_should_follow_the_order_of_the_design() {
		let s = sample();
		let expected: Vec<F> = bytes_to_hash(&s.program)
			.unwrap()
			.into_iter()
			.chain(limbs(&s.binding))
			.chain(bytes_to_hash(&s.input).unwrap())
			.chain(limbs(&s.output))
			.chain(s.y.map(F::from_canonical_u64))
			.chain(s.v.map(F::from_canonical_u64))
			.collect();
		assert_eq!(s.to_elements().to_vec(), expected);
	}

	#[test]
	fn of_result_should_refuse_what_is_no_result() {
		let of = |program, input, element, output: &[u8]| {
			Statement::of_result(program, [0; 32], input, element, output, blake2_256).unwrap_err()
		};
		use OutputElement::*;
		assert_eq!(
			of([0xff; 32], [1; 32], I32, &[0; 4]),
			StatementError::ProgramNotCanonical
		);
		assert_eq!(
			of([1; 32], [0xff; 32], I32, &[0; 4]),
			StatementError::InputNotCanonical
		);
		assert_eq!(of([1; 32], [1; 32], I32, &[]), StatementError::EmptyOutput);
		assert_eq!(
			of([1; 32], [1; 32], I32, &[0; 6]),
			StatementError::PartialElement
		);
		assert_eq!(
			of([1; 32], [1; 32], I16, &[0; 5]),
			StatementError::PartialElement
		);
	}

	#[test]
	fn is_canonical_should_see_every_part() {
		let parts: [fn(&mut Statement); 6] = [
			|s| s.program = [0xff; 32],
			|s| s.input = [0xff; 32],
			|s| s.y[0] = P,
			|s| s.y[1] = u64::MAX,
			|s| s.v[0] = P,
			|s| s.v[1] = P + 1,
		];
		for spoil in parts {
			let mut statement = sample();
			spoil(&mut statement);
			assert!(!statement.is_canonical());
		}
	}
}
