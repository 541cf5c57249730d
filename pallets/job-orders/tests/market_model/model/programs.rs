//! Programs and proofs: what `docs/protocol/programs.md` says.

use super::{money::FUNDS_UNAVAILABLE, refusals, Account, Market, OrderId, Refusals};
use crate::parameters::{Block, MAX_LIFETIME, PROGRAM_DEPOSIT};

/// A program's id, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Program(pub u8);

/// An input's commitment, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Commitment(pub u8);

/// The number that stands for an id, or a commitment, that is not four field elements.
pub const NOT_CANONICAL: u8 = 0xff;

impl Program {
	fn is_canonical(self) -> bool {
		self.0 != NOT_CANONICAL
	}
}

impl Commitment {
	pub fn is_canonical(self) -> bool {
		self.0 != NOT_CANONICAL
	}
}

/// An output: so many bytes, each with this value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Output {
	pub len: u32,
	pub byte: u8,
}

/// What a program's output looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
	/// Bytes of one element: 1, 2 or 4.
	pub element: u32,
	pub min: u32,
	pub max: u32,
	pub multiple_of: u32,
}

impl Rule {
	pub fn allows(&self, len: u32) -> bool {
		self.multiple_of > 0
			&& (self.min..=self.max).contains(&len)
			&& len.is_multiple_of(self.multiple_of)
	}

	/// All lengths that it allows.
	pub fn lengths(self) -> impl Iterator<Item = u32> {
		(self.min..=self.max).filter(move |len| self.allows(*len))
	}

	/// Outputs are not empty, consist of whole elements, and some length is allowed.
	fn is_valid(self) -> bool {
		self.min > 0
			&& self.multiple_of.is_multiple_of(self.element)
			&& self.lengths().next().is_some()
	}
}

/// What a proof is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
	pub program: Program,
	pub commitment: Commitment,
	pub order: OrderId,
	pub payee: Account,
	pub output: Output,
}

/// What is wrong with bytes that are no proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
	KeyMalformed,
	StatementNotCanonical,
	TooLong,
	Truncated,
	TrailingBytes,
	NotCanonical,
}

/// The bytes that are submitted as a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
	/// A proof of this.
	Of(Statement),
	/// None.
	Faulty(Fault),
}

impl Proof {
	/// What speaks against it as a proof of `statement`.
	pub fn against(self, statement: Statement) -> Option<&'static str> {
		match self {
			Self::Of(proven) if proven == statement => None,
			Self::Of(_) | Self::Faulty(Fault::StatementNotCanonical) => Some("ProofInvalid"),
			Self::Faulty(Fault::KeyMalformed) => Some("VerifyingKeyMalformed"),
			Self::Faulty(Fault::TooLong) => Some("ProofTooLong"),
			Self::Faulty(Fault::Truncated) => Some("ProofTruncated"),
			Self::Faulty(Fault::TrailingBytes) => Some("ProofTrailingBytes"),
			Self::Faulty(Fault::NotCanonical) => Some("ProofNotCanonical"),
		}
	}
}

/// A registrant's example of a program at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
	pub commitment: Commitment,
	pub output: Output,
	pub proof: Proof,
}

/// The number to which samples are bound in place of an order's.
pub const SAMPLE_ORDER: OrderId = OrderId::MAX;

/// A registered program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
	pub owner: Option<Account>,
	pub rule: Rule,
	pub retired_at: Option<Block>,
}

impl Market {
	pub(super) fn against_registering_program(
		&self,
		who: Account,
		program: Program,
		rule: Rule,
		sample: Sample,
	) -> Refusals {
		let statement = Statement {
			program,
			commitment: sample.commitment,
			order: SAMPLE_ORDER,
			payee: who,
			output: sample.output,
		};
		let mut against = refusals([
			(
				self.programs.contains_key(&program),
				"ProgramAlreadyRegistered",
			),
			(!program.is_canonical(), "ProgramIdNotCanonical"),
			(!rule.is_valid(), "LengthRuleInvalid"),
			(PROGRAM_DEPOSIT > self.holdable(who), FUNDS_UNAVAILABLE),
			(!rule.allows(sample.output.len), "OutputLengthInvalid"),
			(!sample.commitment.is_canonical(), "CommitmentNotCanonical"),
		]);
		against.extend(sample.proof.against(statement));
		against
	}

	pub(super) fn register_program(&mut self, who: Account, program: Program, rule: Rule) {
		self.take(who, PROGRAM_DEPOSIT);
		let entry = Entry {
			owner: Some(who),
			rule,
			retired_at: None,
		};
		self.programs.insert(program, entry);
	}

	/// `who` is none for root.
	pub(super) fn against_retiring(&self, who: Option<Account>, program: Program) -> Refusals {
		let Some(entry) = self.programs.get(&program) else {
			return Refusals::from(["ProgramUnknown"]);
		};
		refusals([
			(who.is_some() && who != entry.owner, "NotOwner"),
			(entry.retired_at.is_some(), "ProgramAlreadyRetired"),
		])
	}

	pub(super) fn retire_program(&mut self, program: Program) {
		let entry = self.programs.get_mut(&program).expect("it was judged");
		entry.retired_at = Some(self.now);
	}

	/// `who` is none for root.
	pub(super) fn against_removing_program(
		&self,
		who: Option<Account>,
		program: Program,
	) -> Refusals {
		let Some(entry) = self.programs.get(&program) else {
			return Refusals::from(["ProgramUnknown"]);
		};
		let too_early = |retired_at| self.now < retired_at + MAX_LIFETIME;
		refusals([
			(who.is_some() && who != entry.owner, "NotOwner"),
			(entry.retired_at.is_none(), "ProgramNotRetired"),
			(entry.retired_at.is_some_and(too_early), "OrdersMayBeAlive"),
		])
	}

	pub(super) fn remove_program(&mut self, program: Program) {
		let entry = self.programs.remove(&program).expect("it was judged");
		if let Some(owner) = entry.owner {
			self.give(owner, PROGRAM_DEPOSIT);
		}
	}
}
