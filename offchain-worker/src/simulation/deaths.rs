//! The worker dies: at every point between two steps of its journal or of the chain, and at any moment. Every order
//! is claimed once, paid once, and no claim is missed.
//!
//! `scripts/soak-worker` runs this for longer: `LEMMA_SOAK_ROUNDS` is how often it dies at each point,
//! `LEMMA_SOAK_DEATHS` how often at random moments, `LEMMA_SOAK_SEED` the first seed.

use std::{
	sync::{atomic::Ordering, Arc},
	time::Duration,
};

use rand::{rngs::StdRng, Rng, SeedableRng};
use tokio::{sync::Semaphore, task::JoinSet};

use super::machine::{assert_settled_once, Machine, Miner};
use crate::journal::State;

/// Machines at a time: they wait most of the time.
const AT_A_TIME: usize = 16;

fn number(name: &str, default: u64) -> u64 {
	std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Runs them all, some at a time, and panics if one does.
async fn all<F: std::future::Future<Output = ()> + Send + 'static>(lives: impl Iterator<Item = F>) {
	let places = Arc::new(Semaphore::new(AT_A_TIME));
	let mut running = JoinSet::new();
	for life in lives {
		let place = places.clone().acquire_owned().await.unwrap();
		running.spawn(async move {
			life.await;
			drop(place);
		});
		while let Some(ended) = running.try_join_next() {
			ended.unwrap();
		}
	}
	while let Some(ended) = running.join_next().await {
		ended.unwrap();
	}
}

/// Every point that an order passes on its way.
fn points() -> Vec<String> {
	let steps = [
		"seen",
		"fetched",
		"claiming",
		"claim-signed",
		"send-claim",
		"claimed",
		"proving",
		"attempt",
		"proved",
		"submit-signed",
		"send-submission",
		"submitted",
		"settled",
	];
	steps
		.iter()
		.flat_map(|step| [format!("before-{step}"), format!("after-{step}")])
		.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_dies_at_any_point() {
	let rounds = number("LEMMA_SOAK_ROUNDS", 10);
	let deaths = points()
		.into_iter()
		.flat_map(|point| (0..rounds).map(move |round| (point.clone(), round)));
	all(deaths.map(|(point, round)| async move {
		let machine = Machine::new();
		let order = machine.post();
		let miner = Miner::start(&machine.world);
		let died = machine.start_until(&point).dies(order).await;
		assert!(died || point == "after-settled", "{point} was not passed");
		drop(miner);
		// At once after the death, or after blocks that the dead worker did not see.
		for _ in 0..(round % 2) * 6 {
			machine.world.lock().mine();
		}
		let _miner = Miner::start(&machine.world);
		let life = machine.start();
		let state = life.ended(order).await;
		eprintln!("died at {point}, round {round}: {}", state.name());
		assert_settled_once(&machine.world, order, &state);
		life.kill().await;
	}))
	.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_dies_at_any_moment() {
	const DEATHS: u64 = 5;
	let deaths = number("LEMMA_SOAK_DEATHS", 1_000);
	let first = number("LEMMA_SOAK_SEED", 0);
	let seeds = first..first + deaths.div_ceil(DEATHS);
	all(seeds.map(|seed| async move {
		let mut random = StdRng::seed_from_u64(seed);
		let machine = Machine::new();
		machine
			.workshop
			.millis
			.store(random.gen_range(0..20), Ordering::SeqCst);
		let order = machine.post();
		let _miner = Miner::start(&machine.world);
		for _ in 0..DEATHS {
			let life = machine.start();
			tokio::time::sleep(Duration::from_millis(random.gen_range(0..40))).await;
			life.kill().await;
		}
		let life = machine.start();
		let state = life.ended(order).await;
		eprintln!("seed {seed}: {}", state.name());
		assert_settled_once(&machine.world, order, &state);
		life.kill().await;
	}))
	.await;
}

/// Deaths, forks, losses and absences at random: every order still settles exactly once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_should_settle_once_whatever_happens() {
	let points = points();
	let first = number("LEMMA_SOAK_SEED", 0);
	let seeds = first..first + number("LEMMA_SOAK_DEATHS", 200).div_ceil(4);
	all(seeds.map(|seed| {
		let points = points.clone();
		async move {
			let mut random = StdRng::seed_from_u64(seed);
			let mut machine = Machine::new();
			machine.concurrency = random.gen_range(1..3);
			let orders = [machine.post(), machine.post()];
			// Their postings are final, so that no fork undoes them.
			for _ in 0..3 {
				machine.world.lock().mine();
			}
			let _miner = Miner::start(&machine.world);
			let deaths = random.gen_range(1..4);
			for _ in 0..deaths {
				let life = machine.start_until(&points[random.gen_range(0..points.len())]);
				for _ in 0..random.gen_range(0..6) {
					tokio::time::sleep(Duration::from_millis(random.gen_range(1..12))).await;
					let mut world = machine.world.lock();
					match random.gen_range(0..6) {
						0 => world.reorganise(random.gen_range(1..3), random.gen()),
						1 => world.empty_pool(),
						2 => world.forgetful = random.gen(),
						3 => world.away = random.gen(),
						4 => machine.disk.fill(random.gen()),
						_ => {}
					}
				}
				{
					let mut world = machine.world.lock();
					world.forgetful = false;
					world.away = false;
				}
				machine.disk.fill(false);
				life.kill().await;
			}
			let life = machine.start();
			for order in orders {
				let state = life.ended(order).await;
				assert!(
					matches!(state, State::Settled { .. }),
					"seed {seed}: {state:?}"
				);
				let world = machine.world.lock();
				assert_eq!(world.settlements(order), 1, "seed {seed}");
				assert_eq!(world.slashes(), 0, "seed {seed}");
				assert!(
					world.given_for(order) <= 2 + world.failures.len() + 2 * deaths,
					"seed {seed}: {} transactions for one order",
					world.given_for(order)
				);
			}
			life.kill().await;
		}
	}))
	.await;
}
