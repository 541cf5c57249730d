//! What is provable, and what is not: each kind of witness tampered with.

use plonky2::{field::types::Field, iop::witness::WitnessWrite};

use super::*;
use crate::{circuit::Circuit, program::Job, programs::infer::job::InferJob, F};

/// Elements of an output, each changed by one.
fn changed(model: &Model, output: &[u8]) -> Vec<Vec<u8>> {
	let size = model.element().size_bytes();
	(0..output.len() / size)
		.map(|place| {
			let mut changed = output.to_vec();
			changed[place * size] ^= 1;
			changed
		})
		.collect()
}

#[test]
fn every_operator_should_be_proven_and_no_other_output() {
	let model = everything();
	for is_combined in [false, true] {
		let circuit = whole(&laid_out(&model, 2, is_combined));
		let samples = samples(&model, 2, 3);
		let honest = output(&model, &samples);
		assert!(accepts(&circuit, &model, &samples, &honest));
		for wrong in changed(&model, &honest) {
			assert!(!accepts(&circuit, &model, &samples, &wrong));
		}
	}
}

#[test]
fn extreme_samples_should_be_proven() {
	let model = perceptron(&[20, 9, 4], 5);
	let circuit = whole(&laid_out(&model, 3, false));
	for fill in [[-128; 60], [127; 60], [0; 60]] {
		assert!(accepts(&circuit, &model, &fill, &output(&model, &fill)));
	}
}

#[test]
fn one_output_should_not_be_another() {
	let model = perceptron(&[30, 12, 5], 1);
	for (is_combined, batch) in [(false, 1), (true, 3)] {
		let circuit = whole(&laid_out(&model, batch, is_combined));
		let samples = samples(&model, batch, 1);
		let honest = output(&model, &samples);
		assert!(accepts(&circuit, &model, &samples, &honest));
		for wrong in changed(&model, &honest) {
			assert!(!accepts(&circuit, &model, &samples, &wrong));
		}
	}
}

#[test]
fn one_input_should_not_be_another() {
	let model = perceptron(&[30, 12, 5], 1);
	let circuit = whole(&laid_out(&model, 2, true));
	let honest = samples(&model, 2, 1);
	for place in [0, 6, 7, 29, 30, 59] {
		let mut other = honest.clone();
		other[place] = !other[place];
		assert_ne!(output(&model, &other), output(&model, &honest));
		// The other's output for the honest commitment, with the other samples and with the honest ones.
		let statement = statement(&model, &honest, &output(&model, &other));
		for samples in [&other, &honest] {
			let cheat = claim(circuit.targets(), &statement, samples);
			assert!(!circuit.accepts(None, &cheat));
		}
	}
}

#[test]
fn one_weight_should_make_another_program() {
	let model = perceptron(&[30, 12, 5], 1);
	let samples = samples(&model, 1, 1);
	for is_combined in [false, true] {
		let circuit = whole(&laid_out(&model, 1, is_combined));
		for layer in 0..2 {
			let of_weight = |place: usize| {
				let mut layers = model.layers().to_vec();
				let Op::Dense(linear) = &mut layers[layer].op else {
					panic!("a perceptron is dense")
				};
				linear.weights[place] ^= 0x40;
				Model::new(model.input(), layers).unwrap()
			};
			// A weight that the scores of these samples depend on.
			let honest = output(&model, &samples);
			let Op::Dense(linear) = &model.layers()[layer].op else {
				panic!("a perceptron is dense")
			};
			let other = (0..linear.weights.len())
				.map(of_weight)
				.find(|other| output(other, &samples) != honest)
				.unwrap();
			let wrong = output(&other, &samples);
			assert!(!accepts(&circuit, &model, &samples, &wrong));
			assert_ne!(
				Circuit::name(&laid_out(&other, 1, is_combined)),
				Circuit::name(&laid_out(&model, 1, is_combined))
			);
		}
	}
}

/// A value between two layers is set to another by one; all after it follows from that.
#[test]
fn one_rounding_should_not_be_another() {
	let model = perceptron(&[30, 12, 5], 1);
	let samples = samples(&model, 2, 1);
	for is_combined in [false, true] {
		let circuit = whole(&laid_out(&model, 2, is_combined));
		for (sample, place, change) in [(0, 0, 1), (1, 11, 1), (0, 5, -1)] {
			let mut values = reference::values(&model, &samples[sample * 30..][..30]);
			let honest = values[1][place];
			values[1][place] += change;
			// The scores that follow from it.
			let layer = Model::new(
				Shape::vector(12),
				vec![Layer {
					input: 0,
					..model.layers()[1].clone()
				}],
			)
			.unwrap();
			let hidden: Vec<i8> = values[1].iter().map(|value| *value as i8).collect();
			let mut wrong = output(&model, &samples);
			wrong[sample * 20..][..20].copy_from_slice(&output(&layer, &hidden));

			let statement = statement(&model, &samples, &wrong);
			let mut cheat = claim(circuit.targets(), &statement, &samples);
			let wire = circuit.targets().1.values[1][sample][place];
			let value = F::from_noncanonical_i64(i64::from(honest + change));
			cheat.witness.set_target(wire, value).unwrap();
			assert!(!circuit.accepts(None, &cheat));
		}
	}
}

/// A claimed sum of products is set to another.
#[test]
fn one_product_should_not_be_another() {
	let model = perceptron(&[30, 12, 5], 1);
	let samples = samples(&model, 2, 1);
	let circuit = whole(&laid_out(&model, 2, true));
	let statement = statement(&model, &samples, &output(&model, &samples));
	let scores = &circuit.targets().1.values[2];
	for (sample, place) in [(0, 0), (1, 4)] {
		let mut cheat = claim(circuit.targets(), &statement, &samples);
		cheat
			.witness
			.set_target(scores[sample][place], F::from_canonical_u64(3))
			.unwrap();
		assert!(!circuit.accepts(None, &cheat));
	}
}

#[test]
fn a_job_should_say_what_it_is() {
	let model = perceptron(&[30, 12, 5], 1);
	let circuit = Arc::new(laid_out(&model, 3, false));
	let samples = samples(&model, 3, 1);
	let job = InferJob::new(circuit, [4; 32], samples.clone());
	assert_eq!(job.program(), [4; 32]);
	assert_eq!(job.shape(), "3 of 30x1x1");
	assert_eq!(job.output_len(), 3 * 5 * 4);
	assert_eq!(job.commitment(), commitment(&samples));
	assert!(job.cost_estimate() > 0.5 && job.memory_estimate() > 1 << 30);
}

/// Rows of the networks that the project is measured by.
#[test]
fn circuits_should_take_as_many_rows_as_planned() {
	for (model, batch, most) in [
		(perceptron(&[64, 32, 10], 1), 1, 1 << 9),
		(perceptron(&[64, 32, 10], 1), 64, 1 << 12),
		(perceptron(&[784, 128, 10], 1), 1, 1 << 11),
		(perceptron(&[784, 128, 10], 1), 16, 1 << 12),
		(models::convolutional(), 1, 1 << 13),
	] {
		let circuit = InferCircuit::new(Arc::new(model), batch).unwrap();
		let (builder, _) = unbuilt(&circuit);
		let rows = builder.num_gates();
		println!(
			"{} x {batch}: {rows} rows, planned {} with {:?}, {} constants, combined {:?}",
			circuit.model.input(),
			circuit.plan.rows,
			circuit.plan.block,
			circuit.plan.constants(),
			circuit.plan.combined
		);
		assert!(rows <= most, "{rows} rows are more than {most}");
		assert!(rows.abs_diff(circuit.plan.rows) <= rows / 8 + 64);
	}
}

/// Shrinking would take longer than all else; a few rows more in the wrap bring it about.
#[test]
fn circuits_should_be_wrapped_without_shrinking() {
	for (model, batch) in [
		(perceptron(&[784, 128, 10], 1), 1),
		(perceptron(&[784, 128, 10], 1), 16),
		(models::convolutional(), 1),
	] {
		let circuit = InferCircuit::new(Arc::new(model), batch).unwrap();
		let built = Wrapped::build(&circuit);
		assert!(built.shrinking.is_empty(), "{} x {batch}", built.rows());
	}
}
