//! The program of these tests: of two bytes it gives the sum and the product, as i32.

use std::sync::OnceLock;

use lemma_zk_circuits::{
	circuit::Circuit,
	program::{ProgramId, ProveError, Proved},
	targets::StatementTargets,
	Builder, Prover, F,
};
use lemma_zk_statement::{
	binding, blake2_256, sponge_commitment, OutputElement, Statement, SPONGE_TAG,
};
use plonky2::{
	field::types::Field,
	gates::noop::NoopGate,
	hash::poseidon::PoseidonHash,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
};

/// The program's circuit, made larger than it need be.
#[derive(Clone, Copy)]
pub struct Sum {
	pub rows_log2: usize,
}

impl Circuit for Sum {
	type Targets = [Target; 2];

	fn name(&self) -> String {
		format!("sum/{}", self.rows_log2)
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn build(&self, builder: &mut Builder, statement: &StatementTargets) -> [Target; 2] {
		let [a, b] = builder.add_virtual_target_arr();
		// So that those that are filled up to one size are programs of their own.
		builder.mul_const(F::from_canonical_usize(self.rows_log2), a);
		builder.range_check(a, 8);
		builder.range_check(b, 8);
		let packed = builder.mul_const_add(F::from_canonical_u64(256), b, a);
		let header = [SPONGE_TAG, 2].map(|n| builder.constant(F::from_canonical_u64(n)));
		let input =
			builder.hash_n_to_hash_no_pad::<PoseidonHash>(vec![header[0], header[1], packed]);
		builder.connect_hashes(input, statement.input_hash());

		let sum = builder.add(a, b);
		let product = builder.mul(a, b);
		let sum = builder.convert_to_ext(sum);
		let product = builder.convert_to_ext(product);
		let v = builder.mul_add_extension(product, statement.y_extension(), sum);
		builder.connect_extension(v, statement.v_extension());

		while builder.num_gates() < (1 << (self.rows_log2 - 1)) + 1 {
			builder.add_gate(NoopGate, vec![]);
		}
		[a, b]
	}
}

/// The prover that all tests share.
pub fn prover() -> &'static Prover {
	static PROVER: OnceLock<Prover> = OnceLock::new();
	PROVER.get_or_init(Prover::new)
}

pub const A: u8 = 200;
pub const B: u8 = 177;

/// The binding of the order and the provider that these tests are about.
pub fn honest_binding() -> [u8; 32] {
	binding(&[7; 32], 42, &[9; 32])
}

pub fn output(sum: i32, product: i32) -> Vec<u8> {
	[sum, product]
		.iter()
		.flat_map(|number| number.to_le_bytes())
		.collect()
}

pub fn honest_output() -> Vec<u8> {
	output(i32::from(A) + i32::from(B), i32::from(A) * i32::from(B))
}

/// The statement that the program gives `output`, for input `A`, `B`.
pub fn statement(program: ProgramId, binding: [u8; 32], output: &[u8]) -> Statement {
	Statement::of_result(
		program,
		binding,
		sponge_commitment(&[A, B]),
		OutputElement::I32,
		output,
		blake2_256,
	)
	.unwrap()
}

/// Sets the program's own wires.
pub fn set(targets: &[Target; 2], witness: &mut PartialWitness<F>) -> Result<(), ProveError> {
	witness
		.set_target_arr(targets, &[A, B].map(F::from_canonical_u8))
		.map_err(|error| ProveError::Prover(error.to_string()))
}

pub fn prove(circuit: Sum, statement: &Statement) -> Result<Proved, ProveError> {
	prover().prove(&circuit, statement, set, &|_| ())
}

/// The small circuit and its id.
pub fn small() -> (Sum, ProgramId) {
	let circuit = Sum { rows_log2: 6 };
	(circuit, prover().circuit(&circuit).id())
}

/// One honest proof for all tests.
pub fn honest() -> &'static (Statement, Vec<u8>) {
	static HONEST: OnceLock<(Statement, Vec<u8>)> = OnceLock::new();
	HONEST.get_or_init(|| {
		let (circuit, id) = small();
		let statement = statement(id, honest_binding(), &honest_output());
		let proved = prove(circuit, &statement).expect("an honest result has a proof");
		(statement, proved.proof)
	})
}
