//! What a block can hold, and what happens when more falls due than it can do.

use codec::Encode;
use frame_support::{
	assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::{fungible::InspectHold, Hooks},
	weights::Weight,
};
use lemma_primitives::{BlockNumber, MAX_OUTPUT_BYTES, UNIT};
use lemma_runtime::{
	configs::system::{RuntimeBlockLength, RuntimeBlockWeights},
	constants::{
		block::MAX_REF_TIME,
		market::{MAX_EXPIRIES_PER_BLOCK, MIN_CLAIM_WINDOW},
		money::MILLI,
	},
	AccountId, Balances, JobOrders, JobOrdersCall, ProviderStaking, Runtime, RuntimeCall,
	RuntimeEvent, RuntimeOrigin, System,
};
use pallet_job_orders::LiveOrders;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob};
use sp_runtime::transaction_validity::InvalidTransaction;

use crate::{
	chain::{development, Chain},
	market::{claim_here, post, register, submit},
	proof::Job,
};

/// A chain on which Bob has claimed so many orders of a job, and his submissions of their results.
pub fn claimed(job: &Job, orders: u64) -> (Chain, Vec<(Sr25519Keyring, RuntimeCall)>) {
	let mut chain = Chain::development();
	chain
		.call(Bob, register(10_000 * UNIT))
		.expect("Bob registers");
	for outcome in chain.block((0..orders).map(|_| (Alice, post(job))).collect()) {
		assert_eq!(outcome, Ok(Ok(())));
	}
	let claims = chain.read(|| (0..orders).map(|id| (Bob, claim_here(id))).collect());
	for outcome in chain.block(claims) {
		assert_eq!(outcome, Ok(Ok(())));
	}
	let bob = Bob.to_account_id();
	let submissions = (0..orders)
		.map(|id| (Bob, submit(id, job.output.clone(), job.prove(id, &bob))))
		.collect();
	(chain, submissions)
}

/// The largest result that travels in an extrinsic.
pub fn largest_job() -> Job {
	let job = Job::gemm(512, 16, 512);
	assert_eq!(job.output.len(), MAX_OUTPUT_BYTES as usize);
	job
}

#[test]
fn block_full_of_the_largest_settlements_should_weigh_what_they_declare() {
	let (mut chain, mut submissions) = claimed(&largest_job(), 3);
	// One more than fits. It is refused before anybody looks at its proof.
	submissions.push(submissions[2].clone());
	let declared: Vec<Weight> = submissions
		.iter()
		.map(|(_, call)| call.get_dispatch_info().call_weight)
		.collect();
	let bytes: usize = submissions
		.iter()
		.map(|(_, call)| call.encoded_size())
		.sum();

	let outcomes = chain.block(submissions);

	assert_eq!(outcomes[..3], [Ok(Ok(())), Ok(Ok(())), Ok(Ok(()))]);
	assert_eq!(
		outcomes[3],
		Err(InvalidTransaction::ExhaustsResources.into())
	);
	let most_bytes = *RuntimeBlockLength::get().max.get(DispatchClass::Normal);
	assert!(bytes > most_bytes as usize, "a block could hold more");

	let charged: Vec<u64> = chain
		.events()
		.into_iter()
		.filter_map(|event| match event {
			RuntimeEvent::System(frame_system::Event::ExtrinsicSuccess { dispatch_info })
				if dispatch_info.class == DispatchClass::Normal =>
			{
				Some(dispatch_info.weight.ref_time())
			}
			_ => None,
		})
		.collect();
	assert_eq!(charged.len(), 3);
	for (charged, declared) in charged.iter().zip(declared) {
		assert!(*charged < declared.ref_time(), "{charged} of {declared:?}");
	}
	let weight = chain.read(System::block_weight);
	assert_eq!(
		weight.get(DispatchClass::Normal).ref_time(),
		charged.iter().sum::<u64>(),
		"the block counts what its extrinsics were charged"
	);
	let limits = RuntimeBlockWeights::get();
	let most = limits.get(DispatchClass::Normal).max_total;
	assert!(weight
		.get(DispatchClass::Normal)
		.all_lte(most.expect("there is a limit")));
	assert!(weight.total().all_lte(limits.max_block));
}

/// A small order that is short-lived, and cheap enough for one requester to post very many.
fn short_lived(job: &Job, lifetime: BlockNumber) -> RuntimeCall {
	let mut spec = job.spec();
	spec.min_price = MILLI;
	spec.max_price = MILLI;
	spec.ramp = 0;
	spec.claim_window = MIN_CLAIM_WINDOW;
	spec.lifetime = lifetime;
	JobOrdersCall::post_order { spec }.into()
}

fn dispatch(call: RuntimeCall, who: Sr25519Keyring) {
	use sp_runtime::traits::Dispatchable;
	assert_ok!(call.dispatch(RuntimeOrigin::signed(who.to_account_id())));
}

/// Starts a block and does what is due in it; what that weighed.
fn start_block(number: BlockNumber) -> Weight {
	System::set_block_number(number);
	JobOrders::on_initialize(number)
}

#[test]
fn ten_thousand_orders_due_at_once_should_be_done_within_the_stated_bound() {
	all_due_at_once(10_000);
}

#[test]
#[ignore = "takes a minute: scripts/measure-block"]
fn measure_hundred_thousand_orders_due_at_once() {
	all_due_at_once(100_000);
}

/// `docs/protocol/orders.md`: N orders that fall due in one block are done, each block within its weight, in the
/// N / MAX_EXPIRIES_PER_BLOCK blocks that begin with it; what fell due meanwhile, in the block after them.
fn all_due_at_once(orders: u32) {
	const POSTED: BlockNumber = 1;
	const DUE: BlockNumber = POSTED + 2 * MIN_CLAIM_WINDOW;

	let blocks: BlockNumber = orders.div_ceil(MAX_EXPIRIES_PER_BLOCK);
	let job = Job::gemm(8, 16, 8);
	let mut state = development();
	let issued = state.execute_with(|| {
		start_block(POSTED);
		dispatch(register(500_000 * UNIT), Bob);
		let issued = Balances::total_issuance();
		for _ in 0..orders {
			dispatch(short_lived(&job, DUE - POSTED), Alice);
		}
		// Every second one is claimed so late that its claim ends with it: it is missed and expires at once.
		start_block(DUE - MIN_CLAIM_WINDOW);
		for id in (0..u64::from(orders)).step_by(2) {
			dispatch(claim_here(id), Bob);
		}
		System::reset_events();
		issued
	});
	state.commit_all().expect("the state is in memory");

	let mut heaviest = Weight::zero();
	// Whether none, one or more are left at the end of each block.
	let mut left = Vec::new();
	for number in DUE - MIN_CLAIM_WINDOW + 1..=DUE + blocks {
		let weight = state.execute_with(|| {
			let weight = start_block(number);
			if number == DUE + 1 {
				// Falls due while the others are being done.
				dispatch(short_lived(&job, MIN_CLAIM_WINDOW), Alice);
			}
			left.push(LiveOrders::<Runtime>::iter_keys().take(2).count());
			System::reset_events();
			weight
		});
		state.commit_all().expect("the state is in memory");
		heaviest = heaviest.max(weight);
	}

	println!(
		"{orders} orders due at once: done in {blocks} blocks, the heaviest hook {} ms",
		heaviest.ref_time() / 1_000_000_000
	);
	assert!(heaviest.ref_time() <= MAX_REF_TIME / 2, "{heaviest:?}");
	// The first of the blocks is the one in which they are due; the latecomer takes one more.
	let last: Vec<usize> = left.into_iter().rev().take(3).collect();
	assert_eq!(last, [0, 1, 2]);
	state.execute_with(|| {
		let alice = Alice.to_account_id();
		let held = <Balances as InspectHold<AccountId>>::total_balance_on_hold(&alice);
		assert_eq!(held, 0);
		let bob = ProviderStaking::provider(Bob.to_account_id()).expect("Bob");
		assert_eq!(bob.committed, 0);
		assert_eq!(bob.record.missed, u64::from(orders / 2));
		assert_eq!(Balances::total_issuance(), issued);
	});
}
