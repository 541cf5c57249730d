//! `lemma order`: the order book.

use std::path::Path;

use lemma_client::{calls::Call, chain::BlockRef, At, Client, Error, OrderId, OrderStatus, H256};
use serde_json::{json, Value};

use super::transact;
use crate::{
	args::{Order, Terms},
	context::Context,
	failure::{exit, Failure, Outcome},
	follow::{self, look, Sight},
	input::{self, Described, Known},
	ledger::Ledger,
	posting::{self, Poster, Replaces},
	views,
};

/// Runs the command.
pub async fn run(context: &Context, command: Order) -> Outcome<()> {
	match command {
		Order::Post {
			input,
			program,
			commitment,
			output_len,
			bundles,
			terms,
		} => {
			let given = program.zip(commitment).zip(output_len);
			post(context, &input, given, &Known::load(&bundles)?, &terms).await
		}
		Order::List {
			program,
			start,
			limit,
		} => list(context, program, start, limit).await,
		Order::Show { id } => show(context, id).await,
		Order::Cancel { id } => {
			let call = Call::cancel_order(id);
			let done = format!("order {id} is cancelled, and its money is back");
			transact(context, &call, json!({ "order": id }), &done).await
		}
		Order::Watch { id } => watch(context, id).await,
		Order::RemoveReceipt { id } => {
			let call = Call::remove_receipt(id);
			let done = format!("the receipt of order {id} is removed, and its deposit is back");
			transact(context, &call, json!({ "order": id }), &done).await
		}
	}
}

async fn post(
	context: &Context,
	path: &Path,
	given: Option<((H256, H256), u32)>,
	known: &Known,
	terms: &Terms,
) -> Outcome<()> {
	let blob = input::read_file(path)?;
	if blob.is_empty() {
		return Err(Failure::new(
			exit::USAGE,
			"bad_input",
			format!("{} is empty: an order needs an input", path.display()),
		));
	}
	let described = match given {
		Some(((program, commitment), output_len)) => {
			posting::check_commitment(&commitment)?;
			Described {
				program,
				commitment,
				element: None,
				output_len,
				cost: 1.0,
				shape: String::new(),
				matrix: None,
			}
		}
		None => input::describe(known.open(&blob)?.as_ref())?,
	};
	let keys = context.keys()?;
	let client = context.client().await?;
	posting::check_synced(&client).await?;
	let mut progress = context.output.progress();
	let spec = posting::prepare(context, &client, &described, &blob, terms).await?;
	posting::check_funds(&client, &keys.account(), &spec).await?;
	let poster = Poster {
		context,
		client: &client,
		ledger: Ledger::open(client.genesis_hash()),
		request: posting::request(&keys.account(), &described),
		blob: &blob,
		terms,
		// A new one each time.
		replaces: Replaces::All,
		shape: described.matrix,
		what: path.display().to_string(),
	};
	let posted = poster.post(&keys, &spec, &mut progress).await?;
	progress.finish();
	let order = posted.order;
	let object = json!({
		"order": order,
		"account": views::account(&keys.account()),
		"program": views::hash(&spec.program),
		"commitment": views::hash(&spec.commitment),
		"output_len": spec.output_len,
		"min_price": views::lem(spec.min_price),
		"max_price": views::lem(spec.max_price),
		"claim_window": spec.claim_window,
		"lifetime": spec.lifetime,
	});
	context.output.result(&object, || {
		format!("order {order} posted; `lemma result {order} --out FILE` waits for its result\n")
	})
}

async fn list(context: &Context, program: Option<H256>, start: OrderId, limit: u32) -> Outcome<()> {
	let client = context.client().await?;
	let at = At::from(client.best().await?);
	let mut orders: Vec<Value> = Vec::new();
	let mut next = Some(start);
	while let (Some(start), missing @ 1..) = (next, (limit as usize).saturating_sub(orders.len())) {
		let missing = u32::try_from(missing).unwrap_or(u32::MAX);
		let (page, after) = client.orders(program, start, missing, at).await?;
		for (id, order) in page {
			let price = match order.status {
				OrderStatus::Open => client.current_price(id, at).await?,
				_ => None,
			};
			orders.push(views::order(id, &order, price));
		}
		// A node that does not go forward would be asked for ever.
		next = after.filter(|after| *after > start);
	}
	let object = json!({ "orders": orders, "next": next });
	context.output.result(&object, || {
		if orders.is_empty() {
			return "there are no live orders\n".into();
		}
		let field = |order: &Value, name: &str| match &order[name] {
			Value::String(text) => text.clone(),
			Value::Null => "-".into(),
			other => other.to_string(),
		};
		let mut text = format!("{:>8}  {:8}  {:>12}  program\n", "order", "status", "price");
		for order in &orders {
			text += &format!(
				"{:>8}  {:8}  {:>12}  {}\n",
				field(order, "order"),
				field(order, "status"),
				field(order, "price"),
				field(order, "program"),
			);
		}
		if let Some(next) = next {
			let program = program.map(|id| format!(" --program {}", views::hash(&id)));
			let program = program.unwrap_or_default();
			text += &format!("more: lemma order list --start {next}{program}\n");
		}
		text
	})
}

async fn show(context: &Context, id: OrderId) -> Outcome<()> {
	let client = context.client().await?;
	let best = client.best().await?;
	let object = match look(&client, id, best, None).await? {
		Sight::Gone => return Err(gone(&client, id, best).await?),
		sight => view(id, &sight),
	};
	context.output.result(&object, || views::text(&object))
}

fn view(id: OrderId, sight: &Sight) -> Value {
	match sight {
		Sight::Live { order, price } => views::order(id, order, *price),
		Sight::Settled(receipt) => views::receipt(id, receipt),
		Sight::Gone => json!({ "order": id, "status": "gone" }),
	}
}

/// Why there is neither an order nor a receipt of this number.
async fn gone(client: &Client, id: OrderId, best: BlockRef) -> Outcome<Failure> {
	let posted = Some(id < client.next_order(At::from(best)).await?);
	Ok(Error::NoSuchOrder { id, posted }.into())
}

/// Prints an order's state with every change, until it has been settled or is gone for good.
async fn watch(context: &Context, id: OrderId) -> Outcome<()> {
	let client = context.client().await?;
	let mut blocks = client.best_blocks();
	let mut last: Option<Value> = None;
	let mut deadline = None;
	// The first block without the order in the book.
	let mut ended: Option<u32> = None;
	loop {
		let block = blocks.next().await?;
		let sight = look(&client, id, block, None).await?;
		match &sight {
			Sight::Gone if last.is_none() => return Err(gone(&client, id, block).await?),
			Sight::Live { order, .. } => {
				deadline = Some(order.deadline);
				ended = None;
			}
			_ => {}
		}
		let object = view(id, &sight);
		if last.as_ref() != Some(&object) {
			print_change(context, block, &object)?;
			last = Some(object);
		}
		// A block that a reorganisation undoes may not know the order, or what became of it.
		if matches!(sight, Sight::Live { .. })
			|| client.finalized().await?.number < *ended.get_or_insert(block.number)
		{
			continue;
		}
		return match sight {
			Sight::Settled(_) => Ok(()),
			_ => Err(follow::ended(id, deadline, block)),
		};
	}
}

fn print_change(context: &Context, block: BlockRef, object: &Value) -> Outcome<()> {
	let mut line = object.clone();
	views::merge(&mut line, json!({ "block": block.number }));
	context.output.result(&line, || {
		let field = |name: &str| object[name].as_str();
		let sum = field("paid").or(field("price"));
		let line = format!(
			"block {:>6}  {:8}  {:>16}  {}",
			block.number,
			field("status").unwrap_or_default(),
			sum.map(|sum| format!("{sum} LEM")).unwrap_or_default(),
			field("provider").unwrap_or_default(),
		);
		format!("{}\n", line.trim_end())
	})
}
