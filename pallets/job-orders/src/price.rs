//! The price of an unclaimed order over time.

use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, Rounding};

/// The price `elapsed` blocks after posting: `min` at once, `max` from `ramp` blocks on, linear between,
/// rounded down. With a ramp of no blocks it is `max` from the start.
pub fn price_after(min: u128, max: u128, ramp: u128, elapsed: u128) -> u128 {
	if elapsed >= ramp {
		return max;
	}
	let rise = max.saturating_sub(min);
	// Less than `rise`, as `elapsed < ramp`: there is no overflow.
	let risen = multiply_by_rational_with_rounding(rise, elapsed, ramp, Rounding::Down);
	min.saturating_add(risen.unwrap_or(rise))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn price_should_be_min_at_posting_and_max_from_the_ramp_on() {
		assert_eq!(price_after(100, 200, 10, 0), 100);
		assert_eq!(price_after(100, 200, 10, 9), 190);
		assert_eq!(price_after(100, 200, 10, 10), 200);
		assert_eq!(price_after(100, 200, 10, 11), 200);
		assert_eq!(price_after(100, 200, 10, u128::MAX), 200);
	}

	#[test]
	fn price_should_be_max_at_once_when_there_is_no_ramp() {
		assert_eq!(price_after(100, 200, 0, 0), 200);
	}

	#[test]
	fn price_should_round_down() {
		assert_eq!(price_after(0, 10, 3, 1), 3);
		assert_eq!(price_after(0, 10, 3, 2), 6);
		assert_eq!(price_after(5, 6, 1000, 999), 5);
	}

	#[test]
	fn price_should_stay_when_both_prices_are_equal() {
		for elapsed in 0..5 {
			assert_eq!(price_after(7, 7, 3, elapsed), 7);
		}
	}

	#[test]
	fn price_should_not_overflow() {
		let most = u128::MAX;
		assert_eq!(price_after(0, most, most, most - 1), most - 1);
		assert_eq!(price_after(most, most, most, 1), most);
		assert_eq!(price_after(most - 1, most, 2, 1), most - 1);
	}

	#[test]
	fn price_should_never_fall() {
		let mut last = 0;
		for elapsed in 0..=1000 {
			let price = price_after(17, 1_000_003, 997, elapsed);
			assert!((17..=1_000_003).contains(&price));
			assert!(price >= last);
			last = price;
		}
		assert_eq!(last, 1_000_003);
	}
}
