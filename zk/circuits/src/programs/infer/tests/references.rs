//! The reference against sums written out by hand, and against definitions that are not its own.

use super::*;

#[test]
fn requantise_should_floor_towards_minus_infinity_and_saturate() {
	let halves = Requantise::uniform(1, 1, -128);
	for (accumulator, rounded) in [
		(3, 1),
		(-3, -2),
		(-1, -1),
		(254, 127),
		(255, 127),
		(i32::MAX, 127),
	] {
		assert_eq!(halves.apply(0, accumulator), rounded);
	}
	assert_eq!(halves.apply(0, i32::MIN), -128);
	assert_eq!(Requantise::uniform(1, 1, 0).apply(0, -3), 0);
	assert_eq!(
		Requantise::uniform(65_535, 40, -128).apply(0, i32::MIN),
		-128
	);
	assert_eq!(Requantise::uniform(3, 4, -128).apply(0, 21), 3);
}

#[test]
fn dense_should_be_what_it_is_by_hand() {
	let linear = Linear {
		weights: vec![1, -2, 3, 4, 5, -6],
		bias: vec![10, -100],
		requantise: None,
	};
	let layers = vec![Layer {
		input: 0,
		op: Op::Dense(linear),
	}];
	let model = Model::new(Shape::vector(3), layers).unwrap();
	let scores: Vec<u8> = [10 + 7 - 16 - 27, -100 + 28 + 40 + 54]
		.iter()
		.flat_map(|score: &i32| score.to_le_bytes())
		.collect();
	assert_eq!(output(&model, &[7, 8, -9]), scores);
}

/// Where an input cannot be zero, the sum of some products can leave 32 bits although the whole sum never does.
#[test]
fn dense_should_be_exact_when_parts_of_a_sum_overflow() {
	let layer = |input, linear| Layer {
		input,
		op: Op::Dense(linear),
	};
	let between = Linear {
		weights: vec![1, 1],
		bias: vec![129, 129],
		requantise: Some(Requantise::uniform(1, 0, -128)),
	};
	let last = Linear {
		weights: vec![127, -127],
		bias: vec![i32::MAX - 16_002],
		requantise: None,
	};
	let model = Model::new(Shape::vector(1), vec![layer(0, between), layer(1, last)]).unwrap();
	for sample in [-128, -3, -2, 127] {
		assert_eq!(output(&model, &[sample]), (i32::MAX - 16_002).to_le_bytes());
	}
	let circuit = whole(&laid_out(&model, 1, false));
	let scores = output(&model, &[127]);
	assert!(accepts(&circuit, &model, &[127], &scores));
	assert!(!accepts(&circuit, &model, &[127], &0i32.to_le_bytes()));
}

/// A convolution by its definition, place by place, for strides, paddings and groups.
#[test]
fn conv_should_be_its_definition() {
	let shape = Shape::new(4, 5, 6);
	for (groups, stride, padding) in [
		(1, [1, 1], [0, 0, 0, 0]),
		(2, [2, 1], [1, 0, 2, 1]),
		(4, [1, 3], [2, 1, 0, 1]),
	] {
		let window = Window {
			kernel: [3, 2],
			stride,
			padding,
		};
		let (each, outputs) = (4 / groups, 8);
		let weights = linear(each * 6, outputs, None, 9);
		let layers = vec![Layer {
			input: 0,
			op: Op::Conv {
				linear: weights.clone(),
				window,
				groups,
			},
		}];
		let model = Model::new(shape, layers).unwrap();
		let sample = samples(&model, 1, 4);
		let at = |channel: usize, row: isize, column: isize| {
			let inside = (0..5).contains(&row) && (0..6).contains(&column);
			if inside {
				i32::from(sample[channel * 30 + row as usize * 6 + column as usize])
			} else {
				0
			}
		};
		let made = reference::values(&model, &sample).pop().unwrap();
		let out = model.output().shape;
		for channel in 0..outputs {
			let group = channel / (outputs / groups);
			for row in 0..out.height {
				for column in 0..out.width {
					let mut sum = weights.bias[channel];
					for c in 0..each {
						for i in 0..3 {
							for j in 0..2 {
								let weight =
									weights.weights[((channel * each + c) * 3 + i) * 2 + j];
								let row = (row * stride[0] + i) as isize - padding[0] as isize;
								let column =
									(column * stride[1] + j) as isize - padding[1] as isize;
								sum += i32::from(weight) * at(group * each + c, row, column);
							}
						}
					}
					assert_eq!(made[(channel * out.height + row) * out.width + column], sum);
				}
			}
		}
	}
}

#[test]
fn pools_should_be_what_they_are_by_hand() {
	let pool = |op: Op, sample: &[i8]| {
		let layers = vec![Layer { input: 0, op }];
		let model = Model::new(Shape::new(1, 2, 3), layers).unwrap();
		reference::values(&model, sample).pop().unwrap()
	};
	let window = Window {
		kernel: [2, 2],
		stride: [1, 2],
		padding: [0, 1, 1, 0],
	};
	let sample = [-1, -2, -3, -4, -5, -6];
	assert_eq!(pool(Op::MaxPool(window), &sample), [-1, -2, -4, -5]);
	let requantise = Requantise::uniform(1, 0, -128);
	let average = Op::AveragePool {
		window,
		requantise: requantise.clone(),
	};
	assert_eq!(pool(average, &sample), [-5, -16, -4, -11]);
	assert_eq!(pool(Op::GlobalAveragePool { requantise }, &sample), [-21]);
	assert_eq!(
		pool(Op::Relu, &[5, -5, 0, 127, -128, 1]),
		[5, 0, 0, 127, 0, 1]
	);
	assert_eq!(pool(Op::ArgMax, &[5, 9, 0, 9, -128, 9]), [1]);
}

#[test]
fn samples_of_a_batch_should_not_meet() {
	let model = everything();
	let batch = samples(&model, 4, 6);
	let each: Vec<u8> = batch
		.chunks(32)
		.flat_map(|sample| output(&model, sample))
		.collect();
	assert_eq!(output(&model, &batch), each);
}
