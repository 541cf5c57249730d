//! `submit_result`: who may submit when, what everybody gets to the unit, and every reason to refuse.

use frame_support::dispatch::{GetDispatchInfo, Pays};
use lemma_primitives::carry_weight;
use sp_runtime::TokenError;

use super::*;

/// Deposits of an order of the usual terms and of its receipt.
fn deposits() -> (Balance, Balance) {
	let order = JobOrders::deposit_for(3);
	let receipt = JobOrders::receipt_deposit(order);
	assert!(receipt < order);
	(order, receipt)
}

/// What the requester of a settled order has left, besides the price, the fee and the receipt's deposit.
fn left(paid: Balance) -> Balance {
	ENDOWMENT - paid - 3 - deposits().1
}

fn refuse(who: AccountId, id: u64, proof: Vec<u8>, error: impl Into<DispatchError>) {
	let root = sp_io::storage::root(sp_core::storage::StateVersion::V1);
	let failed = submit(who, id, proof).expect_err("the result is refused");
	assert_eq!(failed.error, error.into());
	assert_eq!(failed.post_info.pays_fee, Pays::Yes);
	assert_eq!(
		failed.post_info.actual_weight, None,
		"the worst case is charged"
	);
	assert_eq!(
		sp_io::storage::root(sp_core::storage::StateVersion::V1),
		root
	);
}

fn reported(events: &[Event<Test>]) -> Vec<&'static str> {
	events
		.iter()
		.map(|event| match event {
			Event::ClaimMissed { .. } => "missed",
			Event::OrderSettled { .. } => "settled",
			_ => "other",
		})
		.collect()
}

#[test]
fn submit_result_should_pay_the_claimer() {
	run(|| {
		let id = post(ALICE);
		run_to(6);
		claim(CAROL, id);
		let carol = free(&CAROL);
		run_to(7);
		take_events();

		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));

		assert_eq!(free(&CAROL), carol + 550);
		assert_eq!(bond(&CAROL), (BOND, 0));
		assert_eq!(free(&ALICE), left(550));
		assert_eq!(holds(&ALICE), [0, deposits().1, 0, 0]);
		assert_eq!(free(&FEES), EXISTENTIAL_DEPOSIT + 3);
		assert_eq!(JobOrders::order(id), None);
		assert_eq!(
			take_events(),
			[Event::OrderSettled {
				id,
				provider: CAROL,
				paid: 550,
				bounty: 0,
				fee: 3,
				output_root: root_of(&OUTPUT),
			}]
		);
	});
}

#[test]
fn submit_result_should_leave_a_receipt() {
	run(|| {
		let id = post(ALICE);
		run_to(6);
		claim(CAROL, id);
		run_to(9);
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		assert_eq!(
			receipt(id),
			ReceiptOf::<Test> {
				requester: ALICE,
				provider: CAROL,
				program: PROGRAM,
				commitment: commitment(),
				output_root: root_of(&OUTPUT),
				output_len: 16,
				paid: 550,
				settled_at: 9,
				extrinsic_index: 3,
				deposit: deposits().1,
			}
		);
	});
}

#[test]
fn submit_result_should_keep_a_deposit_for_the_bytes_that_the_receipt_takes() {
	use codec::Encode;

	run(|| {
		let id = post(ALICE);
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
		let bytes = receipt(id).encoded_size() as Balance;
		assert_eq!(receipt(id).deposit, DEPOSIT_BASE + bytes);
	});
}

#[test]
fn submit_result_should_cost_no_fee_and_weigh_what_it_did() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		let proof = proof(id, &CAROL);
		let call = Call::<Test>::submit_result {
			id,
			output: OUTPUT.to_vec().try_into().expect("short enough"),
			proof: proof.clone().try_into().expect("short enough"),
		};
		let worst = call.get_dispatch_info().call_weight;
		let info = submit(CAROL, id, proof).expect("the result is valid");
		assert_eq!(info.pays_fee, Pays::No);
		let weight = info.actual_weight.expect("the weight is known");
		assert!(weight.all_lt(worst));
		assert!(weight.all_gt(TablePrograms::verify_weight_of(16, 32)));
	});
}

#[test]
fn submit_result_should_weigh_a_miss_that_it_had_to_do() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		start_block(21);
		let info = submit(DAVE, id, proof(id, &DAVE)).expect("the result is valid");
		assert_eq!(
			info.actual_weight,
			Some(
				<weights::HandSetWeight as WeightInfo>::submit_result(16, 32)
					+ TablePrograms::verify_weight_of(16, 32)
					+ carry_weight(16 + 32)
					+ <weights::HandSetWeight as WeightInfo>::miss_claim()
			)
		);
	});
}

#[test]
fn submit_result_should_pay_the_cold_account_when_its_operator_submits() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		let (carol, hot) = (free(&CAROL), free(&HOT));
		assert_ok!(submit(HOT, id, proof(id, &CAROL)));
		assert_eq!(free(&CAROL), carol + 100);
		assert_eq!(free(&HOT), hot);
		assert_eq!(receipt(id).provider, CAROL);
	});
}

#[test]
fn submit_result_should_note_the_settlement_in_the_record() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		let record = Staking::provider(CAROL).expect("is a provider").record;
		assert_eq!(
			(record.settled, record.rescued, record.missed, record.earned),
			(1, 0, 0, 100)
		);
	});
}

#[test]
fn submit_result_should_be_in_time_until_the_last_block_of_the_claim() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		run_to(20);
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		assert_eq!(bond(&CAROL), (BOND, 0));
	});
}

#[test]
fn submit_result_should_fail_for_anyone_but_the_claimer() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		for who in [ALICE, DAVE, EVE, NOBODY] {
			refuse(who.clone(), id, proof(id, &who), Error::<Test>::NotClaimer);
			refuse(who, id, proof(id, &CAROL), Error::<Test>::NotClaimer);
		}
	});
}

#[test]
fn submit_result_should_fail_for_an_operator_of_another_provider() {
	run(|| {
		let id = post(ALICE);
		claim(DAVE, id);
		refuse(HOT, id, proof(id, &DAVE), Error::<Test>::NotClaimer);
	});
}

#[test]
fn submit_result_should_pay_anyone_for_an_open_order() {
	run(|| {
		let id = post(ALICE);
		run_to(3);
		let eve = free(&EVE);
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
		assert_eq!(free(&EVE), eve + 280, "the price of this block");
		assert_eq!(free(&ALICE), left(280));
		assert_eq!(holds(&ALICE), [0, deposits().1, 0, 0]);
		assert_eq!(receipt(id).provider, EVE);
	});
}

#[test]
fn submit_result_should_pay_the_provider_of_an_operator_for_an_open_order() {
	run(|| {
		let id = post(ALICE);
		refuse(HOT, id, proof(id, &HOT), INVALID);
		assert_ok!(submit(HOT, id, proof(id, &CAROL)));
		assert_eq!(receipt(id).provider, CAROL);
		assert_eq!(bond(&CAROL), (BOND, 0));
	});
}

#[test]
fn submit_result_should_create_the_account_of_a_payee_that_has_none() {
	run(|| {
		let id = post(ALICE);
		assert_ok!(submit(NOBODY, id, proof(id, &NOBODY)));
		assert_eq!(free(&NOBODY), 100);
	});
}

#[test]
fn submit_result_should_fail_when_the_price_is_too_little_to_create_the_payees_account() {
	run(|| {
		let mut spec = spec();
		spec.min_price = EXISTENTIAL_DEPOSIT - 1;
		let id = post_spec(ALICE, spec);
		refuse(NOBODY, id, proof(id, &NOBODY), TokenError::CannotCreate);
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
	});
}

#[test]
fn submit_result_should_pay_price_and_bounty_to_a_rescuer() {
	run(|| {
		let id = post(ALICE);
		run_to(6);
		claim(CAROL, id);
		run_to(26);
		let eve = free(&EVE);
		take_events();
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
		assert_eq!(free(&EVE), eve + 550 + 250);
		assert_eq!(free(&ALICE), left(550) + 250);
		assert_eq!(bond(&CAROL), (BOND - 500, 0));
		assert_eq!(receipt(id).paid, 800);
		assert_eq!(
			take_events(),
			[Event::OrderSettled {
				id,
				provider: EVE,
				paid: 800,
				bounty: 250,
				fee: 3,
				output_root: root_of(&OUTPUT),
			}]
		);
	});
}

#[test]
fn submit_result_should_note_a_rescue_in_the_record() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		run_to(21);
		assert_ok!(submit(DAVE, id, proof(id, &DAVE)));
		let record = Staking::provider(DAVE).expect("is a provider").record;
		assert_eq!(
			(record.settled, record.rescued, record.missed, record.earned),
			(1, 1, 0, 350)
		);
		let record = Staking::provider(CAROL).expect("is a provider").record;
		assert_eq!((record.settled, record.missed, record.slashed), (0, 1, 500));
	});
}

#[test]
fn submit_result_should_let_the_late_claimer_earn_half_of_its_collateral_back() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		run_to(21);
		let carol = free(&CAROL);
		assert_ok!(submit(HOT, id, proof(id, &CAROL)));
		assert_eq!(free(&CAROL), carol + 100 + 250);
		assert_eq!(bond(&CAROL), (BOND - 500, 0));
	});
}

#[test]
fn submit_result_should_slash_first_when_the_agenda_is_behind() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		start_block(21);
		let carol = free(&CAROL);
		take_events();
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		assert_eq!(reported(&take_events()), ["missed", "settled"]);
		assert_eq!(
			free(&CAROL),
			carol + 100 + 250,
			"as if the hook had been there"
		);
		assert_eq!(bond(&CAROL), (BOND - 500, 0));
		assert_eq!(free(&ALICE), left(100) + 250);
	});
}

#[test]
fn submit_result_should_leave_a_missed_claim_to_the_agenda_when_it_fails() {
	run(|| {
		let id = post(ALICE);
		claim(CAROL, id);
		start_block(21);
		refuse(EVE, id, vec![0; 32], INVALID);
		assert!(matches!(order(id).status, OrderStatus::Claimed { .. }));
		JobOrders::on_initialize(21);
		assert!(matches!(order(id).status, OrderStatus::Rescue { .. }));
	});
}

#[test]
fn submit_result_should_fail_when_there_is_no_such_order() {
	run(|| refuse(EVE, 0, proof(0, &EVE), Error::<Test>::OrderNotFound));
}

#[test]
fn submit_result_should_fail_when_the_order_is_settled() {
	run(|| {
		let id = post(ALICE);
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
		refuse(DAVE, id, proof(id, &DAVE), Error::<Test>::OrderNotFound);
	});
}

#[test]
fn submit_result_should_fail_when_the_deadline_has_passed() {
	run(|| {
		let open = post(ALICE);
		let claimed = post(ALICE);
		run_to(81);
		claim(CAROL, claimed);
		start_block(101);
		refuse(
			EVE,
			open,
			proof(open, &EVE),
			Error::<Test>::OrderDeadlinePassed,
		);
		refuse(
			CAROL,
			claimed,
			proof(claimed, &CAROL),
			Error::<Test>::OrderDeadlinePassed,
		);
	});
}

#[test]
fn submit_result_should_do_in_the_last_block_before_the_deadline() {
	run(|| {
		let id = post(ALICE);
		run_to(100);
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
	});
}

#[test]
fn submit_result_should_fail_when_the_output_has_another_length() {
	run(|| {
		let id = post(ALICE);
		for len in [0, 1, 15, 17, 20, 1 << 20] {
			let output = vec![9; len].try_into().expect("not too long");
			let proof = proof(id, &EVE).try_into().expect("not too long");
			assert_noop!(
				JobOrders::submit_result(RuntimeOrigin::signed(EVE), id, output, proof),
				Error::<Test>::OutputLengthWrong
			);
		}
	});
}

#[test]
fn submit_result_should_fail_when_the_proof_is_not_valid() {
	run(|| {
		let id = post(ALICE);
		refuse(EVE, id, vec![], INVALID);
		refuse(EVE, id, vec![0; 128 * 1024], INVALID);
	});
}

#[test]
fn submit_result_should_fail_when_the_output_is_not_the_proven_one() {
	run(|| {
		let id = post(ALICE);
		let output = vec![8; 16].try_into().expect("not too long");
		let proof = proof(id, &EVE).try_into().expect("not too long");
		assert_noop!(
			JobOrders::submit_result(RuntimeOrigin::signed(EVE), id, output, proof),
			INVALID
		);
	});
}

#[test]
fn submit_result_should_fail_when_the_proof_is_bound_to_another_payee_or_order() {
	run(|| {
		let first = post(ALICE);
		let second = post(ALICE);
		refuse(EVE, first, proof(first, &DAVE), INVALID);
		refuse(EVE, first, proof(second, &EVE), INVALID);
		assert_ok!(submit(EVE, first, proof(first, &EVE)));
	});
}

#[test]
fn submit_result_should_fail_when_the_proof_is_bound_to_another_chain() {
	run(|| {
		let id = post(ALICE);
		frame_system::BlockHash::<Test>::insert(0, H256::zero());
		refuse(EVE, id, proof(id, &EVE), INVALID);
	});
}

#[test]
fn a_settlement_fee_should_not_be_less_than_was_promised() {
	run(|| {
		let missing = JobOrders::charge_settlement(&ALICE, 1);
		assert_eq!(missing, Err(DispatchError::Corruption));
	});
}

#[test]
fn submit_result_should_fail_outside_of_an_extrinsic() {
	run(|| {
		let id = post(ALICE);
		sp_io::storage::clear(b":extrinsic_index");
		refuse(EVE, id, proof(id, &EVE), Error::<Test>::NotInExtrinsic);
	});
}

#[test]
fn submit_result_should_need_a_signature() {
	run(|| {
		let id = post(ALICE);
		let failed = JobOrders::submit_result(
			RuntimeOrigin::none(),
			id,
			Default::default(),
			Default::default(),
		);
		assert_eq!(
			failed.expect_err("nobody signed").error,
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn submit_result_should_settle_when_the_program_is_retired_since() {
	run(|| {
		let id = post(ALICE);
		ProgramsRetired::set(true);
		assert_ok!(submit(EVE, id, proof(id, &EVE)));
	});
}

#[test]
fn submit_result_should_move_no_price_when_one_account_has_every_role() {
	run(|| {
		let before = free(&CAROL);
		let id = post(CAROL);
		run_to(6);
		claim(CAROL, id);
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		assert_eq!(free(&CAROL), before - 3 - deposits().1);
		assert_eq!(holds(&CAROL), [0, deposits().1, 0, 0]);
		assert_eq!(bond(&CAROL), (BOND, 0));
	});
}

#[test]
fn submit_result_should_return_the_collateral_when_one_account_misses_and_rescues_its_own_order() {
	run(|| {
		let before = free(&CAROL);
		let id = post(CAROL);
		claim(CAROL, id);
		run_to(21);
		assert_eq!(holds(&CAROL), [100, deposits().0, 3, 250]);
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		assert_eq!(bond(&CAROL), (BOND - 500, 0));
		assert_eq!(free(&CAROL), before + 500 - 3 - deposits().1);
	});
}

#[test]
fn submit_result_should_do_when_the_requester_proves_its_own_open_order() {
	run(|| {
		let id = post(ALICE);
		assert_ok!(submit(ALICE, id, proof(id, &ALICE)));
		assert_eq!(free(&ALICE), left(0));
	});
}

#[test]
fn submit_result_should_do_when_the_requester_has_only_its_existential_deposit_left() {
	run(|| {
		let id = post(EVE);
		let origin = RuntimeOrigin::signed(EVE);
		let excess = free(&EVE) - EXISTENTIAL_DEPOSIT;
		assert_ok!(Balances::transfer_keep_alive(origin, BOB, excess));
		claim(CAROL, id);
		// What the claim returned.
		assert_eq!(free(&EVE), EXISTENTIAL_DEPOSIT + 900);
		assert_ok!(Balances::transfer_keep_alive(
			RuntimeOrigin::signed(EVE),
			BOB,
			900
		));
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		let freed = deposits().0 - deposits().1;
		assert_eq!(free(&EVE), EXISTENTIAL_DEPOSIT + freed);
	});
}

#[test]
fn submit_result_should_settle_when_the_price_is_nothing() {
	run(|| {
		let mut spec = spec();
		spec.min_price = 0;
		let id = post_spec(ALICE, spec);
		claim(CAROL, id);
		let carol = free(&CAROL);
		assert_ok!(submit(CAROL, id, proof(id, &CAROL)));
		assert_eq!(free(&CAROL), carol);
		assert_eq!(receipt(id).paid, 0);
	});
}
