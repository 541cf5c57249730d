//! `claim_order`: the price that it fixes, the collateral that it takes, and every reason to refuse.

use pallet_provider_staking::Error as StakingError;

use super::*;

fn try_claim(who: AccountId, id: u64) -> frame_support::dispatch::DispatchResultWithPostInfo {
	let terms = JobOrders::order(id).map_or(H256::zero(), |order| order.terms_hash());
	try_claim_terms(who, id, terms)
}

fn try_claim_terms(
	who: AccountId,
	id: u64,
	terms: H256,
) -> frame_support::dispatch::DispatchResultWithPostInfo {
	// As an extrinsic does: an error undoes everything.
	frame_support::storage::with_storage_layer(|| {
		JobOrders::claim_order(RuntimeOrigin::signed(who), id, terms)
	})
}

#[test]
fn claim_order_should_fix_the_price_of_its_block_and_return_the_rest() {
	for (block, price) in [
		(1, 100),
		(2, 190),
		(6, 550),
		(10, 910),
		(11, 1_000),
		(12, 1_000),
	] {
		run(|| {
			let id = post(ALICE);
			let before = free(&ALICE);
			take_events();
			run_to(block);
			claim(CAROL, id);
			let expires_at = block + 20;
			assert_eq!(
				order(id).status,
				OrderStatus::Claimed {
					provider: CAROL,
					price,
					claimed_at: block,
					expires_at
				}
			);
			assert_eq!(on_hold(HoldReason::Escrow, &ALICE), price);
			assert_eq!(free(&ALICE), before + 1_000 - price);
			assert_eq!(
				take_events(),
				[Event::OrderClaimed {
					id,
					provider: CAROL,
					price,
					expires_at
				}]
			);
		});
	}
}

#[test]
fn claim_order_should_weigh_only_what_it_has_done() {
	run(|| {
		let id = post(ALICE);
		let info = try_claim(CAROL, id).expect("it is open");
		assert_eq!(
			info.actual_weight,
			Some(<weights::HandSetWeight as WeightInfo>::claim_order())
		);
	});
}

#[test]
fn claim_order_should_keep_deposit_and_settlement_fee() {
	run(|| {
		let id = post(ALICE);
		let [_, deposit, fee, _] = holds(&ALICE);
		claim(CAROL, id);
		assert_eq!(holds(&ALICE), [100, deposit, fee, 0]);
	});
}

#[test]
fn claim_order_should_commit_collateral() {
	run(|| {
		let first = post(ALICE);
		let second = post(BOB);
		claim(CAROL, first);
		assert_eq!(bond(&CAROL), (BOND, COLLATERAL));
		claim(CAROL, second);
		assert_eq!(bond(&CAROL), (BOND, 2 * COLLATERAL));
		assert_eq!(bond(&DAVE), (BOND, 0));
	});
}

#[test]
fn claim_order_should_be_for_the_provider_when_its_operator_claims() {
	run(|| {
		let id = post(ALICE);
		claim(HOT, id);
		assert!(matches!(
			order(id).status,
			OrderStatus::Claimed { provider, .. } if provider == CAROL
		));
		assert_eq!(bond(&CAROL), (BOND, COLLATERAL));
	});
}

#[test]
fn claim_order_should_take_no_price_when_the_price_starts_at_nothing() {
	run(|| {
		let mut spec = spec();
		spec.min_price = 0;
		let id = post_spec(ALICE, spec);
		claim(CAROL, id);
		assert_eq!(on_hold(HoldReason::Escrow, &ALICE), 0);
		assert!(matches!(
			order(id).status,
			OrderStatus::Claimed { price: 0, .. }
		));
	});
}

#[test]
fn claim_order_should_fail_when_there_is_no_such_order() {
	run(|| {
		assert_noop!(try_claim(CAROL, 0), Error::<Test>::OrderNotFound);
	});
}

#[test]
fn claim_order_should_fail_for_anyone_but_providers_and_operators() {
	run(|| {
		let id = post(ALICE);
		for who in [ALICE, EVE, NOBODY] {
			assert_noop!(try_claim(who, id), Error::<Test>::NotProvider);
		}
		assert_noop!(
			JobOrders::claim_order(RuntimeOrigin::none(), id, order(id).terms_hash()),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn claim_order_should_fail_when_the_number_is_another_orders() {
	run(|| {
		let id = post(ALICE);
		let mut dearer = spec();
		dearer.max_price += 1;
		let other = post_spec(ALICE, dearer);
		let of_bob = post(BOB);
		run_to(2);
		let later = post(ALICE);
		for meant in [other, of_bob, later] {
			let terms = order(meant).terms_hash();
			assert_noop!(
				try_claim_terms(CAROL, id, terms),
				Error::<Test>::TermsDiffer
			);
		}
		assert_noop!(
			try_claim_terms(CAROL, id, H256::zero()),
			Error::<Test>::TermsDiffer
		);
		// Alike in everything but its number, and so as good as the one that is meant.
		let terms = order(later).terms_hash();
		let twin = post(ALICE);
		assert_ok!(try_claim_terms(CAROL, twin, terms));
	});
}

#[test]
fn claim_order_should_fail_when_the_order_is_claimed() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		for who in [CAROL, HOT, DAVE] {
			assert_noop!(try_claim(who, id), Error::<Test>::OrderNotOpen);
		}
	});
}

#[test]
fn claim_order_should_fail_when_the_order_is_to_be_rescued() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		run_to(21);
		assert_noop!(try_claim(DAVE, id), Error::<Test>::OrderNotOpen);
	});
}

#[test]
fn claim_order_should_fail_when_its_window_would_pass_the_deadline() {
	run(|| {
		let first = post(ALICE);
		let second = post(ALICE);
		run_to(81);
		claim(CAROL, first);
		assert!(matches!(
			order(first).status,
			OrderStatus::Claimed {
				expires_at: 101,
				..
			}
		));
		run_to(82);
		assert_noop!(try_claim(CAROL, second), Error::<Test>::ClaimTooLate);
	});
}

#[test]
fn claim_order_should_fail_when_the_deadline_has_passed_and_the_agenda_is_behind() {
	run(|| {
		let id = post(ALICE);
		start_block(101);
		assert_noop!(try_claim(CAROL, id), Error::<Test>::OrderDeadlinePassed);
	});
}

#[test]
fn claim_order_should_fail_when_bond_is_committed() {
	run(|| {
		let mut large = spec();
		large.max_price = 90_000;
		let first = post_spec(ALICE, large.clone());
		large.max_price = 10_002;
		let second = post_spec(BOB, large.clone());
		large.max_price = 10_000;
		let third = post_spec(BOB, large);
		claim(CAROL, first);
		assert_noop!(
			try_claim(CAROL, second),
			StakingError::<Test>::BondCommitted
		);
		claim(CAROL, third);
		assert_eq!(bond(&CAROL), (BOND, BOND));
	});
}

#[test]
fn claim_order_should_do_when_requester_is_the_provider() {
	run(|| {
		let id = post(CAROL);
		let before = free(&CAROL);
		claim(CAROL, id);
		assert_eq!(free(&CAROL), before + 900);
		assert_eq!(bond(&CAROL), (BOND, COLLATERAL));
	});
}

#[test]
fn claim_order_should_do_when_the_program_is_retired_since() {
	run(|| {
		let id = post(ALICE);
		ProgramsRetired::set(true);
		claim(CAROL, id);
	});
}
