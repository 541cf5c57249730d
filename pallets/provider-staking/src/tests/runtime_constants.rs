//! The check of the runtime's constants.

use super::*;

#[test]
fn integrity_test_should_pass_for_the_constants_of_the_mock() {
	run(integrity_test);
}

#[test]
#[should_panic(expected = "UnbondingPeriod must exceed")]
fn integrity_test_should_fail_when_a_bond_could_leave_before_a_claim_can_be_slashed() {
	run(|| {
		UnbondingPeriod::set(25);
		integrity_test();
	});
}

#[test]
#[should_panic(expected = "MinBond must not be less")]
fn integrity_test_should_fail_when_a_bond_could_be_dust() {
	run(|| {
		MinBond::set(EXISTENTIAL_DEPOSIT - 1);
		integrity_test();
	});
}
