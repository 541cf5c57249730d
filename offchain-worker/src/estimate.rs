//! What this machine can promise: seconds and memory for a job, from what `lemma-worker bench` measured.

use std::path::Path;

/// Seconds for the unit of cost (one 256x256x256 product) where nothing was measured: a slow machine.
pub const DEFAULT_SECONDS_PER_UNIT: f64 = 20.0;
/// Seconds that a job takes at least: proving has a part that does not shrink with the job.
const LEAST_SECONDS: f64 = 3.0;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
	seconds_per_unit: f64,
	measured: bool,
}

impl Default for Estimate {
	fn default() -> Self {
		Self {
			seconds_per_unit: DEFAULT_SECONDS_PER_UNIT,
			measured: false,
		}
	}
}

impl Estimate {
	/// From the file that `bench` wrote; the default where there is none.
	///
	/// Errors: the file is there but is not what `bench` writes.
	pub fn load(path: &Path) -> Result<Self, String> {
		let text = match std::fs::read_to_string(path) {
			Ok(text) => text,
			Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
				return Ok(Self::default())
			}
			Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
		};
		let seconds = crate::bench::seconds_per_unit(&text).map_err(|error| {
			format!(
				"{}: {error}; run `lemma-worker bench` again",
				path.display()
			)
		})?;
		Ok(Self {
			seconds_per_unit: seconds,
			measured: true,
		})
	}

	/// Whether it rests on a measurement.
	pub fn is_measured(&self) -> bool {
		self.measured
	}

	/// Seconds from input to verified proof, for a cost in units of one 256x256x256 product.
	pub fn of_cost(&self, cost: f64) -> f64 {
		(cost * self.seconds_per_unit).max(LEAST_SECONDS)
	}
}
