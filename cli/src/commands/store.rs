//! `lemma store`: blobs by their hashes.

use lemma_client::npy::write_atomically;
use serde_json::json;

use crate::{
	args::Store,
	context::Context,
	failure::{file_failure, Outcome},
	input, output, views,
};

/// Runs the command.
pub async fn run(context: &Context, command: Store) -> Outcome<()> {
	let store = context.store()?;
	match command {
		Store::Put { file } => {
			let bytes = input::read_file(&file)?;
			let size = bytes.len();
			let hash = views::hash(&store.put(bytes).await?);
			let object = json!({
				"hash": hash,
				"size": size,
				"store": store.to_string(),
				"locator": store.locator(),
			});
			context.output.result(&object, || format!("{hash}\n"))
		}
		Store::Get {
			hash,
			out,
			max_size,
		} => {
			output::check_file(&out, &[])?;
			let bytes = store.get(hash, max_size).await?;
			write_atomically(&out, |file| file.write_all(&bytes))
				.map_err(|e| file_failure(&out, "written", &e))?;
			let object = json!({
				"hash": views::hash(&hash),
				"size": bytes.len(),
				"out": out.display().to_string(),
			});
			let text = format!("{}: {} bytes\n", out.display(), bytes.len());
			context.output.result(&object, || text)
		}
	}
}
