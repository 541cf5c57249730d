//! Programs that come as files: the bundles that the operator named, loaded at the start.

use std::{
	fs,
	panic::{catch_unwind, AssertUnwindSafe},
	path::{Path, PathBuf},
	time::Instant,
};

use anyhow::{bail, Context as _};
use lemma_zk_circuits::programs::bundles::{begins_as_bundle, open_bundle};

use crate::catalogue::Catalogue;

/// Longest bundle: the most that a network's weights take is less.
const MAX_BYTES: u64 = 64 << 20;

/// The programs that are built in, and those of the bundles at `places`: files, or folders of them. Takes seconds and more for
/// each.
///
/// # Errors
///
/// If a place cannot be read, a file is no bundle, or a folder has none. The text names the file.
pub fn load(places: &[PathBuf]) -> anyhow::Result<Catalogue> {
	let mut programs = Catalogue::default();
	for place in places {
		let unreadable = || format!("`bundles`: {} cannot be read", place.display());
		if fs::metadata(place).with_context(unreadable)?.is_dir() {
			load_folder(&mut programs, place)?;
		} else {
			load_file(&mut programs, place, read(place)?)?;
		}
	}
	Ok(programs)
}

/// Loads every file of a folder that begins as a bundle does, in the order of their names.
fn load_folder(programs: &mut Catalogue, folder: &Path) -> anyhow::Result<()> {
	let unreadable = || format!("`bundles`: the folder {} cannot be read", folder.display());
	let entries: Result<Vec<_>, _> = fs::read_dir(folder).with_context(unreadable)?.collect();
	let mut files: Vec<PathBuf> = (entries.with_context(unreadable)?.into_iter())
		.map(|entry| entry.path())
		.filter(|path| path.is_file())
		.collect();
	files.sort();
	let mut found = false;
	for path in files {
		if is_meant(&path)? {
			load_file(programs, &path, read(&path)?)?;
			found = true;
		}
	}
	if !found {
		bail!(
			"`bundles`: no file in {} is a bundle: `lemma model build` makes them",
			folder.display()
		);
	}
	Ok(())
}

/// Whether a file of a folder begins as a bundle does.
fn is_meant(path: &Path) -> anyhow::Result<bool> {
	use std::io::Read as _;

	let mut beginning = Vec::new();
	fs::File::open(path)
		.and_then(|file| file.take(8).read_to_end(&mut beginning))
		.with_context(|| format!("`bundles`: {} cannot be read", path.display()))?;
	Ok(begins_as_bundle(&beginning))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
	let unreadable = || format!("`bundles`: {} cannot be read", path.display());
	let bytes = fs::metadata(path).with_context(unreadable)?.len();
	if bytes > MAX_BYTES {
		bail!(
			"`bundles`: {} has {bytes} bytes, and a bundle has at most {MAX_BYTES}",
			path.display()
		);
	}
	fs::read(path).with_context(unreadable)
}

fn load_file(programs: &mut Catalogue, path: &Path, bundle: Vec<u8>) -> anyhow::Result<()> {
	tracing::info!(
		bundle = %path.display(),
		"loading: its circuits are built, which takes seconds to minutes"
	);
	let started = Instant::now();
	let loaded = catch_unwind(AssertUnwindSafe(|| {
		let program = open_bundle(&bundle)?;
		let classes = programs.add_bundle(&*program, bundle);
		anyhow::Ok((program.name(), classes))
	}));
	let (program, classes) = loaded
		.map_err(|_| anyhow::anyhow!("its circuits cannot be built"))
		.and_then(|loaded| loaded)
		.with_context(|| format!("`bundles`: {} cannot be loaded", path.display()))?;
	for class in classes {
		tracing::info!(
			bundle = %path.display(),
			program = format!("{program}/{}", class.name),
			id = format!("0x{}", hex::encode(class.id)),
			seconds = started.elapsed().as_secs_f64(),
			"loaded"
		);
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use lemma_zk_circuits::programs::{
		self,
		infer::{
			model::{Layer, Linear, Op, Shape},
			Bundle, Model,
		},
	};

	use super::*;

	/// Four inputs, two scores.
	fn bundle(batches: &[usize]) -> Vec<u8> {
		let linear = Linear {
			weights: vec![1, -2, 3, -4, 5, -6, 7, -8],
			bias: vec![100, -100],
			requantise: None,
		};
		let layers = vec![Layer {
			input: 0,
			op: Op::Dense(linear),
		}];
		let model = Model::new(Shape::vector(4), layers).unwrap();
		Bundle::new(model, batches.to_vec()).unwrap().encode()
	}

	fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
		let path = folder.path().join(name);
		fs::write(&path, bytes).unwrap();
		path
	}

	fn refusal(place: PathBuf) -> String {
		match load(std::slice::from_ref(&place)) {
			Ok(_) => panic!("{} was loaded", place.display()),
			Err(error) => format!("{error:#}"),
		}
	}

	#[test]
	fn programs_should_be_those_built_in_when_no_bundle_is_named() {
		let programs = load(&[]).unwrap();
		assert_eq!(programs.entries().len(), programs::all().len());
	}

	#[test]
	fn bundles_of_a_folder_should_be_loaded_and_other_files_left_alone() {
		let folder = tempfile::tempdir().unwrap();
		let network = write(&folder, "a network", &bundle(&[1]));
		write(&folder, "more of it", &bundle(&[1, 2]));
		write(&folder, "README", b"lemma");
		write(&folder, "empty", b"");
		fs::create_dir(folder.path().join("others")).unwrap();
		let programs = load(&[folder.path().to_owned(), network]).unwrap();
		let loaded = &programs.entries()[programs::all().len()..];
		let names = loaded.iter().map(|program| {
			let classes = program.classes.iter().map(|class| class.name.clone());
			(program.name.as_str(), classes.collect::<Vec<_>>().join(" "))
		});
		let names: Vec<_> = names.collect();
		assert_eq!(
			names,
			[("infer", "b1".to_owned()), ("infer", "b1 b2".to_owned())]
		);
		for class in loaded.iter().flat_map(|program| &program.classes) {
			assert!(programs.find(&class.id).is_some());
			assert!(programs::find(&class.id).is_none());
		}
	}

	#[test]
	fn what_is_no_bundle_should_be_an_error_that_names_the_file() {
		let folder = tempfile::tempdir().unwrap();
		let nowhere = folder.path().join("nowhere");
		let text = refusal(nowhere.clone());
		assert!(
			text.contains(&nowhere.display().to_string()) && text.contains("cannot be read"),
			"{text}"
		);
		let text = refusal(folder.path().to_owned());
		assert!(text.contains("lemma model build"), "{text}");
		let cut = bundle(&[1]);
		for (name, bytes) in [
			("cut", &cut[..cut.len() - 1]),
			("text", &b"key = 1"[..]),
			("empty", &[]),
		] {
			let text = refusal(write(&folder, name, bytes));
			assert!(
				text.contains(name) && text.contains("cannot be loaded"),
				"{text}"
			);
		}
		// In a folder too, what begins as a bundle must be one.
		let text = refusal(folder.path().to_owned());
		assert!(text.contains("cut"), "{text}");
		let large = write(&folder, "large", &bundle(&[1]));
		fs::File::options()
			.write(true)
			.open(&large)
			.and_then(|file| file.set_len(MAX_BYTES + 1))
			.unwrap();
		assert!(refusal(large).contains("at most"));
	}
}
