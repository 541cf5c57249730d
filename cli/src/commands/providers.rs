//! `lemma provider`: registering, and managing the bond.

use lemma_client::{calls::Call, AccountId, At, Error};
use lemma_primitives::provider::{self as primitives, MAX_ADVERTISED_PROGRAMS, MAX_ENDPOINT_BYTES};
use serde_json::json;

use super::{transact, transact_by};
use crate::{
	args::{Backend, Profile, ProfileChange, Provider},
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
		Provider::Operators { operators, none } => {
			let accounts: Vec<_> = operators.iter().map(views::account).collect();
			let done = match none {
				true => "no operators any more".to_owned(),
				false => format!(
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
		Provider::Update { change } => return update(context, &change).await,
		Provider::Deregister => (
			Call::deregister(),
			json!({}),
			"the whole bond is on its way out: `lemma provider withdraw` once it has unlocked"
				.into(),
		),
	};
	transact(context, &call, said, &done).await
}

/// Changes what the chain holds of the provider's own words.
async fn update(context: &Context, change: &ProfileChange) -> Outcome<()> {
	let (keys, client) = (context.keys()?, context.client().await?);
	let account = keys.account();
	let provider = client.provider(&account, At::Best).await?;
	let provider = provider.ok_or(Error::NoSuchProvider { account })?;
	let profile = changed(provider.profile, change)?;
	let call = Call::update_provider(&profile);
	transact_by(context, &client, &keys, &call, json!({}), "updated").await
}

fn to_profile(profile: &Profile) -> Outcome<primitives::Profile> {
	let empty = primitives::Profile {
		endpoint: Default::default(),
		backend: primitives::Backend::Cpu,
		programs: Default::default(),
	};
	let change = ProfileChange {
		backend: Some(profile.backend),
		endpoint: Some(profile.endpoint.clone()),
		programs: profile.programs.clone(),
		all_programs: false,
	};
	changed(empty, &change)
}

/// A profile with what was given in the place of what it held.
fn changed(
	mut profile: primitives::Profile,
	change: &ProfileChange,
) -> Outcome<primitives::Profile> {
	if let Some(endpoint) = &change.endpoint {
		let endpoint = endpoint.as_bytes().to_vec().try_into();
		profile.endpoint = endpoint.map_err(|_| {
			Failure::usage(format!(
				"--endpoint is longer than {MAX_ENDPOINT_BYTES} bytes: shorten it"
			))
		})?;
	}
	match change.backend {
		Some(Backend::Cpu) => profile.backend = primitives::Backend::Cpu,
		Some(Backend::Cuda) => profile.backend = primitives::Backend::Cuda,
		None => {}
	}
	if change.all_programs || !change.programs.is_empty() {
		let programs = change.programs.clone().try_into();
		profile.programs = programs.map_err(|_| {
			Failure::usage(format!(
				"at most {MAX_ADVERTISED_PROGRAMS} programs can be named: a provider that names none serves all"
			))
		})?;
	}
	Ok(profile)
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

#[cfg(test)]
mod tests {
	use lemma_client::H256;

	use super::*;

	#[test]
	fn what_is_not_given_should_stay_as_it_was() {
		let profile = Profile {
			backend: Backend::Cuda,
			endpoint: "https://gpu.example.org".into(),
			programs: vec![H256::repeat_byte(1)],
		};
		let before = to_profile(&profile).expect("a profile");
		let nothing = || ProfileChange {
			backend: None,
			endpoint: None,
			programs: vec![],
			all_programs: false,
		};
		assert_eq!(changed(before.clone(), &nothing()), Ok(before.clone()));

		let endpoint = Some("https://other.example.org".to_owned());
		let change = ProfileChange {
			endpoint,
			..nothing()
		};
		let after = changed(before.clone(), &change).expect("a profile");
		assert_eq!(&after.endpoint[..], b"https://other.example.org");
		assert_eq!(after.backend, before.backend);
		assert_eq!(after.programs, before.programs);

		let change = ProfileChange {
			all_programs: true,
			..nothing()
		};
		let after = changed(before.clone(), &change).expect("a profile");
		assert!(after.programs.is_empty());
		assert_eq!(after.endpoint, before.endpoint);

		let endpoint = Some("x".repeat(129));
		let change = ProfileChange {
			endpoint,
			..nothing()
		};
		assert!(changed(before, &change).is_err());
	}
}
