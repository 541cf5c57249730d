//! Which orders to take: rules of the operator, limits of the machine, time left on the chain. Pure.

use std::{collections::BTreeSet, time::Duration};

use lemma_client::{amount, Balance, BlockNumber, Order, OrderStatus};
use lemma_primitives::order::InputSource;
use lemma_zk_circuits::program::ProgramId;

use crate::config::Rules;

/// Blocks that pass besides the work: the claim's inclusion was seen late, the submission waits its turn,
/// one block may be missed.
const BLOCKS_BESIDE_THE_WORK: u32 = 3;

/// Blocks within which a claim is included.
const BLOCKS_FOR_A_CLAIM: u32 = 2;

/// The verdict on an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
	/// Take it.
	Take,
	/// Not now; it may become acceptable (its price rises, bond gets free).
	NotNow(String),
	/// Never.
	Never(String),
}

/// The programs that are served, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served(BTreeSet<ProgramId>);

impl Served {
	/// From ids and names as the operator wrote them; all that the worker knows, built in or loaded, where none is named. A
	/// name is that of a program (`gemm`) or of one of its classes (`k64-d8`).
	pub fn resolve(
		wanted: &[String],
		known: &[(String, String, ProgramId)],
	) -> Result<Self, String> {
		if wanted.is_empty() {
			return Ok(Self(known.iter().map(|(_, _, id)| *id).collect()));
		}
		let mut served = BTreeSet::new();
		for name in wanted {
			let ids: Vec<_> = known
				.iter()
				.filter(|(program, class, id)| {
					name == program
						|| name == class || name
						.strip_prefix("0x")
						.is_some_and(|digits| digits.eq_ignore_ascii_case(&hex::encode(id)))
				})
				.map(|(_, _, id)| *id)
				.collect();
			if ids.is_empty() {
				let mut names: Vec<_> = known
					.iter()
					.map(|(program, _, _)| program.as_str())
					.collect();
				names.dedup();
				return Err(format!(
					"`programs` names `{name}`, which is neither built in nor in `bundles` or `executables`; there are: {}",
					names.join(", ")
				));
			}
			served.extend(ids);
		}
		Ok(Self(served))
	}

	/// Whether this program is served.
	pub fn contains(&self, program: &ProgramId) -> bool {
		self.0.contains(program)
	}

	/// How many are served.
	pub fn len(&self) -> usize {
		self.0.len()
	}

	/// Whether none is served.
	pub fn is_empty(&self) -> bool {
		self.0.is_empty()
	}
}

/// What the chain offers for an order in the next block, and what it leaves us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
	/// Price of a claim now; price and bounty of a rescue.
	pub price: Balance,
	/// Height of the best block.
	pub now: BlockNumber,
	/// Time between blocks.
	pub block_time: Duration,
	/// Our bond that no claim has committed.
	pub free_bond: Balance,
	/// What the signing account has for fees.
	pub spendable: Balance,
}

/// What the input turned out to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
	/// Seconds that the work is thought to take with the machine to itself.
	pub seconds: f64,
	/// Peak of memory, bytes.
	pub memory_bytes: u64,
}

/// What a claim, or a rescue, in the next block would bring, by the order's own terms. The chain's word is
/// asked for before a claim is signed.
pub fn price_in_next_block(order: &Order, now: BlockNumber) -> Balance {
	match &order.status {
		OrderStatus::Claimed { price, .. } => *price,
		OrderStatus::Rescue { price, bounty, .. } => price.saturating_add(*bounty),
		OrderStatus::Open => {
			let spec = &order.spec;
			let age = now.saturating_add(1).saturating_sub(order.posted_at);
			if age >= spec.ramp {
				return spec.max_price;
			}
			let rise = spec.max_price.saturating_sub(spec.min_price);
			// `age < ramp`, so the ramp is not 0; a price too large for this is none that is paid.
			let risen = rise.saturating_mul(age.into()) / Balance::from(spec.ramp);
			spec.min_price.saturating_add(risen)
		}
	}
}

/// Whether an order is worth fetching its input: what can be said without it.
pub fn at_first_sight(order: &Order, rules: &Rules, served: &Served, offer: &Offer) -> Verdict {
	let rescue = match &order.status {
		OrderStatus::Open if rules.claim => false,
		OrderStatus::Rescue { .. } if rules.rescue => true,
		OrderStatus::Open => return Verdict::NotNow("this worker does not claim".to_owned()),
		OrderStatus::Rescue { .. } => {
			return Verdict::NotNow("this worker does not rescue".to_owned())
		}
		OrderStatus::Claimed { .. } => return Verdict::NotNow("it is claimed".to_owned()),
	};
	if !served.contains(&order.spec.program.0) {
		return Verdict::Never("its program is not served".to_owned());
	}
	let input_bytes = match &order.spec.input {
		InputSource::Inline(bytes) => bytes.len() as u64,
		InputSource::Stored { size, .. } => *size,
	};
	if input_bytes > rules.max_input_bytes {
		return Verdict::Never(format!(
			"its input has {input_bytes} bytes, more than max_input_bytes ({})",
			rules.max_input_bytes
		));
	}
	if offer.price < rules.min_price {
		return Verdict::NotNow(format!(
			"its price is {} LEM, below min_price ({} LEM)",
			amount::format(offer.price),
			amount::format(rules.min_price)
		));
	}
	// Balance to f64 loses digits below a millionth of a LEM; this compares amounts, it moves none.
	let most = offer.price as f64 * rules.max_collateral_per_price;
	if !rescue && order.collateral as f64 > most {
		return Verdict::NotNow(format!(
			"its collateral is {} LEM, more than max_collateral_per_price ({}) times its price of {} LEM",
			amount::format(order.collateral),
			rules.max_collateral_per_price,
			amount::format(offer.price)
		));
	}
	if !rescue && offer.free_bond < order.collateral {
		return Verdict::NotNow(format!(
			"its collateral is {} LEM, and only {} LEM of the bond are free",
			amount::format(order.collateral),
			amount::format(offer.free_bond)
		));
	}
	// A submission's fee is taken first and given back when the proof is valid. The other half is for the
	// claim, and for what else is under way.
	let fees = order.settlement_fee.saturating_mul(2);
	if offer.spendable < fees {
		return Verdict::NotNow(format!(
			"submitting it takes up to {} LEM for fees, and the signing account has {} LEM",
			amount::format(fees),
			amount::format(offer.spendable)
		));
	}
	if blocks_left(order, offer, rescue) <= BLOCKS_BESIDE_THE_WORK {
		return Verdict::Never("it ends too soon".to_owned());
	}
	// The chain refuses a claim whose window would end after the order, and keeps its fee.
	let last_claim = order.deadline.saturating_sub(order.spec.claim_window);
	if !rescue && offer.now.saturating_add(BLOCKS_FOR_A_CLAIM) > last_claim {
		return Verdict::Never(
			"it is too late to claim it: the window would end after it".to_owned(),
		);
	}
	Verdict::Take
}

/// Whether to take an order whose input is here.
pub fn with_input(
	order: &Order,
	rules: &Rules,
	served: &Served,
	offer: &Offer,
	demand: &Demand,
) -> Verdict {
	match at_first_sight(order, rules, served, offer) {
		Verdict::Take => {}
		other => return other,
	}
	if demand.memory_bytes > rules.max_memory_bytes {
		return Verdict::Never(format!(
			"proving takes about {} MiB, more than max_memory_bytes ({} MiB)",
			demand.memory_bytes >> 20,
			rules.max_memory_bytes >> 20
		));
	}
	let least = rules.min_price_per_second as f64 * demand.seconds;
	if (offer.price as f64) < least {
		let reason = format!(
			"its price is {} LEM, and about {:.0} s of work at min_price_per_second cost more",
			amount::format(offer.price),
			demand.seconds
		);
		// Nobody is to make us check an input again and again that we would never take.
		let grows = order.status == OrderStatus::Open && (order.spec.max_price as f64) >= least;
		return match grows {
			true => Verdict::NotNow(reason),
			false => Verdict::Never(reason),
		};
	}
	let rescue = matches!(order.status, OrderStatus::Rescue { .. });
	let left = blocks_left(order, offer, rescue).saturating_sub(BLOCKS_BESIDE_THE_WORK);
	let seconds_left = f64::from(left) * offer.block_time.as_secs_f64();
	// Each job takes all cores: beside others it takes as many times as long as there are jobs.
	let seconds = demand.seconds * rules.concurrency as f64;
	if seconds * rules.safety_factor > seconds_left {
		return Verdict::Never(format!(
			"about {:.0} s of work (times concurrency {} and safety_factor {}) do not fit into the \
			 {seconds_left:.0} s that it leaves",
			demand.seconds, rules.concurrency, rules.safety_factor
		));
	}
	Verdict::Take
}

/// Blocks from now on in which a proof would be accepted from us.
fn blocks_left(order: &Order, offer: &Offer, rescue: bool) -> BlockNumber {
	// The next block is the first that can hold our claim.
	let to_deadline = order.deadline.saturating_sub(offer.now.saturating_add(1));
	if rescue {
		to_deadline
	} else {
		to_deadline.min(order.spec.claim_window)
	}
}

#[cfg(test)]
mod tests;
