//! Fuzzing of the runtime. Any bytes are a sequence of steps: extrinsics signed by several accounts, extrinsics as strangers
//! send them, and blocks that pass. They are decoded and executed by the runtime's native build, the way that they go in a
//! node; after each step, every invariant of the market and of the money must hold. The harness is `lemma-zk-fuzz`.

#![deny(missing_docs)]

mod chain;

use codec::{Decode, DecodeLimit, Encode};
use lemma_primitives::{
	order::{InputSource, OrderSpec},
	provider::{Backend, Profile},
	UNIT,
};
use lemma_runtime::{constants::market::MIN_BOND, Runtime, RuntimeCall, UncheckedExtrinsic};
use lemma_zk_fuzz::Target;
use sp_runtime::MultiAddress;

use chain::{prover, sample, Chain, SIGNERS};

type JobOrdersCall = lemma_runtime::JobOrdersCall<Runtime>;
type StakingCall = pallet_provider_staking::Call<Runtime>;

/// All targets of the runtime.
pub const ALL: &[Target] = &[Target {
	name: "extrinsics",
	run: extrinsics,
	seeds: || {
		sequences()
			.into_iter()
			.map(|(_, steps)| bytes(&steps))
			.collect()
	},
}];

/// Most steps of one input.
const MAX_STEPS: usize = 16;
/// How deep a call may be nested: as in an extrinsic.
const MAX_DEPTH: u32 = 256;

/// What happens on the chain.
#[derive(Clone, Debug, Encode, Decode)]
enum Step {
	/// So many blocks pass, one at least.
	Blocks(u8),
	/// One of [`SIGNERS`], or the prover, sends a call.
	Call(u8, RuntimeCall),
	/// A stranger sends an extrinsic, whatever it is.
	Extrinsic(Box<UncheckedExtrinsic>),
}

/// Runs the steps that bytes are, and checks the state after each.
fn extrinsics(bytes: &[u8]) {
	run(&mut Chain::new(), bytes);
}

/// Whether each step that is a call succeeded.
fn run(chain: &mut Chain, mut bytes: &[u8]) -> Vec<bool> {
	let mut succeeded = Vec::new();
	for _ in 0..MAX_STEPS {
		let Ok(step) = Step::decode_with_depth_limit(MAX_DEPTH, &mut bytes) else {
			break;
		};
		match step {
			Step::Blocks(count) => (0..=count % 32).for_each(|_| chain.next_block()),
			Step::Call(who, call) => {
				succeeded.push(chain.send(usize::from(who) % (SIGNERS.len() + 1), call));
			}
			Step::Extrinsic(extrinsic) => chain.receive(*extrinsic),
		}
		chain.check();
	}
	chain.next_block();
	chain.check();
	succeeded
}

fn bytes(steps: &[Step]) -> Vec<u8> {
	steps.iter().flat_map(Encode::encode).collect()
}

/// Index of the prover as who sends a call.
const PROVER: u8 = SIGNERS.len() as u8;

fn call(who: u8, call: impl Into<RuntimeCall>) -> Step {
	Step::Call(who, call.into())
}

/// Sequences to begin with, and how many of their calls succeed.
fn sequences() -> Vec<(usize, Vec<Step>)> {
	let sample = sample();
	let spec = OrderSpec {
		program: sample.program.into(),
		commitment: sample.commitment.into(),
		input: InputSource::Inline(sample.blob.clone().try_into().expect("it is short")),
		output_len: sample.output.len() as u32,
		min_price: 2 * UNIT,
		max_price: 10 * UNIT,
		ramp: 8,
		claim_window: 20,
		lifetime: 100,
	};
	let profile = || Profile {
		endpoint: b"https://provider.example"
			.to_vec()
			.try_into()
			.expect("it is short"),
		backend: Backend::Cpu,
		programs: Default::default(),
	};
	let register = |who| {
		let bond = if who == PROVER {
			MIN_BOND
		} else {
			3 * MIN_BOND
		};
		let profile = profile();
		call(who, StakingCall::register_provider { bond, profile })
	};
	let id = sample.order;
	let post = call(0, JobOrdersCall::post_order { spec });
	let submit = call(
		PROVER,
		JobOrdersCall::submit_result {
			id,
			output: sample.output.clone().try_into().expect("it fits"),
			proof: sample.proof.clone().try_into().expect("it fits"),
		},
	);
	let submit_nothing = |who| {
		let (output, proof) = (vec![0; 48], vec![0; 100]);
		let (output, proof) = (
			output.try_into().expect("fits"),
			proof.try_into().expect("fits"),
		);
		call(who, JobOrdersCall::submit_result { id, output, proof })
	};
	// Of the order as it will stand: see `Chain::send`.
	let terms = Default::default();
	let claim = |who| call(who, JobOrdersCall::claim_order { id, terms });
	let charlie = SIGNERS[1].to_account_id();
	let transfer = pallet_balances::Call::<Runtime>::transfer_allow_death {
		dest: MultiAddress::Id(prover()),
		value: UNIT,
	};
	vec![
		// Settled unclaimed, and the receipt removed.
		(
			3,
			vec![
				post.clone(),
				Step::Blocks(2),
				submit.clone(),
				call(0, JobOrdersCall::remove_receipt { id }),
			],
		),
		// Claimed, and proven in time.
		(
			4,
			vec![
				register(PROVER),
				post.clone(),
				claim(PROVER),
				Step::Blocks(1),
				submit.clone(),
			],
		),
		// Claimed and missed; rescued.
		(
			4,
			vec![
				register(2),
				post.clone(),
				claim(2),
				Step::Blocks(25),
				submit.clone(),
			],
		),
		// Claimed, missed, and expired.
		(
			3,
			vec![
				register(1),
				post.clone(),
				claim(1),
				submit_nothing(1),
				Step::Blocks(31),
				Step::Blocks(31),
				Step::Blocks(31),
				Step::Blocks(31),
			],
		),
		(
			2,
			vec![post.clone(), call(0, JobOrdersCall::cancel_order { id })],
		),
		// An operator; what is unbonded; the end of a registration.
		(
			8,
			vec![
				register(0),
				call(
					0,
					StakingCall::set_operators {
						operators: vec![charlie].try_into().expect("one fits"),
					},
				),
				call(
					1,
					StakingCall::join_provider {
						provider: SIGNERS[0].to_account_id(),
					},
				),
				claim(2),
				call(0, StakingCall::unbond { amount: MIN_BOND }),
				call(0, StakingCall::bond_more { amount: UNIT }),
				call(0, StakingCall::update_provider { profile: profile() }),
				call(1, StakingCall::leave_provider {}),
				call(0, StakingCall::deregister {}),
				Step::Blocks(31),
				call(0, StakingCall::withdraw_unbonded {}),
			],
		),
		(
			1,
			vec![
				call(3, transfer.clone()),
				call(
					3,
					lemma_runtime::SudoCall::sudo {
						call: Box::new(transfer.clone().into()),
					},
				),
				Step::Extrinsic(Box::new(UncheckedExtrinsic::new_bare(transfer.into()))),
				Step::Blocks(0),
			],
		),
	]
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn sequences_should_do_what_they_are_meant_to_do() {
		for (i, (expected, steps)) in sequences().into_iter().enumerate() {
			let mut chain = Chain::new();
			let succeeded = run(&mut chain, &bytes(&steps));
			let count = succeeded.iter().filter(|succeeded| **succeeded).count();
			assert_eq!(count, expected, "sequence {i}: {succeeded:?}");
			// Those that end with a proof, but the one whose receipt is removed.
			assert_eq!(chain.sample_order(), (false, [1, 2].contains(&i)), "{i}");
		}
	}
}
