//! A runtime of this pallet, balances and the real staking pallet. Programs are a table, and a proof is a
//! hash of all that a real one speaks of, so a result of something else is refused here as well.

use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{
		fungible::InspectHold, tokens::imbalance::ResolveTo, ConstU128, ConstU32, ConstU64, Hooks,
	},
	weights::Weight,
};
use lemma_primitives::{
	order::{InputSource, OrderStatus},
	program::{LengthRule, OutputElement},
	provider::{Backend, Profile},
	traits::{ClaimedResult, ProgramRules, Programs, Providers, Settlement},
	InputCommitment, OrderId, ProgramId,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{Convert, IdentityLookup},
	AccountId32, BuildStorage, DispatchError, DispatchResult, Permill,
};

use crate as pallet_job_orders;
use crate::{HoldReason, OrderOf, OrderSpecOf, ReceiptOf};

type Block = frame_system::mocking::MockBlockU32<Test>;
pub(crate) type AccountId = AccountId32;
pub(crate) type Balance = u128;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Staking: pallet_provider_staking,
		JobOrders: pallet_job_orders,
	}
);

/// Requesters, with money.
pub(crate) const ALICE: AccountId = AccountId32::new([1; 32]);
pub(crate) const BOB: AccountId = AccountId32::new([2; 32]);
/// Providers, with a bond.
pub(crate) const CAROL: AccountId = AccountId32::new([3; 32]);
pub(crate) const DAVE: AccountId = AccountId32::new([4; 32]);
/// Carol's operator, with a little money.
pub(crate) const HOT: AccountId = AccountId32::new([5; 32]);
/// Somebody with money and no role.
pub(crate) const EVE: AccountId = AccountId32::new([6; 32]);
/// An account that does not exist.
pub(crate) const NOBODY: AccountId = AccountId32::new([7; 32]);
/// Where fees go.
pub(crate) const FEES: AccountId = AccountId32::new([8; 32]);

pub(crate) const EXISTENTIAL_DEPOSIT: Balance = 10;
pub(crate) const ENDOWMENT: Balance = 100_000;
pub(crate) const BOND: Balance = 50_000;
pub(crate) const DEPOSIT_BASE: Balance = 100;
pub(crate) const MIN_COLLATERAL: Balance = 25;
pub(crate) const LOWEST_PRICE: Balance = 20;
pub(crate) const SHORTEST_WINDOW: u32 = 5;
pub(crate) const LONGEST_WINDOW: u32 = 50;
pub(crate) const MAX_LIFETIME: u32 = 1_000;
pub(crate) const MAX_INPUT_BYTES: u64 = 1 << 30;
pub(crate) const MAX_EXPIRIES: u32 = 4;

pub(crate) const GENESIS: H256 = H256([0x69; 32]);
pub(crate) const PROGRAM: ProgramId = H256([0xa0; 32]);
pub(crate) const OTHER_PROGRAM: ProgramId = H256([0xa1; 32]);
pub(crate) const UNKNOWN_PROGRAM: ProgramId = H256([0xa2; 32]);

parameter_types! {
	pub const CollateralRatio: Permill = Permill::from_percent(50);
	pub FeeAccount: AccountId = FEES;
	/// Whether the programs are retired.
	pub static ProgramsRetired: bool = false;
	/// While set, slashing fails, as if an invariant of staking were broken.
	pub static SlashingFails: bool = false;
	/// Changed by the tests of the integrity test.
	pub static MinClaimWindow: u32 = SHORTEST_WINDOW;
	pub static MaxClaimWindow: u32 = LONGEST_WINDOW;
	pub static MaxExpiriesPerBlock: u32 = MAX_EXPIRIES;
	pub static MinPrice: Balance = LOWEST_PRICE;
	/// What a verification takes besides its bytes.
	pub static VerificationTime: u64 = 1_000_000;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
}

impl pallet_provider_staking::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type MinBond = ConstU128<1_000>;
	type UnbondingPeriod = ConstU32<200>;
	type LongestClaim = ConstU32<LONGEST_WINDOW>;
	type SlashWindow = ConstU32<100>;
	type DepositBase = ConstU128<DEPOSIT_BASE>;
	type DepositPerByte = ConstU128<1>;
	type WeightInfo = ();
}

impl pallet_job_orders::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Programs = TablePrograms;
	type Providers = BreakableStaking;
	type SettlementFee = LengthFee;
	type FeeDestination = ResolveTo<FeeAccount, Balances>;
	type DepositBase = ConstU128<DEPOSIT_BASE>;
	type DepositPerByte = ConstU128<1>;
	type CollateralRatio = CollateralRatio;
	type MinCollateral = ConstU128<MIN_COLLATERAL>;
	type MinPrice = MinPrice;
	type MinClaimWindow = MinClaimWindow;
	type MaxClaimWindow = MaxClaimWindow;
	type MaxLifetime = ConstU32<MAX_LIFETIME>;
	type MaxInputBytes = ConstU64<MAX_INPUT_BYTES>;
	type MaxExpiriesPerBlock = MaxExpiriesPerBlock;
	type WeightInfo = crate::weights::HandSetWeight;
}

/// One unit for 64 KiB begun: small enough to fund, and different for different lengths.
pub struct LengthFee;

impl Convert<(Weight, u32), Balance> for LengthFee {
	fn convert((weight, length): (Weight, u32)) -> Balance {
		assert_ne!(weight, Weight::zero());
		Balance::from(length.div_ceil(1 << 16))
	}
}

/// Two programs, alike.
pub struct TablePrograms;

impl Programs for TablePrograms {
	fn rules(program: &ProgramId) -> Option<ProgramRules> {
		let known = [PROGRAM, OTHER_PROGRAM].contains(program);
		known.then_some(ProgramRules {
			element: OutputElement::I32,
			length: LengthRule {
				min: 8,
				max: 1 << 30,
				multiple_of: 4,
			},
			active: !ProgramsRetired::get(),
		})
	}

	fn verify(result: ClaimedResult<'_>, proof: &[u8]) -> Result<H256, DispatchError> {
		if proof == proof_of(&result) {
			Ok(root_of(result.output))
		} else {
			Err(INVALID)
		}
	}

	fn verify_weight(output_len: u32, proof_len: u32) -> Weight {
		let bytes = u64::from(output_len) + u64::from(proof_len);
		Weight::from_parts(VerificationTime::get() + bytes, 0)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn sample() -> Option<(ProgramId, InputCommitment, Vec<u8>, Vec<u8>)> {
		Some((PROGRAM, H256::zero(), OUTPUT.to_vec(), vec![]))
	}
}

impl TablePrograms {
	/// Weight of verification: `Programs::verify_weight` without having to name the trait.
	pub(crate) fn verify_weight_of(output_len: u32, proof_len: u32) -> Weight {
		<Self as Programs>::verify_weight(output_len, proof_len)
	}
}

/// The real staking pallet, until a test breaks it.
pub struct BreakableStaking;

impl Providers<AccountId, Balance> for BreakableStaking {
	fn provider_of(who: &AccountId) -> Option<AccountId> {
		<Staking as Providers<_, _>>::provider_of(who)
	}
	fn commit(provider: &AccountId, amount: Balance) -> DispatchResult {
		<Staking as Providers<_, _>>::commit(provider, amount)
	}
	fn release(provider: &AccountId, amount: Balance) -> DispatchResult {
		<Staking as Providers<_, _>>::release(provider, amount)
	}
	fn slash(
		provider: &AccountId,
		amount: Balance,
		beneficiary: &AccountId,
	) -> Result<Balance, DispatchError> {
		let slashed = <Staking as Providers<_, _>>::slash(provider, amount, beneficiary)?;
		// After the fact: what a failing change has done so far must be undone.
		if SlashingFails::get() {
			return Err(DispatchError::Corruption);
		}
		Ok(slashed)
	}
	fn record(provider: &AccountId, settlement: Settlement<Balance>) {
		<Staking as Providers<_, _>>::record(provider, settlement)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn register_for_benchmark(
		who: &AccountId,
		operator: &AccountId,
		bond: Balance,
	) -> DispatchResult {
		<Staking as Providers<_, _>>::register_for_benchmark(who, operator, bond)
	}
}

/// What the mock says to a proof of anything else.
pub(crate) const INVALID: DispatchError =
	DispatchError::Other("the proof is not for this statement");

/// An output of the right length for [`spec`].
pub(crate) const OUTPUT: [u8; 16] = [9; 16];

/// The mock's proof of a result.
fn proof_of(result: &ClaimedResult<'_>) -> Vec<u8> {
	use codec::Encode;
	let said = (
		result.program,
		result.commitment,
		result.binding,
		result.output,
	);
	said.using_encoded(blake2_256).to_vec()
}

/// The mock's root of an output.
pub(crate) fn root_of(output: &[u8]) -> H256 {
	blake2_256(output).into()
}

/// A valid proof that `OUTPUT` is the result of an order of [`spec`]'s terms, bound to `payee`.
pub(crate) fn proof(id: OrderId, payee: &AccountId) -> Vec<u8> {
	let spec = spec();
	// Spelled out rather than asked of the pallet: this is what provers compute.
	let binding = lemma_zk_statement::binding(&GENESIS.0, id, payee.as_ref());
	proof_of(&ClaimedResult {
		program: spec.program,
		commitment: spec.commitment,
		binding: binding.into(),
		output: &OUTPUT,
	})
}

/// Terms that tests start from: a price from 100 to 1,000 in 10 blocks, a window of 20 of 100 blocks.
pub(crate) fn spec() -> OrderSpecOf<Test> {
	OrderSpecOf::<Test> {
		program: PROGRAM,
		commitment: commitment(),
		input: InputSource::Inline(vec![1, 2, 3].try_into().expect("short enough")),
		output_len: OUTPUT.len() as u32,
		min_price: 100,
		max_price: 1_000,
		ramp: 10,
		claim_window: 20,
		lifetime: 100,
	}
}

pub(crate) fn commitment() -> InputCommitment {
	let mut bytes = [0; 32];
	bytes[0] = 42;
	bytes.into()
}

/// The collateral of an order of [`spec`]'s terms.
pub(crate) const COLLATERAL: Balance = 500;

/// A chain with the accounts above, both providers bonded, at its first block.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("system's genesis is valid");
	pallet_balances::GenesisConfig::<Test> {
		balances: [ALICE, BOB, CAROL, DAVE, EVE, HOT]
			.map(|who| (who, ENDOWMENT))
			.into_iter()
			.chain([(FEES, EXISTENTIAL_DEPOSIT)])
			.collect(),
		dev_accounts: None,
	}
	.assimilate_storage(&mut storage)
	.expect("the balances are valid");
	let mut externalities = sp_io::TestExternalities::new(storage);
	externalities.execute_with(|| {
		frame_system::BlockHash::<Test>::insert(0, GENESIS);
		start_block(1);
		for who in [CAROL, DAVE] {
			let profile = Profile {
				endpoint: Default::default(),
				backend: Backend::Cuda,
				programs: Default::default(),
			};
			let origin = RuntimeOrigin::signed(who);
			assert_ok!(Staking::register_provider(origin, BOND, profile));
		}
		let operators = vec![HOT].try_into().expect("few enough");
		assert_ok!(Staking::set_operators(
			RuntimeOrigin::signed(CAROL),
			operators
		));
		assert_ok!(Staking::join_provider(RuntimeOrigin::signed(HOT), CAROL));
		System::reset_events();
	});
	externalities
}

/// Runs a test, and checks after it every invariant, and that no money was made or lost.
pub(crate) fn run(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		let issued = Balances::total_issuance();
		test();
		check_invariants();
		assert_eq!(Balances::total_issuance(), issued, "money was made or lost");
	});
}

/// Checks every invariant of both pallets, and the one between them.
pub(crate) fn check_invariants() {
	assert_ok!(JobOrders::do_try_state(System::block_number()));
	for (who, provider) in pallet_provider_staking::Providers::<Test>::iter() {
		let committed: Balance = crate::Orders::<Test>::iter_values()
			.filter_map(|order| match order.status {
				OrderStatus::Claimed { provider, .. } if provider == who => Some(order.collateral),
				_ => None,
			})
			.sum();
		assert_eq!(
			provider.committed, committed,
			"staking commits what the claims say"
		);
	}
}

/// Starts a block, in which extrinsics have index 3, without doing what is due at it.
pub(crate) fn start_block(number: u32) {
	System::set_block_number(number);
	System::set_extrinsic_index(3);
}

/// Goes on to a block, doing in each what is due. What the last one weighed.
pub(crate) fn run_to(number: u32) -> Weight {
	let mut weight = Weight::zero();
	while System::block_number() < number {
		start_block(System::block_number() + 1);
		weight = JobOrders::on_initialize(System::block_number());
	}
	weight
}

/// Posts an order of [`spec`]'s terms for `who`.
pub(crate) fn post(who: AccountId) -> OrderId {
	post_spec(who, spec())
}

pub(crate) fn post_spec(who: AccountId, spec: OrderSpecOf<Test>) -> OrderId {
	let id = crate::NextOrderId::<Test>::get();
	assert_ok!(JobOrders::post_order(RuntimeOrigin::signed(who), spec));
	id
}

pub(crate) fn claim(who: AccountId, id: OrderId) {
	let terms = order(id).terms_hash();
	assert_ok!(JobOrders::claim_order(
		RuntimeOrigin::signed(who),
		id,
		terms
	));
}

/// Submits [`OUTPUT`] with a proof.
pub(crate) fn submit(
	who: AccountId,
	id: OrderId,
	proof: Vec<u8>,
) -> frame_support::dispatch::DispatchResultWithPostInfo {
	let output = OUTPUT.to_vec().try_into().expect("short enough");
	let proof = proof.try_into().expect("short enough");
	// As an extrinsic does: an error undoes everything.
	frame_support::storage::with_storage_layer(|| {
		JobOrders::submit_result(RuntimeOrigin::signed(who), id, output, proof)
	})
}

pub(crate) fn order(id: OrderId) -> OrderOf<Test> {
	JobOrders::order(id).expect("the order is live")
}

pub(crate) fn receipt(id: OrderId) -> ReceiptOf<Test> {
	JobOrders::receipt(id).expect("the order has a receipt")
}

pub(crate) fn free(who: &AccountId) -> Balance {
	Balances::free_balance(who)
}

pub(crate) fn on_hold(reason: HoldReason, who: &AccountId) -> Balance {
	Balances::balance_on_hold(&reason.into(), who)
}

/// All that this pallet holds of `who`: escrow, deposit, settlement fee, bounty.
pub(crate) fn holds(who: &AccountId) -> [Balance; 4] {
	[
		HoldReason::Escrow,
		HoldReason::Deposit,
		HoldReason::SettlementFee,
		HoldReason::Bounty,
	]
	.map(|reason| on_hold(reason, who))
}

/// A provider's bond and how much of it is committed.
pub(crate) fn bond(who: &AccountId) -> (Balance, Balance) {
	let provider = Staking::provider(who.clone()).expect("is a provider");
	(provider.active, provider.committed)
}

/// This pallet's events so far, which are then forgotten.
pub(crate) fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}
