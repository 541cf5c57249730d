//! Plays a sequence on chain and model at once, and compares them after every call and block.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
	chain::{Chain, Contents},
	compare::{compare, was_seen_to},
	model::{
		Call, Commitment, Market, Order, Origin, Output, Profile, Proof, Rule, Sample, Statement,
		SAMPLE_ORDER,
	},
	parameters::{Block, MAX_LIFETIME, MIN_BOND, UNBONDING_PERIOD},
	scene::Action,
	sequence::{genesis, Cast, Sequence, ALICE, CAROL, DAVE, EVE, GRACE, OWNED_PROGRAM},
};

/// What was done, counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
	pub sequences: u64,
	/// Sequences with one account in several roles.
	pub together: u64,
	pub blocks: u64,
	/// Calls by pallet and name: how many were done, how many refused.
	pub calls: BTreeMap<(&'static str, &'static str), (u64, u64)>,
	/// How often each error was given.
	pub errors: BTreeMap<&'static str, u64>,
}

impl Tally {
	pub fn add(&mut self, other: &Self) {
		self.sequences += other.sequences;
		self.together += other.together;
		self.blocks += other.blocks;
		for (name, (done, refused)) in &other.calls {
			let sum = self.calls.entry(*name).or_default();
			*sum = (sum.0 + done, sum.1 + refused);
		}
		for (error, times) in &other.errors {
			*self.errors.entry(*error).or_default() += times;
		}
	}

	/// Calls done, and calls refused.
	pub fn calls_in_all(&self) -> (u64, u64) {
		let sum = |a: (u64, u64), b: &(u64, u64)| (a.0 + b.0, a.1 + b.1);
		self.calls.values().fold((0, 0), sum)
	}
}

/// Where every sequence starts: building a genesis takes longer than playing a sequence.
pub struct Start {
	market: Market,
	contents: Contents,
}

impl Start {
	pub fn new() -> Self {
		let market = genesis();
		let contents = Chain::new(&market).contents();
		Self { market, contents }
	}

	/// A game that starts here.
	pub fn game(&self) -> Game {
		Game {
			market: self.market.clone(),
			chain: Chain::with(self.contents.clone()),
			tally: Tally::default(),
			story: None,
		}
	}
}

/// Plays a sequence. What was done, or how chain and model came to differ.
pub fn play(start: &Start, sequence: &Sequence) -> Result<Tally, String> {
	start.game().play(sequence)
}

/// Plays a sequence once more, and tells what happens in it. Ends where it fails, even in a panic.
pub fn tell(start: &Start, sequence: &Sequence) -> String {
	let mut game = start.game();
	game.story = Some(String::new());
	let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
		game.play(sequence).map(drop)
	}));
	let mut story = game.story.take().unwrap_or_default();
	match played {
		Ok(Ok(())) => story.push_str("and all was well"),
		Ok(Err(difference)) => story.push_str(&difference),
		Err(_) => story.push_str("and it panicked"),
	}
	story
}

/// A market, the chain that it is compared with, and what has been done on both.
pub struct Game {
	pub market: Market,
	pub chain: Chain,
	tally: Tally,
	/// What has happened, if it is to be told.
	story: Option<String>,
}

impl Game {
	fn play(&mut self, sequence: &Sequence) -> Result<Tally, String> {
		self.compare()?;
		if sequence.settled_in {
			self.settle_in()?;
		}
		for step in &sequence.steps {
			for action in step.resolve(sequence.cast, &self.market) {
				self.act(action)?;
			}
		}
		if sequence.wound_down {
			self.wind_down()?;
		}
		self.tally.sequences = 1;
		self.tally.together = u64::from(sequence.cast == Cast::Together);
		Ok(std::mem::take(&mut self.tally))
	}

	fn note(&mut self, what: impl FnOnce() -> String) {
		if let Some(story) = &mut self.story {
			writeln!(story, "{}", what()).expect("a String takes all that is written to it");
		}
	}

	fn act(&mut self, action: Action) -> Result<(), String> {
		match action {
			Action::Call(origin, call) => self.call(origin, &call).map(drop),
			Action::Blocks(blocks) => self.blocks(blocks),
		}
	}

	fn compare(&mut self) -> Result<(), String> {
		let market = &self.market;
		self.chain.run(|| compare(market))
	}

	/// Makes a call on both sides. Whether it was done.
	pub fn call(&mut self, origin: Origin, call: &Call) -> Result<bool, String> {
		self.note(|| format!("{origin:?}: {call:?}"));
		self.chain.next_extrinsic();
		let refusals = self.market.refusals(origin, call);
		let before = (!refusals.is_empty()).then(|| self.chain.contents());
		let outcome = self.chain.call(origin, call)?;
		let count = self.tally.calls.entry(outcome.name).or_default();
		match (outcome.result, before) {
			(Ok(()), None) => {
				count.0 += 1;
				self.market.perform(origin, call);
				self.compare()?;
				Ok(true)
			}
			(Err(error), Some(before)) => {
				count.1 += 1;
				*self.tally.errors.entry(error).or_default() += 1;
				self.note(|| format!("    refused: {error}"));
				if !refusals.contains(error) {
					return Err(format!("refused as {error}, not as one of {refusals:?}"));
				}
				if self.chain.contents() != before {
					return Err("a refused call has changed storage".into());
				}
				Ok(false)
			}
			(Ok(()), Some(_)) => Err(format!("done, but is to be refused as {refusals:?}")),
			(Err(error), None) => Err(format!("refused as {error}, but is to be done")),
		}
	}

	/// Lets blocks pass.
	pub fn blocks(&mut self, blocks: Block) -> Result<(), String> {
		for _ in 0..blocks {
			self.chain.next_block();
			let chain = std::cell::RefCell::new(&mut self.chain);
			let was_done = |id, order: &Order| chain.borrow_mut().run(|| was_seen_to(id, order));
			self.market.next_block(was_done)?;
			self.tally.blocks += 1;
			let now = self.market.now;
			self.note(|| format!("block {now}"));
			self.compare()?;
		}
		Ok(())
	}

	/// Providers with bonds, an operator and a second program: where most sequences begin.
	fn settle_in(&mut self) -> Result<(), String> {
		let profile = Profile::default();
		let rule = Rule {
			element: 1,
			min: 1,
			max: 32,
			multiple_of: 1,
		};
		let output = Output { len: 5, byte: 1 };
		let commitment = Commitment(1);
		let sample = Sample {
			commitment,
			output,
			proof: Proof::Of(Statement {
				program: OWNED_PROGRAM,
				commitment,
				order: SAMPLE_ORDER,
				payee: GRACE,
				output,
			}),
		};
		for (who, call) in [
			(CAROL, Call::RegisterProvider(4 * MIN_BOND, profile)),
			(DAVE, Call::RegisterProvider(2 * MIN_BOND, profile)),
			(CAROL, Call::SetOperators(vec![EVE])),
			(EVE, Call::JoinProvider(CAROL)),
			(GRACE, Call::RegisterProgram(OWNED_PROGRAM, rule, sample)),
		] {
			if !self.call(Origin::Signed(who), &call)? {
				return Err(format!("{who:?} could not settle in"));
			}
		}
		Ok(())
	}

	/// Everything ends, everybody leaves, and nothing of anybody's stays behind.
	fn wind_down(&mut self) -> Result<(), String> {
		for program in self.market.programs.keys().copied().collect::<Vec<_>>() {
			self.call(Origin::Root, &Call::RetireProgram(program))?;
		}
		self.blocks(MAX_LIFETIME)?;
		let mut patience = 100;
		while !self.market.orders.is_empty() {
			if patience == 0 {
				return Err("orders outlive every deadline".into());
			}
			patience -= 1;
			self.blocks(1)?;
		}
		for (id, receipt) in self.market.receipts.clone() {
			self.call(Origin::Signed(receipt.requester), &Call::RemoveReceipt(id))?;
		}
		for program in self.market.programs.keys().copied().collect::<Vec<_>>() {
			self.call(Origin::Root, &Call::RemoveProgram(program))?;
		}
		let providers: Vec<_> = self.market.providers.keys().copied().collect();
		for who in &providers {
			self.call(Origin::Signed(*who), &Call::WithdrawUnbonded)?;
			self.call(Origin::Signed(*who), &Call::Deregister)?;
		}
		self.blocks(UNBONDING_PERIOD)?;
		for who in providers {
			self.call(Origin::Signed(who), &Call::WithdrawUnbonded)?;
		}
		let held = self.market.held();
		if !held.is_empty() || !self.market.providers.is_empty() {
			return Err(format!("left behind: {held:?} {:?}", self.market.providers));
		}
		// Nobody needs anything any more: all but what was burned can be Alice's.
		for who in self.market.free.keys().copied().collect::<Vec<_>>() {
			if who != ALICE {
				let origin = Origin::Signed(who);
				self.call(origin, &Call::TransferAll(ALICE, false))?;
			}
		}
		let (alice, issued) = (self.market.free(ALICE), self.market.issued);
		if alice == issued {
			Ok(())
		} else {
			Err(format!("Alice has {alice} of {issued}"))
		}
	}
}
