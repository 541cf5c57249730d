//! The outer circuit's verifying key as bytes.

use alloc::vec::Vec;

use lemma_zk_statement::{F, STATEMENT_ELEMENTS};
use plonky2::{
	gates::{
		arithmetic_base::ArithmeticGate, arithmetic_extension::ArithmeticExtensionGate,
		base_sum::BaseSumGate, constant::ConstantGate, coset_interpolation::CosetInterpolationGate,
		multiplication_extension::MulExtensionGate, noop::NoopGate, poseidon::PoseidonGate,
		poseidon_mds::PoseidonMdsGate, public_input::PublicInputGate,
		random_access::RandomAccessGate, reducing::ReducingGate,
		reducing_extension::ReducingExtensionGate,
	},
	get_gate_tag_impl, impl_gate_serializer, read_gate_impl,
	util::serialization::{Buffer, GateSerializer, Read, Remaining},
};

use crate::OuterKey;

const D: usize = 2;

/// The gates that verifying a proof takes. No others, so that the runtime holds no code of theirs.
struct Gates;

impl GateSerializer<F, D> for Gates {
	impl_gate_serializer! {
		Gates,
		ArithmeticGate,
		ArithmeticExtensionGate<D>,
		BaseSumGate<2>,
		ConstantGate,
		CosetInterpolationGate<F, D>,
		MulExtensionGate<D>,
		NoopGate,
		PoseidonMdsGate<F, D>,
		PoseidonGate<F, D>,
		PublicInputGate,
		RandomAccessGate<F, D>,
		ReducingExtensionGate<D>,
		ReducingGate<D>
	}
}

/// A key's bytes: plonky2's encoding with this crate's list of gates. Empty if the circuit has other gates.
pub fn key_to_bytes(key: &OuterKey) -> Vec<u8> {
	key.to_bytes(&Gates).unwrap_or_default()
}

/// The key that the bytes are, if they are one, and of a circuit whose public inputs are a statement.
pub fn parse(bytes: &[u8]) -> Option<OuterKey> {
	let mut buffer = Buffer::new(bytes);
	let key: OuterKey = buffer.read_verifier_circuit_data(&Gates).ok()?;
	let is_of_statements = key.common.num_public_inputs == STATEMENT_ELEMENTS;
	(buffer.is_empty() && is_of_statements).then_some(key)
}
