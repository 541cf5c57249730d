//! What is refused, before much is computed, and what it is told.

use lemma_zk_circuits::programs::infer::model::{MAX_ELEMENTS, MAX_LAYERS, MAX_PARAMETERS};

use super::*;
use crate::graph::{Node, Range};

/// A square matrix of zeros.
fn zeros(builder: &mut Builder, name: &str, side: usize) {
	let dims = [side as i64, side as i64];
	builder.constant(name, &dims, vec![0.0; side * side]);
}

/// A network that only cuts negative values off.
fn relu(sample: &[i64]) -> Builder {
	let mut builder = Builder::new(sample);
	builder.node("Relu", "relu", &["x"], &[]);
	builder
}

#[test]
fn import_should_name_the_node_when_its_value_is_too_large() {
	let mut builder = Builder::new(&[1]);
	let columns = MAX_ELEMENTS + 1;
	builder.constant("w", &[1, columns as i64], vec![0.0; columns]);
	builder.node("MatMul", "wide", &["x", "w"], &[]);
	let text = builder.refusal();
	assert!(
		text.contains("`wide`") && text.contains("at most 262144 elements"),
		"{text}"
	);
}

#[test]
fn import_should_name_the_node_when_there_are_too_many_weights() {
	let mut builder = Builder::new(&[1024]);
	zeros(&mut builder, "w", 1024);
	let mut before = "x";
	for name in ["one", "two", "three", "four"] {
		builder.node("MatMul", name, &[before, "w"], &[]);
		before = name;
	}
	let text = builder.refusal();
	assert!(
		text.contains("`four`") && text.contains("4198400 weights"),
		"{text}"
	);

	let mut builder = Builder::new(&[1]);
	let side = MAX_PARAMETERS as i64 + 1;
	builder.typed("w", &[0, side], DataType::Float, Vec::new());
	builder.node("MatMul", "none", &["x", "w"], &[]);
	let text = builder.failure();
	assert!(
		text.contains("constant `w`") && text.contains("at most 4194304"),
		"{text}"
	);
}

#[test]
fn import_should_count_layers_without_relus_that_others_take_over() {
	let chain = |operators: &[&str], count: usize| {
		let mut builder = Builder::new(&[1]);
		builder.constant("w", &[1, 1], vec![1.0]);
		let mut before = "x".to_owned();
		for at in 0..count {
			for operator in operators {
				let name = format!("{operator}{at}");
				let mut inputs = vec![before.as_str()];
				if *operator == "MatMul" {
					inputs.push("w");
				}
				builder.node(operator, &name, &inputs, &[]);
				before = name;
			}
		}
		builder
	};
	let pairs = chain(&["MatMul", "Relu"], MAX_LAYERS).finish();
	let graph = Graph::import(&pairs).expect("as many as can be");
	assert_eq!(graph.nodes.len(), 2 * MAX_LAYERS);
	let text = chain(&["Relu"], MAX_LAYERS + 1).failure();
	assert!(text.contains("257 layers"), "{text}");
	let text = chain(&["Relu"], 2 * MAX_LAYERS + 1).refusal();
	assert!(text.contains("too many layers"), "{text}");
}

/// A convolution of one channel to one, with a square kernel of zeros over a square image.
fn conv(image: i64, kernel: i64) -> Builder {
	let mut builder = Builder::new(&[1, image, image]);
	let weights = vec![0.0; (kernel * kernel) as usize];
	builder.constant("w", &[1, 1, kernel, kernel], weights);
	builder.node("Conv", "wide", &["x", "w"], &[]);
	builder
}

#[test]
fn import_should_name_the_node_when_its_windows_are_too_large() {
	// A file of 16 kB, with a value of 2^18 elements at most: laid out, its windows take 3 GB of each sample.
	let text = conv(511, 64).refusal();
	assert!(
		text.contains("`wide`") && text.contains("have 822083584 elements"),
		"{text}"
	);
	let graph = Graph::import(&conv(256, 32).finish()).expect("within the limits");
	assert_eq!(graph.gathered, 225 * 225 * 32 * 32);
}

#[test]
fn import_should_name_the_node_when_there_are_too_many_operations() {
	let mut builder = Builder::new(&[64, 64, 64]);
	builder.constant("w", &[64, 64, 3, 3], vec![0.0; 64 * 64 * 9]);
	let mut before = "x";
	for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
		builder.node("Conv", name, &[before, "w"], &[("pads", &[1, 1, 1, 1])]);
		before = name;
	}
	let text = builder.refusal();
	assert!(
		text.contains("`h`") && text.contains("1207959552 operations"),
		"{text}"
	);
}

#[test]
fn evaluation_should_be_refused_when_the_windows_of_a_fixed_batch_are_too_large() {
	let mut builder = conv(256, 32);
	fix_batch(&mut builder, 8);
	let samples = builder.samples(1, 256 * 256);
	let network = builder.finish();
	let graph = Graph::import(&network).expect("supported");
	let text = graph.ranges(&network, &samples).expect_err("too large");
	let text = text.to_string();
	assert!(
		text.contains("8 samples at once") && text.contains("51840000 values"),
		"{text}"
	);
}

/// Has the input take so many samples at once.
fn fix_batch(builder: &mut Builder, batch: i64) {
	let kind = builder.graph.input[0].r#type.as_mut();
	let Some(type_proto::Value::TensorType(tensor)) = kind.and_then(|kind| kind.value.as_mut())
	else {
		panic!("a tensor");
	};
	tensor.shape.as_mut().expect("a shape").dim[0] = side(dimension::Value::DimValue(batch));
}

#[test]
fn a_network_should_be_refused_when_its_input_is_too_large() {
	let fixed = |batch: i64| {
		let mut builder = relu(&[4]);
		fix_batch(&mut builder, batch);
		builder
	};
	assert_eq!(fixed(4096).finish().batch(), Some(4096));
	let text = fixed(4097).failure();
	assert!(
		text.contains("4097 samples") && text.contains("open"),
		"{text}"
	);
	for sample in [&[524_288][..], &[4_294_967_296, 4_294_967_296]] {
		let text = relu(sample).failure();
		assert!(text.contains("at most 262144 elements"), "{text}");
	}
}

#[test]
fn evaluation_should_name_the_node_when_tract_makes_another_number_of_values() {
	let mut builder = relu(&[4]);
	let samples = builder.samples(3, 4);
	let network = builder.finish();
	let mut graph = Graph::import(&network).expect("supported");
	graph.nodes[0].shape = vec![5];
	let text = graph
		.ranges(&network, &samples)
		.expect_err("another number")
		.to_string();
	assert!(
		text.contains("`relu`") && text.contains("12 values, not 5 of each"),
		"{text}"
	);
}

#[test]
fn pads_should_be_refused_beside_auto_pad() {
	let padded = |automatic: &str| {
		let mut builder = Builder::new(&[1, 4, 4]);
		builder.random_constant("w", &[1, 1, 3, 3], 0.0, 1.0);
		builder.node("Conv", "conv", &["x", "w"], &[("pads", &[0, 0, 0, 0])]);
		let node = builder.graph.node.last_mut().expect("a node");
		node.attribute.push(AttributeProto {
			name: "auto_pad".into(),
			r#type: AttributeType::String as i32,
			s: automatic.into(),
			..AttributeProto::default()
		});
		builder
	};
	assert!(Graph::import(&padded("NOTSET").finish()).is_ok());
	let text = padded("SAME_UPPER").refusal();
	assert!(text.contains("auto_pad and pads"), "{text}");
}

#[test]
fn calibration_should_be_doubted_when_its_samples_say_little() {
	let doubts = |values: &[f32], is_float: bool, scale: f64| {
		let samples = Samples {
			rows: values.len() / 2,
			columns: 2,
			shape: vec![2],
			values: values.to_vec(),
			is_int8: false,
			is_float,
		};
		samples.doubts(scale)
	};
	assert!(doubts(&[0.0, 0.5, 1.0, 0.0], true, 1.0 / 127.0).is_empty());
	assert!(doubts(&[0.0, 2.0, 1.0, 0.0], true, 1.0).is_empty());
	assert!(doubts(&[0.0, 1.0, 1.0, 0.0], false, 1.0).is_empty());
	let equal = doubts(&[0.0, 0.5, 0.0, 0.5], true, 0.5 / 127.0);
	assert!(equal.len() == 1 && equal[0].contains("equal"), "{equal:?}");
	let whole = doubts(&[0.0, 1.0, 1.0, 0.0], true, 1.0);
	assert!(whole.len() == 1 && whole[0].contains("0 or 1"), "{whole:?}");
	assert_eq!(doubts(&[0.0; 4], true, 1.0).len(), 2);
}

#[test]
fn an_empty_last_input_should_be_as_good_as_none() {
	let mut builder = Builder::new(&[1, 4, 4]);
	builder.random_constant("w", &[2, 1, 3, 3], 0.0, 1.0);
	builder.node("Conv", "conv", &["x", "w", ""], &[("pads", &[1, 1, 1, 1])]);
	let samples = builder.samples(20, 16);
	let network = builder.finish();
	let (graph, quantised) = quantised(&network, &samples, &Options::default());
	assert!(distance(&network, &graph, &quantised, &samples) < 0.05);
}

#[test]
fn a_panic_of_tract_should_be_an_error_of_the_file() {
	let mut builder = Builder::new(&[4]);
	builder.typed("b", &[4], DataType::String, vec![1; 4]);
	builder.node("Add", "sum", &["x", "b"], &[]);
	let text = builder.failure();
	assert!(text.contains("constant `b`: tract failed on it"), "{text}");
}

#[test]
fn a_sum_that_can_overflow_should_name_the_node_and_what_to_do() {
	let node = Node {
		name: "wide".into(),
		tensor: "wide".into(),
		inputs: vec![0],
		op: Op::Linear {
			weights: vec![1.0; MAX_ELEMENTS],
			bias: vec![0.0],
			conv: None,
		},
		shape: vec![1],
	};
	let graph = Graph {
		input: "x".into(),
		shape: vec![MAX_ELEMENTS],
		nodes: vec![node],
		notes: Vec::new(),
		gathered: MAX_ELEMENTS,
	};
	let samples = Samples {
		rows: 1,
		columns: MAX_ELEMENTS,
		shape: vec![MAX_ELEMENTS],
		values: vec![0.5; MAX_ELEMENTS],
		is_int8: false,
		is_float: true,
	};
	let range = Range {
		low: -1.0,
		high: 1.0,
	};
	let text = quantise(&graph, &[range; 2], &samples, &Options::default())
		.expect_err("more than 32 bits hold")
		.to_string();
	assert!(
		text.contains("node `wide`") && text.contains("fewer inputs"),
		"{text}"
	);
}

#[test]
fn values_that_are_no_finite_numbers_should_name_the_node() {
	let mut builder = Builder::new(&[1]);
	builder.constant("w", &[1, 1], vec![3e38]);
	builder.node("MatMul", "product", &["x", "w"], &[]);
	builder.node("Relu", "relu", &["product"], &[]);
	let mut samples = builder.samples(2, 1);
	samples.values = vec![1.0, 2.0];
	let network = builder.finish();
	let graph = Graph::import(&network).expect("supported");
	let text = graph.ranges(&network, &samples).expect_err("infinite");
	assert!(text.to_string().contains("`product`"), "{text}");
	let text = graph.scores(&network, &samples).expect_err("infinite");
	assert!(text.to_string().contains("`relu`"), "{text}");
	samples.values = vec![1.0, f32::NAN];
	let text = graph.ranges(&network, &samples).expect_err("no number");
	assert!(matches!(text, Error::Samples(_)), "{text}");
}

#[test]
fn a_number_that_float32_cannot_hold_should_be_refused() {
	let name = format!("lemma-model-{}.npy", std::process::id());
	let path = std::env::temp_dir().join(name);
	let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
	let header = format!("{header:<117}\n");
	let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
	bytes.extend((header.len() as u16).to_le_bytes());
	bytes.extend(header.as_bytes());
	bytes.extend([1.0f64, 1e39].map(f64::to_le_bytes).concat());
	std::fs::write(&path, bytes).expect("written");
	let read = Samples::read(&path);
	std::fs::remove_file(&path).expect("removed");
	let text = read.expect_err("too large").to_string();
	assert!(
		text.contains("value 1") && text.contains("float32"),
		"{text}"
	);
}

#[test]
fn the_end_should_be_the_end_whatever_changes_nothing_behind_it() {
	let ending = |operators: &[&str]| {
		let mut builder = Builder::new(&[4]);
		builder.random_constant("w", &[4, 4], 0.0, 1.0);
		builder.node("MatMul", "scores", &["x", "w"], &[]);
		let mut before = "scores".to_owned();
		for (at, operator) in operators.iter().enumerate() {
			let name = format!("{operator}{at}");
			let attributes: &[(&str, &[i64])] = match *operator {
				"Softmax" | "ArgMax" => &[("axis", &[1])],
				_ => &[],
			};
			builder.node(operator, &name, &[&before], attributes);
			before = name;
		}
		builder
	};
	for (operators, layers) in [
		(&["Softmax", "Identity", "Dropout"][..], 1),
		(&["ArgMax", "Identity"], 2),
		(&["Softmax", "Dropout", "ArgMax", "Identity"], 2),
	] {
		let graph = Graph::import(&ending(operators).finish()).expect("supported");
		assert_eq!(graph.nodes.len(), layers, "{operators:?}");
	}
	for operators in [
		["Softmax", "Identity", "Relu"],
		["ArgMax", "Identity", "Relu"],
	] {
		let text = ending(&operators).refusal();
		assert!(text.contains("only at the end"), "{text}");
	}
}

#[test]
fn a_constant_should_be_refused_when_it_adds_a_dimension() {
	let added = |dims: &[i64]| {
		let mut builder = Builder::new(&[4]);
		builder.random_constant("c", dims, 0.0, 1.0);
		builder.node("Add", "sum", &["x", "c"], &[]);
		builder
	};
	for dims in [&[4][..], &[1, 4], &[1, 1], &[]] {
		let graph = Graph::import(&added(dims).finish());
		assert!(graph.is_ok(), "{dims:?}");
	}
	for dims in [[1, 1, 4], [1, 1, 1]] {
		let text = added(&dims).refusal();
		assert!(text.contains("leave out its leading ones"), "{text}");
	}
}

#[test]
fn a_reshape_should_be_told_what_is_wrong_with_it() {
	for (target, part) in [
		(&[-1, 3, 2, -1][..], "more than one -1"),
		(&[1, 3, 2, 2], "mixes samples"),
		(&[-5, 3, 2, 2], "mixes samples"),
		(&[-1, 2, 2, 2], "mixes samples"),
		(&[0, 5, -1, 1], "another number of elements"),
		(&[0, 3, 2], "another number of elements"),
		(&[-1, 12, 0], "has a 0 at place 2"),
		(&[0, -2, 6], "the dimension -2"),
	] {
		let mut builder = Builder::new(&[12]);
		let bytes = target.iter().flat_map(|side: &i64| side.to_le_bytes());
		let bytes = bytes.collect();
		builder.typed("shape", &[target.len() as i64], DataType::Int64, bytes);
		builder.node("Reshape", "image", &["x", "shape"], &[]);
		builder.node("Relu", "relu", &["image"], &[]);
		let text = builder.refusal();
		assert!(text.contains(part), "{target:?}: {text}");
	}
}

#[test]
fn tensors_that_are_not_there_should_be_told_apart() {
	let mut builder = Builder::new(&[4]);
	builder.node("Relu", "late", &["early"], &[]);
	builder.node("Relu", "early", &["x"], &[]);
	builder.node("Relu", "end", &["late"], &[]);
	let text = builder.refusal();
	assert!(
		text.contains("`late`") && text.contains("topological order"),
		"{text}"
	);

	let mut builder = Builder::new(&[4]);
	builder.node("Relu", "end", &["nowhere"], &[]);
	let text = builder.refusal();
	assert!(text.contains("`nowhere`, is made by no node"), "{text}");

	let mut builder = Builder::new(&[4]);
	builder.constant("c", &[4], vec![1.0; 4]);
	builder.node("Relu", "end", &["c"], &[]);
	let text = builder.refusal();
	assert!(
		text.contains("must depend on the network's input"),
		"{text}"
	);
}

#[test]
fn a_network_that_computes_nothing_should_be_told_why() {
	let same = |input: &str| {
		let mut builder = Builder::new(&[4]);
		builder.constant("c", &[4], vec![1.0; 4]);
		builder.node("Identity", "y", &[input], &[]);
		builder
	};
	let mut nobody = relu(&[4]);
	nobody.graph.node[0].output = vec!["other".into()];
	for (builder, part) in [
		(same("x"), "its output is its input"),
		(same("c"), "its output `y` is a constant"),
		(nobody, "no node makes its output `relu`"),
	] {
		let text = builder.failure();
		assert!(text.contains(part), "{text}");
	}
}

#[test]
fn what_the_output_does_not_depend_on_should_not_be_looked_at() {
	let mut builder = Builder::new(&[4]);
	builder.typed("unread", &[4], DataType::String, vec![1; 4]);
	builder.typed("strange", &[4], DataType::String, vec![1; 4]);
	builder.node("Stranger", "apart", &["x", "strange"], &[]);
	builder.node("Relu", "relu", &["x"], &[]);
	let samples = builder.samples(3, 4);
	let network = builder.finish();
	let graph = Graph::import(&network).expect("supported");
	assert!(graph.ranges(&network, &samples).is_ok());
}

#[test]
fn a_tensor_should_be_refused_when_it_is_made_twice() {
	let mut twice = relu(&[4]);
	twice.node("Relu", "relu", &["x"], &[]);
	let mut constant = relu(&[4]);
	constant.constant("relu", &[4], vec![0.0; 4]);
	let mut input = relu(&[4]);
	input.graph.node[0].output = vec!["x".into()];
	for (builder, name) in [(twice, "`relu`"), (constant, "`relu`"), (input, "`x`")] {
		let text = builder.failure();
		assert!(text.contains(name) && text.contains("made twice"), "{text}");
	}
}
