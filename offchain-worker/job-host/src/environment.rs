//! What an executable gets of the environment of whoever starts it, which may hold keys and passwords.

use std::{
	env::var_os,
	ffi::{OsStr, OsString},
};

/// The setting of workers and clients that holds the key with which they sign.
const SECRET: &str = "LEMMA_KEY";

/// How the names of settings begin that hold keys of stores.
const SECRETS: &str = "AWS_";

/// What programs need to run at all.
const HARMLESS: [&str; 8] = [
	"PATH",
	"HOME",
	"TMPDIR",
	"LANG",
	"LC_ALL",
	"LD_LIBRARY_PATH",
	"RUST_LOG",
	"RUST_BACKTRACE",
];

/// The whole environment of somebody else's program: names and values.
pub fn harmless() -> impl Iterator<Item = (&'static str, OsString)> {
	HARMLESS
		.into_iter()
		.filter_map(|name| Some((name, var_os(name)?)))
}

/// Whether a setting is a secret, which even a process of the same program is not to know: others of the same user can read what
/// it was started with.
pub fn is_secret(name: &OsStr) -> bool {
	name == SECRET || name.to_string_lossy().starts_with(SECRETS)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn keys_should_be_secrets_and_none_of_them_harmless() {
		for name in ["LEMMA_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
			assert!(is_secret(OsStr::new(name)), "{name}");
		}
		for name in HARMLESS {
			assert!(!is_secret(OsStr::new(name)), "{name}");
		}
		assert!(!is_secret(OsStr::new("LEMMA_KEYS_FOLDER")));
		let names: Vec<_> = harmless().map(|(name, _)| name).collect();
		assert!(
			names.iter().all(|name| HARMLESS.contains(name)),
			"{names:?}"
		);
	}
}
