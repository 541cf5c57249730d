//! What a step is, once the market is known in which it is taken.
//!
//! Which account, order or amount the dice mean is decided by the model's state at that moment, so that most
//! calls can succeed, and so that a sequence still makes sense when shrinking takes steps out of it. All
//! dice at zero is the plainest choice.

use crate::{
	model::{
		Account, Call, Commitment, Fault, Input, Market, Order, OrderId, Origin, Output, Profile,
		Program, Proof, Rule, Sample, Statement, Status, Terms, NOT_CANONICAL, SAMPLE_ORDER,
	},
	parameters::{
		Balance, Block, EXISTENTIAL_DEPOSIT, MAX_ADVERTISED_PROGRAMS, MAX_CLAIM_WINDOW,
		MAX_ENDPOINT_BYTES, MAX_INPUT_BYTES, MAX_LIFETIME, MAX_OPERATORS, MAX_OUTPUT_BYTES,
		MAX_UNBONDING_CHUNKS, MIN_BOND, MIN_CLAIM_WINDOW, MIN_PRICE,
	},
	sequence::{
		Cast, Kind, Step, ALICE, BOB, CAROL, DAVE, EVE, FRANK, GENESIS_PROGRAM, GRACE, HEIDI, NIAJ,
		OWNED_PROGRAM,
	},
};

const PROGRAMS: [Program; 4] = [GENESIS_PROGRAM, OWNED_PROGRAM, Program(3), Program(4)];

#[derive(Clone, Copy)]
enum Role {
	Requester,
	Provider,
	Operator,
	Registrant,
	Anyone,
}

/// What a step comes to.
#[derive(Clone, Debug)]
pub enum Action {
	Call(Origin, Call),
	Blocks(Block),
}

impl Step {
	/// What it is in this market.
	pub fn resolve(&self, cast: Cast, market: &Market) -> Vec<Action> {
		let mut scene = Scene {
			cast,
			market,
			dice: Dice {
				numbers: &self.dice,
				next: 0,
			},
		};
		match self.kind {
			Kind::Blocks => vec![Action::Blocks(scene.blocks())],
			Kind::UntilSomethingEnds => vec![Action::Blocks(scene.until_something_ends())],
			Kind::PostSeveral => scene.post_several(),
			Kind::UnbondInDrops => scene.unbond_in_drops(),
			kind => {
				let (who, call) = scene.call(kind);
				vec![Action::Call(scene.origin(who), call)]
			}
		}
	}
}

/// Chance, from a step's numbers.
struct Dice<'a> {
	numbers: &'a [u8],
	next: usize,
}

impl Dice<'_> {
	fn number(&mut self) -> u8 {
		let number = self.numbers[self.next % self.numbers.len()];
		self.next += 1;
		number
	}

	fn below(&mut self, limit: usize) -> usize {
		usize::from(self.number()) % limit
	}

	/// Not so for a zero.
	fn one_in(&mut self, n: u16) -> bool {
		u16::from(self.number()) >= 256 - 256 / n
	}

	fn pick<T: Copy>(&mut self, of: &[T]) -> T {
		of[self.below(of.len())]
	}

	/// One of these, or `otherwise` if there are none.
	fn pick_or<T: Copy>(&mut self, of: &[T], otherwise: T) -> T {
		if of.is_empty() {
			otherwise
		} else {
			self.pick(of)
		}
	}
}

/// A step that is about to be taken.
struct Scene<'a> {
	cast: Cast,
	market: &'a Market,
	dice: Dice<'a>,
}

impl Scene<'_> {
	/// Signed, as a rule.
	fn origin(&mut self, who: Account) -> Origin {
		if self.dice.one_in(64) {
			self.dice.pick(&[Origin::Root, Origin::Nobody])
		} else {
			Origin::Signed(who)
		}
	}

	fn actor(&mut self, role: Role) -> Account {
		const EVERYBODY: [Account; 9] = [ALICE, BOB, CAROL, DAVE, EVE, FRANK, GRACE, HEIDI, NIAJ];
		let accounts: &[Account] = match (self.cast, role) {
			(Cast::Together, _) => &[CAROL, ALICE, DAVE, EVE, NIAJ],
			(Cast::Separate, Role::Requester) => &[ALICE, BOB],
			(Cast::Separate, Role::Provider) => &[CAROL, DAVE],
			(Cast::Separate, Role::Operator) => &[EVE, FRANK],
			(Cast::Separate, Role::Registrant) => &[GRACE],
			(Cast::Separate, Role::Anyone) => &EVERYBODY,
		};
		let outsider = self.cast == Cast::Separate && self.dice.one_in(16);
		if outsider {
			self.dice.pick(&[HEIDI, NIAJ])
		} else {
			self.dice.pick(accounts)
		}
	}

	/// `who` as a rule, else somebody of the role.
	fn mostly(&mut self, who: Option<Account>, role: Role) -> Account {
		match who {
			Some(who) if !self.dice.one_in(8) => who,
			_ => self.actor(role),
		}
	}

	fn any_order(&mut self) -> OrderId {
		self.dice.below(self.market.next_order as usize + 2) as OrderId
	}

	/// A live order that is as asked, as a rule.
	fn order(&mut self, asked: impl Fn(Status) -> bool) -> OrderId {
		let live = self.market.orders.iter();
		let fitting: Vec<OrderId> = live
			.filter(|(_, order)| asked(order.status))
			.map(|(id, _)| *id)
			.collect();
		if self.dice.one_in(16) {
			return self.any_order();
		}
		let live: Vec<OrderId> = self.market.orders.keys().copied().collect();
		let any = self.any_order();
		let any = self.dice.pick_or(&live, any);
		self.dice.pick_or(&fitting, any)
	}

	fn blocks(&mut self) -> Block {
		let few = self.dice.pick(&[1, 1, 1, 2]);
		if self.dice.one_in(8) {
			few * 4
		} else {
			few
		}
	}

	/// Until something ends by itself, or until just before.
	fn until_something_ends(&mut self) -> Block {
		let now = self.market.now;
		let orders = self.market.orders.values();
		let providers = self.market.providers.values();
		let programs = self.market.programs.values();
		let mut ends: Vec<Block> = orders
			.map(|order| order.status_ends_at())
			.chain(
				providers
					.flat_map(|provider| &provider.unbonding)
					.map(|chunk| chunk.unlocks_at),
			)
			.chain(
				programs
					.filter_map(|entry| entry.retired_at)
					.map(|at| at + MAX_LIFETIME),
			)
			.map(|at| at.saturating_sub(now))
			.filter(|blocks| (1..=MAX_LIFETIME).contains(blocks))
			.collect();
		ends.sort_unstable();
		// The next thing rather than the last.
		let soonest = &ends[..ends.len().min(3)];
		let blocks = self.dice.pick_or(soonest, 1);
		if self.dice.one_in(3) {
			(blocks - 1).max(1)
		} else {
			blocks
		}
	}

	fn call(&mut self, kind: Kind) -> (Account, Call) {
		let needs_order = matches!(kind, Kind::Claim | Kind::Submit | Kind::Cancel);
		let nothing_to_do = needs_order && self.market.orders.is_empty();
		match kind {
			_ if nothing_to_do && !self.dice.one_in(8) => self.call(Kind::Post),
			Kind::Post => {
				let who = self.actor(Role::Requester);
				(who, Call::PostOrder(self.terms()))
			}
			Kind::Claim => {
				let id = self.order(|status| status == Status::Open);
				let who = self.somebody_who_claims();
				(who, Call::ClaimOrder(id, self.meant(id)))
			}
			Kind::Submit => self.submit(),
			Kind::Cancel => {
				let id = self.order(|status| status == Status::Open);
				let order = self.market.orders.get(&id);
				let who = self.mostly(order.map(|order| order.requester), Role::Requester);
				(who, Call::CancelOrder(id))
			}
			Kind::RemoveReceipt => {
				let receipts: Vec<OrderId> = self.market.receipts.keys().copied().collect();
				let any = self.any_order();
				let id = self.dice.pick_or(&receipts, any);
				let receipt = self.market.receipts.get(&id);
				let who = self.mostly(receipt.map(|receipt| receipt.requester), Role::Requester);
				(who, Call::RemoveReceipt(id))
			}
			Kind::RegisterProvider => {
				let who = self.actor(Role::Provider);
				let profile = self.profile();
				let most = self.market.holdable(who).saturating_sub(profile.deposit());
				(who, Call::RegisterProvider(self.bond(most), profile))
			}
			Kind::BondMore => {
				let who = self.provider();
				(who, Call::BondMore(self.bond(self.market.holdable(who))))
			}
			Kind::Unbond => {
				let who = self.provider();
				(who, Call::Unbond(self.part_of_bond(who)))
			}
			Kind::WithdrawUnbonded => (self.provider(), Call::WithdrawUnbonded),
			Kind::SetOperators => {
				let who = self.provider();
				(who, Call::SetOperators(self.operators(who)))
			}
			Kind::UpdateProvider => (self.provider(), Call::UpdateProvider(self.profile())),
			Kind::Deregister => (self.provider(), Call::Deregister),
			Kind::JoinProvider => self.join(),
			Kind::LeaveProvider => {
				let acting: Vec<Account> = self.market.acts_for.keys().copied().collect();
				let any = self.actor(Role::Operator);
				(self.dice.pick_or(&acting, any), Call::LeaveProvider)
			}
			Kind::RegisterProgram => self.register_program(),
			Kind::RetireProgram => {
				let program = self.program();
				(self.manager(program), Call::RetireProgram(program))
			}
			Kind::RemoveProgram => {
				let retired = self.market.programs.iter();
				let retired: Vec<Program> = retired
					.filter(|(_, entry)| entry.retired_at.is_some())
					.map(|(program, _)| *program)
					.collect();
				let any = self.program();
				let program = self.dice.pick_or(&retired, any);
				(self.manager(program), Call::RemoveProgram(program))
			}
			Kind::Transfer => {
				let (who, to) = (self.actor(Role::Anyone), self.actor(Role::Anyone));
				let keep_alive = self.dice.one_in(2);
				let amount = self.amount(self.market.spendable(who, keep_alive));
				(who, Call::Transfer(to, amount, keep_alive))
			}
			Kind::TransferAll => {
				let (who, to) = (self.actor(Role::Anyone), self.actor(Role::Anyone));
				(who, Call::TransferAll(to, self.dice.one_in(2)))
			}
			Kind::Burn => {
				let who = self.actor(Role::Anyone);
				let keep_alive = self.dice.one_in(2);
				let amount = self.amount(self.market.spendable(who, keep_alive));
				(who, Call::Burn(amount, keep_alive))
			}
			Kind::Blocks | Kind::UntilSomethingEnds | Kind::PostSeveral | Kind::UnbondInDrops => {
				unreachable!("these are not one call")
			}
		}
	}

	/// An amount of which `most` can be had: often that, or one unit to either side of it.
	fn amount(&mut self, most: Balance) -> Balance {
		let share = Balance::from(self.dice.number());
		match self.dice.below(10) {
			0..=2 => most * share / 255,
			3 => share,
			4 => most,
			5 => most.saturating_add(1),
			6 => most.saturating_sub(1),
			7 => most.saturating_sub(EXISTENTIAL_DEPOSIT - 1),
			8 => share % EXISTENTIAL_DEPOSIT,
			_ => Balance::MAX,
		}
	}

	fn somebody_who_claims(&mut self) -> Account {
		let operators = self.market.acts_for.keys();
		let able: Vec<Account> = self
			.market
			.providers
			.keys()
			.chain(operators)
			.copied()
			.collect();
		let able = (!able.is_empty()).then(|| self.dice.pick(&able));
		let role = self.dice.pick(&[Role::Provider, Role::Operator]);
		self.mostly(able, role)
	}

	/// The order that is meant by a number: the one that has it, as a rule, else one that has it elsewhere.
	fn meant(&mut self, id: OrderId) -> Option<Order> {
		let mut order = self.market.orders.get(&id)?.clone();
		if !self.dice.one_in(12) {
			return Some(order);
		}
		match self.dice.below(10) {
			0 => return None,
			1 => {
				let others: Vec<&Order> = self.market.orders.values().collect();
				order = self.dice.pick(&others).clone();
			}
			2 => order.requester = self.actor(Role::Requester),
			3 => order.posted_at += 1,
			4 => order.terms.program = self.dice.pick(&PROGRAMS),
			5 => order.terms.commitment = Commitment(self.dice.number() % 4),
			6 => order.terms.input = Input::Inline(u32::from(self.dice.number() % 16)),
			7 => order.terms.output_len += 4,
			8 => order.terms.max_price += 1,
			_ => order.terms.claim_window += 1,
		}
		Some(order)
	}

	fn terms(&mut self) -> Terms {
		let max_price = MIN_PRICE + 2 * Balance::from(self.dice.number());
		let min_price = match self.dice.below(5) {
			0 => max_price / 2,
			1 => max_price,
			2 => 0,
			3 => EXISTENTIAL_DEPOSIT / 2,
			_ => max_price * Balance::from(self.dice.number()) / 256,
		};
		let claim_window = self.dice.pick(&[4, MIN_CLAIM_WINDOW, 3, MAX_CLAIM_WINDOW]);
		let longest = MAX_LIFETIME - MAX_CLAIM_WINDOW;
		let lifetime = claim_window + self.dice.pick(&[8, longest, 4, longest, 1, 8, 0]);
		let ramp = self.dice.pick(&[0, 3, lifetime, lifetime / 2]);
		let active: Vec<Program> = self
			.market
			.programs
			.iter()
			.filter(|(_, entry)| entry.retired_at.is_none())
			.map(|(program, _)| *program)
			.collect();
		let program = self.dice.pick_or(&active, GENESIS_PROGRAM);
		let entry = self.market.programs.get(&program);
		let lengths: Vec<u32> = entry.map_or(vec![8], |entry| entry.rule.lengths().collect());
		let len = u32::from(self.dice.number() % 16) + 1;
		let input = if self.dice.one_in(3) {
			Input::Stored {
				size: u64::from(len),
				locator: len - 1,
				is_text: true,
			}
		} else {
			Input::Inline(len)
		};
		let mut terms = Terms {
			program,
			commitment: Commitment(self.dice.number() % 4),
			input,
			output_len: self.dice.pick(&lengths),
			min_price,
			max_price,
			ramp,
			claim_window,
			lifetime,
		};
		if self.dice.one_in(8) {
			self.spoil(&mut terms);
		}
		terms
	}

	/// Makes terms wrong in one way, or nearly so.
	fn spoil(&mut self, terms: &mut Terms) {
		let stored = |size, is_text| Input::Stored {
			size,
			locator: 5,
			is_text,
		};
		match self.dice.below(20) {
			0 => terms.program = Program(9),
			1 => terms.program = self.dice.pick(&PROGRAMS),
			2 => terms.output_len = MAX_OUTPUT_BYTES + 4,
			3 => terms.output_len += 1,
			4 => terms.output_len = 0,
			5 => terms.commitment = Commitment(NOT_CANONICAL),
			6 => terms.input = Input::Inline(0),
			7 => terms.input = stored(0, true),
			8 => terms.input = stored(MAX_INPUT_BYTES + 1, true),
			9 => terms.input = stored(MAX_INPUT_BYTES, true),
			10 => terms.input = stored(1, false),
			11 => terms.min_price = terms.max_price + 1,
			12 => (terms.min_price, terms.max_price) = (0, MIN_PRICE - 1),
			13 => (terms.min_price, terms.max_price) = (0, Balance::MAX),
			14 => terms.claim_window = MIN_CLAIM_WINDOW - 1,
			15 => terms.claim_window = MAX_CLAIM_WINDOW + 1,
			16 => terms.lifetime = MAX_LIFETIME + 1,
			17 => terms.lifetime = terms.claim_window - 1,
			18 => terms.ramp = terms.lifetime + 1,
			_ => (terms.lifetime, terms.ramp) = (Block::MAX, Block::MAX),
		}
	}

	/// Orders with the same deadline, more than a block can see to.
	fn post_several(&mut self) -> Vec<Action> {
		let who = self.actor(Role::Requester);
		let terms = self.terms();
		let times = 3 + self.dice.below(3);
		vec![Action::Call(Origin::Signed(who), Call::PostOrder(terms)); times]
	}

	fn submit(&mut self) -> (Account, Call) {
		let anything = self.dice.one_in(3);
		let id = self.order(|status| anything || status != Status::Open);
		let order = self.market.orders.get(&id);
		let claimer = match order.map(|order| order.status) {
			Some(Status::Claimed { provider, .. }) => Some(provider),
			_ => None,
		};
		let operators: Vec<Account> = self
			.market
			.acts_for
			.iter()
			.filter(|(_, provider)| Some(**provider) == claimer)
			.map(|(operator, _)| *operator)
			.collect();
		let usual = match claimer {
			Some(provider) if !operators.is_empty() && self.dice.one_in(2) => {
				Some(self.dice.pick_or(&operators, provider))
			}
			claimer => claimer,
		};
		let who = self.mostly(usual, Role::Anyone);
		let output = Output {
			len: order.map_or(8, |order| order.terms.output_len),
			byte: self.dice.number() % 3,
		};
		let statement = Statement {
			program: order.map_or(GENESIS_PROGRAM, |order| order.terms.program),
			commitment: order.map_or(Commitment(0), |order| order.terms.commitment),
			order: id,
			payee: self.market.payee(who),
			output,
		};
		let (output, proof) = if self.dice.one_in(6) {
			self.spoil_proof(statement)
		} else {
			(output, Proof::Of(statement))
		};
		(who, Call::SubmitResult(id, output, proof))
	}

	/// An output with a proof that is wrong in one way, or nearly so.
	fn spoil_proof(&mut self, mut statement: Statement) -> (Output, Proof) {
		let mut output = statement.output;
		match self.dice.below(9) {
			0 => statement.payee = self.actor(Role::Anyone),
			1 => statement.order = self.any_order(),
			2 => statement.order = SAMPLE_ORDER,
			3 => statement.commitment = Commitment(self.dice.number() % 4),
			4 => statement.program = self.dice.pick(&PROGRAMS),
			5 => statement.output.byte = 3,
			6 => {
				output.len = self.dice.pick(&[0, 1, output.len + 1, output.len + 4]);
				statement.output = output;
			}
			_ => {
				let fault = self.dice.pick(&[
					Fault::Truncated,
					Fault::KeyMalformed,
					Fault::StatementNotCanonical,
					Fault::TooLong,
					Fault::TrailingBytes,
					Fault::NotCanonical,
				]);
				return (output, Proof::Faulty(fault));
			}
		}
		(output, Proof::Of(statement))
	}

	fn provider(&mut self) -> Account {
		let providers: Vec<Account> = self.market.providers.keys().copied().collect();
		let one = (!providers.is_empty()).then(|| self.dice.pick(&providers));
		self.mostly(one, Role::Provider)
	}

	fn bond(&mut self, most: Balance) -> Balance {
		match self.dice.below(8) {
			0 | 1 => MIN_BOND + 2 * Balance::from(self.dice.number()),
			2 => MIN_BOND,
			3 => MIN_BOND - 1,
			4 => 0,
			_ => self.amount(most),
		}
	}

	fn part_of_bond(&mut self, who: Account) -> Balance {
		let active = self
			.market
			.providers
			.get(&who)
			.map_or(0, |entry| entry.active);
		let uncommitted = active - self.market.committed(who);
		match self.dice.below(10) {
			0..=2 => Balance::from(self.dice.number()),
			3 => active,
			4 => uncommitted,
			5 => uncommitted + 1,
			6 => active.saturating_sub(MIN_BOND),
			7 => (active + 1).saturating_sub(MIN_BOND),
			_ => self.amount(active),
		}
	}

	/// Many small withdrawals from one bond, each in a block of its own.
	fn unbond_in_drops(&mut self) -> Vec<Action> {
		let who = self.provider();
		let mut actions = Vec::new();
		if !self.dice.one_in(3) {
			return actions;
		}
		for _ in 0..=MAX_UNBONDING_CHUNKS {
			actions.push(Action::Call(Origin::Signed(who), Call::Unbond(1)));
			actions.push(Action::Blocks(1));
		}
		actions
	}

	fn operators(&mut self, who: Account) -> Vec<Account> {
		let named = self.market.providers.get(&who);
		let mut operators = named.map_or(Vec::new(), |provider| provider.operators.clone());
		if self.dice.one_in(2) {
			operators.clear();
		}
		for _ in 0..1 + self.dice.below(3) {
			let operator = self.actor(Role::Operator);
			if !operators.contains(&operator) || self.dice.one_in(16) {
				operators.push(operator);
			}
		}
		if self.dice.one_in(16) {
			operators.push(self.actor(Role::Provider));
		}
		operators.truncate(MAX_OPERATORS);
		operators
	}

	fn join(&mut self) -> (Account, Call) {
		let named: Vec<(Account, Account)> = self
			.market
			.providers
			.iter()
			.flat_map(|(provider, entry)| {
				let operators = entry.operators.iter();
				operators.map(move |operator| (*operator, *provider))
			})
			.filter(|(operator, _)| self.market.provider_of(*operator).is_none())
			.collect();
		if named.is_empty() || self.dice.one_in(6) {
			let who = self.actor(Role::Operator);
			(who, Call::JoinProvider(self.actor(Role::Provider)))
		} else {
			let (operator, provider) = self.dice.pick(&named);
			(operator, Call::JoinProvider(provider))
		}
	}

	fn profile(&mut self) -> Profile {
		Profile {
			endpoint: self.dice.pick(&[0, 20, 63, 64, MAX_ENDPOINT_BYTES]),
			programs: self.dice.pick(&[0, 1, 2, 5, MAX_ADVERTISED_PROGRAMS]),
			endpoint_is_not_text: self.dice.one_in(16),
			program_twice: self.dice.one_in(16),
		}
	}

	/// A program that is registered, as a rule.
	fn program(&mut self) -> Program {
		let registered: Vec<Program> = self.market.programs.keys().rev().copied().collect();
		if registered.is_empty() || self.dice.one_in(8) {
			Program(9)
		} else {
			self.dice.pick(&registered)
		}
	}

	/// Who may manage a program, as a rule; nobody of those here may manage one of genesis.
	fn manager(&mut self, program: Program) -> Account {
		let owner = self
			.market
			.programs
			.get(&program)
			.and_then(|entry| entry.owner);
		self.mostly(owner, Role::Registrant)
	}

	fn register_program(&mut self) -> (Account, Call) {
		let who = self.actor(Role::Registrant);
		let taken = |program: &Program| self.market.programs.contains_key(program);
		let vacant: Vec<Program> = PROGRAMS.into_iter().filter(|one| !taken(one)).collect();
		let mut program = self.dice.pick_or(&vacant, OWNED_PROGRAM);
		let element = self.dice.pick(&[4, 1, 2]);
		let mut rule = Rule {
			element,
			min: 4,
			max: 16 + u32::from(self.dice.number() % 16),
			multiple_of: element * self.dice.pick(&[1, 2]),
		};
		let mut commitment = Commitment(self.dice.number() % 4);
		let lengths: Vec<u32> = rule.lengths().collect();
		let mut output = Output {
			len: self.dice.pick(&lengths),
			byte: 1,
		};
		if self.dice.one_in(4) {
			match self.dice.below(9) {
				0 => program = GENESIS_PROGRAM,
				1 => program = Program(NOT_CANONICAL),
				2 => rule.multiple_of = 0,
				3 => rule.min = 0,
				4 => rule.max = 3,
				5 => (rule.min, rule.max, rule.multiple_of) = (5, 7, 4),
				6 => (rule.element, rule.multiple_of) = (4, 6),
				7 => output.len = self.dice.pick(&[0, 1, 64]),
				_ => commitment = Commitment(NOT_CANONICAL),
			}
		}
		let statement = Statement {
			program,
			commitment,
			order: SAMPLE_ORDER,
			payee: who,
			output,
		};
		let (output, proof) = if self.dice.one_in(8) {
			self.spoil_proof(statement)
		} else {
			(output, Proof::Of(statement))
		};
		let sample = Sample {
			commitment,
			output,
			proof,
		};
		(who, Call::RegisterProgram(program, rule, sample))
	}
}
