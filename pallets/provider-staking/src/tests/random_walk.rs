//! Thousands of random calls, most of them refused, with every invariant checked after each.

use lemma_primitives::provider::Profile;

use super::*;

/// A small generator, so that a failure comes back: splitmix64.
struct Random(u64);

impl Random {
	fn below(&mut self, limit: u64) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		(z ^ (z >> 31)) % limit
	}

	fn account(&mut self) -> AccountId {
		[ALICE, BOB, HOT, HOTTER, REQUESTER][self.below(5) as usize]
	}

	fn amount(&mut self) -> Balance {
		[0, 1, 50, LEAST_BOND, 250, 700, ENDOWMENT][self.below(7) as usize]
	}

	fn profile(&mut self) -> Profile {
		if self.below(4) == 0 {
			longest_profile()
		} else {
			profile()
		}
	}

	/// Does one thing at random. Which it was, and whether it was done.
	fn step(&mut self) -> (u64, bool) {
		let (who, other, amount) = (self.account(), self.account(), self.amount());
		let origin = RuntimeOrigin::signed(who);
		let kind = self.below(14);
		let done = match kind {
			0 => Staking::register_provider(origin, amount, self.profile()).is_ok(),
			1 => Staking::bond_more(origin, amount).is_ok(),
			2 => Staking::unbond(origin, amount).is_ok(),
			3 => Staking::withdraw_unbonded(origin).is_ok(),
			4 => {
				let list = vec![other, self.account()].try_into().expect("short");
				Staking::set_operators(origin, list).is_ok()
			}
			5 => Staking::update_provider(origin, self.profile()).is_ok(),
			6 => self.below(4) == 0 && Staking::deregister(origin).is_ok(),
			7 => Staking::join_provider(origin, other).is_ok(),
			8 => Staking::leave_provider(origin).is_ok(),
			9 => Staking::commit(&who, amount).is_ok(),
			10 => Staking::release(&who, amount).is_ok(),
			11 => {
				let beneficiary = [other, who, STRANGER][self.below(3) as usize];
				slash(who, amount, beneficiary).is_ok()
			}
			12 => {
				Staking::record(&who, Settlement::Rescue(amount));
				true
			}
			_ => {
				skip_blocks(self.below(UNBONDING_BLOCKS));
				true
			}
		};
		(kind, done)
	}
}

#[test]
fn invariants_should_hold_after_every_one_of_many_random_calls() {
	let mut done = [0; 14];
	for seed in 0..20 {
		run(|| {
			let mut random = Random(seed);
			for n in 0..2_000 {
				let (kind, was_done) = random.step();
				done[kind as usize] += u32::from(was_done);
				let verdict = Staking::do_try_state();
				assert!(
					verdict.is_ok(),
					"seed {seed}, step {n}, call {kind}: {verdict:?}"
				);
			}
		});
	}
	assert!(
		done.iter().all(|times| *times >= 10),
		"every call succeeded often: {done:?}"
	);
}
