//! What `lemma` says when something is wrong, as far as that needs no node: a sentence that says what to
//! do, and the documented exit status.

use std::{
	path::{Path, PathBuf},
	process::{Command, Output},
};

use serde_json::Value;

/// Nothing listens on the discard port.
const NO_NODE: &str = "ws://127.0.0.1:9";

struct Lemma {
	folder: tempfile::TempDir,
}

impl Lemma {
	fn new() -> Self {
		Self {
			folder: tempfile::tempdir().expect("a folder"),
		}
	}

	fn path(&self, name: &str) -> PathBuf {
		self.folder.path().join(name)
	}

	/// Runs the command in a folder of its own, with nothing of this machine's configuration.
	fn run(&self, arguments: &[&str]) -> Output {
		Command::new(env!("CARGO_BIN_EXE_lemma"))
			.args(arguments)
			.current_dir(self.folder.path())
			.env_clear()
			.env("HOME", self.folder.path())
			.env("LEMMA_NODE", NO_NODE)
			.output()
			.expect("lemma runs")
	}

	/// Runs a command that must fail. Its exit status and what it says.
	fn fails(&self, arguments: &[&str]) -> (i32, String) {
		let output = self.run(arguments);
		assert!(!output.status.success(), "{arguments:?} succeeded");
		assert!(
			output.stdout.is_empty(),
			"a failure prints nothing on standard output"
		);
		let text = String::from_utf8(output.stderr).expect("UTF-8");
		(output.status.code().expect("no signal"), text)
	}

	/// Runs a command with `--json`. Its exit status and the one object that it prints.
	fn json(&self, arguments: &[&str]) -> (i32, Value) {
		let output = self.run(&[arguments, &["--json"]].concat());
		let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
			panic!(
				"{arguments:?}: {e}: {}",
				String::from_utf8_lossy(&output.stdout)
			)
		});
		(output.status.code().expect("no signal"), object)
	}

	/// Writes a .npy file.
	fn npy(&self, name: &str, descr: &str, shape: &str, data: &[u8]) {
		let mut header =
			format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
		while (header.len() + 11) % 64 != 0 {
			header.push(' ');
		}
		header.push('\n');
		let mut file = b"\x93NUMPY\x01\x00".to_vec();
		file.extend((header.len() as u16).to_le_bytes());
		file.extend(header.as_bytes());
		file.extend(data);
		std::fs::write(self.path(name), file).expect("written");
	}

	/// A folder with A (2 x 3) and B (3 x 2).
	fn with_operands() -> Self {
		let lemma = Self::new();
		lemma.npy("a.npy", "|i1", "(2, 3)", &[1, 2, 3, 4, 5, 6]);
		lemma.npy("b.npy", "|i1", "(3, 2)", &[1, 0, 0, 1, 1, 1]);
		lemma
	}

	fn gemm(&self, a: &str, b: &str) -> (i32, String) {
		self.fails(&[
			"gemm",
			a,
			b,
			"--out",
			"c.npy",
			"--max-price",
			"10",
			"--key",
			"//Alice",
		])
	}
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
	for part in parts {
		assert!(text.contains(part), "`{part}` is not in: {text}");
	}
}

#[test]
fn gemm_should_say_how_to_convert_when_the_elements_are_of_another_type() {
	let lemma = Lemma::with_operands();
	lemma.npy("f.npy", "<f8", "(2, 3)", &[0; 48]);
	let (status, text) = lemma.gemm("f.npy", "b.npy");
	assert_eq!(status, 2);
	assert_says(&text, &["f.npy", "float64", "int8", "astype"]);
}

#[test]
fn gemm_should_name_both_shapes_when_they_do_not_match() {
	let lemma = Lemma::with_operands();
	let (status, text) = lemma.gemm("a.npy", "a.npy");
	assert_eq!(status, 2);
	assert_says(&text, &["2 x 3", "as many columns"]);
}

#[test]
fn gemm_should_refuse_an_empty_file_and_an_empty_matrix() {
	let lemma = Lemma::with_operands();
	std::fs::write(lemma.path("empty.npy"), b"").expect("written");
	let (status, text) = lemma.gemm("empty.npy", "b.npy");
	assert_eq!(status, 2);
	assert_says(&text, &["empty.npy", "the file is empty", "numpy.save"]);
	lemma.npy("zero.npy", "|i1", "(0, 3)", &[]);
	let (status, text) = lemma.gemm("zero.npy", "b.npy");
	assert_eq!(status, 2);
	assert_says(&text, &["0 x 3", "no elements"]);
}

#[test]
fn gemm_should_refuse_a_file_that_is_missing_or_no_matrix() {
	let lemma = Lemma::with_operands();
	let (status, text) = lemma.gemm("missing.npy", "b.npy");
	assert_eq!(status, 2);
	assert_says(&text, &["missing.npy", "cannot be read"]);
	lemma.npy("cube.npy", "|i1", "(1, 2, 3)", &[0; 6]);
	assert_says(
		&lemma.gemm("cube.npy", "b.npy").1,
		&["(1, 2, 3)", "two dimensions"],
	);
}

#[test]
fn gemm_should_say_how_to_split_when_the_product_is_too_large() {
	let lemma = Lemma::new();
	lemma.npy("tall.npy", "|i1", "(1024, 1)", &[1; 1024]);
	lemma.npy("wide.npy", "|i1", "(1, 512)", &[1; 512]);
	let (status, text) = lemma.gemm("tall.npy", "wide.npy");
	assert_eq!(status, 2);
	assert_says(&text, &["1024 x 512", "262144", "at most 512 rows"]);
}

#[test]
fn gemm_should_refuse_a_huge_matrix_without_reading_it() {
	let lemma = Lemma::with_operands();
	lemma.npy("huge.npy", "|i1", "(1000000, 1000000)", &[]);
	let (status, text) = lemma.gemm("huge.npy", "b.npy");
	assert_eq!(status, 2);
	assert_says(&text, &["1000000 x 1000000", "split"]);
}

#[test]
fn gemm_should_say_where_it_cannot_write() {
	let lemma = Lemma::with_operands();
	let arguments = [
		"gemm",
		"a.npy",
		"b.npy",
		"--out",
		"no/such/c.npy",
		"--max-price",
		"1",
		"--key",
		"//Bob",
	];
	let (status, text) = lemma.fails(&arguments);
	assert_eq!(status, 2);
	assert_says(&text, &["no/such/c.npy", "cannot be written"]);
}

#[test]
fn gemm_should_say_how_to_start_a_node_when_there_is_none() {
	let lemma = Lemma::with_operands();
	let (status, text) = lemma.gemm("a.npy", "b.npy");
	assert_eq!(status, 3);
	assert_says(&text, &[NO_NODE, "lemma-node", "--node"]);
	assert!(!lemma.path("c.npy").exists());
}

#[test]
fn commands_that_sign_should_say_how_to_get_a_key_when_none_is_given() {
	let lemma = Lemma::with_operands();
	let (status, text) = lemma.fails(&[
		"gemm",
		"a.npy",
		"b.npy",
		"--out",
		"c.npy",
		"--max-price",
		"10",
	]);
	assert_eq!(status, 2);
	assert_says(&text, &["--key", "lemma keys new", "//Alice"]);
	let (status, text) = lemma.fails(&["order", "cancel", "3", "--key", "not a key"]);
	assert_eq!(status, 2);
	assert_says(&text, &["no secret URI", "mnemonic"]);
}

#[test]
fn amounts_should_be_explained_when_they_are_wrong() {
	let lemma = Lemma::with_operands();
	for (amount, part) in [("ten", "decimal number"), ("0.0000000000001", "12 digits")] {
		let arguments = [
			"gemm",
			"a.npy",
			"b.npy",
			"--out",
			"c.npy",
			"--max-price",
			amount,
		];
		let (status, text) = lemma.fails(&arguments);
		assert_eq!(status, 2);
		assert_says(&text, &[amount, part]);
	}
}

#[test]
fn a_node_address_should_be_explained_when_it_is_none() {
	let lemma = Lemma::new();
	let (status, text) = lemma.fails(&["order", "list", "--node", "http://127.0.0.1:9944"]);
	assert_eq!(status, 2);
	assert_says(&text, &["http://127.0.0.1:9944", "ws://"]);
}

#[test]
fn failures_should_be_one_json_object_when_json_is_asked_for() {
	let lemma = Lemma::with_operands();
	let (status, object) = lemma.json(&["order", "show", "3"]);
	assert_eq!(status, 3);
	assert_eq!(object["error"]["code"], "no_node");
	let message = object["error"]["message"].as_str().expect("a sentence");
	assert_says(message, &["--node"]);
	let (status, object) = lemma.json(&["order", "show", "three"]);
	assert_eq!(status, 2);
	assert_eq!(object["error"]["code"], "usage");
	let arguments = [
		"gemm",
		"a.npy",
		"a.npy",
		"--out",
		"c.npy",
		"--max-price",
		"1",
		"--key",
		"//Bob",
	];
	let (status, object) = lemma.json(&arguments);
	assert_eq!(
		(status, &object["error"]["code"]),
		(2, &Value::from("shape_mismatch"))
	);
}

#[test]
fn a_blob_should_go_into_the_store_and_come_back() {
	let lemma = Lemma::new();
	std::fs::write(lemma.path("blob"), b"some bytes").expect("written");
	let (status, put) = lemma.json(&["store", "put", "blob", "--store", "blobs"]);
	assert_eq!(status, 0);
	let hash = put["hash"].as_str().expect("a hash");
	let get = ["store", "get", hash, "--out", "copy", "--store", "blobs"];
	assert_eq!(lemma.json(&get).0, 0);
	assert_eq!(
		std::fs::read(lemma.path("copy")).expect("written"),
		b"some bytes"
	);

	let stored = lemma.path("blobs").join(hash.trim_start_matches("0x"));
	std::fs::write(stored, b"some bytez").expect("written");
	let (status, object) = lemma.json(&get);
	assert_eq!(
		(status, &object["error"]["code"]),
		(1, &Value::from("store"))
	);
	let (status, text) = lemma.fails(&[
		"store",
		"get",
		&"ab".repeat(32),
		"--out",
		"copy",
		"--store",
		"blobs",
	]);
	assert_eq!(status, 1);
	assert_says(&text, &["has no blob"]);
}

#[test]
fn keys_should_be_made_for_their_owner_alone() {
	let lemma = Lemma::new();
	let (status, made) = lemma.json(&["keys", "new", "--out", "my.key"]);
	assert_eq!(status, 0);
	assert!(
		made["mnemonic"].is_null(),
		"a secret that is in a file is not printed"
	);
	let (status, inspected) = lemma.json(&["keys", "inspect", "my.key"]);
	assert_eq!(status, 0);
	assert_eq!(inspected["account"], made["account"]);
	let (status, text) = lemma.fails(&["keys", "new", "--out", "my.key"]);
	assert_eq!(status, 2);
	assert_says(&text, &["exists already"]);
	make_readable(&lemma.path("my.key"));
	let (status, text) = lemma.fails(&["keys", "inspect", "my.key"]);
	assert_eq!(status, 2);
	assert_says(&text, &["chmod 600"]);
}

fn make_readable(path: &Path) {
	use std::os::unix::fs::PermissionsExt;
	std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).expect("changed");
}

#[test]
fn the_program_of_a_blob_should_be_told_without_a_node() {
	let lemma = Lemma::new();
	let mut blob = b"lemma-g\x01".to_vec();
	for dimension in [2u32, 3, 2] {
		blob.extend(dimension.to_le_bytes());
	}
	blob.extend([1; 12]);
	std::fs::write(lemma.path("job"), &blob).expect("written");
	let (status, object) = lemma.json(&["program", "id", "job"]);
	assert_eq!(status, 0, "{object}");
	assert_eq!(
		(&object["output_len"], &object["element"]),
		(&16.into(), &"int32".into())
	);
	let (_, known) = lemma.json(&["program", "id"]);
	let ids: Vec<_> = known["programs"]
		.as_array()
		.expect("a list")
		.iter()
		.collect();
	assert!(ids
		.iter()
		.any(|program| program["program"] == object["program"]));

	let register = ["program", "register", "--sample", "job", "--key", "//Bob"];
	let register = [&register[..], &["--description", "job"]].concat();
	for (more, part) in [
		(["--min-len", "20"], "--min-len 20"),
		(["--max-len", "12"], "--max-len 12"),
		(["--multiple-of", "12"], "--multiple-of 12"),
	] {
		let (status, text) = lemma.fails(&[&register[..], &more].concat());
		assert_eq!(status, 2, "nothing is proven: {text}");
		assert_says(&text, &["job", "16 bytes", part]);
	}
	assert_eq!(lemma.fails(&register).0, 3, "only the node is missing");

	std::fs::write(lemma.path("job"), b"something else").expect("written");
	let (status, object) = lemma.json(&["program", "id", "job"]);
	assert_eq!(
		(status, &object["error"]["code"]),
		(2, &Value::from("bad_input"))
	);
}

#[test]
fn evidence_should_be_refused_when_it_is_none_or_no_chain_is_named() {
	let lemma = Lemma::new();
	std::fs::write(lemma.path("e.json"), b"{}").expect("written");
	let genesis = "ab".repeat(32);
	let arguments = ["verify", "--evidence", "e.json", "--genesis", &genesis];
	let (status, text) = lemma.fails(&arguments);
	assert_eq!(status, 2);
	assert_says(&text, &["e.json", "no evidence", "lemma result"]);
	let (status, _) = lemma.fails(&["verify"]);
	assert_eq!(status, 2);
}

#[test]
fn help_should_teach_by_examples() {
	let lemma = Lemma::new();
	let commands = [
		&["--help"][..],
		&["gemm", "--help"],
		&["model", "--help"],
		&["model", "build", "--help"],
		&["model", "show", "--help"],
		&["model", "register", "--help"],
		&["infer", "--help"],
		&["train", "--help"],
		&["render", "--help"],
		&["fractal", "--help"],
		&["fractal", "julia", "--help"],
		&["order", "--help"],
		&["order", "post", "--help"],
		&["result", "--help"],
		&["verify", "--help"],
		&["provider", "--help"],
		&["provider", "register", "--help"],
		&["program", "--help"],
		&["program", "register", "--help"],
		&["store", "--help"],
		&["keys", "--help"],
		&["keys", "new", "--help"],
		&["balance", "--help"],
		&["transfer", "--help"],
	];
	for command in commands {
		let output = lemma.run(command);
		assert!(output.status.success());
		let text = String::from_utf8_lossy(&output.stdout).into_owned();
		assert_says(&text, &["Example", "\n  lemma "]);
	}
}

#[test]
fn train_should_say_in_its_help_that_prices_are_of_each_order() {
	let output = Lemma::new().run(&["train", "--help"]);
	let text = String::from_utf8_lossy(&output.stdout).into_owned();
	let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
	assert_says(
		&text,
		&["Highest price of each order", "Price of each order at"],
	);
}

#[test]
fn what_is_no_regular_file_should_not_be_replaced_by_one() {
	let lemma = Lemma::with_operands();
	let device = ["--out", "/dev/null"];
	let gemm = [
		"gemm",
		"a.npy",
		"b.npy",
		"--max-price",
		"1",
		"--key",
		"//Bob",
	];
	let hash = "ab".repeat(32);
	let get = ["store", "get", &hash, "--store", "blobs"];
	for command in [&gemm[..], &get, &["result", "3"]] {
		let (status, text) = lemma.fails(&[command, &device].concat());
		assert_eq!(status, 2);
		assert_says(&text, &["/dev/null", "no regular file"]);
	}
	let (status, text) = lemma.fails(&["result", "3", "--evidence", "no/such/folder.json"]);
	assert_eq!(status, 2);
	assert_says(&text, &["no/such/folder.json", "cannot be written"]);
}

#[test]
fn output_that_cannot_be_written_should_be_a_failure_unless_the_reader_has_gone() {
	let status = |stdout: std::process::Stdio| {
		Command::new(env!("CARGO_BIN_EXE_lemma"))
			.args(["keys", "inspect", "//Alice"])
			.stdout(stdout)
			.output()
			.expect("lemma runs")
			.status
			.code()
	};
	let full = std::fs::File::create("/dev/full").expect("Linux has it");
	assert_eq!(status(full.into()), Some(1));
	let (reader, writer) = std::io::pipe().expect("a pipe");
	drop(reader);
	assert_eq!(status(writer.into()), Some(0));
}

#[test]
fn a_providers_operators_and_profile_should_not_be_reset_by_what_was_left_out() {
	let lemma = Lemma::new();
	let operators = ["provider", "operators", "--key", "//Bob"];
	let (status, text) = lemma.fails(&operators);
	assert_eq!(status, 2);
	assert_says(&text, &["required", "--none"]);
	let both = [&operators[..], &["--none", "//Alice"]].concat();
	assert_eq!(lemma.fails(&both).0, 2);
	for more in [&["--none"][..], &["//Alice"]] {
		let (status, text) = lemma.fails(&[&operators[..], more].concat());
		assert_eq!(status, 3, "only the node is missing: {text}");
	}
	let update = ["provider", "update", "--key", "//Bob"];
	let (status, text) = lemma.fails(&update);
	assert_eq!(status, 2);
	assert_says(&text, &["--backend", "--endpoint"]);
	for more in [&["--backend", "cpu"][..], &["--all-programs"]] {
		let (status, text) = lemma.fails(&[&update[..], more].concat());
		assert_eq!(status, 3, "only the node is missing: {text}");
	}
}

#[test]
fn lists_of_nothing_should_be_refused() {
	let (status, text) = Lemma::new().fails(&["order", "list", "--limit", "0"]);
	assert_eq!(status, 2);
	assert_says(&text, &["--limit"]);
}

/// A file of the digits.
fn digits(name: &str) -> String {
	format!("{}/../examples/digits/{name}", env!("CARGO_MANIFEST_DIR"))
}

impl Lemma {
	/// A folder with the network of the digits for batches of 1 and 3, as net.lemma, and what was said of it.
	fn with_network() -> (Self, Value) {
		let lemma = Self::new();
		let (status, built) = lemma.json(&[
			"model",
			"build",
			&digits("digits_mlp_float.onnx"),
			"--calibrate",
			&digits("digits_images_i8.npy"),
			"--labels",
			&digits("digits_labels_u8.npy"),
			"--batches",
			"3,1,3",
			"--out",
			"net.lemma",
		]);
		assert_eq!(status, 0, "{built}");
		(lemma, built)
	}

	fn infer(&self, inputs: &str, more: &[&str]) -> (i32, String) {
		let command = [
			"infer",
			"--model",
			"net.lemma",
			inputs,
			"--out",
			"scores.npy",
			"--max-price",
			"1",
			"--key",
			"//Bob",
		];
		self.fails(&[&command, more].concat())
	}
}

#[test]
fn a_network_should_be_built_and_shown_and_its_inputs_known() {
	let (lemma, built) = Lemma::with_network();
	let accuracy = &built["accuracy"];
	let right = |name: &str| accuracy[name].as_u64().expect("a count");
	assert_eq!(accuracy["samples"], 1797);
	assert!(right("float_right") > 1700, "{accuracy}");
	assert!(
		right("quantised_right").abs_diff(right("float_right")) <= 17,
		"within a point: {accuracy}"
	);
	assert_eq!(
		(&built["element"], &built["outputs"]),
		(&"int32".into(), &10.into())
	);
	let programs = built["programs"].as_array().expect("programs");
	let batches: Vec<_> = programs.iter().map(|program| &program["batch"]).collect();
	assert_eq!(batches, [1, 3]);

	let (status, shown) = lemma.json(&["model", "show", "net.lemma"]);
	assert_eq!((status, &shown["programs"]), (0, &built["programs"]));
	assert_eq!(shown["input_scale"], 1.0, "the digits are integers");
	assert_eq!(shown["layers"][0]["node"], "a0");

	let mut blob = b"lemma-i\x01".to_vec();
	blob.extend([3, 0, 0, 0, 64, 0, 0, 0]);
	blob.extend([1; 3 * 64]);
	std::fs::write(lemma.path("job"), &blob).expect("written");
	let (status, known) = lemma.json(&["program", "id", "job", "--bundle", "net.lemma"]);
	assert_eq!(status, 0, "{known}");
	assert_eq!(known["program"], programs[1]["program"]);
	assert_eq!(
		(&known["name"], &known["output_len"]),
		(&"infer b3".into(), &120.into())
	);
	let (status, text) = lemma.fails(&["program", "id", "job"]);
	assert_eq!(status, 2);
	assert_says(&text, &["neural network", "--bundle"]);
	let (status, text) = lemma.fails(&["program", "id", "job", "--bundle", "job"]);
	assert_eq!(status, 2);
	assert_says(&text, &["job", "no bundle"]);
}

#[test]
fn infer_should_say_what_is_wrong_with_its_files() {
	let (lemma, _) = Lemma::with_network();
	let two = [1; 2 * 64];
	lemma.npy("two.npy", "|i1", "(2, 64)", &two);
	lemma.npy("images.npy", "|i1", "(2, 1, 8, 8)", &two);
	lemma.npy("narrow.npy", "|i1", "(2, 63)", &two[..126]);
	lemma.npy("list.npy", "|i1", "(64,)", &two[..64]);
	lemma.npy("none.npy", "|i1", "(0, 64)", &[]);
	lemma.npy("complex.npy", "<c8", "(1, 64)", &[0; 512]);
	lemma.npy("nan.npy", "<f4", "(1, 64)", &[0xff; 256]);
	lemma.npy("labels.npy", "|u1", "(3,)", &[1, 2, 3]);
	lemma.npy("ten.npy", "|u1", "(2,)", &[9, 10]);
	std::fs::write(lemma.path("empty.npy"), b"").expect("written");
	let cases: [(&str, &[&str], &[&str]); 10] = [
		("narrow.npy", &[], &["narrow.npy", "63 values", "takes 64"]),
		("list.npy", &[], &["list.npy", "samples by values"]),
		("none.npy", &[], &["none.npy", "at least one"]),
		("complex.npy", &[], &["complex.npy", "float32"]),
		("nan.npy", &[], &["nan.npy", "finite"]),
		("empty.npy", &[], &["empty.npy", "numpy.save"]),
		("no.npy", &[], &["no.npy", "cannot be read"]),
		(
			"two.npy",
			&["--labels", "labels.npy"],
			&["3 labels", "2 samples"],
		),
		(
			"two.npy",
			&["--labels", "ten.npy"],
			&["ten.npy", "label 10 in row 1", "0 to 9"],
		),
		(
			"two.npy",
			&["--batches", "2"],
			&["batches of 2", "1, 3", "model build"],
		),
	];
	for (inputs, more, parts) in cases {
		let (status, text) = lemma.infer(inputs, more);
		assert_eq!(status, 2, "{text}");
		assert_says(&text, parts);
	}
	for inputs in ["two.npy", "images.npy"] {
		let (status, text) = lemma.infer(inputs, &[]);
		assert_eq!(status, 3, "only the node is missing: {text}");
		assert_says(&text, &[NO_NODE]);
	}
	assert!(!lemma.path("scores.npy").exists());
}

#[test]
fn infer_should_demand_the_notes_of_a_network_where_its_scale_matters() {
	let (lemma, _) = Lemma::with_network();
	lemma.npy("floats.npy", "<f4", "(1, 64)", &[0; 256]);
	lemma.npy("bytes.npy", "|i1", "(1, 64)", &[0; 64]);
	assert_eq!(lemma.infer("floats.npy", &[]).0, 3);

	let notes = lemma.path("net.lemma.json");
	let text = std::fs::read_to_string(&notes).expect("written beside it");
	std::fs::write(
		&notes,
		text.replace("\"bundle\": \"0x", "\"bundle\": \"0x0"),
	)
	.expect("written");
	let (status, text) = lemma.infer("floats.npy", &[]);
	assert_eq!(status, 2);
	assert_says(&text, &["net.lemma.json", "another network"]);

	std::fs::remove_file(&notes).expect("removed");
	let (status, text) = lemma.infer("floats.npy", &[]);
	assert_eq!(status, 2);
	assert_says(
		&text,
		&["floats.npy", "float32", "scale", "astype(numpy.int8)"],
	);
	assert_eq!(lemma.infer("bytes.npy", &[]).0, 3, "int8 is taken as it is");
}

#[test]
fn a_file_should_be_refused_when_it_is_no_network() {
	let lemma = Lemma::with_operands();
	std::fs::write(lemma.path("net.lemma"), b"lemma-b\x01 and more").expect("written");
	for file in ["a.npy", "net.lemma", "no.lemma"] {
		let (status, text) = lemma.fails(&["model", "show", file]);
		assert_eq!(status, 2);
		assert_says(&text, &[file]);
	}
	let (status, text) = lemma.fails(&[
		"model",
		"build",
		"a.npy",
		"--calibrate",
		"a.npy",
		"--out",
		"x.lemma",
	]);
	assert_eq!(status, 2);
	assert_says(&text, &["a.npy", "no ONNX model"]);
	let onnx = digits("digits_mlp_float.onnx");
	let build = ["model", "build", &onnx, "--out", "x.lemma", "--calibrate"];
	let (status, text) = lemma.fails(&[&build[..], &["a.npy"]].concat());
	assert_eq!(status, 2, "{text}");
	let images = digits("digits_images_i8.npy");
	let (status, text) = lemma.fails(&[&build[..], &[&images, "--batches", "0"]].concat());
	assert_eq!(status, 2);
	assert_says(&text, &["--batches", "from 1 to 1024"]);
	assert!(!lemma.path("x.lemma").exists());
}

/// A scene that can be rendered.
const SCENE: &str = "[camera]\nposition = [0, 2, 8]\nlook_at = [0, 1, 0]\n[[sphere]]\ncentre = [0, 1, 0]\nradius = 1\n\
	colour = \"#d04a30\"\n[[light]]\nposition = [3, 5, 4]\nstrength = 6\n";

#[test]
fn render_should_name_the_file_and_the_key_when_a_scene_is_wrong() {
	let lemma = Lemma::new();
	let render = ["render", "scene.toml", "--out", "image.png", "--preview"];
	let (status, text) = lemma.fails(&render);
	assert_eq!(status, 2);
	assert_says(&text, &["scene.toml", "cannot be read"]);
	std::fs::write(lemma.path("scene.toml"), SCENE.replace("radius", "radios")).expect("written");
	let (status, text) = lemma.fails(&render);
	assert_eq!(status, 2);
	assert_says(&text, &["scene.toml", "`radius` of sphere 1", "missing"]);
	let (status, object) = lemma.json(&render);
	assert_eq!(
		(status, &object["error"]["code"]),
		(2, &Value::from("bad_scene"))
	);
	std::fs::write(lemma.path("scene.toml"), SCENE).expect("written");
	let mistakes: [(&[&str], &[&str]); 4] = [
		(
			&["--size", "big", "--out", "image.png"],
			&["big", "256x256"],
		),
		(
			&["--size", "4097x1", "--tile", "16", "--out", "image.png"],
			&["4097x1", "4096x4096"],
		),
		(
			&["--tile", "20", "--out", "image.png"],
			&["side 20", "16 or 32 or 64"],
		),
		(
			&["--out", "no/such/image.png"],
			&["no/such/image.png", "cannot be written"],
		),
	];
	for (more, parts) in mistakes {
		let (status, text) = lemma.fails(&[&render[..2], more, &render[4..]].concat());
		assert_eq!(status, 2, "{text}");
		assert_says(&text, parts);
	}
	assert!(!lemma.path("image.png").exists());
}

#[test]
fn render_should_need_a_price_or_be_a_preview() {
	let lemma = Lemma::new();
	std::fs::write(lemma.path("scene.toml"), SCENE).expect("written");
	let render = [
		"render",
		"scene.toml",
		"--size",
		"40x30",
		"--out",
		"image.png",
	];
	let (status, text) = lemma.fails(&render);
	assert_eq!(status, 2);
	assert_says(&text, &["--max-price"]);
	let (status, text) =
		lemma.fails(&[&render[..], &["--max-price", "2", "--key", "//Alice"]].concat());
	assert_eq!(status, 3);
	assert_says(&text, &[NO_NODE, "--node"]);

	let (status, object) = lemma.json(&[&render[..], &["--preview"]].concat());
	assert_eq!(status, 0, "{object}");
	assert_eq!(
		(&object["width"], &object["height"], &object["tiles"]),
		(&40.into(), &30.into(), &1.into())
	);
	assert_eq!(
		(&object["preview"], &object["verified"]),
		(&true.into(), &false.into())
	);
	let image = std::fs::read(lemma.path("image.png")).expect("written");
	assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn fractal_should_say_what_can_be_shown() {
	let lemma = Lemma::new();
	let says = |more: &[&str], parts: &[&str]| {
		let arguments = ["fractal", "mandelbrot", "--out", "image.png", "--preview"];
		let (status, text) = lemma.fails(&[&arguments[..], more].concat());
		assert_eq!(status, 2, "{text}");
		assert_says(&text, parts);
	};
	says(&["--iterations", "100"], &["100", "35 or 75 or 255"]);
	says(&["--centre", "1"], &["`1`", "real and the imaginary"]);
	says(&["--centre", "1.5,0"], &["bounded by 2", "--centre"]);
	says(&["--width", "0"], &["--width 0"]);
	says(&["--size", "100x64"], &["100x64", "128x64"]);
	for more in [&["mandelbrot"][..], &["julia", "--constant", "-0.4,0.6"]] {
		let rest = [
			"--size",
			"64x64",
			"--width",
			"2.5",
			"--out",
			"image.png",
			"--preview",
		];
		let (status, object) = lemma.json(&[&["fractal"][..], more, &rest].concat());
		assert_eq!(status, 0, "{object}");
		assert_eq!(object["tiles"], 4);
	}
}

impl Lemma {
	/// A folder with 40 samples for the digits' network, of ten classes.
	fn with_samples() -> Self {
		let lemma = Self::new();
		lemma.npy("x.npy", "|i1", "(40, 64)", &[7; 40 * 64]);
		let labels: Vec<u8> = (0..40).map(|row| row % 10).collect();
		lemma.npy("y.npy", "|u1", "(40,)", &labels);
		lemma
	}

	/// Runs a training that must fail, with these files in the place of the right ones.
	fn train(&self, more: &[&str]) -> (i32, String) {
		let mut arguments = vec![
			"train",
			"--out",
			"w.npy",
			"--max-price",
			"1",
			"--key",
			"//Bob",
		];
		for (name, right) in [
			("--features", "x.npy"),
			("--labels", "y.npy"),
			("--widths", "64,32,10"),
			("--steps", "12"),
		] {
			if !more.contains(&name) {
				arguments.extend([name, right]);
			}
		}
		arguments.extend(more);
		self.fails(&arguments)
	}
}

#[test]
fn train_should_ask_for_a_node_once_everything_else_is_right() {
	let lemma = Lemma::with_samples();
	let (status, text) = lemma.train(&[]);
	assert_eq!(status, 3, "{text}");
	assert_says(&text, &[NO_NODE]);
	let held_out = ["--test-features", "x.npy", "--test-labels", "y.npy"];
	assert_eq!(lemma.train(&held_out).0, 3);
	assert!(!lemma.path("w.npy").exists());
	assert!(!lemma.path("w.npy.receipts.json").exists());
}

#[test]
fn what_a_command_reads_should_not_be_replaced_by_what_it_writes() {
	let lemma = Lemma::with_samples();
	lemma.npy("a.npy", "|i1", "(2, 3)", &[1, 2, 3, 4, 5, 6]);
	lemma.npy("b.npy", "|i1", "(3, 2)", &[1, 0, 0, 1, 1, 1]);
	lemma.npy("w0.npy", "<i4", "(2410,)", &[0; 9640]);
	std::fs::write(lemma.path("s.toml"), SCENE).expect("written");
	let train = [
		"train",
		"--features",
		"x.npy",
		"--labels",
		"y.npy",
		"--widths",
		"64,32,10",
		"--steps",
		"1",
		"--weights",
		"w0.npy",
		"--max-price",
		"1",
	];
	let build = ["model", "build", "net.onnx", "--calibrate", "x.npy"];
	let gemm = ["gemm", "a.npy", "b.npy", "--max-price", "1"];
	let render = ["render", "s.toml", "--preview"];
	std::fs::write(lemma.path("net.onnx"), b"a network").expect("written");
	for (command, out) in [
		(&gemm[..], "./b.npy"),
		(&render, "s.toml"),
		(&build, "net.onnx"),
		(&build, "x.npy"),
		(&train, "w0.npy"),
		(&train, "./x.npy"),
	] {
		let before = std::fs::read(lemma.path(out)).expect("there");
		let (status, text) = lemma.fails(&[command, &["--out", out]].concat());
		assert_eq!(status, 2, "{text}");
		assert_says(&text, &[out, "would replace", "name another"]);
		assert_eq!(std::fs::read(lemma.path(out)).expect("there"), before);
	}
	let chain = ["--out", "w.npy", "--chain", "./w.npy"];
	let (status, text) = lemma.fails(&[&train[..], &chain].concat());
	assert_eq!(status, 2);
	assert_says(&text, &["--out and --chain"]);
}

#[test]
fn train_should_name_what_does_not_match() {
	let lemma = Lemma::with_samples();
	lemma.npy("narrow.npy", "|i1", "(40, 63)", &[7; 40 * 63]);
	lemma.npy("short.npy", "|u1", "(39,)", &[1; 39]);
	lemma.npy("w0.npy", "<i4", "(5,)", &[0; 20]);
	for (more, parts) in [
		(
			&["--features", "narrow.npy"][..],
			&["40 x 63", "63 features", "64-32-10"][..],
		),
		(&["--labels", "short.npy"], &["40 samples", "39 labels"]),
		(&["--weights", "w0.npy"], &["5 weights", "2410"]),
		(&["--rates", "2,1,1"], &["3 rates", "2 layers"]),
		(
			&["--test-features", "narrow.npy", "--test-labels", "y.npy"],
			&["narrow.npy", "63 features"],
		),
	] {
		let (status, text) = lemma.train(more);
		assert_eq!(status, 2, "{text}");
		assert_says(&text, parts);
	}
}

#[test]
fn train_should_say_how_to_convert_when_the_elements_are_of_another_type() {
	let lemma = Lemma::with_samples();
	lemma.npy("float.npy", "<f8", "(40, 64)", &[0; 40 * 64 * 8]);
	lemma.npy("long.npy", "<i8", "(40,)", &[0; 40 * 8]);
	let (status, text) = lemma.train(&["--features", "float.npy"]);
	assert_eq!(status, 2);
	assert_says(&text, &["float.npy", "float64", "int8", "astype"]);
	let (status, text) = lemma.train(&["--labels", "long.npy"]);
	assert_eq!(status, 2);
	assert_says(&text, &["long.npy", "int64", "uint8", "astype"]);
	lemma.npy("table.npy", "|u1", "(20, 2)", &[0; 40]);
	assert_says(
		&lemma.train(&["--labels", "table.npy"]).1,
		&["(20, 2)", "vector"],
	);
}

#[test]
fn train_should_refuse_labels_out_of_range_and_too_few_samples() {
	let lemma = Lemma::with_samples();
	let labels: Vec<u8> = (0..40).map(|row| row % 11).collect();
	lemma.npy("eleven.npy", "|u1", "(40,)", &labels);
	let (status, text) = lemma.train(&["--labels", "eleven.npy"]);
	assert_eq!(status, 2);
	assert_says(&text, &["eleven.npy", "label 10 in row 10", "0 to 9"]);
	lemma.npy("few.npy", "|i1", "(31, 64)", &[7; 31 * 64]);
	lemma.npy("fewer.npy", "|u1", "(31,)", &[1; 31]);
	let (status, text) = lemma.train(&["--features", "few.npy", "--labels", "fewer.npy"]);
	assert_eq!(status, 2);
	assert_says(&text, &["few.npy", "31 samples", "32"]);
}

#[test]
fn train_should_say_which_networks_and_rates_there_are() {
	let lemma = Lemma::with_samples();
	let (status, text) = lemma.train(&["--widths", "64,16,10"]);
	assert_eq!(status, 2);
	assert_says(&text, &["64,16,10", "64,32,10"]);
	let (status, text) = lemma.train(&["--rates", "1000,1"]);
	assert_eq!(status, 2);
	assert_says(&text, &["rate 1000", "2^28"]);
	let (status, text) = lemma.train(&["--seed", "0xab"]);
	assert_eq!(status, 2);
	assert_says(&text, &["0xab", "64 hex digits"]);
	assert_eq!(lemma.train(&["--steps", "0"]).0, 2);
}

#[test]
fn a_chain_of_receipts_should_be_refused_when_it_is_none() {
	let lemma = Lemma::with_samples();
	std::fs::write(lemma.path("c.json"), b"{}").expect("written");
	let verify = ["verify", "--training", "c.json"];
	let (status, text) = lemma.fails(&verify);
	assert_eq!(status, 2);
	assert_says(&text, &["--features", "--labels"]);
	let data = ["--features", "x.npy", "--labels", "y.npy"];
	let (status, text) = lemma.fails(&[&verify[..], &data].concat());
	assert_eq!(status, 2);
	assert_says(&text, &["c.json", "no chain of receipts", "lemma train"]);
	let samples = ["--samples", "net.lemma", "x.npy"];
	for more in [
		&samples[..],
		&["--bundle", "net.lemma"],
		&["--executable", "program"],
	] {
		let (status, text) = lemma.fails(&[&verify[..], &data, more].concat());
		assert_eq!(status, 2);
		assert_says(&text, &["cannot be used with", more[0]]);
	}
	let held_out = [
		"verify",
		"3",
		"--test-features",
		"x.npy",
		"--test-labels",
		"y.npy",
	];
	let (status, text) = lemma.fails(&held_out);
	assert_eq!(status, 2);
	assert_says(&text, &["--training"]);
}
