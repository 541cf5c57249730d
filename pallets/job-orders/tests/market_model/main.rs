//! The market against a model of it: random sequences of every call of the three pallets, by several
//! accounts, over time and hooks, and after each call and block every balance, record and invariant
//! compared.
//!
//! - `model/`: the market as its documentation describes it, without pallets
//! - `chain.rs`: the three pallets, their storage in memory
//! - `sequence.rs`, `scene.rs`: what is done at random
//! - `play.rs`, `compare.rs`: doing it on both sides, and comparing
//!
//! `cargo test` plays 10,000 sequences, always the same ones. `scripts/soak-model` plays as many as it is
//! told, from a seed of its own. A sequence that fails is shrunk, told call by call, and its seed noted in
//! `regressions.txt`, which is played first ever after. See `docs/develop/testing.md`.

mod chain;
mod compare;
mod model;
mod parameters;
mod play;
mod scene;
mod sequence;

use std::{
	sync::{
		atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
		Mutex,
	},
	thread,
	time::{Duration, Instant},
};

use frame_support::{assert_ok, traits::GetCallName};
use proptest::test_runner::{
	Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};
use scale_info::{TypeDef, TypeInfo};

use crate::{
	chain::{account_id, AccountId, Balances, Test},
	model::{Call, Origin},
	play::{play, tell, Game, Start, Tally},
	sequence::{sequences, ALICE, CAROL},
};

/// Sequences of an ordinary `cargo test`.
const SEQUENCES: u64 = 10_000;
/// Their seed: a test that fails tells of a change, not of chance.
const SEED: u64 = 1;

/// Seeds of sequences that once failed.
const REGRESSIONS: &str = concat!(
	env!("CARGO_MANIFEST_DIR"),
	"/tests/market_model/regressions.txt"
);

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
	let text = std::env::var(name).ok()?;
	let number = text.parse();
	Some(number.unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

/// Says, when it is dropped, that a shard has failed: by an error or in a panic.
struct Alarm<'a> {
	failed: &'a AtomicUsize,
	shard: usize,
}

impl Drop for Alarm<'_> {
	fn drop(&mut self) {
		// The first is the one that counts.
		let _ = self
			.failed
			.compare_exchange(usize::MAX, self.shard, Relaxed, Relaxed);
	}
}

/// The sequences are drawn from so many sources, whatever the number of cores: a seed means the same
/// sequences everywhere.
const SHARDS: usize = 16;

/// Plays sequences on all cores. What was done, or the story of a sequence that failed.
fn soak(count: u64, seed: u64) -> Result<Tally, String> {
	let threads = thread::available_parallelism().map_or(1, usize::from);
	let next_shard = AtomicUsize::new(0);
	let played = AtomicU64::new(0);
	let failed = AtomicUsize::new(usize::MAX);
	let tally = Mutex::new(Tally::default());
	let share = |shard: usize| {
		let (shards, shard) = (SHARDS as u64, shard as u64);
		count / shards + u64::from(shard < count % shards)
	};
	let work = |shard: usize| -> Result<(), String> {
		let start = Start::new();
		let mut bytes = [0; 32];
		bytes[..8].copy_from_slice(&seed.to_le_bytes());
		bytes[8..16].copy_from_slice(&(shard as u64).to_le_bytes());
		let config = Config {
			cases: share(shard).try_into().expect("fewer than four billion"),
			failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
			max_shrink_iters: 50_000,
			..Config::default()
		};
		let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
		let played_out = TestRunner::new_with_rng(config, rng).run(&sequences(), |sequence| {
			// Another shard has failed: the rest would only be waited for.
			if ![usize::MAX, shard].contains(&failed.load(Relaxed)) {
				return Ok(());
			}
			let alarm = Alarm {
				failed: &failed,
				shard,
			};
			let done = play(&start, &sequence).map_err(TestCaseError::fail)?;
			std::mem::forget(alarm);
			tally.lock().expect("no thread panics with it").add(&done);
			played.fetch_add(1, Relaxed);
			Ok(())
		});
		played_out.map_err(|error| match error {
			TestError::Fail(reason, sequence) => {
				let story = tell(&start, &sequence);
				format!("{reason}\n\nThe shortest such story:\n\n{story}\n\n{sequence:?}")
			}
			TestError::Abort(reason) => reason.to_string(),
		})
	};
	thread::scope(|scope| {
		let work = &work;
		let (next_shard, failed) = (&next_shard, &failed);
		let work_on = move || loop {
			match next_shard.fetch_add(1, Relaxed) {
				shard if shard < SHARDS && failed.load(Relaxed) == usize::MAX => work(shard)?,
				_ => return Ok::<_, String>(()),
			}
		};
		let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work_on)).collect();
		let (started, mut told) = (Instant::now(), Instant::now());
		while workers.iter().any(|worker| !worker.is_finished()) {
			thread::sleep(Duration::from_millis(20));
			if told.elapsed() > Duration::from_secs(30) {
				told = Instant::now();
				let (played, seconds) = (played.load(Relaxed), started.elapsed().as_secs());
				println!("{played} of {count} sequences after {seconds} s");
			}
		}
		let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
		for result in results {
			result.map_err(|_| "a thread panicked".to_string())??;
		}
		Ok::<_, String>(())
	})?;
	Ok(tally.into_inner().expect("no thread panics with it"))
}

#[test]
fn market_should_agree_with_its_model_to_the_unit() {
	let count = setting("LEMMA_MODEL_SEQUENCES").unwrap_or(SEQUENCES);
	let seed = setting("LEMMA_MODEL_SEED").unwrap_or(SEED);
	let started = Instant::now();
	let tally = match soak(count, seed) {
		Ok(tally) => tally,
		Err(story) => panic!("chain and model differ (seed {seed}): {story}"),
	};
	for ((pallet, call), (done, refused)) in &tally.calls {
		println!("{pallet}.{call}: {done} done, {refused} refused");
	}
	for (error, times) in &tally.errors {
		println!("{error}: {times}");
	}
	let (done, refused) = tally.calls_in_all();
	println!(
		"agreed in all of {} sequences ({} with one account in several roles): {done} calls done, \
		 {refused} refused, {} blocks; seed {seed}, {} s",
		tally.sequences,
		tally.together,
		tally.blocks,
		started.elapsed().as_secs(),
	);
	if count >= SEQUENCES {
		check_coverage(&tally);
	}
}

/// Errors that no call can be given, as the chain is wired here.
const UNREACHABLE: [&str; 2] = [
	// Results are submitted in extrinsics.
	"NotInExtrinsic",
	// The order book releases no more than it has committed.
	"CommitmentTooSmall",
];

/// Every call was done and refused, and every error given.
fn check_coverage(tally: &Tally) {
	for (pallet, calls) in [
		("Orders", pallet_job_orders::Call::<Test>::get_call_names()),
		(
			"Staking",
			pallet_provider_staking::Call::<Test>::get_call_names(),
		),
		(
			"Registry",
			pallet_proof_verification::Call::<Test>::get_call_names(),
		),
	] {
		for call in calls {
			let count = tally.calls.get(&(pallet, *call));
			let (done, refused) = count.copied().unwrap_or_default();
			assert!(
				done > 0 && refused > 0,
				"{pallet}.{call}: {done} done, {refused} refused"
			);
		}
	}
	let errors = names::<pallet_job_orders::Error<Test>>()
		.chain(names::<pallet_provider_staking::Error<Test>>())
		.chain(names::<pallet_proof_verification::Error<Test>>());
	for error in errors {
		assert_eq!(
			tally.errors.contains_key(error),
			!UNREACHABLE.contains(&error),
			"{error}"
		);
	}
}

/// The names of an enum's variants.
fn names<T: TypeInfo + 'static>() -> impl Iterator<Item = &'static str> {
	let TypeDef::Variant(variants) = T::type_info().type_def else {
		panic!("not an enum");
	};
	variants.variants.into_iter().map(|variant| variant.name)
}

/// What happens in a game whose chain is tampered with.
fn tampered(tampering: impl FnOnce()) -> Result<(), String> {
	let mut game: Game = Start::new().game();
	game.blocks(1)?;
	game.chain.run(tampering);
	game.blocks(1)
}

fn assert_noticed(found: Result<(), String>, what: &str) {
	let difference = found.expect_err("it must be noticed");
	assert!(difference.starts_with(what), "{difference}");
}

#[test]
fn game_should_notice_a_unit_too_many_or_too_few() {
	use frame_support::traits::{
		fungible::{Mutate, MutateHold, Unbalanced},
		tokens::{Fortitude::Polite, Precision::Exact, Preservation::Preserve},
	};

	let alice: AccountId = account_id(ALICE);
	assert_eq!(tampered(|| ()), Ok(()));
	let mint = || {
		assert_ok!(Balances::mint_into(&alice, 1));
	};
	assert_noticed(tampered(mint), "free balances");
	let burn = || {
		assert_ok!(Balances::burn_from(&alice, 1, Preserve, Exact, Polite));
	};
	assert_noticed(tampered(burn), "free balances");
	assert_noticed(
		tampered(|| {
			let reason = pallet_job_orders::HoldReason::Escrow.into();
			assert_ok!(Balances::hold(&reason, &alice, 1));
			mint();
		}),
		"holds",
	);
	assert_noticed(
		tampered(|| Balances::set_total_issuance(Balances::total_issuance() - 1)),
		"total issuance",
	);
}

#[test]
fn game_should_notice_another_verdict_than_the_models() {
	let carol = Origin::Signed(CAROL);
	let mut game = Start::new().game();
	assert_eq!(game.call(carol, &Call::WithdrawUnbonded), Ok(false));
	// The model forgets that Carol has no bond.
	let profile = model::Profile::default();
	game.market
		.perform(carol, &Call::RegisterProvider(200, profile));
	let difference = game.call(carol, &Call::Unbond(200));
	assert_eq!(
		difference,
		Err("refused as NotProvider, but is to be done".into())
	);
	// The chain has a provider of whom the model does not know.
	let mut game = Start::new().game();
	let register = Call::RegisterProvider(200, profile);
	game.chain
		.call(carol, &register)
		.expect("it can be charged");
	let difference = game.call(carol, &Call::Deregister).expect_err("it differs");
	assert!(difference.starts_with("done, but"), "{difference}");
}
