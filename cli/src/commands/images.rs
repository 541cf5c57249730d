//! Images made of tiles, whatever shows in them: computed here, or ordered tile by tile and proven.

use std::time::Instant;

use lemma_client::Balance;
use serde_json::{json, Value};

use super::aside;
use crate::{
	args::{Image, Terms},
	batch::{self, Batch, Done, Part},
	context::Context,
	failure::{Failure, Outcome},
	frame::Frame,
	input, output,
	views::{self, lem},
};

/// An image that is to be made.
pub struct Picture {
	/// Its size.
	pub frame: Frame,
	/// What it is, for people.
	pub title: String,
	/// The input of each tile, in the order of [`Frame::places`].
	pub tiles: Vec<Vec<u8>>,
	/// Bytes of a pixel in a tile's output.
	pub bytes: usize,
	/// Makes red, green, blue of the pixels.
	pub paint: Box<dyn Fn(Vec<u8>) -> Vec<u8>>,
}

impl Picture {
	fn write<T: AsRef<[u8]>>(&self, args: &Image, tiles: &[T]) -> Outcome<()> {
		let image = (self.paint)(self.frame.assemble(tiles, self.bytes));
		self.frame.write_png(&args.out, &image)
	}

	/// What is said of it in any case.
	fn view(&self, args: &Image) -> Value {
		json!({
			"out": args.out.display().to_string(),
			"width": self.frame.width,
			"height": self.frame.height,
			"tile": self.frame.side,
			"tiles": self.tiles.len(),
			"preview": args.preview,
		})
	}
}

/// Makes the image as the command line says.
pub async fn make(context: &Context, picture: &Picture, args: &Image) -> Outcome<()> {
	output::check_file(&args.out, &[])?;
	match &args.terms {
		_ if args.preview => preview(context, picture, args).await,
		Some(terms) => order(context, picture, args, terms).await,
		None => Err(Failure::usage(
			"--max-price says what each tile may cost; --preview computes the image here, for nothing",
		)),
	}
}

/// Computes all tiles by the reference.
async fn preview(context: &Context, picture: &Picture, args: &Image) -> Outcome<()> {
	let start = Instant::now();
	let mut progress = context.output.progress();
	let mut tiles = Vec::new();
	for blob in &picture.tiles {
		progress.wait(&format!(
			"computing {}: {} of {} tiles",
			picture.title,
			tiles.len(),
			picture.tiles.len()
		));
		let blob = blob.clone();
		let computed = aside(move || {
			let job = input::open(&blob)?;
			let output = job.work().reference();
			Ok(output)
		});
		tiles.push(computed.await?);
	}
	picture.write(args, &tiles)?;
	progress.finish();
	let mut object = picture.view(args);
	let seconds = start.elapsed().as_secs_f64();
	views::merge(
		&mut object,
		json!({ "verified": false, "seconds": { "total": seconds } }),
	);
	context.output.result(&object, || {
		format!(
			"{}: {} x {} pixels, computed here and not proven\n",
			args.out.display(),
			picture.frame.width,
			picture.frame.height
		)
	})
}

/// Orders all tiles.
async fn order(context: &Context, picture: &Picture, args: &Image, terms: &Terms) -> Outcome<()> {
	let start = Instant::now();
	let mut progress = context.output.progress();
	progress.wait("committing to the tiles");
	let parts = parts(picture).await?;
	let keys = context.keys()?;
	let client = context.client().await?;
	let share = share(terms, parts.len());
	progress.done(&format!(
		"{}: {} tiles of {side}x{side}, at most {} LEM each",
		picture.title,
		parts.len(),
		lem(share.max_price),
		side = picture.frame.side,
	));
	let batch = Batch {
		context,
		client: &client,
		keys: &keys,
		terms: &share,
		parts: &parts,
		name: "tile",
		at_once: args.at_once as usize,
	};
	let mut written = Vec::new();
	let mut image_after = 0.0;
	let done = batch
		.run(args.new, &mut progress, |tiles| {
			picture.write(args, tiles)?;
			written = tiles.iter().map(|tile| tile.to_vec()).collect();
			image_after = start.elapsed().as_secs_f64();
			Ok(())
		})
		.await?;
	let tiles: Vec<&[u8]> = done.iter().map(|done| &*done.output).collect();
	// Each was proven before and after its block was final, so both are the same image.
	if written != tiles {
		picture.write(args, &tiles)?;
	}
	progress.finish();

	let paid = done
		.iter()
		.map(|done| done.receipt.paid)
		.fold(0, Balance::saturating_add);
	let providers = batch::providers(&done);
	let mut object = picture.view(args);
	views::merge(
		&mut object,
		json!({
			"program": done.first().map(|done| views::hash(&done.receipt.program)),
			"verified": true,
			"finalized": true,
			"trustless": done.iter().all(|done| done.trustless),
			"paid": lem(paid),
			"providers": providers.iter().map(views::account).collect::<Vec<_>>(),
			"orders": picture.frame.places().zip(&done).map(order_view).collect::<Vec<_>>(),
			"seconds": { "image": image_after, "total": start.elapsed().as_secs_f64() },
		}),
	);
	context.output.result(&object, || {
		format!(
			"{out}: {width} x {height} pixels in {tiles} tiles, proven by {providers} and verified here\n\
			 paid {paid} LEM, {total:.1} s\n",
			out = args.out.display(),
			width = picture.frame.width,
			height = picture.frame.height,
			tiles = done.len(),
			providers = match providers.len() {
				1 => "one provider".into(),
				count => format!("{count} providers"),
			},
			paid = lem(paid),
			total = start.elapsed().as_secs_f64(),
		)
	})
}

/// The terms of each of so many orders, which have equal shares of the prices.
fn share(terms: &Terms, orders: usize) -> Terms {
	let orders = orders.max(1) as Balance;
	Terms {
		max_price: terms.max_price / orders,
		min_price: terms.min_price.map(|price| price / orders),
		ramp: terms.ramp,
		claim_window: terms.claim_window,
		lifetime: terms.lifetime,
		locator: terms.locator.clone(),
	}
}

/// The orders of all tiles. All are of one class: what the client has no key for is found at the first.
async fn parts(picture: &Picture) -> Outcome<Vec<Part>> {
	let mut parts = Vec::with_capacity(picture.tiles.len());
	for ((column, row), blob) in picture.frame.places().zip(&picture.tiles) {
		let blob = blob.clone();
		let described = aside(move || {
			let described = input::describe(input::open(&blob)?.as_ref())?;
			Ok((described, blob))
		});
		let (described, blob) = described.await?;
		parts.push(Part {
			described,
			blob,
			what: format!("{}, tile {column},{row}", picture.title),
		});
	}
	Ok(parts)
}

fn order_view(((column, row), done): ((u16, u16), &Done)) -> Value {
	let receipt = &done.receipt;
	json!({
		"order": done.order,
		"column": column,
		"row": row,
		"resumed": done.resumed,
		"provider": views::account(&receipt.provider),
		"block": receipt.settled_at,
		"paid": lem(receipt.paid),
		"commitment": views::hash(&receipt.commitment),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn tiles_should_not_cost_more_together_than_the_image_may() {
		let terms = Terms {
			max_price: 100,
			min_price: Some(17),
			ramp: 20,
			claim_window: None,
			lifetime: Some(90),
			locator: None,
		};
		let each = share(&terms, 16);
		assert_eq!((each.max_price, each.min_price), (6, Some(1)));
		assert_eq!((each.ramp, each.lifetime), (20, Some(90)));
	}
}
