//! The chain's records as JSON objects and as text.
//!
//! Amounts are decimal strings in LEM, accounts SS58 addresses, hashes and bytes hex with 0x.

use lemma_client::{
	amount, keys::format_account, AccountId, Balance, Order, OrderId, OrderStatus, Program,
	Provider, Receipt, H256,
};
use lemma_primitives::{order::InputSource, program::ProgramStatus, provider::Backend};
use serde_json::{json, Map, Value};

/// A hash.
pub fn hash(hash: &H256) -> String {
	format!("{hash:#x}")
}

/// An account.
pub fn account(account: &AccountId) -> String {
	format_account(account)
}

/// An amount, in LEM.
pub fn lem(balance: Balance) -> String {
	amount::format(balance)
}

/// A live order. `price` is its current price, while it is open.
pub fn order(id: OrderId, order: &Order, price: Option<Balance>) -> Value {
	let spec = &order.spec;
	let mut object = json!({
		"order": id,
		"requester": account(&order.requester),
		"program": hash(&spec.program),
		"commitment": hash(&spec.commitment),
		"input": input(&spec.input),
		"output_len": spec.output_len,
		"min_price": lem(spec.min_price),
		"max_price": lem(spec.max_price),
		"ramp": spec.ramp,
		"claim_window": spec.claim_window,
		"posted_at": order.posted_at,
		"deadline": order.deadline,
		"collateral": lem(order.collateral),
		"deposit": lem(order.deposit),
		"settlement_fee": lem(order.settlement_fee),
	});
	let status = match &order.status {
		OrderStatus::Open => json!({ "status": "open", "price": price.map(lem) }),
		OrderStatus::Claimed {
			provider,
			price,
			claimed_at,
			expires_at,
		} => json!({
			"status": "claimed",
			"provider": account(provider),
			"price": lem(*price),
			"claimed_at": claimed_at,
			"expires_at": expires_at,
		}),
		OrderStatus::Rescue {
			missed,
			price,
			bounty,
		} => json!({
			"status": "rescue",
			"missed": account(missed),
			"price": lem(*price),
			"bounty": lem(*bounty),
		}),
	};
	merge(&mut object, status);
	object
}

fn input(input: &InputSource) -> Value {
	match input {
		InputSource::Inline(bytes) => json!({ "kind": "inline", "size": bytes.len() }),
		InputSource::Stored {
			hash: name,
			size,
			locator,
		} => json!({
			"kind": "stored",
			"hash": hash(name),
			"size": size,
			"locator": String::from_utf8_lossy(locator),
		}),
	}
}

/// The receipt of a settled order.
pub fn receipt(id: OrderId, receipt: &Receipt) -> Value {
	json!({
		"order": id,
		"status": "settled",
		"requester": account(&receipt.requester),
		"provider": account(&receipt.provider),
		"program": hash(&receipt.program),
		"commitment": hash(&receipt.commitment),
		"output_root": hash(&receipt.output_root),
		"output_len": receipt.output_len,
		"paid": lem(receipt.paid),
		"settled_at": receipt.settled_at,
		"extrinsic_index": receipt.extrinsic_index,
		"deposit": lem(receipt.deposit),
	})
}

/// A provider.
pub fn provider(address: &AccountId, provider: &Provider) -> Value {
	let unbonding: Vec<_> = provider
		.unbonding
		.iter()
		.map(|chunk| json!({ "amount": lem(chunk.amount), "unlocks_at": chunk.unlocks_at }))
		.collect();
	let record = &provider.record;
	json!({
		"provider": account(address),
		"active": lem(provider.active),
		"committed": lem(provider.committed),
		"unbonding": unbonding,
		"operators": provider.operators.iter().map(account).collect::<Vec<_>>(),
		"endpoint": String::from_utf8_lossy(&provider.profile.endpoint),
		"backend": match provider.profile.backend {
			Backend::Cpu => "cpu",
			Backend::Cuda => "cuda",
		},
		"programs": provider.profile.programs.iter().map(hash).collect::<Vec<_>>(),
		"settled": record.settled,
		"rescued": record.rescued,
		"missed": record.missed,
		"earned": lem(record.earned),
		"slashed": lem(record.slashed),
		"registered_at": provider.registered_at,
	})
}

/// A registered program. `name` is what this client calls it, if it knows it.
pub fn program(id: &H256, program: &Program, name: Option<String>) -> Value {
	json!({
		"program": hash(id),
		"name": name,
		"owner": program.owner.as_ref().map(account),
		"deposit": lem(program.deposit),
		"element": element(program.element),
		"min_len": program.length.min,
		"max_len": program.length.max,
		"multiple_of": program.length.multiple_of,
		"description": hash(&program.description),
		"status": match program.status {
			ProgramStatus::Active => "active",
			ProgramStatus::Retired => "retired",
		},
	})
}

/// A type of elements.
pub fn element(element: lemma_zk_statement::OutputElement) -> &'static str {
	use lemma_zk_statement::OutputElement::*;
	match element {
		U8 => "uint8",
		I8 => "int8",
		I16 => "int16",
		I32 => "int32",
	}
}

/// Adds the fields of one object to another.
pub fn merge(object: &mut Value, more: Value) {
	if let (Value::Object(object), Value::Object(more)) = (object, more) {
		object.extend(more);
	}
}

/// An object as text: a line for each field.
pub fn text(object: &Value) -> String {
	let empty = Map::new();
	let fields = object.as_object().unwrap_or(&empty);
	let rows: Vec<(&str, String)> = fields
		.iter()
		.filter(|(_, value)| !value.is_null())
		.map(|(name, value)| (name.as_str(), plain(value)))
		.collect();
	crate::output::table(&rows)
}

fn plain(value: &Value) -> String {
	match value {
		Value::String(text) => text.clone(),
		Value::Array(items) if items.is_empty() => "none".into(),
		Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
		Value::Object(fields) => {
			let parts: Vec<_> = fields
				.iter()
				.map(|(name, value)| format!("{name} {}", plain(value)))
				.collect();
			parts.join(" ")
		}
		other => other.to_string(),
	}
}
