//! What to offer for a result's place in a block. Pure.
//!
//! Whoever wants a claimer's collateral can fill blocks until the claim's time is up. Blocks are filled by tips for a share
//! of the block, so a result that tips must be outbid for every piece of its length, in every block. Here the tip starts
//! low and doubles with every block once few are left: whoever goes on until the last one has paid far more than there was
//! to gain. A result that is ready only for the last blocks tips what the others tip by then as soon as it has missed one, and
//! in the very last at once: with a low tip it would be cheap to keep out.

use lemma_client::{Balance, BlockNumber};

/// Blocks that a submission has to come into one without a tip: it may have missed the first that it could be in.
pub const PATIENCE: BlockNumber = 2;
/// With so few blocks left, there is no patience but for the first of them.
const FEW_LEFT: BlockNumber = 3;
/// How often the least tip doubles up to the highest.
const DOUBLINGS: BlockNumber = 10;
/// A transaction is renewed when it has no more blocks than this to live.
pub const RENEWED_BEFORE: BlockNumber = 4;
/// A transaction that does nothing takes at most so small a part of a block as a share of what a submission takes. A proof
/// alone is 92 kB of the 3.9 MB of a block, 40 of which fill it; of a remark, thousands do.
pub const FILLER_SHARE: Balance = 32;

/// How many times its price the highest tip for a result is, unless that is less than half of the collateral or the operator
/// says otherwise.
pub const PRICES_TIPPED: Balance = 10;

/// The highest tip for the result of a claim with this collateral at this price: the operator's `max_tip`, without one
/// [`PRICES_TIPPED`] times the price or half of the collateral, whichever is more, and never more than there is to lose.
pub fn cap(collateral: Balance, price: Balance, max_tip: Option<Balance>) -> Balance {
	// With half of it, even the longest result is dearer to keep out than there is to gain.
	let usual = || price.saturating_mul(PRICES_TIPPED).max(collateral / 2);
	collateral.min(max_tip.unwrap_or_else(usual))
}

/// The tip of a submission that was given to a node `waited` blocks ago and that `left` blocks can still hold in time, of
/// at most `cap`.
pub fn wanted(cap: Balance, waited: BlockNumber, left: BlockNumber) -> Balance {
	let doublings_left = match (waited, left) {
		(_, 0) => return 0,
		(..PATIENCE, left) if left > FEW_LEFT => return 0,
		// Nothing says yet that somebody keeps it out, and there is another block to answer in.
		(0, 2..) => DOUBLINGS,
		(_, left) => left.saturating_sub(1).min(DOUBLINGS),
	};
	cap >> doublings_left
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_highest_tip_should_be_the_operators_or_follow_the_price_and_not_exceed_the_collateral() {
		assert_eq!(cap(1_000, 5, None), 500);
		assert_eq!(cap(1_000, 60, None), 600);
		assert_eq!(cap(1_000, 100, None), 1_000);
		assert_eq!(cap(1_000, 200, None), 1_000);
		assert_eq!(cap(1_000, 5, Some(0)), 0);
		assert_eq!(cap(1_000, 5, Some(999)), 999);
		assert_eq!(cap(1_000, 200, Some(2_000)), 1_000);
		assert_eq!(cap(1_000, Balance::MAX, None), 1_000);
	}

	#[test]
	fn nothing_should_be_tipped_when_nothing_keeps_the_result_out() {
		for waited in 0..PATIENCE {
			for left in FEW_LEFT + 1..100 {
				assert_eq!(wanted(1 << 40, waited, left), 0);
			}
		}
		assert_eq!(wanted(1 << 40, 50, 0), 0, "the claim is missed");
	}

	#[test]
	fn the_tip_should_double_with_each_of_the_last_blocks_up_to_the_cap() {
		let cap = 1 << 40;
		assert_eq!(wanted(cap, PATIENCE, 100), cap >> 10);
		let mut last = cap >> 11;
		for left in (1..=11).rev() {
			let tip = wanted(cap, PATIENCE, left);
			assert_eq!(tip, 2 * last, "{left} left");
			last = tip;
		}
		assert_eq!(last, cap);
	}

	#[test]
	fn the_tip_should_follow_the_blocks_left_when_they_are_few_and_one_was_missed() {
		let cap = 1 << 40;
		let tips = |waited| [3, 2, 1].map(|left| wanted(cap, waited, left));
		assert_eq!(tips(0), [cap >> 10, cap >> 10, cap]);
		for waited in 1..=PATIENCE {
			assert_eq!(tips(waited), [cap / 4, cap / 2, cap], "after {waited}");
		}
	}

	/// Three of the longest results fit into a block: to keep one out takes the room of two, and more.
	const ROOM_OF_THE_LONGEST: Balance = 2;
	/// Of a proof with a short output, see [`FILLER_SHARE`].
	const ROOM_OF_A_PROOF: Balance = 40;

	/// What it costs to keep a result out to the end that takes so little room and is given to a node when so many blocks are left.
	fn outbid(cap: Balance, room: Balance, left: BlockNumber) -> Balance {
		let blocks = (1..=left).rev().zip(0..);
		blocks
			.map(|(left, waited)| room * wanted(cap, waited, left))
			.sum()
	}

	#[test]
	fn whoever_keeps_the_result_out_should_pay_more_than_the_collateral_even_for_the_longest_result(
	) {
		let collateral = 1 << 40;
		let in_time = DOUBLINGS + 1 + PATIENCE;
		assert!(outbid(collateral, ROOM_OF_THE_LONGEST, in_time) > 3 * collateral);
		// However low its price, where the operator has set no other bound.
		for price in [0, 1, collateral / 100] {
			let cap = cap(collateral, price, None);
			assert!(outbid(cap, ROOM_OF_THE_LONGEST, in_time) > collateral);
		}
	}

	/// As `docs/security.md` says, "Blocks can be filled until a claim has ended".
	#[test]
	fn keeping_a_late_result_out_should_cost_at_least_half_of_what_one_in_time_costs() {
		let collateral = 1 << 40;
		let cap = cap(collateral, 0, None);
		for room in [ROOM_OF_THE_LONGEST, ROOM_OF_A_PROOF] {
			for left in 1..=100 {
				let cost = outbid(cap, room, left);
				assert!(cost >= room * collateral / 2, "{left} left: {cost}");
			}
			assert_eq!(outbid(cap, room, 1), room * collateral / 2);
		}
	}
}
