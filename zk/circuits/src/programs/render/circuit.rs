//! The circuit of a tile: of each pixel's ray a row that traces it, one for each light, one for the colour; with mirrors the
//! same of the ray that is thrown back; and the evaluation of all colours.
//!
//! The argument that it is sound is in `docs/protocol/render.md`.

use std::ops::Range;

use lemma_zk_statement::{hash_to_bytes, OutputElement};
use plonky2::{
	field::types::Field,
	hash::poseidon::PoseidonHash,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
	plonk::{circuit_data::CircuitConfig, config::Hasher},
};

use super::{
	class::{Class, Room},
	gates::{light::Light, shade::Shade, trace::Trace},
	prepared::Prepared,
};
use crate::{
	circuit::Circuit,
	constraint::constrained,
	gadgets::{
		custom::{element, feed, Custom, Row},
		output::evaluate_output,
	},
	program::ProveError,
	security,
	targets::StatementTargets,
	Builder, F,
};

/// First element of what a tile's commitment hashes.
pub const TILE_TAG: u64 = u64::from_le_bytes(*b"lemma-r\0");

/// The circuit of one class.
#[derive(Clone, Copy, Debug)]
pub struct RenderCircuit(pub Class);

/// Targets of the circuit: the tile's numbers.
pub struct RenderTargets {
	pub(super) numbers: Vec<Target>,
	/// The rows of each pixel: trace, shade, lights; with mirrors those of the second ray too.
	#[cfg(test)]
	pub(super) rows: Vec<Vec<usize>>,
}

/// A tile's commitment: the Poseidon hash of a tag, the class and how many numbers follow, and the tile's numbers, a negative
/// one as p less it.
pub fn commitment(class: Class, prepared: &Prepared<i64>) -> [u8; 32] {
	let numbers = prepared.numbers();
	let header = header(class, numbers.len());
	let elements: Vec<F> = (header.into_iter().map(F::from_canonical_u64))
		.chain(numbers.into_iter().map(element))
		.collect();
	hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements)
}

/// What a commitment begins with.
pub(super) fn header(class: Class, numbers: usize) -> [u64; 8] {
	let Class { side, room } = class;
	let Room {
		spheres,
		planes,
		triangles,
		lights,
		mirrors,
	} = room;
	let counts = [side, spheres, planes, triangles, lights];
	let [side, spheres, planes, triangles, lights] = counts.map(|count| count as u64);
	[
		TILE_TAG,
		side,
		spheres,
		planes,
		triangles,
		lights,
		mirrors.into(),
		numbers as u64,
	]
}

/// The gates of a class.
pub(super) struct Gates {
	pub trace: Trace,
	pub light: Light,
	pub shade: Shade,
}

impl Gates {
	pub fn new(class: Class) -> Self {
		let Class { room, .. } = class;
		Self {
			trace: Trace::new(room),
			light: Light::new(room),
			shade: Shade::new(room),
		}
	}

	/// Wires of the widest row, and wires that rows share.
	pub fn width(&self) -> (usize, usize) {
		let Self {
			trace,
			light,
			shade,
		} = self;
		(
			trace.wires().max(light.wires()).max(shade.wires()),
			trace.shared().max(light.shared()).max(shade.shared()),
		)
	}
}

impl Circuit for RenderCircuit {
	type Targets = RenderTargets;

	fn name(&self) -> String {
		format!("render/{}", self.0.name())
	}

	fn element(&self) -> OutputElement {
		OutputElement::U8
	}

	fn config(&self) -> CircuitConfig {
		let (wires, routed) = Gates::new(self.0).width();
		let least = security::inner_config();
		CircuitConfig {
			num_wires: wires.max(least.num_wires),
			// The permutation argument takes them by eight.
			num_routed_wires: routed.next_multiple_of(8),
			..least
		}
	}

	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> RenderTargets {
		let class = self.0;
		let tile: Prepared<Target> = Prepared::new(class, || builder.add_virtual_target());
		let numbers = tile.numbers();
		let header = header(class, numbers.len())
			.map(|number| builder.constant(F::from_canonical_u64(number)));
		let header = constrained(
			builder,
			"render: the commitment begins with its class",
			header,
		);
		let hashed = constrained(
			builder,
			"render: the commitment is of the numbers",
			numbers.clone(),
		);
		let elements = [&header[..], &hashed].concat();
		let hash = builder.hash_n_to_hash_no_pad::<PoseidonHash>(elements);
		let hash = constrained(builder, "render: the input is the commitment", hash);
		builder.connect_hashes(hash, statement.input_hash());

		let gates = Gates::new(class);
		let mut pixels = Vec::with_capacity(3 * class.side * class.side);
		#[cfg(test)]
		let mut rows = Vec::new();
		let mut row_start = tile.first;
		for y in 0..class.side {
			if y > 0 {
				row_start = sum(builder, row_start, tile.down);
			}
			let mut direction = row_start;
			for x in 0..class.side {
				if x > 0 {
					direction = sum(builder, direction, tile.right);
				}
				let pixel = pixel(builder, &gates, &tile, direction);
				pixels.extend(pixel.colour);
				#[cfg(test)]
				rows.push(pixel.rows);
			}
		}
		evaluate_output(builder, statement, &pixels);
		RenderTargets {
			numbers,
			#[cfg(test)]
			rows,
		}
	}
}

fn sum(builder: &mut Builder, a: [Target; 3], b: [Target; 3]) -> [Target; 3] {
	std::array::from_fn(|i| builder.add(a[i], b[i]))
}

/// A pixel's colour, and the rows that compute it.
struct Pixel {
	colour: Vec<Target>,
	#[cfg(test)]
	rows: Vec<usize>,
}

/// Adds a row and feeds it.
fn add_row<R: Row>(
	builder: &mut Builder,
	gate: &R,
	inputs: impl IntoIterator<Item = (Range<usize>, Vec<Target>)>,
) -> usize {
	let row = builder.add_gate(Custom(gate.clone()), vec![]);
	for (wires, values) in inputs {
		assert_eq!(wires.len(), values.len(), "every wire is fed");
		for (wire, value) in wires.zip(values) {
			feed(builder, row, wire, value);
		}
	}
	row
}

/// A pixel's ray, or the one that is thrown back.
struct Ray {
	origin: Vec<Target>,
	direction: Vec<Target>,
	/// Of each thing: whether it begins there. Nothing, without mirrors.
	from: Vec<Target>,
	/// Of each thing: how much it mirrors. Nothing, without mirrors.
	mirrors: Vec<Target>,
}

/// The rows of a ray.
struct Rows {
	traced: usize,
	shaded: usize,
	#[cfg(test)]
	lit: Vec<usize>,
}

fn wires(row: usize, range: &Range<usize>) -> Vec<Target> {
	range.clone().map(|wire| Target::wire(row, wire)).collect()
}

/// A ray's rows. What is seen in what it meets is still to be fed.
fn ray(builder: &mut Builder, gates: &Gates, tile: &Prepared<Target>, ray: &Ray) -> Rows {
	let Gates {
		trace,
		light,
		shade,
	} = gates;
	let shapes = &tile.shapes;
	let (balls, faces) = (shapes.of_balls(), shapes.of_faces());
	let inputs = [
		(trace.origin.clone(), ray.origin.clone()),
		(trace.direction.clone(), ray.direction.clone()),
		(trace.balls.clone(), balls.clone()),
		(trace.faces.clone(), faces.clone()),
		(trace.flats.clone(), shapes.of_flats()),
		(trace.from.clone(), ray.from.clone()),
	];
	let traced = add_row(builder, trace, inputs);
	let hits = wires(traced, &trace.hits);

	let centres = shapes.balls.iter().flat_map(|ball| ball.centre).collect();
	let normals = (tile.normals.iter().copied())
		.chain(shapes.flats.iter().map(|flat| flat.normal))
		.flatten()
		.collect();
	let inputs = [
		(shade.origin.clone(), ray.origin.clone()),
		(shade.direction.clone(), ray.direction.clone()),
		(
			shade.step..shade.step + 1,
			vec![Target::wire(traced, trace.step)],
		),
		(shade.turned.clone(), wires(traced, &trace.turned)),
		(shade.hits.clone(), hits.clone()),
		(shade.centres.clone(), centres),
		(shade.normals.clone(), normals),
		(shade.axes.clone(), tile.axes.concat().concat()),
		(shade.colours.clone(), tile.colours.concat()),
		(shade.background.clone(), tile.background.to_vec()),
		(shade.mirrors.clone(), ray.mirrors.clone()),
	];
	let shaded = add_row(builder, shade, inputs);
	feed(builder, shaded, shade.lights.start, tile.ambient);

	#[cfg(test)]
	let mut lit_rows = Vec::new();
	for (lamp, wire) in tile.lamps.iter().zip(shade.lights.clone().skip(1)) {
		let inputs = [
			(light.point.clone(), wires(shaded, &shade.point)),
			(light.position.clone(), lamp.position.to_vec()),
			(light.balls.clone(), balls.clone()),
			(light.faces.clone(), faces.clone()),
			(light.sides.clone(), lamp.sides.clone()),
			(light.gains.clone(), lamp.gains.clone()),
			(light.hits.clone(), hits.clone()),
			(light.normal.clone(), wires(shaded, &shade.normal)),
		];
		let lit = add_row(builder, light, inputs);
		feed(builder, shaded, wire, Target::wire(lit, light.brightness));
		#[cfg(test)]
		lit_rows.push(lit);
	}
	Rows {
		traced,
		shaded,
		#[cfg(test)]
		lit: lit_rows,
	}
}

fn pixel(
	builder: &mut Builder,
	gates: &Gates,
	tile: &Prepared<Target>,
	direction: [Target; 3],
) -> Pixel {
	let Gates { trace, shade, .. } = gates;
	let zero = builder.zero();
	let first = Ray {
		origin: tile.origin.to_vec(),
		direction: direction.to_vec(),
		from: vec![zero; trace.from.len()],
		mirrors: tile.mirrors.clone(),
	};
	let first = ray(builder, gates, tile, &first);
	#[cfg(test)]
	let mut rows = vec![first.traced, first.shaded];
	#[cfg(test)]
	rows.extend(&first.lit);
	if !tile.mirrors.is_empty() {
		let second = Ray {
			origin: wires(first.shaded, &shade.point),
			direction: wires(first.shaded, &shade.reflected),
			from: wires(first.traced, &trace.hits),
			// What is seen in a mirror mirrors nothing.
			mirrors: vec![zero; tile.mirrors.len()],
		};
		let second = ray(builder, gates, tile, &second);
		for (wire, part) in shade.seen.clone().zip(shade.pixel.clone()) {
			feed(builder, second.shaded, wire, zero);
			feed(
				builder,
				first.shaded,
				wire,
				Target::wire(second.shaded, part),
			);
		}
		#[cfg(test)]
		rows.extend([second.traced, second.shaded]);
		#[cfg(test)]
		rows.extend(second.lit);
	}
	Pixel {
		colour: wires(first.shaded, &shade.pixel),
		#[cfg(test)]
		rows,
	}
}

impl RenderTargets {
	/// Sets all of the witness that the statement does not.
	pub(super) fn set(
		&self,
		witness: &mut PartialWitness<F>,
		prepared: &Prepared<i64>,
	) -> Result<(), ProveError> {
		let numbers = prepared.numbers().into_iter().map(element);
		witness
			.extend(self.numbers.iter().copied().zip(numbers))
			.map_err(|error| ProveError::Prover(error.to_string()))
	}
}
