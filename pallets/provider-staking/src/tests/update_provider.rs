use lemma_primitives::provider::{Backend, Profile};
use sp_runtime::DispatchResult;

use super::*;

#[test]
fn update_provider_should_replace_the_profile_and_nothing_else() {
	run(|| {
		register(ALICE, 500);
		let before = provider(ALICE);
		let mut profile = profile();
		profile.backend = Backend::Cpu;
		profile.programs = vec![[7; 32].into()].try_into().expect("short");
		assert_ok!(Staking::update_provider(
			RuntimeOrigin::signed(ALICE),
			profile.clone()
		));

		let mut expected = before;
		expected.profile = profile.clone();
		assert_eq!(provider(ALICE), expected);
		assert_eq!(
			last_event(),
			Event::ProviderUpdated {
				provider: ALICE,
				profile
			}
		);
	});
}

fn update(profile: Profile) -> DispatchResult {
	// As an extrinsic does: an error undoes everything.
	with_storage_layer(|| Staking::update_provider(RuntimeOrigin::signed(ALICE), profile))
}

#[test]
fn update_provider_should_adjust_the_deposit_to_the_profile() {
	run(|| {
		register(ALICE, 500);
		let mut shorter = profile();
		shorter.endpoint = b"https://gpu".to_vec().try_into().expect("short");
		assert_ok!(update(shorter));
		assert_eq!(deposit(ALICE), DEPOSIT - 2 * 8);
		assert_ok!(update(longest_profile()));
		assert_eq!(deposit(ALICE), Staking::deposit_for(&longest_profile()));
		assert_eq!(free(ALICE), ENDOWMENT - 500 - deposit(ALICE));
		assert_ok!(update(profile()));
		assert_eq!((held(ALICE), deposit(ALICE)), (500, DEPOSIT));
		assert_eq!(free(ALICE), ENDOWMENT - 500 - DEPOSIT);
	});
}

#[test]
fn update_provider_should_fail_without_the_money_for_a_longer_profile() {
	run(|| {
		let mut longer = profile();
		longer.endpoint.try_push(b'/').expect("there is room");
		register(ALICE, ENDOWMENT - EXISTENTIAL_DEPOSIT - DEPOSIT - 1);
		assert_noop!(update(longer.clone()), TokenError::FundsUnavailable);
		let mut as_long = profile();
		as_long.endpoint[0] = b'H';
		assert_ok!(update(as_long));
		// The unit that is missing.
		let alice_has_more = Balances::transfer_allow_death(RuntimeOrigin::signed(BOB), ALICE, 1);
		assert_ok!(alice_has_more);
		assert_ok!(update(longer));
		assert_eq!(free(ALICE), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn update_provider_should_adjust_the_deposit_when_no_bond_is_left() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 500);
		assert_ok!(slash(ALICE, 500, ALICE));
		assert_ok!(update(longest_profile()));
		assert_eq!(
			(held(ALICE), deposit(ALICE)),
			(0, Staking::deposit_for(&longest_profile()))
		);
	});
}

#[test]
fn update_provider_should_accept_an_empty_endpoint() {
	run(|| {
		register(ALICE, 500);
		let mut profile = profile();
		profile.endpoint = Default::default();
		assert_ok!(Staking::update_provider(
			RuntimeOrigin::signed(ALICE),
			profile
		));
	});
}

#[test]
fn update_provider_should_fail_when_the_endpoint_is_not_utf8() {
	run(|| {
		register(ALICE, 500);
		let mut profile = profile();
		profile.endpoint = vec![0xc3].try_into().expect("short");
		assert_noop!(
			Staking::update_provider(RuntimeOrigin::signed(ALICE), profile),
			Error::<Test>::EndpointNotUtf8
		);
	});
}

#[test]
fn update_provider_should_fail_when_a_program_is_advertised_twice() {
	run(|| {
		register(ALICE, 500);
		let mut profile = profile();
		profile.programs = vec![[7; 32].into(), [8; 32].into(), [7; 32].into()]
			.try_into()
			.expect("short");
		assert_noop!(
			Staking::update_provider(RuntimeOrigin::signed(ALICE), profile),
			Error::<Test>::DuplicateProgram
		);
	});
}

#[test]
fn update_provider_should_fail_for_one_who_is_no_provider() {
	run(|| {
		assert_noop!(
			Staking::update_provider(RuntimeOrigin::signed(ALICE), profile()),
			Error::<Test>::NotProvider
		);
	});
}

#[test]
fn update_provider_should_fail_unsigned() {
	run(|| {
		assert_noop!(
			Staking::update_provider(RuntimeOrigin::root(), profile()),
			BadOrigin
		);
	});
}
