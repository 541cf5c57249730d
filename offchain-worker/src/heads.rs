//! Watches the chain's heads: that the node answers, that it is on the chain that this worker knows, whether it has lost
//! blocks, whether the best chain leaves blocks. And, since it looks so often, the clock and the journal.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
	chain::{Block, ChainError, Heads},
	context::Context,
	journal::JournalError,
};

/// Finalized blocks after which the highest seen is written down.
const FINALIZED_NOTED_EVERY: u32 = 10;
/// Shortest and longest wait between attempts to reach a node that is away.
const RETRIES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];

/// Why the worker ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
	/// The journal failed, and not in passing.
	#[error(transparent)]
	Journal(#[from] JournalError),
	/// The node is of another chain than it was.
	#[error(
		"the node's chain has the genesis 0x{found} now, and had 0x{wanted}: point `node` to the right \
		 chain"
	)]
	OtherChain {
		/// Genesis now.
		found: String,
		/// Genesis at the start.
		wanted: String,
	},
	/// The chain is not the one that the journal knows.
	#[error(
		"the chain's block {number} is 0x{found}, but this worker saw 0x{seen} finalized there: the \
		 chain was started afresh or the node is on a fork. Start with another data_dir (or remove \
		 {data_dir}) if the chain was started afresh"
	)]
	OtherHistory {
		/// Height.
		number: u32,
		/// Hash there now.
		found: String,
		/// Hash that was seen.
		seen: String,
		/// Folder of the journal.
		data_dir: String,
	},
}

enum HeadsError {
	Chain(ChainError),
	Fatal(Fatal),
}

impl From<ChainError> for HeadsError {
	fn from(error: ChainError) -> Self {
		HeadsError::Chain(error)
	}
}

impl From<JournalError> for HeadsError {
	fn from(error: JournalError) -> Self {
		HeadsError::Fatal(error.into())
	}
}

/// Asks for the chain's heads again and again, publishes them when they change, and tells the status when
/// the node is away. Ends with an error if the chain is another than the journal knows, without one when
/// `stop` is cancelled.
pub async fn watch_heads(
	context: Arc<Context>,
	publish: watch::Sender<Heads>,
	poll: Duration,
	data_dir: String,
	stop: CancellationToken,
) -> Result<(), Fatal> {
	let retries = ExponentialBuilder::default()
		.with_min_delay(RETRIES[0])
		.with_max_delay(RETRIES[1])
		.without_max_times();
	let mut backoff = retries.build();
	let mut watcher = Watcher {
		context: context.clone(),
		data_dir,
		checked: false,
		behind: false,
		last: None,
		noted: None,
	};
	let mut clock = context.clock.watch();
	loop {
		if let Some(millis) = clock.look() {
			context.status.metrics.clock_jumped();
			tracing::warn!(seconds = millis / 1000, "the machine's clock jumped");
		}
		let wait = match watcher.look().await {
			Ok(Some(heads)) => {
				backoff = retries.build();
				publish.send_if_modified(|last| std::mem::replace(last, heads) != heads);
				poll
			}
			Ok(None) => poll.max(context.retry / 2),
			Err(HeadsError::Fatal(Fatal::Journal(error))) if error.is_passing() => {
				context.journal_failed(&error);
				context.retry
			}
			Err(HeadsError::Fatal(fatal)) => return Err(fatal),
			Err(HeadsError::Chain(error)) => {
				watcher.checked = false;
				context.status.disconnected(&error.to_string());
				backoff.next().unwrap_or(RETRIES[1])
			}
		};
		tokio::select! {
			_ = tokio::time::sleep(wait) => {},
			_ = stop.cancelled() => return Ok(()),
		}
	}
}

struct Watcher {
	context: Arc<Context>,
	data_dir: String,
	/// The node was found to be on our chain since it last went away.
	checked: bool,
	/// It has less than what was seen finalized.
	behind: bool,
	/// The heads seen last.
	last: Option<Heads>,
	/// Highest finalized block in the journal.
	noted: Option<u32>,
}

impl Watcher {
	/// The heads; `None` while the node has not caught up with what this worker saw finalized.
	async fn look(&mut self) -> Result<Option<Heads>, HeadsError> {
		let (context, chain) = (self.context.clone(), self.context.chain.clone());
		let heads = chain.heads().await?;
		let seen = self.seen()?;
		// A connection that is renewed at once shows no error, and may lead to another chain: each time that more is final the
		// node is asked whether it is still on ours, before anybody relies on it.
		let is_new = !self.checked || seen != Some(heads.finalized);
		if is_new {
			self.check_genesis().await?;
		}
		if !self.checked {
			context.set_block_time(chain.block_time().await?);
		}
		let ahead = seen.filter(|seen| heads.finalized.number < seen.number);
		if let (Some(seen), None, true) = (seen, ahead, is_new) {
			self.check_history(seen).await?;
		}
		context.status.connected(heads);
		if let Some(seen) = ahead {
			self.note_setback(heads.finalized.number, seen.number);
			return Ok(None);
		}
		self.checked = true;
		self.behind = false;
		context.status.set_catching_up(None);
		self.note_reorganisation(heads.best).await?;
		self.last = Some(heads);
		self.note_finalized(heads.finalized)?;
		Ok(Some(heads))
	}

	/// The highest finalized block that this worker has seen; of earlier starts, the one in the journal.
	fn seen(&self) -> Result<Option<Block>, JournalError> {
		match self.last {
			Some(heads) => Ok(Some(heads.finalized)),
			None => {
				let noted = self.context.journal.finalized()?;
				Ok(noted.map(|(number, hash)| Block { number, hash }))
			}
		}
	}

	async fn check_genesis(&self) -> Result<(), HeadsError> {
		let wanted = self.context.chain.genesis();
		match self.context.chain.hash_of(0).await? {
			Some(found) if found != wanted => Err(HeadsError::Fatal(Fatal::OtherChain {
				found: hex::encode(found),
				wanted: hex::encode(wanted),
			})),
			_ => Ok(()),
		}
	}

	/// That the finalized block which this worker saw last is on the chain.
	async fn check_history(&self, seen: Block) -> Result<(), HeadsError> {
		match self.context.chain.hash_of(seen.number).await? {
			Some(found) if found != seen.hash => Err(HeadsError::Fatal(Fatal::OtherHistory {
				number: seen.number,
				found: hex::encode(found),
				seen: hex::encode(seen.hash),
				data_dir: self.data_dir.clone(),
			})),
			// A node that was wiped and warp-synced may not know it for hours; then its state decides.
			_ => Ok(()),
		}
	}

	fn note_setback(&mut self, finalized: u32, seen: u32) {
		if !std::mem::replace(&mut self.behind, true) {
			self.context.status.metrics.setback();
		}
		// What it has by the time it has caught up must be what was seen.
		self.checked = false;
		self.context.status.set_catching_up(Some(format!(
			"the node has finalized less than the {seen} blocks that this worker has seen: it lost blocks or \
			 is catching up. If the chain was started afresh, start with another data_dir (or remove {})",
			self.data_dir
		)));
		tracing::debug!(finalized, seen, "behind");
	}

	async fn note_reorganisation(&self, best: Block) -> Result<(), ChainError> {
		let Some(last) = self.last.map(|heads| heads.best) else {
			return Ok(());
		};
		if last == best {
			return Ok(());
		}
		let left = best.number <= last.number
			|| self.context.chain.hash_of(last.number).await? != Some(last.hash);
		if left {
			tracing::info!(
				left = last.number,
				best = best.number,
				"the best chain changed"
			);
			self.context.status.metrics.reorganised();
		}
		Ok(())
	}

	/// Writes the highest finalized block down now and then; and tries the journal if it could not be used.
	fn note_finalized(&mut self, finalized: Block) -> Result<(), JournalError> {
		let due = self
			.noted
			.is_none_or(|noted| finalized.number >= noted.saturating_add(FINALIZED_NOTED_EVERY));
		let broken = self.context.status.has_journal_problem();
		if due || broken {
			self.context
				.journal
				.set_finalized(finalized.number, finalized.hash)?;
			self.noted = Some(finalized.number);
			self.context.status.set_journal_problem(None);
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests;
