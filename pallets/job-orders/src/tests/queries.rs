//! Reads for clients.

use lemma_primitives::order::{OrderChange, OrderChangeKind};

use super::*;

fn numbers(
	program: Option<lemma_primitives::ProgramId>,
	start: u64,
	limit: u32,
) -> (Vec<u64>, Option<u64>) {
	let (page, next) = JobOrders::orders(program, start, limit);
	for (id, listed) in &page {
		assert_eq!(*listed, order(*id));
	}
	(page.into_iter().map(|(id, _)| id).collect(), next)
}

#[test]
fn orders_should_page_by_number() {
	run(|| {
		for _ in 0..7 {
			post(ALICE);
		}
		for id in [0, 3, 6] {
			assert_ok!(JobOrders::cancel_order(RuntimeOrigin::signed(ALICE), id));
		}
		assert_eq!(numbers(None, 0, 100), (vec![1, 2, 4, 5], None));
		assert_eq!(numbers(None, 0, 2), (vec![1, 2], Some(4)));
		assert_eq!(numbers(None, 4, 2), (vec![4, 5], None));
		assert_eq!(numbers(None, 3, 1), (vec![4], Some(5)));
		assert_eq!(numbers(None, 6, 10), (vec![], None));
		assert_eq!(numbers(None, u64::MAX, 10), (vec![], None));
		assert_eq!(numbers(None, 0, 0), (vec![], Some(1)));
	});
}

#[test]
fn orders_should_be_by_number_beyond_one_byte() {
	run(|| {
		NextOrderId::<Test>::put(254);
		for _ in 0..4 {
			post(ALICE);
		}
		assert_eq!(numbers(None, 0, 100), (vec![254, 255, 256, 257], None));
		assert_eq!(numbers(None, 256, 100), (vec![256, 257], None));
	});
}

#[test]
fn orders_should_filter_by_program() {
	run(|| {
		for program in [PROGRAM, OTHER_PROGRAM, PROGRAM, OTHER_PROGRAM] {
			let mut spec = spec();
			spec.program = program;
			post_spec(ALICE, spec);
		}
		assert_eq!(numbers(Some(OTHER_PROGRAM), 0, 100), (vec![1, 3], None));
		assert_eq!(numbers(Some(OTHER_PROGRAM), 0, 1), (vec![1], Some(2)));
		assert_eq!(numbers(Some(UNKNOWN_PROGRAM), 0, 100), (vec![], None));
	});
}

#[test]
fn orders_should_look_at_no_more_than_a_thousand() {
	run(|| {
		for number in 0..1_003u64 {
			LiveOrders::<Test>::insert(number.to_be_bytes(), ());
		}
		assert_eq!(numbers(None, 0, 100), (vec![], Some(1_000)));
		assert_eq!(numbers(None, 1_000, 100), (vec![], None));
		let _ = LiveOrders::<Test>::clear(u32::MAX, None);
	});
}

#[test]
fn current_price_should_be_what_a_claim_in_the_next_block_fixes() {
	run(|| {
		let id = post(ALICE);
		for block in 1..15 {
			run_to(block);
			let price = JobOrders::current_price(id).expect("the order is open");
			let claimed = frame_support::storage::with_transaction(|| {
				run_to(block + 1);
				claim(CAROL, id);
				let OrderStatus::Claimed { price, .. } = order(id).status else {
					panic!("the order is claimed");
				};
				sp_runtime::TransactionOutcome::Rollback(Ok::<_, DispatchError>(price))
			});
			assert_eq!(claimed, Ok(price));
		}
	});
}

#[test]
fn current_price_should_be_none_when_the_next_block_will_not_find_the_order_open() {
	run(|| {
		assert_eq!(JobOrders::current_price(0), None);
		let id = post(ALICE);
		run_to(99);
		assert_eq!(JobOrders::current_price(id), Some(1_000));
		run_to(100);
		assert_eq!(JobOrders::current_price(id), None);
		let claimed = post(ALICE);
		claim(CAROL, claimed);
		assert_eq!(JobOrders::current_price(claimed), None);
	});
}

#[test]
fn order_changes_should_tell_this_blocks_changes_in_order() {
	run(|| {
		let expiring = post(BOB);
		run_to(70);
		let late = post(ALICE);
		claim(CAROL, late);
		run_to(100);
		let cancelled = post(ALICE);
		let settled = post(ALICE);
		System::reset_events();
		run_to(101);
		assert_ok!(JobOrders::cancel_order(
			RuntimeOrigin::signed(ALICE),
			cancelled
		));
		claim(DAVE, settled);
		assert_ok!(submit(DAVE, settled, proof(settled, &DAVE)));
		assert_ok!(JobOrders::remove_receipt(
			RuntimeOrigin::signed(ALICE),
			settled
		));
		let posted = post(BOB);
		let change = |order, kind| OrderChange { order, kind };
		assert_eq!(
			JobOrders::order_changes(),
			[
				change(expiring, OrderChangeKind::Expired),
				change(cancelled, OrderChangeKind::Cancelled),
				change(
					settled,
					OrderChangeKind::Claimed {
						provider: DAVE,
						price: 190
					}
				),
				change(
					settled,
					OrderChangeKind::Settled {
						provider: DAVE,
						paid: 190
					}
				),
				change(
					posted,
					OrderChangeKind::Posted {
						requester: BOB,
						program: PROGRAM
					}
				),
			]
		);
		assert!(matches!(order(late).status, OrderStatus::Rescue { .. }));
	});
}

#[test]
fn order_changes_should_tell_a_miss() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		System::reset_events();
		run_to(21);
		assert_eq!(
			JobOrders::order_changes(),
			[OrderChange {
				order: id,
				kind: OrderChangeKind::Missed {
					provider: CAROL,
					slashed: 500
				}
			}]
		);
	});
}
