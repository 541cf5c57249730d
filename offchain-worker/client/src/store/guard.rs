//! What keeps a stranger's locator from reaching where it must not.
//!
//! The locator of an order is chosen by whoever posts it, and followed by every provider. Unless the
//! provider allows it: no address that is not public is connected to, whether named by number or by a
//! name that resolves to it (the very addresses that were checked are connected to, so a name cannot
//! change between the check and the connection); no redirect is followed; no proxy is used, since it
//! would resolve names itself; and the text of an error is dropped unread, since it has no size limit.

use std::{
	net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
	sync::Arc,
	time::Duration,
};

use async_trait::async_trait;
use object_store::{
	client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService},
	ClientOptions,
};
use reqwest::{
	dns::{Addrs, Name, Resolve, Resolving},
	redirect,
};
use url::{Host, Url};

/// What may be contacted for a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPolicy {
	/// Whether addresses that are not public are contacted: for test networks in which the stores are
	/// known. Off by default.
	pub allow_private: bool,
	/// Whether up to five redirects are followed, each to an address that is checked again. Off by
	/// default.
	pub allow_redirects: bool,
	/// Longest time for one blob.
	pub timeout: Duration,
	/// How fast a blob must come.
	pub pace: Pace,
}

/// The slowest that a store may be: it may take `grace` before the first byte, and must keep ahead of
/// `bytes_per_second` from then on. So whoever wants to occupy us for long must send for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
	/// Before the first byte, and for pauses.
	pub grace: Duration,
	/// From then on, on average.
	pub bytes_per_second: u64,
}

impl Pace {
	/// Time by which more than `bytes` bytes must have come.
	pub(crate) fn time_for(&self, bytes: usize) -> Duration {
		let seconds = bytes as u64 / self.bytes_per_second.max(1);
		self.grace.saturating_add(Duration::from_secs(seconds))
	}
}

impl Default for FetchPolicy {
	fn default() -> Self {
		Self {
			allow_private: false,
			allow_redirects: false,
			timeout: Duration::from_secs(300),
			pace: Pace {
				grace: Duration::from_secs(20),
				bytes_per_second: 256 << 10,
			},
		}
	}
}

impl FetchPolicy {
	/// Checks a host that is given by number. Names are checked when they are resolved.
	pub(crate) fn check_host(&self, url: &Url) -> Result<(), String> {
		let address = match url.host() {
			Some(Host::Ipv4(address)) => IpAddr::V4(address),
			Some(Host::Ipv6(address)) => IpAddr::V6(address),
			Some(Host::Domain(_)) => return Ok(()),
			None => return Err("it names no host".into()),
		};
		self.check_address(address)
	}

	fn check_address(&self, address: IpAddr) -> Result<(), String> {
		if self.allow_private || is_public(address) {
			return Ok(());
		}
		Err(format!("{address} is not a public address"))
	}
}

/// Whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
	match address {
		IpAddr::V4(address) => is_public_v4(address),
		IpAddr::V6(address) => is_public_v6(address),
	}
}

/// The special-purpose registry of IANA (RFC 6890 and its updates), IPv4.
fn is_public_v4(address: Ipv4Addr) -> bool {
	let [a, b, c, _] = address.octets();
	let special = a == 0
		|| a >= 240
		|| address.is_private()
		|| address.is_loopback()
		|| address.is_link_local()
		|| address.is_multicast()
		|| address.is_documentation()
		|| (a == 100 && (64..128).contains(&b))
		|| (a == 192 && b == 0 && c == 0)
		|| (a == 192 && b == 88 && c == 99)
		|| (a == 198 && (b == 18 || b == 19));
	!special
}

/// Global unicast (2000::/3) less its special parts; addresses that carry an IPv4 one are what that is.
fn is_public_v6(address: Ipv6Addr) -> bool {
	let [a, b, c, d, e, f, g, h] = address.segments();
	let embedded = |high: u16, low: u16| {
		let [p, q] = high.to_be_bytes();
		let [r, s] = low.to_be_bytes();
		is_public_v4(Ipv4Addr::new(p, q, r, s))
	};
	match (a, b) {
		// IPv4-mapped and IPv4-compatible.
		(0, 0) if c == 0 && d == 0 && e == 0 && (f == 0xffff || f == 0) => {
			f == 0xffff && embedded(g, h)
		}
		// NAT64.
		(0x64, 0xff9b) => c == 0 && d == 0 && e == 0 && f == 0 && embedded(g, h),
		// 6to4.
		(0x2002, _) => embedded(b, c),
		// Teredo and other protocol assignments; documentation.
		(0x2001, b) if b < 0x200 || b == 0xdb8 => false,
		(0x3fff, b) if b < 0x1000 => false,
		_ => (0x2000..0x4000).contains(&a),
	}
}

/// Makes object_store's HTTP client one that keeps to a [`FetchPolicy`].
#[derive(Debug)]
pub(crate) struct Connector {
	policy: FetchPolicy,
}

impl Connector {
	pub(crate) fn new(policy: FetchPolicy) -> Self {
		Self { policy }
	}
}

impl HttpConnector for Connector {
	fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
		let policy = self.policy;
		let redirects = match policy.allow_redirects {
			false => redirect::Policy::none(),
			true => redirect::Policy::custom(move |attempt| {
				if attempt.previous().len() > 5 {
					return attempt.error("more than five redirects");
				}
				match policy.check_host(attempt.url()) {
					Ok(()) => attempt.follow(),
					Err(reason) => attempt.error(reason),
				}
			}),
		};
		let client = reqwest::Client::builder()
			.user_agent(concat!("lemma/", env!("CARGO_PKG_VERSION")))
			.redirect(redirects)
			.no_proxy()
			.http1_only()
			.no_gzip()
			.no_brotli()
			.no_zstd()
			.no_deflate()
			.connect_timeout(Duration::from_secs(10))
			.read_timeout(Duration::from_secs(30))
			.dns_resolver(Arc::new(Resolver { policy }))
			.build()
			.map_err(|e| object_store::Error::Generic {
				store: "HTTP",
				source: Box::new(e),
			})?;
		Ok(HttpClient::new(Guarded(client)))
	}
}

/// A client that reads no body but that of a success.
#[derive(Debug)]
struct Guarded(reqwest::Client);

#[async_trait]
impl HttpService for Guarded {
	async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
		let response = self.0.call(request).await?;
		if response.status().is_success() {
			return Ok(response);
		}
		let (parts, _) = response.into_parts();
		Ok(HttpResponse::from_parts(parts, String::new().into()))
	}
}

/// Resolves names by the system, and gives only those addresses that the policy lets be contacted.
#[derive(Debug)]
struct Resolver {
	policy: FetchPolicy,
}

impl Resolve for Resolver {
	fn resolve(&self, name: Name) -> Resolving {
		let policy = self.policy;
		Box::pin(async move {
			let name = name.as_str().to_owned();
			let found: Vec<SocketAddr> =
				tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
			let allowed: Vec<SocketAddr> = found
				.iter()
				.filter(|address| policy.check_address(address.ip()).is_ok())
				.copied()
				.collect();
			if allowed.is_empty() {
				return Err(format!("{name} has no public address").into());
			}
			Ok(Box::new(allowed.into_iter()) as Addrs)
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn public(address: &str) -> bool {
		is_public(address.parse().expect("an address"))
	}

	#[test]
	fn addresses_should_not_be_public_when_they_are_special() {
		let special = [
			"0.0.0.0",
			"10.1.2.3",
			"100.64.0.1",
			"127.0.0.1",
			"127.255.255.254",
			"169.254.169.254",
			"172.16.0.1",
			"172.31.255.255",
			"192.0.0.8",
			"192.0.2.1",
			"192.168.0.1",
			"198.18.0.1",
			"198.51.100.1",
			"203.0.113.1",
			"224.0.0.1",
			"240.0.0.1",
			"255.255.255.255",
			"::",
			"::1",
			"::127.0.0.1",
			"::ffff:127.0.0.1",
			"::ffff:192.168.0.1",
			"64:ff9b::10.0.0.1",
			"64:ff9b:1::1",
			"fc00::1",
			"fd12:3456::1",
			"fe80::1",
			"fec0::1",
			"ff02::1",
			"2001:db8::1",
			"2001::1",
			"2002:7f00:1::",
			"3fff::1",
		];
		for address in special {
			assert!(!public(address), "{address}");
		}
	}

	#[test]
	fn addresses_should_be_public_when_they_are_of_the_internet() {
		let ordinary = [
			"1.1.1.1",
			"8.8.8.8",
			"100.63.255.255",
			"172.32.0.1",
			"192.0.1.1",
			"198.20.0.1",
			"::ffff:8.8.8.8",
			"64:ff9b::8.8.8.8",
			"2001:4860:4860::8888",
			"2606:4700::1111",
			"2002:808:808::",
		];
		for address in ordinary {
			assert!(public(address), "{address}");
		}
	}

	/// Answers every connection with the same bytes, and counts them.
	async fn server(answer: impl Into<String>) -> (u16, Arc<std::sync::atomic::AtomicUsize>) {
		use tokio::io::{AsyncReadExt, AsyncWriteExt};
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
			.await
			.expect("a port");
		let port = listener.local_addr().expect("bound").port();
		let answer = answer.into();
		let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
		let count = asked.clone();
		tokio::spawn(async move {
			while let Ok((mut socket, _)) = listener.accept().await {
				count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
				let _ = socket.read(&mut [0; 1024]).await;
				let _ = socket.write_all(answer.as_bytes()).await;
			}
		});
		(port, asked)
	}

	/// Answers with the head of a success, then one byte at a time for ever.
	async fn dripping_server(length: &str, pause: Duration) -> u16 {
		use tokio::io::{AsyncReadExt, AsyncWriteExt};
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
			.await
			.expect("a port");
		let port = listener.local_addr().expect("bound").port();
		let head = format!("HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n");
		tokio::spawn(async move {
			while let Ok((mut socket, _)) = listener.accept().await {
				let head = head.clone();
				tokio::spawn(async move {
					let _ = socket.read(&mut [0; 1024]).await;
					let _ = socket.write_all(head.as_bytes()).await;
					while socket.write_all(b"x").await.is_ok() {
						tokio::time::sleep(pause).await;
					}
				});
			}
		});
		port
	}

	#[tokio::test]
	async fn a_store_should_be_given_up_when_it_drips() {
		let port = dripping_server("Content-Length: 1000000\r\n", Duration::from_millis(20)).await;
		let pace = Pace {
			grace: Duration::from_millis(300),
			bytes_per_second: 1_000_000,
		};
		let store = crate::Store::of_locator(&format!("http://127.0.0.1:{port}/b"), &lenient());
		let began = std::time::Instant::now();
		let got = store
			.expect("allowed")
			.get_at_pace(crate::blake2_256(b"hello"), 1_000_000, Some(pace))
			.await;
		assert!(
			matches!(got, Err(crate::store::StoreError::TooSlow { .. })),
			"{got:?}"
		);
		assert!(began.elapsed() < Duration::from_secs(5));
	}

	#[tokio::test]
	async fn an_endless_stream_should_be_refused_when_it_passes_the_limit() {
		for length in ["", "Content-Length: 99999999999\r\n"] {
			let port = dripping_server(length, Duration::ZERO).await;
			let store = crate::Store::of_locator(&format!("http://127.0.0.1:{port}/b"), &lenient());
			let store = store.expect("allowed");
			let getting = store.get(crate::blake2_256(b"hello"), 5);
			let got = tokio::time::timeout(Duration::from_secs(20), getting).await;
			assert!(got.expect("an end").is_err(), "{length}");
		}
	}

	const FOUND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

	fn lenient() -> FetchPolicy {
		FetchPolicy {
			allow_private: true,
			..FetchPolicy::default()
		}
	}

	#[tokio::test]
	async fn a_blob_should_be_fetched_over_http_when_its_address_is_allowed() {
		let (port, _) = server(FOUND).await;
		let hash = crate::blake2_256(b"hello");
		let store = crate::Store::of_locator(&format!("http://127.0.0.1:{port}/b"), &lenient());
		let store = store.expect("allowed");
		assert_eq!(store.get(hash, 5).await.expect("fetched"), b"hello");
		let error = store.get(hash, 4).await.expect_err("too large");
		assert!(
			matches!(error, crate::store::StoreError::TooLarge { .. }),
			"{error}"
		);
	}

	#[tokio::test]
	async fn a_private_address_should_not_be_contacted_when_a_name_resolves_to_it() {
		let (port, asked) = server(FOUND).await;
		let locator = format!("http://localhost:{port}/b");
		let store = crate::Store::of_locator(&locator, &FetchPolicy::default()).expect("a name");
		let error = store
			.get(crate::blake2_256(b"hello"), 5)
			.await
			.expect_err("private");
		assert!(error.to_string().contains("no public address"), "{error}");
		assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
	}

	#[tokio::test]
	async fn a_redirect_should_be_followed_only_when_that_is_allowed() {
		let (target, asked) = server(FOUND).await;
		let moved = format!(
			"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target}/x\r\n\
			 Content-Length: 0\r\nConnection: close\r\n\r\n"
		);
		let (port, _) = server(moved).await;
		let locator = format!("http://127.0.0.1:{port}/b");
		let hash = crate::blake2_256(b"hello");
		let store = crate::Store::of_locator(&locator, &lenient()).expect("allowed");
		store.get(hash, 5).await.expect_err("redirected");
		assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
		let following = FetchPolicy {
			allow_redirects: true,
			..lenient()
		};
		let store = crate::Store::of_locator(&locator, &following).expect("allowed");
		assert_eq!(store.get(hash, 5).await.expect("followed"), b"hello");
	}
}
