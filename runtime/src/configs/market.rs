//! The market: programs, providers, orders; and how one reaches the other.

use frame_support::{
	dispatch::{DispatchClass, DispatchInfo, Pays},
	parameter_types,
	weights::Weight,
};
use lemma_primitives::{Balance, BlockNumber};
use sp_runtime::{traits::Convert, Permill};

use crate::{
	constants::{
		block::EXTENSIONS_REF_TIME,
		market::*,
		money::{DEPOSIT_PER_BYTE, DEPOSIT_PER_ITEM},
	},
	weights, Balances, ProofVerification, ProviderStaking, Runtime, RuntimeHoldReason,
	TransactionPayment,
};

parameter_types! {
	pub const MinBond: Balance = MIN_BOND;
	pub const UnbondingPeriod: BlockNumber = UNBONDING_PERIOD;
	pub const SlashWindow: BlockNumber = SLASH_WINDOW;
	pub const ProgramDeposit: Balance = PROGRAM_DEPOSIT;
	pub const DepositBase: Balance = DEPOSIT_PER_ITEM;
	pub const DepositPerByte: Balance = DEPOSIT_PER_BYTE;
	pub const CollateralRatio: Permill = COLLATERAL_SHARE;
	pub const MinCollateral: Balance = MIN_COLLATERAL;
	pub const MinPrice: Balance = MIN_PRICE;
	pub const MinClaimWindow: BlockNumber = MIN_CLAIM_WINDOW;
	pub const MaxClaimWindow: BlockNumber = MAX_CLAIM_WINDOW;
	pub const MaxLifetime: BlockNumber = MAX_LIFETIME;
	pub const MaxInputBytes: u64 = MAX_INPUT_BYTES;
	pub const MaxExpiriesPerBlock: u32 = MAX_EXPIRIES_PER_BLOCK;
}

impl pallet_proof_verification::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	#[cfg(not(feature = "runtime-benchmarks"))]
	type Verifier = pallet_proof_verification::Plonky2Verifier;
	/// Benchmarks make up accounts and orders, for which nobody has proofs. Such a runtime has another name, [`crate::VERSION`].
	#[cfg(feature = "runtime-benchmarks")]
	type Verifier = pallet_proof_verification::AcceptingVerifier;
	type ProgramDeposit = ProgramDeposit;
	type LongestOrder = MaxLifetime;
	type WeightInfo = weights::pallet_proof_verification::WeightInfo<Runtime>;
}

impl pallet_provider_staking::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type MinBond = MinBond;
	type UnbondingPeriod = UnbondingPeriod;
	type LongestClaim = MaxClaimWindow;
	type SlashWindow = SlashWindow;
	type DepositBase = DepositBase;
	type DepositPerByte = DepositPerByte;
	type WeightInfo = weights::pallet_provider_staking::WeightInfo<Runtime>;
}

impl pallet_job_orders::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Programs = ProofVerification;
	type Providers = ProviderStaking;
	type SettlementFee = SettlementFee;
	/// Burnt, as transaction fees are.
	type FeeDestination = ();
	type DepositBase = DepositBase;
	type DepositPerByte = DepositPerByte;
	type CollateralRatio = CollateralRatio;
	type MinCollateral = MinCollateral;
	type MinPrice = MinPrice;
	type MinClaimWindow = MinClaimWindow;
	type MaxClaimWindow = MaxClaimWindow;
	type MaxLifetime = MaxLifetime;
	type MaxInputBytes = MaxInputBytes;
	type MaxExpiriesPerBlock = MaxExpiriesPerBlock;
	type WeightInfo = weights::pallet_job_orders::WeightInfo<Runtime>;
}

/// What a requester prepays for the block space of its order's settlement: the fee that a transaction of
/// this weight and this many bytes would pay in the block of posting, its extensions included.
pub struct SettlementFee;

impl Convert<(Weight, u32), Balance> for SettlementFee {
	fn convert((call_weight, length): (Weight, u32)) -> Balance {
		let info = DispatchInfo {
			call_weight,
			extension_weight: Weight::from_parts(EXTENSIONS_REF_TIME, 0),
			class: DispatchClass::Normal,
			pays_fee: Pays::Yes,
		};
		TransactionPayment::compute_fee(length, &info, 0)
	}
}
