//! The worker's key acts for another provider, and for its own again: nothing is submitted in vain, and no proof is lost.

use std::sync::atomic::Ordering;

use lemma_client::OrderId;

use super::{
	machine::{assert_settled_once, Life, Machine, Miner, BLOCK_TIME},
	world::{Kind, US},
};
use crate::{decide::REFUSALS_BORNE, journal::State};

const ANOTHER: [u8; 32] = [8; 32];
/// What the status says while the key acts for it.
const PROBLEM: &str = "no longer acts for the order's provider";

/// Lets the worker see some blocks.
async fn a_while() {
	tokio::time::sleep(BLOCK_TIME * 10).await;
}

/// Waits until the worker knows what the chain is now.
async fn seen(machine: &Machine, life: &Life) {
	let blocks = machine.world.lock().length();
	life.until("more blocks", |life| {
		life.context.status.health().best_block as usize > blocks
	})
	.await;
}

/// An order that the worker has claimed, and whose proof waits for a word of the test.
async fn claimed(machine: &Machine, life: &Life) -> OrderId {
	machine.workshop.held.store(true, Ordering::SeqCst);
	let order = machine.post();
	life.reaches(order, |state| *state == State::Proving).await;
	order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_should_be_kept_until_the_key_acts_for_its_provider_again() {
	let machine = Machine::new();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let order = claimed(&machine, &life).await;
	machine.world.lock().act_for(ANOTHER);
	seen(&machine, &life).await;
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.until("the problem", |life| life.problems().contains(PROBLEM))
		.await;
	a_while().await;
	assert_eq!(life.record(order).unwrap().state, State::Proved);
	// There is nothing to wait for: a start with another key may go on.
	life.stop.cancel();
	life.until("the stop", |life| life.running.is_finished())
		.await;
	life.kill().await;
	let life = machine.start();
	life.until("the problem again", |life| {
		life.problems().contains(PROBLEM)
	})
	.await;
	let submitted = machine.world.lock().given_as(order, Kind::Submit);
	assert!(submitted.is_empty(), "it would be refused for its fee");
	machine.world.lock().act_for(US);
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_eq!(machine.workshop.produced.load(Ordering::SeqCst), 1);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_should_not_be_sent_again_while_the_key_acts_for_another_provider() {
	let machine = Machine::new();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let order = claimed(&machine, &life).await;
	machine.world.lock().forgetful = true;
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.reaches(order, |state| *state == State::Submitted)
		.await;
	machine.world.lock().act_for(ANOTHER);
	life.until("the problem", |life| life.problems().contains(PROBLEM))
		.await;
	let sent = || machine.world.lock().submissions(order).len();
	let before = sent();
	a_while().await;
	assert_eq!(sent(), before);
	{
		let mut world = machine.world.lock();
		world.forgetful = false;
		world.act_for(US);
	}
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_should_be_kept_when_the_chain_refuses_submissions_for_their_key() {
	let machine = Machine::new();
	let miner = Miner::start(&machine.world);
	let life = machine.start();
	let order = claimed(&machine, &life).await;
	drop(miner);
	// Submissions wait in the pool.
	machine.world.lock().least_tip = 1;
	machine.workshop.held.store(false, Ordering::SeqCst);
	for refusals in 1..=REFUSALS_BORNE {
		life.reaches(order, |state| *state == State::Submitted)
			.await;
		{
			let mut world = machine.world.lock();
			world.act_for(ANOTHER);
			world.least_tip = 0;
			for _ in 0..4 {
				world.mine();
			}
			world.least_tip = 1;
		}
		life.until("the refusal", |life| {
			life.record(order).unwrap().refusals == refusals
		})
		.await;
		life.until("the problem", |life| life.problems().contains(PROBLEM))
			.await;
		assert_eq!(life.record(order).unwrap().state, State::Proved);
		machine.world.lock().act_for(US);
	}
	// That was often: the next one is not sent at once.
	life.until("the rest", |life| {
		life.problems()
			.contains("and submitted again after a while")
	})
	.await;
	assert_eq!(life.record(order).unwrap().state, State::Proved);
	life.kill().await;
	machine.world.lock().least_tip = 0;
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(machine.workshop.produced.load(Ordering::SeqCst), 1);
	{
		let world = machine.world.lock();
		assert_eq!((world.settlements(order), world.slashes()), (1, 0));
		assert_eq!(world.failures, ["JobOrders.NotClaimer"; 2]);
	}
	life.kill().await;
}
