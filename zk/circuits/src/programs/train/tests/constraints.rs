//! The circuit without one of its constraints.

use lemma_zk_statement::{bytes_to_hash, hash_to_bytes, matrix_commitment, F};
use plonky2::{
	field::types::Field, hash::poseidon::PoseidonHash, iop::challenger::Challenger,
	plonk::config::Hasher,
};

use super::*;
use crate::{
	constraint::leaving_out::assert_needed,
	programs::train::{
		circuit::CHALLENGES_TAG,
		commit::{shape, WEIGHTS_TAG},
		reference::RETURNED_OFFSET,
	},
	D,
};

fn needed(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(), unbuilt, cheats);
}

fn honest() -> Training {
	training(STEPS, 96, 1)
}

fn elements(numbers: &[i64]) -> Vec<F> {
	numbers
		.iter()
		.map(|number| F::from_noncanonical_i64(*number))
		.collect()
}

/// A training in which `change` changes a table of the first step, and all follows from that.
fn changed(which: Table, change: impl Fn(&mut Vec<i64>)) -> Case {
	Case::run(honest(), None, |number, table, values| {
		if (number, table) == (0, which) {
			change(values);
		}
	})
}

/// That table of all steps.
fn behind(case: &Case, table: impl Fn(&Trace) -> &Vec<i64>) -> Vec<F> {
	case.traces
		.iter()
		.flat_map(|trace| elements(table(trace)))
		.collect()
}

#[test]
fn v_should_be_the_yielded_weights() {
	let cheats = [0, 38].map(|place: usize| {
		let mut case = Case::honest(honest());
		case.output[place] += 1;
		case
	});
	needed("train: v is the yielded weights'", |targets| {
		cheats.iter().map(|case| case.cheat(targets)).collect()
	});
}

#[test]
fn yielded_weights_should_be_the_last() {
	let mut case = Case::honest(honest());
	case.yielded[3] += 1;
	case.output[3] += 1;
	needed("train: the yielded weights are the last", |targets| {
		vec![case.cheat(targets)]
	});
}

#[test]
fn weights_hash_should_begin_with_tag_and_length() {
	let case = Case::honest(honest());
	let committed = CommittedTraining::new(&case.training);
	let header = [WEIGHTS_TAG, 39].map(F::from_canonical_u64);
	let cheats = [0, 1].map(|place: usize| {
		let mut header = header;
		header[place] += F::ONE;
		let weights = PoseidonHash::hash_no_pad(&[&header, &committed.weights[..]].concat());
		let commitment = matrix_commitment(&shape(&case.training), &[committed.root(), weights]);
		(
			Case {
				commitment,
				..case.clone()
			},
			header.to_vec(),
		)
	});
	needed(
		"train: the weights' hash begins with tag and length",
		|targets| {
			let cheat = |(case, behind): &(Case, Vec<F>)| {
				let behind = behind.clone();
				Cheat {
					behind,
					..case.cheat(targets)
				}
			};
			cheats.iter().map(cheat).collect()
		},
	);
}

#[test]
fn weights_hash_should_be_of_the_weights() {
	let committed = CommittedTraining::new(&honest());
	let mut other = honest();
	other.weights[7] += 1 << 10;
	let case = Case {
		commitment: committed.commitment,
		..Case::honest(other)
	};
	needed("train: the weights' hash is of the weights", |targets| {
		vec![Cheat {
			behind: committed.weights.clone(),
			..case.cheat(targets)
		}]
	});
}

#[test]
fn input_should_be_the_commitment() {
	let case = Case::honest(honest());
	let input = bytes_to_hash(&case.commitment).unwrap();
	let mut cheats: Vec<_> = (0..4)
		.map(|place| {
			let mut input = input;
			input[place] += F::ONE;
			(
				Case {
					commitment: hash_to_bytes(input),
					..case.clone()
				},
				input,
			)
		})
		.collect();
	let other = Case::honest(training(STEPS, 128, 3));
	cheats.push((
		Case {
			commitment: case.commitment,
			..other
		},
		input,
	));
	needed("train: the input is the commitment", |targets| {
		let cheat = |(case, input): &(Case, [F; 4])| {
			let behind = input.to_vec();
			Cheat {
				behind,
				..case.cheat(targets)
			}
		};
		cheats.iter().map(cheat).collect()
	});
}

#[test]
fn batch_should_be_the_place_that_its_bits_say() {
	// The steps that a job beginning with the next batch would do.
	let case = Case::run(honest(), Some(vec![2, 0]), |_, _, _| ());
	needed("train: a batch's place is its bits", |targets| {
		vec![Cheat {
			behind: elements(&[2, 0]),
			..case.cheat(targets)
		}]
	});
}

#[test]
fn batch_should_follow_the_one_before_and_the_first_the_last() {
	let wrong =
		[vec![1, 0], vec![1, 1]].map(|batches| Case::run(honest(), Some(batches), |_, _, _| ()));
	let last = |batches| {
		let training = training(STEPS, 96, 2);
		Case::run(training, Some(batches), |_, _, _| ())
	};
	let beyond = [last(vec![2, 1]), last(vec![2, 2])];
	needed(
		"train: the next batch follows, the first the last",
		|targets| {
			let cheat = |case: &Case| {
				let behind = elements(&[case.batches[1] as i64, 0]);
				Cheat {
					behind,
					..case.cheat(targets)
				}
			};
			wrong.iter().chain(&beyond).map(cheat).collect()
		},
	);
}

#[test]
fn batch_should_be_committed_to() {
	let committed = CommittedTraining::new(&honest());
	let mut feature = honest();
	feature
		.features
		.iter_mut()
		.for_each(|feature| *feature = feature.wrapping_add(1));
	let mut label = honest();
	label
		.labels
		.iter_mut()
		.for_each(|label| *label = (*label + 1) % 3);
	let order = Training {
		seed: [6; 32],
		..honest()
	};
	let cases = [feature, label, order].map(|training| Case {
		commitment: committed.commitment,
		..Case::honest(training)
	});
	needed("train: a batch is committed to", |targets| {
		let cheat = |case: &Case| {
			let mut cheat = case.cheat(targets);
			let root = targets
				.1
				.root
				.elements
				.into_iter()
				.zip(committed.root().elements);
			cheat.witness.target_values.extend(root);
			cheat
		};
		cases.iter().map(cheat).collect()
	});
}

#[test]
fn activation_should_be_the_sum_rounded() {
	let cases =
		[1, -1, 300].map(|change| changed(Table::Activations(1), |values| values[5] += change));
	needed("train: an activation is the sum, rounded", |targets| {
		let cheat = |case: &Case| Cheat {
			behind: behind(case, |trace| &trace.activations[1]),
			..case.cheat(targets)
		};
		cases.iter().map(cheat).collect()
	});
}

/// An error of a score is one more in magnitude.
fn larger_error() -> Case {
	changed(Table::Errors(1), |values| {
		let error = values
			.iter_mut()
			.find(|error| (1..200).contains(&error.abs()));
		let error = error.expect("not all errors are extreme");
		*error += error.signum();
	})
}

#[test]
fn score_should_be_short_of_its_margin() {
	let case = larger_error();
	let magnitudes = behind(&case, |trace| &trace.errors[1])
		.into_iter()
		.map(|error| {
			let is_negative = error.0 > F::NEG_ONE.0 / 2;
			let magnitude = if is_negative { -error } else { error };
			magnitude * F::from_canonical_u64(1 << 20)
		});
	let behind: Vec<F> = magnitudes.collect();
	needed("train: a score is short of its margin", |targets| {
		vec![Cheat {
			behind: behind.clone(),
			..case.cheat(targets)
		}]
	});
}

#[test]
fn error_of_a_score_should_be_what_it_is_short_of() {
	let cases = [
		larger_error(),
		changed(Table::Errors(1), |values| values[9] = 0),
	];
	needed("train: a score's error is what it is short of", |targets| {
		let cheat = |case: &Case| Cheat {
			behind: behind(case, |trace| &trace.errors[1]),
			..case.cheat(targets)
		};
		cases.iter().map(cheat).collect()
	});
}

#[test]
fn error_should_be_what_was_returned_rounded() {
	let cases = [1, -1].map(|change| changed(Table::Errors(0), |values| values[8] += change));
	needed("train: an error is what was returned, rounded", |targets| {
		let cheat = |case: &Case| Cheat {
			behind: behind(case, |trace| &trace.errors[0]),
			..case.cheat(targets)
		};
		cases.iter().map(cheat).collect()
	});
}

#[test]
fn sums_should_be_those_of_the_weights() {
	let cases = [Table::Sums(0), Table::Sums(1), Table::Returned(1)]
		.map(|table| [1, 1 << 20].map(|change| changed(table, |values| values[3] += change)));
	needed("train: sums are those of the weights", |targets| {
		cases
			.iter()
			.flatten()
			.map(|case| case.cheat(targets))
			.collect()
	});
}

#[test]
fn weights_should_change_by_inputs_times_errors() {
	// The last step changes nothing.
	let mut case = Case::honest(honest());
	let first = Training {
		steps: 1,
		..honest()
	};
	case.yielded = reference::train(&first).0;
	case.output = case.yielded.clone();
	needed("train: weights change by inputs times errors", |targets| {
		vec![case.cheat(targets)]
	});
}

/// What the points are drawn after: tag, input, sums, yielded weights.
fn observed(case: &Case) -> [Vec<F>; 4] {
	let sums = case.traces.iter().flat_map(|trace| {
		let sums = trace.sums.iter().flatten().copied();
		let returned = trace
			.returned
			.iter()
			.flatten()
			.map(|sum| sum + RETURNED_OFFSET);
		elements(&sums.chain(returned).collect::<Vec<_>>())
	});
	let yielded: Vec<i64> = case.yielded.iter().copied().map(i64::from).collect();
	[
		vec![F::from_canonical_u64(CHALLENGES_TAG)],
		bytes_to_hash(&case.commitment).unwrap().to_vec(),
		sums.collect(),
		elements(&yielded),
	]
}

/// Points that are drawn after something else in one of the parts.
fn drawn_after_another(part: usize, targets: &Targets) -> Vec<Cheat> {
	let case = Case::honest(honest());
	let length = observed(&case)[part].len();
	[0, length / 2, length - 1]
		.map(|place| {
			let mut observed = observed(&case);
			observed[part][place] += F::ONE;
			let mut challenger = Challenger::<F, PoseidonHash>::new();
			challenger.observe_elements(&observed.concat());
			let mut cheat = case.cheat(targets);
			for point in targets.1.challenges {
				let drawn = challenger.get_extension_challenge::<D>();
				cheat
					.witness
					.target_values
					.extend(point.0.into_iter().zip(drawn.0));
			}
			Cheat {
				behind: observed[part].clone(),
				..cheat
			}
		})
		.to_vec()
}

#[test]
fn points_should_be_drawn_after_their_tag() {
	needed("train: points are drawn after their tag", |targets| {
		drawn_after_another(0, targets)
	});
}

#[test]
fn points_should_be_drawn_after_the_input() {
	needed("train: points are drawn after the input", |targets| {
		drawn_after_another(1, targets)
	});
}

#[test]
fn points_should_be_drawn_after_the_sums() {
	needed("train: points are drawn after the sums", |targets| {
		drawn_after_another(2, targets)
	});
}

#[test]
fn points_should_be_drawn_after_the_yielded_weights() {
	needed(
		"train: points are drawn after the yielded weights",
		|targets| drawn_after_another(3, targets),
	);
}

/// Who knows the points names other sums that are the same there.
#[test]
fn points_should_be_drawn() {
	let case = changed(Table::Sums(0), |values| {
		values[2] += 1 << 22;
		values[21] -= 1 << 22;
	});
	let behind = elements(&[1, 0, 1, 0]);
	needed("train: points are drawn", |targets| {
		vec![Cheat {
			behind: behind.clone(),
			..case.cheat(targets)
		}]
	});
}
