//! The chain under test: a runtime of the three pallets and balances, wired as `runtime/` wires them, with
//! its storage in memory.
//!
//! The proof system is the only part that is not Lemma's own: a proof is a hash of the statement that it
//! proves, so it is accepted for that statement and for no other. Real proofs are tested elsewhere.

use std::collections::BTreeMap;

use codec::Encode;
use frame_support::{
	derive_impl,
	dispatch::{GetDispatchInfo, Pays, PostDispatchInfo},
	parameter_types,
	traits::{ConstU128, ConstU32, ConstU64, GetCallMetadata, OnFinalize, OnIdle, OnInitialize},
	weights::Weight,
};
use lemma_primitives::{
	order::{self, InputSource, OrderSpec, OrderStatus},
	program::{LengthRule, OutputElement},
	provider,
	traits::{ProofError, VerifyProof},
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{Convert, Dispatchable, IdentityLookup},
	AccountId32, BoundedVec, BuildStorage, DispatchError, Permill,
};
use sp_state_machine::BasicExternalities;

use crate::{
	model::{
		Account, Call, Commitment, Fault, Input, Market, Order, Origin, Output, Profile, Program,
		Proof, Rule, Sample, Statement, Status, Terms,
	},
	parameters::{
		Balance, Block as Number, COLLATERAL_PERCENT, DEPOSIT_BASE, DEPOSIT_PER_BYTE,
		EXISTENTIAL_DEPOSIT, MAX_CLAIM_WINDOW, MAX_EXPIRIES_PER_BLOCK, MAX_INPUT_BYTES,
		MAX_LIFETIME, MIN_BOND, MIN_CLAIM_WINDOW, MIN_COLLATERAL, MIN_PRICE, PROGRAM_DEPOSIT,
		PROVIDER_DEPOSIT_BASE, PROVIDER_DEPOSIT_PER_BYTE, SETTLEMENT_FEE_BASE, SLASH_WINDOW,
		UNBONDING_PERIOD,
	},
};

pub type AccountId = AccountId32;
type Block = frame_system::mocking::MockBlockU32<Test>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Registry: pallet_proof_verification,
		Staking: pallet_provider_staking,
		Orders: pallet_job_orders,
	}
);

parameter_types! {
	pub const CollateralRatio: Permill = Permill::from_percent(COLLATERAL_PERCENT as u32);
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

impl pallet_proof_verification::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Verifier = HashVerifier;
	type ProgramDeposit = ConstU128<PROGRAM_DEPOSIT>;
	type LongestOrder = ConstU32<MAX_LIFETIME>;
	type WeightInfo = ();
}

impl pallet_provider_staking::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type MinBond = ConstU128<MIN_BOND>;
	type UnbondingPeriod = ConstU32<UNBONDING_PERIOD>;
	type LongestClaim = ConstU32<MAX_CLAIM_WINDOW>;
	type SlashWindow = ConstU32<SLASH_WINDOW>;
	type DepositBase = ConstU128<PROVIDER_DEPOSIT_BASE>;
	type DepositPerByte = ConstU128<PROVIDER_DEPOSIT_PER_BYTE>;
	type WeightInfo = ();
}

impl pallet_job_orders::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Programs = Registry;
	type Providers = Staking;
	type SettlementFee = LengthFee;
	type FeeDestination = ();
	type DepositBase = ConstU128<DEPOSIT_BASE>;
	type DepositPerByte = ConstU128<DEPOSIT_PER_BYTE>;
	type CollateralRatio = CollateralRatio;
	type MinCollateral = ConstU128<MIN_COLLATERAL>;
	type MinPrice = ConstU128<MIN_PRICE>;
	type MinClaimWindow = ConstU32<MIN_CLAIM_WINDOW>;
	type MaxClaimWindow = ConstU32<MAX_CLAIM_WINDOW>;
	type MaxLifetime = ConstU32<MAX_LIFETIME>;
	type MaxInputBytes = ConstU64<MAX_INPUT_BYTES>;
	type MaxExpiriesPerBlock = ConstU32<{ MAX_EXPIRIES_PER_BLOCK as u32 }>;
	type WeightInfo = pallet_job_orders::weights::HandSetWeight;
}

/// What a settlement's extrinsic has besides its output, bytes: the longest proof, and 512 for the rest.
const SETTLEMENT_BYTES: u32 = 128 * 1024 + 512;

/// A unit for each byte of output, and the base.
pub struct LengthFee;

impl Convert<(Weight, u32), Balance> for LengthFee {
	fn convert((weight, length): (Weight, u32)) -> Balance {
		assert_ne!(weight, Weight::zero());
		SETTLEMENT_FEE_BASE + Balance::from(length - SETTLEMENT_BYTES)
	}
}

/// A proof system in which a proof is a hash of its statement, and one byte asks for an error.
pub struct HashVerifier;

impl VerifyProof for HashVerifier {
	fn verify(said: &lemma_zk_statement::Statement, proof: &[u8]) -> Result<(), ProofError> {
		match proof {
			[0] => Err(ProofError::KeyMalformed),
			[1] => Err(ProofError::StatementNotCanonical),
			[2] => Err(ProofError::TooLong),
			[3] => Err(ProofError::Truncated),
			[4] => Err(ProofError::TrailingBytes),
			[5] => Err(ProofError::NotCanonical),
			proof if proof == hash_of(said.program, said.input, said.binding, said.output) => {
				Ok(())
			}
			_ => Err(ProofError::Invalid),
		}
	}
}

fn hash_of(program: [u8; 32], input: [u8; 32], binding: [u8; 32], output: [u8; 32]) -> [u8; 32] {
	(program, input, binding, output).using_encoded(blake2_256)
}

const GENESIS_HASH: [u8; 32] = [0x69; 32];

// What stands on chain for what the model has by number.

pub fn account_id(who: Account) -> AccountId {
	AccountId::new([who.0 + 1; 32])
}

/// The account with an id.
pub fn account_of(id: &AccountId) -> Account {
	let bytes: &[u8; 32] = id.as_ref();
	Account(bytes[0].wrapping_sub(1))
}

pub fn program_id(program: Program) -> H256 {
	H256([program.0; 32])
}

pub fn commitment(number: Commitment) -> H256 {
	H256([number.0; 32])
}

pub fn element(rule: Rule) -> OutputElement {
	match rule.element {
		1 => OutputElement::U8,
		2 => OutputElement::I16,
		_ => OutputElement::I32,
	}
}

pub fn length_rule(rule: Rule) -> LengthRule {
	LengthRule {
		min: rule.min,
		max: rule.max,
		multiple_of: rule.multiple_of,
	}
}

fn output_bytes(output: Output) -> Vec<u8> {
	vec![output.byte; output.len as usize]
}

pub fn output_root(output: Output) -> H256 {
	lemma_zk_statement::output_root(blake2_256, &output_bytes(output)).into()
}

fn bounded<T, S: frame_support::traits::Get<u32>>(items: Vec<T>) -> BoundedVec<T, S> {
	BoundedVec::try_from(items).unwrap_or_else(|_| panic!("more items than a call can carry"))
}

fn proof_bytes(proof: Proof) -> Vec<u8> {
	match proof {
		Proof::Of(Statement {
			program,
			commitment: input,
			order,
			payee,
			output,
		}) => {
			let payee = account_id(payee);
			let binding = lemma_zk_statement::binding(&GENESIS_HASH, order, payee.as_ref());
			hash_of(
				program_id(program).0,
				commitment(input).0,
				binding,
				output_root(output).0,
			)
			.to_vec()
		}
		Proof::Faulty(fault) => vec![match fault {
			Fault::KeyMalformed => 0,
			Fault::StatementNotCanonical => 1,
			Fault::TooLong => 2,
			Fault::Truncated => 3,
			Fault::TrailingBytes => 4,
			Fault::NotCanonical => 5,
		}],
	}
}

pub fn profile(profile: Profile) -> provider::Profile {
	let endpoint = if profile.endpoint_is_not_text {
		vec![0xff]
	} else {
		vec![b'x'; profile.endpoint as usize]
	};
	let programs = if profile.program_twice {
		vec![H256::zero(); 2]
	} else {
		let programs = 0..u64::from(profile.programs);
		programs.map(H256::from_low_u64_be).collect()
	};
	provider::Profile {
		endpoint: bounded(endpoint),
		backend: provider::Backend::Cpu,
		programs: bounded(programs),
	}
}

pub fn order_spec(terms: &Terms) -> OrderSpec<Balance, Number> {
	let input = match terms.input {
		Input::Inline(len) => InputSource::Inline(bounded(vec![7; len as usize])),
		Input::Stored {
			size,
			locator,
			is_text,
		} => {
			let byte = if is_text { b'x' } else { 0xff };
			InputSource::Stored {
				hash: H256::zero(),
				size,
				locator: bounded(vec![byte; locator as usize]),
			}
		}
	};
	OrderSpec {
		program: program_id(terms.program),
		commitment: commitment(terms.commitment),
		input,
		output_len: terms.output_len,
		min_price: terms.min_price,
		max_price: terms.max_price,
		ramp: terms.ramp,
		claim_window: terms.claim_window,
		lifetime: terms.lifetime,
	}
}

/// An order as the order book must have it.
pub fn order_entry(order: &Order) -> order::Order<AccountId, Balance, Number> {
	let status = match order.status {
		Status::Open => OrderStatus::Open,
		Status::Claimed {
			provider,
			price,
			claimed_at,
		} => OrderStatus::Claimed {
			provider: account_id(provider),
			price,
			claimed_at,
			expires_at: order.status_ends_at(),
		},
		Status::Rescue { missed, price } => OrderStatus::Rescue {
			missed: account_id(missed),
			price,
			bounty: order.bounty(),
		},
	};
	order::Order {
		requester: account_id(order.requester),
		spec: order_spec(&order.terms),
		posted_at: order.posted_at,
		deadline: order.deadline(),
		collateral: order.terms.collateral(),
		deposit: order.terms.deposit(),
		settlement_fee: order.terms.settlement_fee(),
		status,
	}
}

fn sample(sample: Sample) -> pallet_proof_verification::Sample {
	pallet_proof_verification::Sample {
		commitment: commitment(sample.commitment),
		output: bounded(output_bytes(sample.output)),
		proof: bounded(proof_bytes(sample.proof)),
	}
}

pub const DESCRIPTION: H256 = H256([0xdd; 32]);

fn runtime_call(call: &Call) -> RuntimeCall {
	type Money = pallet_balances::Call<Test>;
	type Book = pallet_job_orders::Call<Test>;
	type Programs = pallet_proof_verification::Call<Test>;
	type Providers = pallet_provider_staking::Call<Test>;

	match call.clone() {
		Call::PostOrder(terms) => Book::post_order {
			spec: order_spec(&terms),
		}
		.into(),
		Call::CancelOrder(id) => Book::cancel_order { id }.into(),
		Call::ClaimOrder(id, meant) => Book::claim_order {
			id,
			terms: meant.map_or(H256::zero(), |order| order_entry(&order).terms_hash()),
		}
		.into(),
		Call::SubmitResult(id, output, proof) => Book::submit_result {
			id,
			output: bounded(output_bytes(output)),
			proof: bounded(proof_bytes(proof)),
		}
		.into(),
		Call::RemoveReceipt(id) => Book::remove_receipt { id }.into(),

		Call::RegisterProvider(bond, of) => Providers::register_provider {
			bond,
			profile: profile(of),
		}
		.into(),
		Call::BondMore(amount) => Providers::bond_more { amount }.into(),
		Call::Unbond(amount) => Providers::unbond { amount }.into(),
		Call::WithdrawUnbonded => Providers::withdraw_unbonded {}.into(),
		Call::SetOperators(operators) => Providers::set_operators {
			operators: bounded(operators.into_iter().map(account_id).collect()),
		}
		.into(),
		Call::UpdateProvider(of) => Providers::update_provider {
			profile: profile(of),
		}
		.into(),
		Call::Deregister => Providers::deregister {}.into(),
		Call::JoinProvider(cold) => Providers::join_provider {
			provider: account_id(cold),
		}
		.into(),
		Call::LeaveProvider => Providers::leave_provider {}.into(),

		Call::RegisterProgram(program, rule, of) => Programs::register_program {
			id: program_id(program),
			element: element(rule),
			length: length_rule(rule),
			description: DESCRIPTION,
			sample: sample(of),
		}
		.into(),
		Call::RetireProgram(program) => Programs::retire_program {
			id: program_id(program),
		}
		.into(),
		Call::RemoveProgram(program) => Programs::remove_program {
			id: program_id(program),
		}
		.into(),

		Call::Transfer(to, value, false) => Money::transfer_allow_death {
			dest: account_id(to),
			value,
		}
		.into(),
		Call::Transfer(to, value, true) => Money::transfer_keep_alive {
			dest: account_id(to),
			value,
		}
		.into(),
		Call::TransferAll(to, keep_alive) => Money::transfer_all {
			dest: account_id(to),
			keep_alive,
		}
		.into(),
		Call::Burn(value, keep_alive) => Money::burn { value, keep_alive }.into(),
	}
}

/// What became of a call.
pub struct Outcome {
	/// Pallet and name of the call.
	pub name: (&'static str, &'static str),
	/// The name of the error, if it failed.
	pub result: Result<(), &'static str>,
}

/// Keys and values of a chain's storage.
pub type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// A chain in memory, without tries: their roots are nobody's concern here.
pub struct Chain {
	storage: BasicExternalities,
	extrinsic: u32,
}

impl Chain {
	/// A chain at its first block with what a market starts with.
	pub fn new(market: &Market) -> Self {
		let mut storage = frame_system::GenesisConfig::<Test>::default()
			.build_storage()
			.expect("system's genesis is valid");
		pallet_balances::GenesisConfig::<Test> {
			balances: market
				.free
				.iter()
				.map(|(who, amount)| (account_id(*who), *amount))
				.collect(),
			dev_accounts: None,
		}
		.assimilate_storage(&mut storage)
		.expect("the balances are valid");
		pallet_proof_verification::GenesisConfig::<Test> {
			programs: market
				.programs
				.iter()
				.map(|(program, entry)| {
					let (element, length) = (element(entry.rule), length_rule(entry.rule));
					(program_id(*program), element, length, DESCRIPTION)
				})
				.collect(),
			_config: Default::default(),
		}
		.assimilate_storage(&mut storage)
		.expect("the programs are valid");
		let mut chain = Self {
			storage: storage.top.into(),
			extrinsic: 0,
		};
		chain.run(|| {
			frame_system::BlockHash::<Test>::insert(0, H256(GENESIS_HASH));
			System::set_block_number(0);
		});
		chain.start_block();
		chain
	}

	/// A chain with these contents, at the beginning of a block.
	pub fn with(contents: Contents) -> Self {
		Self {
			storage: contents.into(),
			extrinsic: 0,
		}
	}

	/// Runs something on the chain's storage.
	pub fn run<R>(&mut self, work: impl FnOnce() -> R) -> R {
		self.storage.execute_with(work)
	}

	/// All keys and values.
	pub fn contents(&mut self) -> Contents {
		let contents = std::mem::take(&mut self.storage).into_storages().top;
		self.storage = Self::with(contents.clone()).storage;
		contents
	}

	/// Ends the block and starts the next, with all hooks of all pallets.
	pub fn next_block(&mut self) {
		self.run(|| {
			let now = System::block_number();
			AllPalletsWithSystem::on_idle(now, Weight::MAX);
			AllPalletsWithSystem::on_finalize(now);
		});
		self.start_block();
	}

	fn start_block(&mut self) {
		self.extrinsic = 0;
		self.run(|| {
			let now = System::block_number() + 1;
			System::reset_events();
			System::set_block_number(now);
			AllPalletsWithSystem::on_initialize(now);
		});
	}

	/// Comes to the block's next extrinsic.
	pub fn next_extrinsic(&mut self) {
		self.extrinsic += 1;
		let extrinsic = self.extrinsic;
		self.run(|| System::set_extrinsic_index(extrinsic));
	}

	/// Makes a call as an extrinsic does.
	pub fn call(&mut self, origin: Origin, call: &Call) -> Result<Outcome, String> {
		let call = runtime_call(call);
		let metadata = call.get_call_metadata();
		let name = (metadata.pallet_name, metadata.function_name);
		let declared = call.get_dispatch_info().call_weight;
		let free_if_done = name.1 == "submit_result";
		let origin = match origin {
			Origin::Signed(who) => RuntimeOrigin::signed(account_id(who)),
			Origin::Root => RuntimeOrigin::root(),
			Origin::Nobody => RuntimeOrigin::none(),
		};
		let result = self.run(|| call.dispatch(origin));
		let info = match &result {
			Ok(info) => info,
			Err(error) => &error.post_info,
		};
		check_charge(info, declared, result.is_ok() && free_if_done)?;
		let result = result.map(drop).map_err(|error| name_of(error.error));
		Ok(Outcome { name, result })
	}
}

/// A settlement is free, all else is not, and nothing weighs more than was declared.
fn check_charge(info: &PostDispatchInfo, declared: Weight, is_free: bool) -> Result<(), String> {
	if info
		.actual_weight
		.is_some_and(|actual| !actual.all_lte(declared))
	{
		return Err(format!("{info:?} is more than the declared {declared:?}"));
	}
	if (info.pays_fee == Pays::No) != is_free {
		return Err(format!("pays {:?}", info.pays_fee));
	}
	Ok(())
}

fn name_of(error: DispatchError) -> &'static str {
	error.into()
}
