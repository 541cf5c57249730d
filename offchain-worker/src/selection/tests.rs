use lemma_client::{AccountId, OrderSpec, H256, UNIT};

use super::*;

const PROGRAM: ProgramId = [7; 32];

fn order() -> Order {
	Order {
		requester: AccountId::new([3; 32]),
		spec: OrderSpec {
			program: H256(PROGRAM),
			commitment: H256([5; 32]),
			input: InputSource::Stored {
				hash: H256([6; 32]),
				size: 1_000,
				locator: Default::default(),
			},
			output_len: 4,
			min_price: 100,
			max_price: 200,
			ramp: 10,
			claim_window: 20,
			lifetime: 100,
		},
		posted_at: 50,
		deadline: 150,
		collateral: 30,
		deposit: 1,
		settlement_fee: 1,
		status: OrderStatus::Open,
	}
}

fn rescue() -> Order {
	let missed = AccountId::new([2; 32]);
	Order {
		status: OrderStatus::Rescue {
			missed,
			price: 150,
			bounty: 20,
		},
		..order()
	}
}

fn rules() -> Rules {
	Rules {
		programs: vec![],
		min_price: 100,
		min_price_per_second: 1,
		max_collateral_per_price: 10.0,
		max_input_bytes: 1_000,
		max_memory_bytes: 1 << 30,
		claim: true,
		rescue: true,
		safety_factor: 2.0,
		concurrency: 1,
	}
}

fn offer() -> Offer {
	Offer {
		price: 150,
		now: 50,
		block_time: Duration::from_secs(6),
		free_bond: 30,
		spendable: 2,
	}
}

fn served() -> Served {
	Served::resolve(&[], &[("gemm".to_owned(), "k64".to_owned(), PROGRAM)]).unwrap()
}

fn demand() -> Demand {
	Demand {
		seconds: 10.0,
		memory_bytes: 1 << 30,
	}
}

fn verdict(order: &Order, rules: &Rules, offer: &Offer, demand: &Demand) -> Verdict {
	with_input(order, rules, &served(), offer, demand)
}

fn is_never(verdict: Verdict) -> bool {
	matches!(verdict, Verdict::Never(_))
}

fn is_not_now(verdict: Verdict) -> bool {
	matches!(verdict, Verdict::NotNow(_))
}

#[test]
fn an_order_should_be_taken_when_everything_just_fits() {
	assert_eq!(
		verdict(&order(), &rules(), &offer(), &demand()),
		Verdict::Take
	);
	assert_eq!(
		verdict(&rescue(), &rules(), &offer(), &demand()),
		Verdict::Take
	);
}

#[test]
fn an_order_should_wait_when_price_or_bond_may_come() {
	let low = Offer {
		price: 99,
		..offer()
	};
	assert!(is_not_now(verdict(&order(), &rules(), &low, &demand())));
	let poor = Offer {
		free_bond: 29,
		..offer()
	};
	assert!(is_not_now(verdict(&order(), &rules(), &poor, &demand())));
	assert_eq!(
		verdict(&rescue(), &rules(), &poor, &demand()),
		Verdict::Take,
		"no collateral"
	);
	let dear = Rules {
		min_price_per_second: 16,
		..rules()
	};
	assert!(is_not_now(verdict(&order(), &dear, &offer(), &demand())));
	let dear = Rules {
		min_price_per_second: 15,
		..rules()
	};
	assert_eq!(verdict(&order(), &dear, &offer(), &demand()), Verdict::Take);
	// Not even the highest price would do.
	let too_dear = Rules {
		min_price_per_second: 21,
		..rules()
	};
	assert!(is_never(verdict(&order(), &too_dear, &offer(), &demand())));
	let broke = Offer {
		spendable: 1,
		..offer()
	};
	assert!(is_not_now(verdict(&order(), &rules(), &broke, &demand())));
	assert!(is_not_now(verdict(&rescue(), &rules(), &broke, &demand())));
}

#[test]
fn an_order_should_never_be_claimed_when_its_window_would_end_after_it() {
	// Deadline 150, window 20: the last block that can hold a claim is 130, and a claim may be one late.
	let at = |now| Offer { now, ..offer() };
	assert_eq!(
		verdict(&order(), &rules(), &at(128), &demand()),
		Verdict::Take
	);
	assert!(is_never(verdict(&order(), &rules(), &at(129), &demand())));
	assert_eq!(
		verdict(&rescue(), &rules(), &at(129), &demand()),
		Verdict::Take
	);
	// Such an order can only be claimed in the block that posts it.
	let mut bait = order();
	bait.spec.claim_window = bait.spec.lifetime;
	assert!(is_never(verdict(&bait, &rules(), &at(50), &demand())));
}

#[test]
fn an_order_should_never_be_taken_when_it_is_beyond_the_machine_or_the_rules() {
	let mut long = order();
	if let InputSource::Stored { size, .. } = &mut long.spec.input {
		*size = 1_001;
	}
	assert!(is_never(verdict(&long, &rules(), &offer(), &demand())));
	let hungry = Demand {
		memory_bytes: (1 << 30) + 1,
		..demand()
	};
	assert!(is_never(verdict(&order(), &rules(), &offer(), &hungry)));
	let mut foreign = order();
	foreign.spec.program = H256([8; 32]);
	assert!(is_never(verdict(&foreign, &rules(), &offer(), &demand())));
}

#[test]
fn an_order_should_never_be_taken_when_the_time_does_not_suffice() {
	// A window of 20 blocks less 3, 6 s each, half of it for safety: 51 s.
	let slow = |seconds| Demand {
		seconds,
		..demand()
	};
	assert_eq!(
		verdict(&order(), &rules(), &offer(), &slow(51.0)),
		Verdict::Take
	);
	assert!(is_never(verdict(&order(), &rules(), &offer(), &slow(51.1))));
	// A rescue has until the order's deadline.
	assert_eq!(
		verdict(&rescue(), &rules(), &offer(), &slow(51.1)),
		Verdict::Take
	);
	// Blocks 146 to 149 remain, less 3.
	let late = Offer {
		now: 145,
		..offer()
	};
	assert_eq!(
		verdict(&rescue(), &rules(), &late, &slow(3.0)),
		Verdict::Take
	);
	assert!(is_never(verdict(&rescue(), &rules(), &late, &slow(3.1))));
	let too_late = Offer {
		now: 146,
		..offer()
	};
	assert!(is_never(verdict(
		&rescue(),
		&rules(),
		&too_late,
		&slow(0.0)
	)));
}

#[test]
fn the_time_should_suffice_for_all_jobs_at_a_time() {
	let slow = |seconds| Demand {
		seconds,
		..demand()
	};
	let at_a_time = |concurrency| Rules {
		concurrency,
		..rules()
	};
	// 51 s, as above, for all of them.
	for (jobs, seconds) in [(1, 51.0), (2, 25.5), (4, 12.75)] {
		let fits = verdict(&order(), &at_a_time(jobs), &offer(), &slow(seconds));
		assert_eq!(fits, Verdict::Take, "{jobs}");
		let longer = verdict(&order(), &at_a_time(jobs), &offer(), &slow(seconds + 0.1));
		assert!(is_never(longer), "{jobs}");
	}
	// What a second of work must bring is of the machine's, however many jobs share it.
	let dear = Rules {
		min_price_per_second: 15,
		..at_a_time(4)
	};
	assert_eq!(verdict(&order(), &dear, &offer(), &demand()), Verdict::Take);
}

#[test]
fn a_claim_should_wait_when_its_collateral_is_many_times_its_price() {
	let with = |order: Order| Order {
		collateral: 1_501,
		..order
	};
	let rich = |price| Offer {
		price,
		free_bond: 2_000,
		..offer()
	};
	let Verdict::NotNow(reason) = verdict(&with(order()), &rules(), &rich(150), &demand()) else {
		panic!("it should wait");
	};
	for part in [
		"0.000000001501 LEM",
		"max_collateral_per_price (10)",
		"0.00000000015 LEM",
	] {
		assert!(reason.contains(part), "{reason}");
	}
	assert_eq!(
		verdict(&with(order()), &rules(), &rich(151), &demand()),
		Verdict::Take
	);
	assert_eq!(
		verdict(&with(rescue()), &rules(), &rich(150), &demand()),
		Verdict::Take,
		"no collateral"
	);
	let daring = Rules {
		max_collateral_per_price: 11.0,
		..rules()
	};
	assert_eq!(
		verdict(&with(order()), &daring, &rich(150), &demand()),
		Verdict::Take
	);
}

#[test]
fn an_order_that_begins_at_nothing_should_be_claimed_when_its_price_is_worth_the_collateral() {
	let mut bait = order();
	bait.spec.min_price = 0;
	bait.spec.max_price = 5_000 * UNIT;
	bait.spec.ramp = 1_000;
	bait.deadline = 5_000;
	bait.collateral = 1_000 * UNIT;
	let at = |now| Offer {
		price: price_in_next_block(&bait, now),
		now,
		free_bond: 1_000 * UNIT,
		..offer()
	};
	// The price rises by 5 LEM a block, from block 50 on.
	for now in [49, 50, 68] {
		assert!(is_not_now(verdict(&bait, &rules(), &at(now), &demand())));
	}
	assert_eq!(verdict(&bait, &rules(), &at(69), &demand()), Verdict::Take);
}

#[test]
fn an_order_of_a_lem_or_more_should_be_claimed_at_once_when_it_begins_at_a_tenth() {
	for highest in 1..200 {
		let mut usual = order();
		usual.spec.max_price = highest * UNIT;
		// What `lemma` offers unless it is told otherwise.
		usual.spec.min_price = usual.spec.max_price / 10;
		// What the chain asks for: a fifth, and at least 1 LEM.
		usual.collateral = (usual.spec.max_price / 5).max(UNIT);
		let offer = Offer {
			price: usual.spec.min_price,
			free_bond: 1_000 * UNIT,
			..offer()
		};
		let verdict = verdict(&usual, &rules(), &offer, &demand());
		assert_eq!(verdict, Verdict::Take, "{highest}");
	}
}

#[test]
fn claims_and_rescues_should_be_left_out_when_the_operator_says_so() {
	let no_claims = Rules {
		claim: false,
		..rules()
	};
	assert!(is_not_now(verdict(
		&order(),
		&no_claims,
		&offer(),
		&demand()
	)));
	assert_eq!(
		verdict(&rescue(), &no_claims, &offer(), &demand()),
		Verdict::Take
	);
	let no_rescues = Rules {
		rescue: false,
		..rules()
	};
	assert!(is_not_now(verdict(
		&rescue(),
		&no_rescues,
		&offer(),
		&demand()
	)));
}

#[test]
fn the_price_should_rise_along_the_ramp() {
	let at = |now| price_in_next_block(&order(), now);
	assert_eq!(
		(at(49), at(50), at(54), at(59), at(200)),
		(100, 110, 150, 200, 200)
	);
	assert_eq!(price_in_next_block(&rescue(), 50), 170);
	let mut flat = order();
	flat.spec.ramp = 0;
	assert_eq!(price_in_next_block(&flat, 49), 200);
}

#[test]
fn programs_should_be_named_by_program_class_or_id() {
	let known = [
		("gemm".to_owned(), "k64".to_owned(), [1; 32]),
		("gemm".to_owned(), "k128".to_owned(), [2; 32]),
	];
	let resolve = |names: &[&str]| {
		let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
		Served::resolve(&names, &known)
	};
	assert_eq!(resolve(&[]).unwrap().len(), 2);
	assert_eq!(resolve(&["gemm"]).unwrap().len(), 2);
	let one = resolve(&["k128"]).unwrap();
	assert!(one.contains(&[2; 32]) && !one.contains(&[1; 32]));
	let one = resolve(&[&format!("0x{}", "01".repeat(32))]).unwrap();
	assert!(one.contains(&[1; 32]) && one.len() == 1);
	let error = resolve(&["conv"]).unwrap_err();
	assert!(
		error.contains("`conv`") && error.contains("gemm"),
		"{error}"
	);
}
