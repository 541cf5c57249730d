//! The gate and the circuit without one of their constraints.

use lemma_zk_statement::{bytes_to_hash, hash_to_bytes};
use plonky2::{field::types::Field, hash::poseidon::PoseidonHash, plonk::config::Hasher};

use super::{
	super::{
		circuit::TILE_TAG,
		gate::{wires, Steps, STEPS},
		reference,
	},
	circuits::{cheat, statement, tiny, unbuilt, whole, Targets},
	*,
};
use crate::{
	constraint::leaving_out::{assert_needed, Cheat},
	gadgets::{
		custom::{element, signed, testing, Row},
		octal::testing::{assert_degree, assert_refused_by},
	},
	F,
};

const STEP_DIGITS: usize = 15 + 2 * (6 + 8);

/// The first digit of a step, and where its parts' rests and the parts themselves begin.
fn digits(step: usize) -> usize {
	wires::STEP_INSIDE + STEPS + step * STEP_DIGITS
}

/// An honest row from some z, c, whether it is inside, and count.
fn row(z: [i64; 2], c: [i64; 2], inside: bool, count: u64) -> Vec<F> {
	let inputs = [
		element(z[0]),
		element(z[1]),
		element(c[0]),
		element(c[1]),
		F::from_bool(inside),
		F::from_canonical_u64(count),
	];
	testing::completed(&Steps::new(), &[], |_, input| inputs[input])
}

/// A row of a point that stays inside.
fn inside() -> Vec<F> {
	row([ONE / 3, -ONE / 5], [-ONE / 7, ONE / 9], true, 10)
}

fn changed(mut row: Vec<F>, changes: &[(usize, i64)]) -> Vec<F> {
	for (wire, change) in changes {
		row[*wire] += element(*change);
	}
	row
}

fn needed(name: &'static str, rows: &[Vec<F>]) {
	assert_refused_by(name, Steps::new, rows);
}

const LAST: usize = STEPS - 1;

#[test]
fn row_should_be_satisfied_by_what_follows_from_its_inputs() {
	let gate = Steps::new();
	assert!(gate.wires() == digits(STEPS) && gate.wires() > 135);
	let mut escaped = 0;
	for tile in [mandelbrot(), julia()] {
		for place in 0..tile.side * tile.side {
			let [z, c] = tile.point(place % tile.side, place / tile.side);
			let mut row = row(z, c, true, 0);
			for taken in 0..tile.iterations / STEPS {
				assert!(testing::is_satisfied(&gate, &row, &[]));
				let most = STEPS * (taken + 1);
				let count = reference::count(z, c, most);
				assert_eq!(row[wires::NEXT_COUNT], F::from_canonical_usize(count));
				escaped += usize::from(count < most);
				let next = [
					row[wires::NEXT_Z],
					row[wires::NEXT_Z + 1],
					row[wires::C],
					row[wires::C + 1],
					row[wires::NEXT_INSIDE],
					row[wires::NEXT_COUNT],
				];
				row = testing::completed(&gate, &[], |_, input| next[input]);
			}
		}
	}
	assert!(escaped > 1000);
}

#[test]
fn gate_should_not_panic_whatever_it_is_given() {
	let gate = Steps::new();
	for value in [F::NEG_ONE, F::from_canonical_u64(1 << 62), F::TWO] {
		testing::completed(&gate, &[], |_, _| value);
		let inside = |_, input| if input == 4 { F::ONE } else { value };
		testing::completed(&gate, &[], inside);
	}
}

#[test]
fn gate_should_have_its_degree() {
	assert_degree(&Steps::new());
}

#[test]
fn every_wire_should_matter() {
	let gate = Steps::new();
	let row = inside();
	for wire in 0..gate.wires() {
		for change in [-1, 1] {
			let changed = changed(row.clone(), &[(wire, change)]);
			assert!(!testing::is_satisfied(&gate, &changed, &[]), "wire {wire}");
		}
	}
}

#[test]
fn digits_should_be_digits() {
	// One more of z for 2^18 less of the rest: rounded up.
	let (rest, part) = (digits(LAST) + 15, digits(LAST) + 15 + 12);
	let up = [(rest + 5, -8), (part, 1), (wires::NEXT_Z, 1)];
	needed("fractal: digits are 0 to 7", &[changed(inside(), &up)]);
}

#[test]
fn whether_z_is_inside_should_be_a_bit() {
	// Counted twice, with 3 room + 1 for the room.
	let mut row = inside();
	let first = digits(LAST);
	let room: u64 = (0..15)
		.map(|place| (signed(row[first + place]) as u64) << (3 * place))
		.sum();
	for place in 0..15 {
		row[first + place] = F::from_canonical_u64((3 * room + 1) >> (3 * place) & 7);
	}
	let twice = [(wires::STEP_INSIDE + LAST, 1), (wires::NEXT_COUNT, 1)];
	needed(
		"fractal: whether z is inside is 0 or 1",
		&[changed(row, &twice)],
	);
}

#[test]
fn who_has_escaped_should_stay_out() {
	let row = changed(inside(), &[(wires::INSIDE, -1)]);
	needed("fractal: who has escaped stays out", &[row]);
}

#[test]
fn z_should_be_inside_or_beyond_the_bound() {
	let out = [(wires::STEP_INSIDE + LAST, -1), (wires::NEXT_COUNT, -1)];
	needed(
		"fractal: z is inside or beyond the bound",
		&[changed(inside(), &out)],
	);
}

#[test]
fn step_should_be_rounded_down() {
	let part = digits(LAST) + 15 + 12;
	// A digit that stays one.
	let change = |wire: usize| if inside()[wire] == F::ZERO { 1 } else { -1 };
	let rows = [
		vec![(part, change(part)), (wires::NEXT_Z, change(part))],
		vec![
			(part + 8, change(part + 8)),
			(wires::NEXT_Z + 1, change(part + 8)),
		],
		vec![(digits(LAST) + 15, change(digits(LAST) + 15))],
	]
	.map(|changes| changed(inside(), &changes));
	needed("fractal: a step is z^2 + c rounded down", &rows);
}

#[test]
fn result_should_be_the_last_steps() {
	let rows = [0, 1].map(|part| changed(inside(), &[(wires::NEXT_Z + part, 1)]));
	needed("fractal: the row's result is its last step's", &rows);
}

#[test]
fn steps_should_be_counted() {
	let rows = [-1, 1].map(|change| changed(inside(), &[(wires::NEXT_COUNT, change)]));
	needed("fractal: steps inside are counted", &rows);
}

/// Fails unless the circuit without the constraint, and no other, accepts the cheats.
fn needed_against(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(), unbuilt, cheats);
}

/// A tile's commitment with other elements before the numbers.
fn another_class(place: usize) -> Cheat {
	let tile = tiny();
	let mut class = [TILE_TAG, 2, 5].map(F::from_canonical_u64);
	class[place] += F::ONE;
	let numbers = tile.numbers().map(|number| element(number.into()));
	let elements = [&class[..], &numbers].concat();
	let input = hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements);
	let statement = statement(input, &reference::output(&tile));
	Cheat {
		behind: class.to_vec(),
		..cheat(whole().targets(), &statement, &tile)
	}
}

#[test]
fn commitment_should_begin_with_its_class() {
	needed_against("fractal: the commitment begins with its class", |_| {
		(0..3).map(another_class).collect()
	});
}

#[test]
fn commitment_should_be_of_the_numbers() {
	let (tile, mut other) = (tiny(), tiny());
	other.constant[0] += real(64);
	let output = reference::output(&other);
	assert_ne!(output, reference::output(&tile));
	let statement = statement(super::super::circuit::commitment(&tile), &output);
	let behind = tile.numbers().map(|number| element(number.into())).to_vec();
	needed_against("fractal: the commitment is of the numbers", |targets| {
		vec![Cheat {
			behind: behind.clone(),
			..cheat(targets, &statement, &other)
		}]
	});
}

#[test]
fn input_should_be_the_commitment() {
	let tile = tiny();
	let honest = super::super::circuit::commitment(&tile);
	needed_against("fractal: the input is the commitment", |targets| {
		(0..4)
			.map(|place| {
				let mut input = bytes_to_hash(&honest).unwrap();
				input[place] += F::ONE;
				let statement = statement(hash_to_bytes(input), &reference::output(&tile));
				Cheat {
					behind: input.to_vec(),
					..cheat(targets, &statement, &tile)
				}
			})
			.collect()
	});
}
