//! The batch sizes for which a network has programs: those of `--batches` that fit.

use lemma_zk_circuits::programs::infer::encoding::{MAX_BATCH, MAX_BATCHES};

use crate::failure::{Failure, Outcome};

/// What `--batches` is unless it is given: such sizes need not all fit.
const DEFAULT_BATCHES: [usize; 3] = [1, 16, 64];

/// The batch sizes that a network is to have programs for.
#[derive(Debug)]
pub struct Batches {
	/// They, ascending.
	pub sizes: Vec<usize>,
	/// Whether nobody asked for them.
	is_default: bool,
}

impl Batches {
	/// The sizes that were given, if a network can have them; else the default.
	pub fn new(given: Option<&[usize]>) -> Outcome<Self> {
		let mut sizes = given.unwrap_or(&DEFAULT_BATCHES).to_vec();
		sizes.sort_unstable();
		sizes.dedup();
		let fit = sizes.iter().all(|size| (1..=MAX_BATCH).contains(size));
		if !fit || !(1..=MAX_BATCHES).contains(&sizes.len()) {
			return Err(Failure::usage(format!(
				"--batches: 1 to {MAX_BATCHES} different numbers from 1 to {MAX_BATCH} are needed"
			)));
		}
		Ok(Self {
			is_default: given.is_none(),
			sizes,
		})
	}

	/// Those of which `check` does not say why they do not fit. Of sizes that were asked for each must; others are left out,
	/// with a note.
	pub fn fitting(
		self,
		check: impl Fn(usize) -> Result<(), String>,
		notes: &mut Vec<String>,
	) -> Outcome<Self> {
		let mut kept = Vec::new();
		let mut why = None;
		for size in self.sizes {
			match check(size) {
				Ok(()) => kept.push(size),
				Err(reason) if self.is_default => {
					notes.push(format!("note: batches of {size} are left out: {reason}"));
					why = why.or(Some(reason));
				}
				Err(reason) => return Err(too_large(&reason, largest(&check))),
			}
		}
		match why {
			Some(reason) if kept.is_empty() => Err(too_large(&reason, largest(&check))),
			_ => Ok(Self {
				sizes: kept,
				is_default: self.is_default,
			}),
		}
	}
}

/// A batch size that fits, the largest if all below it do; `None` if there is none.
fn largest(check: impl Fn(usize) -> Result<(), String>) -> Option<usize> {
	let (mut fits, mut fails) = (0, MAX_BATCH + 1);
	while fails - fits > 1 {
		let between = fits + (fails - fits) / 2;
		match check(between) {
			Ok(()) => fits = between,
			Err(_) => fails = between,
		}
	}
	(fits > 0).then_some(fits)
}

fn too_large(reason: &str, largest: Option<usize>) -> Failure {
	let advice = match largest {
		Some(size) => format!("the largest size that fits is {size}"),
		None => "not even one sample fits".into(),
	};
	Failure::usage(format!("--batches: {reason}; {advice}"))
}

#[cfg(test)]
mod tests {
	use clap::Args as _;

	use super::*;
	use crate::args::Build;

	fn given(sizes: &[usize]) -> Outcome<Batches> {
		Batches::new(Some(sizes))
	}

	fn up_to(most: usize) -> impl Fn(usize) -> Result<(), String> {
		move |size| match size <= most {
			true => Ok(()),
			false => Err(format!("{size} is too many")),
		}
	}

	#[test]
	fn batches_should_be_sorted_and_from_1_to_1024() {
		assert_eq!(given(&[3, 1, 3]).expect("sizes").sizes, [1, 3]);
		let many: Vec<_> = (1..18).collect();
		for wrong in [&[0][..], &[1025], &[], &many[..]] {
			let text = given(wrong).expect_err("refused").message;
			assert!(text.contains("from 1 to 1024"), "{text}");
		}
	}

	#[test]
	fn default_batches_should_be_left_out_with_a_note_when_they_do_not_fit() {
		let mut notes = Vec::new();
		let batches = Batches::new(None).expect("sizes");
		let kept = batches.fitting(up_to(20), &mut notes).expect("some fit");
		assert_eq!(kept.sizes, [1, 16]);
		let kept = kept.fitting(up_to(3), &mut notes).expect("one fits");
		assert_eq!(kept.sizes, [1]);
		assert!(
			notes[0].contains("64") && notes[1].contains("16"),
			"{notes:?}"
		);
		let refused = kept.fitting(up_to(0), &mut notes);
		let text = refused.expect_err("none fits").message;
		assert!(text.contains("not even one"), "{text}");
	}

	#[test]
	fn given_batches_should_be_refused_with_the_largest_that_fits_when_one_does_not() {
		for (most, part) in [(20, "fits is 20"), (99, "fits is 99"), (0, "not even one")] {
			let batches = given(&[1, 100]).expect("sizes");
			let refused = batches.fitting(up_to(most), &mut Vec::new());
			let text = refused.expect_err("too large").message;
			assert!(text.contains(part), "{text}");
		}
	}

	#[test]
	fn default_batches_should_be_as_any_others_when_they_are_given() {
		let batches = given(&DEFAULT_BATCHES).expect("sizes");
		let refused = batches.fitting(up_to(20), &mut Vec::new());
		let text = refused.expect_err("too large").message;
		assert!(text.contains("fits is 20"), "{text}");
	}

	#[test]
	fn the_help_should_name_the_default_batches() {
		let build = Build::augment_args(clap::Command::new("build"));
		let mut arguments = build.get_arguments();
		let batches = arguments.find(|argument| argument.get_id() == "batches");
		let help = batches.and_then(|argument| argument.get_help());
		let help = help.expect("it has help").to_string();
		let default = DEFAULT_BATCHES.map(|size| size.to_string()).join(",");
		assert!(help.contains(&default), "{help}");
	}
}
