//! Sr25519 keys: from a secret URI (`//Alice`, a mnemonic, a seed) or a key file.

use std::{
	fmt,
	io::Write,
	path::{Path, PathBuf},
	str::FromStr,
};

use sp_core::crypto::Ss58Codec;
use subxt_signer::{bip39::Mnemonic, sr25519::Keypair, SecretUri};

use crate::AccountId;

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
	/// The text is no secret.
	#[error(
		"this is no key: give a secret URI (//Alice, a mnemonic of 12 to 24 words, or 0x and 64 hex \
		 digits, each with optional //path) or the path of a key file"
	)]
	NotASecret,
	/// The text is neither the path of a file that is there nor a secret. Holds what may be shown of it.
	#[error(
		"there is no file {0} here, and it is no secret URI either: give the path of a key file (`lemma keys new --out \
		 my.key` makes one), a mnemonic of 12 to 24 words, 0x and 64 hex digits, or //Alice on a development chain"
	)]
	NeitherFileNorSecret(String),
	/// The text begins as a key of the development phrase, and looks like a path.
	#[error(
		"what begins with // is a key of the development phrase, which everybody knows, and this looks like the path of a \
		 file: write the path with a single / at its start"
	)]
	LooksLikeAPath,
	/// A key file cannot be read or written.
	#[error("the key file {path} cannot be {done}: {reason}")]
	File {
		/// The file.
		path: PathBuf,
		/// `read` or `written`.
		done: &'static str,
		/// What the system says.
		reason: String,
	},
	/// A key file is there already.
	#[error("{0} exists already: choose another name, or remove it first if you have a copy")]
	Exists(PathBuf),
	/// Others can read the key file.
	#[error("other users can read the key file {0}: run `chmod 600 {0}` first")]
	Exposed(PathBuf),
	/// The text is no account.
	#[error(
		"`{0}` is no account: give an SS58 address such as 5Grw…, 0x and 64 hex digits, or //Alice"
	)]
	NotAnAccount(String),
}

/// A pair of keys.
#[derive(Clone)]
pub struct Keys {
	pair: Keypair,
}

impl fmt::Debug for Keys {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Keys")
			.field("account", &self.account().to_ss58check())
			.finish()
	}
}

impl Keys {
	/// From a secret URI: a mnemonic or `0x` and a seed in hex, with derivations (`//hard`, `/soft`) and
	/// `///password` behind; or `//Name` alone, a development key.
	pub fn from_uri(uri: &str) -> Result<Self, KeyError> {
		let uri = uri.trim();
		// Without a phrase the development phrase is meant, which everybody knows: a mistyped path
		// must not come to mean it.
		if uri.is_empty() || (uri.starts_with('/') && !uri.starts_with("//")) {
			return Err(KeyError::NotASecret);
		}
		let uri = SecretUri::from_str(uri).map_err(|_| KeyError::NotASecret)?;
		let pair = Keypair::from_uri(&uri).map_err(|_| KeyError::NotASecret)?;
		Ok(Self { pair })
	}

	/// From a key file: one line, a secret URI. Refused when other users can read it.
	pub fn from_file(path: &Path) -> Result<Self, KeyError> {
		let failed = |e: std::io::Error| KeyError::File {
			path: path.into(),
			done: "read",
			reason: e.to_string(),
		};
		#[cfg(unix)]
		{
			use std::os::unix::fs::PermissionsExt;
			let mode = std::fs::metadata(path)
				.map_err(failed)?
				.permissions()
				.mode();
			if mode & 0o077 != 0 {
				return Err(KeyError::Exposed(path.into()));
			}
		}
		Self::from_uri(&std::fs::read_to_string(path).map_err(failed)?)
	}

	/// From what a user gives as `--key`: the path of a key file if there is such a file, else a secret
	/// URI.
	pub fn open(text: &str) -> Result<Self, KeyError> {
		check_no_path(text)?;
		let path = Path::new(text);
		let looks_like_a_path = text.starts_with(['/', '.', '~']);
		if !text.starts_with("//") && (looks_like_a_path || path.is_file()) {
			return Self::from_file(path);
		}
		Self::from_uri(text).map_err(|error| match error {
			KeyError::NotASecret => KeyError::NeitherFileNorSecret(shown(text).into()),
			error => error,
		})
	}

	/// New keys of 128 random bits, with their mnemonic.
	pub fn generate() -> (Self, String) {
		use rand::RngCore;
		let mut entropy = [0u8; 16];
		rand::rngs::OsRng.fill_bytes(&mut entropy);
		let phrase = Mnemonic::from_entropy(&entropy)
			.expect("128 bits make 12 words")
			.to_string();
		let keys = Self::from_uri(&phrase).expect("a mnemonic is a secret URI");
		(keys, phrase)
	}

	/// Writes a secret URI to a new file that only its owner can read.
	pub fn write_file(path: &Path, secret_uri: &str) -> Result<(), KeyError> {
		Self::from_uri(secret_uri)?;
		let mut options = std::fs::OpenOptions::new();
		options.write(true).create_new(true);
		#[cfg(unix)]
		{
			use std::os::unix::fs::OpenOptionsExt;
			options.mode(0o600);
		}
		let failed = |e: std::io::Error| match e.kind() {
			std::io::ErrorKind::AlreadyExists => KeyError::Exists(path.into()),
			_ => KeyError::File {
				path: path.into(),
				done: "written",
				reason: e.to_string(),
			},
		};
		let mut file = options.open(path).map_err(failed)?;
		writeln!(file, "{}", secret_uri.trim()).map_err(failed)?;
		file.sync_all().map_err(failed)
	}

	/// The account that signs with these keys.
	pub fn account(&self) -> AccountId {
		AccountId::new(self.pair.public_key().0)
	}

	/// subxt's key pair, which signs transactions.
	pub fn pair(&self) -> &Keypair {
		&self.pair
	}
}

/// A text that was meant as a path or as a secret, unless it may be a secret with a mistake in it.
fn shown(text: &str) -> &str {
	// Of a mnemonic, whatever is between its words.
	let words = text.split(|c: char| !c.is_alphanumeric()).count();
	let is_digits = text.len() >= 32 && text.chars().all(|c| c.is_ascii_hexdigit());
	let may_be_secret = words >= 12
		|| is_digits
		|| text.contains(char::is_whitespace)
		|| text.starts_with("0x")
		|| text.contains("//");
	match text.is_empty() || may_be_secret || text.chars().count() > 100 {
		true => "of that name",
		false => text,
	}
}

/// Refuses a path that begins with two slashes: it would come to mean a key that everybody knows.
fn check_no_path(text: &str) -> Result<(), KeyError> {
	let text = text.trim();
	// A password may hold anything.
	let derivation = text.split_once("///").map_or(text, |(before, _)| before);
	let is_path = derivation.is_empty() || derivation.contains('.') || Path::new(text).exists();
	if text.starts_with("//") && is_path {
		return Err(KeyError::LooksLikeAPath);
	}
	Ok(())
}

/// Reads an account: an SS58 address of any network, `0x` and 64 hex digits, or `//Name` for a
/// development account.
pub fn parse_account(text: &str) -> Result<AccountId, KeyError> {
	let text = text.trim();
	if text.starts_with("//") {
		check_no_path(text)?;
		return Keys::from_uri(text).map(|keys| keys.account());
	}
	let not_an_account = || KeyError::NotAnAccount(text.into());
	if let Some(digits) = text.strip_prefix("0x") {
		let mut bytes = [0u8; 32];
		hex::decode_to_slice(digits, &mut bytes).map_err(|_| not_an_account())?;
		return Ok(AccountId::new(bytes));
	}
	AccountId::from_ss58check_with_version(text)
		.map(|(account, _)| account)
		.map_err(|_| not_an_account())
}

/// An account's SS58 address with the chain's prefix, 42.
pub fn format_account(account: &AccountId) -> String {
	account.to_ss58check_with_version(42u16.into())
}

#[cfg(test)]
mod tests {
	use super::*;

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

	#[test]
	fn the_development_key_should_have_its_known_address() {
		let account = Keys::from_uri("//Alice").expect("a secret").account();
		assert_eq!(format_account(&account), ALICE);
		assert_eq!(parse_account(ALICE).expect("an address"), account);
		assert_eq!(parse_account("//Alice").expect("a name"), account);
		let hex = format!("0x{}", hex::encode(account.as_ref() as &[u8; 32]));
		assert_eq!(parse_account(&hex).expect("hex"), account);
	}

	#[test]
	fn keys_should_be_the_same_after_a_file() {
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("key");
		let (keys, phrase) = Keys::generate();
		Keys::write_file(&path, &phrase).expect("written");
		let read = Keys::open(path.to_str().expect("UTF-8")).expect("read");
		assert_eq!(read.account(), keys.account());
		assert!(matches!(
			Keys::write_file(&path, &phrase),
			Err(KeyError::Exists(_))
		));
	}

	#[cfg(unix)]
	#[test]
	fn a_key_file_should_be_refused_when_others_can_read_it() {
		use std::os::unix::fs::PermissionsExt;
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("key");
		Keys::write_file(&path, "//Alice").expect("written");
		let mode = std::fs::metadata(&path)
			.expect("there")
			.permissions()
			.mode();
		assert_eq!(mode & 0o777, 0o600);
		std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
		assert!(matches!(Keys::from_file(&path), Err(KeyError::Exposed(_))));
	}

	#[test]
	fn secrets_should_be_refused_when_they_are_none() {
		for text in [
			"",
			"hello",
			"0x1234",
			"bottom drive obey lake curtain smoke basket hold race",
		] {
			assert!(
				matches!(Keys::open(text), Err(KeyError::NeitherFileNorSecret(_))),
				"{text}"
			);
			assert!(
				matches!(Keys::from_uri(text), Err(KeyError::NotASecret)),
				"{text}"
			);
		}
	}

	#[test]
	fn a_missing_key_file_should_be_named_unless_it_may_be_a_secret() {
		let refusal = |text: &str| match Keys::open(text) {
			Err(error) => error.to_string(),
			Ok(_) => panic!("{text} is no key"),
		};
		for text in ["provider.key", "keys/provider.key", "my-operators-2.key"] {
			let told = refusal(text);
			assert!(
				told.contains(&format!("no file {text} here")) && told.contains("lemma keys new"),
				"{told}"
			);
		}
		let words = "bottom drive obey lake curtain smoke basket hold race lonely fit wolk";
		let seed = "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c";
		for text in [
			words,
			&words.replace(' ', "-"),
			&words.replace(' ', ","),
			seed,
			&format!("0x{seed}"),
			"bottom///pass",
			&"x".repeat(101),
			"",
		] {
			let told = refusal(text);
			assert!(told.contains("no file of that name here"), "{told}");
			for secret in ["bottom", "wolk", "e5be", "pass", "xxx"] {
				assert!(!told.contains(secret), "{told}");
			}
		}
	}

	#[test]
	fn a_mistyped_path_should_not_become_a_key_derived_from_the_development_phrase() {
		for text in ["/no/such/key", "./no-such-key", "~/no-such-key"] {
			assert!(
				matches!(Keys::open(text), Err(KeyError::File { .. })),
				"{text}"
			);
			assert!(
				matches!(Keys::from_uri(text), Err(KeyError::NotASecret)),
				"{text}"
			);
		}
	}

	#[test]
	fn a_path_that_begins_with_two_slashes_should_not_become_a_key_of_the_development_phrase() {
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("key");
		Keys::write_file(&path, "//Bob").expect("written");
		let there = format!("/{}", path.display());
		assert!(there.starts_with("//"));
		for text in [
			there.as_str(),
			"//home/u/my.key",
			"//home/u/.keys/me",
			"///home/u/key",
		] {
			assert!(
				matches!(Keys::open(text), Err(KeyError::LooksLikeAPath)),
				"{text}"
			);
			assert!(
				matches!(parse_account(text), Err(KeyError::LooksLikeAPath)),
				"{text}"
			);
		}
		for text in [
			"//Alice",
			"//Alice//stash",
			"//Alice/soft",
			"//Alice///pass.word",
		] {
			assert!(Keys::open(text).is_ok(), "{text}");
		}
	}

	#[test]
	fn accounts_should_be_refused_when_they_are_none() {
		for text in [
			"",
			"0x1234",
			"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ",
			"alice",
		] {
			assert!(
				matches!(parse_account(text), Err(KeyError::NotAnAccount(_))),
				"{text}"
			);
		}
	}

	#[test]
	fn the_debug_text_of_keys_should_not_hold_the_secret() {
		let (keys, _) = Keys::generate();
		// The whole text: a word of the phrase ("account" is one) may also be a word of ours.
		assert_eq!(
			format!("{keys:?}"),
			format!("Keys {{ account: {:?} }}", keys.account().to_ss58check())
		);
	}
}
