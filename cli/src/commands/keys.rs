//! `lemma keys`: making and inspecting keys.

use lemma_client::{
	keys::{format_account, parse_account},
	AccountId, Keys,
};
use serde_json::{json, Value};

use crate::{args::Keys as Command, context::Context, failure::Outcome, views};

/// Runs the command.
pub fn run(context: &Context, command: Command) -> Outcome<()> {
	let object = match command {
		Command::New { out } => {
			let (keys, phrase) = Keys::generate();
			let mut object = view(&keys.account());
			match &out {
				Some(path) => {
					Keys::write_file(path, &phrase)?;
					let path = path.display().to_string();
					views::merge(&mut object, json!({ "file": path }));
				}
				None => views::merge(&mut object, json!({ "mnemonic": phrase })),
			}
			object
		}
		Command::Inspect { key } => {
			let account = match key {
				// An address is no secret: try it first, so that it need not look like a key.
				Some(text) => match parse_account(&text) {
					Ok(account) => account,
					Err(_) => Keys::open(&text)?.account(),
				},
				None => context.keys()?.account(),
			};
			view(&account)
		}
	};
	context.output.result(&object, || views::text(&object))
}

fn view(account: &AccountId) -> Value {
	let bytes: &[u8; 32] = account.as_ref();
	json!({
		"account": format_account(account),
		"public_key": format!("0x{}", hex::encode(bytes)),
	})
}
