//! Earlier layouts of the journal's records, and how they are brought to today's.

use codec::{Decode, Encode};
use lemma_primitives::{Balance, BlockNumber, OrderId};
use redb::{ReadableTable, WriteTransaction};

use super::{
	decode,
	record::{Hash, Replaced, Signed, State},
	JournalError, ORDERS,
};

/// The layout before accounts: what was signed does not say by which, and claims have no others that they took the
/// place of.
pub(super) const WITHOUT_ACCOUNTS: u32 = 2;
/// The layout before tips: its records end where those of the next have a tip and what was replaced.
pub(super) const WITHOUT_TIPS: u32 = 1;

/// Brings the records of a journal of the layout `found` to today's. One that cannot be read is left as it is: it cannot
/// be read in today's layout either.
pub(super) fn renew(transaction: &WriteTransaction, found: u32) -> Result<(), JournalError> {
	if !matches!(found, WITHOUT_TIPS | WITHOUT_ACCOUNTS) {
		return Err(JournalError::Layout { found });
	}
	let mut table = transaction.open_table(ORDERS)?;
	let mut records = Vec::new();
	for entry in table.iter()? {
		let (order, bytes) = entry?;
		let mut renewed = bytes.value().to_vec();
		if found == WITHOUT_TIPS {
			add_tips(&mut renewed);
		}
		if let Some(renewed) = add_accounts(&renewed) {
			records.push((order.value(), renewed));
		}
	}
	for (order, bytes) in records {
		table.insert(order, bytes.as_slice())?;
	}
	Ok(())
}

fn add_tips(record: &mut Vec<u8>) {
	(Balance::default(), Vec::<Replaced>::new()).encode_to(record);
}

/// A signed transaction before accounts.
#[derive(Decode)]
struct Accountless {
	hash: Hash,
	nonce: u32,
	born_at: BlockNumber,
	dies_at: BlockNumber,
}

impl From<Accountless> for Signed {
	fn from(signed: Accountless) -> Self {
		Signed {
			hash: signed.hash,
			nonce: signed.nonce,
			born_at: signed.born_at,
			dies_at: signed.dies_at,
			account: None,
		}
	}
}

/// What a record has before its claim, and between its submission and what that replaced: as today.
type Beginning = (
	OrderId,
	Hash,
	Hash,
	Option<Hash>,
	BlockNumber,
	BlockNumber,
	Hash,
	State,
);
type Middle = (u32, String, Vec<(String, u64)>, Vec<(u64, String)>, Balance);
/// A record before accounts.
type Before = (
	Beginning,
	Option<Accountless>,
	Option<Accountless>,
	Middle,
	Vec<(Accountless, Balance)>,
);

fn add_accounts(record: &[u8]) -> Option<Vec<u8>> {
	let (beginning, claim, submission, middle, replaced) = decode::<Before>(record)?;
	let replaced: Vec<Replaced> = replaced
		.into_iter()
		.map(|(signed, tip)| Replaced {
			signed: signed.into(),
			tip,
		})
		.collect();
	let record = (
		beginning,
		claim.map(Signed::from),
		submission.map(Signed::from),
		middle,
		replaced,
		Vec::<Signed>::new(),
	);
	Some(record.encode())
}
