//! What the methods answer, as JSON: camelCase names; accounts in SS58; hashes and bytes in hexadecimal
//! with `0x`; amounts as decimal strings in the smallest unit, because JSON's numbers end at 2^53; block
//! numbers, order numbers and lengths as numbers.

use lemma_primitives::{
	order::{InputSource, Order, OrderChange, OrderChangeKind, OrderStatus, Receipt},
	program::{LengthRule, OutputElement, Program, ProgramStatus},
	provider::{Backend, Provider},
	AccountId, Balance, BlockNumber, OrderId, ProgramId,
};
use lemma_runtime::Hash;
use lemma_runtime_api::OrderCost;
use serde::Serialize;
use sp_core::Bytes;

/// An amount of money, as a decimal string in the smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(pub Balance);

impl Serialize for Amount {
	fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.collect_str(&self.0)
	}
}

/// Hash and number of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockView {
	/// Hash.
	pub hash: Hash,
	/// Number.
	pub number: BlockNumber,
}

/// Trie nodes that prove what the state of a block holds: the answer of `state_getReadProof`, too.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateProofView {
	/// Hash of the block.
	pub at: Hash,
	/// The nodes.
	pub proof: Vec<Bytes>,
}

/// A live order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
	id: OrderId,
	/// Hash of the terms, as a claim names them.
	terms: Hash,
	requester: AccountId,
	program: ProgramId,
	commitment: Hash,
	input: InputView,
	output_len: u32,
	min_price: Amount,
	max_price: Amount,
	ramp: BlockNumber,
	claim_window: BlockNumber,
	lifetime: BlockNumber,
	posted_at: BlockNumber,
	deadline: BlockNumber,
	collateral: Amount,
	deposit: Amount,
	settlement_fee: Amount,
	status: StatusView,
	/// What a claim in the next block would be paid; none unless the order is open.
	current_price: Option<Amount>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum InputView {
	Inline {
		bytes: Bytes,
	},
	Stored {
		hash: Hash,
		size: u64,
		locator: String,
	},
}

#[derive(Debug, Clone, Serialize)]
#[serde(
	tag = "kind",
	rename_all = "camelCase",
	rename_all_fields = "camelCase"
)]
enum StatusView {
	Open,
	Claimed {
		provider: AccountId,
		price: Amount,
		claimed_at: BlockNumber,
		expires_at: BlockNumber,
	},
	Rescue {
		missed: AccountId,
		price: Amount,
		bounty: Amount,
	},
}

impl OrderView {
	/// The order as JSON; `current_price` as the runtime computes it.
	pub fn new(
		id: OrderId,
		order: Order<AccountId, Balance, BlockNumber>,
		current_price: Option<Balance>,
	) -> Self {
		let terms = order.terms_hash();
		let spec = order.spec;
		Self {
			id,
			terms,
			requester: order.requester,
			program: spec.program,
			commitment: spec.commitment,
			input: match spec.input {
				InputSource::Inline(bytes) => InputView::Inline {
					bytes: bytes.into_inner().into(),
				},
				InputSource::Stored {
					hash,
					size,
					locator,
				} => InputView::Stored {
					hash,
					size,
					locator: String::from_utf8_lossy(&locator).into_owned(),
				},
			},
			output_len: spec.output_len,
			min_price: Amount(spec.min_price),
			max_price: Amount(spec.max_price),
			ramp: spec.ramp,
			claim_window: spec.claim_window,
			lifetime: spec.lifetime,
			posted_at: order.posted_at,
			deadline: order.deadline,
			collateral: Amount(order.collateral),
			deposit: Amount(order.deposit),
			settlement_fee: Amount(order.settlement_fee),
			status: match order.status {
				OrderStatus::Open => StatusView::Open,
				OrderStatus::Claimed {
					provider,
					price,
					claimed_at,
					expires_at,
				} => StatusView::Claimed {
					provider,
					price: Amount(price),
					claimed_at,
					expires_at,
				},
				OrderStatus::Rescue {
					missed,
					price,
					bounty,
				} => StatusView::Rescue {
					missed,
					price: Amount(price),
					bounty: Amount(bounty),
				},
			},
			current_price: current_price.map(Amount),
		}
	}
}

/// A page of orders.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrdersPage {
	/// The state that the page was read from.
	pub block: BlockView,
	/// Orders by number; may be fewer than asked for although there are more pages.
	pub orders: Vec<OrderView>,
	/// Where the next page starts; none after the last.
	pub next: Option<OrderId>,
}

/// What posting an order holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCostView {
	deposit: Amount,
	settlement_fee: Amount,
	collateral: Amount,
}

impl From<OrderCost<Balance>> for OrderCostView {
	fn from(cost: OrderCost<Balance>) -> Self {
		Self {
			deposit: Amount(cost.deposit),
			settlement_fee: Amount(cost.settlement_fee),
			collateral: Amount(cost.collateral),
		}
	}
}

/// What remains of a settled order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptView {
	id: OrderId,
	requester: AccountId,
	provider: AccountId,
	program: ProgramId,
	commitment: Hash,
	output_root: Hash,
	output_len: u32,
	paid: Amount,
	settled_at: BlockNumber,
	extrinsic_index: u32,
	deposit: Amount,
}

impl ReceiptView {
	/// The receipt as JSON.
	pub fn new(id: OrderId, receipt: Receipt<AccountId, Balance, BlockNumber>) -> Self {
		Self {
			id,
			requester: receipt.requester,
			provider: receipt.provider,
			program: receipt.program,
			commitment: receipt.commitment,
			output_root: receipt.output_root,
			output_len: receipt.output_len,
			paid: Amount(receipt.paid),
			settled_at: receipt.settled_at,
			extrinsic_index: receipt.extrinsic_index,
			deposit: Amount(receipt.deposit),
		}
	}
}

/// A settled order's result, from the block that settled it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultView {
	/// The receipt.
	pub receipt: ReceiptView,
	/// The block that holds the result.
	pub block: BlockView,
	/// Whether that block is final.
	pub finalized: bool,
	/// What the proof is bound to: hash of chain, order and provider.
	pub binding: Hash,
	/// The output's bytes.
	pub output: Bytes,
	/// The proof's bytes.
	pub proof: Bytes,
}

/// Whether a proof is valid.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictView {
	/// Whether it is.
	pub valid: bool,
	/// Which check failed, if one did.
	pub error: Option<String>,
}

/// A registered program.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramView {
	/// Its id.
	pub id: ProgramId,
	owner: Option<AccountId>,
	deposit: Amount,
	element: OutputElement,
	output_len: LengthView,
	description: Hash,
	active: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct LengthView {
	min: u32,
	max: u32,
	multiple_of: u32,
}

impl From<LengthRule> for LengthView {
	fn from(rule: LengthRule) -> Self {
		Self {
			min: rule.min,
			max: rule.max,
			multiple_of: rule.multiple_of,
		}
	}
}

impl ProgramView {
	/// The program as JSON.
	pub fn new(id: ProgramId, program: Program<AccountId, Balance>) -> Self {
		Self {
			id,
			owner: program.owner,
			deposit: Amount(program.deposit),
			element: program.element,
			output_len: program.length.into(),
			description: program.description,
			active: program.status == ProgramStatus::Active,
		}
	}
}

/// A page of programs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramsPage {
	/// Programs, in storage order.
	pub programs: Vec<ProgramView>,
	/// After which the next page starts; none after the last.
	pub next: Option<ProgramId>,
}

/// A registered provider.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
	account: AccountId,
	active: Amount,
	committed: Amount,
	unbonding: Vec<UnbondingView>,
	operators: Vec<AccountId>,
	endpoint: String,
	backend: Backend,
	programs: Vec<ProgramId>,
	record: RecordView,
	registered_at: BlockNumber,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnbondingView {
	amount: Amount,
	unlocks_at: BlockNumber,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordView {
	settled: u64,
	rescued: u64,
	missed: u64,
	earned: Amount,
	slashed: Amount,
}

impl ProviderView {
	/// The provider as JSON; `account` is its cold account.
	pub fn new(account: AccountId, provider: Provider<AccountId, Balance, BlockNumber>) -> Self {
		Self {
			account,
			active: Amount(provider.active),
			committed: Amount(provider.committed),
			unbonding: provider
				.unbonding
				.into_iter()
				.map(|chunk| UnbondingView {
					amount: Amount(chunk.amount),
					unlocks_at: chunk.unlocks_at,
				})
				.collect(),
			operators: provider.operators.into_inner(),
			endpoint: String::from_utf8_lossy(&provider.profile.endpoint).into_owned(),
			backend: provider.profile.backend,
			programs: provider.profile.programs.into_inner(),
			record: RecordView {
				settled: provider.record.settled,
				rescued: provider.record.rescued,
				missed: provider.record.missed,
				earned: Amount(provider.record.earned),
				slashed: Amount(provider.record.slashed),
			},
			registered_at: provider.registered_at,
		}
	}
}

/// What `lemma_subscribeOrders` sends.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum OrdersEvent {
	/// Sent once, first: what came before is to be read by the other methods.
	Started {
		/// Best block when the subscription began.
		best: BlockView,
		/// Last final block when it began.
		finalized: BlockView,
	},
	/// A block became part of the best chain.
	Best {
		/// The block.
		block: BlockView,
		/// What happened to orders in it.
		changes: Vec<ChangeView>,
	},
	/// A block reported as `best` is no longer part of the best chain: its changes are undone.
	Retracted {
		/// The block.
		block: BlockView,
		/// What is undone.
		changes: Vec<ChangeView>,
	},
	/// A block became final: its changes stay.
	Finalized {
		/// The block.
		block: BlockView,
		/// What happened to orders in it.
		changes: Vec<ChangeView>,
	},
	/// Blocks whose changes this node cannot tell: it has just synced them by the thousand, or pruned
	/// their state. Read the orders anew.
	Gap {
		/// Which event the blocks would have had.
		of: Gap,
		/// First of them.
		from: BlockNumber,
		/// Last of them.
		to: BlockNumber,
	},
}

/// Which events a gap stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Gap {
	/// `best`.
	Best,
	/// `retracted`.
	Retracted,
	/// `finalized`.
	Finalized,
}

/// A change of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
	/// The order.
	pub order: OrderId,
	#[serde(flatten)]
	kind: ChangeKindView,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "camelCase")]
enum ChangeKindView {
	Posted {
		requester: AccountId,
		program: ProgramId,
	},
	Claimed {
		provider: AccountId,
		price: Amount,
	},
	Missed {
		provider: AccountId,
		slashed: Amount,
	},
	Settled {
		provider: AccountId,
		paid: Amount,
	},
	Cancelled,
	Expired,
}

impl From<OrderChange<AccountId, Balance>> for ChangeView {
	fn from(change: OrderChange<AccountId, Balance>) -> Self {
		let kind = match change.kind {
			OrderChangeKind::Posted { requester, program } => {
				ChangeKindView::Posted { requester, program }
			}
			OrderChangeKind::Claimed { provider, price } => ChangeKindView::Claimed {
				provider,
				price: Amount(price),
			},
			OrderChangeKind::Missed { provider, slashed } => ChangeKindView::Missed {
				provider,
				slashed: Amount(slashed),
			},
			OrderChangeKind::Settled { provider, paid } => ChangeKindView::Settled {
				provider,
				paid: Amount(paid),
			},
			OrderChangeKind::Cancelled => ChangeKindView::Cancelled,
			OrderChangeKind::Expired => ChangeKindView::Expired,
		};
		Self {
			order: change.order,
			kind,
		}
	}
}

#[cfg(test)]
mod tests {
	use lemma_primitives::order::OrderSpec;
	use serde_json::json;
	use sp_keyring::Sr25519Keyring::{Alice, Bob};

	use super::*;

	fn order() -> Order<AccountId, Balance, BlockNumber> {
		Order {
			requester: Alice.to_account_id(),
			spec: OrderSpec {
				program: ProgramId::repeat_byte(1),
				commitment: Hash::repeat_byte(2),
				input: InputSource::Stored {
					hash: Hash::repeat_byte(3),
					size: 131_084,
					locator: b"https://store.example/blob".to_vec().try_into().unwrap(),
				},
				output_len: 262_144,
				min_price: 1,
				max_price: u128::MAX,
				ramp: 10,
				claim_window: 50,
				lifetime: 600,
			},
			posted_at: 5,
			deadline: 605,
			collateral: 6,
			deposit: 7,
			settlement_fee: 8,
			status: OrderStatus::Claimed {
				provider: Bob.to_account_id(),
				price: 9,
				claimed_at: 6,
				expires_at: 56,
			},
		}
	}

	#[test]
	fn order_should_have_camel_case_names_and_amounts_as_strings() {
		let view = serde_json::to_value(OrderView::new(4, order(), None)).unwrap();

		assert_eq!(view["id"], json!(4));
		assert_eq!(view["terms"], json!(order().terms_hash()));
		assert_eq!(
			view["maxPrice"],
			json!("340282366920938463463374607431768211455")
		);
		assert_eq!(view["input"]["kind"], json!("stored"));
		assert_eq!(view["input"]["size"], json!(131_084));
		assert_eq!(view["status"]["kind"], json!("claimed"));
		assert_eq!(view["status"]["claimedAt"], json!(6));
		assert_eq!(view["status"]["price"], json!("9"));
		assert_eq!(
			view["requester"],
			json!("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
		);
		assert_eq!(view["currentPrice"], json!(null));
	}

	#[test]
	fn change_should_be_flat_and_name_its_kind() {
		let change = OrderChange {
			order: 3,
			kind: OrderChangeKind::Settled {
				provider: Bob.to_account_id(),
				paid: 10,
			},
		};
		let event = OrdersEvent::Finalized {
			block: BlockView {
				hash: Hash::repeat_byte(9),
				number: 12,
			},
			changes: vec![change.into()],
		};

		assert_eq!(
			serde_json::to_value(event).unwrap(),
			json!({
				"event": "finalized",
				"block": { "hash": format!("0x{}", "09".repeat(32)), "number": 12 },
				"changes": [{
					"order": 3,
					"change": "settled",
					"provider": "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
					"paid": "10",
				}],
			})
		);
	}
}
