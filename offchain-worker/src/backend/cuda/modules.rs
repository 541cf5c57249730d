//! The kernels of each program, compiled and loaded when they are first needed.

use std::{
	collections::HashMap,
	sync::{Arc, Mutex, PoisonError},
};

use cudarc::{
	driver::{CudaContext, CudaFunction, CudaModule},
	nvrtc::Ptx,
};

use super::{
	super::BackendError,
	code,
	compile::{Compiler, Target},
	device,
};

/// Most sources whose kernels are kept on the device.
const MOST: usize = 64;

/// What has been loaded, by its source.
pub(super) struct Modules {
	context: Arc<CudaContext>,
	compiler: Compiler,
	target: Target,
	loaded: Mutex<HashMap<String, Arc<CudaModule>>>,
}

impl Modules {
	/// Nothing yet.
	pub fn new(context: Arc<CudaContext>, compiler: Compiler, target: Target) -> Self {
		Self {
			context,
			compiler,
			target,
			loaded: Mutex::default(),
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
		let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
		let module = match loaded.get(source) {
			Some(module) => module.clone(),
			None => {
				let module = self.load(source)?;
				if loaded.len() >= MOST {
					// Programs that are not built in may make one source for each job: begin again.
					loaded.clear();
				}
				loaded.insert(source.to_owned(), module.clone());
				module
			}
		};
		module.load_function(name).map_err(device)
	}

	/// Loads a source's kernels; compiles them anew if the driver refuses the kept file.
	fn load(&self, source: &str) -> Result<Arc<CudaModule>, BackendError> {
		let compiled = || self.compiler.get(source, self.target);
		let module = |image| self.context.load_module(Ptx::from_binary(image));
		if let Ok(loaded) = module(compiled()?) {
			return Ok(loaded);
		}
		self.compiler.forget(source, self.target);
		module(compiled()?).map_err(|error| {
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
