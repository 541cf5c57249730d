//! Blocks are full of what others tip: the worker tips for its results, as much as it must and as it may.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use lemma_client::{Balance, OrderId, OrderStatus};

use super::machine::{Life, Machine, Miner};
use crate::{
	journal::State,
	tip::{self, PATIENCE},
};

const COLLATERAL: Balance = 1 << 20;
/// Blocks of a claim: far more than pass until the worker has submitted its result.
const WINDOW: u32 = 400;
/// As [`lemma_client::amount`] has it.
const LEM: f64 = 1e12;

/// A machine whose orders have a collateral worth tipping for, and that may tip all of it.
fn machine() -> Machine {
	let mut machine = Machine::new();
	machine.max_tip = Some(COLLATERAL);
	{
		let mut world = machine.world.lock();
		world.collateral = COLLATERAL;
		world.set_bond(4 * COLLATERAL);
		world.spendable = 16 * COLLATERAL;
	}
	machine
}

/// Has the worker claim these orders and come to the point of proving them. From then on blocks come by [`next`] alone,
/// and hold only what tips so much.
async fn claim(machine: &Machine, life: &Life, orders: &[OrderId], least_tip: Balance) {
	let miner = Miner::start(&machine.world);
	for order in orders {
		life.reaches(*order, |state| *state == State::Proving).await;
	}
	drop(miner);
	machine.world.lock().least_tip = least_tip;
}

/// Posts an order and has the worker claim it and submit its result, which finds no place.
async fn submit(machine: &Machine, life: &Life, least_tip: Balance) -> OrderId {
	machine.workshop.held.store(true, Ordering::SeqCst);
	let order = machine.world.lock().post(100, WINDOW, 50_000);
	claim(machine, life, &[order], least_tip).await;
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.reaches(order, |state| *state == State::Submitted)
		.await;
	order
}

/// Height of the best block.
fn best(machine: &Machine) -> u32 {
	u32::try_from(machine.world.lock().length()).unwrap() - 1
}

/// Blocks that can still hold the result in time; none if the order is not claimed.
fn left(machine: &Machine, order: OrderId) -> Option<u32> {
	let next = best(machine) + 1;
	match machine.world.lock().status(order) {
		Some(OrderStatus::Claimed { expires_at, .. }) => Some(expires_at - next),
		_ => None,
	}
}

/// Lets blocks pass until so many are left.
fn skip_to(machine: &Machine, order: OrderId, wanted: u32) {
	while left(machine, order).is_some_and(|left| left > wanted) {
		machine.world.lock().mine();
	}
}

/// The tip of the submission that was given last.
fn offered(machine: &Machine, order: OrderId) -> Balance {
	machine
		.world
		.lock()
		.submissions(order)
		.last()
		.map_or(0, |(_, tip)| *tip)
}

/// The next block, and time for the worker to see it.
async fn next(machine: &Machine) {
	machine.world.lock().mine();
	tokio::time::sleep(Duration::from_millis(50)).await;
}

/// That a claimed order was settled once and in time, by submissions of which the chain could include one.
#[track_caller]
fn assert_paid_once(machine: &Machine, order: OrderId, state: &State) {
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	let world = machine.world.lock();
	assert_eq!(world.settlements(order), 1);
	assert_eq!(world.slashes(), 0);
	assert_eq!(world.failures, Vec::<String>::new());
	let submissions = world.submissions(order);
	let nonces: BTreeSet<_> = submissions.iter().map(|(nonce, _)| nonce).collect();
	assert_eq!(nonces.len(), 1, "{submissions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_should_tip_more_with_every_block_until_it_is_in_time_in_one() {
	for pool_is_full in [false, true] {
		let machine = machine();
		let life = machine.start();
		// The last but two blocks are to be had for it.
		let order = submit(&machine, &life, COLLATERAL / 4).await;
		machine.world.lock().pool_is_full = pool_is_full;
		assert_eq!(machine.world.lock().submissions(order).len(), 1);
		skip_to(&machine, order, 14);
		while let Some(left) = left(&machine, order) {
			let tip = tip::wanted(COLLATERAL, PATIENCE, left);
			life.until("the tip", |_| offered(&machine, order) == tip)
				.await;
			machine.world.lock().mine();
		}
		let _miner = Miner::start(&machine.world);
		assert_paid_once(&machine, order, &life.ended(order).await);
		{
			let world = machine.world.lock();
			let tips: Vec<_> = world
				.submissions(order)
				.iter()
				.map(|(_, tip)| *tip)
				.collect();
			let mut rising: Vec<_> = (2..=10)
				.rev()
				.map(|halvings| COLLATERAL >> halvings)
				.collect();
			rising.insert(0, 0);
			let mut different = tips.clone();
			different.dedup();
			assert_eq!(different, rising, "each higher than the one before");
			assert_eq!(world.tips(), COLLATERAL / 4);
		}
		life.until("the tip paid", |life| {
			life.metric("tips_paid_lem_total") == (COLLATERAL / 4) as f64 / LEM
		})
		.await;
		let offered = life.metric("tips_offered_lem_total") * LEM;
		assert_eq!(offered.round(), (COLLATERAL / 4) as f64);
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_should_be_tipped_than_the_operator_allows_and_the_account_has() {
	const MOST: Balance = 5_000;
	// The fee of a submission is 1, and twice that stays.
	for (max_tip, spendable) in [(MOST, 16 * COLLATERAL), (COLLATERAL, MOST + 2), (0, 100)] {
		let mut machine = machine();
		machine.max_tip = Some(max_tip);
		let life = machine.start();
		let order = submit(&machine, &life, MOST + 1).await;
		machine.world.lock().spendable = spendable;
		let most = MOST.min(max_tip);
		skip_to(&machine, order, 12);
		while let Some(left) = left(&machine, order) {
			if left == 1 {
				life.until("the last tip", |_| offered(&machine, order) == most)
					.await;
			}
			next(&machine).await;
		}
		assert_eq!(offered(&machine, order), most);
		assert_eq!(machine.world.lock().slashes(), 1, "it was outbid");
		// There is nothing more to lose, and the result is as good as ever.
		machine.world.lock().least_tip = 0;
		let _miner = Miner::start(&machine.world);
		let state = life.ended(order).await;
		assert!(matches!(state, State::Settled { .. }), "{state:?}");
		assert_eq!(machine.world.lock().tips(), most);
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_half_of_the_collateral_should_be_tipped_when_the_operator_says_nothing() {
	let mut machine = machine();
	machine.max_tip = None;
	let life = machine.start();
	// Its price is 100, ten times which are less.
	let order = submit(&machine, &life, COLLATERAL).await;
	skip_to(&machine, order, 1);
	life.until("the last tip", |_| {
		offered(&machine, order) == COLLATERAL / 2
	})
	.await;
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_submission_should_be_paid_when_the_worker_dies_between_tips() {
	for point in [
		Some("before-replaced"),
		Some("after-replaced"),
		Some("before-send-submission"),
		Some("after-send-submission"),
		None,
	] {
		let machine = machine();
		let life = machine.start();
		let order = submit(&machine, &life, COLLATERAL >> 8).await;
		life.kill().await;
		skip_to(&machine, order, 24);
		for _ in 0..5 {
			let life = match point {
				Some(point) => machine.start_until(point),
				None => machine.start(),
			};
			let before = machine.world.lock().submissions(order).len();
			// By one's own death, or by a power cut after a tip was sent.
			for _ in 0..4 {
				next(&machine).await;
				let tipped = machine.world.lock().submissions(order).len() > before + 1;
				if life.context.journal.fuse().is_blown() || (point.is_none() && tipped) {
					break;
				}
			}
			life.kill().await;
		}
		let life = machine.start();
		while left(&machine, order).is_some() {
			next(&machine).await;
		}
		let _miner = Miner::start(&machine.world);
		assert_paid_once(&machine, order, &life.ended(order).await);
		{
			let world = machine.world.lock();
			let tips = world.tips();
			assert!((COLLATERAL >> 8..=COLLATERAL).contains(&tips), "{tips}");
			assert!(world.submissions(order).iter().any(|(_, tip)| *tip == tips));
		}
		life.kill().await;
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_should_be_known_when_the_submission_that_was_replaced_is_the_one_included() {
	let machine = machine();
	let life = machine.start_until("after-replaced");
	let order = submit(&machine, &life, COLLATERAL).await;
	for _ in 0..=PATIENCE {
		next(&machine).await;
	}
	assert!(
		life.dies(order).await,
		"another was written down, and not sent"
	);
	machine.world.lock().least_tip = 0;
	machine.world.lock().mine();
	assert!(machine.world.lock().settled(order));
	for _ in 0..5 {
		machine.world.lock().remove_receipt(order);
		machine.world.lock().mine();
	}
	let _miner = Miner::start(&machine.world);
	let life = machine.start();
	assert_paid_once(&machine, order, &life.ended(order).await);
	assert_eq!(machine.world.lock().tips(), 0);
	assert_eq!(life.metric("tips_paid_lem_total"), 0.0);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tipped_result_should_not_wait_behind_a_claim_that_finds_no_place() {
	let mut machine = machine();
	machine.concurrency = 2;
	machine.workshop.held.store(true, Ordering::SeqCst);
	let life = machine.start();
	let order = machine.post();
	claim(&machine, &life, &[order], COLLATERAL >> 10).await;
	let _miner = Miner::start(&machine.world);
	let other = machine.post();
	life.reaches(other, |state| *state == State::ClaimSigned)
		.await;
	machine.workshop.held.store(false, Ordering::SeqCst);
	assert_paid_once(&machine, order, &life.ended(order).await);
	{
		let mut world = machine.world.lock();
		assert!(world.fillers() >= 1);
		world.least_tip = 0;
	}
	let state = life.ended(other).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(machine.world.lock().failures, Vec::<String>::new());
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_with_time_to_spare_should_tip_for_the_one_that_waits_behind_it() {
	let mut machine = machine();
	machine.concurrency = 2;
	machine.workshop.held.store(true, Ordering::SeqCst);
	let life = machine.start();
	let patient = machine.post();
	let urgent = machine.world.lock().post(100, WINDOW, 50_000);
	*machine.workshop.held_order.lock().unwrap() = Some(urgent);
	claim(&machine, &life, &[patient, urgent], COLLATERAL >> 6).await;
	machine.workshop.held.store(false, Ordering::SeqCst);
	life.reaches(patient, |state| *state == State::Submitted)
		.await;
	*machine.workshop.held_order.lock().unwrap() = None;
	life.reaches(urgent, |state| *state == State::Submitted)
		.await;
	skip_to(&machine, urgent, 14);
	while left(&machine, urgent).is_some() {
		next(&machine).await;
	}
	let _miner = Miner::start(&machine.world);
	assert_paid_once(&machine, urgent, &life.ended(urgent).await);
	assert_paid_once(&machine, patient, &life.ended(patient).await);
	life.kill().await;
}
