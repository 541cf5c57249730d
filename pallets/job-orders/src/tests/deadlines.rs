//! Deadlines: misses, expiries, a backlog of them, and what happens when one fails.

use crate::agenda::{MAX_BLOCKS_PER_RUN, RETRY_AFTER};

use super::*;

fn missed(id: u64, provider: AccountId, slashed: Balance, bounty: Balance) -> Event<Test> {
	Event::ClaimMissed {
		id,
		provider,
		slashed,
		bounty,
	}
}

#[test]
fn an_open_order_should_expire_at_its_deadline() {
	run(|| {
		let id = post(ALICE);
		take_events();
		run_to(100);
		assert_eq!(take_events(), []);
		assert_eq!(order(id).status, OrderStatus::Open);
		run_to(101);
		assert_eq!(take_events(), [Event::OrderExpired { id }]);
		assert_eq!(free(&ALICE), ENDOWMENT);
		assert_eq!(holds(&ALICE), [0; 4]);
		assert_eq!(JobOrders::order(id), None);
	});
}

#[test]
fn a_claim_should_be_missed_at_the_end_of_its_window() {
	run(|| {
		let id = post(ALICE);
		run_to(6);
		claim(CAROL, id);
		let alice = free(&ALICE);
		take_events();
		run_to(25);
		assert_eq!(take_events(), []);
		run_to(26);
		assert_eq!(take_events(), [missed(id, CAROL, 500, 250)]);
		assert_eq!(
			order(id).status,
			OrderStatus::Rescue {
				missed: CAROL,
				price: 550,
				bounty: 250
			}
		);
		assert_eq!(bond(&CAROL), (BOND - 500, 0));
		assert_eq!(free(&ALICE), alice + 250);
		assert_eq!(on_hold(HoldReason::Bounty, &ALICE), 250);
		assert_eq!(
			on_hold(HoldReason::Escrow, &ALICE),
			550,
			"the price is kept for a rescuer"
		);
	});
}

#[test]
fn the_odd_unit_of_a_slash_should_be_the_requesters() {
	run(|| {
		let mut spec = spec();
		spec.max_price = 1_001;
		let id = post_spec(ALICE, spec);
		claim(CAROL, id);
		let alice = free(&ALICE);
		take_events();
		run_to(21);
		assert_eq!(take_events(), [missed(id, CAROL, 501, 250)]);
		assert_eq!(free(&ALICE), alice + 251);
	});
}

#[test]
fn the_bounty_should_be_the_requesters_when_nobody_rescues() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		run_to(100);
		take_events();
		run_to(101);
		assert_eq!(take_events(), [Event::OrderExpired { id }]);
		assert_eq!(free(&ALICE), ENDOWMENT + 500);
		assert_eq!(holds(&ALICE), [0; 4]);
		assert_eq!(free(&FEES), EXISTENTIAL_DEPOSIT, "no settlement, no fee");
	});
}

#[test]
fn a_claim_that_ends_with_its_order_should_be_missed_and_the_order_expire() {
	run(|| {
		let id = post(ALICE);
		run_to(81);
		claim(CAROL, id);
		take_events();
		run_to(101);
		assert_eq!(
			take_events(),
			[missed(id, CAROL, 500, 250), Event::OrderExpired { id }]
		);
		assert_eq!(free(&ALICE), ENDOWMENT + 500);
	});
}

#[test]
fn a_miss_should_be_paid_to_a_requester_with_only_its_existential_deposit() {
	run(|| {
		let mut spec = spec();
		spec.min_price = 20;
		spec.max_price = 20;
		let id = post_spec(EVE, spec);
		let excess = free(&EVE) - EXISTENTIAL_DEPOSIT;
		assert_ok!(Balances::transfer_keep_alive(
			RuntimeOrigin::signed(EVE),
			BOB,
			excess
		));
		claim(CAROL, id);
		run_to(21);
		assert_eq!(free(&EVE), EXISTENTIAL_DEPOSIT + 13);
		assert_eq!(on_hold(HoldReason::Bounty, &EVE), 12);
	});
}

#[test]
fn a_miss_of_ones_own_order_should_cost_only_the_bond() {
	run(|| {
		let before = free(&CAROL);
		let id = post(CAROL);
		claim(CAROL, id);
		run_to(101);
		assert_eq!(JobOrders::order(id), None);
		assert_eq!(free(&CAROL), before + 500);
		assert_eq!(bond(&CAROL), (BOND - 500, 0));
	});
}

#[test]
fn misses_of_one_provider_should_each_cost_their_collateral() {
	run(|| {
		for id in 0..3 {
			post(ALICE);
			claim(CAROL, id);
		}
		assert_eq!(bond(&CAROL), (BOND, 1_500));
		run_to(21);
		assert_eq!(bond(&CAROL), (BOND - 1_500, 0));
		assert_eq!(on_hold(HoldReason::Bounty, &ALICE), 750);
	});
}

#[test]
fn an_order_that_ended_early_should_leave_nothing_to_the_agenda() {
	run(|| {
		let settled = post(ALICE);
		claim(CAROL, settled);
		assert_ok!(submit(CAROL, settled, proof(settled, &CAROL)));
		let rescued = post(ALICE);
		claim(CAROL, rescued);
		run_to(21);
		assert_ok!(submit(EVE, rescued, proof(rescued, &EVE)));
		assert_eq!(Agenda::<Test>::iter_keys().count(), 0);
		take_events();
		run_to(130);
		assert_eq!(take_events(), []);
	});
}

#[test]
fn a_backlog_should_be_worked_off_in_the_next_blocks() {
	run(|| {
		for _ in 0..10 {
			post(ALICE);
		}
		take_events();
		let mut live = 10;
		for (block, expired) in [(101, 4), (102, 4), (103, 2), (104, 0)] {
			run_to(block);
			let events = take_events();
			assert_eq!(events.len(), expired);
			assert!(events
				.iter()
				.all(|event| matches!(event, Event::OrderExpired { .. })));
			live -= expired;
			assert_eq!(Orders::<Test>::iter().count(), live);
			check_invariants();
		}
		assert_eq!(free(&ALICE), ENDOWMENT);
	});
}

#[test]
fn a_committed_bond_should_not_leave_however_late_the_agenda_is() {
	run(|| {
		let id = post(ALICE);
		run_to(2);
		claim(CAROL, id);
		// Far beyond the claim's end, the slash window and the unbonding period.
		start_block(1_000);
		let committed: DispatchError = pallet_provider_staking::Error::<Test>::BondCommitted.into();
		let carol = || RuntimeOrigin::signed(CAROL);
		assert_noop!(Staking::unbond(carol(), BOND), committed);
		assert_noop!(Staking::deregister(carol()), committed);
		run_to(1_001);
		assert_eq!(bond(&CAROL), (BOND - COLLATERAL, 0));
		assert_eq!(free(&ALICE), ENDOWMENT + COLLATERAL);
	});
}

#[test]
fn a_backlog_should_be_worked_off_earliest_first() {
	run(|| {
		for _ in 0..6 {
			post(ALICE);
		}
		start_block(2);
		let later = post(BOB);
		take_events();
		run_to(102);
		let expired = take_events();
		assert_eq!(expired.len(), 7);
		assert_eq!(expired.last(), Some(&Event::OrderExpired { id: later }));
	});
}

#[test]
fn a_block_should_do_no_more_than_its_share_when_blocks_have_been_skipped() {
	run(|| {
		for _ in 0..6 {
			post(ALICE);
		}
		JobOrders::on_initialize(1);
		start_block(1 + 2 * MAX_BLOCKS_PER_RUN);
		let now = System::block_number();
		JobOrders::on_initialize(now);
		assert_eq!(AgendaCursor::<Test>::get(), Some(2 + MAX_BLOCKS_PER_RUN));
		assert_eq!(Orders::<Test>::iter().count(), 6);
		start_block(now + 1);
		JobOrders::on_initialize(now + 1);
		assert_eq!(Orders::<Test>::iter().count(), 2);
		start_block(now + 2);
		JobOrders::on_initialize(now + 2);
		assert_eq!(Orders::<Test>::iter().count(), 0);
	});
}

#[test]
fn the_agenda_should_start_at_the_first_block_that_it_sees() {
	run(|| {
		start_block(1_000_000);
		JobOrders::on_initialize(1_000_000);
		assert_eq!(AgendaCursor::<Test>::get(), Some(1_000_001));
	});
}

#[test]
fn an_order_in_the_backlog_should_be_what_its_deadlines_say() {
	run(|| {
		for _ in 0..10 {
			post(ALICE);
		}
		run_to(101);
		let (id, _) = Orders::<Test>::iter().next().expect("there is a backlog");
		let terms = order(id).terms_hash();
		let result = frame_support::storage::with_storage_layer(|| {
			JobOrders::claim_order(RuntimeOrigin::signed(CAROL), id, terms)
		});
		assert_eq!(result, Err(Error::<Test>::OrderDeadlinePassed.into()));
		assert_ok!(JobOrders::cancel_order(RuntimeOrigin::signed(ALICE), id));
		assert_eq!(JobOrders::order(id), None);
		run_to(103);
		assert_eq!(free(&ALICE), ENDOWMENT);
	});
}

#[test]
fn the_hook_should_weigh_what_it_has_done() {
	run(|| {
		type W = weights::HandSetWeight;
		let idle = W::agenda_base() + W::agenda_block();
		run_to(1);
		let first = post(ALICE);
		post(ALICE);
		claim(CAROL, first);
		assert_eq!(run_to(2), idle);
		assert_eq!(run_to(21), idle + W::miss_claim());
		assert_eq!(run_to(101), idle + W::expire_order() * 2);
	});
}

#[test]
fn the_hook_should_never_weigh_more_than_its_worst_case() {
	run(|| {
		for id in 0..10 {
			post(ALICE);
			run_to(81.min(System::block_number() + 80));
			if id < 5 {
				claim(CAROL, id);
			}
		}
		let worst = JobOrders::worst_agenda_weight();
		for block in 82..110 {
			assert!(run_to(block).all_lte(worst));
		}
	});
}

#[test]
fn a_failing_miss_should_change_nothing_and_be_tried_again() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		let before = order(id);
		let alice = free(&ALICE);
		SlashingFails::set(true);
		take_events();
		run_to(21);
		let retry_at = 21 + RETRY_AFTER;
		assert_eq!(
			take_events(),
			[Event::DueChangeFailed {
				id,
				error: DispatchError::Corruption,
				retry_at
			}]
		);
		assert_eq!(order(id), before);
		assert_eq!(free(&ALICE), alice);
		assert_eq!(bond(&CAROL), (BOND, 500));
		check_invariants();

		run_to(retry_at - 1);
		assert_eq!(take_events(), [], "not tried in every block");
		SlashingFails::set(false);
		run_to(retry_at);
		assert_eq!(
			take_events(),
			[missed(id, CAROL, 500, 250), Event::OrderExpired { id }]
		);
		assert_eq!(Retries::<Test>::iter().count(), 0);
	});
}

#[test]
fn a_failing_miss_should_be_put_off_again_when_it_fails_again() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		SlashingFails::set(true);
		run_to(21 + RETRY_AFTER);
		assert_eq!(
			Agenda::<Test>::iter_keys().collect::<Vec<_>>(),
			[(21 + 2 * RETRY_AFTER, id)]
		);
		check_invariants();
		SlashingFails::set(false);
	});
}

#[test]
fn a_failing_miss_should_not_keep_other_orders_from_ending() {
	run(|| {
		let failing = post(ALICE);
		claim(CAROL, failing);
		let mut spec = spec();
		spec.lifetime = 20;
		let ending = post_spec(BOB, spec);
		SlashingFails::set(true);
		run_to(21);
		assert_eq!(JobOrders::order(ending), None);
		assert!(JobOrders::order(failing).is_some());
	});
}

#[test]
fn a_call_should_do_what_has_failed_in_the_hook_when_it_can_be_done_again() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		SlashingFails::set(true);
		run_to(21);
		let failed = submit(EVE, id, proof(id, &EVE)).expect_err("slashing fails");
		assert_eq!(failed.error, DispatchError::Corruption);
		SlashingFails::set(false);
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
		assert_eq!(Agenda::<Test>::iter_keys().count(), 0);
		assert_eq!(Retries::<Test>::iter().count(), 0);
	});
}

#[test]
fn an_entry_of_no_order_should_be_dropped() {
	run(|| {
		Agenda::<Test>::insert(5, 77, ());
		run_to(5);
		assert_eq!(Agenda::<Test>::iter_keys().count(), 0);
	});
}
