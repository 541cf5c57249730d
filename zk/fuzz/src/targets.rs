//! Proofs, statements, outer keys, and networks' bundles.

use std::sync::OnceLock;

use lemma_zk_circuits::{
	programs::infer::{
		encoding::decode_input,
		model::{Layer, Linear, Op, Requantise, Scale, Shape, Window},
		plan::Plan,
		reference, Bundle, Model,
	},
	sample::Sample,
};
use lemma_zk_statement::{blake2_256, OutputElement, Statement};
use lemma_zk_verifier::{Verifier, EMBEDDED_KEY};

use crate::Target;

/// All targets of zk/.
pub const ALL: &[Target] = &[
	Target {
		name: "proof",
		run: proof,
		seeds: || vec![sample().0.proof.clone()],
	},
	Target {
		name: "statement",
		run: statement,
		seeds: statement_seeds,
	},
	Target {
		name: "outer-key",
		run: outer_key,
		seeds: || vec![EMBEDDED_KEY.to_vec()],
	},
	Target {
		name: "bundle",
		run: bundle,
		seeds: bundle_seeds,
	},
];

/// The committed sample, and what it proves.
fn sample() -> &'static (Sample, Statement) {
	static SAMPLE: OnceLock<(Sample, Statement)> = OnceLock::new();
	SAMPLE.get_or_init(|| {
		let sample = Sample::committed().expect("the committed sample is one");
		let statement = sample.statement().expect("it has a statement");
		(sample, statement)
	})
}

fn verifier() -> &'static Verifier {
	static VERIFIER: OnceLock<Verifier> = OnceLock::new();
	VERIFIER.get_or_init(|| Verifier::embedded().expect("the embedded key is one"))
}

/// Bytes as a proof of a statement that has one: only that one is accepted.
fn proof(bytes: &[u8]) {
	let (sample, statement) = sample();
	let accepted = verifier().verify(statement, bytes).is_ok();
	if let Ok(read) = verifier().decode(bytes) {
		assert_eq!(lemma_zk_verifier::proof_to_bytes(&read), bytes);
	}
	assert_eq!(accepted, bytes == sample.proof);
}

/// Length of a statement's five parts, y and v as two numbers each.
const STATEMENT_BYTES: usize = 4 * 32 + 4 * 8;

fn statement_to_bytes(statement: &Statement) -> Vec<u8> {
	let numbers = statement.y.into_iter().chain(statement.v);
	[
		statement.program,
		statement.binding,
		statement.input,
		statement.output,
	]
	.concat()
	.into_iter()
	.chain(numbers.flat_map(u64::to_le_bytes))
	.collect()
}

fn statement_of_bytes(bytes: &[u8; STATEMENT_BYTES]) -> Statement {
	let hash = |place: usize| {
		let mut hash = [0; 32];
		hash.copy_from_slice(&bytes[32 * place..][..32]);
		hash
	};
	let number = |place: usize| {
		let mut number = [0; 8];
		number.copy_from_slice(&bytes[128 + 8 * place..][..8]);
		u64::from_le_bytes(number)
	};
	Statement {
		program: hash(0),
		binding: hash(1),
		input: hash(2),
		output: hash(3),
		y: [number(0), number(1)],
		v: [number(2), number(3)],
	}
}

fn statement_seeds() -> Vec<Vec<u8>> {
	let (sample, statement) = sample();
	let honest = statement_to_bytes(statement);
	vec![honest.clone(), [honest, sample.output.clone()].concat()]
}

/// A statement's parts and an output's bytes: a proof is of one statement only, and a result has a statement, which is
/// canonical, unless it is none.
fn statement(bytes: &[u8]) {
	let Some((parts, output)) = bytes.split_first_chunk::<STATEMENT_BYTES>() else {
		return;
	};
	let (sample, honest) = sample();
	let claimed = statement_of_bytes(parts);
	assert_eq!(statement_to_bytes(&claimed), parts);
	let accepted = verifier().verify(&claimed, &sample.proof).is_ok();
	assert_eq!(accepted, claimed == *honest);
	// Two canonical statements are of the same elements only if they are the same.
	if claimed.is_canonical() {
		assert_eq!(
			claimed.to_elements() == honest.to_elements(),
			claimed == *honest
		);
	}

	for element in [
		OutputElement::I8,
		OutputElement::U8,
		OutputElement::I16,
		OutputElement::I32,
	] {
		let (program, binding, input) = (claimed.program, claimed.binding, claimed.input);
		let result = Statement::of_result(program, binding, input, element, output, blake2_256);
		let Ok(result) = result else { continue };
		assert!(result.is_canonical());
		assert!(!output.is_empty() && output.len() % element.size_bytes() == 0);
		let accepted = verifier().verify(&result, &sample.proof).is_ok();
		assert_eq!(accepted, result == *honest);
	}
}

/// Bytes as an outer key: refused, or a key, without more memory than a key's length excuses.
fn outer_key(bytes: &[u8]) {
	if let Ok(verifier) = Verifier::new(bytes) {
		if bytes == EMBEDDED_KEY {
			let (sample, statement) = sample();
			assert_eq!(verifier.verify(statement, &sample.proof), Ok(()));
		}
	}
}

/// A network with operators of most kinds.
fn bundle_seeds() -> Vec<Vec<u8>> {
	let linear = |inputs: usize, outputs: usize, requantise| Linear {
		weights: (0..inputs * outputs)
			.map(|i| (i * 37) as u8 as i8)
			.collect(),
		bias: (0..outputs).map(|i| i as i32 * 100 - 150).collect(),
		requantise,
	};
	let scales = (1..4)
		.map(|multiplier| Scale {
			multiplier,
			shift: 9,
		})
		.collect();
	let per_channel = Requantise { scales, low: 0 };
	let layer = |input: usize, op: Op| Layer { input, op };
	let layers = vec![
		layer(
			0,
			Op::Conv {
				linear: linear(4, 3, Some(per_channel)),
				window: Window {
					kernel: [2, 2],
					stride: [1, 1],
					padding: [1, 0, 0, 1],
				},
				groups: 1,
			},
		),
		layer(
			1,
			Op::Add {
				other: 1,
				factors: [2, -1],
				requantise: Requantise::uniform(3, 2, -128),
			},
		),
		layer(2, Op::MaxPool(Window::tiles(2, 2))),
		layer(3, Op::Reshape(Shape::vector(12))),
		layer(4, Op::Dense(linear(12, 4, None))),
		layer(5, Op::ArgMax),
	];
	let model = Model::new(Shape::new(1, 4, 4), layers).expect("it is a model");
	let bundle = Bundle::new(model, vec![1, 3]).expect("it is a bundle");
	vec![bundle.encode()]
}

/// Bytes as a network's bundle: refused, or the only bytes of a network that can be run on the most extreme samples, within the
/// ranges that are known of its values, and be laid out or not.
fn bundle(bytes: &[u8]) {
	let _ = decode_input(bytes, 16);
	let Ok(bundle) = Bundle::decode(bytes) else {
		return;
	};
	assert_eq!(bundle.encode(), bytes);
	let model = &bundle.model;
	let _ = Plan::new(model, bundle.batches[0]);
	// Large ones take long to run.
	let elements: usize = model
		.values()
		.iter()
		.map(|value| value.shape.elements())
		.sum();
	if elements > 1 << 12 || model.encode().len() > 1 << 12 {
		return;
	}
	for fill in [-128, 0, 127] {
		let sample = vec![fill; model.input().elements()];
		for (value, known) in reference::values(model, &sample).iter().zip(model.values()) {
			let range = known.range.low..=known.range.high;
			assert!(value.iter().all(|element| range.contains(element)));
		}
		assert_eq!(reference::output(model, &sample).len(), model.output_len(1));
	}
}
