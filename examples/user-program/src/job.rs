//! The program and its jobs, as workers and clients see them.

use lemma_zk_circuits::{
	circuit::AnyCircuit,
	program::{
		Argument, Class, InputError, Job, Kernel, Own, Program, ProgramId, ProveError, Proved,
		Stage, Work,
	},
	Prover,
};
use lemma_zk_statement::{sponge_commitment, OutputElement};

use crate::{
	circuit::AlignmentCircuit,
	pair::{Pair, BASES},
};

/// The program's id: the hash of its circuit's key. Whoever changes the circuit gets another, which a test tells.
pub const ID: ProgramId = [
	0xa4, 0xc3, 0xe3, 0x3b, 0xf7, 0x1c, 0x8b, 0x3c, 0xea, 0x7c, 0xa8, 0x8e, 0x10, 0xb3, 0x07, 0x6c,
	0xb9, 0x11, 0x9f, 0x56, 0x13, 0xf2, 0x6e, 0x8f, 0xe8, 0x63, 0xa4, 0x72, 0xcf, 0xa8, 0xaa, 0x94,
];

/// The program.
pub struct Alignment;

impl Program for Alignment {
	fn name(&self) -> &'static str {
		"alignment"
	}

	fn classes(&self) -> Vec<Class> {
		vec![Class {
			name: "b64".into(),
			id: ID,
			element: OutputElement::U8,
		}]
	}

	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		vec![Box::new(AlignmentCircuit)]
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		Ok(Box::new(AlignmentJob(
			Pair::decode(blob).map_err(InputError)?,
		)))
	}
}

/// One pair.
#[derive(Debug)]
pub struct AlignmentJob(pub Pair);

impl Own for AlignmentJob {
	fn reference(&self) -> Vec<u8> {
		self.0.distances()
	}

	fn kernel(&self) -> Option<Kernel> {
		Some(Kernel {
			source: include_str!("../kernel.cu").into(),
			name: "alignment".into(),
			grid: [1, 1, 1],
			block: [BASES as u32, 1, 1],
			arguments: vec![
				Argument::Input(self.0.pattern.to_vec()),
				Argument::Input(self.0.text.to_vec()),
				Argument::Output(BASES as u64),
			],
		})
	}
}

impl Job for AlignmentJob {
	fn program(&self) -> ProgramId {
		ID
	}

	fn shape(&self) -> String {
		format!("{BASES}x{BASES}")
	}

	fn element(&self) -> OutputElement {
		OutputElement::U8
	}

	fn output_len(&self) -> usize {
		BASES
	}

	/// The circuit has the shape that needs no wrap: its 2^12 rows, the outer circuit's, and the process.
	fn memory_estimate(&self) -> u64 {
		700 << 20
	}

	/// As a product of 256x256x256, which is such a circuit and an outer proof too.
	fn cost_estimate(&self) -> f64 {
		1.0
	}

	fn commitment(&self) -> [u8; 32] {
		sponge_commitment(&self.0.committed())
	}

	fn work(&self) -> Work<'_> {
		Work::Own(self)
	}

	fn prove(
		&self,
		prover: &Prover,
		output: &[u8],
		binding: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		// Cheaper than to find out by a proof that fails.
		if output != self.0.distances() {
			return Err(ProveError::WrongOutput(
				"these are not the pair's distances".into(),
			));
		}
		let statement = self.statement(output, binding)?;
		prover.prove(
			&AlignmentCircuit,
			&statement,
			|targets, witness| targets.set(witness, &self.0),
			progress,
		)
	}
}
