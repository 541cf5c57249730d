use lemma_primitives::provider::Backend;

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
