//! Addresses of nodes and stores as they may be shown.
//!
//! What is wrong is told in logs, at `/health` and on terminals, to more people than may know the key in a
//! hosted node's path or the password in a store's address.

use url::Url;

/// Stands for what is no address.
const UNREADABLE: &str = "the given address";

/// An address without what may be secret in it: scheme, host and port, such as `ws://127.0.0.1:9944`. A text
/// that has no host becomes "the given address".
pub fn public_url(url: &str) -> String {
	let shown = Url::parse(url).ok().and_then(|url| {
		let host = url.host_str().filter(|host| !host.is_empty())?;
		Some(match url.port() {
			Some(port) => format!("{}://{host}:{port}", url.scheme()),
			None => format!("{}://{host}", url.scheme()),
		})
	});
	shown.unwrap_or_else(|| UNREADABLE.into())
}

/// A text of an error, with each address in it as [`public_url`] shows it.
pub(crate) fn public_text(text: &str) -> String {
	text.split_inclusive(char::is_whitespace)
		.map(public_word)
		.collect()
}

/// The same for one word; brackets, quotation marks and the like around the address stay.
fn public_word(word: &str) -> String {
	let Some(scheme_end) = word.find("://") else {
		return word.into();
	};
	let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
	let is_behind = |c: char| c.is_whitespace() || ")}>\"'`,.:;".contains(c);
	let before = word[..scheme_end].trim_end_matches(is_of_scheme);
	let rest = &word[before.len()..];
	let url = rest.trim_end_matches(is_behind);
	format!("{before}{}{}", public_url(url), &rest[url.len()..])
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_address_should_be_shown_without_what_may_be_secret() {
		for (url, shown) in [
			("ws://127.0.0.1:9944", "ws://127.0.0.1:9944"),
			("ws://[::1]:9944/", "ws://[::1]:9944"),
			("wss://node.example/v1/KEY", "wss://node.example"),
			(
				"wss://node.example:8443/?key=KEY#KEY",
				"wss://node.example:8443",
			),
			(
				"https://user:KEY@host.example/blobs",
				"https://host.example",
			),
			("https://KEY@host.example/KEY@other", "https://host.example"),
			("s3://KEY:KEY@bucket/prefix", "s3://bucket"),
			("https://user:KEY@", UNREADABLE),
			("https://user:KEY@host:port/", UNREADABLE),
			("user:KEY@host.example", UNREADABLE),
			("file:///home/KEY", UNREADABLE),
			("", UNREADABLE),
		] {
			assert_eq!(public_url(url), shown, "{url}");
		}
	}

	#[test]
	fn a_text_should_keep_all_but_the_secrets_of_its_addresses() {
		for (text, shown) in [
			("connection refused", "connection refused"),
			(
				"Error performing PUT https://user:KEY@host.example:81/b?s=KEY in 3 ms",
				"Error performing PUT https://host.example:81 in 3 ms",
			),
			(
				"failed for (\"http://host.example/KEY\"): no\nanswer",
				"failed for (\"http://host.example\"): no\nanswer",
			),
			("at wss://host.example/v1/KEY.", "at wss://host.example."),
			("url=://KEY", "url=the given address"),
		] {
			assert_eq!(public_text(text), shown, "{text}");
		}
	}
}
