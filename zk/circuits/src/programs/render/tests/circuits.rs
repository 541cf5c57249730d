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
	constraint::leaving_out::{Cheat, Tested},
	gadgets::custom::Row,
	program::{Program, ProveError},
	targets::StatementTargets,
	wrap::Wrapped,
	Builder, Prover, F,
};

pub(super) type Targets = (StatementTargets, RenderTargets);

/// A circuit that is quick to build.
pub(super) const TINY: Class = Class { side: 4, ..CLASS };

/// A circuit with all there is that is quick to build.
const TINY_WHOLE: Class = Class { side: 4, ..WHOLE };

/// The numbers of a tile of 4x4 pixels that shows all of the scene.
pub(super) fn tiny() -> Prepared<i64> {
	let mut tile = tile(16);
	tile.scene.camera = camera(4);
	prepared(&tile)
}

/// The same of the scene with all there is.
fn tiny_whole() -> Prepared<i64> {
	let mut tile = whole_tile(16);
	tile.scene.camera = camera(4);
	prepared(&tile)
}

fn tested(class: Class) -> Tested<Targets> {
	Tested::whole(|| {
		let (builder, statement, targets) = Wrapped::plain(&RenderCircuit(class));
		(builder, (statement, targets))
	})
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

/// Fails unless the image of a tile of 4x4 pixels can be proven, and no other bytes.
fn assert_provable(class: Class, tile: &Prepared<i64>, tested: &Tested<Targets>) {
	let honest = reference::output(class, tile);
	let accepts = |output: &[u8]| {
		let statement = statement(commitment(class, tile), output);
		tested.accepts(None, &cheat(tested.targets(), &statement, tile))
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
fn image_should_be_provable_and_no_other_bytes() {
	assert_provable(TINY, &tiny(), whole());
	assert_provable(TINY_WHOLE, &tiny_whole(), &tested(TINY_WHOLE));
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
	empty.scene.planes.clear();
	let mut dark = tile(16);
	dark.scene.lights[0].strength = 0;
	let mut bright = tile(16);
	bright.scene.lights[0].strength = 1 << 24;
	let mut glossy = tile(16);
	glossy.scene.spheres[1].mirror = 512;
	let mut cornered = whole_tile(16);
	cornered
		.scene
		.spheres
		.iter_mut()
		.for_each(|sphere| sphere.mirror = 0);
	cornered
		.scene
		.planes
		.iter_mut()
		.for_each(|plane| plane.mirror = 0);
	(cornered.scene.triangles.iter_mut()).for_each(|triangle| triangle.mirror = 0);
	let mut bare = whole_tile(16);
	bare.scene.spheres.clear();
	bare.scene.planes.clear();
	for mut tile in [two_lights, empty, dark, bright, glossy, cornered, bare] {
		tile.scene.camera = camera(4);
		let class = Class {
			side: 4,
			..tile.class().unwrap()
		};
		let prepared = prepared(&tile);
		let tested = tested(class);
		let output = reference::output(class, &prepared);
		let statement = statement(commitment(class, &prepared), &output);
		assert!(tested.accepts(None, &cheat(tested.targets(), &statement, &prepared)));
	}
}

/// Fails unless a false value of each wire that is of consequence, in every row of it, is refused.
fn assert_false_wires_are_refused(class: Class, tile: &Prepared<i64>, tested: &Tested<Targets>) {
	let statement = statement(commitment(class, tile), &reference::output(class, tile));
	let mut cheat = cheat(tested.targets(), &statement, tile);
	let Gates {
		trace,
		light,
		shade,
	} = Gates::new(class);
	// What is met, the point, the normal, where it is thrown back, the brightness, the pixel.
	let mut of_shade = vec![shade.point.start, shade.normal.start, shade.pixel.start];
	of_shade.extend(shade.reflected.clone().next());
	let of_trace = vec![trace.hits.start, trace.hits.end - 1, trace.step];
	let wires = [of_trace, of_shade, vec![light.brightness]];
	for rows in &tested.targets().1.rows {
		for (row, wires) in rows.iter().zip(wires.iter().cycle()) {
			for wire in wires {
				let target = Target::wire(*row, *wire);
				cheat
					.witness
					.target_values
					.insert(target, F::from_canonical_u64(1 << 50));
				assert!(!tested.accepts(None, &cheat), "row {row}, wire {wire}");
				cheat.witness.target_values.remove(&target);
			}
		}
	}
	assert!(tested.accepts(None, &cheat));
}

#[test]
fn one_false_wire_should_be_refused() {
	assert_false_wires_are_refused(TINY, &tiny(), whole());
	assert_false_wires_are_refused(TINY_WHOLE, &tiny_whole(), &tested(TINY_WHOLE));
}

#[test]
fn commitment_should_have_a_known_answer_and_change_with_every_number() {
	let prepared = prepared(&tile(16));
	let honest = commitment(CLASS, &prepared);
	assert_eq!(
		hex::encode(honest),
		"d80b42205c65e7a4d050e07ca645b6873326f2fb23b7986baeea481199d919e1"
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
	for (class, tile) in [(TINY, tiny()), (TINY_WHOLE, tiny_whole())] {
		let built = Wrapped::build(&RenderCircuit(class));
		let mut statement = statement(commitment(class, &tile), &reference::output(class, &tile));
		statement.program = built.id();
		let set =
			|targets: &RenderTargets, witness: &mut PartialWitness<F>| targets.set(witness, &tile);
		let witness = built.witness(&statement, set).unwrap();
		let mut proof = built.prove_program(witness).unwrap();
		built.program.verify(proof.clone()).unwrap();
		for recursion in built.shrinking.iter().chain(&built.wrap) {
			proof = recursion.prove(&proof).unwrap();
		}
		built.shaped().verify(proof).unwrap();
	}
}

#[test]
fn rows_should_be_those_of_the_documentation() {
	let page = include_str!("../../../../../../docs/protocol/render.md");
	// With the separators of thousands.
	let written = |number: usize| match number {
		1000.. => format!("{},{:03}", number / 1000, number % 1000),
		_ => number.to_string(),
	};
	let mut missing = Vec::new();
	for class in Class::all() {
		let (builder, ..) = Wrapped::plain(&RenderCircuit(class));
		let gates = Gates::new(class);
		let (rows, (wires, shared)) = (builder.num_gates(), gates.width());
		let rays = if class.room.mirrors { 2 } else { 1 };
		let of_pixels = class.side * class.side * rays * (2 + class.room.lights);
		let line = format!(
			"| {} | {} | {} | {wires}, {shared} |",
			class.name(),
			written(rows),
			written(of_pixels)
		);
		let widths = [
			gates.trace.wires(),
			gates.light.wires(),
			gates.shade.wires(),
		];
		println!("{line} {widths:?}");
		if !page.lines().any(|it| it == line) {
			missing.push(line);
		}
	}
	assert!(missing.is_empty(), "{missing:#?}");
}

fn assert_proven(tile: &Tile, class: Class, shape: &str) {
	let job = Render.open(&tile.encode()).unwrap();
	assert_eq!(job.shape(), shape);
	let output = reference::output(class, &prepared(tile));
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

#[test]
fn job_should_go_from_a_blob_to_a_proof_that_the_chain_accepts() {
	assert_proven(&tile(16), CLASS, "16x16, 4 spheres, 1 plane, 1 light");
}

#[test]
fn job_should_go_from_a_blob_with_all_there_is_to_a_proof_that_the_chain_accepts() {
	assert_proven(
		&whole_tile(16),
		WHOLE,
		"16x16, 4 spheres, 3 planes, 4 triangles, 1 light, with mirrors",
	);
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

fn measure(tile: &Tile) {
	let class = tile.class().unwrap();
	let prepared = prepared(tile);
	println!("{}", class.name());
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

#[test]
#[ignore = "a measurement: run it by name, with --nocapture"]
fn measure_a_large_tile() {
	measure(&tile(64));
}

#[test]
#[ignore = "a measurement: run it by name, with --nocapture"]
fn measure_tiles_with_mirrors_and_triangles() {
	let mut glossy = tile(32);
	glossy.scene.spheres[0].mirror = 512;
	measure(&glossy);
	measure(&whole_tile(32));
}
