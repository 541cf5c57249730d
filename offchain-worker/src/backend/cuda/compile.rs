//! Compiles the kernels at run time with NVRTC, and keeps what it compiled.
//!
//! Machine code for the device's own architecture is preferred (it also loads under a driver that is older
//! than NVRTC); a device newer than NVRTC gets PTX for the newest architecture that NVRTC knows. Kept files
//! are named by the hash of source, options (the target is one) and NVRTC's version: none is ever out of date. They begin with
//! the hash of what follows: a damaged one is compiled anew, since the driver takes an image by its address alone.

use std::{
	ffi::{CStr, CString},
	fmt, fs,
	io::Write as _,
	path::{Path, PathBuf},
};

use cudarc::nvrtc::{result, sys};
use lemma_zk_statement::blake2_256;

use super::super::BackendError;

/// The matrix product's kernels.
pub const GEMM: &str = include_str!("../../../kernels/gemm.cu");

/// The networks' kernels.
pub const INFER: &str = include_str!("../../../kernels/infer.cu");

/// The training's kernels.
pub const TRAIN: &str = include_str!("../../../kernels/train.cu");

/// The fractals' kernel.
pub const FRACTAL: &str = include_str!("../../../kernels/fractal.cu");

/// The renderer's kernel.
pub const RENDER: &str = include_str!("../../../kernels/render.cu");

/// What may be kept: kernels that others bring are compiled anew by each process.
const BUILT_IN: [&str; 5] = [GEMM, INFER, TRAIN, FRACTAL, RENDER];

/// What to compile for. The number is the compute capability's digits, 89 for 8.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
	/// Machine code of one architecture.
	Cubin(u32),
	/// The driver's intermediate language, which it compiles for any newer architecture.
	Ptx(u32),
}

impl Target {
	/// The best for a device of this capability, of what NVRTC can compile for.
	///
	/// # Errors
	///
	/// [`BackendError::Unavailable`] if NVRTC knows only newer architectures.
	pub fn for_device(capability: u32, supported: &[u32]) -> Result<Self, BackendError> {
		if supported.contains(&capability) {
			return Ok(Self::Cubin(capability));
		}
		let older = supported
			.iter()
			.copied()
			.filter(|&known| known < capability)
			.max();
		older.map(Self::Ptx).ok_or_else(|| {
			BackendError::Unavailable(format!(
				"the installed NVRTC no longer compiles for compute capability {}.{}: install an \
				older one (CUDA 12)",
				capability / 10,
				capability % 10
			))
		})
	}
}

impl fmt::Display for Target {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Cubin(capability) => write!(f, "sm_{capability}"),
			Self::Ptx(capability) => write!(f, "compute_{capability}"),
		}
	}
}

/// NVRTC, known to be there.
#[derive(Clone, Debug)]
pub struct Compiler {
	version: (i32, i32),
	supported: Vec<u32>,
	kept: Option<PathBuf>,
}

impl Compiler {
	/// Finds the library.
	///
	/// # Errors
	///
	/// [`BackendError::Unavailable`] if it is not installed, with how to install it.
	pub fn find() -> Result<Self, BackendError> {
		// SAFETY: asks the loader for the library; its initialisers are NVIDIA's.
		if !unsafe { sys::is_culib_present() } {
			return Err(BackendError::Unavailable(
				"NVRTC, which compiles the kernels, was not found (libnvrtc.so.12): install the CUDA \
				toolkit 12, or run `pip install nvidia-cuda-nvrtc-cu12` and add its folder \
				nvidia/cuda_nvrtc/lib to LD_LIBRARY_PATH"
					.into(),
			));
		}
		let (mut major, mut minor, mut count) = (0, 0, 0);
		// SAFETY: the pointers are to live integers.
		let mut supported = unsafe {
			sys::nvrtcVersion(&mut major, &mut minor)
				.result()
				.map_err(failed)?;
			sys::nvrtcGetNumSupportedArchs(&mut count)
				.result()
				.map_err(failed)?;
			vec![0; usize::try_from(count).unwrap_or(0)]
		};
		// SAFETY: the array is as long as NVRTC has just said.
		unsafe { sys::nvrtcGetSupportedArchs(supported.as_mut_ptr()) }
			.result()
			.map_err(failed)?;
		let supported = supported
			.into_iter()
			.filter_map(|arch| u32::try_from(arch).ok())
			.collect();
		Ok(Self {
			version: (major, minor),
			supported,
			kept: default_folder(),
		})
	}

	/// Keeps compiled kernels in `folder` instead of the user's cache; nowhere if `None`.
	pub fn keep_in(mut self, folder: Option<PathBuf>) -> Self {
		self.kept = folder;
		self
	}

	/// Capabilities that it can compile for.
	pub fn supported(&self) -> &[u32] {
		&self.supported
	}

	/// NVRTC's version.
	pub fn version(&self) -> String {
		format!("{}.{}", self.version.0, self.version.1)
	}

	/// Compiled `source`, from the kept files if it is built in and there.
	///
	/// # Errors
	///
	/// [`BackendError::Unavailable`] with the compiler's messages.
	pub fn get(&self, source: &str, target: Target) -> Result<Vec<u8>, BackendError> {
		let Some(file) = self.file(source, target) else {
			return self.compile(source, target);
		};
		if let Some(kept) = read_kept(&file) {
			return Ok(kept);
		}
		let image = self.compile(source, target)?;
		if let Err(error) = keep(&file, &image) {
			tracing::warn!(
				"the compiled kernels cannot be kept in {} ({error}): they are compiled at every start",
				file.display()
			);
		}
		Ok(image)
	}

	/// Forgets what is kept of `source`, because the driver refused it.
	pub fn forget(&self, source: &str, target: Target) {
		if let Some(file) = self.file(source, target) {
			// Nothing is lost if it stays: the next start finds it refused again.
			let _ = fs::remove_file(file);
		}
	}

	/// Where `source` is kept; nowhere unless it is built in.
	fn file(&self, source: &str, target: Target) -> Option<PathBuf> {
		if !is_built_in(source) {
			return None;
		}
		let options = options(target).join("\0");
		let key = format!("{}\0{options}\0{source}", self.version());
		let name = hex::encode(&blake2_256(key.as_bytes())[..16]);
		Some(self.kept.as_ref()?.join(format!("{name}-{target}")))
	}

	/// Compiles `source`: machine code, or PTX text with its closing zero.
	///
	/// # Errors
	///
	/// [`BackendError::Unavailable`] with the compiler's messages.
	pub fn compile(&self, source: &str, target: Target) -> Result<Vec<u8>, BackendError> {
		let source = CString::new(source)
			.map_err(|_| BackendError::Unavailable("a kernel's source has a zero byte".into()))?;
		let program = Program(result::create_program(&source, None).map_err(failed)?);
		// SAFETY: `program` lives, here and below.
		if let Err(error) = unsafe { result::compile_program(program.0, &options(target)) } {
			let log = unsafe { result::get_program_log(program.0) }.unwrap_or_default();
			let log: Vec<u8> = log.into_iter().map(|c| c as u8).collect();
			let log = CStr::from_bytes_until_nul(&log).map(CStr::to_string_lossy);
			return Err(BackendError::Unavailable(format!(
				"NVRTC {} did not compile the kernels for {target} ({:?}): {}",
				self.version(),
				error.0,
				log.as_deref().unwrap_or("no message").trim()
			)));
		}
		match target {
			Target::Ptx(_) => {
				let ptx = unsafe { result::get_ptx(program.0) }.map_err(failed)?;
				Ok(ptx.into_iter().map(|c| c as u8).collect())
			}
			Target::Cubin(_) => {
				let mut size = 0;
				unsafe { sys::nvrtcGetCUBINSize(program.0, &mut size) }
					.result()
					.map_err(failed)?;
				let mut image = vec![0u8; size];
				// SAFETY: the buffer is as long as NVRTC has just said.
				unsafe { sys::nvrtcGetCUBIN(program.0, image.as_mut_ptr().cast()) }
					.result()
					.map_err(failed)?;
				Ok(image)
			}
		}
	}
}

/// An NVRTC program, destroyed at the end.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
	fn drop(&mut self) {
		// SAFETY: it was created by NVRTC and is destroyed once. A failure leaves nothing to be done.
		let _ = unsafe { result::destroy_program(self.0) };
	}
}

fn failed(error: result::NvrtcError) -> BackendError {
	BackendError::Unavailable(format!(
		"NVRTC failed ({:?}): check that libnvrtc and libnvrtc-builtins are of one version",
		error.0
	))
}

fn default_folder() -> Option<PathBuf> {
	let set = |name| {
		std::env::var_os(name)
			.filter(|value| !value.is_empty())
			.map(PathBuf::from)
	};
	let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
	Some(cache.join("lemma").join("kernels"))
}

/// Whether a source is Lemma's own.
pub(super) fn is_built_in(source: &str) -> bool {
	BUILT_IN.contains(&source)
}

fn options(target: Target) -> [String; 2] {
	[
		format!("--gpu-architecture={target}"),
		"--std=c++17".to_owned(),
	]
}

/// A kept image, if the file is whole.
fn read_kept(file: &Path) -> Option<Vec<u8>> {
	let bytes = fs::read(file).ok()?;
	let (hash, image) = bytes.split_first_chunk::<32>()?;
	(blake2_256(image) == *hash).then(|| image.to_vec())
}

/// Writes under a name of its own first: a reader finds all of the file or none.
fn keep(file: &Path, image: &[u8]) -> std::io::Result<()> {
	let folder = file.parent().unwrap_or(Path::new("."));
	fs::create_dir_all(folder)?;
	let mut part = tempfile::NamedTempFile::new_in(folder)?;
	part.write_all(&blake2_256(image))?;
	part.write_all(image)?;
	part.as_file().sync_all()?;
	part.persist(file)?;
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn targets_should_be_the_device_itself_or_the_newest_older_architecture() {
		assert_eq!(Target::for_device(89, &[75, 89, 90]), Ok(Target::Cubin(89)));
		assert_eq!(Target::for_device(121, &[75, 89, 90]), Ok(Target::Ptx(90)));
		assert!(Target::for_device(61, &[75, 89, 90]).is_err());
	}

	#[test]
	fn kept_kernels_should_be_read_back_by_source_target_and_version() {
		let folder = tempfile::tempdir().unwrap();
		let compiler = |minor| Compiler {
			version: (12, minor),
			supported: vec![90],
			kept: Some(folder.path().join("kernels")),
		};
		let file = compiler(1).file(GEMM, Target::Cubin(90)).unwrap();
		keep(&file, b"image").unwrap();
		assert_eq!(compiler(1).get(GEMM, Target::Cubin(90)).unwrap(), b"image");
		for other in [
			compiler(2).file(GEMM, Target::Cubin(90)),
			compiler(1).file(GEMM, Target::Ptx(90)),
			compiler(1).file(INFER, Target::Cubin(90)),
		] {
			assert_ne!(other.unwrap(), file);
		}
		compiler(1).forget(GEMM, Target::Cubin(90));
		assert!(!file.exists());
	}

	#[test]
	fn kept_kernels_should_be_taken_only_whole() {
		let folder = tempfile::tempdir().unwrap();
		let file = folder.path().join("kernels").join("kept");
		assert_eq!(read_kept(&file), None);
		keep(&file, b"image").unwrap();
		assert_eq!(read_kept(&file), Some(b"image".to_vec()));
		let whole = fs::read(&file).unwrap();
		for length in 0..whole.len() {
			fs::write(&file, &whole[..length]).unwrap();
			assert_eq!(read_kept(&file), None, "{length} bytes");
		}
		keep(&file, b"image").unwrap();
		assert_eq!(
			fs::read_dir(folder.path().join("kernels")).unwrap().count(),
			1
		);
	}

	#[test]
	fn kernels_that_are_not_built_in_should_be_kept_nowhere() {
		let compiler = Compiler {
			version: (12, 1),
			supported: vec![90],
			kept: Some("/nowhere".into()),
		};
		assert_eq!(compiler.file("source", Target::Cubin(90)), None);
		for source in BUILT_IN {
			assert!(compiler.file(source, Target::Cubin(90)).is_some());
		}
	}
}
