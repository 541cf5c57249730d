//! `try_state` finds every invariant broken.

use super::*;

/// Three orders, one in each status, and a receipt.
fn market() -> [u64; 4] {
	let receipt = post(ALICE);
	assert_ok!(submit(EVE, receipt, proof(receipt, &EVE)));
	let rescue = post(ALICE);
	claim(CAROL, rescue);
	run_to(21);
	let claimed = post(ALICE);
	claim(DAVE, claimed);
	let open = post(BOB);
	[open, claimed, rescue, receipt]
}

/// Breaks the market in one way, in which `invariant` must be found broken.
fn broken(invariant: &str, change: impl FnOnce([u64; 4])) {
	new_test_ext().execute_with(|| {
		let market = market();
		check_invariants();
		change(market);
		let error = JobOrders::do_try_state(System::block_number()).expect_err("it is broken");
		let text: &'static str = error.into();
		assert!(text.starts_with(&format!("{invariant}:")), "{text}");
	});
}

fn change_order(id: u64, change: impl FnOnce(&mut OrderOf<Test>)) {
	Orders::<Test>::mutate(id, |order| {
		change(order.as_mut().expect("the order is live"))
	});
}

#[test]
fn numbers_should_be_found_broken() {
	broken("numbers", |_| NextOrderId::<Test>::put(2));
	broken("numbers", |[open, .., settled]| {
		Receipts::<Test>::insert(open, receipt(settled));
	});
	broken("numbers", |[.., settled]| {
		Receipts::<Test>::insert(99, receipt(settled))
	});
}

#[test]
fn terms_should_be_found_broken() {
	broken("terms", |[open, ..]| {
		change_order(open, |order| order.deadline += 1)
	});
	broken("terms", |[open, ..]| {
		change_order(open, |order| order.spec.min_price = 1_001)
	});
	broken("terms", |[_, claimed, ..]| {
		change_order(claimed, |order| order.spec.claim_window += 1)
	});
	broken("terms", |[_, claimed, ..]| {
		change_order(claimed, |order| {
			order.spec.lifetime = order.spec.claim_window - 1;
			order.deadline = order.posted_at + order.spec.lifetime;
		})
	});
	broken("terms", |[_, claimed, ..]| {
		change_order(claimed, |order| {
			let OrderStatus::Claimed { price, .. } = &mut order.status else {
				unreachable!()
			};
			*price = 99;
		})
	});
	broken("terms", |[_, _, rescue, _]| {
		change_order(rescue, |order| order.collateral = 249)
	});
}

#[test]
fn holds_should_be_found_broken() {
	broken("holds", |[open, ..]| {
		change_order(open, |order| order.deposit += 1)
	});
	broken("holds", |[open, ..]| {
		change_order(open, |order| order.settlement_fee += 1)
	});
	broken("holds", |[open, ..]| {
		change_order(open, |order| order.spec.max_price += 1)
	});
	broken("holds", |[_, _, rescue, _]| {
		change_order(rescue, |order| {
			let OrderStatus::Rescue { bounty, .. } = &mut order.status else {
				unreachable!()
			};
			*bounty -= 1;
		})
	});
	broken("holds", |[.., settled]| Receipts::<Test>::remove(settled));
	// Held of an account that has no orders.
	broken("holds", |_| {
		assert_ok!(JobOrders::hold(HoldReason::Escrow, &EVE, 1));
	});
}

#[test]
fn agenda_should_be_found_broken() {
	broken("agenda", |[open, ..]| Agenda::<Test>::remove(121, open));
	broken("agenda", |[open, ..]| Agenda::<Test>::insert(122, open, ()));
	broken("agenda", |[open, ..]| {
		Agenda::<Test>::remove(121, open);
		Agenda::<Test>::insert(122, open, ());
	});
	broken("agenda", |_| Agenda::<Test>::insert(122, 99, ()));
	broken("agenda", |_| AgendaCursor::<Test>::put(42));
	broken("agenda", |[open, ..]| Retries::<Test>::insert(open, 500));
	broken("agenda", |_| Retries::<Test>::insert(99, 500));
}

#[test]
fn index_should_be_found_broken() {
	broken("index", |[open, ..]| {
		LiveOrders::<Test>::remove(open.to_be_bytes())
	});
	broken("index", |[open, ..]| {
		LiveOrders::<Test>::remove(open.to_be_bytes());
		LiveOrders::<Test>::insert(99u64.to_be_bytes(), ());
	});
	broken("index", |_| {
		LiveOrders::<Test>::insert(99u64.to_be_bytes(), ())
	});
}
