//! What it costs to use the chain for something else than jobs: the figures of `docs/security.md`, computed
//! from the runtime's own constants and weights. Run with `--nocapture` to see them.

use frame_support::dispatch::DispatchClass;
use lemma_primitives::{
	provider::{Backend, Profile, MAX_ADVERTISED_PROGRAMS, MAX_ENDPOINT_BYTES},
	Balance, ProgramId, MAX_PROOF_BYTES, UNIT,
};
use lemma_runtime::{
	configs::system::{RuntimeBlockLength, RuntimeBlockWeights},
	constants::{
		market::{MAX_EXPIRIES_PER_BLOCK, MIN_PRICE},
		money::{EXISTENTIAL_DEPOSIT, FEE_PER_PICOSECOND},
		time::HOURS,
	},
	JobOrders, ProviderStaking, Runtime, RuntimeCall,
};
use sp_keyring::Sr25519Keyring::Alice;

use crate::{
	chain::Chain,
	fees::full_fee,
	market::{post, submit},
	proof::small,
};

/// The page, whose figures are the least that each thing costs.
const PAGE: &str = include_str!("../../../docs/security.md");

/// What the page says a thing costs at least: the second cell, in LEM, of the row that begins with its name.
fn promised(name: &str) -> Balance {
	let row = PAGE
		.lines()
		.find(|line| line.starts_with(&format!("| {name} |")))
		.unwrap_or_else(|| panic!("docs/security.md has a row for {name:?}"));
	let cell = row.split('|').nth(2).expect("a row has cells").trim();
	let figure = cell
		.strip_suffix(" LEM")
		.unwrap_or_else(|| panic!("{cell:?} is an amount of LEM"));
	let (whole, part) = figure.split_once('.').unwrap_or((figure, ""));
	let whole: Balance = whole.replace(',', "").parse().expect("a number");
	let part: Balance = format!("{part:0<12}").parse().expect("at most 12 digits");
	whole * UNIT + part
}

/// A call that is nearly all bytes and costs as little besides as any.
fn bytes(len: u32) -> RuntimeCall {
	frame_system::Call::<Runtime>::remark {
		remark: vec![0; len as usize],
	}
	.into()
}

/// The longest profile there can be.
fn longest_profile() -> Profile {
	let programs: Vec<_> = (0..MAX_ADVERTISED_PROGRAMS)
		.map(|index| ProgramId::from_low_u64_be(index.into()))
		.collect();
	Profile {
		endpoint: vec![b'x'; MAX_ENDPOINT_BYTES as usize]
			.try_into()
			.expect("just fits"),
		backend: Backend::Cpu,
		programs: programs.try_into().expect("just fit"),
	}
}

#[test]
fn free_riding_should_cost_at_least_what_the_security_page_says() {
	let mut chain = Chain::development();
	let (job, _) = small();
	let mut fee = |call: RuntimeCall| full_fee(&mut chain, Alice, call);

	// Block space. A block takes as many such calls as fit into the share of its length that is everybody's.
	let max_len = *RuntimeBlockLength::get().max.get(DispatchClass::Normal);
	let block_of_bytes = fee(bytes(1 << 20)) * Balance::from(max_len) / (1 << 20);
	let weights = RuntimeBlockWeights::get();
	let normal = weights
		.get(DispatchClass::Normal)
		.max_total
		.expect("there is a limit");
	let block_of_weight = Balance::from(normal.ref_time()) * FEE_PER_PICOSECOND;

	// Verification.
	let refused = fee(submit(0, vec![0; 4], vec![0; MAX_PROOF_BYTES as usize]));
	let posting = fee(post(job));

	let (prepaid, deposit, longest_deposit) = chain.read(|| {
		(
			JobOrders::settlement_fee_for(4),
			JobOrders::deposit_for(0),
			JobOrders::deposit_for(8 * 1024),
		)
	});
	let shortest_profile = Profile {
		endpoint: Default::default(),
		backend: Backend::Cpu,
		programs: Default::default(),
	};
	let entry = ProviderStaking::deposit_for(&shortest_profile);
	let longest_entry = ProviderStaking::deposit_for(&longest_profile());
	let locked = deposit + prepaid + MIN_PRICE;
	let orders_of_an_hour = Balance::from(HOURS * MAX_EXPIRIES_PER_BLOCK);

	for (name, cost) in [
		("a block full of bytes", block_of_bytes),
		("a block full of weight", block_of_weight),
		("a refused proof", refused),
		("a free settlement, prepaid", prepaid),
		("posting an order", posting),
		("an order's storage, for its life", deposit),
		("the same with 8 KiB of input", longest_deposit),
		("an account's storage", EXISTENTIAL_DEPOSIT),
		("a provider's entry, its bond gone", entry),
		("the same with the longest profile", longest_entry),
		("an agenda an hour late, locked", orders_of_an_hour * locked),
		("an agenda an hour late, burnt", orders_of_an_hour * posting),
	] {
		let (lem, rest) = (cost / UNIT, cost % UNIT);
		let promised = promised(name);
		println!("| {name} | {lem}.{rest:012} LEM |");
		assert!(cost >= promised, "{name}: {cost} < {promised}");
	}
}
