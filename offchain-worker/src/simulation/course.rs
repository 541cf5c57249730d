//! What happens to orders when nothing fails but orders, requesters and other providers.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
	machine::{assert_settled_once, Machine, Miner, BLOCK_TIME, PATIENCE},
	world::Kind,
};
use crate::{
	fuse::Fuse,
	journal::{disk::Disk, Journal, JournalError, State},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_claimed_proven_and_settled() {
	let machine = Machine::new();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let order = machine.post();
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	let names: Vec<_> = life
		.record(order)
		.unwrap()
		.history
		.into_iter()
		.map(|(_, name)| name)
		.collect();
	assert_eq!(
		names,
		[
			"seen",
			"fetched",
			"claiming",
			"claim-signed",
			"claimed",
			"proving",
			"proved",
			"submit-signed",
			"submitted",
			"settled"
		]
	);
	assert_eq!(life.metric("earned_lem_total"), 100.0 / 1e12);
	assert_eq!(life.metric("attempts_failed_total"), 0.0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_should_be_unwanted_once_nobody_cares_for_its_order() {
	let machine = Machine::new();
	let _miner = Miner::start(&machine.world);
	machine.workshop.held.store(true, Ordering::SeqCst);
	let life = machine.start();
	machine.post();
	let unwanted = || machine.workshop.unwanted.lock().unwrap().clone();
	life.until("work begins", |_| unwanted().is_some()).await;
	let unwanted = unwanted().unwrap();
	assert!(!unwanted.load(Ordering::SeqCst));
	life.kill().await;
	let said = async {
		while !unwanted.load(Ordering::SeqCst) {
			tokio::time::sleep(Duration::from_millis(1)).await;
		}
	};
	let said = tokio::time::timeout(PATIENCE, said).await;
	assert!(said.is_ok(), "nobody says that it is unwanted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_let_be_when_another_claims_it_first() {
	let machine = Machine::new();
	let order = machine.post();
	machine.world.lock().forgetful = true;
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::ClaimSigned)
		.await;
	machine.world.lock().claim_by_other(order);
	let state = life.ended(order).await;
	assert!(matches!(state, State::Lost { .. }), "{state:?}");
	machine.world.lock().forgetful = false;
	let next = machine.post();
	assert!(matches!(life.ended(next).await, State::Settled { .. }));
	assert!(
		life.context.status.health().taking_orders,
		"losing a race is no failure"
	);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_another_missed_should_be_rescued_without_a_claim() {
	let machine = Machine::new();
	let order = machine.world.lock().post(100, 5, 50_000);
	machine.world.lock().claim_by_other(order);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(
		machine.world.lock().given_for(order),
		1,
		"the submission alone"
	);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_order_should_still_be_proven_and_pause_the_worker() {
	let machine = Machine::new();
	machine.workshop.millis.store(150, Ordering::SeqCst);
	let order = machine.world.lock().post(100, 8, 50_000);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(life.metric("missed_total"), 1.0);
	let next = machine.post();
	for _ in 0..10 {
		tokio::time::sleep(BLOCK_TIME).await;
	}
	assert_eq!(life.record(next), None, "no orders are taken after a miss");
	let problems = life.problems();
	assert!(problems.contains("not proven in time"), "{problems}");
	// The pause outlives the process.
	life.kill().await;
	let life = machine.start();
	tokio::time::sleep(BLOCK_TIME * 10).await;
	assert_eq!(life.record(next), None);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_tried_for_as_long_as_its_claim_stands() {
	let machine = Machine::new();
	machine.workshop.failures_to_come.store(5, Ordering::SeqCst);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let order = machine.post();
	life.until("a failure", |life| {
		life.metric("attempts_failed_total") >= 1.0
	})
	.await;
	let problems = life.problems();
	assert!(
		problems.contains(&format!("while order {order} cannot be computed")),
		"nothing is taken while work fails: {problems}"
	);
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_eq!(life.metric("attempts_failed_total"), 5.0);
	assert_eq!(machine.workshop.produced.load(Ordering::SeqCst), 6);
	let next = machine.post();
	assert!(matches!(life.ended(next).await, State::Settled { .. }));
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_fail_and_pause_the_worker_when_its_claim_is_missed_and_proving_still_fails(
) {
	let machine = Machine::new();
	machine
		.workshop
		.failures_to_come
		.store(1_000, Ordering::SeqCst);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let order = machine.world.lock().post(100, 8, 50_000);
	let state = life.ended(order).await;
	assert!(
		matches!(&state, State::Failed { reason } if reason.contains("failed 4 times")),
		"{state:?}"
	);
	life.until("a pause", |life| {
		!life.context.status.health().taking_orders
	})
	.await;
	assert_eq!(life.metric("missed_total"), 1.0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_should_be_tried_twice_when_the_chain_refuses_the_proof() {
	let machine = Machine::new();
	machine.workshop.invalid.store(true, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(matches!(&state, State::Failed { reason } if reason.contains("ProofInvalid")));
	assert_eq!(machine.world.lock().failures.len(), 2);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_should_be_claimed_before_the_account_is_a_provider_that_can_pay_its_fees() {
	let machine = Machine::new();
	machine.world.lock().register(false);
	machine.world.lock().spendable = 0;
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	tokio::time::sleep(BLOCK_TIME * 10).await;
	assert_eq!(life.record(order), None);
	let problems = life.problems();
	assert!(problems.contains("lemma provider register"), "{problems}");
	machine.world.lock().register(true);
	tokio::time::sleep(BLOCK_TIME * 10).await;
	assert_eq!(life.record(order), None, "a submission could not be paid");
	machine.world.lock().spendable = 1_000;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_not_be_claimed_when_the_chain_would_refuse_the_claim() {
	let machine = Machine::new();
	// Its window is its whole life: it could be claimed in the block of its posting alone.
	let bait = machine.world.lock().post(1_000, 5_000, 5_000);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_eq!(machine.world.lock().given_for(bait), 0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_be_signed_anew_when_another_transaction_took_its_nonce() {
	let machine = Machine::new();
	let order = machine.post();
	machine.world.lock().forgetful = true;
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::ClaimSigned)
		.await;
	{
		let mut world = machine.world.lock();
		world.empty_pool();
		world.foreign_transaction();
		world.forgetful = false;
	}
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(machine.world.lock().settlements(order), 1);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_should_be_known_when_the_receipt_was_removed_at_once() {
	let machine = Machine::new();
	let order = machine.post();
	let miner = Miner::start(&machine.world);
	assert!(machine.start_until("after-submitted").dies(order).await);
	while !machine.world.lock().settled(order) {
		tokio::time::sleep(BLOCK_TIME).await;
	}
	drop(miner);
	for _ in 0..3 {
		machine.world.lock().mine();
		machine.world.lock().remove_receipt(order);
	}
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_worker_should_finish_what_it_claimed_and_take_nothing_new() {
	let machine = Machine::new();
	machine.workshop.millis.store(60, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	let next = machine.post();
	life.stop.cancel();
	tokio::time::timeout(PATIENCE, life.running)
		.await
		.unwrap()
		.unwrap()
		.unwrap();
	let state = |order| {
		let record = life.context.journal.get(order).unwrap();
		record.map(|record| record.state)
	};
	assert_eq!(state(order), Some(State::Submitted));
	assert_eq!(state(next), None);
	life.abandon.cancel();
	life.watching.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_worker_should_not_wait_for_the_input_of_an_order_that_does_not_bind_it() {
	let machine = Machine::new();
	machine
		.workshop
		.input_millis
		.store(600_000, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.until("the fetching", |_| {
		machine.workshop.asked.load(Ordering::SeqCst) > 0
	})
	.await;
	life.stop.cancel();
	let running = tokio::time::timeout(Duration::from_secs(5), life.running).await;
	running.expect("it stops at once").unwrap().unwrap();
	let record = life.context.journal.get(order).unwrap();
	assert_eq!(record.unwrap().state, State::Seen);
	life.abandon.cancel();
	life.watching.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_claimed_before_its_posting_is_final() {
	let machine = Machine::new();
	machine.world.lock().mine();
	machine.world.lock().finality_stands = true;
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Submitted)
		.await;
	machine.world.lock().finality_stands = false;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_to_which_a_fork_gave_a_claimed_ones_number_should_be_claimed_for_itself() {
	let machine = Machine::new();
	for _ in 0..4 {
		machine.world.lock().mine();
	}
	machine.world.lock().finality_stands = true;
	let order = machine.post();
	let miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Submitted)
		.await;
	drop(miner);
	{
		let mut world = machine.world.lock();
		world.reorganise(1_000, true);
		assert_eq!(world.status(order), None);
		world.next_order = order;
		// The same number for a worse price.
		assert_eq!(world.post(7, 5_000, 50_000), order);
		world.finality_stands = false;
	}
	let _miner = Miner::start(&machine.world);
	let paid = |state: &State| matches!(state, State::Settled { paid: Some(7), .. });
	life.reaches(order, paid).await;
	{
		let world = machine.world.lock();
		assert_eq!(world.given_as(order, Kind::Claim).len(), 2);
		assert_eq!(world.settlements(order), 1);
		assert_eq!(world.slashes(), 0);
	}
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_claimed_for_the_provider_for_which_the_key_acts_by_then() {
	const ANOTHER: [u8; 32] = [8; 32];
	// It was looked at, was about to be claimed, or its claim was signed and never sent.
	for point in ["after-fetched", "after-claiming", "after-claim-signed"] {
		let machine = Machine::new();
		let order = machine.post();
		let _miner = Miner::start(&machine.world);
		assert!(machine.start_until(point).dies(order).await, "{point}");
		machine.world.lock().act_for(ANOTHER);
		let life = machine.start();
		assert_settled_once(&machine.world, order, &life.ended(order).await);
		assert_eq!(life.record(order).unwrap().provider, ANOTHER);
		let claims = machine.world.lock().given_as(order, Kind::Claim).len();
		assert_eq!(claims, 1, "{point}: the first was for the other provider");
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claims_should_not_count_on_the_same_bond() {
	for _ in 0..10 {
		let mut machine = Machine::new();
		machine.concurrency = 2;
		// Enough for either, not for both.
		machine.world.lock().set_bond(19);
		machine.workshop.held.store(true, Ordering::SeqCst);
		let orders = [machine.post(), machine.post()];
		let _miner = Miner::start(&machine.world);
		let life = machine.start();
		let name = |order| life.record(order).map(|record| record.state.name());
		life.until("a claim", |_| {
			orders.iter().any(|order| name(*order) == Some("proving"))
		})
		.await;
		tokio::time::sleep(BLOCK_TIME * 5).await;
		let claims = |order| machine.world.lock().given_as(order, Kind::Claim).len();
		assert_eq!(claims(orders[0]) + claims(orders[1]), 1);
		assert_eq!(machine.world.lock().failures, Vec::<String>::new());
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bond_of_a_claim_that_waits_should_be_reserved_across_restarts() {
	let mut machine = Machine::new();
	machine.concurrency = 2;
	machine.world.lock().set_bond(19);
	machine.world.lock().forgetful = true;
	let first = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(first, |state| *state == State::ClaimSigned)
		.await;
	life.kill().await;
	let second = machine.post();
	let life = machine.start();
	life.reaches(second, |state| *state == State::Fetched).await;
	tokio::time::sleep(BLOCK_TIME * 10).await;
	assert_eq!(machine.world.lock().given_for(second), 0);
	machine.world.lock().forgetful = false;
	assert_settled_once(&machine.world, first, &life.ended(first).await);
	life.kill().await;
}

#[test]
fn a_journal_should_refuse_another_chain() {
	let journal = Journal::on(&Disk::default(), Fuse::default()).unwrap();
	journal.bind([9; 32]).unwrap();
	assert!(matches!(
		journal.bind([8; 32]),
		Err(JournalError::OtherChain { .. })
	));
}
