//! A settled result: fetched from the block that settled it, and checked without trusting the node.
//!
//! What the node says is taken apart into [`Evidence`], which can be kept and carried, and judged by
//! [`Evidence::check`] with nothing but the chain's genesis hash and the verifying key that this program
//! embeds. Every check has a name, and a report says of each whether it passed.

use codec::{Decode, DecodeAll, Encode};
use lemma_zk_statement::{binding, output_root, OutputElement, Statement};
use lemma_zk_verifier::Verifier;
use sp_core::H256;
use sp_runtime::{
	traits::{BlakeTwo256, Hash},
	StateVersion,
};

use crate::{
	blake2_256,
	calls::JOB_ORDERS,
	chain::{header_hash, At, Client, Header},
	error::Error,
	finality::{self, Finality, NotProven},
	runtime::storage_number_key,
	AccountId, OrderId, Receipt,
};

/// All that a node has to say about a settled order.
#[derive(Clone, Debug, Encode, Decode)]
pub struct Evidence {
	/// Genesis hash of the chain on which it was settled.
	pub genesis: H256,
	/// The order.
	pub order: OrderId,
	/// Its receipt.
	pub receipt: Receipt,
	/// Type of the output's elements, as the node has it from the chain's registry; as the caller of [`fetch_as`] knows
	/// it, if the program was removed from that.
	pub element: OutputElement,
	/// Header of the block that settled it, encoded.
	pub header: Vec<u8>,
	/// All extrinsics of that block.
	pub extrinsics: Vec<Vec<u8>>,
	/// What the settling extrinsic submitted.
	pub submission: Submission,
	/// Whether the node says that the block is final.
	pub finalized: bool,
	/// The proof that it is; or why there is none, so that only the node's word remains.
	pub finality: Result<Finality, String>,
	/// Trie nodes that prove that the block's state holds the receipt; or why there are none.
	pub receipt_nodes: Result<Vec<Vec<u8>>, String>,
}

/// The arguments of `submit_result`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Submission {
	/// The order.
	pub order: OrderId,
	/// The output's bytes.
	pub output: Vec<u8>,
	/// The proof.
	pub proof: Vec<u8>,
}

/// One check of a result.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Check {
	/// Its name, stable across versions.
	pub name: &'static str,
	/// What it establishes, or why it failed.
	pub detail: String,
	/// Whether it passed.
	pub passed: bool,
	/// What it rests on.
	pub basis: Basis,
}

/// What a check rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
	/// Nothing but mathematics, the genesis hash and this program.
	Proof,
	/// The word of the node that was asked.
	Node,
}

/// The verdict on a result.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
	/// All checks, in order.
	pub checks: Vec<Check>,
}

impl Report {
	/// Whether every check passed.
	pub fn passed(&self) -> bool {
		!self.checks.is_empty() && self.checks.iter().all(|check| check.passed)
	}

	/// The first check that failed.
	pub fn first_failure(&self) -> Option<&Check> {
		self.checks.iter().find(|check| !check.passed)
	}

	/// Adds a check that rests on proof: what it establishes if it passed, why it failed if it did.
	pub fn add(&mut self, name: &'static str, verdict: Result<String, String>) {
		self.push(name, verdict, Basis::Proof);
	}

	/// Whether every check rests on proof.
	pub fn is_trustless(&self) -> bool {
		self.checks.iter().all(|check| check.basis == Basis::Proof)
	}

	fn push(&mut self, name: &'static str, verdict: Result<String, String>, basis: Basis) {
		let passed = verdict.is_ok();
		let detail = verdict.unwrap_or_else(|why| why);
		self.checks.push(Check {
			name,
			detail,
			passed,
			basis,
		});
	}
}

/// Fetches what there is to know of a settled order. Reads the receipt at `at`.
pub async fn fetch(client: &Client, order: OrderId, at: At) -> Result<Evidence, Error> {
	fetch_as(client, order, at, None).await
}

/// The same by a caller who may know the type of the output's elements: the program's owner may have removed it from the
/// chain since, and the result must not depend on that.
pub async fn fetch_as(
	client: &Client,
	order: OrderId,
	at: At,
	element: Option<OutputElement>,
) -> Result<Evidence, Error> {
	let receipt = match client.receipt(order, at).await? {
		Some(receipt) => receipt,
		None if client.order(order, at).await?.is_some() => {
			return Err(Error::NotSettled { id: order })
		}
		None => {
			let posted = Some(order < client.next_order(at).await?);
			return Err(Error::NoSuchOrder { id: order, posted });
		}
	};
	let number = receipt.settled_at;
	let pruned = || Error::Pruned {
		block: number.to_string(),
	};
	let hash = client.block_hash(number).await?.ok_or_else(pruned)?;
	let program = match client.program(receipt.program, at).await? {
		Some(program) => Some(program),
		// It was removed since; the state of the block that settled the order has it, unless that is gone.
		None => match client.program(receipt.program, At::Block(hash)).await {
			Err(Error::Pruned { .. } | Error::Rpc { .. }) => None,
			other => other?,
		},
	};
	let registered = program.map(|program| program.element);
	let element = registered.or(element).ok_or(Error::NoSuchProgram {
		id: receipt.program,
	})?;
	let block = client.block(hash).await?;
	let finalized = client.finalized().await?.number >= number;
	let finality = match finalized {
		true => finality::fetch(client, number).await,
		false => Err("the block is not final yet".into()),
	};
	let key = storage_number_key(JOB_ORDERS, "Receipts", order);
	let receipt_nodes = match finality::read_proof(client, &key, hash).await {
		Ok(nodes) => Ok(nodes),
		Err(Error::Pruned { .. } | Error::Rpc { .. }) => {
			Err("the node no longer keeps the block's state: ask an archive node".into())
		}
		Err(e) => return Err(e),
	};
	let extrinsic = block.extrinsics.get(receipt.extrinsic_index as usize);
	let submission = match extrinsic {
		Some(extrinsic) => {
			// Extrinsics are of the runtime before the block. Where its state is pruned, today's
			// does as well unless calls have changed; a wrong one could only fail a check.
			let runtime = match client.runtime(At::Block(block.header.parent_hash)).await {
				Err(Error::Pruned { .. }) => client.runtime(At::Best).await?,
				other => other?,
			};
			let (pallet, name, arguments) = runtime.decode_call(extrinsic.clone()).await?;
			Submission::decode_call(order, &pallet, &name, &arguments)
		}
		None => Err(format!(
			"block {number} has no extrinsic {}",
			receipt.extrinsic_index
		)),
	};
	let submission = submission.map_err(|reason| Error::Unreadable {
		what: "the settling extrinsic".into(),
		reason,
	})?;
	Ok(Evidence {
		genesis: client.genesis_hash(),
		order,
		receipt,
		element,
		header: block.header.encode(),
		extrinsics: block.extrinsics,
		submission,
		finalized,
		finality,
		receipt_nodes,
	})
}

impl Submission {
	/// Bytes that calls around the one that submits may put before it: `Sudo.sudo_as` puts 35, an address and two indices.
	const MAX_AROUND: usize = 128;

	/// The submission of `order` in a call's `arguments`: those of `submit_result`, or of a call that carries it as its last
	/// argument, as `Sudo.sudo_as` does. What is found in the latter's proves nothing yet: [`Evidence::check`] asks
	/// whether it is right.
	fn decode_call(
		order: OrderId,
		pallet: &str,
		name: &str,
		arguments: &[u8],
	) -> Result<Self, String> {
		if (pallet, name) == (JOB_ORDERS, "submit_result") {
			return Self::decode_all(&mut &*arguments).map_err(|e| e.to_string());
		}
		let last = arguments.len().min(Self::MAX_AROUND);
		(1..last)
			.filter_map(|around| Self::decode_all(&mut &arguments[around..]).ok())
			.find(|found| found.order == order)
			.ok_or_else(|| {
				format!(
					"it calls {pallet}.{name}, and no {JOB_ORDERS}.submit_result of order {order} \
					 ends it"
				)
			})
	}
}

impl Evidence {
	/// Checks the evidence against a chain's genesis hash, with the node's word for the type of the output's elements.
	/// `output` is as for [`Self::check_as`].
	pub fn check(&self, genesis: H256, output: Option<&[u8]>) -> Report {
		self.check_as(genesis, None, output)
	}

	/// Checks the evidence against a chain's genesis hash. `output` takes the place of the output that
	/// was submitted, if it is given: then what is checked is whether *those* bytes are the result.
	///
	/// The caller says the output's `element` if he knows the program: the proof is of the elements' values, not of
	/// their type. If he does not, [`Self::element`] stands in, and a check `element` that rests on the node's word.
	pub fn check_as(
		&self,
		genesis: H256,
		element: Option<OutputElement>,
		output: Option<&[u8]>,
	) -> Report {
		let mut report = Report { checks: Vec::new() };
		let receipt = &self.receipt;

		report.add("genesis", self.check_genesis(genesis));
		let header = Header::decode(&mut self.header.as_slice());
		report.add(
			"header",
			match &header {
				Ok(header) if header.number == u64::from(receipt.settled_at) => Ok(format!(
					"block {} is {:#x}",
					header.number,
					header_hash(header)
				)),
				Ok(header) => Err(format!(
					"the receipt says block {}, the header is of block {}",
					receipt.settled_at, header.number
				)),
				Err(e) => Err(format!("the header cannot be read: {e}")),
			},
		);
		self.check_finalized(genesis, &mut report);
		report.add(
			"extrinsics_root",
			match &header {
				Ok(header) => self.check_extrinsics(header),
				Err(_) => Err("there is no header to compare with".into()),
			},
		);
		if let Ok(header) = &header {
			self.check_receipt(header.state_root, &mut report);
		}
		if element.is_none() {
			let detail = format!(
				"the node says that the output's elements are {}; the program is not known here",
				match self.element {
					OutputElement::U8 => "uint8",
					OutputElement::I8 => "int8",
					OutputElement::I16 => "int16",
					OutputElement::I32 => "int32",
				}
			);
			report.push("element", Ok(detail), Basis::Node);
		}
		let element = element.unwrap_or(self.element);
		report
			.checks
			.extend(self.check_result(genesis, element, output).checks);
		report
	}

	/// Checks that the result is right, whatever becomes of its block: those of the checks of [`Self::check_as`] that
	/// do not ask what the chain accepted, and so hold before the block is final.
	///
	/// The caller says the output's `element`, for he knows what he ordered. [`Self::element`] is the node's word, and
	/// the proof is of the elements' values: a node that lies about their type could pass other bytes off as the
	/// output.
	pub fn check_result(
		&self,
		genesis: H256,
		element: OutputElement,
		output: Option<&[u8]>,
	) -> Report {
		let mut report = Report { checks: Vec::new() };
		let receipt = &self.receipt;
		let output = output.unwrap_or(&self.submission.output);
		report.add("submission", self.check_submission());
		report.add(
			"output_length",
			match output.len() {
				found if found == receipt.output_len as usize => Ok(format!("{found} bytes")),
				found => Err(format!(
					"the output has {found} bytes, the receipt says {}",
					receipt.output_len
				)),
			},
		);
		let root = H256(output_root(|bytes| blake2_256(bytes).0, output));
		report.add(
			"output_root",
			match root {
				root if root == receipt.output_root => Ok(format!("{root:#x}")),
				root => Err(format!(
				"the output's root is {root:#x}, the receipt says {:#x}: these are not the bytes that \
				 were settled",
				receipt.output_root
			)),
			},
		);
		report.add("proof", self.check_proof(genesis, element, output));
		report
	}

	fn check_genesis(&self, genesis: H256) -> Result<String, String> {
		match self.genesis {
			found if found == genesis => Ok(format!("{genesis:#x}")),
			found => Err(format!("the chain is {found:#x}, not {genesis:#x}")),
		}
	}

	fn check_finalized(&self, genesis: H256, report: &mut Report) {
		let told = |why: &str| format!("the node says that the block is final; no proof: {why}");
		match &self.finality {
			Ok(finality) => match finality.check(genesis, blake2_256(&self.header)) {
				Err(why @ NotProven::ValidatorsChanged { .. }) if self.finalized => {
					report.push("finalized", Ok(told(&why.to_string())), Basis::Node);
				}
				verdict => report.add("finalized", verdict.map_err(|why| why.to_string())),
			},
			Err(why) if self.finalized => report.push("finalized", Ok(told(why)), Basis::Node),
			Err(_) => report.push(
				"finalized",
				Err("the block is not final yet: wait a few seconds and ask again".into()),
				Basis::Node,
			),
		}
	}

	/// That the chain accepted the result and paid for it: the receipt is in the block's state.
	fn check_receipt(&self, state_root: H256, report: &mut Report) {
		let nodes = match &self.receipt_nodes {
			Ok(nodes) => nodes,
			Err(why) => {
				let detail = format!("the node says what the receipt holds; no proof: {why}");
				return report.push("receipt", Ok(detail), Basis::Node);
			}
		};
		let key = storage_number_key(JOB_ORDERS, "Receipts", self.order);
		let value = finality::proven_value(state_root, &key, nodes);
		report.add(
			"receipt",
			match value {
				Ok(Some(value)) if value == self.receipt.encode() => {
					Ok("the block's state holds this receipt".into())
				}
				Ok(Some(_)) => Err("the block's state holds another receipt".into()),
				Ok(None) => Err("the block's state holds no receipt of this order".into()),
				Err(why) => Err(why),
			},
		);
	}

	fn check_extrinsics(&self, header: &Header) -> Result<String, String> {
		let root = BlakeTwo256::ordered_trie_root(self.extrinsics.clone(), StateVersion::V0);
		let current = BlakeTwo256::ordered_trie_root(self.extrinsics.clone(), StateVersion::V1);
		// Which of the two a chain uses is its runtime's choice.
		match header.extrinsics_root {
			expected if expected == root || expected == current => Ok(format!(
				"the header names these {} extrinsics",
				self.extrinsics.len()
			)),
			expected => Err(format!(
				"the extrinsics are not those of the root {expected:#x}"
			)),
		}
	}

	/// That the submission is in the extrinsic, byte by byte. The extrinsic's own layout need not be
	/// known for that: its call comes last, and the arguments last in it.
	fn check_submission(&self) -> Result<String, String> {
		if self.submission.order != self.order {
			return Err(format!(
				"the extrinsic settles order {}, not {}",
				self.submission.order, self.order
			));
		}
		let index = self.receipt.extrinsic_index;
		let extrinsic = self.extrinsics.get(index as usize);
		let extrinsic = extrinsic.ok_or_else(|| format!("the block has no extrinsic {index}"))?;
		if !extrinsic.ends_with(&self.submission.encode()) {
			return Err(format!(
				"the output and the proof are not those of extrinsic {index}"
			));
		}
		Ok(format!("extrinsic {index} submits this output and proof"))
	}

	fn check_proof(
		&self,
		genesis: H256,
		element: OutputElement,
		output: &[u8],
	) -> Result<String, String> {
		let receipt = &self.receipt;
		let binding = binding(&genesis.0, self.order, account_bytes(&receipt.provider));
		let statement = Statement::of_result(
			receipt.program.0,
			binding,
			receipt.commitment.0,
			element,
			output,
			|bytes| blake2_256(bytes).0,
		)
		.map_err(|e| e.to_string())?;
		let verifier = Verifier::embedded().map_err(|e| e.to_string())?;
		verifier
			.verify(&statement, &self.submission.proof)
			.map_err(|e| e.to_string())?;
		Ok(format!(
			"{} bytes prove this output for this order, provider and chain",
			self.submission.proof.len()
		))
	}
}

fn account_bytes(account: &AccountId) -> &[u8; 32] {
	account.as_ref()
}

#[cfg(test)]
mod tests {
	use super::*;

	/// The committed sample of `lemma-zk-circuits`: program, genesis hash, order, provider, blob,
	/// commitment, element, output, proof.
	type Sample = (
		[u8; 32],
		[u8; 32],
		u64,
		[u8; 32],
		Vec<u8>,
		[u8; 32],
		OutputElement,
		Vec<u8>,
		Vec<u8>,
	);

	const SAMPLE: &[u8] = include_bytes!("../../../zk/circuits/samples/gemm.scale");

	/// The evidence of a block that settles the sample. Its genesis is made up, so nothing finalized it
	/// but the node's word.
	fn evidence() -> Evidence {
		let (program, genesis, order, provider, _, commitment, element, output, proof) =
			Sample::decode(&mut &*SAMPLE).expect("the sample's format");
		let receipt = Receipt {
			requester: AccountId::new([1; 32]),
			provider: AccountId::new(provider),
			program: H256(program),
			commitment: H256(commitment),
			output_root: H256(output_root(|bytes| blake2_256(bytes).0, &output)),
			output_len: output.len() as u32,
			paid: 5,
			settled_at: 12,
			extrinsic_index: 1,
			deposit: 3,
		};
		let submission = Submission {
			order,
			output,
			proof,
		};
		let extrinsics = vec![vec![1; 10], [vec![132; 110], submission.encode()].concat()];
		let entries = vec![
			(
				storage_number_key(JOB_ORDERS, "Receipts", order),
				receipt.encode(),
			),
			(vec![9; 32], vec![1]),
		];
		let header = Header {
			parent_hash: H256::repeat_byte(1),
			number: 12,
			state_root: BlakeTwo256::trie_root(entries.clone(), StateVersion::V1),
			extrinsics_root: BlakeTwo256::ordered_trie_root(extrinsics.clone(), StateVersion::V1),
			digest: Default::default(),
		};
		Evidence {
			genesis: H256(genesis),
			order,
			receipt,
			element,
			header: header.encode(),
			extrinsics,
			submission,
			finalized: true,
			finality: Err("the chain is made up".into()),
			receipt_nodes: Ok(finality::tests::nodes(&entries)),
		}
	}

	/// The names of the checks that fail after a change.
	fn failures(change: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
		let mut changed = evidence();
		let genesis = changed.genesis;
		change(&mut changed);
		let report = changed.check(genesis, None);
		report
			.checks
			.iter()
			.filter(|check| !check.passed)
			.map(|check| check.name)
			.collect()
	}

	#[test]
	fn a_result_should_verify_and_say_what_is_only_the_nodes_word() {
		let evidence = evidence();
		let told = |element: Option<OutputElement>| {
			let report = evidence.check_as(evidence.genesis, element, None);
			assert!(report.passed(), "{report:?}");
			assert!(!report.is_trustless());
			let checks = report.checks.into_iter();
			checks
				.filter(|check| check.basis == Basis::Node)
				.map(|check| check.name)
				.collect::<Vec<_>>()
		};
		assert_eq!(told(Some(OutputElement::I32)), ["finalized"]);
		assert_eq!(told(None), ["finalized", "element"]);
	}

	#[test]
	fn that_a_block_is_final_should_be_the_nodes_word_when_the_validators_were_changed() {
		let chain = finality::tests::chain_in(&[4, 5, 6], 2);
		let mut evidence = evidence();
		evidence.header = chain.header;
		evidence.finality = Ok(chain.finality);
		let mut check = |finalized: bool| {
			evidence.finalized = finalized;
			let mut report = Report { checks: Vec::new() };
			evidence.check_finalized(chain.genesis, &mut report);
			report.checks.remove(0)
		};
		let told = check(true);
		assert!(told.passed && told.basis == Basis::Node, "{told:?}");
		assert!(told.detail.contains("set 2"), "{told:?}");
		assert!(!check(false).passed, "the node does not say so either");
	}

	#[test]
	fn a_result_should_be_rejected_when_one_byte_of_the_output_is_changed() {
		let evidence = evidence();
		for at in 0..evidence.submission.output.len() {
			let mut output = evidence.submission.output.clone();
			output[at] ^= 1;
			let report = evidence.check(evidence.genesis, Some(&output));
			assert!(!report.passed());
			assert_eq!(
				report.first_failure().map(|check| check.name),
				Some("output_root")
			);
		}
		assert_eq!(
			failures(|evidence| evidence.submission.output[0] ^= 1),
			["submission", "output_root", "proof"]
		);
	}

	#[test]
	fn a_result_should_be_rejected_when_another_output_of_the_same_root_is_claimed() {
		// Only the proof stands against a receipt that a lying node made to fit.
		let failed = failures(|evidence| {
			evidence.submission.output[0] ^= 1;
			let output = &evidence.submission.output;
			evidence.receipt.output_root = H256(output_root(|bytes| blake2_256(bytes).0, output));
		});
		assert_eq!(failed, ["receipt", "submission", "proof"]);
	}

	#[test]
	fn a_result_should_be_rejected_when_the_proof_is_changed_or_of_another_order() {
		assert_eq!(
			failures(|e| e.submission.proof[1000] ^= 1),
			["submission", "proof"]
		);
		assert_eq!(
			failures(|e| e.order += 1),
			["receipt", "submission", "proof"]
		);
		assert_eq!(
			failures(|e| e.submission.proof.push(0)),
			["submission", "proof"]
		);
	}

	#[test]
	fn a_result_should_be_rejected_on_another_chain() {
		let evidence = evidence();
		let report = evidence.check(H256::repeat_byte(7), None);
		let failed = report
			.checks
			.iter()
			.filter(|check| !check.passed)
			.map(|check| check.name);
		assert_eq!(failed.collect::<Vec<_>>(), ["genesis", "proof"]);
	}

	#[test]
	fn a_result_should_be_rejected_when_the_receipt_is_not_the_chains() {
		assert_eq!(failures(|e| e.receipt.paid += 1), ["receipt"]);
		assert_eq!(
			failures(|e| e.receipt.provider = AccountId::new([2; 32])),
			["receipt", "proof"]
		);
		assert_eq!(
			failures(|e| e.receipt.commitment = H256::zero()),
			["receipt", "proof"]
		);
		assert_eq!(
			failures(|e| e.receipt.settled_at = 13),
			["header", "receipt"]
		);
		assert_eq!(failures(|e| e.receipt_nodes = Ok(Vec::new())), ["receipt"]);
	}

	#[test]
	fn a_result_should_be_rejected_when_the_block_holds_something_else() {
		assert_eq!(failures(|e| e.extrinsics[0].push(1)), ["extrinsics_root"]);
		assert_eq!(
			failures(|e| e.extrinsics.swap(0, 1)),
			["extrinsics_root", "submission"]
		);
		assert_eq!(failures(|e| e.header[80] ^= 1), ["extrinsics_root"]);
		assert_eq!(failures(|e| e.finalized = false), ["finalized"]);
	}

	#[test]
	fn a_result_should_be_read_by_the_callers_type_and_not_by_the_nodes() {
		let honest = evidence();
		assert_eq!(honest.element, OutputElement::I32);
		let genesis = honest.genesis;
		assert!(honest
			.check_result(genesis, OutputElement::I32, None)
			.passed());

		// A node that calls the elements bytes: no value of the sample fits one, but the check must not even ask.
		let mut lying = evidence();
		lying.element = OutputElement::U8;
		assert!(lying
			.check_result(genesis, OutputElement::I32, None)
			.passed());
		let read_otherwise = honest.check_result(genesis, OutputElement::U8, None);
		assert_eq!(
			read_otherwise.first_failure().map(|check| check.name),
			Some("proof")
		);
		assert!(!lying.check(genesis, None).passed());
		let known = Some(OutputElement::I32);
		assert!(lying.check_as(genesis, known, None).passed());
		let wrong = Some(OutputElement::U8);
		assert!(!honest.check_as(genesis, wrong, None).passed());
	}

	#[test]
	fn a_submission_should_be_found_in_a_call_that_carries_it() {
		let submission = evidence().submission;
		let own = submission.encode();
		// `Sudo.sudo_as`: an account's address, then the call with its two indices.
		let carried = [vec![0], vec![7; 32], vec![22, 3], own.clone()].concat();
		let order = submission.order;
		let find = |pallet: &str, name: &str, arguments: &[u8]| {
			Submission::decode_call(order, pallet, name, arguments)
		};
		assert_eq!(
			find(JOB_ORDERS, "submit_result", &own),
			Ok(submission.clone())
		);
		assert_eq!(find("Sudo", "sudo_as", &carried), Ok(submission));

		let longer = [own, vec![0]].concat();
		assert!(find(JOB_ORDERS, "submit_result", &longer).is_err());
		assert!(find(JOB_ORDERS, "submit_result", &carried).is_err());
		let refused = find("Sudo", "sudo_as", &carried[..carried.len() - 1]);
		assert!(refused.expect_err("cut short").contains("Sudo.sudo_as"));
		assert!(Submission::decode_call(order + 1, "Sudo", "sudo_as", &carried).is_err());
	}

	#[test]
	fn evidence_should_survive_being_kept() {
		let evidence = evidence();
		let kept = Evidence::decode(&mut evidence.encode().as_slice()).expect("decoded");
		assert_eq!(
			kept.check(evidence.genesis, None),
			evidence.check(evidence.genesis, None)
		);
	}
}
