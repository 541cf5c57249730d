//! Posting an order: its terms, whether the account can pay it, and posting it exactly once.

use std::time::Duration;

use lemma_client::{
	calls::{Call, JOB_ORDERS},
	runtime::Runtime,
	transact::{Inclusion, Mortality, SignedBytes},
	AccountId, At, Balance, Client, Error, OrderId, OrderSpec, H256,
};
use lemma_primitives::{order::InputSource, program::ProgramStatus, MAX_INLINE_INPUT_BYTES};

use crate::{
	args::Terms,
	context::{Context, Waiting},
	failure::{exit, Failure, Outcome},
	input::Described,
	ledger::{Ledger, Record, Request},
	output::Progress,
	views::lem,
};

/// How often the chain is asked about an earlier transaction.
const POLL: Duration = Duration::from_millis(300);

/// Left of the balance for the fee of a transaction.
pub const FEE_MARGIN: Balance = lemma_client::UNIT / 100;

/// Makes the order's terms: checks the program, stores the input, chooses what was not given.
pub async fn prepare(
	context: &Context,
	client: &Client,
	described: &Described,
	blob: &[u8],
	terms: &Terms,
) -> Outcome<OrderSpec> {
	prepare_beside(context, client, described, blob, terms, 0.0).await
}

/// The same for one of several orders, where a single provider may first prove the others: `others` is their cost.
pub async fn prepare_beside(
	context: &Context,
	client: &Client,
	described: &Described,
	blob: &[u8],
	terms: &Terms,
	others: f64,
) -> Outcome<OrderSpec> {
	let program = client.program(described.program, At::Best).await?;
	let program = program.ok_or(Error::NoSuchProgram {
		id: described.program,
	})?;
	if program.status == ProgramStatus::Retired {
		return Err(Failure::new(
			exit::FAILURE,
			"program_retired",
			"the program is retired on this chain: it takes no new orders; `lemma program list` shows \
			 those that do",
		));
	}
	let min_price = terms.min_price.unwrap_or(terms.max_price / 10);
	if min_price > terms.max_price {
		return Err(Failure::usage(format!(
			"--min-price {} is above --max-price {}: the price rises from the one to the other",
			lem(min_price),
			lem(terms.max_price)
		)));
	}
	let runtime = client.runtime(At::Best).await?;
	let block_time = client.block_time().await?.as_secs_f64().max(0.1);
	let (claim_window, lifetime) = windows(&runtime, terms, described.cost, others, block_time);
	Ok(OrderSpec {
		program: described.program,
		commitment: described.commitment,
		input: store_input(context, blob, terms).await?,
		output_len: described.output_len,
		min_price,
		max_price: terms.max_price,
		ramp: terms.ramp.min(lifetime),
		claim_window,
		lifetime,
	})
}

/// Blocks for a claim, and until the order expires.
///
/// A claim's time is ten times what the job takes on a machine with two cores (5 s for one 256x256x256
/// product) and two minutes for blocks and fetching; the order lives for two of them, so that a miss can
/// be rescued, after the price has risen and the others have been proven.
fn windows(
	runtime: &Runtime,
	terms: &Terms,
	cost: f64,
	others: f64,
	block_time: f64,
) -> (u32, u32) {
	let constant =
		|name: &str, otherwise: u32| runtime.constant(JOB_ORDERS, name).unwrap_or(otherwise);
	let (shortest, longest) = (
		constant("MinClaimWindow", 5),
		constant("MaxClaimWindow", 14_400),
	);
	let seconds = 120.0 + 50.0 * cost.max(0.0);
	let behind = (50.0 * others.max(0.0) / block_time).ceil() as u32;
	// A float becomes the nearest u32, whatever it is.
	let claim_window = (seconds / block_time).ceil() as u32;
	let claim_window = terms
		.claim_window
		.unwrap_or(claim_window.clamp(shortest, longest.max(shortest)));
	let two_claims = claim_window.saturating_mul(2).saturating_add(10);
	let lifetime = terms.lifetime.unwrap_or_else(|| {
		terms
			.ramp
			.saturating_add(two_claims)
			.saturating_add(behind)
			.min(constant("MaxLifetime", 100_800))
	});
	(claim_window, lifetime)
}

/// Whether an input travels in the order itself.
fn is_inline(blob: &[u8], terms: &Terms) -> bool {
	blob.len() <= MAX_INLINE_INPUT_BYTES as usize && terms.locator.is_none()
}

async fn store_input(context: &Context, blob: &[u8], terms: &Terms) -> Outcome<InputSource> {
	if is_inline(blob, terms) {
		if let Ok(bytes) = blob.to_vec().try_into() {
			return Ok(InputSource::Inline(bytes));
		}
	}
	let store = context.store()?;
	let hash = store.put(blob.to_vec()).await?;
	let locator = terms.locator.as_deref().unwrap_or(store.locator());
	let locator = locator.as_bytes().to_vec().try_into().map_err(|_| {
		Failure::usage(format!(
			"the locator `{locator}` is longer than {} bytes: use a shorter address",
			lemma_primitives::MAX_LOCATOR_BYTES
		))
	})?;
	Ok(InputSource::Stored {
		hash,
		size: blob.len() as u64,
		locator,
	})
}

/// Fails while the node is behind its chain: what it does not know yet would seem never to have happened.
pub async fn check_synced(client: &Client) -> Outcome<()> {
	match client.is_syncing().await? {
		false => Ok(()),
		true => Err(Failure::new(
			exit::NO_NODE,
			"node_syncing",
			"the node is still catching up with its chain: wait until it has, or name another with --node",
		)),
	}
}

/// Fails unless the chain is one that its users start anew at will. On any other, blocks that are missing are
/// those of a node that is behind or on a fork, and a second order would be paid for beside the first.
async fn check_may_start_anew(client: &Client) -> Outcome<()> {
	let asked = client.rpc().request("system_chainType", Default::default());
	let kind: String = asked.await.unwrap_or_default();
	if ["Development", "Local"].contains(&kind.as_str()) {
		return Ok(());
	}
	Err(Failure::new(
		exit::NO_NODE,
		"other_blocks",
		"the same was ordered before, on a chain with other blocks than this node has: wait until the node \
		 has caught up, or name another with --node; --new orders anew whatever became of the first",
	))
}

/// Fails unless the account has what posting holds, with a sentence that gives the sums.
pub async fn check_funds(client: &Client, account: &AccountId, spec: &OrderSpec) -> Outcome<()> {
	check_funds_of_all(client, account, std::slice::from_ref(spec)).await
}

/// The same for several orders.
pub async fn check_funds_of_all(
	client: &Client,
	account: &AccountId,
	specs: &[OrderSpec],
) -> Outcome<()> {
	let (mut price, mut deposit, mut settlement_fee): (Balance, Balance, Balance) = (0, 0, 0);
	for spec in specs {
		// What is on chain of the input: the bytes or the locator.
		let input_len = match &spec.input {
			InputSource::Inline(bytes) => bytes.len(),
			InputSource::Stored { locator, .. } => locator.len(),
		};
		let cost = client
			.order_cost(input_len as u32, spec.output_len, spec.max_price, At::Best)
			.await?;
		price = price.saturating_add(spec.max_price);
		deposit = deposit.saturating_add(cost.deposit);
		settlement_fee = settlement_fee.saturating_add(cost.settlement_fee);
	}
	let runtime = client.runtime(At::Best).await?;
	let existential: Balance = runtime
		.constant("Balances", "ExistentialDeposit")
		.unwrap_or(0);
	let fees = FEE_MARGIN.saturating_mul(specs.len() as Balance);
	let needed = [deposit, settlement_fee, existential, fees]
		.into_iter()
		.fold(price, Balance::saturating_add);
	let free = client.account(account, At::Best).await?.free;
	if free >= needed {
		return Ok(());
	}
	Err(Failure::new(
		exit::NO_FUNDS,
		"no_funds",
		format!(
			"the account {} has {} LEM free, but {} {}: {} price, {} deposit, {} settlement \
			 fee, and some for fees. Fund the account, or lower --max-price",
			crate::views::account(account),
			lem(free),
			match specs.len() {
				1 => "this order needs".to_owned(),
				count => format!("these {count} orders need"),
			},
			lem(needed),
			lem(price),
			lem(deposit),
			lem(settlement_fee)
		),
	))
}

/// An order that was posted now or before.
#[derive(Debug)]
pub struct Posted {
	/// Its number.
	pub order: OrderId,
	/// Whether it was posted by an earlier command.
	pub resumed: bool,
}

/// An order whose transaction was sent, and is not known to be in a block.
#[derive(Debug)]
pub struct Sent {
	signed: SignedBytes,
	record: Record,
}

/// Posts orders, each exactly once.
pub struct Poster<'a> {
	/// The command's surroundings.
	pub context: &'a Context,
	/// The chain.
	pub client: &'a Client,
	/// What was ordered before.
	pub ledger: Ledger,
	/// What is asked for.
	pub request: Request,
	/// Its input.
	pub blob: &'a [u8],
	/// What it may cost and when.
	pub terms: &'a Terms,
	/// Rows and columns of the result, if it is a matrix.
	pub shape: Option<(usize, usize)>,
	/// What is ordered, for people.
	pub what: String,
}

impl Poster<'_> {
	/// The nonce of the transaction that an earlier command signed for this request. Where there are several, they
	/// are to be resumed in the order of their nonces: none of them comes into a block before those that are lower.
	pub fn nonce(&self) -> Option<u64> {
		Some(self.ledger.find(&self.request)?.signed()?.nonce)
	}

	/// Goes on with an order for this request that was posted before, if there is one on this chain that
	/// is live or settled. Providers find the input of a live one in the store afterwards.
	pub async fn resume(&self, progress: &mut Progress) -> Outcome<Option<Posted>> {
		let Some(mut record) = self.ledger.find(&self.request) else {
			return Ok(None);
		};
		let Some(signed) = record.signed() else {
			return Ok(None);
		};
		if !self.is_of_this_chain(&record, &signed, progress).await? {
			check_may_start_anew(self.client).await?;
			self.ledger.set_aside(&self.request)?;
			progress.done(
				"the same was ordered before, on a chain that has been started anew since: ordering it on \
				 this one",
			);
			return Ok(None);
		}
		let order = match record.order {
			Some(order) if record.is_on(self.client).await? => order,
			_ => {
				progress.wait("following the transaction of an earlier command");
				match self.follow_earlier(&signed, &mut record).await? {
					Some(order) => order,
					None => {
						self.ledger.forget(&self.request);
						return Ok(None);
					}
				}
			}
		};
		let posted = Posted {
			order,
			resumed: true,
		};
		if let Some(live) = self.client.order(order, At::Best).await? {
			if matches!(live.spec.input, InputSource::Stored { .. }) {
				self.context.store()?.put(self.blob.to_vec()).await?;
			}
			if live.spec.max_price != self.terms.max_price {
				progress.done(&format!(
					"order {order} has a highest price of {} LEM, and keeps it; to change it, take the order back \
					 with `lemma order cancel {order}`",
					lem(live.spec.max_price)
				));
			}
			return Ok(Some(posted));
		}
		if self.client.receipt(order, At::Best).await?.is_some() {
			return Ok(Some(posted));
		}
		progress.done(&format!(
			"order {order} for the same was cancelled, has expired, or its receipt was removed"
		));
		self.ledger.forget(&self.request);
		Ok(None)
	}

	/// Whether the node's chain is the one for which the transaction was signed. Chains with the same
	/// genesis differ in their blocks; but what is signed before the first of them is final would be valid on
	/// each of these chains.
	async fn is_of_this_chain(
		&self,
		record: &Record,
		signed: &SignedBytes,
		progress: &mut Progress,
	) -> Outcome<bool> {
		let signed_at = signed.signed_at;
		if self.client.block_hash(signed_at.number).await? != Some(signed_at.hash) {
			return Ok(false);
		}
		// What was never seen in a block may still come into one, whichever chain this is.
		let Some((number, hash)) = record.posted_in else {
			return Ok(true);
		};
		if record.is_on(self.client).await? {
			return Ok(true);
		}
		// A reorganisation has undone the block, or it was never on this chain: what is final tells.
		progress.wait(&format!(
			"waiting for block {number} to be final, to see whether an earlier order is on this chain"
		));
		if self.client.wait_finalized(number).await? == hash
			|| self.client.watch(signed).look().await?.is_some()
		{
			return Ok(true);
		}
		// Undone, it waits in the node's pool for another block: there, but in no block, its nonce is taken.
		let account = &self.request.account;
		Ok(self.client.nonce(account, At::Best).await? <= signed.nonce
			&& self.client.next_nonce(account).await? > signed.nonce)
	}

	/// Finds the order of a transaction that an earlier command signed, whether or not it was sent; `None`
	/// if it is in no block and can come into none.
	async fn follow_earlier(
		&self,
		signed: &SignedBytes,
		record: &mut Record,
	) -> Outcome<Option<OrderId>> {
		let account = &self.request.account;
		let mut watch = self.client.watch(signed);
		let mut sent = false;
		loop {
			// Asked before the search: what has used up the nonce or the time by now is then found.
			let used = self.client.nonce(account, At::Finalized).await? > signed.nonce;
			let finalized = self.client.finalized().await?.number;
			if let Some(inclusion) = watch.look().await? {
				return self.note(inclusion, record).await.map(Some);
			}
			let expired = signed
				.expires_at
				.is_some_and(|end| finalized.saturating_add(1) >= end);
			if used || expired {
				return Ok(None);
			}
			if !sent {
				// On the chain on which it was signed, what came before it is there.
				if self.client.next_nonce(account).await? < signed.nonce {
					return Ok(None);
				}
				if !is_inline(self.blob, self.terms) {
					self.context.store()?.put(self.blob.to_vec()).await?;
				}
				// Whatever the pool says now, only the chain knows whether it is included.
				let _ = self.client.send(&signed.bytes).await;
				sent = true;
			}
			tokio::time::sleep(POLL).await;
		}
	}

	/// Posts a new order.
	pub async fn post(
		&self,
		keys: &lemma_client::Keys,
		spec: &OrderSpec,
		progress: &mut Progress,
	) -> Outcome<Posted> {
		progress.wait("posting the order");
		let sent = self.send(keys, spec).await?;
		self.confirm(sent).await
	}

	/// Sends what posts a new order. Several can be sent before the first is confirmed.
	pub async fn send(&self, keys: &lemma_client::Keys, spec: &OrderSpec) -> Outcome<Sent> {
		self.context.wait_for(Waiting::Posting);
		let nonce = self.client.next_nonce(&keys.account()).await?;
		let call = Call::post_order(spec);
		let signed = self
			.client
			.sign(&call, keys, nonce, Mortality::default(), 0)
			.await?;
		let record = Record::new(&signed, self.shape, &self.what);
		self.ledger.save(&self.request, &record)?;
		match self.client.send(&signed.bytes).await {
			Ok(()) => Ok(Sent { signed, record }),
			// The node may or may not have got it: the record stays, and the next run finds out.
			Err(e) if e.is_transient() => Err(e.into()),
			Err(e) => {
				self.ledger.forget(&self.request);
				Err(e.into())
			}
		}
	}

	/// Waits until what was sent is in a block.
	pub async fn confirm(&self, sent: Sent) -> Outcome<Posted> {
		let Sent { signed, mut record } = sent;
		let inclusion = self.client.included(&signed).await?;
		let order = self.note(inclusion, &mut record).await?;
		Ok(Posted {
			order,
			resumed: false,
		})
	}

	/// Notes the order that the transaction in this place posted.
	async fn note(&self, inclusion: Inclusion, record: &mut Record) -> Outcome<OrderId> {
		let outcome = self.client.outcome(inclusion).await?;
		if let Err(failure) = outcome.result {
			self.ledger.forget(&self.request);
			return Err(Error::from(failure).into());
		}
		let order = outcome.posted_order().ok_or_else(|| {
			Failure::from(Error::Unreadable {
				what: "the events of post_order".into(),
				reason: "there is no OrderPosted among them".into(),
			})
		})?;
		record.posted(inclusion, order);
		self.ledger.save(&self.request, record)?;
		Ok(order)
	}
}

/// The request that a spec of this account stands for.
pub fn request(account: &AccountId, described: &Described) -> Request {
	Request {
		account: account.clone(),
		program: described.program,
		commitment: described.commitment,
		output_len: described.output_len,
	}
}

/// Checks that the commitment is one that the chain takes: four canonical field elements.
pub fn check_commitment(commitment: &H256) -> Outcome<()> {
	match lemma_zk_statement::bytes_to_hash(&commitment.0) {
		Some(_) => Ok(()),
		None => Err(Failure::usage(
			"--commitment is not four numbers below 2^64 - 2^32 + 1, little-endian: it is no commitment",
		)),
	}
}
