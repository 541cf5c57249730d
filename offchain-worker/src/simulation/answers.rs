//! The node answers, and otherwise than it should: its pool refuses or bans what it is given, it invents nonces, and its two
//! heads are at odds.

use std::sync::atomic::Ordering;

use lemma_client::OrderId;

use super::{
	machine::{assert_settled_once, Life, Machine, Miner, BLOCK_TIME},
	world::Kind,
};
use crate::journal::State;

/// Time in which a worker does what it does without another block.
async fn a_while() {
	tokio::time::sleep(BLOCK_TIME * 5).await;
}

/// That the order was settled once, under one claim, however often that was signed.
#[track_caller]
fn assert_claimed_and_settled_once(machine: &Machine, life: &Life, order: OrderId) {
	let record = life.record(order).unwrap();
	assert!(matches!(record.state, State::Settled { .. }), "{record:?}");
	let looks = record.history.iter().filter(|(_, name)| name == "fetched");
	assert_eq!(looks.count(), 1, "the claim was never forgotten");
	let world = machine.world.lock();
	assert_eq!(world.nonces(order, Kind::Claim).len(), 1);
	assert_eq!((world.settlements(order), world.slashes()), (1, 0));
	assert_eq!(world.failures, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_not_be_forgotten_when_the_pool_bans_it_and_another_has_it() {
	let machine = Machine::new();
	machine.world.lock().forgetful = true;
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let claims = || machine.world.lock().given_as(order, Kind::Claim);
	life.until("a claim", |_| !claims().is_empty()).await;
	let first = claims()[0];
	{
		let mut world = machine.world.lock();
		world.banned.insert(first);
		// By now the order would not be taken.
		world.spendable = 0;
	}
	life.until("another", |_| claims().len() == 2).await;
	{
		let mut world = machine.world.lock();
		world.pool_elsewhere(first);
		world.forgetful = false;
	}
	life.ended(order).await;
	assert_claimed_and_settled_once(&machine, &life, order);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_be_signed_anew_once_a_block_when_the_pool_takes_none() {
	let machine = Machine::new();
	machine.world.lock().bans_all = true;
	let order = machine.post();
	machine.world.lock().mine();
	let life = machine.start();
	let given = || machine.world.lock().given_as(order, Kind::Claim).len();
	for claims in 2..5 {
		life.until("another claim", |_| given() >= claims).await;
		a_while().await;
		assert_eq!(given(), claims);
		machine.world.lock().mine();
	}
	machine.world.lock().bans_all = false;
	let _miner = Miner::start(&machine.world);
	life.ended(order).await;
	assert_claimed_and_settled_once(&machine, &life, order);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_not_be_signed_anew_when_there_is_no_time_for_one() {
	const BLOCKS: u32 = 6;
	let machine = Machine::new();
	let order = {
		let mut world = machine.world.lock();
		world.bans_all = true;
		let order = world.post(100, 5_000, 5_000 + BLOCKS);
		world.mine();
		order
	};
	let life = machine.start();
	let given = || machine.world.lock().given_as(order, Kind::Claim).len();
	life.until("a claim", |_| given() > 0).await;
	for _ in 1..BLOCKS {
		machine.world.lock().mine();
		a_while().await;
	}
	let claims = given();
	assert!(claims > 2, "it was signed anew: {claims}");
	for _ in 0..BLOCKS {
		machine.world.lock().mine();
		a_while().await;
	}
	assert_eq!(given(), claims);
	assert_eq!(machine.world.lock().settlements(order), 0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_dies_as_it_signs_a_claim_anew() {
	for point in ["before-claim-replaced", "after-claim-replaced"] {
		let machine = Machine::new();
		machine.world.lock().bans_all = true;
		let order = machine.post();
		let _miner = Miner::start(&machine.world);
		assert!(machine.start_until(point).dies(order).await, "{point}");
		machine.world.lock().bans_all = false;
		let life = machine.start();
		life.ended(order).await;
		assert_claimed_and_settled_once(&machine, &life, order);
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_should_be_given_to_the_node_with_every_block_until_it_takes_it() {
	let machine = Machine::new();
	machine.workshop.held.store(true, Ordering::SeqCst);
	let order = machine.post();
	let miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	drop(miner);
	machine.world.lock().refuses = true;
	a_while().await;
	machine.workshop.held.store(false, Ordering::SeqCst);
	let given = || machine.world.lock().submissions(order).len();
	for times in 1..4 {
		life.until("the next time", |_| given() >= times).await;
		a_while().await;
		assert_eq!(given(), times, "once a block");
		machine.world.lock().mine();
	}
	machine.world.lock().refuses = false;
	let _miner = Miner::start(&machine.world);
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_should_be_signed_or_used_up_when_the_node_invents_nonces() {
	let machine = Machine::new();
	machine.world.lock().nonces_invented = 1_000;
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.until("the problem", |life| {
		life.problems().contains("not believable")
	})
	.await;
	assert_eq!(life.record(order).unwrap().state, State::Claiming);
	let outbox = &life.context.outbox;
	assert_eq!(outbox.clear_way(1_001, 1).await.unwrap(), 0);
	assert!(!outbox.close_gap(1_001).await.unwrap());
	assert_eq!(machine.world.lock().fillers(), 0);
	machine.world.lock().nonces_invented = 0;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_about_which_the_heads_are_at_odds_should_rest_between_looks() {
	let machine = Machine::new();
	for _ in 0..10 {
		machine.world.lock().mine();
	}
	let order = machine.post();
	machine.world.lock().backdate(order);
	let life = machine.start();
	life.until("the loss", |life| life.metric("orders_total") >= 1.0)
		.await;
	a_while().await;
	assert_eq!(life.metric("orders_total"), 1.0);
	// The blocks that have it become final.
	let _miner = Miner::start(&machine.world);
	let state = life
		.reaches(order, |state| matches!(state, State::Settled { .. }))
		.await;
	assert_settled_once(&machine.world, order, &state);
	life.kill().await;
}
