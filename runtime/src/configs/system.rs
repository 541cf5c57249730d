//! The frame: accounts, blocks and their limits, the parameters of genesis, sudo.

use frame_support::{
	derive_impl,
	dispatch::DispatchClass,
	parameter_types,
	weights::{
		constants::{BlockExecutionWeight, ExtrinsicBaseWeight, ParityDbWeight},
		Weight,
	},
};
use frame_system::limits::{BlockLength, BlockWeights};
use lemma_primitives::{AccountId, Balance, BlockNumber};
use sp_runtime::{traits::AccountIdLookup, Perbill};
use sp_version::RuntimeVersion;

use crate::{
	constants::{
		block::{MAX_LENGTH, MAX_REF_TIME, NORMAL_SHARE},
		consensus::BLOCK_HASH_COUNT,
	},
	parameters, weights, Block, Hash, Nonce, PalletInfo, Runtime, RuntimeCall, RuntimeEvent,
	RuntimeOrigin, RuntimeTask, VERSION,
};

parameter_types! {
	pub const BlockHashCount: BlockNumber = BLOCK_HASH_COUNT;
	pub const Version: RuntimeVersion = VERSION;
	pub const Ss58Prefix: u16 = 42;
	/// Limits of a block's computation. Built by hand rather than by `with_sensible_defaults`, which can
	/// panic.
	pub RuntimeBlockWeights: BlockWeights = block_weights();
	/// Limits of a block's length.
	pub RuntimeBlockLength: BlockLength = BlockLength::builder()
		.max_length(MAX_LENGTH)
		.modify_max_length_for_class(DispatchClass::Normal, |max| {
			*max = NORMAL_SHARE.mul_floor(MAX_LENGTH);
		})
		.build();
}

/// Share of a block that its initialization takes on average; the largest extrinsic must fit beside it.
const AVERAGE_INITIALIZATION: Perbill = Perbill::from_percent(10);

fn block_weights() -> BlockWeights {
	let max_block = Weight::from_parts(MAX_REF_TIME, u64::MAX);
	// No limit to the size of storage proofs: this is no parachain. But every class needs a share.
	let max_normal = Weight::from_parts(
		NORMAL_SHARE.mul_floor(MAX_REF_TIME),
		NORMAL_SHARE.mul_floor(u64::MAX),
	);
	BlockWeights::builder()
		.base_block(BlockExecutionWeight::get())
		.for_class(DispatchClass::all(), |class| {
			class.base_extrinsic = ExtrinsicBaseWeight::get();
		})
		.for_class(DispatchClass::Normal, |class| {
			class.max_total = Some(max_normal)
		})
		.for_class(DispatchClass::Operational, |class| {
			class.max_total = Some(max_block);
			// Operational extrinsics have their place even in a full block.
			class.reserved = Some(max_block.saturating_sub(max_normal));
		})
		.avg_block_initialization(AVERAGE_INITIALIZATION)
		.build()
		.unwrap_or_else(|_| BlockWeights::default())
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
	type Block = Block;
	type BlockWeights = RuntimeBlockWeights;
	type BlockLength = RuntimeBlockLength;
	type AccountId = AccountId;
	type Lookup = AccountIdLookup<AccountId, ()>;
	type Nonce = Nonce;
	type Hash = Hash;
	type BlockHashCount = BlockHashCount;
	type DbWeight = ParityDbWeight;
	type Version = Version;
	type AccountData = pallet_balances::AccountData<Balance>;
	type SS58Prefix = Ss58Prefix;
	type SystemWeightInfo = weights::frame_system::WeightInfo<Runtime>;
	type ExtensionsWeightInfo = weights::frame_system_extensions::WeightInfo<Runtime>;
}

impl parameters::Config for Runtime {}

impl pallet_sudo::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type WeightInfo = weights::pallet_sudo::WeightInfo<Runtime>;
}
