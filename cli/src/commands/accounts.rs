//! `lemma balance` and `lemma transfer`.

use lemma_client::{calls::Call, AccountId, At, Balance};
use serde_json::json;

use super::transact;
use crate::{
	context::Context,
	failure::Outcome,
	views::{self, lem},
};

/// Shows an account's money.
pub async fn balance(context: &Context, account: Option<AccountId>) -> Outcome<()> {
	let account = context.account(account)?;
	let client = context.client().await?;
	let money = client.account(&account, At::Best).await?;
	let object = json!({
		"account": views::account(&account),
		"free": lem(money.free),
		"held": lem(money.held),
		"frozen": lem(money.frozen),
		"nonce": money.nonce,
	});
	context.output.result(&object, || views::text(&object))
}

/// Sends money.
pub async fn transfer(context: &Context, to: &AccountId, amount: Balance) -> Outcome<()> {
	let said = json!({ "to": views::account(to), "amount": lem(amount) });
	let done = format!("{} LEM sent to {}", lem(amount), views::account(to));
	transact(context, &Call::transfer(to, amount), said, &done).await
}
