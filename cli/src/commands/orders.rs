//! `lemma order`: the order book.

use std::path::Path;

use lemma_client::{calls::Call, chain::BlockRef, At, Client, Error, OrderId, H256};
use serde_json::{json, Value};

use super::transact;
use crate::{
	args::{Order, Terms},
	context::Context,
	failure::{exit, Failure, Outcome},
	follow::{look, Sight},
	input::{self, Described},
	ledger::Ledger,
	posting::{self, Poster},
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
			terms,
		} => {
			let given = program.zip(commitment).zip(output_len);
			post(context, &input, given, &terms).await
		}
		Order::List {
			program,
			start,
			limit,
		} => list(context, program, start, limit).await,
		Order::Show { id } => show(context, id).await,
		Order::Cancel { id } => {
			let (keys, client) = (context.keys()?, context.client().await?);
			let call = Call::cancel_order(id);
			let done = format!("order {id} is cancelled, and its money is back");
			transact(
				context,
				&client,
				&keys,
				&call,
				json!({ "order": id }),
				&done,
			)
			.await
		}
		Order::Watch { id } => watch(context, id).await,
		Order::RemoveReceipt { id } => {
			let (keys, client) = (context.keys()?, context.client().await?);
			let call = Call::remove_receipt(id);
			let done = format!("the receipt of order {id} is removed, and its deposit is back");
			transact(
				context,
				&client,
				&keys,
				&call,
				json!({ "order": id }),
				&done,
			)
			.await
		}
	}
}

async fn post(
	context: &Context,
	path: &Path,
	given: Option<((H256, H256), u32)>,
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
				output_len,
				cost: 1.0,
				shape: String::new(),
			}
		}
		None => input::describe(input::open(&blob)?.as_ref())?,
	};
	let keys = context.keys()?;
	let client = context.client().await?;
	let mut progress = context.output.progress();
	let spec = posting::prepare(context, &client, &described, &blob, terms).await?;
	posting::check_funds(&client, &keys.account(), &spec).await?;
	let poster = Poster {
		context,
		client: &client,
		ledger: Ledger::open(client.genesis_hash()),
		request: posting::request(&keys.account(), &described),
		shape: None,
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
	});
	Ok(())
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
			let price = client.current_price(id, at).await?;
			orders.push(views::order(id, &order, price));
		}
		next = after;
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
			text += &format!("more: lemma order list --start {next}\n");
		}
		text
	});
	Ok(())
}

async fn show(context: &Context, id: OrderId) -> Outcome<()> {
	let client = context.client().await?;
	let best = client.best().await?;
	let object = match look(&client, id, best).await? {
		Sight::Gone => return Err(gone(&client, id, best).await?),
		sight => view(id, &sight),
	};
	context.output.result(&object, || views::text(&object));
	Ok(())
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

/// Prints an order's state with every change, until it is settled or gone.
async fn watch(context: &Context, id: OrderId) -> Outcome<()> {
	let client = context.client().await?;
	let mut blocks = client.best_blocks();
	let mut last: Option<Value> = None;
	loop {
		let block = blocks.next().await?;
		let sight = look(&client, id, block).await?;
		let object = match &sight {
			Sight::Gone if last.is_none() => return Err(gone(&client, id, block).await?),
			sight => view(id, sight),
		};
		if last.as_ref() != Some(&object) {
			let mut line = object.clone();
			views::merge(&mut line, json!({ "block": block.number }));
			context.output.result(&line, || {
				let field = |name: &str| object[name].as_str().unwrap_or("").to_owned();
				let (price, paid) = (field("price"), field("paid"));
				format!(
					"block {:>6}  {:8}  {:>12} LEM  {}\n",
					block.number,
					field("status"),
					if paid.is_empty() { price } else { paid },
					field("provider"),
				)
			});
			last = Some(object);
		}
		if !matches!(sight, Sight::Live { .. }) {
			return Ok(());
		}
	}
}
