//! The file of a pallet's weights, as source. `rustfmt` sees to its looks.

use std::fmt::Write;

use crate::fit::Formula;

/// What was found out about a benchmark.
pub struct Measured {
	/// Its name: that of the weight function.
	pub name: String,
	/// Its components: letter, least, greatest.
	pub components: Vec<(char, u32, u32)>,
	/// Nanoseconds.
	pub time: Formula,
	/// Keys read.
	pub reads: Formula,
	/// Keys written.
	pub writes: Formula,
}

/// The file. `when` says when and on what all of it was measured.
pub fn file(pallet: &str, when: &str, benchmarks: &[Measured]) -> String {
	let functions: String = benchmarks.iter().map(function).collect();
	format!(
		"//! Weights of `{pallet}`, measured. Written by `scripts/benchmark`; not to be edited by hand.\n\
		//!\n\
		//! {when}.\n\
		\n\
		use core::marker::PhantomData;\n\
		\n\
		#[allow(unused_imports)]\n\
		use frame_support::{{traits::Get, weights::Weight}};\n\
		\n\
		/// Measured weights.\n\
		pub struct WeightInfo<T>(PhantomData<T>);\n\
		\n\
		impl<T: frame_system::Config> {} for WeightInfo<T> {{\n\
		{functions}\
		}}\n",
		interface(pallet)
	)
}

/// The trait that the pallet asks for.
fn interface(pallet: &str) -> String {
	match pallet {
		"frame_system_extensions" => "frame_system::ExtensionsWeightInfo".into(),
		pallet => format!("{pallet}::WeightInfo"),
	}
}

fn function(measured: &Measured) -> String {
	let Measured {
		name,
		components,
		time,
		reads,
		writes,
	} = measured;
	let mut source = String::new();
	for (letter, least, greatest) in components {
		let _ = writeln!(source, "/// `{letter}`: {least} to {greatest}.");
	}
	let formulas = [time, reads, writes];
	let arguments: Vec<String> = components
		.iter()
		.enumerate()
		.map(|(index, (letter, ..))| {
			let used = formulas
				.iter()
				.any(|formula| whole(formula.slopes[index]) > 0)
				|| picoseconds(time.slopes[index]) > 0;
			format!("{}{letter}: u32", if used { "" } else { "_" })
		})
		.collect();
	let _ = writeln!(source, "fn {name}({}) -> Weight {{", arguments.join(", "));
	// Whole microseconds would hide the cheapest; below a nanosecond there is nothing to know.
	let base = picoseconds(time.base).div_ceil(1_000) * 1_000;
	let _ = write!(source, "Weight::from_parts({}, 0)", grouped(base));
	for (slope, (letter, ..)) in time.slopes.iter().zip(components) {
		let slope = picoseconds(*slope);
		if slope > 0 {
			let _ = write!(
				source,
				".saturating_add(Weight::from_parts({}, 0).saturating_mul({letter}.into()))",
				grouped(slope)
			);
		}
	}
	accesses(&mut source, "reads", reads, components);
	accesses(&mut source, "writes", writes, components);
	source.push_str("\n}\n");
	source
}

/// The database's share, by its own weights.
fn accesses(source: &mut String, kind: &str, formula: &Formula, components: &[(char, u32, u32)]) {
	let base = whole(formula.base);
	if base > 0 {
		let _ = write!(source, ".saturating_add(T::DbWeight::get().{kind}({base}))");
	}
	for (slope, (letter, ..)) in formula.slopes.iter().zip(components) {
		let slope = whole(*slope);
		if slope > 0 {
			let _ = write!(
				source,
				".saturating_add(T::DbWeight::get().{kind}({slope}).saturating_mul({letter}.into()))"
			);
		}
	}
}

/// Picoseconds of nanoseconds, rounded up.
fn picoseconds(nanoseconds: f64) -> u64 {
	(nanoseconds * 1_000.0).ceil() as u64
}

/// A count that the arithmetic of floating points has blurred, rounded up if it is not whole.
fn whole(count: f64) -> u64 {
	(count - 0.01).ceil().max(0.0) as u64
}

/// `1_234_567`.
fn grouped(number: u64) -> String {
	let digits = number.to_string();
	let first = digits.len() % 3;
	let mut groups: Vec<&str> = Vec::new();
	if first > 0 {
		groups.push(&digits[..first]);
	}
	let mut at = first;
	while at < digits.len() {
		groups.push(&digits[at..at + 3]);
		at += 3;
	}
	groups.join("_")
}

#[cfg(test)]
mod tests {
	use super::*;

	fn formula(base: f64, slopes: &[f64]) -> Formula {
		Formula {
			base,
			slopes: slopes.to_vec(),
		}
	}

	#[test]
	fn function_should_have_what_costs_something_and_nothing_else() {
		let source = function(&Measured {
			name: "submit_result".into(),
			components: vec![('o', 1, 1_048_576), ('p', 1, 131_072)],
			time: formula(43_210.5, &[0.25, 0.0]),
			reads: formula(9.0, &[0.0, 0.0]),
			writes: formula(8.0000001, &[2.0, 0.0]),
		});
		let lines: Vec<&str> = source.lines().collect();
		assert_eq!(
			lines,
			[
				"/// `o`: 1 to 1048576.",
				"/// `p`: 1 to 131072.",
				"fn submit_result(o: u32, _p: u32) -> Weight {",
				"Weight::from_parts(43_211_000, 0)\
				.saturating_add(Weight::from_parts(250, 0).saturating_mul(o.into()))\
				.saturating_add(T::DbWeight::get().reads(9))\
				.saturating_add(T::DbWeight::get().writes(8))\
				.saturating_add(T::DbWeight::get().writes(2).saturating_mul(o.into()))",
				"}",
			]
		);
	}

	#[test]
	fn counts_should_survive_the_arithmetic_and_never_be_rounded_down() {
		assert_eq!(whole(2.999_999_9), 3);
		assert_eq!(whole(3.000_000_1), 3);
		assert_eq!(whole(0.5), 1);
		assert_eq!(whole(-0.000_1), 0);
	}

	#[test]
	fn numbers_should_be_grouped_by_thousands() {
		for (number, text) in [
			(0, "0"),
			(999, "999"),
			(1_000, "1_000"),
			(12_345_678, "12_345_678"),
		] {
			assert_eq!(grouped(number), text);
		}
	}
}
