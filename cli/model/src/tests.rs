//! Networks that are built here, and the digits'; `refusals`: what is refused.

mod refusals;

use std::path::{Path, PathBuf};

use lemma_zk_circuits::programs::infer::model;
use tract_onnx::pb::{
	attribute_proto::AttributeType, tensor_proto::DataType, tensor_shape_proto::dimension,
	type_proto, AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
	TensorShapeProto, TypeProto, ValueInfoProto,
};

use crate::{
	graph::{Graph, Op},
	onnx::Network,
	quantise::quantise,
	samples::{integer, mismatch, read_indices},
	Accuracy, Error, Imported, Integers, Options, Quantised, Samples, Unsupported,
};

/// A network in the making.
struct Builder {
	graph: GraphProto,
	random: u64,
}

impl Builder {
	/// With an input of samples of these dimensions.
	fn new(sample: &[i64]) -> Self {
		let mut dim = vec![side(dimension::Value::DimParam("n".into()))];
		dim.extend(
			sample
				.iter()
				.map(|length| side(dimension::Value::DimValue(*length))),
		);
		let input = ValueInfoProto {
			name: "x".into(),
			r#type: Some(TypeProto {
				value: Some(type_proto::Value::TensorType(type_proto::Tensor {
					elem_type: DataType::Float as i32,
					shape: Some(TensorShapeProto { dim }),
				})),
				..TypeProto::default()
			}),
			..ValueInfoProto::default()
		};
		Self {
			graph: GraphProto {
				input: vec![input],
				..GraphProto::default()
			},
			random: 1,
		}
	}

	/// Numbers from -1 to 1, always the same.
	fn random(&mut self) -> f32 {
		self.random = self
			.random
			.wrapping_mul(6364136223846793005)
			.wrapping_add(1442695040888963407);
		(self.random >> 40) as f32 / (1u32 << 23) as f32 - 1.0
	}

	fn constant(&mut self, name: &str, dims: &[i64], values: Vec<f32>) {
		self.graph.initializer.push(TensorProto {
			name: name.into(),
			dims: dims.to_vec(),
			data_type: DataType::Float as i32,
			float_data: values,
			..TensorProto::default()
		});
	}

	fn random_constant(&mut self, name: &str, dims: &[i64], middle: f32, spread: f32) {
		let count = dims.iter().product::<i64>();
		let values = (0..count)
			.map(|_| middle + spread * self.random())
			.collect();
		self.constant(name, dims, values);
	}

	/// A node whose output has its name.
	fn node(&mut self, operator: &str, name: &str, inputs: &[&str], attributes: &[(&str, &[i64])]) {
		let attribute = |(name, values): &(&str, &[i64])| AttributeProto {
			name: (*name).into(),
			r#type: match *name {
				"group" | "transB" => AttributeType::Int,
				_ => AttributeType::Ints,
			} as i32,
			i: values[0],
			ints: values.to_vec(),
			..AttributeProto::default()
		};
		self.graph.node.push(NodeProto {
			name: name.into(),
			op_type: operator.into(),
			input: inputs.iter().map(|input| (*input).into()).collect(),
			output: vec![name.into()],
			attribute: attributes.iter().map(attribute).collect(),
			..NodeProto::default()
		});
	}

	/// A constant of another type than float32.
	fn typed(&mut self, name: &str, dims: &[i64], data_type: DataType, raw_data: Vec<u8>) {
		self.graph.initializer.push(TensorProto {
			name: name.into(),
			dims: dims.to_vec(),
			data_type: data_type as i32,
			raw_data,
			..TensorProto::default()
		});
	}

	/// The last node's output is the network's.
	fn finish(self) -> Network {
		self.try_finish().expect("a network")
	}

	fn try_finish(mut self) -> Result<Network, Error> {
		let output = self.graph.node.last().expect("a node").name.clone();
		self.graph.output = vec![ValueInfoProto {
			name: output,
			..ValueInfoProto::default()
		}];
		let proto = ModelProto {
			ir_version: 8,
			opset_import: vec![OperatorSetIdProto {
				domain: String::new(),
				version: 13,
			}],
			graph: Some(self.graph),
			..ModelProto::default()
		};
		Network::new(proto, "built".into(), None)
	}

	/// What is not supported.
	fn refused(self) -> Vec<Unsupported> {
		match Graph::import(&self.finish()) {
			Err(Error::Unsupported(nodes)) => nodes,
			Err(other) => panic!("{other}"),
			Ok(_) => panic!("all is supported"),
		}
	}

	/// The first reason of what is not supported, and its node.
	fn refusal(self) -> String {
		self.refused()[0].to_string()
	}

	/// Why it is no network that can be imported.
	fn failure(self) -> String {
		let imported = self
			.try_finish()
			.and_then(|network| Graph::import(&network));
		imported.err().expect("refused").to_string()
	}

	fn samples(&mut self, rows: usize, columns: usize) -> Samples {
		Samples {
			rows,
			columns,
			shape: vec![columns],
			values: (0..rows * columns).map(|_| self.random()).collect(),
			is_int8: false,
			is_float: true,
		}
	}
}

fn side(value: dimension::Value) -> tract_onnx::pb::tensor_shape_proto::Dimension {
	tract_onnx::pb::tensor_shape_proto::Dimension {
		value: Some(value),
		..Default::default()
	}
}

fn quantised(network: &Network, samples: &Samples, options: &Options) -> (Graph, Quantised) {
	let graph = Graph::import(network).expect("supported");
	let ranges = graph.ranges(network, samples).expect("evaluated");
	let quantised = quantise(&graph, &ranges, samples, options).expect("quantised");
	(graph, quantised)
}

/// The greatest distance between float scores and what the integers stand for, as a share of the greatest score.
fn distance(network: &Network, graph: &Graph, quantised: &Quantised, samples: &Samples) -> f64 {
	let float = graph.scores(network, samples).expect("evaluated");
	let scale = quantised.output_scale.expect("scores");
	let (mut most, mut far) = (0f64, 0f64);
	for (row, float) in float.iter().enumerate() {
		let integers = quantised.scores(samples.row(row));
		assert_eq!(integers.len(), float.len());
		for (integer, float) in integers.iter().zip(float) {
			most = most.max(f64::from(float.abs()));
			far = far.max((f64::from(*integer) * scale - f64::from(*float)).abs());
		}
	}
	far / most
}

/// A residual network with everything that is supported in it.
fn residual(builder: &mut Builder) {
	builder.random_constant("w1", &[4, 2, 3, 3], 0.0, 0.5);
	builder.random_constant("b1", &[4], 0.0, 0.2);
	builder.node(
		"Conv",
		"conv1",
		&["x", "w1", "b1"],
		&[("pads", &[1, 1, 1, 1]), ("strides", &[2, 1])],
	);
	for (name, middle, spread) in [
		("s", 1.0, 0.5),
		("t", 0.0, 0.3),
		("m", 0.0, 0.3),
		("v", 1.0, 0.5),
	] {
		builder.random_constant(name, &[4], middle, spread);
	}
	builder.node(
		"BatchNormalization",
		"norm1",
		&["conv1", "s", "t", "m", "v"],
		&[],
	);
	builder.node("Relu", "relu1", &["norm1"], &[]);
	builder.random_constant("w2", &[4, 2, 3, 3], 0.0, 0.4);
	builder.node(
		"Conv",
		"conv2",
		&["relu1", "w2"],
		&[("pads", &[1, 1, 1, 1]), ("group", &[2])],
	);
	builder.random_constant("c", &[4, 1, 1], 0.0, 0.5);
	builder.node("Add", "shifted", &["c", "conv2"], &[]);
	builder.node("Add", "sum", &["shifted", "relu1"], &[]);
	// Nothing linear before it: it becomes a layer of its own.
	builder.node(
		"BatchNormalization",
		"norm2",
		&["sum", "s", "t", "m", "v"],
		&[],
	);
	builder.node(
		"MaxPool",
		"pool1",
		&["norm2"],
		&[("kernel_shape", &[2, 2]), ("strides", &[1, 2])],
	);
	builder.node("Relu", "relu2", &["pool1"], &[]);
	builder.node(
		"AveragePool",
		"pool2",
		&["relu2"],
		&[("kernel_shape", &[1, 3]), ("strides", &[1, 1])],
	);
	builder.node("GlobalAveragePool", "pool3", &["pool2"], &[]);
	builder.node("Flatten", "flat", &["pool3"], &[]);
	builder.random_constant("w3", &[5, 4], 0.0, 1.0);
	builder.random_constant("b3", &[5], 0.0, 0.1);
	builder.node("Gemm", "scores", &["flat", "w3", "b3"], &[("transB", &[1])]);
}

#[test]
fn a_residual_network_should_keep_its_scores() {
	let mut builder = Builder::new(&[2, 8, 8]);
	residual(&mut builder);
	builder.node("Softmax", "shares", &["scores"], &[]);
	let samples = builder.samples(200, 128);
	let network = builder.finish();
	for per_layer in [false, true] {
		let options = Options {
			per_layer,
			..Options::default()
		};
		let (graph, quantised) = quantised(&network, &samples, &options);
		let names: Vec<_> = quantised.names.iter().map(String::as_str).collect();
		let layers = [
			"conv1", "conv2", "sum", "norm2", "pool1", "pool2", "pool3", "flat", "scores",
		];
		assert_eq!(names, layers, "folded, and Relus taken over");
		assert!(
			quantised.notes[0].contains("shares"),
			"{:?}",
			quantised.notes
		);
		let distance = distance(&network, &graph, &quantised, &samples);
		assert!(distance < 0.05, "{distance}");
	}
}

#[test]
fn classes_should_be_the_same_when_the_model_ends_in_argmax() {
	let mut builder = Builder::new(&[2, 8, 8]);
	residual(&mut builder);
	let samples = builder.samples(50, 128);
	let network = builder.finish();
	let scores = quantised(&network, &samples, &Options::default()).1;
	let options = Options {
		argmax: true,
		..Options::default()
	};
	let places = quantised(&network, &samples, &options).1;
	assert_eq!(places.output_scale, None);
	assert_eq!(places.model.output().shape.elements(), 1);
	let classes = scores.classes(&samples).expect("classes");
	assert_eq!(classes, places.classes(&samples).expect("classes"));
	assert!(
		classes.iter().any(|class| *class != classes[0]),
		"{classes:?}"
	);
}

#[test]
fn a_relu_should_stay_when_what_is_before_it_is_read_elsewhere() {
	let mut builder = Builder::new(&[6]);
	builder.random_constant("w", &[6, 6], 0.0, 1.0);
	builder.node("MatMul", "product", &["x", "w"], &[]);
	builder.node("Relu", "relu", &["product"], &[]);
	builder.node("Add", "sum", &["relu", "product"], &[]);
	let samples = builder.samples(100, 6);
	let network = builder.finish();
	let (graph, quantised) = quantised(&network, &samples, &Options::default());
	assert_eq!(quantised.names, ["product", "relu", "sum"]);
	assert!(distance(&network, &graph, &quantised, &samples) < 0.03);
}

#[test]
fn a_bias_should_be_a_layer_of_its_own_when_it_is_added_to_what_others_read() {
	let mut builder = Builder::new(&[4]);
	builder.random_constant("w", &[4, 4], 0.0, 1.0);
	builder.random_constant("b", &[4], 0.0, 1.0);
	builder.node("MatMul", "product", &["x", "w"], &[]);
	builder.node("Add", "shifted", &["product", "b"], &[]);
	builder.node("Add", "sum", &["product", "shifted"], &[]);
	let samples = builder.samples(100, 4);
	let network = builder.finish();
	let (graph, quantised) = quantised(&network, &samples, &Options::default());
	assert_eq!(quantised.names, ["product", "shifted", "sum"]);
	assert!(distance(&network, &graph, &quantised, &samples) < 0.03);
}

#[test]
fn weights_should_use_int8_and_round_to_the_nearest() {
	let mut builder = Builder::new(&[2]);
	builder.constant("w", &[2, 2], vec![0.5, 0.01, -0.25, 0.003]);
	builder.constant("b", &[2], vec![0.125, 0.0]);
	builder.node("Gemm", "first", &["x", "w", "b"], &[]);
	builder.constant("u", &[2, 1], vec![1.0, 1.0]);
	builder.node("MatMul", "second", &["first", "u"], &[]);
	let samples = Samples {
		rows: 2,
		columns: 2,
		shape: vec![2],
		values: vec![127.0, 0.0, 0.0, -127.0],
		is_int8: false,
		is_float: true,
	};
	let network = builder.finish();
	let (_, quantised) = quantised(&network, &samples, &Options::default());
	assert_eq!(quantised.input_scale, 1.0, "integers stay");
	let model::Op::Dense(linear) = &quantised.model.layers()[0].op else {
		panic!("a dense layer");
	};
	let requantise = linear.requantise.as_ref().expect("not the last");
	// The greatest output is 63.625, and stands at 127: a factor of 1.9961. Row by row of the outputs:
	// 0.5 and -0.25 become 127.75 and -63.9 at 2^7, one too many; at 2^6 they fit. 0.01 and 0.003 fit at 2^12.
	assert_eq!(linear.weights, [64, -32, 82, 25]);
	let shifts: Vec<_> = requantise.scales.iter().map(|scale| scale.shift).collect();
	assert_eq!(shifts, [6, 12]);
	assert_eq!(linear.bias, [16 + 32, 2048], "and half of 2^shift");
	for (sum, integer) in [(31, 0), (32, 1), (-32, 0), (-33, -1), (9000, 127)] {
		assert_eq!(requantise.apply(0, sum + 32), integer, "{sum}");
	}
}

#[test]
fn every_node_that_is_not_supported_should_be_named() {
	let mut builder = Builder::new(&[1, 6, 6]);
	builder.random_constant("w", &[2, 1, 3, 3], 0.0, 1.0);
	builder.node("Conv", "wide", &["x", "w"], &[("dilations", &[2, 2])]);
	builder.node("Relu", "behind", &["wide"], &[]);
	builder.node("Sigmoid", "squashed", &["x"], &[]);
	builder.node("Tanh", "unread", &["x"], &[]);
	builder.node("Concat", "both", &["behind", "squashed"], &[]);
	let nodes = builder.refused();
	let names: Vec<_> = nodes
		.iter()
		.map(|node| (node.node.as_str(), node.operator.as_str()))
		.collect();
	assert_eq!(names, [("wide", "Conv"), ("squashed", "Sigmoid")]);
	let text = Error::Unsupported(nodes).to_string();
	assert!(text.contains("`wide` (Conv): dilations [2, 2]"), "{text}");
}

#[test]
fn a_reshape_should_be_refused_when_it_mixes_samples() {
	let reshaped = |target: &[i64]| {
		let mut builder = Builder::new(&[12]);
		builder.graph.initializer.push(TensorProto {
			name: "shape".into(),
			dims: vec![target.len() as i64],
			data_type: DataType::Int64 as i32,
			int64_data: target.to_vec(),
			..TensorProto::default()
		});
		builder.node("Reshape", "image", &["x", "shape"], &[]);
		builder.node("Relu", "relu", &["image"], &[]);
		Graph::import(&builder.finish()).map(|graph| graph.nodes[0].shape.clone())
	};
	for target in [[-1, 3, 2, 2], [0, 3, -1, 2], [0, 3, 2, 2]] {
		assert_eq!(
			reshaped(&target).expect("supported"),
			[3, 2, 2],
			"{target:?}"
		);
	}
	for target in [[-1, 2, 2, 2], [-1, 3, 2, -1], [1, 3, 2, 2], [0, 5, -1, 1]] {
		assert!(
			matches!(reshaped(&target), Err(Error::Unsupported(_))),
			"{target:?}"
		);
	}
}

#[test]
fn nodes_that_make_nothing_of_a_sample_should_be_named() {
	let refused = |builder: Builder, name: &str| {
		let nodes = builder.refused();
		let names: Vec<_> = nodes.iter().map(|node| node.node.as_str()).collect();
		assert_eq!(names, [name]);
		assert!(
			nodes[0].reason.contains("dimensions"),
			"{}",
			nodes[0].reason
		);
	};
	// A matrix without columns, whose outputs a BatchNormalization would scale.
	let mut builder = Builder::new(&[4]);
	builder.constant("w", &[4, 0], Vec::new());
	builder.node("MatMul", "none", &["x", "w"], &[]);
	builder.random_constant("b", &[1], 0.0, 1.0);
	builder.node("Add", "shifted", &["none", "b"], &[]);
	refused(builder, "none");
	// One value, of which nothing but the samples' dimension is left: an Add would look for its channels.
	let mut builder = Builder::new(&[1]);
	builder.graph.initializer.push(TensorProto {
		name: "shape".into(),
		dims: vec![1],
		data_type: DataType::Int64 as i32,
		int64_data: vec![-1],
		..TensorProto::default()
	});
	builder.node("Reshape", "flat", &["x", "shape"], &[]);
	builder.random_constant("b", &[2], 0.0, 1.0);
	builder.node("Add", "shifted", &["flat", "b"], &[]);
	refused(builder, "flat");
}

#[test]
fn samples_of_another_size_should_be_refused() {
	let mut builder = Builder::new(&[4]);
	builder.node("Relu", "relu", &["x"], &[]);
	let samples = builder.samples(3, 5);
	let network = builder.finish();
	let graph = Graph::import(&network).expect("supported");
	let text = graph
		.ranges(&network, &samples)
		.expect_err("too long")
		.to_string();
	assert!(
		text.contains("5 values") && text.contains("takes 4"),
		"{text}"
	);
}

#[test]
fn samples_of_other_dimensions_should_be_refused_with_how_to_transpose_them() {
	let mut builder = Builder::new(&[2, 3, 4]);
	builder.node("Relu", "relu", &["x"], &[]);
	let samples = builder.samples(3, 24);
	let network = builder.finish();
	let graph = Graph::import(&network).expect("supported");
	let evaluated = |shape: &[usize]| {
		let shape = shape.to_vec();
		let samples = Samples {
			shape,
			..samples.clone()
		};
		graph.ranges(&network, &samples)
	};
	for shape in [&[24][..], &[2, 3, 4], &[1, 2, 3, 1, 4], &[24, 1, 1]] {
		assert!(evaluated(shape).is_ok(), "{shape:?}");
	}
	for shape in [&[3, 4, 2][..], &[2, 12], &[2, 4, 3]] {
		let text = evaluated(shape).expect_err("other dimensions").to_string();
		assert!(text.contains("[2, 3, 4]"), "{text}");
		assert!(
			text.contains(&format!("{shape:?}")) && text.contains("moveaxis"),
			"{text}"
		);
	}
	assert_eq!(mismatch(&[1, 8, 8], &[64, 1, 1]), None, "a vector");
}

/// A file of the digits.
fn digits(file: &str) -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR"))
		.join("../../examples/digits")
		.join(file)
}

/// Quantises by the rows that are not held out; the accuracy on those that are.
fn digits_accuracy(file: &str, options: &Options) -> (Quantised, Accuracy) {
	let images = Samples::read(&digits("digits_images_i8.npy")).expect("images");
	let labels = read_indices(&digits("digits_labels_u8.npy")).expect("labels");
	let held_out = read_indices(&digits("digits_test_index.npy")).expect("rows");
	let learnt: Vec<_> = (0..images.rows)
		.filter(|row| !held_out.contains(row))
		.collect();
	assert_eq!((learnt.len(), held_out.len()), (1297, 500));
	let calibration = images.select(&learnt).expect("rows");
	let imported = Imported::read(&digits(file)).expect("supported");
	let quantised = imported.quantise(&calibration, options).expect("quantised");
	let held_out_labels: Vec<_> = held_out.iter().map(|row| labels[*row]).collect();
	let samples = images.select(&held_out).expect("rows");
	let accuracy = imported.accuracy(&quantised, &samples, &held_out_labels);
	let accuracy = accuracy.expect("evaluated");
	println!("{file} {options:?}: {accuracy:?}");
	(quantised, accuracy)
}

#[test]
fn the_digits_mlp_should_be_as_accurate_within_a_point() {
	for per_layer in [false, true] {
		let options = Options {
			per_layer,
			..Options::default()
		};
		let (quantised, accuracy) = digits_accuracy("digits_mlp_float.onnx", &options);
		assert_eq!(accuracy.float, 484, "96.8% of 500");
		assert!(
			accuracy.quantised.abs_diff(accuracy.float) <= 5,
			"{accuracy:?}"
		);
		assert_eq!(quantised.names, ["a0", "y0"]);
	}
}

#[test]
fn the_digits_cnn_should_be_as_accurate_within_a_point() {
	for per_layer in [false, true] {
		let options = Options {
			per_layer,
			..Options::default()
		};
		let (quantised, accuracy) = digits_accuracy("digits_cnn_float.onnx", &options);
		assert_eq!(accuracy.float, 496, "99.2% of 500");
		assert!(
			accuracy.quantised.abs_diff(accuracy.float) <= 5,
			"{accuracy:?}"
		);
		let names = [
			"image", "conv1", "pool1", "conv2", "pool2", "flat", "scores",
		];
		assert_eq!(quantised.names, names);
	}
}

#[test]
fn folding_should_leave_no_batch_normalization() {
	let network = Network::read(&digits("digits_cnn_float.onnx")).expect("read");
	let graph = Graph::import(&network).expect("supported");
	let linear = graph
		.nodes
		.iter()
		.filter(|node| matches!(node.op, Op::Linear { .. }))
		.count();
	assert_eq!(linear, 3);
	assert_eq!(graph.nodes.len(), 9);
	let conv = graph
		.nodes
		.iter()
		.find(|node| node.name == "conv1")
		.expect("a layer");
	assert_eq!(
		conv.tensor, "norm1",
		"what the layer makes is what the normalisation made"
	);
}

#[test]
fn integers_should_be_the_nearest_and_clipped_to_int8() {
	for (value, scale, expected) in [
		(2.5, 1.0, (3, true)),
		(-2.5, 1.0, (-3, true)),
		(127.4, 1.0, (127, true)),
		(127.5, 1.0, (127, false)),
		(-128.6, 1.0, (-128, false)),
		(0.5, 0.25, (2, true)),
		(1.0, 1.0 / 127.0, (127, true)),
	] {
		assert_eq!(integer(value, scale), expected, "{value} / {scale}");
	}
}

#[test]
fn int8_should_be_taken_as_it_is_whatever_the_scale() {
	let images = Integers::read(&digits("digits_images_i8.npy"), Some(0.5)).expect("read");
	let samples = Samples::read(&digits("digits_images_i8.npy")).expect("read");
	assert_eq!(
		(images.rows, images.columns),
		(samples.rows, samples.columns)
	);
	let mut same = images.values.iter().zip(&samples.values);
	assert!(same.all(|(integer, value)| f32::from(*integer) == *value));
	assert_eq!(images.clipped, 0);
	assert_eq!(images.rows(1..3), &images.values[64..192]);

	let labels = digits("digits_linear_i8.npy");
	assert!(Integers::read(&labels, None).is_ok(), "int8 needs no scale");
}

#[test]
fn int8_should_be_the_same_integers_to_whoever_evaluates_or_orders() {
	let images = Samples::read(&digits("digits_images_i8.npy")).expect("images");
	let labels = read_indices(&digits("digits_labels_u8.npy")).expect("labels");
	// Calibrated by the same images as shares of 16: a unit of the network's integers stands for 1/127.
	let shares = Samples {
		values: images.values.iter().map(|value| value / 16.0).collect(),
		is_int8: false,
		..images.clone()
	};
	let imported = Imported::read(&digits("digits_mlp_float.onnx")).expect("supported");
	let quantised = imported.quantise(&shares, &Options::default());
	let quantised = quantised.expect("quantised");
	assert_eq!(quantised.input_scale, 1.0 / 127.0);
	let own = Integers::of(&shares, quantised.input_scale);
	let as_int8 = Samples {
		values: own.values.iter().map(|value| f32::from(*value)).collect(),
		is_int8: true,
		..images
	};
	let again = Integers::of(&as_int8, quantised.input_scale);
	assert_eq!(again.values, own.values);
	let real = as_int8.real(quantised.input_scale);
	assert!(!real.is_int8);
	let right = |samples: &Samples| {
		let accuracy = imported.accuracy(&quantised, samples, &labels);
		accuracy.expect("evaluated")
	};
	assert_eq!(right(&as_int8), right(&real), "in floating point too");
	assert_eq!(right(&as_int8).quantised, right(&shares).quantised);
}
