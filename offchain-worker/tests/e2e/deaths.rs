//! The worker is killed: in the middle of a proof, around a sending, at any moment.
//!
//! `scripts/soak-worker` runs the ignored tests, which take long: `LEMMA_SOAK_ROUNDS` is how often the worker dies at
//! each point, `LEMMA_SOAK_DEATHS` how often it is killed at random moments.

use std::{
	os::unix::process::ExitStatusExt,
	time::{Duration, Instant},
};

use rand::{rngs::StdRng, Rng, SeedableRng};

use crate::net::Net;

/// Longest time from the start of a worker until it goes on with what it has claimed.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);

fn number(name: &str, default: usize) -> usize {
	std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_is_killed_in_the_middle_of_the_proof() {
	let net = Net::start().await;
	let (order, output) = net.post(1).await;
	let mut worker = net.worker(None);
	net.reaches(order, "proving").await;
	worker.0.kill().unwrap();
	assert_eq!(worker.wait().signal(), Some(9), "killed, not ended");
	assert_eq!(
		net.state(order).as_deref(),
		Some("proving"),
		"the journal survives"
	);
	assert_eq!(net.receipt(order).await, None);

	let mut worker = net.worker(None);
	net.assert_settled_once(order, &output).await;
	// Registration, claim, submission: nothing was sent twice, nothing failed.
	assert_eq!(net.nonce(&net.bob.account()).await, 3);

	// A second order, with a polite end in the middle.
	let (order, output) = net.post(2).await;
	net.reaches(order, "proving").await;
	worker.signal("-TERM");
	let status = worker.wait();
	assert_eq!(status.code(), Some(0), "a polite end: {}", net.log());
	assert_eq!(
		net.state(order).as_deref(),
		Some("submitted"),
		"what was claimed is finished"
	);
	let _worker = net.worker(None);
	net.assert_settled_once(order, &output).await;
	assert_eq!(net.nonce(&net.bob.account()).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_dies_around_a_sending() {
	let net = Net::start().await;
	let mut nonce = 1;
	for (seed, point) in [
		"after-send-claim",
		"before-send-submission",
		"after-send-submission",
	]
	.into_iter()
	.enumerate()
	{
		let (order, output) = net.post(seed).await;
		let mut worker = net.worker(Some(point));
		assert_eq!(
			worker.wait().signal(),
			Some(6),
			"aborted at {point}: {}",
			net.log()
		);
		let _worker = net.worker(None);
		net.assert_settled_once(order, &output).await;
		nonce += 2;
		assert_eq!(net.nonce(&net.bob.account()).await, nonce, "{point}");
	}
}

/// Kills the worker at random moments of one order's life, and checks that it goes on in time.
async fn kill_at_random(net: &Net, random: &mut StdRng, kills: usize) {
	let before = net.nonce_now(&net.bob.account()).await;
	let (order, output) = net.post(random.gen_range(0..100)).await;
	for kill in 0..kills {
		let lines = net.log().matches("going on with it").count();
		let live = net.state(order).is_some_and(|state| state != "settled");
		let began = Instant::now();
		let mut worker = net.worker(None);
		let moment = Duration::from_millis(random.gen_range(100..7_000));
		let mut resumed = !live;
		while began.elapsed() < moment || !resumed {
			if !resumed {
				resumed = net.log().matches("going on with it").count() > lines;
				assert!(
					resumed || began.elapsed() < RESUMES_WITHIN,
					"not resumed in time:\n{}",
					net.log()
				);
			}
			tokio::time::sleep(Duration::from_millis(50)).await;
		}
		worker.0.kill().unwrap();
		worker.wait();
		let state = net.state(order).unwrap_or_default();
		println!("kill {kill} after {moment:?}: {state}");
	}
	let _worker = net.worker(None);
	net.assert_settled_once(order, &output).await;
	// A claim and a submission: nothing was sent twice, nothing failed.
	assert_eq!(net.nonce(&net.bob.account()).await, before + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_is_killed_at_any_moment() {
	let net = Net::start().await;
	kill_at_random(&net, &mut StdRng::seed_from_u64(1), 2).await;
}

/// For `scripts/soak-worker`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes hours: scripts/soak-worker"]
async fn soak_orders_should_settle_once_when_the_worker_is_killed_at_any_moment() {
	const KILLS: usize = 4;
	let mut random = StdRng::from_entropy();
	let net = Net::start().await;
	for _ in 0..number("LEMMA_SOAK_DEATHS", 40).div_ceil(KILLS) {
		kill_at_random(&net, &mut random, KILLS).await;
	}
}

/// For `scripts/soak-worker`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes hours: scripts/soak-worker"]
async fn soak_an_order_should_settle_once_when_the_worker_dies_at_any_point() {
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
	let net = Net::start().await;
	let mut nonce = net.nonce_now(&net.bob.account()).await;
	for round in 0..number("LEMMA_SOAK_ROUNDS", 1) {
		for step in steps {
			for when in ["before", "after"] {
				let point = format!("{when}-{step}");
				let (order, output) = net.post(round).await;
				let mut worker = net.worker(Some(&point));
				let died = worker.wait().signal();
				assert_eq!(died, Some(6), "aborted at {point}: {}", net.log());
				let _worker = net.worker(None);
				net.assert_settled_once(order, &output).await;
				nonce += 2;
				assert_eq!(net.nonce(&net.bob.account()).await, nonce, "{point}");
				println!("died at {point}, round {round}: settled once");
			}
		}
	}
}
