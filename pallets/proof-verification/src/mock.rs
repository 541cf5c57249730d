//! A runtime of this pallet and balances, with a proof system that the test chooses.

use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{fungible::InspectHold, ConstU128, ConstU64},
};
use lemma_primitives::{
	program::{LengthRule, OutputElement},
	traits::{ProofError, VerifyProof},
	ProgramId,
};
use lemma_zk_statement::Statement;
use sp_core::H256;
use sp_runtime::{traits::IdentityLookup, AccountId32, BuildStorage};

use crate as pallet_proof_verification;
use crate::{HoldReason, Plonky2Verifier, Sample, SAMPLE_ORDER};

type Block = frame_system::mocking::MockBlock<Test>;
pub(crate) type AccountId = AccountId32;
pub(crate) type Balance = u128;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Registry: pallet_proof_verification,
	}
);

/// Accounts with money.
pub(crate) const ALICE: AccountId = AccountId32::new([1; 32]);
pub(crate) const BOB: AccountId = AccountId32::new([2; 32]);
/// An account with the existential deposit only.
pub(crate) const POOR: AccountId = AccountId32::new([3; 32]);

pub(crate) const ENDOWMENT: Balance = 1_000;
pub(crate) const DEPOSIT: Balance = 100;
pub(crate) const LONGEST_ORDER: u64 = 50;

/// What genesis registers: int32, multiples of four bytes, up to 1 MiB.
pub(crate) const GENESIS_PROGRAM: ProgramId = H256([7; 32]);
/// What tests register.
pub(crate) const PROGRAM: ProgramId = H256([8; 32]);
pub(crate) const COMMITMENT: H256 = H256([9; 32]);
pub(crate) const DESCRIPTION: H256 = H256([0xdd; 32]);
/// Four big numbers, none below p.
pub(crate) const NOT_CANONICAL: H256 = H256([0xff; 32]);

pub(crate) const RULE: LengthRule = LengthRule {
	min: 4,
	max: 1 << 20,
	multiple_of: 4,
};

parameter_types! {
	/// Whether proofs are verified by the real proof system.
	pub static RealProofs: bool = false;
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
	type ExistentialDeposit = ConstU128<1>;
}

impl pallet_proof_verification::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Verifier = ChosenVerifier;
	type ProgramDeposit = ConstU128<DEPOSIT>;
	type LongestOrder = ConstU64<LONGEST_ORDER>;
	type WeightInfo = ();
}

/// For tests of the registry, a proof is the statement itself, so that it shows whether the pallet asks
/// about the right one; the tests of real proofs switch to the real system.
pub struct ChosenVerifier;

impl VerifyProof for ChosenVerifier {
	fn verify(statement: &Statement, proof: &[u8]) -> Result<(), ProofError> {
		if RealProofs::get() {
			return Plonky2Verifier::verify(statement, proof);
		}
		// A proof of one byte asks for an error.
		match proof {
			[0] => Err(ProofError::KeyMalformed),
			[1] => Err(ProofError::StatementNotCanonical),
			[2] => Err(ProofError::TooLong),
			[3] => Err(ProofError::Truncated),
			[4] => Err(ProofError::TrailingBytes),
			[5] => Err(ProofError::NotCanonical),
			proof if proof == spelled_out(statement) => Ok(()),
			_ => Err(ProofError::Invalid),
		}
	}
}

/// The mock's proof of a statement.
pub(crate) fn spelled_out(statement: &Statement) -> Vec<u8> {
	format!("{statement:?}").into_bytes()
}

/// The mock's proof that `output` is that of `program` on [`COMMITMENT`], for a binding.
pub(crate) fn proof_of(
	program: ProgramId,
	binding: H256,
	element: OutputElement,
	output: &[u8],
) -> Vec<u8> {
	let statement = Statement::of_result(
		program.0,
		binding.0,
		COMMITMENT.0,
		element,
		output,
		lemma_zk_statement::blake2_256,
	);
	spelled_out(&statement.expect("the output is of whole elements"))
}

/// The binding of an order number and an account to the mock's chain.
pub(crate) fn binding(order: u64, who: &AccountId) -> H256 {
	let genesis = System::block_hash(0);
	assert_ne!(genesis, H256::zero(), "the mock has a genesis hash");
	lemma_zk_statement::binding(&genesis.0, order, who.as_ref()).into()
}

/// A sample of [`PROGRAM`] that `who` has made: eight bytes of int32.
pub(crate) fn sample_of(who: &AccountId) -> Sample {
	let output = vec![1, 2, 3, 4, 5, 6, 7, 8];
	let proof = proof_of(
		PROGRAM,
		binding(SAMPLE_ORDER, who),
		OutputElement::I32,
		&output,
	);
	Sample {
		commitment: COMMITMENT,
		output: output.try_into().expect("short"),
		proof: proof.try_into().expect("short"),
	}
}

/// Registers [`PROGRAM`] for `who`.
pub(crate) fn register(who: &AccountId) {
	assert_ok!(Registry::register_program(
		RuntimeOrigin::signed(who.clone()),
		PROGRAM,
		OutputElement::I32,
		RULE,
		DESCRIPTION,
		sample_of(who),
	));
}

pub(crate) fn held(who: &AccountId) -> Balance {
	Balances::balance_on_hold(&HoldReason::ProgramDeposit.into(), who)
}

/// The last of this pallet's events.
pub(crate) fn last_event() -> crate::Event<Test> {
	System::events()
		.into_iter()
		.rev()
		.find_map(|record| match record.event {
			RuntimeEvent::Registry(event) => Some(event),
			_ => None,
		})
		.expect("the pallet has emitted an event")
}

/// A genesis with these programs.
pub(crate) fn genesis(
	programs: Vec<(ProgramId, OutputElement, LengthRule, H256)>,
) -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("system's genesis is valid");
	pallet_balances::GenesisConfig::<Test> {
		balances: vec![(ALICE, ENDOWMENT), (BOB, ENDOWMENT), (POOR, 1)],
		dev_accounts: None,
	}
	.assimilate_storage(&mut storage)
	.expect("the balances are valid");
	pallet_proof_verification::GenesisConfig::<Test> {
		programs,
		_config: Default::default(),
	}
	.assimilate_storage(&mut storage)
	.expect("the programs are valid");
	let mut externalities = sp_io::TestExternalities::new(storage);
	externalities.execute_with(|| System::set_block_number(1));
	externalities
}

/// A chain with the accounts above and [`GENESIS_PROGRAM`], at its first block.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	genesis(vec![(
		GENESIS_PROGRAM,
		OutputElement::I32,
		RULE,
		DESCRIPTION,
	)])
}

/// Runs a test, and checks the invariants after it.
pub(crate) fn run(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		RealProofs::set(false);
		test();
		assert_ok!(Registry::do_try_state());
	});
}
