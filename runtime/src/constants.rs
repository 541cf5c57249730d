//! Every figure of the chain that somebody chose, in one place: time, money, limits, the market's terms.
//!
//! Amounts are in the smallest unit (10^12 of them are one LEM), periods in blocks, times in
//! milliseconds. Periods in blocks are meant for blocks of six seconds; a chain with another block time
//! (the development preset) keeps the same numbers of blocks.

use lemma_primitives::{Balance, BlockNumber, MAX_OUTPUT_BYTES, MAX_PROOF_BYTES, UNIT};

/// Time.
pub mod time {
	use super::BlockNumber;

	/// Time from one block to the next, unless genesis says otherwise.
	pub const BLOCK_TIME_MS: u64 = 6_000;
	/// The same on the development preset: a developer waits for blocks all day.
	pub const DEVELOPMENT_BLOCK_TIME_MS: u64 = 2_000;
	/// Blocks of a minute.
	pub const MINUTES: BlockNumber = 10;
	/// Blocks of an hour.
	pub const HOURS: BlockNumber = 60 * MINUTES;
	/// Blocks of a day.
	pub const DAYS: BlockNumber = 24 * HOURS;
}

/// Money.
pub mod money {
	use super::{Balance, UNIT};

	/// A thousandth of a LEM.
	pub const MILLI: Balance = UNIT / 1_000;
	/// A millionth of a LEM.
	pub const MICRO: Balance = UNIT / 1_000_000;

	/// Least balance of an account that exists.
	pub const EXISTENTIAL_DEPOSIT: Balance = MILLI;

	/// Fee of one picosecond of weight. A transfer takes about 0.3 ms, so it costs about 0.0003 LEM; a
	/// proof's verification (8.7 ms) about 0.009 LEM.
	pub const FEE_PER_PICOSECOND: Balance = 1;
	/// Fee of one byte of an extrinsic: 0.02 LEM a megabyte.
	pub const FEE_PER_BYTE: Balance = MICRO / 50;

	/// Deposit for an entry in storage.
	pub const DEPOSIT_PER_ITEM: Balance = 10 * MILLI;
	/// Deposit for a byte in storage.
	pub const DEPOSIT_PER_BYTE: Balance = 10 * MICRO;
}

/// Limits of a block.
pub mod block {
	use frame_support::weights::constants::{
		WEIGHT_REF_TIME_PER_MILLIS, WEIGHT_REF_TIME_PER_SECOND,
	};
	use pallet_job_orders::SUBMISSION_OVERHEAD_BYTES;
	use sp_runtime::Perbill;

	use super::{MAX_OUTPUT_BYTES, MAX_PROOF_BYTES};

	/// Computation that one block may take, picoseconds: a third of a six-second slot.
	pub const MAX_REF_TIME: u64 = 2 * WEIGHT_REF_TIME_PER_SECOND;
	/// Length that one block may have, bytes.
	pub const MAX_LENGTH: u32 = 5 * 1024 * 1024;
	/// Share of both for ordinary extrinsics; the rest is for operational ones.
	pub const NORMAL_SHARE: Perbill = Perbill::from_percent(75);

	/// Longest settling extrinsic, bytes.
	pub const MAX_SETTLEMENT_BYTES: u32 =
		MAX_OUTPUT_BYTES + MAX_PROOF_BYTES + SUBMISSION_OVERHEAD_BYTES;
	/// What the transaction extensions of a settling extrinsic weigh, at most, picoseconds. A test
	/// compares it with what they say.
	pub const EXTENSIONS_REF_TIME: u64 = WEIGHT_REF_TIME_PER_MILLIS;

	// The largest settlement must fit into the part of a block that ordinary extrinsics have.
	const _: () = assert!(MAX_SETTLEMENT_BYTES < MAX_LENGTH / 100 * 75);
}

/// Consensus.
pub mod consensus {
	use super::BlockNumber;

	/// Most validators.
	pub const MAX_AUTHORITIES: u32 = 100;
	/// Hashes of this many past blocks are kept; a mortal transaction can refer to them.
	pub const BLOCK_HASH_COUNT: BlockNumber = 2_400;
}

/// The market's terms.
pub mod market {
	use sp_runtime::Permill;

	use super::{
		money::{DEPOSIT_PER_ITEM, MILLI},
		time::{DAYS, MINUTES},
		Balance, BlockNumber, UNIT,
	};

	/// Least bond of a provider.
	pub const MIN_BOND: Balance = 100 * UNIT;
	/// Shortest claim: a small job takes seconds to prove, but a block must include the result.
	pub const MIN_CLAIM_WINDOW: BlockNumber = 5;
	/// Longest claim.
	pub const MAX_CLAIM_WINDOW: BlockNumber = DAYS;
	/// Longest life of an order.
	pub const MAX_LIFETIME: BlockNumber = 7 * DAYS;
	/// How far the order book's agenda may fall behind before unbonding could overtake it. What a claim has
	/// committed cannot be unbonded at all, so this is a second line.
	pub const SLASH_WINDOW: BlockNumber = DAYS;
	/// From `unbond` to `withdraw_unbonded`: longer than the longest claim and the slash window.
	pub const UNBONDING_PERIOD: BlockNumber = MAX_CLAIM_WINDOW + SLASH_WINDOW + 10 * MINUTES;

	/// Least highest price of an order.
	pub const MIN_PRICE: Balance = MILLI;
	/// What a claimer commits, as a share of the order's highest price...
	pub const COLLATERAL_SHARE: Permill = Permill::from_percent(20);
	/// ...but at least this.
	pub const MIN_COLLATERAL: Balance = UNIT;
	/// Largest input that an order can name: more than a 2048-cube product's operands, little enough for
	/// a worker's disk.
	pub const MAX_INPUT_BYTES: u64 = 1 << 30;
	/// Claims and orders whose time has come that one block works off.
	pub const MAX_EXPIRIES_PER_BLOCK: u32 = 100;

	/// Deposit for registering a program.
	pub const PROGRAM_DEPOSIT: Balance = 100 * DEPOSIT_PER_ITEM;
}
