//! What to offer for a result's place in a block. Pure.
//!
//! Whoever wants a claimer's collateral can fill blocks until the claim's time is up. Blocks are filled by tips for a share
//! of the block, so a result that tips must be outbid for every piece of its length, in every block. Here the tip starts
//! low and doubles with every block once few are left: whoever goes on until the last one has paid far more than there was
//! to gain.

use lemma_client::{Balance, BlockNumber};

/// Blocks that a submission has to come into one without a tip: it may have missed the first that it could be in.
pub const PATIENCE: BlockNumber = 2;
/// With so few blocks left, the least tip is offered at once.
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
	let doublings_short = match left {
		0 => return 0,
		left if waited >= PATIENCE => left.saturating_sub(1).min(DOUBLINGS),
		1..=FEW_LEFT => DOUBLINGS,
		_ => return 0,
	};
	cap >> doublings_short
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
	fn the_least_should_be_tipped_at_once_when_few_blocks_are_left() {
		for left in 1..=FEW_LEFT {
			assert_eq!(wanted(1 << 40, 0, left), 1 << 30);
		}
	}

	#[test]
	fn whoever_keeps_the_result_out_should_pay_more_than_the_collateral_even_for_the_longest_result(
	) {
		// Three of the longest results fit into a block: to keep one out takes the room of two, and more.
		const ROOM_TAKEN: Balance = 2;
		let collateral = 1 << 40;
		let outbid = |cap: Balance| -> Balance {
			let tips = (1..=11).map(|left| wanted(cap, PATIENCE, left));
			tips.map(|tip| ROOM_TAKEN * tip).sum()
		};
		assert!(outbid(collateral) > 3 * collateral);
		// However low its price, where the operator has set no other bound.
		for price in [0, 1, collateral / 100] {
			assert!(outbid(cap(collateral, price, None)) > collateral);
		}
	}
}
