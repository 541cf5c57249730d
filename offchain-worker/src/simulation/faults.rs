//! What is around the worker fails: the node, the chain, the disk, stores, the clock. Each is survived, and each shows in
//! a metric.

use std::{sync::atomic::Ordering, time::Duration};

use lemma_client::OrderStatus;

use super::{
	machine::{assert_settled_once, Machine, Miner, BLOCK_TIME, PATIENCE},
	world::{Kind, World},
};
use crate::{
	fuse::Fuse,
	heads::Fatal,
	journal::{Journal, State},
	workshop::PrepareError,
};

/// Lets some blocks pass.
async fn blocks(count: u32) {
	tokio::time::sleep(BLOCK_TIME * count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_when_the_node_goes_away_and_comes_back() {
	let machine = Machine::new();
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::ClaimSigned)
		.await;
	machine.world.lock().away = true;
	life.until("its absence", |life| life.metric("connected") == 0.0)
		.await;
	assert_eq!(life.context.status.health().status, "degraded");
	assert_eq!(life.metric("disconnections_total"), 1.0);
	machine.world.lock().away = false;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.until("its return", |life| life.metric("connected") == 1.0)
		.await;
	assert_eq!(life.context.status.health().status, "ok");
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_should_be_made_and_written_down_while_the_node_is_away() {
	// At the first attempt, or at the second.
	for failures in 0..2 {
		let machine = Machine::new();
		machine.workshop.held.store(true, Ordering::SeqCst);
		let order = machine.post();
		let _miner = Miner::start(&machine.world);
		let life = machine.start();
		life.until("work begins", |_| {
			machine.workshop.unwanted.lock().unwrap().is_some()
		})
		.await;
		machine.world.lock().away = true;
		life.until("its absence", |life| life.metric("connected") == 0.0)
			.await;
		let fails = &machine.workshop.failures_to_come;
		fails.store(failures, Ordering::SeqCst);
		machine.workshop.held.store(false, Ordering::SeqCst);
		life.reaches(order, |state| *state == State::Proved).await;
		life.kill().await;
		machine.world.lock().away = false;
		let life = machine.start();
		assert_settled_once(&machine.world, order, &life.ended(order).await);
		let produced = machine.workshop.produced.load(Ordering::SeqCst);
		assert_eq!(produced, failures + 1, "no attempt is lost");
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_should_be_sent_again_unchanged_when_a_restarted_node_lost_its_pool() {
	let machine = Machine::new();
	let order = machine.post();
	machine.world.lock().forgetful = true;
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.until("repetitions", |life| {
		life.metric("transactions_total") >= 3.0
	})
	.await;
	machine.world.lock().forgetful = false;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_when_the_node_is_wiped_and_fetches_the_chain_again() {
	let machine = Machine::new();
	for _ in 0..30 {
		machine.world.lock().mine();
	}
	machine.workshop.millis.store(30, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	machine.world.lock().has = Some(1);
	life.until("the setback", |life| life.metric("setbacks_total") == 1.0)
		.await;
	assert_eq!(life.metric("taking_orders"), 0.0);
	let problems = life.problems();
	assert!(problems.contains("lost blocks"), "{problems}");
	// Others can be posted meanwhile; this node does not know.
	let next = machine.post();
	loop {
		{
			let mut world = machine.world.lock();
			let has = world.has.unwrap_or_default() + 5;
			world.has = (has < world.length()).then_some(has);
			if world.has.is_none() {
				break;
			}
		}
		tokio::time::sleep(Duration::from_millis(2)).await;
	}
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_settled_once(&machine.world, next, &life.ended(next).await);
	assert_eq!(life.metric("setbacks_total"), 1.0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_should_be_taken_from_a_node_that_is_still_fetching_blocks() {
	let machine = Machine::new();
	let order = machine.post();
	for _ in 0..30 {
		machine.world.lock().mine();
	}
	machine.world.lock().has = Some(20);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.until("the reason", |life| {
		life.problems().contains("still fetching")
	})
	.await;
	blocks(10).await;
	assert_eq!(life.record(order), None);
	machine.world.lock().has = None;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_be_sent_again_unchanged_when_its_block_is_left_and_the_pool_lost_it() {
	let machine = Machine::new();
	let order = machine.post();
	for _ in 0..4 {
		machine.world.lock().mine();
	}
	machine.workshop.millis.store(50, Ordering::SeqCst);
	let miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	drop(miner);
	let was_claimed = matches!(
		machine.world.lock().status(order),
		Some(OrderStatus::Claimed { .. })
	);
	assert!(was_claimed);
	machine.world.lock().reorganise(2, true);
	let _miner = Miner::start(&machine.world);
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_eq!(
		machine.workshop.produced.load(Ordering::SeqCst),
		1,
		"the work in hand is kept"
	);
	assert!(life.metric("reorganisations_total") >= 1.0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_and_submission_should_both_be_sent_again_when_a_fork_leaves_both() {
	let machine = Machine::new();
	let order = machine.post();
	for _ in 0..4 {
		machine.world.lock().mine();
	}
	// Neither becomes final.
	machine.world.lock().finality_stands = true;
	machine.workshop.held.store(true, Ordering::SeqCst);
	let miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	drop(miner);
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.reaches(order, |state| *state == State::Submitted)
		.await;
	{
		let mut world = machine.world.lock();
		world.empty_pool();
		world.reorganise(1_000, true);
		world.finality_stands = false;
		assert_eq!(world.status(order), Some(OrderStatus::Open));
	}
	let _miner = Miner::start(&machine.world);
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_should_not_wait_for_a_claim_that_nobody_wants_any_more() {
	let mut machine = Machine::new();
	machine.concurrency = 2;
	machine.workshop.held.store(true, Ordering::SeqCst);
	let ours = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(ours, |state| *state == State::Proving).await;
	// The pool loses the claim of a second order; the submission of the first gets the nonce behind it. Then
	// another provider has the second order.
	machine.world.lock().forgetful = true;
	let theirs = machine.post();
	life.reaches(theirs, |state| *state == State::ClaimSigned)
		.await;
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.reaches(ours, |state| *state == State::Submitted).await;
	machine.world.lock().claim_by_other(theirs);
	assert!(matches!(life.ended(theirs).await, State::Lost { .. }));
	machine.world.lock().forgetful = false;
	let state = life.ended(ours).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	{
		let world = machine.world.lock();
		assert_eq!(world.given_as(ours, Kind::Submit).len(), 1, "never another");
		assert!(world.fillers() >= 1);
		assert_eq!(world.slashes(), 0);
		assert_eq!(world.failures, Vec::<String>::new());
	}
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_should_be_signed_anew_with_its_nonce_when_the_pool_bans_it() {
	let machine = Machine::new();
	machine.world.lock().forgetful = true;
	machine.workshop.held.store(true, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let given = |kind| machine.world.lock().given_as(order, kind);
	let ban = |kind| {
		let given = given(kind);
		machine.world.lock().banned.extend(given);
	};
	life.until("a claim", |_| !given(Kind::Claim).is_empty())
		.await;
	ban(Kind::Claim);
	life.until("another", |_| given(Kind::Claim).len() == 2)
		.await;
	machine.world.lock().forgetful = false;
	life.reaches(order, |state| *state == State::Proving).await;
	machine.world.lock().forgetful = true;
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.until("a submission", |_| !given(Kind::Submit).is_empty())
		.await;
	ban(Kind::Submit);
	life.until("another", |_| given(Kind::Submit).len() == 2)
		.await;
	machine.world.lock().forgetful = false;
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	{
		let world = machine.world.lock();
		assert_eq!((world.settlements(order), world.slashes()), (1, 0));
		assert_eq!(world.failures, Vec::<String>::new());
	}
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_claim_should_die_out_before_another_is_signed() {
	let machine = Machine::new();
	machine.world.lock().lifetime = 256;
	let order = machine.post();
	let miner = Miner::start(&machine.world);
	assert!(machine.start_until("before-send-claim").dies(order).await);
	drop(miner);
	for _ in 0..300 {
		machine.world.lock().mine();
	}
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	// The claim that was never sent is over; the new one alone is given to the node.
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_orders_should_be_taken_while_finality_stands_still_and_what_is_claimed_should_settle() {
	let machine = Machine::new();
	for _ in 0..4 {
		machine.world.lock().mine();
	}
	machine.workshop.millis.store(200, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	machine.world.lock().finality_stands = true;
	life.until("the reason", |life| {
		life.problems().contains("are not final")
	})
	.await;
	let next = machine.post();
	life.reaches(order, |state| *state == State::Submitted)
		.await;
	blocks(10).await;
	assert_eq!(life.record(next), None);
	machine.world.lock().finality_stands = false;
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_settled_once(&machine.world, next, &life.ended(next).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_come_to_an_end_when_the_node_no_longer_keeps_what_became_of_it() {
	let machine = Machine::new();
	machine.workshop.invalid.store(true, Ordering::SeqCst);
	let order = machine.world.lock().post(100, 500, 1_000);
	let miner = Miner::start(&machine.world);
	assert!(machine.start_until("after-submitted").dies(order).await);
	blocks(10).await;
	drop(miner);
	// The worker was down for longer than nodes keep events; the order is over.
	for _ in 0..1_000 {
		machine.world.lock().mine();
	}
	machine.world.lock().forgets_events = true;
	machine.workshop.invalid.store(false, Ordering::SeqCst);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(matches!(state, State::Expired { .. }), "{state:?}");
	let next = machine.post();
	assert_eq!(machine.concurrency, 1, "its place is free again");
	assert!(matches!(life.ended(next).await, State::Settled { .. }));
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_should_refuse_a_chain_that_was_started_afresh() {
	let mut machine = Machine::new();
	for _ in 0..30 {
		machine.world.lock().mine();
	}
	let life = machine.start();
	life.until("a finalized block", |life| {
		life.context.journal.finalized().unwrap().is_some()
	})
	.await;
	life.kill().await;
	// The same genesis, other blocks.
	machine.world = World::start();
	machine.world.lock().salt = 1_000;
	for _ in 0..20 {
		machine.world.lock().mine();
	}
	let life = machine.start();
	life.until("the problem", |life| {
		life.problems().contains("catching up")
	})
	.await;
	assert_eq!(life.metric("setbacks_total"), 1.0);
	// It grows beyond what was seen, with other blocks.
	for _ in 0..20 {
		machine.world.lock().mine();
	}
	let fatal = tokio::time::timeout(PATIENCE, life.watching)
		.await
		.unwrap()
		.unwrap();
	assert!(
		matches!(fatal, Err(Fatal::OtherHistory { .. })),
		"{fatal:?}"
	);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_should_stop_claims_and_lose_no_work() {
	for state in ["claim-signed", "proving", "submitted"] {
		let machine = Machine::new();
		let held = &machine.workshop.held;
		held.store(true, Ordering::SeqCst);
		machine.world.lock().forgetful = state == "claim-signed";
		let order = machine.post();
		let _miner = Miner::start(&machine.world);
		let life = machine.start();
		if state == "submitted" {
			life.reaches(order, |reached| *reached == State::Proving)
				.await;
			machine.world.lock().forgetful = true;
			held.store(false, Ordering::SeqCst);
		}
		life.reaches(order, |reached| reached.name() == state).await;
		machine.disk.fill(true);
		held.store(false, Ordering::SeqCst);
		life.until("the failure", |life| {
			life.metric("journal_failures_total") >= 1.0
		})
		.await;
		let next = machine.post();
		blocks(30).await;
		assert_eq!(life.metric("taking_orders"), 0.0);
		let problems = life.problems();
		assert!(problems.contains("look for space"), "{problems}");
		assert_eq!(machine.world.lock().given_for(next), 0);
		machine.disk.fill(false);
		machine.world.lock().forgetful = false;
		assert_settled_once(&machine.world, order, &life.ended(order).await);
		assert_settled_once(&machine.world, next, &life.ended(next).await);
		assert_eq!(
			machine.workshop.produced.load(Ordering::SeqCst),
			2,
			"each was proven once"
		);
		life.until("its end", |life| life.problems().is_empty())
			.await;
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_when_its_input_is_gone_after_a_restart_and_comes_back() {
	let machine = Machine::new();
	machine.workshop.millis.store(10_000, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	life.kill().await;
	machine.workshop.millis.store(0, Ordering::SeqCst);
	for gone in [
		PrepareError::Later("no store has it".to_owned()),
		PrepareError::Refused("it is another".to_owned()),
	] {
		*machine.workshop.no_input.lock().unwrap() = Some(gone.clone());
		let life = machine.start();
		life.until("the problem", |life| life.metric("hindered") == 1.0)
			.await;
		assert!(life.problems().contains(&gone.to_string()));
		assert_eq!(life.metric("resumed_total"), 1.0);
		assert!(life.metric("resume_seconds") < 10.0);
		life.kill().await;
	}
	*machine.workshop.no_input.lock().unwrap() = None;
	let life = machine.start();
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_given_up_when_its_input_is_gone_and_its_claim_is_missed() {
	let machine = Machine::new();
	machine.workshop.millis.store(10_000, Ordering::SeqCst);
	let order = machine.world.lock().post(100, 20, 50_000);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	life.kill().await;
	let gone = PrepareError::Later("no store has it".to_owned());
	*machine.workshop.no_input.lock().unwrap() = Some(gone);
	let life = machine.start();
	let state = life.ended(order).await;
	assert!(
		matches!(&state, State::Failed { reason } if reason.contains("no store has it")),
		"{state:?}"
	);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_without_inputs_should_not_keep_the_worker_from_the_others() {
	let machine = Machine::new();
	let gone = PrepareError::Later("its store drips".to_owned());
	*machine.workshop.no_input.lock().unwrap() = Some(gone);
	let dear = machine.world.lock().post(1_000, 5_000, 50_000);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.until("an attempt", |_| {
		machine.workshop.asked.load(Ordering::SeqCst) == 1
	})
	.await;
	blocks(20).await;
	assert_eq!(
		machine.workshop.asked.load(Ordering::SeqCst),
		1,
		"it is left alone for a while"
	);
	*machine.workshop.no_input.lock().unwrap() = None;
	let order = machine.post();
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_eq!(machine.world.lock().given_for(dear), 0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_should_wait_behind_those_of_others_when_their_requester_posted_a_wrong_input() {
	let machine = Machine::new();
	let wrong = PrepareError::Refused("its commitment is another".to_owned());
	*machine.workshop.no_input.lock().unwrap() = Some(wrong);
	let bait = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let state = life.ended(bait).await;
	assert!(matches!(state, State::Refused { .. }), "{state:?}");
	life.until("its end", |life| life.metric("jobs") == 0.0)
		.await;
	blocks(5).await;
	*machine.workshop.no_input.lock().unwrap() = None;
	machine.workshop.held.store(true, Ordering::SeqCst);
	let (dear, cheap) = {
		let mut world = machine.world.lock();
		let dear = world.post(1_000, 5_000, 50_000);
		world.requester = [4; 32];
		(dear, world.post(100, 5_000, 50_000))
	};
	life.reaches(cheap, |state| *state == State::Proving).await;
	assert_eq!(life.record(dear), None, "the only place is taken");
	machine.workshop.held.store(false, Ordering::SeqCst);
	assert_settled_once(&machine.world, cheap, &life.ended(cheap).await);
	let state = life.ended(dear).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_should_not_keep_the_worker_from_other_orders() {
	let machine = Machine::new();
	// The journal is swept, and finished records are counted, at the first look.
	for _ in 0..100 {
		machine.world.lock().mine();
	}
	let damaged = machine.post();
	Journal::on(&machine.disk, Fuse::default())
		.unwrap()
		.damage(damaged);
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	let order = machine.post();
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert!(life.context.journal.get(damaged).is_err());
	assert_eq!(machine.world.lock().given_for(damaged), 0);
	assert!(life.context.status.health().taking_orders);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_of_the_clock_should_change_nothing_but_its_metric() {
	const DAY: i64 = 86_400_000;
	let machine = Machine::new();
	machine.workshop.millis.store(40, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	for (count, jump) in [(1.0, 400 * DAY), (2.0, -800 * DAY)] {
		machine.clock.jump(jump);
		life.until("the jump", |life| life.metric("clock_jumps_total") == count)
			.await;
	}
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	// A pause is not prolonged by it, neither in this life nor in the next.
	life.context.pause("a test").unwrap();
	let pause = |life: &super::machine::Life| {
		let text = life.problems();
		let seconds = text.split("for another ").nth(1)?.split(' ').next()?;
		seconds.parse::<u64>().ok()
	};
	machine.clock.jump(-DAY);
	assert!(pause(&life).is_some_and(|left| (3_590..=3_600).contains(&left)));
	life.kill().await;
	let life = machine.start();
	life.until("the pause", |life| pause(life).is_some()).await;
	assert!(pause(&life).is_some_and(|left| (3_590..=3_600).contains(&left)));
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claimed_order_should_be_taken_up_again_when_its_care_panics() {
	let machine = Machine::new();
	machine.workshop.millis.store(10_000, Ordering::SeqCst);
	let order = machine.post();
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	life.reaches(order, |state| *state == State::Proving).await;
	life.kill().await;
	machine.workshop.millis.store(0, Ordering::SeqCst);
	machine.workshop.panics_to_come.store(1, Ordering::SeqCst);
	let life = machine.start();
	assert_settled_once(&machine.world, order, &life.ended(order).await);
	assert_eq!(life.metric("attempts_failed_total"), 1.0);
	life.until("its end", |life| life.metric("jobs") == 0.0)
		.await;
	life.kill().await;
}
