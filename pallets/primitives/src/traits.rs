//! What one pallet asks of another.

use lemma_zk_statement::{OutputElement, Statement};
use sp_core::H256;
use sp_runtime::{DispatchError, DispatchResult, Weight};

use crate::{program::LengthRule, InputCommitment, ProgramId};

/// What the order book must know of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramRules {
	/// Type of the output's elements.
	pub element: OutputElement,
	/// Which lengths its output can have.
	pub length: LengthRule,
	/// Whether new orders may name it.
	pub active: bool,
}

/// A result that somebody claims to have: what a proof is checked against.
#[derive(Clone, Copy, Debug)]
pub struct ClaimedResult<'a> {
	/// The program that was run.
	pub program: ProgramId,
	/// Commitment to its input.
	pub commitment: InputCommitment,
	/// Hash of chain, order and provider: see `lemma_zk_statement::binding`.
	pub binding: H256,
	/// The output's bytes.
	pub output: &'a [u8],
}

/// The program registry, as the order book sees it.
pub trait Programs {
	/// The rules of a program; `None` if it is not registered.
	fn rules(program: &ProgramId) -> Option<ProgramRules>;

	/// Checks that `proof` proves `result`. The root of the output's chunk tree on success.
	///
	/// Errors leave storage as it was. Never panics, whatever the bytes.
	fn verify(result: ClaimedResult<'_>, proof: &[u8]) -> Result<H256, DispatchError>;

	/// Weight of [`Self::verify`] for these lengths, bytes.
	fn verify_weight(output_len: u32, proof_len: u32) -> Weight;

	/// Registers an Active program and gives one valid result of it with its proof, for benchmarks.
	#[cfg(feature = "runtime-benchmarks")]
	fn sample() -> Option<(
		ProgramId,
		InputCommitment,
		alloc::vec::Vec<u8>,
		alloc::vec::Vec<u8>,
	)>;
}

/// Why a proof was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofError {
	/// The chain's own verifying key is no key: nothing can be verified.
	KeyMalformed,
	/// The statement holds a number that stands for a field element and is not below p.
	StatementNotCanonical,
	/// The proof is longer than any can be.
	TooLong,
	/// The proof ends too early.
	Truncated,
	/// The proof goes on after its end.
	TrailingBytes,
	/// The proof holds a number that is not below p.
	NotCanonical,
	/// It is a proof in form, but does not prove the statement.
	Invalid,
}

/// A proof system, as the program registry sees it.
pub trait VerifyProof {
	/// Checks that `proof` proves `statement`. Never panics, whatever the bytes.
	fn verify(statement: &Statement, proof: &[u8]) -> Result<(), ProofError>;
}

/// How a claim ended, for the provider's record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settlement<Balance> {
	/// It proved in time (or an open order, unclaimed), and was paid this.
	Own(Balance),
	/// It proved what another had missed, and was paid this.
	Rescue(Balance),
}

/// Staking, as the order book sees it. Amounts are in the chain's smallest unit.
pub trait Providers<AccountId, Balance> {
	/// The provider (cold account) for which `who` may act: itself, or the one that named it operator.
	fn provider_of(who: &AccountId) -> Option<AccountId>;

	/// Commits `amount` of the provider's active bond to a claim; fails if the uncommitted rest is less.
	fn commit(provider: &AccountId, amount: Balance) -> DispatchResult;

	/// Ends a commitment: the bond is free for other claims.
	fn release(provider: &AccountId, amount: Balance) -> DispatchResult;

	/// Ends a commitment by slashing it: `amount` moves from the provider's bond to the free balance of
	/// `beneficiary`. What was moved: nothing if that account cannot receive it, and it was burned; else
	/// less than `amount` only if the invariant that commitments are covered by the bond was broken.
	fn slash(
		provider: &AccountId,
		amount: Balance,
		beneficiary: &AccountId,
	) -> Result<Balance, DispatchError>;

	/// Notes a settlement in the provider's record; does nothing for an account that is no provider.
	fn record(provider: &AccountId, settlement: Settlement<Balance>);

	/// Registers `who` with `bond` active bond and the largest record that there can be, for benchmarks;
	/// `who` has the money. `operator` acts for it.
	#[cfg(feature = "runtime-benchmarks")]
	fn register_for_benchmark(
		who: &AccountId,
		operator: &AccountId,
		bond: Balance,
	) -> DispatchResult;
}
