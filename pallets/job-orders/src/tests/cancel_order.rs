//! `cancel_order`: by whom, and when.

use super::*;

fn cancel(who: AccountId, id: u64) -> frame_support::dispatch::DispatchResultWithPostInfo {
	JobOrders::cancel_order(RuntimeOrigin::signed(who), id)
}

#[test]
fn cancel_order_should_release_everything() {
	run(|| {
		let id = post(ALICE);
		take_events();
		assert_ok!(cancel(ALICE, id));
		assert_eq!(free(&ALICE), ENDOWMENT);
		assert_eq!(holds(&ALICE), [0; 4]);
		assert_eq!(JobOrders::order(id), None);
		assert_eq!(take_events(), [Event::OrderCancelled { id }]);
	});
}

#[test]
fn cancel_order_should_weigh_only_what_it_has_done() {
	run(|| {
		type W = weights::HandSetWeight;
		let open = post(ALICE);
		let info = cancel(ALICE, open).expect("it is open");
		assert_eq!(info.actual_weight, Some(W::cancel_order()));

		let overdue = post(ALICE);
		claim(CAROL, overdue);
		start_block(150);
		let info = cancel(ALICE, overdue).expect("it expires");
		let due = W::miss_claim() + W::expire_order();
		assert_eq!(info.actual_weight, Some(W::cancel_order() + due));
	});
}

#[test]
fn cancel_order_should_leave_nothing_in_the_agenda() {
	run(|| {
		let id = post(ALICE);
		assert_ok!(cancel(ALICE, id));
		take_events();
		run_to(102);
		assert_eq!(take_events(), []);
	});
}

#[test]
fn cancel_order_should_leave_other_orders_alone() {
	run(|| {
		let first = post(ALICE);
		let second = post(ALICE);
		let one = holds(&ALICE).map(|held| held / 2);
		assert_ok!(cancel(ALICE, first));
		assert_eq!(holds(&ALICE), one);
		assert_eq!(order(second).status, OrderStatus::Open);
	});
}

#[test]
fn cancel_order_should_fail_when_there_is_no_such_order() {
	run(|| {
		assert_noop!(cancel(ALICE, 0), Error::<Test>::OrderNotFound);
		let id = post(ALICE);
		assert_ok!(cancel(ALICE, id));
		assert_noop!(cancel(ALICE, id), Error::<Test>::OrderNotFound);
	});
}

#[test]
fn cancel_order_should_fail_for_anyone_but_the_requester() {
	run(|| {
		let id = post(ALICE);
		for who in [BOB, CAROL, HOT, NOBODY] {
			assert_noop!(cancel(who, id), Error::<Test>::NotRequester);
		}
		assert_noop!(
			JobOrders::cancel_order(RuntimeOrigin::none(), id),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn cancel_order_should_fail_when_the_order_is_claimed() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		assert_noop!(cancel(ALICE, id), Error::<Test>::OrderNotOpen);
	});
}

#[test]
fn cancel_order_should_fail_when_the_order_is_to_be_rescued() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		run_to(21);
		assert!(matches!(order(id).status, OrderStatus::Rescue { .. }));
		assert_noop!(cancel(ALICE, id), Error::<Test>::OrderNotOpen);
	});
}

#[test]
fn cancel_order_should_fail_when_the_claim_is_missed_but_not_yet_slashed() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		start_block(21);
		// Not the hook, but the call finds the claim missed: there is somebody to be rescued by.
		let result = frame_support::storage::with_storage_layer(|| cancel(ALICE, id));
		assert_eq!(result, Err(Error::<Test>::OrderNotOpen.into()));
		assert!(
			matches!(order(id).status, OrderStatus::Claimed { .. }),
			"nothing has changed"
		);
	});
}

#[test]
fn cancel_order_should_expire_an_order_that_the_agenda_has_not_got_to() {
	run(|| {
		let id = post(ALICE);
		take_events();
		start_block(101);
		assert_ok!(cancel(ALICE, id));
		assert_eq!(take_events(), [Event::OrderExpired { id }]);
		assert_eq!(free(&ALICE), ENDOWMENT);
	});
}

#[test]
fn cancel_order_should_slash_and_expire_a_claimed_order_that_the_agenda_has_not_got_to() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		take_events();
		start_block(150);
		assert_ok!(cancel(ALICE, id));
		assert_eq!(
			take_events(),
			[
				Event::ClaimMissed {
					id,
					provider: CAROL,
					slashed: COLLATERAL,
					bounty: COLLATERAL / 2
				},
				Event::OrderExpired { id },
			]
		);
		assert_eq!(free(&ALICE), ENDOWMENT + COLLATERAL);
		assert_eq!(bond(&CAROL), (BOND - COLLATERAL, 0));
	});
}

#[test]
fn cancel_order_should_do_when_requester_is_a_provider() {
	run(|| {
		let before = (bond(&CAROL), free(&CAROL));
		let id = post(CAROL);
		assert_ok!(cancel(CAROL, id));
		assert_eq!((bond(&CAROL), free(&CAROL)), before);
	});
}
