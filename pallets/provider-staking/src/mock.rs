//! A runtime of this pallet and balances.

use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{fungible::InspectHold, ConstU128, ConstU32, ConstU64, Hooks},
};
use lemma_primitives::{
	provider::{Backend, Profile, MAX_ADVERTISED_PROGRAMS, MAX_ENDPOINT_BYTES},
	traits::Providers as _,
	ProgramId,
};
use sp_runtime::{BuildStorage, DispatchError};

use crate as pallet_provider_staking;
use crate::{HoldReason, ProviderOf};

type Block = frame_system::mocking::MockBlock<Test>;
pub(crate) type AccountId = u64;
pub(crate) type Balance = u128;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Staking: pallet_provider_staking,
	}
);

/// Cold accounts with money.
pub(crate) const ALICE: AccountId = 1;
pub(crate) const BOB: AccountId = 2;
/// Hot keys with a little money.
pub(crate) const HOT: AccountId = 11;
pub(crate) const HOTTER: AccountId = 12;
/// A requester with money.
pub(crate) const REQUESTER: AccountId = 21;
/// An account that does not exist.
pub(crate) const STRANGER: AccountId = 99;

pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 10;
pub(crate) const ENDOWMENT: Balance = 10_000;
pub(crate) const LEAST_BOND: Balance = 100;
/// The deposit for [`profile`]: 50, and two for each byte. Four amounts (64), three counts (24), a block (8);
/// 16 chunks of 24 and 8 operators of 8, each list with its length (385, 65); twice 8 accounts, by which the
/// operators act (128); the profile (22).
pub(crate) const DEPOSIT: Balance = 50 + 2 * (64 + 24 + 8 + 385 + 65 + 128 + 22);
pub(crate) const UNBONDING_BLOCKS: u64 = 30;

parameter_types! {
	/// Changed by the test of the integrity test.
	pub static UnbondingPeriod: u64 = UNBONDING_BLOCKS;
	pub static MinBond: Balance = LEAST_BOND;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type MaxLocks = ConstU32<0>;
}

impl pallet_provider_staking::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type MinBond = MinBond;
	type UnbondingPeriod = UnbondingPeriod;
	type LongestClaim = ConstU64<20>;
	type SlashWindow = ConstU64<5>;
	type DepositBase = ConstU128<50>;
	type DepositPerByte = ConstU128<2>;
	type WeightInfo = ();
}

/// A chain with the accounts above, at its first block.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("system's genesis is valid");
	pallet_balances::GenesisConfig::<Test> {
		balances: [ALICE, BOB, HOT, HOTTER, REQUESTER]
			.map(|who| (who, ENDOWMENT))
			.to_vec(),
		dev_accounts: None,
	}
	.assimilate_storage(&mut storage)
	.expect("the balances are valid");
	let mut externalities = sp_io::TestExternalities::new(storage);
	externalities.execute_with(|| System::set_block_number(1));
	externalities
}

/// Runs a test, and checks the invariants after it.
pub(crate) fn run(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		let issued = Balances::total_issuance();
		test();
		assert_ok!(Staking::do_try_state());
		assert_eq!(
			Balances::total_issuance() + burned(),
			issued,
			"only a slash that nobody can receive burns money"
		);
	});
}

/// What slashes have burned, by the events.
fn burned() -> Balance {
	events()
		.into_iter()
		.map(|event| match event {
			crate::Event::BondSlashed { burned, .. } => burned,
			_ => 0,
		})
		.sum()
}

/// This pallet's events so far.
pub(crate) fn events() -> Vec<crate::Event<Test>> {
	System::events()
		.into_iter()
		.filter_map(|record| match record.event {
			RuntimeEvent::Staking(event) => Some(event),
			_ => None,
		})
		.collect()
}

/// The last of this pallet's events.
pub(crate) fn last_event() -> crate::Event<Test> {
	events().pop().expect("the pallet has emitted an event")
}

/// The longest profile there can be.
pub(crate) fn longest_profile() -> Profile {
	let programs: Vec<_> = (0..MAX_ADVERTISED_PROGRAMS)
		.map(|n| ProgramId::from_low_u64_be(n.into()))
		.collect();
	Profile {
		endpoint: vec![b'x'; MAX_ENDPOINT_BYTES as usize]
			.try_into()
			.expect("just fits"),
		backend: Backend::Cuda,
		programs: programs.try_into().expect("just fit"),
	}
}

pub(crate) fn profile() -> Profile {
	Profile {
		endpoint: b"https://gpu.example"
			.to_vec()
			.try_into()
			.expect("short enough"),
		backend: Backend::Cuda,
		programs: Default::default(),
	}
}

/// Registers `who` with a bond.
pub(crate) fn register(who: AccountId, bond: Balance) {
	assert_ok!(Staking::register_provider(
		RuntimeOrigin::signed(who),
		bond,
		profile()
	));
}

/// Names `operators` for `who`, and has all of them join.
pub(crate) fn employ(who: AccountId, operators: &[AccountId]) {
	let list = operators.to_vec().try_into().expect("few enough");
	assert_ok!(Staking::set_operators(RuntimeOrigin::signed(who), list));
	for operator in operators {
		assert_ok!(Staking::join_provider(
			RuntimeOrigin::signed(*operator),
			who
		));
	}
}

pub(crate) fn provider(who: AccountId) -> ProviderOf<Test> {
	Staking::provider(who).expect("is a provider")
}

pub(crate) fn held(who: AccountId) -> Balance {
	Balances::balance_on_hold(&HoldReason::Bond.into(), &who)
}

/// What is held for storage.
pub(crate) fn deposit(who: AccountId) -> Balance {
	Balances::balance_on_hold(&HoldReason::Deposit.into(), &who)
}

pub(crate) fn free(who: AccountId) -> Balance {
	Balances::free_balance(who)
}

pub(crate) fn commit(who: AccountId, amount: Balance) {
	assert_ok!(Staking::commit(&who, amount));
}

pub(crate) fn slash(
	who: AccountId,
	amount: Balance,
	beneficiary: AccountId,
) -> Result<Balance, DispatchError> {
	Staking::slash(&who, amount, &beneficiary)
}

pub(crate) fn skip_blocks(blocks: u64) {
	System::set_block_number(System::block_number() + blocks);
}

/// Runs the pallet's check of its constants.
pub(crate) fn integrity_test() {
	<Staking as Hooks<u64>>::integrity_test();
}
