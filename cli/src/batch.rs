//! Many orders for the parts of one result: posted a few at a time, followed over any number of workers, ordered again
//! when they expire, and each verified.
//!
//! What was ordered is in the ledger, part by part: a command that was interrupted goes on where it was.

use std::{collections::BTreeSet, time::Duration};

use lemma_client::{
	chain::BlockRef, result, AccountId, At, Client, Keys, OrderId, OrderStatus, Receipt,
};

use crate::{
	args::Terms,
	commands::results,
	context::{Context, Waiting},
	failure::{exit, Failure, Outcome},
	follow::{ended, look, moved, Sight},
	input::Described,
	ledger::{Ledger, Request},
	output::Progress,
	posting::{self, Poster, Replaces},
	views,
};

const POLL: Duration = Duration::from_millis(250);

/// How often a part is ordered before the command gives up.
const MOST_ORDERS: u32 = 4;

/// A part of the result.
pub struct Part {
	/// Its input.
	pub blob: Vec<u8>,
	/// What the order must say of it.
	pub described: Described,
	/// What is ordered, for people.
	pub what: String,
}

/// A part of which the result is final.
#[derive(Debug, Clone)]
pub struct Done {
	/// Its order.
	pub order: OrderId,
	/// Whether an earlier command had posted it.
	pub resumed: bool,
	/// The receipt.
	pub receipt: Receipt,
	/// The verified output.
	pub output: Vec<u8>,
	/// Whether every check rests on proof.
	pub trustless: bool,
}

/// All parts, and the terms on which they are ordered.
pub struct Batch<'a> {
	/// The command's surroundings.
	pub context: &'a Context,
	/// The chain.
	pub client: &'a Client,
	/// Who orders.
	pub keys: &'a Keys,
	/// What each part may cost and when.
	pub terms: &'a Terms,
	/// The parts.
	pub parts: &'a [Part],
	/// What people call a part: `tile`.
	pub name: &'a str,
	/// How many orders wait for a worker, or are worked on, at a time.
	pub at_once: usize,
}

/// Where a part is.
#[derive(Debug, Clone, Default)]
enum State {
	/// Not in the book.
	#[default]
	Unordered,
	/// In the book.
	Live { order: OrderId, claimed: bool },
	/// Settled in this block, which is not final.
	Settled { order: OrderId, block: u32 },
	/// Settled for good.
	Final(Box<Done>),
}

/// A part on its way.
#[derive(Debug, Clone, Default)]
struct Course {
	state: State,
	/// How often this command has ordered it, or found it ordered.
	orders: u32,
	resumed: bool,
	/// Block at which the order expires.
	deadline: Option<u32>,
	/// Since when the order is not in the book.
	gone_since: Option<u32>,
	/// Whether its provider has missed the deadline of its claim.
	missed: bool,
	/// The output, once it was verified.
	output: Option<Vec<u8>>,
	/// What a new order may take the place of in the ledger.
	replaces: Replaces,
}

impl Course {
	fn ordered(&mut self, order: OrderId, resumed: bool) {
		*self = Self {
			orders: self.orders + 1,
			..self.begun(order, resumed)
		};
	}

	/// The same with a live order of this number.
	fn begun(&self, order: OrderId, resumed: bool) -> Self {
		Self {
			state: State::Live {
				order,
				claimed: false,
			},
			orders: self.orders,
			resumed,
			replaces: self.replaces,
			..Self::default()
		}
	}

	/// Whether it is in the book.
	fn is_live(&self) -> bool {
		matches!(self.state, State::Live { .. })
	}

	/// Whether it was ordered, and is not settled for good.
	fn is_open(&self) -> bool {
		matches!(self.state, State::Live { .. } | State::Settled { .. })
	}
}

impl Batch<'_> {
	/// Orders all parts, unless `new` is left out and they were ordered before, and follows them until all are final.
	/// `whole` gets all outputs as soon as each is verified: that is before all blocks are final.
	pub async fn run(
		&self,
		new: bool,
		progress: &mut Progress,
		mut whole: impl FnMut(&[&[u8]]) -> Outcome<()>,
	) -> Outcome<Vec<Done>> {
		posting::check_synced(self.client).await?;
		let ledger = Ledger::open(self.client.genesis_hash());
		let mut courses: Vec<Course> = (0..self.parts.len())
			.map(|index| Course {
				replaces: Replaces::earlier(&ledger, &self.request(index), new),
				..Course::default()
			})
			.collect();
		if !new {
			self.resume(&mut courses, progress).await?;
		}
		let mut last = None;
		let mut handed_over = false;
		loop {
			let now = (self.client.best().await?, self.client.finalized().await?);
			if last.replace(now) == Some(now) {
				tokio::time::sleep(POLL).await;
				continue;
			}
			for (index, course) in courses.iter_mut().enumerate() {
				self.step(index, course, now, progress).await?;
			}
			self.post(&mut courses, progress).await?;
			progress.wait(&self.describe(&courses));
			let open = courses.iter().filter(|course| course.is_open()).count();
			self.context.wait_for(Waiting::Orders(open));
			let outputs: Option<Vec<&[u8]>> = courses
				.iter()
				.map(|course| course.output.as_deref())
				.collect();
			if let (Some(outputs), false) = (outputs, handed_over) {
				whole(&outputs)?;
				handed_over = true;
			}
			let done: Option<Vec<&Done>> = courses
				.iter()
				.map(|course| match &course.state {
					State::Final(done) => Some(&**done),
					_ => None,
				})
				.collect();
			if let Some(done) = done {
				return Ok(done.into_iter().cloned().collect());
			}
		}
	}

	fn request(&self, index: usize) -> Request {
		posting::request(&self.keys.account(), &self.parts[index].described)
	}

	fn poster(&self, index: usize, replaces: Replaces) -> Poster<'_> {
		let part = &self.parts[index];
		Poster {
			context: self.context,
			client: self.client,
			ledger: Ledger::open(self.client.genesis_hash()),
			request: self.request(index),
			blob: &part.blob,
			terms: self.terms,
			replaces,
			shape: None,
			what: part.what.clone(),
		}
	}

	/// Finds what was ordered by an earlier command.
	async fn resume(&self, courses: &mut [Course], progress: &mut Progress) -> Outcome<()> {
		progress.wait("looking for orders of an earlier command");
		let mut earlier: Vec<(u64, usize)> = (0..courses.len())
			.filter_map(|index| {
				let poster = self.poster(index, Replaces::Nothing);
				Some((poster.nonce()?, index))
			})
			.collect();
		earlier.sort_unstable();
		let (mut found, mut gone, mut removed) = (0, 0, Vec::new());
		for (_, index) in earlier {
			// What is to be said of each is said of all together.
			let mut quiet = self.context.output.silence();
			let poster = self.poster(index, Replaces::Nothing);
			match poster.resume(&mut quiet).await {
				Ok(Some(posted)) => {
					courses[index].ordered(posted.order, true);
					found += 1;
				}
				Ok(None) => gone += 1,
				Err(e) if e.code == posting::RECEIPT_REMOVED => removed.push(e),
				Err(e) => return Err(e),
			}
		}
		if let Some(first) = removed.first() {
			return Err(Failure {
				message: format!(
					"the receipts of {} of {} {}s that were paid before have been removed, the first of them: {}",
					removed.len(),
					self.parts.len(),
					self.name,
					first.message
				),
				..first.clone()
			});
		}
		if found > 0 {
			progress.done(&format!(
				"{found} of {} {}s were ordered before, as they were then: going on with them (--new orders all anew)",
				self.parts.len(),
				self.name
			));
		}
		if gone > 0 {
			progress.done(&format!(
				"the earlier orders of {gone} of {} {}s are gone, cancelled or expired: ordering those again",
				self.parts.len(),
				self.name
			));
		}
		Ok(())
	}

	/// Orders parts that are not in the book, as many as may be there and can be paid.
	async fn post(&self, courses: &mut [Course], progress: &mut Progress) -> Outcome<()> {
		let live = courses.iter().filter(|course| course.is_live()).count();
		let mut next: Vec<usize> = (0..courses.len())
			.filter(|index| matches!(courses[*index].state, State::Unordered))
			.take(self.at_once.saturating_sub(live))
			.collect();
		let mut specs = Vec::new();
		for index in &next {
			let part = &self.parts[*index];
			// One worker may have to prove all that are in the book before this one.
			let others = part.described.cost * self.at_once.saturating_sub(1) as f64;
			let spec = posting::prepare_beside(
				self.context,
				self.client,
				&part.described,
				&part.blob,
				self.terms,
				others,
			);
			specs.push(spec.await?);
		}
		let account = self.keys.account();
		while !specs.is_empty() {
			let funds = posting::check_funds_of_all(self.client, &account, &specs).await;
			match funds {
				Ok(()) => break,
				// What settles gives money back.
				Err(e) if e.exit == exit::NO_FUNDS && (live > 0 || specs.len() > 1) => {
					specs.pop();
				}
				Err(e) => return Err(e),
			}
		}
		next.truncate(specs.len());
		let mut sent = Vec::new();
		for (index, spec) in next.iter().zip(&specs) {
			progress.wait(&format!("ordering the {}s", self.name));
			let poster = self.poster(*index, courses[*index].replaces);
			sent.push(poster.send(self.keys, spec).await?);
		}
		for ((index, spec), sent) in next.into_iter().zip(&specs).zip(sent) {
			let mut quiet = self.context.output.silence();
			let poster = self.poster(index, courses[index].replaces);
			let posted = poster.confirm(sent, self.keys, spec, &mut quiet).await?;
			courses[index].ordered(posted.order, posted.resumed);
		}
		Ok(())
	}

	/// Looks where a part is in the best block.
	async fn step(
		&self,
		index: usize,
		course: &mut Course,
		(best, finalized): (BlockRef, BlockRef),
		progress: &mut Progress,
	) -> Outcome<()> {
		let order = match course.state {
			State::Unordered | State::Final(_) => return Ok(()),
			// Nothing changes until the block is final, but by a fork, which shows then.
			State::Settled { block, .. } if course.output.is_some() && finalized.number < block => {
				return Ok(())
			}
			State::Live { order, .. } | State::Settled { order, .. } => order,
		};
		let request = self.request(index);
		match look(self.client, order, best, Some(&request)).await? {
			Sight::Live { order: found, .. } => {
				course.gone_since = None;
				course.deadline = Some(found.deadline);
				course.state = State::Live {
					order,
					claimed: matches!(found.status, OrderStatus::Claimed { .. }),
				};
				if let (OrderStatus::Rescue { missed, .. }, false) = (&found.status, course.missed)
				{
					course.missed = true;
					progress.done(&format!(
						"order {order}: {} missed its deadline and was slashed; anyone may prove it now",
						views::account(missed)
					));
				}
			}
			Sight::Settled(receipt) => {
				course.state = State::Settled {
					order,
					block: receipt.settled_at,
				};
				self.verify(index, course, order, &receipt, finalized)
					.await?;
			}
			// A block that a fork undoes may not know the order yet: only finality ends it.
			Sight::Gone => {
				let since = *course.gone_since.get_or_insert(best.number);
				if finalized.number >= since {
					self.gone(index, course, order, best, progress).await?;
				}
			}
		}
		Ok(())
	}

	/// Verifies a settled part: in the best block first, and once more when that is final.
	async fn verify(
		&self,
		index: usize,
		course: &mut Course,
		order: OrderId,
		receipt: &Receipt,
		finalized: BlockRef,
	) -> Outcome<()> {
		let genesis = self.client.genesis_hash();
		let described = &self.parts[index].described;
		if course.output.is_none() {
			// A fork may be in the way of this look: then the one at the final block decides.
			if let Ok(evidence) =
				result::fetch_as(self.client, order, At::Best, described.element).await
			{
				if results::check_result(genesis, described, &evidence).passed() {
					course.output = Some(evidence.submission.output);
				}
			}
		}
		let is_final = finalized.number >= receipt.settled_at
			&& self.client.receipt(order, At::Finalized).await?.is_some();
		if is_final {
			let evidence =
				result::fetch_as(self.client, order, At::Finalized, described.element).await?;
			let mut report = evidence.check_as(genesis, described.element, None);
			results::check_ordered(described, &evidence, &mut report);
			results::demand(&report)?;
			posting::settled(self.client, &self.request(index), order).await?;
			let output = evidence.submission.output;
			course.output = Some(output.clone());
			course.state = State::Final(Box::new(Done {
				order,
				resumed: course.resumed,
				trustless: report.is_trustless(),
				receipt: evidence.receipt,
				output,
			}));
		}
		Ok(())
	}

	/// Goes on with a part whose order is gone for good under its number.
	async fn gone(
		&self,
		index: usize,
		course: &mut Course,
		order: OrderId,
		best: BlockRef,
		progress: &mut Progress,
	) -> Outcome<()> {
		let request = self.request(index);
		if let Some(now) = posting::moved(self.client, &request, order, progress).await? {
			progress.done(&moved(order, now));
			*course = course.begun(now, course.resumed);
			return Ok(());
		}
		self.order_again(index, course, order, best, progress).await
	}

	/// Makes a part whose order has expired one that is to be ordered.
	async fn order_again(
		&self,
		index: usize,
		course: &mut Course,
		order: OrderId,
		best: BlockRef,
		progress: &mut Progress,
	) -> Outcome<()> {
		// It was paid: a second one would be paid for the same.
		if let State::Settled { .. } = course.state {
			let why = posting::receipt_removed(order);
			return Err(Failure {
				message: format!("{}: {}", self.parts[index].what, why.message),
				..why
			});
		}
		let why = ended(order, course.deadline, best);
		if why.code != "order_expired" || course.orders >= MOST_ORDERS {
			let others = match self.context.has_ordered_anew() {
				// What goes on with them is said of every failure then.
				true => String::new(),
				false => format!(
					". The same command again goes on with the other {}s",
					self.name
				),
			};
			return Err(Failure {
				message: format!("{}: {}{others}", self.parts[index].what, why.message),
				..why
			});
		}
		progress.done(&format!(
			"order {order} expired before anybody proved it, and its money is back: ordering the {} again",
			self.name
		));
		let ledger = Ledger::open(self.client.genesis_hash());
		let locked = ledger.lock().await?;
		locked.forget_order(&self.request(index), order);
		*course = Course {
			orders: course.orders,
			replaces: course.replaces,
			..Course::default()
		};
		Ok(())
	}

	fn describe(&self, courses: &[Course]) -> String {
		let count = |is: fn(&Course) -> bool| courses.iter().filter(|course| is(course)).count();
		let proven = count(|course| course.output.is_some());
		let claimed = count(|course| matches!(course.state, State::Live { claimed: true, .. }));
		let open = count(Course::is_live) - claimed;
		let unordered = count(|course| matches!(course.state, State::Unordered));
		let of = format!("{proven} of {} {}s proven", courses.len(), self.name);
		match courses.len() - proven {
			0 => format!("{of}, waiting until their blocks are final"),
			_ => format!(
				"{of}: {claimed} worked on, {open} waiting for a worker, {unordered} yet to be ordered"
			),
		}
	}
}

/// Who proved the parts.
pub fn providers(done: &[Done]) -> BTreeSet<AccountId> {
	done.iter()
		.map(|done| done.receipt.provider.clone())
		.collect()
}
