//! Targets, and running them without an engine.

use std::{
	fs,
	path::{Path, PathBuf},
	sync::OnceLock,
};

/// Something that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
	/// Its name: that of its corpus's folder, and what `scripts/fuzz` calls it.
	pub name: &'static str,
	/// Panics if something is wrong.
	pub run: fn(&[u8]),
	/// Inputs to begin with, beside the corpus: what code makes better than a file holds it.
	pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Name of the variable that says which target an engine runs.
const CHOSEN: &str = "LEMMA_FUZZ_TARGET";
/// Name of the variable that says to which folder an engine's first inputs are written.
const SEEDS: &str = "LEMMA_FUZZ_SEEDS";

fn chosen(targets: &[Target]) -> Target {
	let name = std::env::var(CHOSEN).unwrap_or_default();
	match targets.iter().find(|target| target.name == name) {
		Some(target) => *target,
		None => panic!("{CHOSEN} is {name:?}, which is no target here: run scripts/fuzz"),
	}
}

/// Writes the chosen target's first inputs, before an engine reads them.
pub fn begin(targets: &[Target]) {
	let seeds = (chosen(targets).seeds)();
	if let Some(folder) = std::env::var_os(SEEDS).map(PathBuf::from) {
		for (i, seed) in seeds.iter().enumerate() {
			let written = fs::write(folder.join(format!("seed-{i}")), seed);
			written.expect("scripts/fuzz has made the folder");
		}
	}
}

/// Runs the chosen target: an engine's one entry.
pub fn run_chosen(targets: &[Target], bytes: &[u8]) {
	static RUN: OnceLock<fn(&[u8])> = OnceLock::new();
	RUN.get_or_init(|| chosen(targets).run)(bytes);
}

/// Runs a target on its corpus, a folder below `corpora`, on its seeds, and on `mutations` changed copies of them, the same
/// ones every time. What it dies of is kept in the folder for temporary files.
pub fn smoke(target: &Target, corpora: &Path, mutations: usize) {
	let mut inputs = corpus(&corpora.join(target.name));
	inputs.extend((target.seeds)());
	assert!(
		!inputs.is_empty(),
		"{} has neither seeds nor a corpus",
		target.name
	);
	for input in &inputs {
		run(target, input);
	}
	let mut noise = Noise(0x1e44a);
	for _ in 0..mutations {
		let input = mutated(&inputs, &mut noise);
		run(target, &input);
	}
}

/// The files of a folder, in the order of their names; none if there is no folder.
fn corpus(folder: &Path) -> Vec<Vec<u8>> {
	let Ok(entries) = fs::read_dir(folder) else {
		return Vec::new();
	};
	let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
	paths.sort();
	paths
		.iter()
		.map(|path| fs::read(path).expect("a corpus holds files only"))
		.collect()
}

fn run(target: &Target, input: &[u8]) {
	let _note = Note { target, input };
	(target.run)(input);
}

/// Writes down what the target died of.
struct Note<'a> {
	target: &'a Target,
	input: &'a [u8],
}

impl Drop for Note<'_> {
	fn drop(&mut self) {
		if std::thread::panicking() {
			let path = std::env::temp_dir().join(format!("lemma-fuzz-{}", self.target.name));
			match fs::write(&path, self.input) {
				Ok(()) => eprintln!("the input is in {}", path.display()),
				Err(error) => eprintln!("the input could not be written: {error}"),
			}
		}
	}
}

/// Random enough, and the same in every run.
pub struct Noise(pub u64);

impl Noise {
	/// A number below `below`, which is not 0.
	pub fn next(&mut self, below: usize) -> usize {
		self.0 = self
			.0
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1_442_695_040_888_963_407);
		((self.0 >> 33) as usize) % below
	}
}

/// Numbers at which things change.
const NUMBERS: [u64; 10] = [
	0,
	1,
	0x7f,
	0x80,
	0xffff,
	1 << 31,
	u32::MAX as u64,
	// The field's order, and one less.
	0xffff_ffff_0000_0000,
	0xffff_ffff_0000_0001,
	u64::MAX,
];

/// One of the inputs with one to four changes.
fn mutated(inputs: &[Vec<u8>], noise: &mut Noise) -> Vec<u8> {
	let mut bytes = inputs[noise.next(inputs.len())].clone();
	for _ in 0..=noise.next(4) {
		change(&mut bytes, inputs, noise);
	}
	bytes
}

fn change(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], noise: &mut Noise) {
	if bytes.is_empty() {
		bytes.push(noise.next(256) as u8);
	}
	let at = noise.next(bytes.len());
	let length = 1 + noise.next((bytes.len() - at).min(64));
	match noise.next(8) {
		0 => bytes[at] ^= 1 << noise.next(8),
		1 => bytes[at] = noise.next(256) as u8,
		2 => {
			let number = NUMBERS[noise.next(NUMBERS.len())].to_le_bytes();
			let width = [1, 2, 4, 8][noise.next(4)].min(bytes.len() - at);
			bytes[at..at + width].copy_from_slice(&number[..width]);
		}
		3 => bytes.truncate(at),
		4 => {
			bytes.drain(at..at + length);
		}
		5 => {
			let copy = bytes[at..at + length].to_vec();
			let to = noise.next(bytes.len() + 1);
			bytes.splice(to..to, copy);
		}
		6 => {
			let to = noise.next(bytes.len() + 1 - length);
			bytes.copy_within(at..at + length, to);
		}
		_ => {
			let other = &inputs[noise.next(inputs.len())];
			if !other.is_empty() {
				bytes.truncate(at);
				bytes.extend(&other[noise.next(other.len())..]);
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn mutated_should_give_many_different_inputs_that_are_the_same_every_time() {
		let inputs = [vec![0; 100], (0..200).collect(), Vec::new()];
		let all = || {
			let mut noise = Noise(1);
			(0..1000)
				.map(|_| mutated(&inputs, &mut noise))
				.collect::<Vec<_>>()
		};
		let first = all();
		assert_eq!(first, all());
		let different: std::collections::HashSet<_> = first.into_iter().collect();
		assert!(different.len() > 800, "{}", different.len());
	}

	#[test]
	#[should_panic(expected = "a seven")]
	fn smoke_should_find_what_a_mutation_reaches() {
		let target = Target {
			name: "seven",
			run: |bytes| assert!(!bytes.contains(&7), "a seven"),
			seeds: || vec![vec![6; 10]],
		};
		smoke(&target, Path::new("/nonexistent"), 1000);
	}
}
