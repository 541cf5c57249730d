//! `lemma provider`: registering, and managing the bond.

use lemma_client::{calls::Call, AccountId, At, Error};
use lemma_primitives::provider::{self as primitives, MAX_ADVERTISED_PROGRAMS, MAX_ENDPOINT_BYTES};
use serde_json::json;

use super::transact;
use crate::{
	args::{Backend, Profile, Provider},
	context::Context,
	failure::{Failure, Outcome},
	views::{self, lem},
};

/// Runs the command.
pub async fn run(context: &Context, command: Provider) -> Outcome<()> {
	let (call, said, done) = match command {
		Provider::Show { account } => return show(context, account).await,
		Provider::Register { bond, profile } => (
			Call::register_provider(bond, &to_profile(&profile)?),
			json!({ "bond": lem(bond) }),
			format!("registered with a bond of {} LEM", lem(bond)),
		),
		Provider::BondMore { amount } => (
			Call::bond_more(amount),
			json!({ "amount": lem(amount) }),
			format!("{} LEM added to the bond", lem(amount)),
		),
		Provider::Unbond { amount } => (
			Call::unbond(amount),
			json!({ "amount": lem(amount) }),
			format!(
				"{} LEM of the bond are on their way out: `lemma provider show` says when they unlock",
				lem(amount)
			),
		),
		Provider::Withdraw => (
			Call::withdraw_unbonded(),
			json!({}),
			"what had unlocked is withdrawn".into(),
		),
		Provider::Operators { operators } => {
			let accounts: Vec<_> = operators.iter().map(views::account).collect();
			let done = match accounts.as_slice() {
				[] => "no operators any more".to_owned(),
				_ => format!(
					"operators named: {}; each must run `lemma provider join` with its own key",
					accounts.join(", ")
				),
			};
			(
				Call::set_operators(&operators),
				json!({ "operators": accounts }),
				done,
			)
		}
		Provider::Join { provider } => (
			Call::join_provider(&provider),
			json!({ "provider": views::account(&provider) }),
			format!("this key acts for {} now", views::account(&provider)),
		),
		Provider::Leave => (
			Call::leave_provider(),
			json!({}),
			"this key acts for no provider any more".into(),
		),
		Provider::Update { profile } => (
			Call::update_provider(&to_profile(&profile)?),
			json!({}),
			"updated".into(),
		),
		Provider::Deregister => (
			Call::deregister(),
			json!({}),
			"the whole bond is on its way out: `lemma provider withdraw` once it has unlocked"
				.into(),
		),
	};
	transact(context, &call, said, &done).await
}

fn to_profile(profile: &Profile) -> Outcome<primitives::Profile> {
	let endpoint = profile.endpoint.as_bytes().to_vec().try_into();
	let programs = profile.programs.clone().try_into();
	Ok(primitives::Profile {
		endpoint: endpoint.map_err(|_| {
			Failure::usage(format!(
				"--endpoint is longer than {MAX_ENDPOINT_BYTES} bytes: shorten it"
			))
		})?,
		backend: match profile.backend {
			Backend::Cpu => primitives::Backend::Cpu,
			Backend::Cuda => primitives::Backend::Cuda,
		},
		programs: programs.map_err(|_| {
			Failure::usage(format!(
				"at most {MAX_ADVERTISED_PROGRAMS} programs can be named: name none for all"
			))
		})?,
	})
}

async fn show(context: &Context, account: Option<AccountId>) -> Outcome<()> {
	let asked = context.account(account)?;
	let client = context.client().await?;
	let at = At::from(client.best().await?);
	// An operator is as good a name for its provider.
	let account = client
		.provider_of(&asked, at)
		.await?
		.unwrap_or_else(|| asked.clone());
	let provider = client.provider(&account, at).await?;
	let provider = provider.ok_or(Error::NoSuchProvider { account: asked })?;
	let object = views::provider(&account, &provider);
	context.output.result(&object, || views::text(&object))
}
