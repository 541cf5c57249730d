//! The ONNX project's own node tests of the supported operators: what the import makes of each node, evaluated in floating
//! point, must be what the test expects; where all numbers are integers, the reference must compute it exactly.
//!
//! `scripts/test-onnx` fetches them and runs this.

use std::{
	collections::{BTreeMap, BTreeSet},
	env, fs,
	path::Path,
};

use lemma_model::{
	graph::{model_shape, Graph, Op},
	onnx::Network,
	Error,
};
use lemma_zk_circuits::programs::infer::{
	model::{self, Layer, Linear, Requantise, Scale, Shape, Window},
	reference, Model,
};
use tract_onnx::{
	pb::{
		tensor_proto::DataType, tensor_shape_proto, type_proto, ModelProto, NodeProto, TensorProto,
		TensorShapeProto, TypeProto, ValueInfoProto,
	},
	prelude::{Framework, Tensor},
	tensor::{load_tensor, proto_from_reader},
};

/// Operators whose node tests are run. The integer ones are those of the same name with their zero points subtracted.
const OPERATORS: [(&str, &str); 14] = [
	("Add", "Add"),
	("ArgMax", "ArgMax"),
	("AveragePool", "AveragePool"),
	("BatchNormalization", "BatchNormalization"),
	("Conv", "Conv"),
	("ConvInteger", "Conv"),
	("Flatten", "Flatten"),
	("Gemm", "Gemm"),
	("GlobalAveragePool", "GlobalAveragePool"),
	("MatMul", "MatMul"),
	("MatMulInteger", "MatMul"),
	("MaxPool", "MaxPool"),
	("Relu", "Relu"),
	("Reshape", "Reshape"),
];

/// Tests whose numbers are all integers that fit: the reference must pass them exactly.
const EXACT: &[&str] = &[
	"test_add_int16",
	"test_add_int8",
	"test_add_uint16",
	"test_add_uint32",
	"test_add_uint64",
	"test_add_uint8",
	"test_argmax_keepdims_example",
	"test_argmax_negative_axis_keepdims_example",
	"test_argmax_no_keepdims_example",
	"test_averagepool_2d_precomputed_pads_count_include_pad",
	"test_averagepool_2d_precomputed_strides",
	"test_basic_conv_with_padding",
	"test_basic_conv_without_padding",
	"test_conv_with_autopad_same",
	"test_conv_with_strides_and_asymmetric_padding",
	"test_conv_with_strides_no_padding",
	"test_conv_with_strides_padding",
	"test_convinteger_with_padding",
	"test_convinteger_without_padding",
	"test_globalaveragepool_precomputed",
	"test_matmulinteger",
	"test_maxpool_2d_precomputed_pads",
	"test_maxpool_2d_precomputed_same_upper",
	"test_maxpool_2d_precomputed_strides",
	"test_maxpool_2d_uint8",
	"test_maxpool_with_argmax_2d_precomputed_pads",
	"test_maxpool_with_argmax_2d_precomputed_strides",
];

/// Tests that the import refuses, and the reason that it must give.
const REFUSED: &[(&str, &str)] = &[
	("test_add_bcast", "is not one value for each channel"),
	("test_argmax_default_axis_example", "goes over axis"),
	(
		"test_argmax_default_axis_example_select_last_index",
		"goes over axis",
	),
	("test_argmax_default_axis_random", "goes over axis"),
	(
		"test_argmax_default_axis_random_select_last_index",
		"goes over axis",
	),
	(
		"test_argmax_keepdims_example_select_last_index",
		"select_last_index",
	),
	("test_argmax_keepdims_random", "goes over axis"),
	(
		"test_argmax_keepdims_random_select_last_index",
		"goes over axis",
	),
	(
		"test_argmax_negative_axis_keepdims_example_select_last_index",
		"select_last_index",
	),
	(
		"test_argmax_negative_axis_keepdims_random",
		"goes over axis",
	),
	(
		"test_argmax_negative_axis_keepdims_random_select_last_index",
		"goes over axis",
	),
	(
		"test_argmax_no_keepdims_example_select_last_index",
		"select_last_index",
	),
	("test_argmax_no_keepdims_random", "goes over axis"),
	(
		"test_argmax_no_keepdims_random_select_last_index",
		"goes over axis",
	),
	(
		"test_averagepool_1d_default",
		"channels of rows of columns are supported",
	),
	("test_averagepool_2d_ceil", "ceil_mode"),
	(
		"test_averagepool_2d_ceil_last_window_starts_on_pad",
		"ceil_mode",
	),
	("test_averagepool_2d_dilations", "dilations"),
	("test_averagepool_2d_pads", "count_include_pad 0"),
	(
		"test_averagepool_2d_precomputed_pads",
		"count_include_pad 0",
	),
	(
		"test_averagepool_2d_precomputed_same_upper",
		"count_include_pad 0",
	),
	("test_averagepool_2d_same_lower", "count_include_pad 0"),
	("test_averagepool_2d_same_upper", "count_include_pad 0"),
	(
		"test_averagepool_3d_default",
		"channels of rows of columns are supported",
	),
	(
		"test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False",
		"channels of rows of columns are supported",
	),
	(
		"test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
		"channels of rows of columns are supported",
	),
	(
		"test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False",
		"channels of rows of columns are supported",
	),
	(
		"test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
		"channels of rows of columns are supported",
	),
	(
		"test_averagepool_3d_dilations_small",
		"channels of rows of columns are supported",
	),
	("test_batchnorm_epsilon_training_mode", "training_mode"),
	("test_batchnorm_example_training_mode", "training_mode"),
	(
		"test_flatten_axis0",
		"only everything after the samples' dimension",
	),
	(
		"test_flatten_axis2",
		"only everything after the samples' dimension",
	),
	(
		"test_flatten_axis3",
		"only everything after the samples' dimension",
	),
	(
		"test_flatten_negative_axis1",
		"only everything after the samples' dimension",
	),
	(
		"test_flatten_negative_axis2",
		"only everything after the samples' dimension",
	),
	(
		"test_flatten_negative_axis4",
		"only everything after the samples' dimension",
	),
	("test_gemm_all_attributes", "transA"),
	(
		"test_gemm_default_matrix_bias",
		"is not one value for each channel",
	),
	("test_gemm_transposeA", "transA"),
	("test_matmul_3d", "a matrix is supported"),
	("test_matmul_4d", "a matrix is supported"),
	(
		"test_maxpool_1d_default",
		"channels of rows of columns are supported",
	),
	("test_maxpool_2d_ceil", "ceil_mode"),
	(
		"test_maxpool_2d_ceil_output_size_reduce_by_one",
		"ceil_mode",
	),
	("test_maxpool_2d_dilations", "dilations"),
	(
		"test_maxpool_3d_default",
		"channels of rows of columns are supported",
	),
	(
		"test_maxpool_3d_dilations",
		"channels of rows of columns are supported",
	),
	(
		"test_maxpool_3d_dilations_use_ref_impl",
		"channels of rows of columns are supported",
	),
	(
		"test_maxpool_3d_dilations_use_ref_impl_large",
		"channels of rows of columns are supported",
	),
	("test_reshape_allowzero_reordered", "allowzero"),
	("test_reshape_negative_dim", "supported are vectors"),
	("test_reshape_negative_extended_dims", "mixes samples"),
	("test_reshape_one_dim", "mixes samples"),
	("test_reshape_reordered_all_dims", "mixes samples"),
	("test_reshape_reordered_last_dims", "supported are vectors"),
];

/// A test: its node, its inputs and what it expects.
struct Case {
	name: String,
	model: ModelProto,
	inputs: Vec<Numbers>,
	expected: Numbers,
}

#[derive(Clone)]
struct Numbers {
	shape: Vec<usize>,
	values: Vec<f64>,
}

impl Numbers {
	fn read(path: &Path) -> Self {
		let file = fs::File::open(path).expect("a tensor");
		let proto = proto_from_reader(file).expect("a tensor");
		let tensor = load_tensor(&*tract_onnx::onnx().provider, &proto, None).expect("a tensor");
		Self::of(&tensor)
	}

	fn of(tensor: &Tensor) -> Self {
		let values = tensor.cast_to::<f64>().expect("numbers");
		let values = values
			.try_as_plain_ram()
			.expect("plain")
			.as_slice::<f64>()
			.expect("numbers")
			.to_vec();
		Self {
			shape: tensor.shape().to_vec(),
			values,
		}
	}

	/// Less a zero point, the same for all.
	fn less(&self, zero: Option<&Self>) -> Self {
		let zero = zero.map_or(0.0, |zero| zero.values[0]);
		Self {
			shape: self.shape.clone(),
			values: self.values.iter().map(|value| value - zero).collect(),
		}
	}

	/// As one sample that is a vector.
	fn flat(&self) -> Self {
		Self {
			shape: vec![1, self.values.len()],
			values: self.values.clone(),
		}
	}

	fn bytes(&self) -> Vec<i8> {
		self.values.iter().map(|value| *value as i8).collect()
	}

	fn integers(&self, low: f64, high: f64) -> bool {
		self.values
			.iter()
			.all(|value| value.fract() == 0.0 && (low..=high).contains(value))
	}
}

impl Case {
	/// Reads a folder; `None` if its node is of another operator.
	fn read(folder: &Path) -> Option<Self> {
		let bytes = fs::read(folder.join("model.onnx")).ok()?;
		let mut model = tract_onnx::onnx()
			.proto_model_for_read(&mut bytes.as_slice())
			.ok()?;
		let graph = model.graph.as_mut()?;
		let [node] = graph.node.as_mut_slice() else {
			return None;
		};
		let (_, operator) = OPERATORS.iter().find(|(name, _)| *name == node.op_type)?;
		let data = folder.join("test_data_set_0");
		let mut inputs: Vec<_> = (0..)
			.map(|at| data.join(format!("input_{at}.pb")))
			.take_while(|path| path.exists())
			.map(|path| Numbers::read(&path))
			.collect();
		let mut expected = Numbers::read(&data.join("output_0.pb"));
		if node.op_type.ends_with("Integer") {
			inputs = vec![inputs[0].less(inputs.get(2)), inputs[1].less(inputs.get(3))];
			node.input.truncate(2);
		}
		// Element by element: the shape does not matter.
		let alike = inputs.iter().all(|input| input.shape == expected.shape);
		if matches!(*operator, "Add" | "Relu") && alike {
			inputs = inputs.iter().map(Numbers::flat).collect();
			expected = expected.flat();
		}
		node.op_type = (*operator).into();
		Some(Self {
			name: folder.file_name()?.to_str()?.into(),
			model,
			inputs,
			expected,
		})
	}

	/// The network of this node: the first input is its own, the others are constants.
	fn network(&self) -> Result<Network, Error> {
		let mut model = self.model.clone();
		let graph = model.graph.as_mut().expect("read");
		let node = &mut graph.node[0];
		graph.input = vec![declared(&node.input[0], &self.inputs[0].shape)];
		let names = node.input.iter().filter(|name| !name.is_empty());
		graph.initializer = names
			.zip(&self.inputs)
			.skip(1)
			.map(|(name, numbers)| constant(name, numbers))
			.collect();
		graph.output.truncate(1);
		// Nothing but a Reshape would be left out.
		if matches!(node.op_type.as_str(), "Flatten" | "Reshape") {
			let relu = NodeProto {
				op_type: "Relu".into(),
				input: vec![node.output[0].clone()],
				output: vec!["relu".into()],
				..NodeProto::default()
			};
			graph.output[0].name = "relu".into();
			graph.node.push(relu);
		}
		Network::new(model, self.name.clone(), None)
	}

	fn expected(&self) -> Vec<f64> {
		let relu = |value: &f64| match self.is("Flatten") || self.is("Reshape") {
			true => value.max(0.0),
			false => *value,
		};
		self.expected.values.iter().map(relu).collect()
	}

	fn is(&self, operator: &str) -> bool {
		self.model.graph.as_ref().expect("read").node[0].op_type == operator
	}

	/// The samples' values.
	fn samples(&self) -> impl Iterator<Item = &[f64]> {
		let input = &self.inputs[0];
		input
			.values
			.chunks_exact(input.values.len() / input.shape[0])
	}
}

fn declared(name: &str, shape: &[usize]) -> ValueInfoProto {
	let side = |side: &usize| tensor_shape_proto::Dimension {
		value: Some(tensor_shape_proto::dimension::Value::DimValue(*side as i64)),
		..Default::default()
	};
	let shape = TensorShapeProto {
		dim: shape.iter().map(side).collect(),
	};
	ValueInfoProto {
		name: name.into(),
		r#type: Some(TypeProto {
			value: Some(type_proto::Value::TensorType(type_proto::Tensor {
				elem_type: DataType::Float as i32,
				shape: Some(shape),
			})),
			..TypeProto::default()
		}),
		..ValueInfoProto::default()
	}
}

fn constant(name: &str, numbers: &Numbers) -> TensorProto {
	TensorProto {
		name: name.into(),
		dims: numbers.shape.iter().map(|side| *side as i64).collect(),
		data_type: DataType::Double as i32,
		double_data: numbers.values.clone(),
		..TensorProto::default()
	}
}

/// What the imported layers make of a sample, in floating point.
fn evaluate(graph: &Graph, sample: &[f64]) -> Vec<f64> {
	let mut values = vec![sample.to_vec()];
	for node in &graph.nodes {
		let input = &values[node.inputs[0]];
		let shape =
			model_shape(graph.dimensions(node.inputs[0])).unwrap_or(Shape::vector(input.len()));
		let value = match &node.op {
			Op::Linear {
				weights,
				bias,
				conv,
			} => {
				let row = weights.len() / bias.len();
				let (window, groups) =
					conv.unwrap_or((Window::tiles(shape.height, shape.width), 1));
				let channels = shape.channels / groups;
				let outputs = weights.chunks_exact(row).zip(bias).enumerate();
				outputs
					.flat_map(|(output, (weights, bias))| {
						let first = output / (bias_count(&node.op) / groups) * channels;
						windows(&window, shape, first..first + channels, input)
							.into_iter()
							.map(move |window| {
								let terms = window.iter().zip(weights);
								bias + terms.map(|(x, w)| x.unwrap_or(0.0) * w).sum::<f64>()
							})
					})
					.collect()
			}
			Op::Add => input
				.iter()
				.zip(&values[node.inputs[1]])
				.map(|(a, b)| a + b)
				.collect(),
			Op::Relu => input.iter().map(|value| value.max(0.0)).collect(),
			Op::MaxPool(window) => pooled(window, shape, input, |window| {
				window
					.iter()
					.flatten()
					.fold(f64::NEG_INFINITY, |most, value| most.max(*value))
			}),
			Op::AveragePool(window) => pooled(window, shape, input, average),
			Op::GlobalAveragePool => pooled(
				&Window::tiles(shape.height, shape.width),
				shape,
				input,
				average,
			),
			Op::Reshape => input.clone(),
			Op::ArgMax => {
				let most = input
					.iter()
					.fold(f64::NEG_INFINITY, |most, value| most.max(*value));
				let place = input.iter().position(|value| *value == most);
				vec![place.expect("one of them") as f64]
			}
		};
		values.push(value);
	}
	values.pop().expect("the sample is one")
}

fn bias_count(op: &Op) -> usize {
	match op {
		Op::Linear { bias, .. } => bias.len(),
		_ => 0,
	}
}

/// The values under a window at each of its places, channel by channel.
fn windows(
	window: &Window,
	shape: Shape,
	channels: std::ops::Range<usize>,
	input: &[f64],
) -> Vec<Vec<Option<f64>>> {
	let [rows, columns] = window.output(shape).expect("it fits");
	let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
	places
		.map(|(row, column)| {
			let of = |channel: usize| {
				let at =
					move |[i, j]: [usize; 2]| input[(channel * shape.height + i) * shape.width + j];
				window
					.places(shape, row, column)
					.map(move |place| place.map(at))
			};
			channels.clone().flat_map(of).collect()
		})
		.collect()
}

fn pooled(
	window: &Window,
	shape: Shape,
	input: &[f64],
	pool: impl Fn(&[Option<f64>]) -> f64,
) -> Vec<f64> {
	(0..shape.channels)
		.flat_map(|channel| windows(window, shape, channel..channel + 1, input))
		.map(|window| pool(&window))
		.collect()
}

fn average(window: &[Option<f64>]) -> f64 {
	window.iter().flatten().sum::<f64>() / window.len() as f64
}

/// The layer with its numbers as they are; `None` if they are not integers that fit.
fn exact(graph: &Graph) -> Option<Model> {
	let [node] = graph.nodes.as_slice() else {
		return None;
	};
	let input = model_shape(&graph.shape).ok()?;
	let op = match &node.op {
		Op::Linear {
			weights,
			bias,
			conv,
		} => {
			let integer = |value: &f64| value.fract() == 0.0 && (-128.0..=127.0).contains(value);
			if !weights.iter().chain(bias).all(integer) {
				return None;
			}
			let linear = Linear {
				weights: weights.iter().map(|weight| *weight as i8).collect(),
				bias: bias.iter().map(|bias| *bias as i32).collect(),
				requantise: None,
			};
			match *conv {
				None => model::Op::Dense(linear),
				Some((window, groups)) => model::Op::Conv {
					linear,
					window,
					groups,
				},
			}
		}
		Op::Relu => model::Op::Relu,
		Op::MaxPool(window) => model::Op::MaxPool(*window),
		Op::AveragePool(window) => model::Op::AveragePool {
			window: *window,
			requantise: floor_of(window.kernel[0] * window.kernel[1]),
		},
		Op::GlobalAveragePool => model::Op::GlobalAveragePool {
			requantise: floor_of(input.height * input.width),
		},
		Op::ArgMax => model::Op::ArgMax,
		Op::Add | Op::Reshape => return None,
	};
	Some(Model::new(input, vec![Layer { input: 0, op }]).expect("a model"))
}

/// The scale whose floor is that of the division by `count`, for sums up to 2^15.
fn floor_of(count: usize) -> Requantise {
	let shift = match count.is_power_of_two() {
		true => count.ilog2(),
		false => 15 + count.ilog2(),
	};
	let multiplier = (1usize << shift).div_ceil(count);
	Requantise {
		scales: vec![Scale {
			multiplier: u16::try_from(multiplier).expect("at most 2^16 / 2 + 1"),
			shift: shift as u8,
		}],
		low: -128,
	}
}

/// Adds the second half of a sample to the first.
fn sum_of_halves(length: usize) -> Model {
	let half = |weights: [i8; 2]| Layer {
		input: 0,
		op: model::Op::Conv {
			linear: Linear {
				weights: weights.to_vec(),
				bias: vec![0],
				requantise: Some(Requantise::uniform(1, 0, -128)),
			},
			window: Window::tiles(1, 1),
			groups: 1,
		},
	};
	let sum = Layer {
		input: 1,
		op: model::Op::Add {
			other: 2,
			factors: [1, 1],
			requantise: Requantise::uniform(1, 0, -128),
		},
	};
	Model::new(
		Shape::new(2, 1, length),
		vec![half([1, 0]), half([0, 1]), sum],
	)
	.expect("a model")
}

#[test]
#[ignore = "needs the ONNX project's node tests: scripts/test-onnx fetches them and runs this"]
fn every_node_test_should_pass_or_be_refused_for_a_known_reason() {
	let folder = env::var("LEMMA_ONNX_NODE_TESTS").expect("the folder of the node tests");
	let mut folders: Vec<_> = fs::read_dir(&folder)
		.expect("the folder of the node tests")
		.map(|entry| entry.expect("a folder").path())
		.collect();
	folders.sort();
	let (mut passed, mut exactly, mut refused) = (0, BTreeSet::new(), BTreeMap::new());
	for case in folders.iter().filter_map(|folder| Case::read(folder)) {
		let name = case.name.as_str();
		let graph = match case.network().and_then(|network| Graph::import(&network)) {
			Ok(graph) => graph,
			Err(e) => {
				let reason = e.to_string().replace('\n', "");
				println!("{name} is refused: {reason}");
				refused.insert(case.name.clone(), reason);
				continue;
			}
		};
		let found: Vec<_> = case
			.samples()
			.flat_map(|sample| evaluate(&graph, sample))
			.collect();
		let expected = case.expected();
		assert_eq!(found.len(), expected.len(), "{name}");
		for (found, expected) in found.iter().zip(&expected) {
			let far = (found - expected).abs();
			assert!(
				far <= 1e-4 * expected.abs().max(1.0),
				"{name}: {found} is not {expected}"
			);
		}
		passed += 1;
		let model = exact(&graph).filter(|_| case.inputs[0].integers(-128.0, 127.0));
		if let Some(model) = model {
			let found = case.samples().flat_map(|sample| {
				let sample: Vec<_> = sample.iter().map(|value| *value as i8).collect();
				reference::values(&model, &sample)
					.pop()
					.expect("the sample is one")
			});
			let expected: Vec<_> = expected.iter().map(|value| value.floor() as i32).collect();
			assert_eq!(found.collect::<Vec<_>>(), expected, "{name}");
			if matches!(case.inputs.as_slice(), [a, b] if case.is("Add") && a.shape == b.shape) {
				let sample: Vec<_> = case.inputs.iter().flat_map(Numbers::bytes).collect();
				let found = reference::values(&sum_of_halves(sample.len() / 2), &sample).pop();
				assert_eq!(found, Some(expected), "{name}, of two values");
			}
			exactly.insert(case.name.clone());
		}
	}
	println!(
		"{passed} pass, {} of them exactly; {} are refused",
		exactly.len(),
		refused.len()
	);
	assert_eq!(
		exactly,
		EXACT.iter().map(|name| (*name).to_owned()).collect()
	);
	let known: BTreeMap<_, _> = REFUSED.iter().copied().collect();
	for (name, reason) in &refused {
		let expected = known.get(name.as_str());
		assert!(
			expected.is_some_and(|expected| reason.contains(expected)),
			"{name}: {reason}"
		);
	}
	assert_eq!(refused.len(), known.len(), "some that were refused pass");
}
