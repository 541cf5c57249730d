//! The chain of receipts of a training: the file that `lemma train` writes and `lemma verify` checks.
//!
//! Nothing in it is trusted: what each order was for follows from the samples, the weights to begin with and the
//! proven output of the order before, and is compared with the receipt that the chain holds.

use std::path::Path;

use lemma_client::{npy, result::Report, OrderId, Receipt, H256};
use lemma_zk_circuits::{
	program::Job,
	programs::train::{
		commit::commit_weights,
		job::{self, TrainJob},
		network::Network,
	},
};
use lemma_zk_statement::hash_to_bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inputs::{self, Samples};
use crate::{
	failure::{exit, file_failure, Failure, Outcome},
	input, views,
};

/// How the file begins.
const FORMAT: &str = "lemma-training-1";

/// A training as a chain of orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
	format: String,
	/// Genesis hash of the chain on which it was ordered.
	pub genesis: H256,
	/// Widths of the network.
	pub widths: Vec<usize>,
	/// Each layer's rate.
	pub rates: Vec<u32>,
	/// What the order of the samples is drawn from.
	pub seed: H256,
	/// Commitment to the samples, in that order.
	pub data: H256,
	/// Commitment to the weights before the first step.
	pub initial: H256,
	/// Commitment to the weights after the last.
	pub weights: H256,
	/// The orders, in order.
	pub orders: Vec<Link>,
}

/// One order of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
	/// Its number.
	pub order: OrderId,
	/// Steps that it was for.
	pub steps: usize,
	/// Commitment to the weights that it yielded.
	pub weights: H256,
	/// Its receipt, as `lemma order show` prints it.
	pub receipt: Value,
}

/// What the chain holds of an order.
#[derive(Clone, Debug)]
pub struct Settled {
	/// The receipt.
	pub receipt: Receipt,
	/// The output's bytes: proven, and those of the receipt.
	pub output: Vec<u8>,
}

/// What was found: of the training as a whole, and of each order.
#[derive(Debug)]
pub struct Verdict {
	/// Of the whole.
	pub whole: Report,
	/// Of each order.
	pub links: Vec<Report>,
	/// The weights that the last order yielded; none if there is no such chain.
	pub weights: Option<Vec<i32>>,
}

impl Verdict {
	/// Whether every check passed.
	#[cfg(test)]
	pub fn passed(&self) -> bool {
		self.whole.passed() && self.links.iter().all(Report::passed)
	}
}

/// Commitment to a job's samples, in their order.
pub fn commit_samples(job: &TrainJob) -> H256 {
	H256(hash_to_bytes(job.committed().root().elements))
}

impl Chain {
	/// The chain that begins with a job, on the chain with this genesis hash; no orders yet.
	pub fn new(genesis: H256, first: &TrainJob) -> Self {
		let training = first.training();
		let initial = H256(commit_weights(&training.weights));
		Self {
			format: FORMAT.into(),
			genesis,
			widths: training.network.widths().to_vec(),
			rates: training.rates.clone(),
			seed: H256(training.seed),
			data: commit_samples(first),
			initial,
			weights: initial,
			orders: Vec::new(),
		}
	}

	/// Adds the order that comes next.
	pub fn push(&mut self, order: OrderId, steps: usize, settled: &Settled) {
		self.weights = H256(commit_weights(&job::weights(&settled.output)));
		self.orders.push(Link {
			order,
			steps,
			weights: self.weights,
			receipt: views::receipt(order, &settled.receipt),
		});
	}

	/// Steps of all orders.
	pub fn steps(&self) -> usize {
		let steps = self.orders.iter().map(|link| link.steps);
		steps.fold(0, usize::saturating_add)
	}

	/// What training it is, for people: of less, too, every order can be verified.
	pub fn summary(&self, begun_with: &str) -> String {
		format!(
			"{} steps in {} orders, rates {}, seed {:#x}, begun with {begun_with}",
			self.steps(),
			self.orders.len(),
			inputs::list(&self.rates),
			self.seed
		)
	}

	/// Adds the checks that the training has the steps, the rates and the seed that it is said to have.
	pub fn check_said(
		&self,
		steps: Option<usize>,
		rates: &[u32],
		seed: Option<H256>,
		report: &mut Report,
	) {
		if let Some(steps) = steps {
			report.add(
				"steps",
				match self.steps() {
					found if found == steps => Ok(format!("{found} steps")),
					found => Err(format!("it has {found} steps, not {steps}")),
				},
			);
		}
		if !rates.is_empty() {
			let (found, wanted) = (inputs::list(&self.rates), inputs::list(rates));
			report.add(
				"rates",
				match self.rates == rates {
					true => Ok(format!("the rates are {found}")),
					false => Err(format!("its rates are {found}, not {wanted}")),
				},
			);
		}
		if let Some(seed) = seed {
			report.add("seed", same("the seed", self.seed, seed));
		}
	}

	/// Writes the file, whole or not at all.
	pub fn write(&self, path: &Path) -> Outcome<()> {
		npy::write_atomically(path, |file| {
			serde_json::to_writer_pretty(&mut *file, self)?;
			file.write_all(b"\n")
		})
		.map_err(|e| file_failure(path, "written", &e))
	}

	/// Reads the file.
	pub fn read(path: &Path) -> Outcome<Self> {
		Self::parse(&input::read_file(path)?).map_err(|reason| {
			Failure::new(
				exit::USAGE,
				"bad_file",
				format!(
					"{} is no chain of receipts ({reason}): `lemma train` writes it",
					path.display()
				),
			)
		})
	}

	fn parse(bytes: &[u8]) -> Result<Self, String> {
		let chain: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
		if chain.format != FORMAT {
			return Err(format!("its format is not {FORMAT}"));
		}
		if chain.orders.is_empty() {
			return Err("it has no orders".into());
		}
		Ok(chain)
	}

	/// Checks the file against what a chain holds of its orders, one for each. `samples` and `initial` are what is
	/// said to have been trained on, and the weights to begin with.
	pub fn check(
		&self,
		genesis: H256,
		network: &Network,
		samples: Samples,
		initial: Vec<i32>,
		settled: &[Settled],
	) -> Verdict {
		let mut verdict = Verdict {
			whole: Report { checks: Vec::new() },
			links: Vec::new(),
			weights: None,
		};
		let whole = &mut verdict.whole;
		whole.add("genesis", same("the chain", self.genesis, genesis));
		let found = H256(commit_weights(&initial));
		whole.add(
			"initial",
			same("the weights to begin with", self.initial, found),
		);
		let Some(link) = self.orders.first() else {
			whole.add("orders", Err("there are none".into()));
			return verdict;
		};
		let (rates, seed) = (self.rates.clone(), self.seed.0);
		let first = inputs::first_job(network, rates, seed, samples, initial, link.steps);
		let mut job = match first {
			Ok(job) => job,
			Err(e) => {
				whole.add("data", Err(e.message));
				return verdict;
			}
		};
		whole.add(
			"data",
			same(
				"the samples in the seed's order",
				self.data,
				commit_samples(&job),
			),
		);
		for (number, (link, settled)) in self.orders.iter().zip(settled).enumerate() {
			verdict.links.push(link.check(&job, settled));
			let yielded = job::weights(&settled.output);
			// Zeros that are missing or too many at the end would not change what the proof says.
			let (found, wanted) = (settled.output.len(), job.output_len());
			if found != wanted {
				let order = link.order;
				whole.add(
					"weights",
					Err(format!(
						"order {order} yielded {found} bytes, and the weights of this network have {wanted}"
					)),
				);
				return verdict;
			}
			let Some(next) = self.orders.get(number + 1) else {
				whole.add(
					"weights",
					same(
						"the weights after the last step",
						self.weights,
						H256(commit_weights(&yielded)),
					),
				);
				verdict.weights = Some(yielded);
				break;
			};
			job = match inputs::next_job(&job, next.steps, yielded) {
				Ok(job) => job,
				Err(e) => {
					let order = next.order;
					whole.add("orders", Err(format!("order {order} cannot follow: {e}")));
					return verdict;
				}
			};
		}
		let (said, found) = (self.orders.len(), verdict.links.len());
		whole.add(
			"orders",
			match said == found {
				true => Ok(format!(
					"{found} orders, each for what follows the one before"
				)),
				false => Err(format!("there are {said}, and {found} were looked up")),
			},
		);
		verdict
	}
}

impl Link {
	/// Checks that this order is for the job, and the rest of what is said of it.
	fn check(&self, job: &TrainJob, settled: &Settled) -> Report {
		let mut report = Report { checks: Vec::new() };
		let receipt = &settled.receipt;
		report.add(
			"program",
			same(
				"the program that does so many steps of this network",
				receipt.program,
				H256(job.program()),
			),
		);
		report.add(
			"input",
			same(
				"what follows the order before",
				receipt.commitment,
				H256(job.commitment()),
			),
		);
		let yielded = H256(commit_weights(&job::weights(&settled.output)));
		report.add(
			"weights",
			same("the weights that it yielded", self.weights, yielded),
		);
		report.add(
			"same_receipt",
			match views::receipt(self.order, receipt) == self.receipt {
				true => Ok("the receipt is the chain's".into()),
				false => Err("the chain holds another receipt of this order".into()),
			},
		);
		report
	}
}

/// A check that two hashes are equal: what is said, and what is found.
fn same(what: &str, said: H256, found: H256) -> Result<String, String> {
	match said == found {
		true => Ok(format!("{what}: {said:#x}")),
		false => Err(format!("{what}: {said:#x} is said, but it is {found:#x}")),
	}
}

#[cfg(test)]
mod tests {
	use lemma_client::AccountId;
	use lemma_zk_circuits::programs::train::reference;

	use super::*;
	use crate::commands::train::inputs::tests::{small, small_job};

	const GENESIS: H256 = H256([7; 32]);

	/// The small training of twelve steps, as if it had been settled: the chain, and what is on chain.
	fn trained() -> (Chain, Vec<Settled>) {
		let mut job = small_job(10);
		let mut chain = Chain::new(GENESIS, &job);
		let mut all = Vec::new();
		for (number, steps) in [10, 1, 1].into_iter().enumerate() {
			if number > 0 {
				let before: &Settled = &all[number - 1];
				let weights = job::weights(&before.output);
				job = inputs::next_job(&job, steps, weights).expect("a job");
			}
			let (weights, _) = reference::train(job.training());
			let settled = Settled {
				receipt: Receipt {
					requester: AccountId::new([1; 32]),
					provider: AccountId::new([2; 32]),
					program: H256(job.program()),
					commitment: H256(job.commitment()),
					output_root: H256::repeat_byte(number as u8),
					output_len: 9640,
					paid: 5 + number as u128,
					settled_at: 12 + number as u32,
					extrinsic_index: 1,
					deposit: 3,
				},
				output: job::output(&weights),
			};
			chain.push(20 + number as u64, steps, &settled);
			all.push(settled);
		}
		(chain, all)
	}

	/// Checks a chain as `lemma verify` does once it has looked the orders up. Orders that the chain does not
	/// hold are not found.
	fn check(chain: &Chain, on_chain: &[Settled]) -> Result<(), String> {
		let network = inputs::network(&chain.widths).map_err(|e| e.message)?;
		let samples = small().1;
		let weights = small_job(1).training().weights.clone();
		let settled: Option<Vec<Settled>> = (chain.orders.iter())
			.map(|link| on_chain.get(link.order.checked_sub(20)? as usize).cloned())
			.collect();
		let settled = settled.ok_or("no such order")?;
		let verdict = chain.check(GENESIS, &network, samples, weights, &settled);
		let mut reports = verdict.links.iter().chain([&verdict.whole]);
		match reports.find_map(Report::first_failure) {
			Some(failed) => Err(format!("{}: {}", failed.name, failed.detail)),
			None if verdict.passed() && verdict.weights.is_some() => Ok(()),
			None => Err("something was not checked".into()),
		}
	}

	/// Every number and text in a JSON value, each changed by itself.
	fn changed(value: &Value) -> Vec<(String, Value)> {
		match value {
			Value::Object(fields) => {
				let of = |(name, inner): (&String, &Value)| {
					let name = name.clone();
					changed(inner).into_iter().map(move |(path, inner)| {
						let mut fields = fields.clone();
						fields.insert(name.clone(), inner);
						(format!("{name} {path}"), Value::Object(fields))
					})
				};
				fields.iter().flat_map(of).collect()
			}
			Value::Array(items) => {
				let of = |(place, inner): (usize, &Value)| {
					changed(inner).into_iter().map(move |(path, inner)| {
						let mut items = items.clone();
						items[place] = inner;
						(format!("{place} {path}"), Value::Array(items))
					})
				};
				items.iter().enumerate().flat_map(of).collect()
			}
			Value::Number(number) => {
				let number = number.as_u64().expect("no other numbers");
				let others = [number + 1, number.wrapping_sub(1), 0];
				let others = others.into_iter().filter(|other| *other != number);
				others
					.map(|other| (format!("{other}"), Value::from(other)))
					.collect()
			}
			Value::String(text) => {
				let last = text.len() - 1;
				let other = if text.ends_with('1') { '2' } else { '1' };
				let other = format!("{}{other}", &text[..last]);
				vec![(other.clone(), Value::from(other))]
			}
			other => panic!("{other} in a chain of receipts"),
		}
	}

	fn parsed(value: &Value) -> Result<Chain, String> {
		Chain::parse(value.to_string().as_bytes())
	}

	#[test]
	fn a_chain_should_survive_being_written_and_read() {
		let (chain, settled) = trained();
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("w.receipts.json");
		chain.write(&path).expect("written");
		let read = Chain::read(&path).expect("read");
		assert_eq!(read, chain);
		assert_eq!(check(&read, &settled), Ok(()));
		assert_ne!(chain.initial, chain.weights);
	}

	#[test]
	fn a_chain_should_be_refused_when_any_number_or_text_in_it_is_changed() {
		let (chain, settled) = trained();
		let value = serde_json::to_value(&chain).expect("JSON");
		let mut tried = 0;
		for (what, changed) in changed(&value) {
			if let Ok(chain) = parsed(&changed) {
				assert!(check(&chain, &settled).is_err(), "{what}");
			}
			tried += 1;
		}
		assert!(tried > 60, "{tried} changes");
	}

	#[test]
	fn a_chain_should_be_refused_when_orders_are_missing_exchanged_or_repeated() {
		let (chain, settled) = trained();
		let orders = chain.orders.clone();
		let of = |places: &[usize]| Chain {
			orders: places.iter().map(|place| orders[*place].clone()).collect(),
			..chain.clone()
		};
		assert_eq!(check(&of(&[0, 1, 2]), &settled), Ok(()));
		for places in [
			&[0, 1][..],
			&[1, 2],
			&[0, 2],
			&[0, 2, 1],
			&[1, 0, 2],
			&[0, 1, 1],
			&[0, 1, 2, 2],
			&[0, 1, 2, 0],
		] {
			assert!(check(&of(places), &settled).is_err(), "{places:?}");
		}
		// Nor when what it ends with is made to fit.
		let mut shorter = of(&[0, 2]);
		shorter.weights = orders[2].weights;
		assert!(check(&shorter, &settled).is_err());
		let mut repeated = of(&[0, 1, 1]);
		repeated.weights = orders[1].weights;
		assert!(check(&repeated, &settled).is_err());
		assert!(parsed(&serde_json::to_value(of(&[])).expect("JSON")).is_err());
	}

	#[test]
	fn a_chain_that_is_cut_off_should_show_in_its_steps() {
		let (chain, settled) = trained();
		let shorter = Chain {
			orders: chain.orders[..2].to_vec(),
			weights: chain.orders[1].weights,
			..chain.clone()
		};
		assert_eq!(check(&shorter, &settled), Ok(()), "a shorter training");
		assert_eq!((chain.steps(), shorter.steps()), (12, 11));
		let text = shorter.summary("the seed's weights");
		let seed = format!("{:#x}", chain.seed);
		let expected = "11 steps in 2 orders, rates 2,1, seed ".to_owned() + &seed;
		assert_eq!(text, expected + ", begun with the seed's weights");

		let failed = |chain: &Chain, steps, rates: &[u32], seed| {
			let mut report = Report { checks: Vec::new() };
			chain.check_said(steps, rates, seed, &mut report);
			report.first_failure().map(|check| check.name)
		};
		assert_eq!(failed(&chain, None, &[], None), None);
		assert_eq!(failed(&chain, Some(12), &[2, 1], Some(chain.seed)), None);
		assert_eq!(failed(&shorter, Some(12), &[], None), Some("steps"));
		assert_eq!(failed(&chain, None, &[2, 2], None), Some("rates"));
		assert_eq!(failed(&chain, None, &[], Some(GENESIS)), Some("seed"));
	}

	#[test]
	fn a_chain_should_be_refused_when_an_output_is_cut_off_or_goes_on_with_zeros() {
		let (chain, settled) = trained();
		for place in 0..3 {
			for length in [4, 9636, 9639, 9644] {
				let mut settled = settled.clone();
				settled[place].output.resize(length, 0);
				// The file is made to fit.
				let mut chain = chain.clone();
				let weights = job::weights(&settled[place].output);
				chain.orders[place].weights = H256(commit_weights(&weights));
				if place == 2 {
					chain.weights = chain.orders[place].weights;
				}
				let network = inputs::network(&chain.widths).expect("there are circuits");
				let initial = small_job(1).training().weights.clone();
				let verdict = chain.check(GENESIS, &network, small().1, initial, &settled);
				let failed = verdict.whole.first_failure().map(|check| check.name);
				assert_eq!(failed, Some("weights"), "{length} bytes of {place}");
				assert!(verdict.weights.is_none());
			}
		}
	}

	#[test]
	fn a_chain_should_be_refused_when_it_is_of_other_samples_or_other_weights() {
		let (chain, settled) = trained();
		let (network, samples) = small();
		let weights = small_job(1).training().weights.clone();
		let failed = |samples: Samples, weights: Vec<i32>| {
			let verdict = chain.check(GENESIS, &network, samples, weights, &settled);
			assert!(
				!verdict.links[0].passed(),
				"the first order is for other input"
			);
			verdict.whole.first_failure().map(|check| check.name)
		};
		let mut other = samples.clone();
		let unused = order_of_rows()[69];
		other.features[64 * order_of_rows()[0]] ^= 1;
		assert_eq!(failed(other, weights.clone()), Some("data"));
		let mut other = samples.clone();
		let label = &mut other.labels[order_of_rows()[1]];
		*label = (*label + 1) % 10;
		assert_eq!(failed(other, weights.clone()), Some("data"));
		let mut other = weights.clone();
		other[0] += 1;
		assert_eq!(failed(samples.clone(), other), Some("initial"));
		// What no batch holds is not trained on.
		let mut other = samples;
		other.features[64 * unused] ^= 1;
		let verdict = chain.check(GENESIS, &network, other, weights, &settled);
		assert!(verdict.passed());
	}

	/// The rows of the small training in its order: 64 in batches, and six that are left over.
	fn order_of_rows() -> Vec<usize> {
		lemma_zk_circuits::programs::train::seeded::order([3; 32], 70)
	}

	#[test]
	fn a_chain_should_be_refused_when_it_holds_more_than_it_should() {
		let (chain, _) = trained();
		let mut value = serde_json::to_value(&chain).expect("JSON");
		assert!(parsed(&value).is_ok());
		value["note"] = Value::from("verified by everybody");
		assert!(parsed(&value).is_err());
		let mut value = serde_json::to_value(&chain).expect("JSON");
		value["format"] = Value::from("lemma-training-2");
		assert!(parsed(&value).is_err());
	}
}
