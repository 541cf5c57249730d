//! The command line.

mod images;
mod train;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use lemma_client::{keys::parse_account, AccountId, Balance, OrderId, H256};

pub use images::{Fractal, Image, Render, View};
use train::TRAIN_HELP;
pub use train::{HeldOut, Train, TrainingToVerify};

/// Order GPU computations on a Lemma chain, and get results that are proven.
#[derive(Debug, Parser)]
#[command(
	name = "lemma",
	version,
	after_help = "\
Examples:
  lemma gemm A.npy B.npy --out C.npy --max-price 10 --key //Alice
  lemma infer --model net.lemma inputs.npy --out scores.npy --max-price 10 --key //Alice
  lemma render scene.toml --out image.png --max-price 20 --key //Alice
  lemma train --features x.npy --labels y.npy --widths 64,32,10 --steps 100 --out w.npy --max-price 10
  lemma order list
  lemma verify 3 --output C.npy
  lemma provider register --bond 200 --backend cpu --key //Bob

Amounts are in LEM: 10, 0.5. With --json every command prints one JSON object, failures too.
Exit status: 0 done, 1 failed, 2 wrong usage or file, 3 no node or one that is behind,
4 too little money, 5 a result did not verify, 6 an order ended without a result, 130 interrupted."
)]
pub struct Cli {
	/// What every command takes.
	#[command(flatten)]
	pub global: Global,
	/// What to do.
	#[command(subcommand)]
	pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every command")]
pub struct Global {
	/// WebSocket address of a node.
	#[arg(
		long,
		global = true,
		env = "LEMMA_NODE",
		default_value = "ws://127.0.0.1:9944",
		value_name = "URL",
		hide_env_values = true
	)]
	pub node: String,

	/// Key that signs: a key file, a mnemonic, or //Alice and the like on a development chain.
	#[arg(
		long,
		global = true,
		env = "LEMMA_KEY",
		value_name = "KEY",
		hide_env_values = true
	)]
	pub key: Option<String>,

	/// Store of inputs: a folder, s3://bucket/prefix, or http(s)://host/folder. By default
	/// ~/.local/share/lemma/store, which only workers of this machine can read.
	#[arg(
		long,
		global = true,
		env = "LEMMA_STORE",
		value_name = "STORE",
		hide_env_values = true
	)]
	pub store: Option<String>,

	/// Refuse any other chain than that of this genesis hash.
	#[arg(long, global = true, env = "LEMMA_GENESIS", value_name = "HASH", value_parser = hash)]
	pub genesis: Option<H256>,

	/// Print one JSON object.
	#[arg(long, global = true)]
	pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
	/// Multiply two int8 matrices: store, order, wait, verify, write the product
	#[command(after_help = GEMM_HELP)]
	Gemm(Gemm),
	/// Make provable neural networks of ONNX files, and register them
	#[command(subcommand, after_help = MODEL_HELP)]
	Model(Model),
	/// Run a neural network on samples: store, order, wait, verify, write the scores
	#[command(after_help = INFER_HELP)]
	Infer(Infer),
	/// Render a scene: cut into tiles, order each, verify all, write a PNG
	#[command(after_help = images::RENDER_HELP)]
	Render(Render),
	/// Compute the Mandelbrot set or a Julia set, tile by tile
	#[command(subcommand, after_help = images::FRACTAL_HELP)]
	Fractal(Fractal),
	/// Train a network: each range of steps an order, every step proven
	#[command(after_help = TRAIN_HELP)]
	Train(Train),
	/// Post, list, show, cancel and watch orders
	#[command(subcommand, after_help = ORDER_HELP)]
	Order(Order),
	/// Get the result of an order, waiting for it if need be
	#[command(after_help = RESULT_HELP)]
	Result(ResultArgs),
	/// Check a settled result, trusting as little as possible
	#[command(after_help = VERIFY_HELP)]
	Verify(Verify),
	/// Register as a provider and manage the bond
	#[command(subcommand, after_help = PROVIDER_HELP)]
	Provider(Provider),
	/// List, show and register programs
	#[command(subcommand, after_help = PROGRAM_HELP)]
	Program(Program),
	/// Put blobs into a store and get them
	#[command(subcommand, after_help = STORE_HELP)]
	Store(Store),
	/// Make and inspect keys
	#[command(subcommand, after_help = KEYS_HELP)]
	Keys(Keys),
	/// Show an account's money
	#[command(after_help = "\
free is what the account can use, less what is frozen; held is what orders, deposits and a bond
keep of it.

Examples:
  lemma balance --key my.key
  lemma balance //Alice")]
	Balance {
		/// The account; by default that of --key.
		#[arg(value_parser = account)]
		account: Option<AccountId>,
	},
	/// Send money to an account
	#[command(after_help = "\
Example:
  lemma transfer 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty 10 --key my.key")]
	Transfer {
		/// Who gets it.
		#[arg(value_parser = account)]
		to: AccountId,
		/// How much, in LEM.
		#[arg(value_parser = amount)]
		amount: Balance,
	},
}

const GEMM_HELP: &str = "\
A is m x k, B is k x n, both int8; C is m x n, int32. A result has at most 1 MiB: m * n <= 262144.

Interrupted after posting? Run the same command again: it goes on with the order that was posted,
and never posts a second one unless you say --new.

Examples:
  lemma gemm A.npy B.npy --out C.npy --max-price 10 --key //Alice
  lemma gemm A.npy B.npy --out C.npy --max-price 2.5 --min-price 0.5 --ramp 50 --json
  python3 -c \"import numpy; numpy.save('A.npy', numpy.ones((256, 256), numpy.int8))\"";

const MODEL_HELP: &str = "\
A network comes as a file, such as net.lemma: its weights, and the batch sizes for which it has
programs. Keep net.lemma.json beside it: it says what the integers stand for. Workers serve the
network when they have the file (their setting `bundles`).

Examples:
  lemma model build model.onnx --calibrate inputs.npy --labels labels.npy --out net.lemma
  lemma model show net.lemma
  lemma model register net.lemma --key my.key";

const INFER_HELP: &str = "\
The samples are split into batches of the sizes for which the network has programs, an order each:
as many of the largest size as are full, and for what is left the smallest size that holds it. What
is missing in the last batch are samples of zeros, whose scores are left out.

Interrupted after posting? Run the same command again: it goes on with the orders that were posted,
and never posts one a second time unless you say --new.

Examples:
  lemma infer --model net.lemma inputs.npy --out scores.npy --max-price 10 --key //Alice
  lemma infer --model net.lemma inputs.npy --labels labels.npy --out scores.npy --max-price 10
  lemma infer --model net.lemma one.npy --batches 1 --out scores.npy --max-price 2 --json";

const ORDER_HELP: &str = "\
Examples:
  lemma order list                    what is on offer, and what is being worked on
  lemma order show 3
  lemma order watch 3 --json          one object a line for each change, to the end
  lemma order cancel 3 --key my.key   while nobody has claimed it";

const PROVIDER_HELP: &str = "\
Examples:
  lemma provider register --bond 200 --backend cuda --key cold.key
  lemma provider operators 5F… --key cold.key     then, with the key of each:
  lemma provider join 5C… --key hot.key
  lemma provider show
  lemma provider deregister --key cold.key        two days later: lemma provider withdraw";

const PROGRAM_HELP: &str = "\
Examples:
  lemma program list                  those registered on the chain
  lemma program id                    those that this client can prove and verify
  lemma program id job.bin            which program, commitment and output length an input has
  lemma program id --bundle net.lemma also those of a network
  lemma program id --executable FILE  also those of a program of one's own";

const STORE_HELP: &str = "\
Examples:
  lemma store put job.bin             prints its name, the blake2-256 hash of its bytes
  lemma store get 0x… --out job.bin
  lemma store put job.bin --store s3://bucket/inputs";

const KEYS_HELP: &str = "\
Examples:
  lemma keys new --out my.key         a file that only you can read
  lemma keys inspect my.key
  lemma keys inspect //Alice";

const RESULT_HELP: &str = "\
Examples:
  lemma result 3 --out C.npy          the product of `lemma gemm`
  lemma result 3 --out C.npy --shape 64x10
  lemma result 3 --out output.bin     the bytes as they are on chain
  lemma result 3 --evidence 3.json    all that `lemma verify --evidence` needs, without a node
  lemma result 3 --out output.bin --bundle net.lemma
                                      also where its program was removed from the chain since";

const VERIFY_HELP: &str = "\
Checks, by name: genesis, header, finalized, extrinsics_root, receipt, submission,
output_length, output_root, proof; with --input, --operands or --samples also program and input;
element where this client does not know the program: name its file with --bundle.
With --output the bytes of that file are what is checked. docs/use/cli.md says what each
establishes, and what remains to be trusted.

Examples:
  lemma verify 3 --genesis 0x…        what the chain holds
  lemma verify 3 --output C.npy       that C.npy is the result
  lemma verify 3 --input job.bin      that it is the result of this input
  lemma verify 3 --samples net.lemma inputs.npy --output scores.npy
                                      that it is what the network makes of a batch of these
  lemma verify --evidence 3.json --genesis 0x…
  lemma verify --training w.npy.receipts.json --features x.npy --labels y.npy";

/// Multiply two matrices.
#[derive(Debug, Args)]
pub struct Gemm {
	/// Left matrix: .npy, int8, m x k.
	pub a: PathBuf,
	/// Right matrix: .npy, int8, k x n.
	pub b: PathBuf,
	/// Where to write the product: .npy, int32, m x n.
	#[arg(long, value_name = "FILE")]
	pub out: PathBuf,
	/// What it may cost and when.
	#[command(flatten)]
	pub terms: Terms,
	/// Post a new order even if this very product was ordered before.
	#[arg(long)]
	pub new: bool,
}

/// Neural networks.
#[derive(Debug, Subcommand)]
pub enum Model {
	/// Turn a network in floating point into one of integers, which can be proven
	#[command(after_help = "\
docs/use/models.md says which ONNX operators are taken and how their numbers become integers.
Every file is .npy. Samples are integers, float32 or float64; the first dimension counts them.

Examples:
  lemma model build model.onnx --calibrate train.npy --out net.lemma
  lemma model build model.onnx --calibrate train.npy --evaluate test.npy --labels test_labels.npy \\
      --batches 1,16,64 --out net.lemma")]
	Build(Build),
	/// Show a network and its programs
	#[command(after_help = "\
Example:
  lemma model show net.lemma")]
	Show {
		/// The network.
		network: PathBuf,
	},
	/// Register a network's programs, each with a result that is proven here
	#[command(after_help = "\
Proves one batch of zeros for each program on this machine, as the chain demands. Programs that are
registered already are left alone. Who registers a program first says how long its outputs are: so
register a network before you give its file to anybody.

Examples:
  lemma model register net.lemma --key my.key
  lemma model register net.lemma --batches 64 --key my.key")]
	Register {
		/// The network.
		network: PathBuf,
		/// Only these of the network's batch sizes.
		#[arg(long, value_delimiter = ',', value_name = "SIZES")]
		batches: Vec<usize>,
		/// The document that describes it, whose hash goes on chain; by default the network's file itself.
		#[arg(long, value_name = "FILE")]
		description: Option<PathBuf>,
	},
}

/// Make a network of integers.
#[derive(Debug, Args)]
pub struct Build {
	/// The network in floating point: .onnx.
	pub onnx: PathBuf,
	/// Typical samples, by which the ranges of all values are chosen.
	#[arg(long, value_name = "FILE")]
	pub calibrate: PathBuf,
	/// Right class of each sample, to report how many are classified right.
	#[arg(long, value_name = "FILE")]
	pub labels: Option<PathBuf>,
	/// Samples to which the labels belong, if not to those of --calibrate.
	#[arg(long, requires = "labels", value_name = "FILE")]
	pub evaluate: Option<PathBuf>,
	/// Samples in a job, a program each: 1 to 16 numbers from 1 to 1024; by default those of 1,16,64 that fit.
	#[arg(long, value_delimiter = ',', value_name = "SIZES")]
	pub batches: Option<Vec<usize>>,
	/// One shift for all channels of a layer, instead of one for each.
	#[arg(long)]
	pub per_layer: bool,
	/// Put out the place of the largest score, not the scores.
	#[arg(long)]
	pub argmax: bool,
	/// Where to write the network.
	#[arg(long, value_name = "FILE")]
	pub out: PathBuf,
}

/// Run a neural network on samples.
#[derive(Debug, Args)]
pub struct Infer {
	/// Samples: .npy, the first dimension counts them. int8 is taken as it is; other types are real numbers.
	pub inputs: PathBuf,
	/// The network: what `lemma model build` wrote.
	#[arg(long, value_name = "FILE")]
	pub model: PathBuf,
	/// Where to write the scores: .npy, a row for each sample.
	#[arg(long, value_name = "FILE")]
	pub out: PathBuf,
	/// Right class of each sample, to say how many are classified right.
	#[arg(long, value_name = "FILE")]
	pub labels: Option<PathBuf>,
	/// Only these of the network's batch sizes.
	#[arg(long, value_delimiter = ',', value_name = "SIZES")]
	pub batches: Vec<usize>,
	/// What it may cost and when: the prices are those of all orders together, with equal shares.
	#[command(flatten)]
	pub terms: Terms,
	/// Post new orders even if the same was ordered before.
	#[arg(long)]
	pub new: bool,
}

/// Programs that come as files.
#[derive(Debug, Default, Args)]
pub struct Bundles {
	/// File of a program that is not built in, such as a network of `lemma model build`; may be repeated.
	#[arg(long = "bundle", value_name = "FILE")]
	pub bundles: Vec<PathBuf>,
	/// Program of somebody's own, an executable, which is started; may be repeated. Name only what you trust.
	#[arg(long = "executable", value_name = "FILE")]
	pub executables: Vec<PathBuf>,
}

/// What an order may cost and when.
#[derive(Clone, Debug, Args)]
pub struct Terms {
	/// Highest price, in LEM. It is held at once; what is not spent comes back.
	#[arg(long, value_parser = amount, value_name = "LEM")]
	pub max_price: Balance,
	/// Price at the start, in LEM; by default a tenth of the highest.
	#[arg(long, value_parser = amount, value_name = "LEM")]
	pub min_price: Option<Balance>,
	/// Blocks over which the price rises to the highest.
	#[arg(long, default_value_t = 20, value_name = "BLOCKS")]
	pub ramp: u32,
	/// Blocks that a provider has from its claim to its proof; by default by the job's size.
	#[arg(long, value_name = "BLOCKS")]
	pub claim_window: Option<u32>,
	/// Blocks until the order expires; by default time for a claim, a miss and a rescue.
	#[arg(long, value_name = "BLOCKS")]
	pub lifetime: Option<u32>,
	/// Where providers find the input, if not where --store says: the URL of the folder that holds the blob, such as
	/// `https://example.org/inputs`.
	#[arg(long, value_name = "URL")]
	pub locator: Option<String>,
}

/// Orders.
#[derive(Debug, Subcommand)]
pub enum Order {
	/// Post an order for an input blob: a new one each time
	#[command(after_help = "\
Unlike `lemma gemm`, this does not look for an earlier order for the same.

Examples:
  lemma order post --input job.bin --max-price 10
  lemma order post --input job.bin --max-price 10 --program 0x… --commitment 0x… --output-len 4096")]
	Post {
		/// File with the input blob, in the format of its program.
		#[arg(long, value_name = "FILE")]
		input: PathBuf,
		/// Id of the program, where this client does not know the program.
		#[arg(long, value_parser = hash, requires = "commitment", value_name = "ID")]
		program: Option<H256>,
		/// Commitment to the input, where this client does not know the program.
		#[arg(long, value_parser = hash, requires = "output_len", value_name = "HASH")]
		commitment: Option<H256>,
		/// Exact length of the output, bytes, where this client does not know the program.
		#[arg(long, requires = "program", value_name = "BYTES")]
		output_len: Option<u32>,
		/// Programs that come as files.
		#[command(flatten)]
		bundles: Bundles,
		/// What it may cost and when.
		#[command(flatten)]
		terms: Terms,
	},
	/// List live orders
	List {
		/// Only those of this program.
		#[arg(long, value_parser = hash, value_name = "ID")]
		program: Option<H256>,
		/// Only from this number on.
		#[arg(long, default_value_t = 0, value_name = "ORDER")]
		start: OrderId,
		/// At most so many.
		#[arg(
			long,
			default_value_t = 100,
			value_name = "COUNT",
			value_parser = clap::value_parser!(u32).range(1..)
		)]
		limit: u32,
	},
	/// Show an order, live or settled
	Show {
		/// Its number.
		id: OrderId,
	},
	/// Take an open order back
	Cancel {
		/// Its number.
		id: OrderId,
	},
	/// Follow an order to its end, when that is final; with --json one object a line for each change
	Watch {
		/// Its number.
		id: OrderId,
	},
	/// Give up a settled order's receipt for its deposit
	RemoveReceipt {
		/// Its number.
		id: OrderId,
	},
}

/// Get a result.
#[derive(Debug, Args)]
pub struct ResultArgs {
	/// Number of the order.
	pub id: OrderId,
	/// Where to write the output: an int32 matrix if the name ends in .npy, else the bytes as they are.
	#[arg(long, value_name = "FILE")]
	pub out: Option<PathBuf>,
	/// Rows and columns of the matrix, where this machine did not post the order.
	#[arg(long, value_parser = shape, value_name = "MxN")]
	pub shape: Option<(usize, usize)>,
	/// Where to write the evidence for `lemma verify --evidence`.
	#[arg(long, value_name = "FILE")]
	pub evidence: Option<PathBuf>,
	/// Programs that come as files.
	#[command(flatten)]
	pub bundles: Bundles,
}

/// Check a result.
#[derive(Debug, Args)]
pub struct Verify {
	/// Number of the order; with --evidence it is in the file.
	#[arg(required_unless_present_any = ["evidence", "training"])]
	pub id: Option<OrderId>,
	/// Check that this file is the result: .npy, or the bytes as they are on chain.
	#[arg(long, value_name = "FILE")]
	pub output: Option<PathBuf>,
	/// Check that it is the result of this input blob.
	#[arg(long, value_name = "FILE", conflicts_with_all = ["operands", "samples"])]
	pub input: Option<PathBuf>,
	/// Check that it is the product of these two matrices.
	#[arg(long, num_args = 2, value_names = ["A.npy", "B.npy"], conflicts_with = "samples")]
	pub operands: Option<Vec<PathBuf>>,
	/// Check that it is what a network makes of a batch of these samples; --output is then of all samples.
	#[arg(long, num_args = 2, value_names = ["NETWORK", "INPUTS.npy"])]
	pub samples: Option<Vec<PathBuf>>,
	/// Programs that come as files.
	#[command(flatten)]
	pub bundles: Bundles,
	/// Fail where only the node's word is to be had, not proof.
	#[arg(long)]
	pub strict: bool,
	/// Check what `lemma result --evidence` wrote, without a node; needs --genesis.
	#[arg(long, value_name = "FILE")]
	pub evidence: Option<PathBuf>,
	/// What a training is checked with.
	#[command(flatten)]
	pub train: TrainingToVerify,
}

/// Providers.
#[derive(Debug, Subcommand)]
pub enum Provider {
	/// Register the key's account as a provider
	#[command(after_help = "\
The account's bond covers the collateral of its claims. Name hot keys that claim and submit
for it with `lemma provider operators`; each of them then runs `lemma provider join`.

Example:
  lemma provider register --bond 200 --backend cuda --key cold.key")]
	Register {
		/// The bond, in LEM.
		#[arg(long, value_parser = amount, value_name = "LEM")]
		bond: Balance,
		/// What it says of itself.
		#[command(flatten)]
		profile: Profile,
	},
	/// Add to the bond
	BondMore {
		/// How much, in LEM.
		#[arg(value_parser = amount)]
		amount: Balance,
	},
	/// Send part of the bond on its way out
	Unbond {
		/// How much, in LEM.
		#[arg(value_parser = amount)]
		amount: Balance,
	},
	/// Withdraw what has unlocked of the bond
	Withdraw,
	/// Name all hot keys that may act for the provider; those not named act for it no longer
	#[command(group(ArgGroup::new("named").required(true).args(["operators", "none"])))]
	Operators {
		/// Their accounts.
		#[arg(value_parser = account)]
		operators: Vec<AccountId>,
		/// Name none: no hot key acts for the provider any more.
		#[arg(long)]
		none: bool,
	},
	/// Start acting for a provider that has named this key an operator
	Join {
		/// The provider's account.
		#[arg(value_parser = account)]
		provider: AccountId,
	},
	/// Stop acting for a provider
	Leave,
	/// Change what the provider says of itself; what is not given stays as it is
	Update {
		/// What is to change.
		#[command(flatten)]
		change: ProfileChange,
	},
	/// End the registration: everything unbonds
	Deregister,
	/// Show a provider
	Show {
		/// Its account or an operator's; by default that of --key.
		#[arg(value_parser = account)]
		account: Option<AccountId>,
	},
}

/// What a provider says of itself.
#[derive(Debug, Args)]
pub struct Profile {
	/// What it runs jobs on.
	#[arg(long, value_enum, default_value_t = Backend::Cpu)]
	pub backend: Backend,
	/// Where its operator can be reached: a URL.
	#[arg(long, default_value = "", value_name = "URL")]
	pub endpoint: String,
	/// Programs that it serves; none for all.
	#[arg(long = "program", value_parser = hash, value_name = "ID")]
	pub programs: Vec<H256>,
}

/// What is to change of what a provider says of itself.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct ProfileChange {
	/// What it runs jobs on.
	#[arg(long, value_enum)]
	pub backend: Option<Backend>,
	/// Where its operator can be reached: a URL; "" for none.
	#[arg(long, value_name = "URL")]
	pub endpoint: Option<String>,
	/// Programs that it serves, all of them.
	#[arg(long = "program", value_parser = hash, value_name = "ID")]
	pub programs: Vec<H256>,
	/// It serves every program.
	#[arg(long, conflicts_with = "programs")]
	pub all_programs: bool,
}

/// What a provider runs jobs on.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Backend {
	/// Processor cores
	Cpu,
	/// An NVIDIA GPU
	Cuda,
}

/// Programs.
#[derive(Debug, Subcommand)]
pub enum Program {
	/// List the programs registered on the chain
	List {
		/// Programs that come as files: they are listed with their names.
		#[command(flatten)]
		bundles: Bundles,
	},
	/// Show a registered program
	Show {
		/// Its id.
		#[arg(value_parser = hash)]
		id: H256,
		/// Programs that come as files.
		#[command(flatten)]
		bundles: Bundles,
	},
	/// Say which program, commitment and output length an input blob has, without a node
	Id {
		/// File with the input blob; without it, the programs that this client knows are listed.
		input: Option<PathBuf>,
		/// Programs that come as files.
		#[command(flatten)]
		bundles: Bundles,
	},
	/// Register a program, with a result of it that is proven here
	#[command(after_help = "\
Proves one small job of the program on this machine, as the chain demands, and registers the
program with it. This release's programs are registered on a new chain from the start.

Example:
  lemma program register --sample job.bin --description gemm.md --min-len 4 --max-len 1048576")]
	Register {
		/// File with an input blob of the program, small, to be run and proven here.
		#[arg(long, value_name = "FILE")]
		sample: PathBuf,
		/// The document that describes the program; its hash goes on chain.
		#[arg(long, value_name = "FILE")]
		description: PathBuf,
		/// Shortest output, bytes; by default one element.
		#[arg(long, value_name = "BYTES")]
		min_len: Option<u32>,
		/// Longest output, bytes.
		#[arg(long, default_value_t = lemma_primitives::MAX_OUTPUT_BYTES, value_name = "BYTES")]
		max_len: u32,
		/// What every output's length is a multiple of, bytes; by default one element.
		#[arg(long, value_name = "BYTES")]
		multiple_of: Option<u32>,
		/// Programs that come as files.
		#[command(flatten)]
		bundles: Bundles,
	},
	/// Retire a program: no new orders of it
	Retire {
		/// Its id.
		#[arg(value_parser = hash)]
		id: H256,
	},
	/// Remove a program that was retired long ago, for its deposit
	Remove {
		/// Its id.
		#[arg(value_parser = hash)]
		id: H256,
	},
}

/// Stores.
#[derive(Debug, Subcommand)]
pub enum Store {
	/// Put a file into the store and print its name
	Put {
		/// The file.
		file: PathBuf,
	},
	/// Get a blob from the store and check its hash
	Get {
		/// Its name: the blake2-256 hash of its bytes.
		#[arg(value_parser = hash)]
		hash: H256,
		/// Where to write it.
		#[arg(long, value_name = "FILE")]
		out: PathBuf,
		/// Largest size to accept, bytes.
		#[arg(long, default_value_t = 1 << 30, value_name = "BYTES")]
		max_size: u64,
	},
}

/// Keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
	/// Make new keys
	#[command(after_help = "\
Without --out the mnemonic is printed: whoever knows it has the account's money.

Example:
  lemma keys new --out my.key        then: lemma --key my.key balance")]
	New {
		/// Write the secret to this file, for its owner only, instead of printing it.
		#[arg(long, value_name = "FILE")]
		out: Option<PathBuf>,
	},
	/// Show the account of a key or an address
	Inspect {
		/// A key file, secret URI, address or public key; by default --key.
		key: Option<String>,
	},
}

fn amount(text: &str) -> Result<Balance, String> {
	lemma_client::amount::parse(text).map_err(|e| e.to_string())
}

fn account(text: &str) -> Result<AccountId, String> {
	parse_account(text).map_err(|e| e.to_string())
}

/// Reads a hash: 64 hex digits, with or without 0x.
pub fn hash(text: &str) -> Result<H256, String> {
	let mut bytes = [0; 32];
	hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
		.map_err(|_| format!("`{text}` is no hash: give 0x and 64 hex digits"))?;
	Ok(H256(bytes))
}

fn shape(text: &str) -> Result<(usize, usize), String> {
	let wrong = || format!("`{text}` is no shape: write rows x columns, such as 64x10");
	let (rows, columns) = text.split_once('x').ok_or_else(wrong)?;
	let length = |text: &str| {
		text.parse()
			.ok()
			.filter(|length| *length > 0)
			.ok_or_else(wrong)
	};
	Ok((length(rows)?, length(columns)?))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_command_line_should_be_consistent() {
		use clap::CommandFactory;
		Cli::command().debug_assert();
	}

	#[test]
	fn batches_should_be_known_as_given_when_they_are_the_default() {
		let batches = |more: &[&str]| {
			let arguments = "lemma model build net.onnx --calibrate x.npy --out net.lemma";
			let arguments = arguments.split(' ').chain(more.iter().copied());
			let cli = Cli::try_parse_from(arguments).expect("parsed");
			match cli.command {
				Command::Model(Model::Build(build)) => build.batches,
				other => panic!("{other:?}"),
			}
		};
		assert_eq!(batches(&[]), None);
		let given = Some(vec![1, 16, 64]);
		assert_eq!(batches(&["--batches", "1,16,64"]), given);
		assert_eq!(batches(&["--batches", "1", "--batches", "16,64"]), given);
	}

	#[test]
	fn shapes_should_be_rows_by_columns() {
		assert_eq!(shape("64x10"), Ok((64, 10)));
		for text in ["64", "x", "64x", "0x10", "64x10x2", "-1x3"] {
			assert!(shape(text).is_err(), "{text}");
		}
	}

	#[test]
	fn hashes_should_have_64_hex_digits() {
		let digits = "ab".repeat(32);
		assert_eq!(hash(&digits), Ok(H256::repeat_byte(0xab)));
		assert_eq!(hash(&format!("0x{digits}")), Ok(H256::repeat_byte(0xab)));
		assert!(hash("0xab").is_err());
	}
}
