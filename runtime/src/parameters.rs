//! What genesis chooses once and for all: the time from block to block.
//!
//! Aura asks the runtime for its slot duration, and nodes read it from genesis. As a constant it would
//! make a fast development chain a different runtime; as a value in storage, set by genesis and by
//! nothing else, every chain runs the same code. No call changes it: nodes keep the duration with which
//! they started, and a change would split them.

pub use pallet::*;

/// See the module.
// The macros' code.
#[allow(unused_qualifications, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use frame_support::pallet_prelude::*;

	use crate::constants::time::BLOCK_TIME_MS;

	/// Fastest chain that genesis can ask for: blocks must still be made, sent and imported.
	pub const SHORTEST_BLOCK_TIME_MS: u64 = 500;
	/// Slowest chain that genesis can ask for.
	pub const LONGEST_BLOCK_TIME_MS: u64 = 60_000;

	/// The storage's version.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// Nothing to configure.
	#[pallet::config]
	pub trait Config: frame_system::Config {}

	/// What a chain has whose genesis says nothing.
	#[pallet::type_value]
	pub fn DefaultBlockTime() -> u64 {
		BLOCK_TIME_MS
	}

	/// Time from one block to the next, milliseconds: Aura's slot duration.
	#[pallet::storage]
	pub type BlockTime<T: Config> = StorageValue<_, u64, ValueQuery, DefaultBlockTime>;

	/// What genesis chooses.
	#[pallet::genesis_config]
	pub struct GenesisConfig<T: Config> {
		/// Time from one block to the next, milliseconds.
		pub block_time: u64,
		/// No more to it.
		#[serde(skip)]
		pub _config: PhantomData<T>,
	}

	impl<T: Config> Default for GenesisConfig<T> {
		fn default() -> Self {
			Self {
				block_time: BLOCK_TIME_MS,
				_config: PhantomData,
			}
		}
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			assert!(
				(SHORTEST_BLOCK_TIME_MS..=LONGEST_BLOCK_TIME_MS).contains(&self.block_time),
				"chainParameters.blockTime must be 500 to 60000 milliseconds",
			);
			BlockTime::<T>::put(self.block_time);
		}
	}
}

/// The time from block to block as Aura and the timestamp pallet ask for it, divided by `DIVISOR`.
pub struct BlockTimeOver<T, const DIVISOR: u64>(core::marker::PhantomData<T>);

impl<T: Config, const DIVISOR: u64> sp_core::Get<u64> for BlockTimeOver<T, DIVISOR> {
	fn get() -> u64 {
		BlockTime::<T>::get()
			.checked_div(DIVISOR)
			.unwrap_or_default()
	}
}
