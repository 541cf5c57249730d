//! A reader that takes only canonical field elements.
//!
//! plonky2's own takes any 64 bits for an element in a release build, and panics in a debug build. So one
//! proof would have many encodings, and a node built for debugging could be brought down. All else that a proof
//! holds is bytes of hashes, and the lengths of Merkle paths, a byte each: those have one encoding. So what
//! is read to its end is what [`crate::proof_to_bytes`] writes.

use plonky2::{
	field::{extension::Extendable, types::Field64},
	gates::gate::GateRef,
	hash::hash_types::RichField,
	iop::generator::WitnessGeneratorRef,
	plonk::circuit_data::CommonCircuitData,
	util::serialization::{GateSerializer, IoError, IoResult, Read, WitnessGeneratorSerializer},
};

/// Bytes that are yet to be read.
pub struct Reader<'a> {
	rest: &'a [u8],
	met_non_canonical: bool,
}

impl<'a> Reader<'a> {
	pub fn new(bytes: &'a [u8]) -> Self {
		Self {
			rest: bytes,
			met_non_canonical: false,
		}
	}

	pub fn is_at_end(&self) -> bool {
		self.rest.is_empty()
	}

	/// Whether reading failed because a number was not below p.
	pub fn met_non_canonical(&self) -> bool {
		self.met_non_canonical
	}
}

impl Read for Reader<'_> {
	fn read_exact(&mut self, bytes: &mut [u8]) -> IoResult<()> {
		let (head, rest) = self.rest.split_at_checked(bytes.len()).ok_or(IoError)?;
		bytes.copy_from_slice(head);
		self.rest = rest;
		Ok(())
	}

	fn read_field<F: Field64>(&mut self) -> IoResult<F> {
		let (word, rest) = self.rest.split_first_chunk().ok_or(IoError)?;
		self.rest = rest;
		let word = u64::from_le_bytes(*word);
		if word >= F::ORDER {
			self.met_non_canonical = true;
			return Err(IoError);
		}
		Ok(F::from_canonical_u64(word))
	}

	/// A proof holds no gates.
	fn read_gate<F: RichField + Extendable<D>, const D: usize>(
		&mut self,
		_: &dyn GateSerializer<F, D>,
		_: &CommonCircuitData<F, D>,
	) -> IoResult<GateRef<F, D>> {
		Err(IoError)
	}

	/// A proof holds no generators.
	fn read_generator<F: RichField + Extendable<D>, const D: usize>(
		&mut self,
		_: &dyn WitnessGeneratorSerializer<F, D>,
		_: &CommonCircuitData<F, D>,
	) -> IoResult<WitnessGeneratorRef<F, D>> {
		Err(IoError)
	}
}

#[cfg(test)]
mod tests {
	use lemma_zk_statement::F as Goldilocks;
	use plonky2::field::types::PrimeField64;

	use super::*;

	#[test]
	fn reader_should_take_only_numbers_below_p() {
		let p = Goldilocks::ORDER;
		for (word, taken) in [(0, true), (p - 1, true), (p, false), (u64::MAX, false)] {
			let bytes = word.to_le_bytes();
			let mut reader = Reader::new(&bytes);
			let element = reader.read_field::<Goldilocks>();
			assert_eq!(
				element.ok().map(|element| element.to_canonical_u64()),
				taken.then_some(word)
			);
			assert_eq!(reader.met_non_canonical(), !taken);
		}
	}

	#[test]
	fn reader_should_not_read_beyond_the_end() {
		let mut reader = Reader::new(&[1, 2, 3]);
		assert!(reader.read_field::<Goldilocks>().is_err());
		assert!(!reader.met_non_canonical());
		assert!(!reader.is_at_end());
		assert_eq!(reader.read_u8().unwrap(), 1);
	}
}
