//! What full blocks take, against what they declare, in the blob. Depends on the machine, so it is no part of the
//! tests: `scripts/measure-block` runs it.

use std::time::Duration;

use frame_support::dispatch::DispatchClass;
use lemma_primitives::{carry_weight, UNIT};
use lemma_runtime::{
	configs::system::RuntimeBlockLength,
	constants::market::{MAX_EXPIRIES_PER_BLOCK, MIN_CLAIM_WINDOW},
	Block, JobOrdersCall, RuntimeCall,
};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob};

use crate::{
	chain::Chain,
	limits::{claimed, largest_job},
	market::{claim_here, register},
	proof::Job,
};

/// Runs of each block; the one in the middle counts.
const RUNS: usize = 9;

/// How long a block takes.
fn median(chain: &mut Chain, block: &Block) -> Duration {
	let mut runs: Vec<Duration> = (0..RUNS).map(|_| chain.time(block)).collect();
	runs.sort();
	runs[RUNS / 2]
}

/// Proposes a block of these calls and times it. Fails if it takes longer than it weighs.
fn measure(name: &str, chain: &mut Chain, calls: Vec<(Sr25519Keyring, RuntimeCall)>) {
	let proposal = chain.propose(calls);
	let included = proposal
		.outcomes
		.iter()
		.filter(|outcome| matches!(outcome, Ok(Ok(()))))
		.count();
	let dispatched = proposal
		.outcomes
		.iter()
		.filter(|outcome| outcome.is_ok())
		.count();
	assert_eq!(included, dispatched, "no transaction fails");

	let took = median(chain, &proposal.block);
	let declared = Duration::from_nanos(proposal.weight.ref_time() / 1_000);
	println!(
		"{name:<44} {included:>5} extrinsics {:>9.1} ms declared {:>9.1} ms taken {:>5.0} %",
		declared.as_secs_f64() * 1_000.0,
		took.as_secs_f64() * 1_000.0,
		took.as_secs_f64() / declared.as_secs_f64() * 100.0,
	);
	assert!(
		took <= declared,
		"{name} takes {took:?}, which is more than {declared:?}"
	);
}

#[test]
#[ignore = "depends on the machine: scripts/measure-block"]
fn measure_empty_block() {
	let mut chain = Chain::development();
	chain.block(Vec::new());
	measure("nothing", &mut chain, Vec::new());
}

#[test]
#[ignore = "depends on the machine: scripts/measure-block"]
fn measure_block_of_transfers() {
	let mut chain = Chain::development();
	chain.block(Vec::new());
	let transfer = pallet_balances::Call::transfer_allow_death {
		dest: Bob.to_account_id().into(),
		value: UNIT,
	};
	let calls = (0..1_000)
		.map(|_| (Alice, transfer.clone().into()))
		.collect();
	measure("transfers", &mut chain, calls);
}

#[test]
#[ignore = "depends on the machine: scripts/measure-block"]
fn measure_what_it_takes_to_carry_bytes() {
	let mut chain = Chain::development();
	chain.block(Vec::new());
	let bytes = 1 << 20;
	let calls: Vec<(_, RuntimeCall)> = (0..3)
		.map(|_| {
			let remark = vec![1; bytes as usize];
			(Alice, frame_system::Call::remark { remark }.into())
		})
		.collect();
	let proposal = chain.propose(calls);
	assert!(proposal
		.outcomes
		.iter()
		.all(|outcome| *outcome == Ok(Ok(()))));
	let took = median(&mut chain, &proposal.block);
	let empty = chain.propose(Vec::new()).block;
	let empty = median(&mut chain, &empty);
	let (took, empty) = (took.as_nanos() as f64, empty.as_nanos() as f64);
	let weighs = carry_weight(bytes).ref_time() as f64 / f64::from(bytes) / 1_000.0;
	let each = (took - empty) / f64::from(3 * bytes);
	println!("carrying a byte takes {each:.1} ns, weighs {weighs:.1} ns");
	assert!(each <= weighs);
}

#[test]
#[ignore = "depends on the machine: scripts/measure-block"]
fn measure_block_of_the_largest_settlements() {
	let (mut chain, submissions) = claimed(&largest_job(), 3);
	measure("settlements of 1 MiB", &mut chain, submissions);
}

#[test]
#[ignore = "depends on the machine: scripts/measure-block"]
fn measure_block_of_the_most_settlements() {
	let job = Job::gemm(8, 16, 8);
	let proof = job.prove(0, &Bob.to_account_id()).len() as u32;
	let normal = *RuntimeBlockLength::get().max.get(DispatchClass::Normal);
	let (mut chain, submissions) = claimed(&job, u64::from(normal / proof));
	measure("settlements of 256 bytes", &mut chain, submissions);
}

#[test]
#[ignore = "depends on the machine: scripts/measure-block"]
fn measure_block_of_the_most_deadlines() {
	let mut chain = Chain::development();
	chain
		.call(Bob, register(10_000 * UNIT))
		.expect("Bob registers");
	let mut spec = Job::gemm(8, 16, 8).spec();
	spec.ramp = 0;
	spec.claim_window = MIN_CLAIM_WINDOW;
	// Claimed in the block after the posting: claim and order end together.
	spec.lifetime = MIN_CLAIM_WINDOW + 1;
	let orders = u64::from(MAX_EXPIRIES_PER_BLOCK);
	let post = JobOrdersCall::post_order { spec };
	let posted = chain.block((0..orders).map(|_| (Alice, post.clone().into())).collect());
	let claims = chain.read(|| (0..orders).map(|id| (Bob, claim_here(id))).collect());
	let claimed = chain.block(claims);
	for outcome in posted.into_iter().chain(claimed) {
		assert_eq!(outcome, Ok(Ok(())));
	}
	for _ in 1..MIN_CLAIM_WINDOW {
		chain.block(Vec::new());
	}
	measure(
		"the most misses and expiries at once",
		&mut chain,
		Vec::new(),
	);
}
