//! Whether chain and model say the same: every balance and hold, every order, receipt, provider, operator
//! and program; and whether every invariant of the pallets holds.

use std::{collections::BTreeMap, fmt::Debug};

use lemma_primitives::{
	order::OrderStatus,
	program::{Program, ProgramStatus},
	provider::{Provider, TrackRecord, UnbondingChunk},
};
use pallet_job_orders::HoldReason as Held;
use pallet_provider_staking::HoldReason as OfProvider;
use sp_runtime::TryRuntimeError;

use crate::{
	chain::{
		account_id, account_of, commitment, element, length_rule, order_entry, output_root,
		profile, program_id, Balances, Orders, Registry, RuntimeHoldReason, Staking, System, Test,
		DESCRIPTION,
	},
	model::{self, Account, Market, Reason, Status},
	parameters::{Balance, PROGRAM_DEPOSIT},
};

/// Compares the model with the chain on whose storage this runs.
pub fn compare(market: &Market) -> Result<(), String> {
	compare_money(market)?;
	compare_orders(market)?;
	compare_receipts(market)?;
	compare_providers(market)?;
	compare_programs(market)?;
	check_invariants()
}

fn same<T: PartialEq + Debug>(what: &str, chain: T, model: T) -> Result<(), String> {
	if chain == model {
		return Ok(());
	}
	Err(format!(
		"{what}\n  on chain      {chain:?}\n  in the model  {model:?}"
	))
}

fn compare_money(market: &Market) -> Result<(), String> {
	let held = market.held();
	let all = market.free.values().sum::<Balance>() + held.values().sum::<Balance>();
	same("the model's money", all, market.issued)?;

	let mut free_on_chain = BTreeMap::new();
	let mut reserved_on_chain = BTreeMap::new();
	for (id, account) in frame_system::Account::<Test>::iter() {
		let who = account_of(&id);
		same("an account's freezes", account.data.frozen, 0)?;
		free_on_chain.insert(who, account.data.free);
		if account.data.reserved > 0 {
			reserved_on_chain.insert(who, account.data.reserved);
		}
	}
	same("free balances", &free_on_chain, &market.free)?;

	let mut held_on_chain = BTreeMap::new();
	for (id, holds) in pallet_balances::Holds::<Test>::iter() {
		for hold in holds {
			held_on_chain.insert((account_of(&id), reason(hold.id)), hold.amount);
		}
	}
	same("holds", &held_on_chain, &held)?;

	let mut reserved = BTreeMap::<Account, Balance>::new();
	for ((who, _), amount) in &held {
		*reserved.entry(*who).or_default() += amount;
	}
	same(
		"all that is held of accounts",
		&reserved_on_chain,
		&reserved,
	)?;
	same("total issuance", Balances::total_issuance(), market.issued)
}

fn reason(held: RuntimeHoldReason) -> Reason {
	match held {
		RuntimeHoldReason::Orders(Held::Escrow) => Reason::Escrow,
		RuntimeHoldReason::Orders(Held::Deposit) => Reason::Deposit,
		RuntimeHoldReason::Orders(Held::SettlementFee) => Reason::SettlementFee,
		RuntimeHoldReason::Orders(Held::Bounty) => Reason::Bounty,
		RuntimeHoldReason::Staking(OfProvider::Bond) => Reason::Bond,
		RuntimeHoldReason::Staking(OfProvider::Deposit) => Reason::ProviderDeposit,
		RuntimeHoldReason::Registry(_) => Reason::ProgramDeposit,
	}
}

fn compare_orders(market: &Market) -> Result<(), String> {
	let next = pallet_job_orders::NextOrderId::<Test>::get();
	same("the next order's number", next, market.next_order)?;
	let on_chain: BTreeMap<_, _> = pallet_job_orders::Orders::<Test>::iter().collect();
	let in_model = market
		.orders
		.iter()
		.map(|(id, order)| (*id, order_entry(order)));
	same("orders", on_chain, in_model.collect())?;

	for (id, order) in &market.orders {
		let next = market.now + 1;
		let open = order.status == Status::Open && next < order.deadline();
		let price = open.then(|| order.price_at(next));
		same("the next block's price", Orders::current_price(*id), price)?;
	}
	let retries = pallet_job_orders::Retries::<Test>::iter_keys().next();
	same("orders whose due change failed", retries, None)
}

fn compare_receipts(market: &Market) -> Result<(), String> {
	let on_chain = pallet_job_orders::Receipts::<Test>::iter();
	let on_chain: BTreeMap<_, _> = on_chain
		.map(|(id, receipt)| {
			// The model has no extrinsics; what it has not is not compared.
			let lemma_primitives::order::Receipt {
				requester,
				provider,
				program,
				commitment,
				output_root,
				output_len,
				paid,
				settled_at,
				extrinsic_index: _,
				deposit,
			} = receipt;
			let accounts = (requester, provider);
			let hashes = (program, commitment, output_root);
			(
				id,
				(accounts, hashes, output_len, paid, settled_at, deposit),
			)
		})
		.collect();
	let in_model = market.receipts.iter().map(|(id, receipt)| {
		let accounts = (account_id(receipt.requester), account_id(receipt.payee));
		let hashes = (
			program_id(receipt.program),
			commitment(receipt.commitment),
			output_root(receipt.output),
		);
		let (len, paid) = (receipt.output.len, receipt.paid);
		let (settled_at, deposit) = (receipt.settled_at, receipt.deposit());
		(*id, (accounts, hashes, len, paid, settled_at, deposit))
	});
	same("receipts", on_chain, in_model.collect())
}

fn compare_providers(market: &Market) -> Result<(), String> {
	let on_chain: BTreeMap<_, _> = pallet_provider_staking::Providers::<Test>::iter().collect();
	let in_model = market.providers.iter().map(|(who, provider)| {
		let record = provider.record;
		let entry = Provider {
			active: provider.active,
			committed: market.committed(*who),
			unbonding: provider
				.unbonding
				.iter()
				.map(|chunk| UnbondingChunk {
					amount: chunk.amount,
					unlocks_at: chunk.unlocks_at,
				})
				.collect::<Vec<_>>()
				.try_into()
				.expect("as many as on chain"),
			operators: provider
				.operators
				.iter()
				.map(|operator| account_id(*operator))
				.collect::<Vec<_>>()
				.try_into()
				.expect("as many as on chain"),
			profile: profile(provider.profile),
			record: TrackRecord {
				settled: record.settled,
				rescued: record.rescued,
				missed: record.missed,
				earned: record.earned,
				slashed: record.slashed,
			},
			registered_at: provider.registered_at,
		};
		(account_id(*who), entry)
	});
	same("providers", on_chain, in_model.collect())?;

	let on_chain = pallet_provider_staking::OperatorOf::<Test>::iter();
	let on_chain: BTreeMap<_, _> = on_chain
		.map(|(operator, provider)| (account_of(&operator), account_of(&provider)))
		.collect();
	same("operators", &on_chain, &market.acts_for)?;

	for who in market.providers.keys() {
		let uncommitted = Staking::uncommitted_bond(account_id(*who));
		same(
			"a provider's uncommitted bond",
			uncommitted,
			Some(market.uncommitted(*who)),
		)?;
	}
	Ok(())
}

fn compare_programs(market: &Market) -> Result<(), String> {
	let on_chain: BTreeMap<_, _> = pallet_proof_verification::Programs::<Test>::iter()
		.map(|(id, program)| {
			(
				id,
				(
					program,
					pallet_proof_verification::RetiredAt::<Test>::get(id),
				),
			)
		})
		.collect();
	let in_model = market.programs.iter().map(|(id, entry)| {
		let program = Program {
			owner: entry.owner.map(account_id),
			deposit: entry.owner.map_or(0, |_| PROGRAM_DEPOSIT),
			element: element(entry.rule),
			length: length_rule(entry.rule),
			description: DESCRIPTION,
			status: match entry.retired_at {
				None => ProgramStatus::Active,
				Some(_) => ProgramStatus::Retired,
			},
		};
		(program_id(*id), (program, entry.retired_at))
	});
	same("programs", on_chain, in_model.collect())
}

fn check_invariants() -> Result<(), String> {
	let broken = |error: TryRuntimeError| {
		let text: &'static str = error.into();
		format!("an invariant is broken: {text}")
	};
	Orders::do_try_state(System::block_number()).map_err(broken)?;
	Staking::do_try_state().map_err(broken)?;
	Registry::do_try_state().map_err(broken)
}

/// Whether the chain has done what was due for an order, of which the model has not.
pub fn was_seen_to(id: model::OrderId, before: &model::Order) -> bool {
	let claimed = |status: &_| matches!(status, OrderStatus::Claimed { .. });
	match pallet_job_orders::Orders::<Test>::get(id) {
		None => true,
		Some(order) => matches!(before.status, Status::Claimed { .. }) && !claimed(&order.status),
	}
}
