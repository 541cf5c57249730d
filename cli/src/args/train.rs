//! `lemma train`, and what `lemma verify` takes to check one.

use std::path::PathBuf;

use clap::Args;
use lemma_client::{blake2_256, H256};

use super::{hash, Terms};

/// Examples and formats, for `lemma train --help`.
pub const TRAIN_HELP: &str = "\
Trains a network of fully connected layers in integers, and proves every step. The steps are
orders, of ten steps each and of one for what is left over; each begins with the proven weights
of the one before. Prices are those of each order, not of all together. lemma program list shows
the networks that there are circuits for.

Features are .npy, int8, samples x features: scale them so that 64 stands for one. Labels are
.npy, uint8, a class for each sample, from 0 on. Weights are .npy, int32, one dimension: layer by
layer a matrix of a row for each input and a last one for the bias, times 2^20.

Interrupted? The same command goes on where it was and orders nothing twice. With more --steps it
goes on from where it ended.

Examples:
  lemma train --features x.npy --labels y.npy --widths 64,32,10 --steps 100 \\
    --test-features tx.npy --test-labels ty.npy --out w.npy --max-price 10 --key //Alice
  lemma verify --training w.npy.receipts.json --features x.npy --labels y.npy --genesis 0x…
  examples/digits/split.py FOLDER     writes such files, of handwritten digits";

/// Most steps of one training: a network has learned long before.
const MAX_STEPS: i64 = 1_000_000;

/// Train a network.
#[derive(Debug, Args)]
#[command(mut_arg("max_price", |arg| arg
	.help("Highest price of each order, in LEM. It is held when the order is posted; what is not spent comes back")))]
#[command(mut_arg("min_price", |arg| arg
	.help("Price of each order at the start, in LEM; by default a tenth of the highest")))]
pub struct Train {
	/// The samples' features: .npy, int8, samples x features.
	#[arg(long, value_name = "FILE")]
	pub features: PathBuf,
	/// The samples' classes: .npy, uint8, one for each sample.
	#[arg(long, value_name = "FILE")]
	pub labels: PathBuf,
	/// Widths of the network: features, hidden layers, classes, such as 64,32,10.
	#[arg(long, value_delimiter = ',', required = true, value_name = "WIDTHS")]
	pub widths: Vec<usize>,
	/// How many steps, each by a batch of 32 samples.
	#[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=MAX_STEPS))]
	pub steps: u32,
	/// How fast each layer learns, in units of 2^-20, such as 2,1; by default 2, and 1 for the last.
	#[arg(long, value_delimiter = ',', value_name = "RATES")]
	pub rates: Vec<u32>,
	/// What the order of the samples, and the weights to begin with, are drawn from: any text, or
	/// 0x and 64 hex digits.
	#[arg(long, default_value = "lemma", value_parser = seed, value_name = "SEED")]
	pub seed: H256,
	/// Weights to begin with: .npy, int32, as --out writes them; by default drawn from the seed.
	#[arg(long, value_name = "FILE")]
	pub weights: Option<PathBuf>,
	/// What the accuracy is measured on.
	#[command(flatten)]
	pub held_out: HeldOut,
	/// Where to write the weights: .npy, int32.
	#[arg(long, value_name = "FILE")]
	pub out: PathBuf,
	/// Where to write the chain of receipts, for lemma verify --training; by default the name of --out
	/// and .receipts.json.
	#[arg(long, value_name = "FILE")]
	pub chain: Option<PathBuf>,
	/// What each order may cost and when.
	#[command(flatten)]
	pub terms: Terms,
	/// Post new orders even for steps that were ordered before.
	#[arg(long)]
	pub new: bool,
}

/// Samples that nothing is trained on.
#[derive(Debug, Args)]
pub struct HeldOut {
	/// Features of samples that are held out, to measure the accuracy on.
	#[arg(long, requires = "test_labels", value_name = "FILE")]
	pub test_features: Option<PathBuf>,
	/// Their classes.
	#[arg(long, requires = "test_features", value_name = "FILE")]
	pub test_labels: Option<PathBuf>,
}

/// What a training is checked with.
#[derive(Debug, Args)]
pub struct TrainingToVerify {
	/// Check a training: the chain of receipts that lemma train wrote. --output is then a file of
	/// weights.
	#[arg(
		long,
		value_name = "FILE",
		conflicts_with_all = [
			"id", "input", "operands", "samples", "bundles", "executables", "evidence"
		],
		requires_all = ["features", "labels"]
	)]
	pub training: Option<PathBuf>,
	/// With --training: the samples' features.
	#[arg(long, value_name = "FILE", requires = "training")]
	pub features: Option<PathBuf>,
	/// With --training: the samples' classes.
	#[arg(long, value_name = "FILE", requires = "training")]
	pub labels: Option<PathBuf>,
	/// With --training: the weights that it began with, if they were not drawn from the seed.
	#[arg(long, value_name = "FILE", requires = "training")]
	pub weights: Option<PathBuf>,
	/// With --training: how many steps it must have, all orders together.
	#[arg(long, value_name = "COUNT", requires = "training")]
	pub steps: Option<usize>,
	/// With --training: the rates that it must have, such as 2,1.
	#[arg(
		long,
		value_delimiter = ',',
		value_name = "RATES",
		requires = "training"
	)]
	pub rates: Vec<u32>,
	/// With --training: the seed that it must have, as --seed of lemma train.
	#[arg(long, value_parser = seed, value_name = "SEED", requires = "training")]
	pub seed: Option<H256>,
	/// What the accuracy is measured on.
	#[command(flatten)]
	pub held_out: HeldOut,
}

/// A seed: 32 bytes in hex, or the hash of a text.
fn seed(text: &str) -> Result<H256, String> {
	match text.starts_with("0x") {
		true => hash(text).map_err(|_| {
			format!("`{text}` is no seed: behind 0x go 64 hex digits; any text without 0x is one")
		}),
		false => Ok(blake2_256(text.as_bytes())),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_seed_should_be_32_bytes_in_hex_or_the_hash_of_a_text() {
		let digits = "ab".repeat(32);
		assert_eq!(seed(&format!("0x{digits}")), Ok(H256::repeat_byte(0xab)));
		assert_eq!(seed(&digits), Ok(blake2_256(digits.as_bytes())));
		assert_ne!(seed("lemma"), seed("Lemma"));
		assert!(seed("0xab").is_err());
	}
}
