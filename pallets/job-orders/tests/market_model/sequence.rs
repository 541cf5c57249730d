//! Random sequences of steps. A step is a kind and some dice; `scene.rs` says what they mean.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::model::{Account, Market, Program, Rule};

pub const ALICE: Account = Account(0);
pub const BOB: Account = Account(1);
pub const CAROL: Account = Account(2);
pub const DAVE: Account = Account(3);
pub const EVE: Account = Account(4);
pub const FRANK: Account = Account(5);
pub const GRACE: Account = Account(6);
/// Has money and no role.
pub const HEIDI: Account = Account(7);
/// Does not exist at first.
pub const NIAJ: Account = Account(8);

/// What a market starts with.
pub fn genesis() -> Market {
	let money = [
		(ALICE, 30_000),
		(BOB, 6_000),
		(CAROL, 5_000),
		(DAVE, 3_500),
		(EVE, 2_700),
		(FRANK, 60),
		(GRACE, 600),
		(HEIDI, 2_500),
	];
	Market::new(money, [(GENESIS_PROGRAM, MATRIX_RULE)])
}

pub const GENESIS_PROGRAM: Program = Program(1);
pub const OWNED_PROGRAM: Program = Program(2);
const MATRIX_RULE: Rule = Rule {
	element: 4,
	min: 8,
	max: 64,
	multiple_of: 4,
};

/// Who plays which role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cast {
	/// Each role has accounts of its own.
	Separate,
	/// A few accounts play all roles.
	Together,
}

/// What kind of step it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
	Blocks,
	UntilSomethingEnds,
	Post,
	PostSeveral,
	Claim,
	Submit,
	Cancel,
	RemoveReceipt,
	RegisterProvider,
	BondMore,
	Unbond,
	UnbondInDrops,
	WithdrawUnbonded,
	SetOperators,
	UpdateProvider,
	Deregister,
	JoinProvider,
	LeaveProvider,
	RegisterProgram,
	RetireProgram,
	RemoveProgram,
	Transfer,
	TransferAll,
	Burn,
}

/// How often each kind of step is taken, of all.
const OFTEN: [(Kind, usize); 24] = [
	(Kind::Blocks, 12),
	(Kind::UntilSomethingEnds, 8),
	(Kind::Post, 20),
	(Kind::PostSeveral, 3),
	(Kind::Claim, 24),
	(Kind::Submit, 24),
	(Kind::Cancel, 6),
	(Kind::RemoveReceipt, 4),
	(Kind::RegisterProvider, 5),
	(Kind::BondMore, 4),
	(Kind::Unbond, 7),
	(Kind::UnbondInDrops, 1),
	(Kind::WithdrawUnbonded, 5),
	(Kind::SetOperators, 4),
	(Kind::UpdateProvider, 2),
	(Kind::Deregister, 3),
	(Kind::JoinProvider, 5),
	(Kind::LeaveProvider, 2),
	(Kind::RegisterProgram, 4),
	(Kind::RetireProgram, 3),
	(Kind::RemoveProgram, 3),
	(Kind::Transfer, 5),
	(Kind::TransferAll, 2),
	(Kind::Burn, 1),
];

/// Dice of a step; one that needs more uses the first again.
const DICE: usize = 16;

#[derive(Clone, Debug)]
pub struct Step {
	pub kind: Kind,
	pub dice: [u8; DICE],
}

/// A whole test case.
#[derive(Clone, Debug)]
pub struct Sequence {
	pub cast: Cast,
	/// Whether it begins with providers, an operator and a second program.
	pub settled_in: bool,
	/// Whether everybody leaves in the end, with all that is theirs.
	pub wound_down: bool,
	pub steps: Vec<Step>,
}

/// Random sequences, a little more than a fifth of them with one account in several roles.
pub fn sequences() -> impl Strategy<Value = Sequence> {
	let kinds: Vec<Kind> = OFTEN
		.iter()
		.flat_map(|(kind, times)| std::iter::repeat_n(*kind, *times))
		.collect();
	let step = (select(kinds), any::<[u8; DICE]>()).prop_map(|(kind, dice)| Step { kind, dice });
	let cast = prop_oneof![15 => Just(Cast::Separate), 4 => Just(Cast::Together)];
	let one_in = |n: u32| proptest::bool::weighted(1.0 / f64::from(n));
	(cast, one_in(8), one_in(12), vec(step, 5..50)).prop_map(
		|(cast, from_nothing, wound_down, steps)| Sequence {
			cast,
			settled_in: !from_nothing,
			wound_down,
			steps,
		},
	)
}
