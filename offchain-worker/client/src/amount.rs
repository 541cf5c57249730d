//! Amounts of LEM as people write them: `10`, `0.5`, `1_000.25`.

use lemma_primitives::{Balance, UNIT};

/// Digits after the decimal point of one LEM.
const DECIMALS: usize = 12;

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
	/// It is not a decimal number.
	#[error("`{0}` is no amount of LEM: write a decimal number such as 10 or 0.5")]
	NotANumber(String),
	/// It has too many digits after the point.
	#[error("`{0}` is finer than the smallest unit: a LEM has 12 digits after the point")]
	TooFine(String),
	/// It is larger than any balance.
	#[error("`{0}` is more LEM than can exist")]
	TooLarge(String),
}

/// Reads an amount of LEM: digits with at most one point, underscores anywhere between them, and an
/// optional ` LEM` behind.
pub fn parse(text: &str) -> Result<Balance, AmountError> {
	let not_a_number = || AmountError::NotANumber(text.into());
	let trimmed = text.trim();
	let number = trimmed
		.strip_suffix("LEM")
		.unwrap_or(trimmed)
		.trim_end()
		.replace('_', "");
	let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
	let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
	if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
		return Err(not_a_number());
	}
	let fraction = fraction.trim_end_matches('0');
	if fraction.len() > DECIMALS {
		return Err(AmountError::TooFine(text.into()));
	}
	let too_large = || AmountError::TooLarge(text.into());
	let digits = |s: &str| match s {
		"" => Some(0),
		s => s.parse::<Balance>().ok(),
	};
	let whole = digits(whole)
		.and_then(|w| w.checked_mul(UNIT))
		.ok_or_else(too_large)?;
	let fraction = digits(&format!("{fraction:0<DECIMALS$}")).ok_or_else(too_large)?;
	whole.checked_add(fraction).ok_or_else(too_large)
}

/// Writes an amount in LEM, exactly, without trailing zeros: `10`, `0.5`.
pub fn format(amount: Balance) -> String {
	let (whole, fraction) = (amount / UNIT, amount % UNIT);
	if fraction == 0 {
		return whole.to_string();
	}
	let fraction = format!("{fraction:0>DECIMALS$}");
	format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn amounts_should_parse_to_the_smallest_unit() {
		assert_eq!(parse("10"), Ok(10 * UNIT));
		assert_eq!(parse("0.5"), Ok(UNIT / 2));
		assert_eq!(parse(".5 LEM"), Ok(UNIT / 2));
		assert_eq!(parse("1_000.25"), Ok(1_000 * UNIT + UNIT / 4));
		assert_eq!(parse("0.000000000001"), Ok(1));
		assert_eq!(parse("7."), Ok(7 * UNIT));
		assert_eq!(parse("0"), Ok(0));
		assert_eq!(parse("1.500000000000000"), Ok(UNIT + UNIT / 2));
	}

	#[test]
	fn amounts_should_be_refused_when_they_are_no_plain_decimals() {
		for text in [
			"", ".", "-1", "+1", "1e3", "1,5", "0x10", "1.2.3", "ten", "LEM", "1 000",
		] {
			assert_eq!(
				parse(text),
				Err(AmountError::NotANumber(text.into())),
				"{text}"
			);
		}
	}

	#[test]
	fn amounts_should_be_refused_when_they_are_too_fine_or_too_large() {
		let fine = "0.0000000000001";
		assert_eq!(parse(fine), Err(AmountError::TooFine(fine.into())));
		let large = "340282366920938463463374608";
		assert_eq!(parse(large), Err(AmountError::TooLarge(large.into())));
		let larger = "9".repeat(60);
		assert_eq!(parse(&larger), Err(AmountError::TooLarge(larger.clone())));
	}

	#[test]
	fn amounts_should_survive_being_written_and_read() {
		for amount in [
			0,
			1,
			UNIT - 1,
			UNIT,
			UNIT + 1,
			123_456 * UNIT + 789,
			Balance::MAX,
		] {
			assert_eq!(parse(&format(amount)), Ok(amount), "{amount}");
		}
		assert_eq!(format(10 * UNIT), "10");
		assert_eq!(format(UNIT / 2), "0.5");
	}
}
