//! Fuzzing of what the worker and the command line read: matrices in files, the locators of strangers' orders, the journal's
//! records, and the configuration. The harness is `lemma-zk-fuzz`.

#![deny(missing_docs)]

use std::{fs, net::IpAddr};

use codec::{Decode, DecodeAll, Encode};
use lemma_client::{
	npy::{self, Element, Matrix},
	store::{printable, FetchPolicy, Store},
};
use lemma_worker::{
	config::{merge, Settings, ANNOTATED_DEFAULTS},
	journal::{Record, Replaced, Signed, State},
};
use lemma_zk_fuzz::Target;
use url::{Host, Url};

/// All targets of the worker and its client.
pub const ALL: &[Target] = &[
	Target {
		name: "npy",
		run: npy_file,
		seeds: npy_seeds,
	},
	Target {
		name: "store-name",
		run: store_name,
		seeds: store_name_seeds,
	},
	Target {
		name: "journal",
		run: journal_record,
		seeds: journal_seeds,
	},
	Target {
		name: "config",
		run: config,
		seeds: config_seeds,
	},
];

/// Most elements of a matrix here.
const MAX_ELEMENTS: u64 = 1 << 16;

/// Bytes as a matrix's file, of each type.
fn npy_file(bytes: &[u8]) {
	matrix::<i8>(bytes);
	matrix::<u8>(bytes);
	matrix::<i32>(bytes);
}

/// What is read is as large as it says, within the limit, and in the file.
fn matrix<T: Element>(bytes: &[u8]) {
	let Ok(Matrix {
		rows,
		columns,
		values,
	}) = npy::parse::<T>(bytes, MAX_ELEMENTS)
	else {
		return;
	};
	assert_eq!(values.len(), rows * columns);
	assert!((1..=MAX_ELEMENTS as usize).contains(&values.len()));
	assert!(size_of_val(values.as_slice()) < bytes.len());
}

fn npy_seeds() -> Vec<Vec<u8>> {
	let file = |description: &str, values: &[u8]| {
		let header = format!("{description:<117}\n");
		let length = (header.len() as u16).to_le_bytes();
		[b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
	};
	vec![
		file(
			"{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }",
			&[1, 2, 3, 4, 5, 6],
		),
		file(
			"{'descr': '|u1', 'fortran_order': True, 'shape': (3, 2), }",
			&[1, 2, 3, 4, 5, 6],
		),
		file(
			"{'descr': '>i4', 'fortran_order': False, 'shape': (1, 2), }",
			&[0, 0, 0, 1, 0, 0, 0, 2],
		),
		file(
			"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1), }",
			&[0; 8],
		),
	]
}

/// Text as an order's locator: no address that is not public is followed, and no text that a terminal would obey is shown.
fn store_name(bytes: &[u8]) {
	let Ok(text) = std::str::from_utf8(bytes) else {
		return;
	};
	assert!(!printable(text).chars().any(char::is_control));
	match Store::of_locator(text, &FetchPolicy::default()) {
		Ok(store) => {
			assert!(!store.to_string().chars().any(char::is_control));
			let url = Url::parse(text).expect("a locator is a URL");
			assert!(["http", "https", "s3"].contains(&url.scheme()));
			assert!(url.username().is_empty() && url.password().is_none());
			// A bucket's name is no address.
			if url.scheme() != "s3" {
				let address = match url.host() {
					Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
					Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
					Some(Host::Domain(_)) => None,
					None => panic!("{text:?} is followed without a host"),
				};
				assert!(!address.is_some_and(is_own), "{text:?} is followed");
			}
		}
		Err(error) => assert!(!error.to_string().chars().any(char::is_control)),
	}
}

/// This machine, or one beside it: the least that must not be followed.
fn is_own(address: IpAddr) -> bool {
	match address {
		IpAddr::V4(address) => {
			address.is_loopback()
				|| address.is_private()
				|| address.is_link_local()
				|| address.is_unspecified()
		}
		IpAddr::V6(address) => match address.to_ipv4_mapped() {
			Some(address) => is_own(address.into()),
			None => {
				address.is_loopback()
					|| address.is_unspecified()
					|| address.is_unique_local()
					|| address.is_unicast_link_local()
			}
		},
	}
}

fn store_name_seeds() -> Vec<Vec<u8>> {
	[
		"https://store.example/lemma",
		"http://93.184.216.34:8080/a/b?c#d",
		"http://127.0.0.1/",
		"http://[::ffff:10.0.0.1]/",
		"https://[2606:2800:220:1::1]/x",
		"s3://bucket/prefix/of/blobs",
		"https://user:password@store.example/",
		"file:///etc/passwd",
		"https://0x7f.1/",
	]
	.map(|text| text.as_bytes().to_vec())
	.to_vec()
}

/// Bytes as a journal's record: what is read is written again as it was, and can be asked all that the worker and
/// `lemma-worker journal` ask.
fn journal_record(bytes: &[u8]) {
	let Ok(record) = Record::decode_all(&mut &*bytes) else {
		return;
	};
	let written = record.encode();
	assert_eq!(Record::decode(&mut &*written).as_ref(), Ok(&record));
	serde_json::to_string(&record).expect("a record is shown as JSON");
	let open = record.open_transactions().count();
	assert!(!record.state.is_final() || open == 0);
	assert!(!(record.state.is_final() && record.state.is_bound()));
	assert!(!record.state.name().is_empty());
	assert!(record.state.is_final() || record.state.reason().is_empty());
	for next in states() {
		// Nothing follows an end, and nothing goes back to the beginning.
		let may = record.state.may_become(&next);
		assert!(!may || !record.state.is_final());
		assert!(!may || next != State::Seen);
	}
}

/// One of each kind.
fn states() -> [State; 14] {
	let reason = String::from("a reason");
	[
		State::Seen,
		State::Fetched,
		State::Claiming,
		State::ClaimSigned,
		State::Claimed {
			price: 1,
			expires_at: 2,
		},
		State::Proving,
		State::Proved,
		State::SubmitSigned,
		State::Submitted,
		State::Settled {
			block: 3,
			paid: Some(4),
		},
		State::Lost {
			reason: reason.clone(),
		},
		State::Expired {
			reason: reason.clone(),
		},
		State::Refused {
			reason: reason.clone(),
		},
		State::Failed { reason },
	]
}

fn journal_seeds() -> Vec<Vec<u8>> {
	let signed = Signed {
		hash: [4; 32],
		nonce: 5,
		born_at: 6,
		dies_at: 70,
		account: Some([10; 32]),
	};
	states()
		.map(|state| {
			Record {
				order: 7,
				fingerprint: [1; 32],
				program: [2; 32],
				input: Some([3; 32]),
				posted_at: 8,
				deadline: 90,
				provider: [9; 32],
				history: vec![(1_700_000_000_000, state.name().to_owned())],
				state,
				claim: Some(signed),
				submission: Some(signed),
				refusals: 1,
				shape: "2x3x4".to_owned(),
				stages: vec![("outer".to_owned(), 1_000_000)],
				tip: 6,
				replaced: vec![Replaced { signed, tip: 3 }],
				replaced_claims: vec![signed],
			}
			.encode()
		})
		.to_vec()
}

/// Text as a configuration file: settings that hold are within their bounds.
fn config(bytes: &[u8]) {
	let folder = tempfile::tempdir().expect("there is a folder for temporary files");
	let path = folder.path().join("worker.toml");
	fs::write(&path, bytes).expect("it can be written to");
	let Ok(settings) = merge(Some(&path), &Settings::default()) else {
		return;
	};
	let shown = format!("{settings:?}");
	assert!(settings.key.is_none() || shown.contains("hidden"));
	let Ok(config) = settings.validate() else {
		return;
	};
	assert!(config.node.starts_with("ws://") || config.node.starts_with("wss://"));
	assert!((1..=64).contains(&config.concurrency));
	assert!((1.0..=100.0).contains(&config.rules.safety_factor));
	assert!((0.1..=1_000_000.0).contains(&config.rules.max_collateral_per_price));
	assert!(config.rules.max_input_bytes > 0);
	assert!(config.rules.claim || config.rules.rescue);
}

fn config_seeds() -> Vec<Vec<u8>> {
	let all = ANNOTATED_DEFAULTS.replace("\n#", "\n");
	let settings: Vec<&str> = all.lines().filter(|line| line.contains(" = ")).collect();
	vec![
		ANNOTATED_DEFAULTS.into(),
		settings.join("\n").into(),
		b"key = \"//Alice\"\nmin_price = \"0.5\"\n".to_vec(),
	]
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn seeds_should_be_what_they_are_meant_to_be() {
		let read = npy_seeds()
			.iter()
			.filter(|file| {
				npy::parse::<i8>(&file[..], 100).is_ok()
					|| npy::parse::<u8>(&file[..], 100).is_ok()
					|| npy::parse::<i32>(&file[..], 100).is_ok()
			})
			.count();
		assert_eq!(read, 3);
		for record in journal_seeds() {
			assert!(Record::decode_all(&mut &*record).is_ok());
		}
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("worker.toml");
		for (i, file) in config_seeds().into_iter().enumerate() {
			fs::write(&path, file).unwrap();
			let settings = merge(Some(&path), &Settings::default()).unwrap();
			assert_eq!(settings.validate().is_ok(), i > 0, "{i}");
		}
	}
}
