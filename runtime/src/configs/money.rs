//! Balances and transaction fees.

use frame_support::{
	dispatch::DispatchClass,
	parameter_types,
	traits::{ConstU32, ConstU8, VariantCountOf},
	weights::{ConstantMultiplier, Weight, WeightToFee},
};
use lemma_primitives::Balance;
use pallet_transaction_payment::{
	FungibleAdapter, Multiplier, MultiplierUpdate, TargetedFeeAdjustment,
};
use sp_runtime::{
	traits::{Bounded, Convert, One, Saturating},
	FixedPointNumber, Perquintill,
};

use super::system::RuntimeBlockLength;
use crate::{
	constants::money::{EXISTENTIAL_DEPOSIT, FEE_PER_BYTE, FEE_PER_PICOSECOND},
	weights, Balances, Runtime, RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason, System,
	TransactionPayment,
};

parameter_types! {
	pub const ExistentialDeposit: Balance = EXISTENTIAL_DEPOSIT;
	pub const FeePerPicosecond: Balance = FEE_PER_PICOSECOND;
	/// Blocks fuller than this make the next ones dearer, emptier ones cheaper.
	pub const TargetBlockFullness: Perquintill = Perquintill::from_percent(25);
	/// How fast: as on Polkadot, a day of full blocks makes them about twice as dear.
	pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(75, 1_000_000);
	/// Fees never fall below their prices in `constants::money`.
	pub MinimumMultiplier: Multiplier = Multiplier::from_u32(1);
	pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

impl pallet_balances::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeHoldReason = RuntimeHoldReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type WeightInfo = weights::pallet_balances::WeightInfo<Runtime>;
	type Balance = Balance;
	type DustRemoval = ();
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
	type ReserveIdentifier = [u8; 8];
	type FreezeIdentifier = RuntimeFreezeReason;
	// Lemma uses holds; locks and reserves are the old ways.
	type MaxLocks = ConstU32<0>;
	type MaxReserves = ConstU32<0>;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type DoneSlashHandler = ();
}

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	/// Fees are burnt.
	type OnChargeTransaction = FungibleAdapter<Balances, ()>;
	type WeightToFee = ConstantMultiplier<Balance, FeePerPicosecond>;
	type LengthToFee = LengthFee;
	type FeeMultiplierUpdate = FeeAdjustment;
	/// Operational calls, which are root's, have room of their own: they need not push others aside.
	type OperationalFeeMultiplier = ConstU8<0>;
	type WeightInfo = weights::pallet_transaction_payment::WeightInfo<Runtime>;
}

/// How the fee multiplier follows the weight of blocks.
type ByWeight = TargetedFeeAdjustment<
	Runtime,
	TargetBlockFullness,
	AdjustmentVariable,
	MinimumMultiplier,
	MaximumMultiplier,
>;

/// How the fee multiplier follows the weight and the length of blocks, whichever is fuller. A block of
/// proofs is full of bytes long before it is full of weight: see `docs/decisions/0031-fees-follow-length.md`.
pub struct FeeAdjustment;

impl FeeAdjustment {
	/// The multiplier after this block, by its length alone: `previous * (1 + variable * (fullness - target))`.
	fn by_length(previous: Multiplier) -> Multiplier {
		let most = *RuntimeBlockLength::get().max.get(DispatchClass::Normal);
		let fullness = Multiplier::saturating_from_rational(System::block_size(), most.max(1));
		let variable = AdjustmentVariable::get();
		let target = Multiplier::from(TargetBlockFullness::get());
		let change = Multiplier::one()
			.saturating_add(variable.saturating_mul(fullness))
			.saturating_sub(variable.saturating_mul(target));
		previous
			.saturating_mul(change)
			.clamp(Self::min(), Self::max())
	}
}

impl Convert<Multiplier, Multiplier> for FeeAdjustment {
	fn convert(previous: Multiplier) -> Multiplier {
		ByWeight::convert(previous).max(Self::by_length(previous))
	}
}

impl MultiplierUpdate for FeeAdjustment {
	fn min() -> Multiplier {
		ByWeight::min()
	}
	fn max() -> Multiplier {
		ByWeight::max()
	}
	fn target() -> Perquintill {
		ByWeight::target()
	}
	fn variability() -> Multiplier {
		ByWeight::variability()
	}
}

/// The fee for an extrinsic's bytes, which the pallet passes as a weight; as dear as the multiplier says.
pub struct LengthFee;

impl WeightToFee for LengthFee {
	type Balance = Balance;

	fn weight_to_fee(bytes: &Weight) -> Balance {
		let fee = FEE_PER_BYTE.saturating_mul(bytes.ref_time().into());
		TransactionPayment::next_fee_multiplier().saturating_mul_int(fee)
	}
}
