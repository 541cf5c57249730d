//! Posting an order: its terms, whether the account can pay it, and posting it exactly once. [`trail`] finds what was posted.

mod trail;

use std::sync::Once;

use lemma_client::{
	calls::{Call, JOB_ORDERS},
	error::PoolError,
	public_url,
	runtime::Runtime,
	store::{FetchPolicy, StoreError},
	transact::{Mortality, SignedBytes},
	AccountId, At, Balance, Client, Error, OrderId, OrderSpec, Store, H256,
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
pub use trail::moved;
use trail::{check_may_start_anew, Trail};

/// The code of a failure of which the reason is a receipt that was removed.
pub const RECEIPT_REMOVED: &str = "receipt_removed";

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
		input: store_input(context, client, blob, terms).await?,
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

async fn store_input(
	context: &Context,
	client: &Client,
	blob: &[u8],
	terms: &Terms,
) -> Outcome<InputSource> {
	// Once for each command, however many orders it posts.
	static NOTED: Once = Once::new();
	if is_inline(blob, terms) {
		if let Ok(bytes) = blob.to_vec().try_into() {
			return Ok(InputSource::Inline(bytes));
		}
	}
	let store = context.store()?;
	let locator = locator_of(&store, terms.locator.as_deref())?;
	if check_followed(locator, false).is_err() {
		context.output.note(
			"the order's locator is no public address: only workers that allow private addresses follow it",
		);
	}
	// Who named a folder knows where it is.
	let is_default = context
		.global
		.store
		.as_deref()
		.is_none_or(|store| store.is_empty());
	if locator.is_empty()
		&& is_default
		&& !NOTED.is_completed()
		&& !is_at_home(context, client).await
	{
		NOTED.call_once(|| {
			context.output.note(
				"note: the input is in the folder of this machine's store: only a worker with the same folder \
				 finds it. For others give --store s3://… or https://…, or --locator",
			)
		});
	}
	let locator = locator.as_bytes().to_vec().try_into().map_err(|_| {
		Failure::usage(format!(
			"the locator, at {}, is longer than {} bytes: use a shorter address",
			public_url(locator),
			lemma_primitives::MAX_LOCATOR_BYTES
		))
	})?;
	let hash = store.put(blob.to_vec()).await?;
	Ok(InputSource::Stored {
		hash,
		size: blob.len() as u64,
		locator,
	})
}

/// Whether the chain is one of this machine's own, to try things out, where the worker is as well.
async fn is_at_home(context: &Context, client: &Client) -> bool {
	let node = &context.global.node;
	let is_here = ["//127.", "//localhost", "//[::1]"]
		.iter()
		.any(|host| node.contains(host));
	if !is_here {
		return false;
	}
	let asked = client.rpc().request("system_chainType", Default::default());
	let kind: String = asked.await.unwrap_or_default();
	["Development", "Local"].contains(&kind.as_str())
}

/// The locator of an order: what was given, else the store's. Everybody reads it on the chain, so it is one
/// that workers follow and that holds no password and no signature.
fn locator_of<'a>(store: &'a Store, given: Option<&'a str>) -> Outcome<&'a str> {
	if given.is_none() && store.has_secrets() {
		return Err(Failure::usage(format!(
			"the store's address has a password or a query, which must not be on the chain for all to \
			 read: give --locator the public address where providers find the input ({}, if anybody may \
			 read there)",
			store.locator()
		)));
	}
	let locator = given.unwrap_or(store.locator());
	// Whether private addresses are followed is the workers' choice.
	check_followed(locator, true).map_err(|e| {
		Failure::usage(format!(
			"providers would not fetch the input: {e}. Give --locator a public address, without a \
			 password, where they find it"
		))
	})?;
	// Of a text that is a URL, what stands behind one of these is its query or its fragment.
	if locator.contains(['?', '#']) {
		return Err(Failure::usage(
			"--locator has a query or a fragment, which would be on the chain for all to read: give an \
			 address without one",
		));
	}
	Ok(locator)
}

/// Fails unless a worker follows the locator, by the worker's own check. An empty one names the worker's own
/// store.
fn check_followed(locator: &str, allow_private: bool) -> Result<(), StoreError> {
	if locator.is_empty() {
		return Ok(());
	}
	let policy = FetchPolicy {
		allow_private,
		..FetchPolicy::default()
	};
	Store::of_locator(locator, &policy).map(drop)
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

/// Whose record in the ledger a new order may take the place of. Any other is of a command that runs beside this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Replaces {
	/// Nobody's.
	#[default]
	Nothing,
	/// That of the transaction with this hash, if there was one when the command began, which was told to order anew.
	Anew(Option<H256>),
	/// Anybody's: there is to be an order for each command.
	All,
}

impl Replaces {
	/// For a command that orders anew, or goes on with what was ordered before.
	pub fn earlier(ledger: &Ledger, request: &Request, new: bool) -> Self {
		if !new {
			return Self::Nothing;
		}
		let found = ledger.find(request).and_then(|record| record.signed());
		Self::Anew(found.map(|signed| signed.hash))
	}

	/// Whether the record of the transaction with this hash may go.
	fn allows(self, found: H256) -> bool {
		match self {
			Self::Nothing => false,
			Self::Anew(hash) => hash == Some(found),
			Self::All => true,
		}
	}
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
	/// What a new order may take the place of.
	pub replaces: Replaces,
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
		if !self
			.trail()
			.is_of_this_chain(&record, &signed, progress)
			.await?
		{
			check_may_start_anew(self.client).await?;
			let locked = self.ledger.lock().await?;
			locked.set_aside(&self.request, &record)?;
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
				let input =
					(!is_inline(self.blob, self.terms)).then_some((self.context, self.blob));
				match self.trail().follow(&mut record, input, progress).await? {
					Some(order) => order,
					None => {
						let locked = self.ledger.lock().await?;
						locked.forget(&self.request, &record);
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
		if record.settled {
			return Err(receipt_removed(order));
		}
		progress.done(&format!(
			"order {order} for the same was cancelled, has expired, or its receipt was removed"
		));
		let locked = self.ledger.lock().await?;
		locked.forget(&self.request, &record);
		Ok(None)
	}

	fn trail(&self) -> Trail<'_> {
		Trail {
			client: self.client,
			ledger: &self.ledger,
			request: &self.request,
		}
	}

	/// Posts a new order; or goes on with that of another command, which has ordered the same since this one looked.
	pub async fn post(
		&self,
		keys: &lemma_client::Keys,
		spec: &OrderSpec,
		progress: &mut Progress,
	) -> Outcome<Posted> {
		progress.wait("posting the order");
		let sent = self.send(keys, spec).await?;
		self.confirm(sent, keys, spec, progress).await
	}

	/// Sends what posts a new order; `None` if another command has ordered the same since this one looked. Several can
	/// be sent before the first is confirmed.
	pub async fn send(&self, keys: &lemma_client::Keys, spec: &OrderSpec) -> Outcome<Option<Sent>> {
		// Of two commands that order the same, the second sees what the first has written.
		let locked = self.ledger.lock().await?;
		let before = self.ledger.find(&self.request);
		let ordered = before.as_ref().and_then(Record::signed);
		if ordered.is_some_and(|signed| !self.replaces.allows(signed.hash)) {
			return Ok(None);
		}
		let nonce = self.client.next_nonce(&keys.account()).await?;
		let call = Call::post_order(spec);
		let signed = self
			.client
			.sign(&call, keys, nonce, Mortality::default(), 0)
			.await?;
		let record = Record::new(&signed, self.shape, &self.what);
		locked.save(&self.request, &record)?;
		self.context.wait_for(match self.replaces {
			Replaces::All => Waiting::Transaction(signed.hash, signed.last_block()),
			Replaces::Nothing | Replaces::Anew(_) => Waiting::Posting,
		});
		if self.is_anew() {
			self.context.order_anew();
		}
		let Err(e) = self.client.send_signed(&signed).await else {
			return Ok(Some(Sent { signed, record }));
		};
		// Else the node may have got it, and the chain too: the record stays, and the next run finds out.
		if is_refused(&e) && self.is_nonce_free(&signed).await {
			self.not_posted();
			match before {
				Some(before) => locked.save(&self.request, &before)?,
				None => locked.forget(&self.request, &record),
			}
		}
		Err(self.after_sending(e, &signed))
	}

	/// Whether the command was told to order anew, and would be once more if it was repeated as it is.
	fn is_anew(&self) -> bool {
		matches!(self.replaces, Replaces::Anew(_))
	}

	/// Notes that what was sent posted nothing.
	fn not_posted(&self) {
		if self.is_anew() {
			self.context.not_ordered_anew();
		}
	}

	/// Why an order was not seen to be posted once its transaction was given to a node. The same command again goes on with
	/// that, unless it posts a new order each time; what one with `--new` must do instead is what [`Context::mind_new`] says.
	fn after_sending(&self, error: Error, signed: &SignedBytes) -> Failure {
		match self.replaces {
			Replaces::All => error.after_sending(signed).into(),
			_ => error.into(),
		}
	}

	/// Whether no transaction of this nonce is in a block or in the node's pool.
	async fn is_nonce_free(&self, signed: &SignedBytes) -> bool {
		let next = self.client.next_nonce(&self.request.account).await;
		next.is_ok_and(|next| next <= signed.nonce)
	}

	/// Waits until what was sent is in a block; where another command has ordered the same, goes on with that.
	pub async fn confirm(
		&self,
		mut sent: Option<Sent>,
		keys: &lemma_client::Keys,
		spec: &OrderSpec,
		progress: &mut Progress,
	) -> Outcome<Posted> {
		loop {
			if let Some(Sent { signed, mut record }) = sent {
				let unseen = |e| self.after_sending(e, &signed);
				let inclusion = self.client.included(&signed).await.map_err(unseen)?;
				let outcome = self.client.outcome(inclusion).await.map_err(unseen)?;
				if outcome.result.is_err() {
					self.not_posted();
				}
				let order = self.trail().note(outcome, &mut record, progress).await?;
				return Ok(Posted {
					order,
					resumed: false,
				});
			}
			if let Some(posted) = self.resume(progress).await? {
				return Ok(posted);
			}
			sent = self.send(keys, spec).await?;
		}
	}
}

/// Why an order that was paid is not posted a second time of its own accord.
pub fn receipt_removed(order: OrderId) -> Failure {
	Failure::new(
		exit::NO_RESULT,
		RECEIPT_REMOVED,
		format!(
			"order {order} for the same was settled and paid, and its receipt was removed since, so that its result cannot be \
			 checked: --new orders and pays it again"
		),
	)
}

/// Notes that the order of a request is settled for good: should its receipt be removed, it is not ordered again unless
/// the user says so.
pub async fn settled(client: &Client, request: &Request, order: OrderId) -> Outcome<()> {
	let ledger = Ledger::open(client.genesis_hash());
	let locked = ledger.lock().await?;
	locked.settled(request, order)
}

/// Whether the pool did not take a transaction and never will, so that it is nowhere unless it was sent before.
fn is_refused(error: &Error) -> bool {
	matches!(
		error,
		Error::Pool(
			PoolError::CannotPay
				| PoolError::BadSignature
				| PoolError::TooOld
				| PoolError::TooLarge
		)
	)
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

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_what_is_nowhere_should_count_as_refused() {
		for error in [
			PoolError::CannotPay,
			PoolError::BadSignature,
			PoolError::TooOld,
			PoolError::TooLarge,
		] {
			assert!(is_refused(&Error::Pool(error)));
		}
		// Sent again after the connection broke, it may be in a block or in the pool already.
		for error in [
			PoolError::Stale,
			PoolError::Future,
			PoolError::TemporarilyBanned,
			PoolError::NonceTaken,
			PoolError::Full,
			PoolError::Other("1010".into()),
		] {
			assert!(!is_refused(&Error::Pool(error)));
		}
		let proxy = Error::Rpc {
			method: "author_submitExtrinsic".into(),
			code: 502,
			message: "bad gateway".into(),
		};
		assert!(!is_refused(&proxy));
	}

	#[tokio::test]
	async fn an_orders_locator_should_be_refused_when_it_holds_a_secret_or_is_not_followed() {
		let folder = tempfile::tempdir().expect("a folder");
		let folder = Store::folder(folder.path()).expect("a store");
		assert_eq!(locator_of(&folder, None), Ok(""));
		for given in [
			"https://host.example/blobs",
			"s3://bucket/prefix",
			"http://127.0.0.1:8000",
		] {
			assert_eq!(locator_of(&folder, Some(given)), Ok(given));
		}
		assert!(check_followed("http://127.0.0.1:8000", false).is_err());
		for given in [
			"https://user:SECRET@host.example/blobs",
			"https://host.example/blobs?signature=SECRET",
			"s3://bucket/prefix?signature=SECRET",
			"https://host.example/blobs#SECRET",
			"ftp://host.example/SECRET",
			"/home/SECRET",
		] {
			let failure = locator_of(&folder, Some(given)).expect_err("refused");
			assert_eq!(failure.exit, exit::USAGE);
			assert!(failure.message.contains("--locator"), "{failure:?}");
			assert!(!failure.message.contains("SECRET"), "{failure:?}");
		}
	}

	#[tokio::test]
	async fn a_stores_password_should_not_become_part_of_an_order() {
		for location in [
			"https://user:SECRET@host.example/blobs",
			"https://host.example/blobs?signature=SECRET",
		] {
			let store = Store::open(location).expect("opened");
			let failure = locator_of(&store, None).expect_err("not public");
			assert_eq!(failure.exit, exit::USAGE);
			for part in ["--locator", "(https://host.example/blobs,"] {
				assert!(failure.message.contains(part), "{failure:?}");
			}
			assert!(!failure.message.contains("SECRET"), "{failure:?}");
			let given = Some("https://public.example/blobs");
			assert_eq!(locator_of(&store, given).ok(), given);
		}
		let store = Store::open("https://host.example/blobs").expect("opened");
		assert_eq!(locator_of(&store, None), Ok("https://host.example/blobs"));
	}

	#[test]
	fn a_new_order_should_take_the_place_of_the_record_that_was_meant_alone() {
		let (one, other) = (H256::repeat_byte(1), H256::repeat_byte(2));
		assert!(!Replaces::default().allows(one));
		let anew = Replaces::Anew(Some(one));
		assert!(anew.allows(one) && !anew.allows(other));
		assert!(!Replaces::Anew(None).allows(one), "another command's");
		assert!(Replaces::All.allows(other));
	}
}
