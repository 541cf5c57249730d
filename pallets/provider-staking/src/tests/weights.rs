//! That calls are charged for all the operators that there could be, and refunded for those that there were not.

use frame_support::{dispatch::GetDispatchInfo, weights::Weight};
use lemma_primitives::provider::MAX_OPERATORS;

use super::*;
use crate::{Call, WeightInfo};

fn declared(call: Call<Test>) -> Weight {
	call.get_dispatch_info().call_weight
}

#[test]
fn calls_should_weigh_the_operators_that_they_let_go() {
	run(|| {
		let alice = || RuntimeOrigin::signed(ALICE);
		register(ALICE, 500);
		employ(ALICE, &[HOT, HOTTER]);

		let operators: crate::OperatorsOf<Test> = vec![HOT].try_into().expect("few enough");
		let call = Call::set_operators {
			operators: operators.clone(),
		};
		assert_eq!(declared(call), <()>::set_operators(1, MAX_OPERATORS));
		let info = Staking::set_operators(alice(), operators).expect("Hot is named");
		assert_eq!(info.actual_weight, Some(<()>::set_operators(1, 1)));

		assert_eq!(
			declared(Call::deregister {}),
			<()>::deregister(MAX_OPERATORS).max(<()>::withdraw_unbonded(MAX_OPERATORS))
		);
		let info = Staking::deregister(alice()).expect("nothing is committed");
		assert_eq!(info.actual_weight, Some(<()>::deregister(1)));

		skip_blocks(UNBONDING_BLOCKS);
		assert_eq!(
			declared(Call::withdraw_unbonded {}),
			<()>::withdraw_unbonded(MAX_OPERATORS)
		);
		let info = Staking::withdraw_unbonded(alice()).expect("all has unlocked");
		assert_eq!(info.actual_weight, Some(<()>::withdraw_unbonded(0)));
	});
}
