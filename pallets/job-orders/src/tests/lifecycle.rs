//! Many random calls by accounts in every role: money and invariants hold at every step.

use super::*;

/// A small generator (splitmix64): the tests need variety, and the same one each time.
struct Random(u64);

impl Random {
	fn below(&mut self, bound: u64) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		(z ^ (z >> 31)) % bound
	}

	fn pick<T: Clone>(&mut self, all: &[T]) -> T {
		all[self.below(all.len() as u64) as usize].clone()
	}
}

fn random_spec(random: &mut Random) -> OrderSpecOf<Test> {
	let mut spec = spec();
	spec.max_price = LOWEST_PRICE + Balance::from(random.below(3_000));
	spec.min_price = Balance::from(random.below(spec.max_price as u64 + 1));
	spec.claim_window = SHORTEST_WINDOW + random.below(20) as u32;
	spec.lifetime = spec.claim_window + random.below(40) as u32;
	spec.ramp = random.below(u64::from(spec.lifetime) + 1) as u32;
	spec
}

/// One random call; whether it succeeded.
fn step(random: &mut Random) -> (&'static str, bool) {
	let who = random.pick(&[ALICE, BOB, CAROL, DAVE, EVE, HOT]);
	let origin = RuntimeOrigin::signed(who.clone());
	let next = NextOrderId::<Test>::get().max(1);
	let id = next.saturating_sub(1 + random.below(12));
	let terms = JobOrders::order(id).map_or(H256::zero(), |order| order.terms_hash());
	let call = frame_support::storage::with_storage_layer::<_, DispatchError, _>(|| {
		match random.below(10) {
			0..=2 => {
				let spec = random_spec(random);
				JobOrders::post_order(origin, spec).map(|()| "post")
			}
			3 => JobOrders::cancel_order(origin, id)
				.map(|_| "cancel")
				.map_err(|error| error.error),
			4..=6 => JobOrders::claim_order(origin, id, terms)
				.map(|_| "claim")
				.map_err(|error| error.error),
			7..=8 => {
				let payee = if who == HOT { CAROL } else { who };
				let output = OUTPUT.to_vec().try_into().expect("short enough");
				let proof = proof(id, &payee).try_into().expect("short enough");
				JobOrders::submit_result(origin, id, output, proof)
					.map(|_| "submit")
					.map_err(|error| error.error)
			}
			_ => {
				let settled = Receipts::<Test>::iter_keys().next().unwrap_or(0);
				JobOrders::remove_receipt(origin, settled).map(|()| "remove")
			}
		}
	});
	(call.unwrap_or("nothing"), call.is_ok())
}

#[test]
fn random_calls_should_keep_every_invariant() {
	for seed in 0..4 {
		run(|| {
			let mut random = Random(seed);
			let mut done = std::collections::BTreeMap::<&str, u32>::new();
			for _ in 0..1_500 {
				let (call, succeeded) = step(&mut random);
				if succeeded {
					*done.entry(call).or_default() += 1;
				}
				if random.below(3) == 0 {
					// Now and then the hook does not get its turn, as in a backlog.
					let skipped = random.below(20) == 0;
					let blocks = 1 + random.below(4) as u32;
					if skipped {
						start_block(System::block_number() + blocks);
					} else {
						run_to(System::block_number() + blocks);
					}
				}
				check_invariants();
			}
			for call in ["post", "cancel", "claim", "submit", "remove"] {
				assert!(
					done.get(call).is_some_and(|times| *times > 5),
					"{call}: {done:?}"
				);
			}
			// In the end everything ends.
			for _ in 0..300 {
				run_to(System::block_number() + 1);
			}
			assert_eq!(Orders::<Test>::iter().count(), 0);
			assert_eq!(bond(&CAROL).1 + bond(&DAVE).1, 0);
		});
	}
}
