//! Finds a settled order's result: its output and proof are in the extrinsic that settled it, and only
//! there.

use codec::{Decode, Encode};
use lemma_primitives::{order::Receipt, AccountId, Balance, OrderId};
use lemma_runtime::{
	opaque::Block, BlockNumber, Hash, JobOrdersCall, RuntimeCall, SudoCall, UncheckedExtrinsic,
};
use sc_client_api::BlockBackend;
use sp_blockchain::HeaderBackend;

use crate::{
	errors::Error,
	views::{BlockView, ReceiptView, ResultView},
};

/// Calls within calls that are looked into; nothing on this chain nests deeper.
const MAX_NESTING: usize = 4;

/// The result of order `id`, which `receipt` says is settled.
pub fn find<C: BlockBackend<Block> + HeaderBackend<Block>>(
	client: &C,
	id: OrderId,
	receipt: Receipt<AccountId, Balance, BlockNumber>,
) -> Result<ResultView, Error> {
	let number = receipt.settled_at;
	let hash = client
		.hash(number)
		.map_err(database)?
		.ok_or_else(|| Error::UnknownBlock(number.to_string()))?;
	let body = client
		.block_body(hash)
		.map_err(database)?
		.ok_or_else(|| Error::BodyPruned(format!("{hash:?}")))?;
	let missing = |reason: &str| Error::ResultNotFound {
		order: id,
		reason: reason.into(),
	};
	let extrinsic = body
		.get(receipt.extrinsic_index as usize)
		.ok_or_else(|| missing("it has fewer extrinsics"))?;
	let extrinsic = UncheckedExtrinsic::decode(&mut &extrinsic.encode()[..])
		.map_err(|error| missing(&format!("the extrinsic cannot be decoded: {error}")))?;
	let (output, proof) = submitted(&extrinsic.function, id, MAX_NESTING)
		.ok_or_else(|| missing("the extrinsic submits no result of this order"))?;

	let provider: &[u8; 32] = receipt.provider.as_ref();
	let genesis = client.info().genesis_hash;
	let binding = lemma_zk_statement::binding(genesis.as_fixed_bytes(), id, provider);
	Ok(ResultView {
		block: BlockView { hash, number },
		finalized: number <= client.info().finalized_number,
		binding: Hash::from(binding),
		output: output.to_vec().into(),
		proof: proof.to_vec().into(),
		receipt: ReceiptView::new(id, receipt),
	})
}

/// Output and proof that `call` submits for order `id`, itself or in a call that it carries.
fn submitted(call: &RuntimeCall, id: OrderId, nesting: usize) -> Option<(&[u8], &[u8])> {
	match call {
		RuntimeCall::JobOrders(JobOrdersCall::submit_result {
			id: settled,
			output,
			proof,
		}) if *settled == id => Some((output, proof)),
		RuntimeCall::Sudo(SudoCall::sudo_as { call, .. }) if nesting > 0 => {
			submitted(call, id, nesting - 1)
		}
		_ => None,
	}
}

fn database(error: sp_blockchain::Error) -> Error {
	Error::Runtime(error.to_string())
}

#[cfg(test)]
mod tests {
	use sp_keyring::Sr25519Keyring::Alice;

	use super::*;

	fn submit(id: OrderId) -> RuntimeCall {
		RuntimeCall::JobOrders(JobOrdersCall::submit_result {
			id,
			output: vec![1, 2, 3, 4].try_into().unwrap(),
			proof: vec![5].try_into().unwrap(),
		})
	}

	fn as_alice(call: RuntimeCall) -> RuntimeCall {
		RuntimeCall::Sudo(SudoCall::sudo_as {
			who: Alice.to_account_id().into(),
			call: Box::new(call),
		})
	}

	#[test]
	fn result_should_be_found_in_its_call_and_in_calls_that_carry_it() {
		let expected = Some((&[1, 2, 3, 4][..], &[5][..]));

		assert_eq!(submitted(&submit(7), 7, MAX_NESTING), expected);
		assert_eq!(submitted(&as_alice(submit(7)), 7, MAX_NESTING), expected);
	}

	#[test]
	fn result_should_not_be_taken_from_another_order_or_from_too_deep() {
		let mut deep = submit(7);
		for _ in 0..=MAX_NESTING {
			deep = as_alice(deep);
		}

		assert_eq!(submitted(&submit(8), 7, MAX_NESTING), None);
		assert_eq!(submitted(&deep, 7, MAX_NESTING), None);
	}
}
