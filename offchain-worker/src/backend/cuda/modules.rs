//! The kernels of each program, compiled and loaded when they are first needed.

use std::{
	collections::HashMap,
	sync::{Arc, Mutex, PoisonError},
};

use cudarc::{
	driver::{sys::cudaError_enum, CudaContext, CudaFunction, CudaModule, DriverError},
	nvrtc::Ptx,
};

use super::{
	super::BackendError,
	code,
	compile::{is_built_in, Compiler, Target},
	device,
};

/// Most sources that are not built in of which the machine code is kept.
const MOST: usize = 64;

/// What has been loaded and compiled, by its source.
pub(super) struct Modules {
	context: Arc<CudaContext>,
	compiler: Compiler,
	target: Target,
	/// Built in.
	loaded: Mutex<HashMap<String, Arc<CudaModule>>>,
	/// Not built in: loaded anew for each job, so that a source's variables begin as they are written.
	compiled: Mutex<HashMap<String, Vec<u8>>>,
}

impl Modules {
	/// Nothing yet.
	pub fn new(context: Arc<CudaContext>, compiler: Compiler, target: Target) -> Self {
		Self {
			context,
			compiler,
			target,
			loaded: Mutex::default(),
			compiled: Mutex::default(),
		}
	}

	/// What the kernels are compiled for, and by what.
	pub fn describe(&self) -> String {
		format!(
			"kernels for {} by NVRTC {}",
			self.target,
			self.compiler.version()
		)
	}

	/// A kernel of `source`.
	///
	/// # Errors
	///
	/// [`BackendError::Unavailable`] if the source cannot be compiled or the driver refuses it.
	pub fn function(&self, source: &str, name: &str) -> Result<CudaFunction, BackendError> {
		let module = if is_built_in(source) {
			let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
			match loaded.get(source) {
				Some(module) => module.clone(),
				None => {
					let module = self.load(source)?;
					loaded.insert(source.to_owned(), module.clone());
					module
				}
			}
		} else {
			self.load(source)?
		};
		module.load_function(name).map_err(device)
	}

	/// A source's machine code.
	fn image(&self, source: &str) -> Result<Vec<u8>, BackendError> {
		if is_built_in(source) {
			return self.compiler.get(source, self.target);
		}
		let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
		if let Some(image) = compiled.get(source) {
			return Ok(image.clone());
		}
		let image = self.compiler.compile(source, self.target)?;
		if compiled.len() >= MOST {
			// A program may make one source for each job: begin again.
			compiled.clear();
		}
		compiled.insert(source.to_owned(), image.clone());
		Ok(image)
	}

	/// Loads a source's kernels; compiles them anew if the driver refuses the kept file.
	fn load(&self, source: &str) -> Result<Arc<CudaModule>, BackendError> {
		let module = || -> Result<_, BackendError> {
			Ok(self
				.context
				.load_module(Ptx::from_binary(self.image(source)?)))
		};
		match module()? {
			Ok(loaded) => return Ok(loaded),
			Err(error) if !is_refusal(&error) => return Err(device(error)),
			Err(_) => self.compiler.forget(source, self.target),
		}
		module()?.map_err(|error| {
			if !is_refusal(&error) {
				return device(error);
			}
			self.compiler.forget(source, self.target);
			BackendError::Unavailable(format!(
				"the driver refuses the kernels that NVRTC {} compiled ({}): update the driver, or install \
				the NVRTC of its CUDA version",
				self.compiler.version(),
				code(error)
			))
		})
	}
}

/// Whether the driver will not have the image, rather than fail at something else.
fn is_refusal(error: &DriverError) -> bool {
	use cudaError_enum::*;

	matches!(
		error.0,
		CUDA_ERROR_INVALID_IMAGE
			| CUDA_ERROR_NO_BINARY_FOR_GPU
			| CUDA_ERROR_INVALID_PTX
			| CUDA_ERROR_JIT_COMPILER_NOT_FOUND
			| CUDA_ERROR_UNSUPPORTED_PTX_VERSION
			| CUDA_ERROR_INVALID_SOURCE
	)
}
