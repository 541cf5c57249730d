//! The circuit: what it proves and what it refuses.

use std::sync::OnceLock;

use lemma_zk_statement::{blake2_256, OutputElement, Statement};
use plonky2::{
	field::types::Field,
	iop::{target::Target, witness::PartialWitness},
};

use super::{
	super::{
		circuit::{commitment, Gates, RenderCircuit, RenderTargets},
		reference, Render,
	},
	*,
};
use crate::{
	circuit::Circuit,
	constraint::leaving_out::{Cheat, Tested},
	gadgets::custom::Row,
	program::{Program, ProveError},
	targets::StatementTargets,
	wrap::Wrapped,
	Builder, Prover, F,
};

pub(super) type Targets = (StatementTargets, RenderTargets);

/// A circuit that is quick to build.
pub(super) const TINY: Class = Class {
	side: 4,
	spheres: 4,
	lights: 1,
};

/// The numbers of a tile of 4x4 pixels that shows all of the scene.
pub(super) fn tiny() -> Prepared<i64> {
	let mut tile = tile(16);
	tile.scene.camera = camera(4);
	prepared(&tile)
}

pub(super) fn unbuilt() -> (Builder, Targets) {
	let (builder, statement, targets) = Wrapped::plain(&RenderCircuit(TINY));
	(builder, (statement, targets))
}

pub(super) fn whole() -> &'static Tested<Targets> {
	static WHOLE: OnceLock<Tested<Targets>> = OnceLock::new();
	WHOLE.get_or_init(|| Tested::whole(unbuilt))
}

pub(super) fn statement(input: [u8; 32], output: &[u8]) -> Statement {
	let element = OutputElement::U8;
	Statement::of_result([1; 32], [7; 32], input, element, output, blake2_256).unwrap()
}

/// The witness of whoever proves `statement` by a tile's numbers.
pub(super) fn cheat(targets: &Targets, statement: &Statement, tile: &Prepared<i64>) -> Cheat {
	let mut witness = PartialWitness::new();
	targets.0.set(&mut witness, statement).unwrap();
	targets.1.set(&mut witness, tile).unwrap();
	Cheat {
		claim: statement.to_elements()[4..].to_vec(),
		witness,
		behind: Vec::new(),
	}
}

#[test]
fn image_should_be_provable_and_no_other_bytes() {
	let tile = tiny();
	let honest = reference::output(TINY, &tile);
	let accepts = |output: &[u8]| {
		let statement = statement(commitment(TINY, &tile), output);
		whole().accepts(None, &cheat(whole().targets(), &statement, &tile))
	};
	assert!(accepts(&honest));
	for place in (0..honest.len()).step_by(5) {
		for change in [1, 255] {
			let mut wrong = honest.clone();
			wrong[place] = wrong[place].wrapping_add(change);
			assert!(!accepts(&wrong));
		}
	}
}

#[test]
fn images_of_other_scenes_should_be_provable() {
	let mut two_lights = tile(16);
	two_lights.scene.lights.push(Light {
		position: [2000, 1500, -1000],
		strength: 700_000,
	});
	let mut empty = tile(16);
	empty.scene.spheres.clear();
	empty.scene.lights.clear();
	empty.scene.plane = None;
	let mut dark = tile(16);
	dark.scene.lights[0].strength = 0;
	let mut bright = tile(16);
	bright.scene.lights[0].strength = 1 << 24;
	for mut tile in [two_lights, empty, dark, bright] {
		tile.scene.camera = camera(4);
		let class = Class {
			side: 4,
			..tile.class().unwrap()
		};
		let prepared = prepared(&tile);
		let tested = Tested::whole(|| {
			let (builder, statement, targets) = Wrapped::plain(&RenderCircuit(class));
			(builder, (statement, targets))
		});
		let output = reference::output(class, &prepared);
		let statement = statement(commitment(class, &prepared), &output);
		assert!(tested.accepts(None, &cheat(tested.targets(), &statement, &prepared)));
	}
}

#[test]
fn one_false_wire_should_be_refused() {
	let tile = tiny();
	let statement = statement(commitment(TINY, &tile), &reference::output(TINY, &tile));
	let mut cheat = cheat(whole().targets(), &statement, &tile);
	let Gates {
		trace,
		light,
		shade,
	} = Gates::new(TINY);
	// What is met, how far, the point, the normal, the brightness, the pixel; a false one of each, in every pixel.
	let wires = [
		vec![trace.hits.start, trace.hits.end - 1, trace.step],
		vec![shade.point.start, shade.normal.start, shade.pixel.start],
		vec![light.brightness],
	];
	for rows in &whole().targets().1.rows {
		for (row, wires) in rows.iter().zip(&wires) {
			for wire in wires {
				let target = Target::wire(*row, *wire);
				cheat
					.witness
					.target_values
					.insert(target, F::from_canonical_u64(1 << 50));
				assert!(!whole().accepts(None, &cheat), "row {row}, wire {wire}");
				cheat.witness.target_values.remove(&target);
			}
		}
	}
	assert!(whole().accepts(None, &cheat));
}

#[test]
fn commitment_should_have_a_known_answer_and_change_with_every_number() {
	let prepared = prepared(&tile(16));
	let honest = commitment(CLASS, &prepared);
	assert_eq!(
		hex::encode(honest),
		"ab685368942703a18d325148c0842b0bc62e412a48d3331b656df95d49ca4116"
	);
	let numbers = prepared.numbers();
	let mut all = vec![honest];
	for place in 0..numbers.len() {
		let mut numbers = numbers.clone();
		numbers[place] += 1;
		let mut next = numbers.into_iter();
		let other = Prepared::new(CLASS, || next.next().unwrap());
		all.push(commitment(CLASS, &other));
	}
	for side in [32, 64] {
		all.push(commitment(Class { side, ..CLASS }, &prepared));
	}
	let count = all.len();
	all.sort();
	all.dedup();
	assert_eq!(all.len(), count);
}

#[test]
fn real_proof_should_verify() {
	let tile = tiny();
	let built = Wrapped::build(&RenderCircuit(TINY));
	let mut statement = statement(commitment(TINY, &tile), &reference::output(TINY, &tile));
	statement.program = built.id();
	let set =
		|targets: &RenderTargets, witness: &mut PartialWitness<F>| targets.set(witness, &tile);
	let witness = built.witness(&statement, set).unwrap();
	let proof = built.prove_program(witness).unwrap();
	built.program.verify(proof.clone()).unwrap();
	let wrapped = built.wrap.as_ref().unwrap().prove(&proof).unwrap();
	built.shaped().verify(wrapped).unwrap();
}

#[test]
fn rows_should_be_those_of_the_documentation() {
	for class in Class::all() {
		let circuit = RenderCircuit(class);
		let (builder, ..) = Wrapped::plain(&circuit);
		let gates = Gates::new(class);
		let (rows, (wires, shared)) = (builder.num_gates(), gates.width());
		let widths = [
			gates.trace.wires(),
			gates.light.wires(),
			gates.shade.wires(),
		];
		println!(
			"{}: {rows} rows, {wires} wires {widths:?}, {shared} shared",
			circuit.name()
		);
		let pixels = class.side * class.side;
		assert!(rows < (3 + class.lights) * pixels);
		assert!(wires <= 269 && shared <= 96);
	}
}

#[test]
fn job_should_go_from_a_blob_to_a_proof_that_the_chain_accepts() {
	let tile = tile(16);
	let job = Render.open(&tile.encode()).unwrap();
	assert_eq!(job.shape(), "16x16, 4 spheres, 1 lights");
	let output = reference::output(CLASS, &prepared(&tile));
	assert_eq!(job.output_len(), output.len());

	let prover = Prover::new();
	let mut wrong = output.clone();
	wrong[7] ^= 1;
	let refused = job.prove(&prover, &wrong, [7; 32], &|_| ());
	assert!(matches!(refused, Err(ProveError::WrongOutput(_))));
	let proved = job.prove(&prover, &output, [7; 32], &|_| ()).unwrap();

	let element = OutputElement::U8;
	let (id, input) = (job.program(), job.commitment());
	let statement = Statement::of_result(id, [7; 32], input, element, &output, blake2_256).unwrap();
	let verifier = lemma_zk_verifier::Verifier::embedded().unwrap();
	verifier.verify(&statement, &proved.proof).unwrap();
}

/// Seconds of all cores that this process has taken so far.
fn processor_time() -> f64 {
	let status = std::fs::read_to_string("/proc/self/stat").unwrap();
	let ticks = status.split(' ').skip(13).take(2);
	ticks
		.map(|ticks| ticks.parse::<f64>().unwrap())
		.sum::<f64>()
		/ 100.0
}

fn measured<T>(what: &str, run: impl FnOnce() -> T) -> T {
	let (start, before) = (std::time::Instant::now(), processor_time());
	let result = run();
	let took = processor_time() - before;
	println!("{what}: {:?}, {took:.1} s of processors", start.elapsed());
	result
}

#[test]
#[ignore = "a measurement: run it by name, with --nocapture"]
fn measure_a_large_tile() {
	let tile = tile(64);
	let class = tile.class().unwrap();
	let prepared = prepared(&tile);
	let built = measured("build", || Wrapped::build(&RenderCircuit(class)));
	let output = reference::output(class, &prepared);
	let mut statement = statement(commitment(class, &prepared), &output);
	statement.program = built.id();
	let mut proof = measured("program", || {
		let set = |targets: &RenderTargets, witness: &mut PartialWitness<F>| {
			targets.set(witness, &prepared)
		};
		let witness = built.witness(&statement, set).unwrap();
		built.prove_program(witness).unwrap()
	});
	println!("rows: 2^{}", built.program.common.degree_bits());
	for recursion in built.shrinking.iter().chain(&built.wrap) {
		proof = measured("recursion", || recursion.prove(&proof).unwrap());
		println!("rows: 2^{}", recursion.data.common.degree_bits());
	}
	built.shaped().verify(proof).unwrap();
}
