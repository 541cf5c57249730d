//! The runtime's constants are checked against each other.

use frame_support::traits::GetStorageVersion;

use super::*;

fn check() {
	<JobOrders as Hooks<u32>>::integrity_test();
}

#[test]
fn the_mocks_constants_should_do() {
	run(check);
}

#[test]
#[should_panic = "MinPrice must not be zero"]
fn min_price_should_not_be_zero() {
	new_test_ext().execute_with(|| {
		MinPrice::set(0);
		check();
	});
}

#[test]
#[should_panic = "MinClaimWindow must not be zero"]
fn min_claim_window_should_not_be_zero() {
	new_test_ext().execute_with(|| {
		MinClaimWindow::set(0);
		check();
	});
}

#[test]
#[should_panic = "MinClaimWindow must not exceed MaxClaimWindow"]
fn claim_windows_should_not_be_inverted() {
	new_test_ext().execute_with(|| {
		MinClaimWindow::set(LONGEST_WINDOW + 1);
		check();
	});
}

#[test]
#[should_panic = "MaxClaimWindow must not exceed MaxLifetime"]
fn the_longest_claim_should_fit_into_the_longest_lifetime() {
	new_test_ext().execute_with(|| {
		MaxClaimWindow::set(MAX_LIFETIME + 1);
		check();
	});
}

#[test]
#[should_panic = "MaxExpiriesPerBlock must not be zero"]
fn max_expiries_should_not_be_zero() {
	new_test_ext().execute_with(|| {
		MaxExpiriesPerBlock::set(0);
		check();
	});
}

#[test]
#[should_panic = "must fit into half a block"]
fn max_expiries_should_fit_into_a_block() {
	new_test_ext().execute_with(|| {
		MaxExpiriesPerBlock::set(100_000);
		check();
	});
}

#[test]
#[should_panic = "the largest settlement must fit into a block"]
fn the_largest_settlement_should_fit_into_a_block() {
	new_test_ext().execute_with(|| {
		VerificationTime::set(u64::MAX / 2);
		check();
	});
}

#[test]
fn the_storage_version_should_be_one() {
	run(|| assert_eq!(JobOrders::in_code_storage_version(), 1));
}
