//! The calls that Lemma's users make, as values that can be signed.
//!
//! Arguments are encoded with the chain's own types. When a call is signed, each argument is also
//! decoded again by the type that the connected chain's metadata gives for it, so that a client of
//! another version fails before anything is sent.

use codec::Encode;
use lemma_primitives::provider::Profile;
use lemma_zk_statement::OutputElement;
use sp_core::H256;
use subxt::{
	ext::{
		scale_decode::visitor::{decode_with_visitor, IgnoreVisitor},
		scale_encode::{EncodeAsFields, EncodeAsType, Error as EncodeError},
		scale_type_resolver::{FieldIter, TypeResolver},
	},
	transactions::Payload,
};

use crate::{AccountId, Balance, OrderId, OrderSpec, ProgramId};

/// The pallet of orders, by its name in the runtime.
pub const JOB_ORDERS: &str = "JobOrders";
/// The pallet of providers.
pub const PROVIDER_STAKING: &str = "ProviderStaking";
/// The pallet of programs.
pub const PROOF_VERIFICATION: &str = "ProofVerification";

/// A call of the chain's runtime, ready to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
	pallet: &'static str,
	name: &'static str,
	arguments: Arguments,
}

/// The arguments of a call, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments(Vec<Argument>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
	/// Encoded already, by the chain's own type.
	Encoded(Vec<u8>),
	/// A number, plain or compact as the metadata says.
	Number(u128),
}

impl Call {
	fn new(pallet: &'static str, name: &'static str, arguments: Vec<Argument>) -> Self {
		Self {
			pallet,
			name,
			arguments: Arguments(arguments),
		}
	}

	/// `JobOrders.post_order`: asks for work and holds the money for it.
	pub fn post_order(spec: &OrderSpec) -> Self {
		Self::new(JOB_ORDERS, "post_order", vec![encoded(spec)])
	}

	/// `JobOrders.cancel_order`: takes an open order back, for free.
	pub fn cancel_order(order: OrderId) -> Self {
		Self::new(JOB_ORDERS, "cancel_order", vec![number(order)])
	}

	/// `JobOrders.claim_order`: promises the proof of an order, against collateral. Fails unless the order has these
	/// terms, by their hash.
	pub fn claim_order(order: OrderId, terms: H256) -> Self {
		Self::new(
			JOB_ORDERS,
			"claim_order",
			vec![number(order), encoded(&terms)],
		)
	}

	/// `JobOrders.submit_result`: gives an order's output with its proof, and is paid.
	pub fn submit_result(order: OrderId, output: &[u8], proof: &[u8]) -> Self {
		Self::new(
			JOB_ORDERS,
			"submit_result",
			vec![number(order), encoded(&output), encoded(&proof)],
		)
	}

	/// `JobOrders.remove_receipt`: gives a settled order's receipt up for its deposit.
	pub fn remove_receipt(order: OrderId) -> Self {
		Self::new(JOB_ORDERS, "remove_receipt", vec![number(order)])
	}

	/// `ProviderStaking.register_provider`: bonds money so as to claim orders.
	pub fn register_provider(bond: Balance, profile: &Profile) -> Self {
		Self::new(
			PROVIDER_STAKING,
			"register_provider",
			vec![Argument::Number(bond), encoded(profile)],
		)
	}

	/// `ProviderStaking.bond_more`.
	pub fn bond_more(amount: Balance) -> Self {
		Self::new(
			PROVIDER_STAKING,
			"bond_more",
			vec![Argument::Number(amount)],
		)
	}

	/// `ProviderStaking.unbond`: sends part of the bond on its way out.
	pub fn unbond(amount: Balance) -> Self {
		Self::new(PROVIDER_STAKING, "unbond", vec![Argument::Number(amount)])
	}

	/// `ProviderStaking.withdraw_unbonded`: frees what has been on its way out for long enough.
	pub fn withdraw_unbonded() -> Self {
		Self::new(PROVIDER_STAKING, "withdraw_unbonded", vec![])
	}

	/// `ProviderStaking.set_operators`: names the hot keys that claim and submit for the account.
	pub fn set_operators(operators: &[AccountId]) -> Self {
		Self::new(PROVIDER_STAKING, "set_operators", vec![encoded(&operators)])
	}

	/// `ProviderStaking.update_provider`: changes what the provider says of itself.
	pub fn update_provider(profile: &Profile) -> Self {
		Self::new(PROVIDER_STAKING, "update_provider", vec![encoded(profile)])
	}

	/// `ProviderStaking.deregister`.
	pub fn deregister() -> Self {
		Self::new(PROVIDER_STAKING, "deregister", vec![])
	}

	/// `ProviderStaking.join_provider`: an operator's consent to act for the provider that named it.
	pub fn join_provider(provider: &AccountId) -> Self {
		Self::new(PROVIDER_STAKING, "join_provider", vec![encoded(provider)])
	}

	/// `ProviderStaking.leave_provider`: an operator acts for its provider no longer.
	pub fn leave_provider() -> Self {
		Self::new(PROVIDER_STAKING, "leave_provider", vec![])
	}

	/// `ProofVerification.register_program`, with a proof that the program can be proven.
	pub fn register_program(registration: &Registration) -> Self {
		let Registration {
			id,
			element,
			length,
			description,
			sample,
		} = registration;
		Self::new(
			PROOF_VERIFICATION,
			"register_program",
			vec![
				encoded(id),
				encoded(element),
				encoded(length),
				encoded(description),
				encoded(sample),
			],
		)
	}

	/// `ProofVerification.retire_program`: no new orders of it; those posted still settle.
	pub fn retire_program(id: ProgramId) -> Self {
		Self::new(PROOF_VERIFICATION, "retire_program", vec![encoded(&id)])
	}

	/// `ProofVerification.remove_program`: takes a retired program off the registry, for its deposit.
	pub fn remove_program(id: ProgramId) -> Self {
		Self::new(PROOF_VERIFICATION, "remove_program", vec![encoded(&id)])
	}

	/// `Balances.transfer_keep_alive`.
	pub fn transfer(to: &AccountId, amount: Balance) -> Self {
		let address = sp_runtime::MultiAddress::<AccountId, ()>::Id(to.clone());
		Self::new(
			"Balances",
			"transfer_keep_alive",
			vec![encoded(&address), Argument::Number(amount)],
		)
	}

	/// `System.remark` of nothing: uses up a nonce.
	pub fn remark() -> Self {
		Self::new("System", "remark", vec![encoded(&Vec::<u8>::new())])
	}

	/// `Pallet.call`, for people.
	pub fn title(&self) -> String {
		format!("{}.{}", self.pallet, self.name)
	}
}

/// What `register_program` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
	/// Id of the program.
	pub id: ProgramId,
	/// Type of the output's elements.
	pub element: OutputElement,
	/// Which lengths an output can have.
	pub length: lemma_primitives::program::LengthRule,
	/// blake2-256 of the program's description.
	pub description: H256,
	/// A valid result, made by the registrant itself.
	pub sample: Sample,
}

/// A valid result of a program with its proof, bound to the order number `u64::MAX` and the registrant.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Sample {
	/// Commitment to the input.
	pub commitment: H256,
	/// The output's bytes.
	pub output: Vec<u8>,
	/// The proof.
	pub proof: Vec<u8>,
}

fn encoded(value: &impl Encode) -> Argument {
	Argument::Encoded(value.encode())
}

fn number(value: u64) -> Argument {
	Argument::Number(value.into())
}

impl Payload for Call {
	type CallData = Arguments;

	fn pallet_name(&self) -> &str {
		self.pallet
	}

	fn call_name(&self) -> &str {
		self.name
	}

	fn call_data(&self) -> &Arguments {
		&self.arguments
	}
}

impl EncodeAsFields for Arguments {
	fn encode_as_fields_to<R: TypeResolver>(
		&self,
		fields: &mut dyn FieldIter<'_, R::TypeId>,
		types: &R,
		out: &mut Vec<u8>,
	) -> Result<(), EncodeError> {
		if fields.len() != self.0.len() {
			return Err(EncodeError::custom_string(format!(
				"it takes {} arguments there and {} here",
				fields.len(),
				self.0.len()
			)));
		}
		for (index, (field, argument)) in fields.zip(&self.0).enumerate() {
			let at = |reason: String| {
				let name = field.name.unwrap_or("?");
				EncodeError::custom_string(format!("argument {index}, `{name}`: {reason}"))
			};
			match argument {
				Argument::Number(number) => number
					.encode_as_type_to(field.id.clone(), types, out)
					.map_err(|e| at(e.to_string()))?,
				Argument::Encoded(bytes) => {
					let mut rest = bytes.as_slice();
					let visitor = IgnoreVisitor::<R>::new();
					decode_with_visitor(&mut rest, field.id.clone(), types, visitor)
						.map_err(|e| at(e.to_string()))?;
					if !rest.is_empty() {
						return Err(at(format!("it is {} bytes shorter there", rest.len())));
					}
					out.extend_from_slice(bytes);
				}
			}
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use subxt::ext::scale_type_resolver::Field;

	/// The registry of a few types, as metadata would hold them.
	fn types() -> (scale_info::PortableRegistry, Vec<u32>) {
		let mut registry = scale_info::Registry::new();
		let ids = [
			registry.register_type(&scale_info::meta_type::<u64>()),
			registry.register_type(&scale_info::meta_type::<codec::Compact<u128>>()),
			registry.register_type(&scale_info::meta_type::<Vec<u8>>()),
		];
		(registry.into(), ids.map(|id| id.id).to_vec())
	}

	fn encode(arguments: Vec<Argument>, fields: &[u32]) -> Result<Vec<u8>, String> {
		let (registry, _) = types();
		let mut fields = fields.iter().map(|id| Field::new(*id, Some("field")));
		Arguments(arguments)
			.encode_as_fields(&mut fields, &registry)
			.map_err(|e| e.to_string())
	}

	#[test]
	fn numbers_should_be_plain_or_compact_as_the_metadata_says() {
		let (_, ids) = types();
		let bytes = encode(vec![number(7), Argument::Number(7)], &ids[..2]).unwrap();
		assert_eq!(
			bytes,
			[7u64.encode(), codec::Compact(7u128).encode()].concat()
		);
	}

	#[test]
	fn a_call_should_be_refused_when_the_runtime_takes_another_number_of_arguments() {
		let (_, ids) = types();
		assert!(encode(vec![number(7)], &ids[..2])
			.unwrap_err()
			.contains("2 arguments"));
	}

	#[test]
	fn a_call_should_be_refused_when_an_argument_has_another_shape_there() {
		let (_, ids) = types();
		assert!(encode(vec![encoded(&vec![1u8, 2])], &ids[2..]).is_ok());
		assert!(
			encode(vec![encoded(&7u32)], &ids[..1]).is_err(),
			"too short"
		);
		assert!(
			encode(vec![encoded(&[7u64; 2])], &ids[..1]).is_err(),
			"too long"
		);
	}
}
