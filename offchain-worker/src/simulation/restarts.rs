//! What a life of the worker finds that an earlier one left: claims that it could not serve, intents, misses.

use std::sync::atomic::Ordering;

use super::{
	machine::{assert_settled_once, Life, Machine, Miner, BLOCK_TIME},
	world::Kind,
};
use crate::{journal::State, workshop::PrepareError};

/// Lets the worker see some blocks.
async fn a_while() {
	tokio::time::sleep(BLOCK_TIME * 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_die_out_when_the_next_life_could_not_serve_it() {
	for without in ["its bundle", "its program", "its memory", "claims"] {
		let mut machine = Machine::new();
		machine.world.lock().lifetime = 256;
		let order = machine.post();
		let miner = Miner::start(&machine.world);
		assert!(machine.start_until("before-send-claim").dies(order).await);
		drop(miner);
		match without {
			"its bundle" => {
				let unfit = PrepareError::Unfit("its program is unknown".to_owned());
				*machine.workshop.no_input.lock().unwrap() = Some(unfit);
			}
			"its program" => machine.rules.programs = vec!["other".to_owned()],
			"its memory" => machine.rules.max_memory_bytes = 0,
			_ => machine.rules.claim = false,
		}
		let life = machine.start();
		life.until("the problem", |life| life.metric("hindered") == 1.0)
			.await;
		a_while().await;
		let state = life.record(order).unwrap().state;
		assert_eq!(state, State::ClaimSigned, "{without}: it is bound");
		for _ in 0..300 {
			machine.world.lock().mine();
		}
		life.reaches(order, |state| !state.is_bound()).await;
		a_while().await;
		assert_eq!(machine.world.lock().given_for(order), 0, "{without}");
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_be_sent_once_the_next_life_can_serve_it() {
	let machine = Machine::new();
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	assert!(machine.start_until("before-send-claim").dies(order).await);
	let gone = PrepareError::Later("no store has it".to_owned());
	*machine.workshop.no_input.lock().unwrap() = Some(gone);
	let life = machine.start();
	life.until("the problem", |life| {
		life.problems().contains("no store has it")
	})
	.await;
	a_while().await;
	assert_eq!(machine.world.lock().given_for(order), 0);
	*machine.workshop.no_input.lock().unwrap() = None;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_not_sent_again_should_bind_when_it_is_included_all_the_same() {
	let machine = Machine::new();
	machine.world.lock().forgetful = true;
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	assert!(machine.start_until("after-send-claim").dies(order).await);
	let claim = machine.world.lock().given_as(order, Kind::Claim)[0];
	let gone = PrepareError::Later("no store has it".to_owned());
	*machine.workshop.no_input.lock().unwrap() = Some(gone);
	let life = machine.start();
	life.until("the problem", |life| life.metric("hindered") == 1.0)
		.await;
	a_while().await;
	assert_eq!(life.metric("transactions_total"), 0.0);
	{
		let mut world = machine.world.lock();
		world.forgetful = false;
		world.pool_elsewhere(claim);
	}
	life.reaches(order, |state| *state == State::Proving).await;
	*machine.workshop.no_input.lock().unwrap() = None;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miss_should_count_and_pause_the_worker_in_one_life_alone() {
	const HOUR: i64 = 3_600_000;
	let machine = Machine::new();
	machine.workshop.held.store(true, Ordering::SeqCst);
	let order = machine.world.lock().post(100, 8, 50_000);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.until("the miss", |life| life.metric("missed_total") == 1.0)
		.await;
	life.kill().await;
	// The pause is over.
	machine.clock.jump(2 * HOUR);
	let takes_orders = |life: &Life| life.context.status.health().taking_orders;
	let life = machine.start();
	life.until("it takes orders", takes_orders).await;
	a_while().await;
	assert_eq!(life.record(order).unwrap().state, State::Proving);
	assert!(takes_orders(&life));
	assert_eq!(life.metric("missed_total"), 0.0);
	machine.workshop.held.store(false, Ordering::SeqCst);
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miss_from_before_the_worker_took_the_order_should_not_count() {
	let machine = Machine::new();
	let order = machine.post();
	machine.world.lock().miss(order);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(life.metric("missed_total"), 0.0);
	assert!(life.context.status.health().taking_orders);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_to_be_claimed_should_reserve_nothing_in_the_next_life() {
	let machine = Machine::new();
	machine.workshop.held.store(true, Ordering::SeqCst);
	let first = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(first, |state| *state == State::Proving).await;
	machine.world.lock().forgetful = true;
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.reaches(first, |state| *state == State::Submitted)
		.await;
	life.kill().await;
	let second = machine.post();
	assert!(machine.start_until("after-claiming").dies(second).await);
	// The first keeps the only place until the node takes its result.
	machine.world.lock().refuses = true;
	let life = machine.start();
	life.reaches(second, |state| *state == State::Fetched).await;
	a_while().await;
	assert_eq!(life.record(second).unwrap().state, State::Fetched);
	{
		let mut world = machine.world.lock();
		world.refuses = false;
		world.forgetful = false;
	}
	assert_settled_once(&machine.world, first, &life.ended(first).await);
	assert_settled_once(&machine.world, second, &life.ended(second).await);
	life.kill().await;
}
