//! What the calls and the hook weigh, verification apart: what a runtime has to say of each. Lemma's runtime
//! says what was measured, by `benchmarking.rs` in its own Wasm; mocks say [`HandSetWeight`].

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// Weights of this pallet.
pub trait WeightInfo {
	/// [`post_order`](crate::Pallet::post_order) with `i` bytes of inline input or locator.
	fn post_order(i: u32) -> Weight;
	/// [`cancel_order`](crate::Pallet::cancel_order) of an open order.
	fn cancel_order() -> Weight;
	/// [`claim_order`](crate::Pallet::claim_order).
	fn claim_order() -> Weight;
	/// [`submit_result`](crate::Pallet::submit_result) with `o` bytes of output and `p` bytes of proof,
	/// without their verification.
	fn submit_result(o: u32, p: u32) -> Weight;
	/// [`remove_receipt`](crate::Pallet::remove_receipt).
	fn remove_receipt() -> Weight;
	/// What `on_initialize` costs when nothing is due.
	fn agenda_base() -> Weight;
	/// Looking at one block's agenda.
	fn agenda_block() -> Weight;
	/// Slashing the claimer of one order that missed its deadline.
	fn miss_claim() -> Weight;
	/// Expiring one order.
	fn expire_order() -> Weight;
}

/// Bytes of proof of one storage item of ordinary size, and of an order with its inline input.
const ITEM_PROOF: u64 = 4 * 1024;
const ORDER_PROOF: u64 = 16 * 1024;

/// `micros` of computing, `items` and `orders` of storage proof, `reads` and `writes` of the database.
fn weight(micros: u64, items: u64, orders: u64, reads: u64, writes: u64) -> Weight {
	let proof = ITEM_PROOF
		.saturating_mul(items)
		.saturating_add(ORDER_PROOF.saturating_mul(orders));
	Weight::from_parts(micros.saturating_mul(1_000_000), proof)
		.saturating_add(ParityDbWeight::get().reads_writes(reads, writes))
}

/// For mocks: figures set by hand from what each does with storage, rounded up.
pub struct HandSetWeight;

impl WeightInfo for HandSetWeight {
	// Reads program, next number, account, holds; writes those two, order, index, agenda, number.
	fn post_order(i: u32) -> Weight {
		weight(300, 8, 1, 6, 8)
			.saturating_add(Weight::from_parts(5_000, 0).saturating_mul(i.into()))
	}

	// Reads order, account, holds, retry; writes account, holds, order, index, agenda.
	fn cancel_order() -> Weight {
		weight(250, 8, 1, 6, 8)
	}

	// Reads order, operator, provider, account, holds, retry; writes provider, account, holds, order and
	// two agenda entries.
	fn claim_order() -> Weight {
		weight(300, 10, 1, 8, 10)
	}

	// Reads order, operator, provider, program, genesis hash, both accounts, their holds, retry; writes
	// provider, both accounts, holds, fee's account, order, index, agenda, receipt. The bytes are decoded
	// and copied once.
	fn submit_result(o: u32, p: u32) -> Weight {
		let bytes = u64::from(o).saturating_add(p.into());
		weight(600, 16, 1, 16, 16)
			.saturating_add(Weight::from_parts(1_000, 0).saturating_mul(bytes))
	}

	// Reads receipt, account, holds; writes the same.
	fn remove_receipt() -> Weight {
		weight(150, 4, 0, 4, 4)
	}

	// Reads and writes the cursor.
	fn agenda_base() -> Weight {
		weight(20, 1, 0, 1, 1)
	}

	// Looks for the first entry of a block.
	fn agenda_block() -> Weight {
		weight(20, 1, 0, 1, 0)
	}

	// Reads order, provider, both accounts, their holds, retry; writes provider, both accounts, both
	// holds, order, two agenda entries.
	fn miss_claim() -> Weight {
		weight(400, 12, 1, 10, 12)
	}

	// As a cancellation, and the entry that led to it.
	fn expire_order() -> Weight {
		weight(250, 9, 1, 7, 9)
	}
}
