//! `remove_receipt`: the deposit comes back, once, to the requester.

use super::*;

fn settled() -> u64 {
	let id = post(ALICE);
	assert_ok!(submit(EVE, id, proof(id, &EVE)));
	take_events();
	id
}

fn remove(who: AccountId, id: u64) -> sp_runtime::DispatchResult {
	frame_support::storage::with_storage_layer(|| {
		JobOrders::remove_receipt(RuntimeOrigin::signed(who), id)
	})
}

#[test]
fn remove_receipt_should_release_the_deposit() {
	run(|| {
		let id = settled();
		let deposit = receipt(id).deposit;
		let before = free(&ALICE);
		assert!(deposit > 0);
		assert_ok!(remove(ALICE, id));
		assert_eq!(free(&ALICE), before + deposit);
		assert_eq!(holds(&ALICE), [0; 4]);
		assert_eq!(JobOrders::receipt(id), None);
		assert_eq!(take_events(), [Event::ReceiptRemoved { id }]);
	});
}

#[test]
fn remove_receipt_should_fail_for_anyone_but_the_requester() {
	run(|| {
		let id = settled();
		for who in [EVE, BOB, NOBODY] {
			assert_noop!(remove(who, id), Error::<Test>::NotRequester);
		}
		assert_noop!(
			JobOrders::remove_receipt(RuntimeOrigin::none(), id),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn remove_receipt_should_fail_when_there_is_none() {
	run(|| {
		assert_noop!(remove(ALICE, 0), Error::<Test>::ReceiptNotFound);
		let live = post(ALICE);
		assert_noop!(remove(ALICE, live), Error::<Test>::ReceiptNotFound);
	});
}

#[test]
fn remove_receipt_should_fail_the_second_time() {
	run(|| {
		let id = settled();
		assert_ok!(remove(ALICE, id));
		assert_noop!(remove(ALICE, id), Error::<Test>::ReceiptNotFound);
	});
}

#[test]
fn remove_receipt_should_keep_the_deposits_of_other_receipts_and_orders() {
	run(|| {
		let first = settled();
		let second = settled();
		let live = post(ALICE);
		assert_ok!(remove(ALICE, first));
		let kept = receipt(second).deposit + order(live).deposit;
		assert_eq!(on_hold(HoldReason::Deposit, &ALICE), kept);
	});
}
