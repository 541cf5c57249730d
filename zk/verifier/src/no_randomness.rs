//! Verification asks for no randomness, but `getrandom` is linked in by a dependency and a bare Wasm module has
//! no source of it. This one always fails.

use getrandom::Error;

fn no_randomness(_: &mut [u8]) -> Result<(), Error> {
	Err(Error::UNSUPPORTED)
}

getrandom::register_custom_getrandom!(no_randomness);
