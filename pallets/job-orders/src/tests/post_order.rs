//! `post_order`: what is held, what is stored, and every reason to refuse.

use lemma_primitives::{MAX_INLINE_INPUT_BYTES, MAX_OUTPUT_BYTES};

use super::*;

/// Deposit of an order with three bytes of inline input.
fn deposit() -> Balance {
	JobOrders::deposit_for(3)
}

fn refuse(change: impl FnOnce(&mut OrderSpecOf<Test>), error: Error<Test>) {
	let mut spec = spec();
	change(&mut spec);
	assert_noop!(
		JobOrders::post_order(RuntimeOrigin::signed(ALICE), spec),
		error
	);
}

fn accept(change: impl FnOnce(&mut OrderSpecOf<Test>)) {
	let mut spec = spec();
	change(&mut spec);
	assert_ok!(JobOrders::post_order(RuntimeOrigin::signed(ALICE), spec));
}

fn stored(size: u64, locator: &[u8]) -> InputSource {
	InputSource::Stored {
		hash: H256::repeat_byte(1),
		size,
		locator: locator.to_vec().try_into().expect("short enough"),
	}
}

#[test]
fn post_order_should_hold_price_deposit_and_fee_at_once() {
	run(|| {
		let id = post(ALICE);
		assert_eq!(holds(&ALICE), [1_000, deposit(), 3, 0]);
		assert_eq!(free(&ALICE), ENDOWMENT - 1_000 - deposit() - 3);
		assert_eq!(
			take_events(),
			[Event::OrderPosted {
				id,
				program: PROGRAM,
				requester: ALICE
			}]
		);
	});
}

#[test]
fn post_order_should_store_the_terms_and_what_follows_from_them() {
	run(|| {
		start_block(7);
		let id = post(ALICE);
		assert_eq!(
			order(id),
			OrderOf::<Test> {
				requester: ALICE,
				spec: spec(),
				posted_at: 7,
				deadline: 107,
				collateral: COLLATERAL,
				deposit: deposit(),
				settlement_fee: 3,
				status: OrderStatus::Open,
			}
		);
		assert_eq!(Agenda::<Test>::iter_keys().collect::<Vec<_>>(), [(107, id)]);
	});
}

#[test]
fn post_order_should_number_orders_in_sequence() {
	run(|| {
		assert_eq!(post(ALICE), 0);
		assert_eq!(post(BOB), 1);
		assert_ok!(JobOrders::cancel_order(RuntimeOrigin::signed(BOB), 1));
		assert_eq!(post(BOB), 2);
		assert_eq!(NextOrderId::<Test>::get(), 3);
	});
}

#[test]
fn post_order_should_hold_for_each_order_of_one_requester() {
	run(|| {
		post(ALICE);
		post(ALICE);
		assert_eq!(holds(&ALICE), [2_000, 2 * deposit(), 6, 0]);
	});
}

#[test]
fn deposit_should_be_for_the_bytes_that_the_order_takes() {
	run(|| {
		use codec::Encode;
		post_spec(ALICE, {
			let mut spec = spec();
			spec.input = InputSource::Inline(vec![0; 1_000].try_into().expect("short enough"));
			spec
		});
		let deposit = order(0).deposit;
		assert!(deposit >= DEPOSIT_BASE + order(0).encoded_size() as Balance);
		assert_eq!(deposit, JobOrders::deposit_for(0) + 1_000);

		post_spec(ALICE, {
			let mut spec = spec();
			spec.input = stored(1 << 20, b"https://example.org/blob");
			spec
		});
		assert_eq!(order(1).deposit, JobOrders::deposit_for(24));
	});
}

#[test]
fn settlement_fee_should_be_for_the_longest_settlement() {
	run(|| {
		// 512 bytes around 128 KiB of proof and the output, in units of 64 KiB begun.
		assert_eq!(JobOrders::settlement_fee_for(0), 3);
		assert_eq!(JobOrders::settlement_fee_for(65_536 - 512), 3);
		assert_eq!(JobOrders::settlement_fee_for(65_536 - 511), 4);
		assert_eq!(JobOrders::settlement_fee_for(MAX_OUTPUT_BYTES), 19);
	});
}

#[test]
fn collateral_should_be_a_part_of_the_price_and_not_less_than_the_least() {
	run(|| {
		assert_eq!(JobOrders::collateral_for(1_000), 500);
		assert_eq!(JobOrders::collateral_for(1_001), 501, "rounded up");
		assert_eq!(JobOrders::collateral_for(LOWEST_PRICE), MIN_COLLATERAL);
	});
}

#[test]
fn post_order_should_need_a_signature() {
	run(|| {
		assert_noop!(
			JobOrders::post_order(RuntimeOrigin::none(), spec()),
			DispatchError::BadOrigin
		);
		assert_noop!(
			JobOrders::post_order(RuntimeOrigin::root(), spec()),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn post_order_should_fail_when_the_program_is_unknown() {
	run(|| refuse(|spec| spec.program = UNKNOWN_PROGRAM, Error::ProgramUnknown));
}

#[test]
fn post_order_should_fail_when_the_program_is_retired() {
	run(|| {
		ProgramsRetired::set(true);
		refuse(|_| (), Error::ProgramRetired);
	});
}

#[test]
fn post_order_should_fail_when_the_output_does_not_fit_into_a_block() {
	run(|| {
		refuse(
			|spec| spec.output_len = MAX_OUTPUT_BYTES + 4,
			Error::OutputTooLarge,
		);
		accept(|spec| spec.output_len = MAX_OUTPUT_BYTES);
	});
}

#[test]
fn post_order_should_fail_when_the_program_has_no_such_output_length() {
	run(|| {
		refuse(|spec| spec.output_len = 4, Error::OutputLengthNotAllowed);
		refuse(|spec| spec.output_len = 0, Error::OutputLengthNotAllowed);
		refuse(|spec| spec.output_len = 17, Error::OutputLengthNotAllowed);
		accept(|spec| spec.output_len = 8);
	});
}

#[test]
fn post_order_should_fail_when_the_commitment_is_not_canonical() {
	run(|| {
		const P: u64 = 0xffff_ffff_0000_0001;
		for element in 0..4 {
			let at = |value: u64| {
				let mut bytes = [0; 32];
				bytes[element * 8..][..8].copy_from_slice(&value.to_le_bytes());
				H256(bytes)
			};
			refuse(
				|spec| spec.commitment = at(P),
				Error::CommitmentNotCanonical,
			);
			refuse(
				|spec| spec.commitment = at(u64::MAX),
				Error::CommitmentNotCanonical,
			);
			accept(|spec| spec.commitment = at(P - 1));
		}
	});
}

#[test]
fn post_order_should_fail_when_the_input_is_empty() {
	run(|| {
		refuse(
			|spec| spec.input = InputSource::Inline(Default::default()),
			Error::InputEmpty,
		);
		refuse(|spec| spec.input = stored(0, b""), Error::InputEmpty);
		accept(|spec| spec.input = stored(1, b""));
	});
}

#[test]
fn post_order_should_fail_when_the_stored_input_is_too_large() {
	run(|| {
		refuse(
			|spec| spec.input = stored(MAX_INPUT_BYTES + 1, b""),
			Error::InputTooLarge,
		);
		accept(|spec| spec.input = stored(MAX_INPUT_BYTES, b""));
	});
}

#[test]
fn post_order_should_fail_when_the_locator_is_not_text() {
	run(|| {
		refuse(
			|spec| spec.input = stored(1, b"\xff\xfe"),
			Error::LocatorNotText,
		)
	});
}

#[test]
fn post_order_should_accept_the_longest_inline_input() {
	run(|| {
		accept(|spec| {
			let bytes = vec![0; MAX_INLINE_INPUT_BYTES as usize];
			spec.input = InputSource::Inline(bytes.try_into().expect("not too long"));
		});
	});
}

#[test]
fn post_order_should_fail_when_the_prices_are_inverted() {
	run(|| {
		refuse(|spec| spec.min_price = 1_001, Error::PricesInverted);
		accept(|spec| spec.min_price = 1_000);
		accept(|spec| spec.min_price = 0);
	});
}

#[test]
fn post_order_should_fail_when_the_price_is_too_low() {
	run(|| {
		let set = |spec: &mut OrderSpecOf<Test>, price| {
			spec.min_price = 0;
			spec.max_price = price;
		};
		refuse(|spec| set(spec, LOWEST_PRICE - 1), Error::PriceTooLow);
		refuse(|spec| set(spec, 0), Error::PriceTooLow);
		accept(|spec| set(spec, LOWEST_PRICE));
	});
}

#[test]
fn post_order_should_fail_when_the_claim_window_is_out_of_bounds() {
	run(|| {
		refuse(|spec| spec.claim_window = 0, Error::ClaimWindowTooShort);
		refuse(
			|spec| spec.claim_window = SHORTEST_WINDOW - 1,
			Error::ClaimWindowTooShort,
		);
		refuse(
			|spec| spec.claim_window = LONGEST_WINDOW + 1,
			Error::ClaimWindowTooLong,
		);
		accept(|spec| spec.claim_window = SHORTEST_WINDOW);
		accept(|spec| spec.claim_window = LONGEST_WINDOW);
	});
}

#[test]
fn post_order_should_fail_when_the_lifetime_is_too_long() {
	run(|| {
		refuse(
			|spec| spec.lifetime = MAX_LIFETIME + 1,
			Error::LifetimeTooLong,
		);
		refuse(|spec| spec.lifetime = u32::MAX, Error::LifetimeTooLong);
		accept(|spec| spec.lifetime = MAX_LIFETIME);
	});
}

#[test]
fn post_order_should_fail_when_no_claim_would_fit_into_the_lifetime() {
	run(|| {
		refuse(|spec| spec.lifetime = 19, Error::LifetimeTooShort);
		refuse(|spec| spec.lifetime = 0, Error::LifetimeTooShort);
		accept(|spec| spec.lifetime = 20);
	});
}

#[test]
fn post_order_should_fail_when_the_ramp_is_longer_than_the_lifetime() {
	run(|| {
		refuse(|spec| spec.ramp = 101, Error::RampTooLong);
		accept(|spec| spec.ramp = 100);
		accept(|spec| spec.ramp = 0);
	});
}

#[test]
fn post_order_should_need_every_unit_and_the_existential_deposit() {
	run(|| {
		let cost = 1_000 + deposit() + 3;
		let leave = |rest: Balance| {
			let excess = free(&EVE) - rest;
			let origin = RuntimeOrigin::signed(EVE);
			assert_ok!(Balances::transfer_keep_alive(origin, BOB, excess));
		};
		leave(cost + EXISTENTIAL_DEPOSIT);
		let origin = RuntimeOrigin::signed(EVE);
		assert_ok!(JobOrders::post_order(origin.clone(), spec()));
		assert_eq!(free(&EVE), EXISTENTIAL_DEPOSIT);
		assert_ok!(JobOrders::cancel_order(origin.clone(), 0));

		leave(cost + EXISTENTIAL_DEPOSIT - 1);
		assert_noop!(
			JobOrders::post_order(origin, spec()),
			Error::<Test>::InsufficientFunds
		);
		assert_noop!(
			JobOrders::post_order(RuntimeOrigin::signed(NOBODY), spec()),
			Error::<Test>::InsufficientFunds
		);
	});
}

#[test]
fn post_order_should_not_overflow_at_the_highest_price() {
	run(|| {
		refuse(
			|spec| spec.max_price = Balance::MAX,
			Error::InsufficientFunds,
		)
	});
}
