//! The outer circuit's verifying key as bytes.

use alloc::vec::Vec;

use lemma_zk_statement::{F, STATEMENT_ELEMENTS};
use plonky2::{
	field::extension::Extendable,
	gates::{
		arithmetic_base::ArithmeticGate, arithmetic_extension::ArithmeticExtensionGate,
		base_sum::BaseSumGate, constant::ConstantGate, coset_interpolation::CosetInterpolationGate,
		gate::GateRef, multiplication_extension::MulExtensionGate, noop::NoopGate,
		poseidon::PoseidonGate, poseidon_mds::PoseidonMdsGate, public_input::PublicInputGate,
		random_access::RandomAccessGate, reducing::ReducingGate,
		reducing_extension::ReducingExtensionGate,
	},
	get_gate_tag_impl,
	hash::hash_types::RichField,
	impl_gate_serializer,
	iop::generator::WitnessGeneratorRef,
	plonk::circuit_data::CommonCircuitData,
	read_gate_impl,
	util::serialization::{
		Buffer, GateSerializer, IoError, IoResult, Read, Remaining, WitnessGeneratorSerializer,
	},
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
	let mut reader = KeyReader(Buffer::new(bytes));
	let key: OuterKey = reader.read_verifier_circuit_data(&Gates).ok()?;
	let is_of_statements = key.common.num_public_inputs == STATEMENT_ELEMENTS;
	(reader.0.is_empty() && is_of_statements).then_some(key)
}

/// The largest number in a key.
const MAX_NUMBER: usize = 1 << 16;

/// Reads no number beyond [`MAX_NUMBER`]. plonky2 makes room for as many elements as a length says before it reads the first, so
/// a damaged key could ask for all memory there is.
struct KeyReader<'a>(Buffer<'a>);

impl Read for KeyReader<'_> {
	fn read_exact(&mut self, bytes: &mut [u8]) -> IoResult<()> {
		self.0.read_exact(bytes)
	}

	fn read_usize(&mut self) -> IoResult<usize> {
		let number = self.0.read_usize()?;
		(number <= MAX_NUMBER).then_some(number).ok_or(IoError)
	}

	fn read_gate<F: RichField + Extendable<D>, const D: usize>(
		&mut self,
		gates: &dyn GateSerializer<F, D>,
		common: &CommonCircuitData<F, D>,
	) -> IoResult<GateRef<F, D>> {
		gates.read_gate(&mut self.0, common)
	}

	/// A key holds no generators.
	fn read_generator<F: RichField + Extendable<D>, const D: usize>(
		&mut self,
		_: &dyn WitnessGeneratorSerializer<F, D>,
		_: &CommonCircuitData<F, D>,
	) -> IoResult<WitnessGeneratorRef<F, D>> {
		Err(IoError)
	}
}
