//! Wrapping: from a program's circuit to a proof of the one fixed shape.
//!
//! The outer circuit verifies any circuit W of one [`CommonCircuitData`], whatever its key, and the hash of W's key
//! says which program was proven. A program's circuit P that has no other gates than that shape and fits into its
//! rows is filled up and *is* W. Any other P is wrapped: W verifies P with P's key built in and exposes P's
//! public inputs; a large P is shrunk first.

use std::sync::OnceLock;

use lemma_zk_statement::{hash_to_bytes, OutputElement, Statement};
use plonky2::{
	field::types::Field,
	gates::{
		arithmetic_base::ArithmeticGate, arithmetic_extension::ArithmeticExtensionGate,
		base_sum::BaseSumGate, constant::ConstantGate, gate::GateRef,
		multiplication_extension::MulExtensionGate, noop::NoopGate, poseidon::PoseidonGate,
		poseidon_mds::PoseidonMdsGate, public_input::PublicInputGate,
		random_access::RandomAccessGate, reducing::ReducingGate,
		reducing_extension::ReducingExtensionGate,
	},
	hash::poseidon::PoseidonHash,
	iop::witness::{PartialWitness, WitnessWrite},
	plonk::{
		circuit_data::{CircuitConfig, CommonCircuitData, VerifierOnlyCircuitData},
		config::Hasher,
		proof::ProofWithPublicInputsTarget,
	},
};

use crate::{
	circuit::Circuit,
	constraint::{constrained, holds},
	program::{ProgramId, ProveError},
	security,
	targets::{StatementTargets, PROGRAM_PUBLIC_INPUTS},
	Builder, CircuitData, Proof, C, D, F,
};

#[cfg(test)]
mod tests;

/// First element of what a program's id is the hash of.
pub const PROGRAM_TAG: u64 = u64::from_le_bytes(*b"lemma-p\0");

/// Rows of W, log2.
const WRAP_ROWS_LOG2: usize = 12;
/// A larger circuit is shrunk first: W has no room for more of its FRI proof's Merkle paths.
const MAX_WRAPPED_ROWS_LOG2: usize = 13;

/// The shape of every W.
pub fn shape() -> &'static CommonCircuitData<F, D> {
	static SHAPE: OnceLock<CommonCircuitData<F, D>> = OnceLock::new();
	SHAPE.get_or_init(|| {
		// Any circuit with enough rows for FRI to fold them shows which gates verifying takes.
		let mut builder = Builder::new(security::inner_config());
		StatementTargets::add(&mut builder, OutputElement::I32);
		add_rows(&mut builder, 1 << 6);
		let any = builder.build_with_options::<C>(false).common;

		let mut builder = Builder::new(security::inner_config());
		let proof = builder.add_virtual_proof_with_pis(&any);
		let key = builder.add_virtual_verifier_data(any.config.fri_config.cap_height);
		builder.verify_proof::<C>(&proof, &key, &any);
		builder.register_public_inputs(&proof.public_inputs);
		for gate in plain_gates(&builder.config) {
			builder.add_gate_to_gate_set(gate);
		}
		pad(&mut builder);
		builder.build_with_options::<C>(false).common
	})
}

/// The id of a program: the Poseidon hash of a tag and the key of the circuit of the fixed shape, W: its constants-and-sigmas
/// cap and its circuit digest. As the shape is fixed, these two are all that tells one W from another.
pub fn program_id(key: &VerifierOnlyCircuitData<C, D>) -> ProgramId {
	let elements: Vec<F> = [F::from_canonical_u64(PROGRAM_TAG)]
		.into_iter()
		.chain(
			key.constants_sigmas_cap
				.0
				.iter()
				.flat_map(|hash| hash.elements),
		)
		.chain(key.circuit_digest.elements)
		.collect();
	hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements)
}

/// A circuit that verifies one other and exposes its public inputs.
pub struct Recursion {
	/// The circuit.
	pub data: CircuitData,
	proof: ProofWithPublicInputsTarget<D>,
}

impl Recursion {
	/// A circuit of as many rows as it takes.
	fn shrinking(inner: &CircuitData) -> Self {
		let (builder, proof) = Self::verifying(inner);
		Self {
			data: builder.build::<C>(),
			proof,
		}
	}

	/// A circuit of the fixed shape; `None` if verifying takes more rows than it has.
	fn wrapping(inner: &CircuitData) -> Option<Self> {
		if inner.common.degree_bits() > MAX_WRAPPED_ROWS_LOG2 {
			return None;
		}
		let (mut builder, proof) = Self::verifying(inner);
		let (rows, room) = (builder.num_gates(), shape().degree());
		log::debug!(
			"to verify 2^{} rows with {} constants each takes {rows} rows; a wrap has {room}",
			inner.common.degree_bits(),
			inner.common.num_constants,
		);
		if rows >= room {
			return None;
		}
		to_shape(&mut builder);
		let data = builder.build::<C>();
		(data.common == *shape()).then_some(Self { data, proof })
	}

	fn verifying(inner: &CircuitData) -> (Builder, ProofWithPublicInputsTarget<D>) {
		let mut builder = Builder::new(security::inner_config());
		let proof = builder.add_virtual_proof_with_pis(&inner.common);
		let key = builder.constant_verifier_data(&inner.verifier_only);
		let key = constrained(&mut builder, "wrap: the key is the program's", key);
		if holds("wrap: the program's proof is verified") {
			builder.verify_proof::<C>(&proof, &key, &inner.common);
		}
		let public = proof.public_inputs.clone();
		let public = constrained(
			&mut builder,
			"wrap: the program's public inputs are public",
			public,
		);
		builder.register_public_inputs(&public);
		(builder, proof)
	}

	/// Proves that `inner` verifies.
	pub fn prove(&self, inner: &Proof) -> Result<Proof, ProveError> {
		let mut witness = PartialWitness::new();
		witness
			.set_proof_with_pis_target(&self.proof, inner)
			.map_err(failed)?;
		self.data.prove(witness).map_err(failed)
	}
}

/// A program's circuit with everything up to W.
pub struct Wrapped<T> {
	/// The program's own circuit, P.
	pub program: CircuitData,
	statement: StatementTargets,
	targets: T,
	/// What makes P's proof small enough to wrap; none for most programs.
	pub shrinking: Vec<Recursion>,
	/// W; none if P has the fixed shape itself.
	pub wrap: Option<Recursion>,
}

impl<T> Wrapped<T> {
	/// Builds a program's circuit, what shrinks it, and its wrap.
	///
	/// # Panics
	///
	/// If the circuit adds public inputs, or is such that its wrap cannot have the fixed shape. Both are
	/// faults of the circuit's code and show whenever it is built.
	pub fn build(circuit: &impl Circuit<Targets = T>) -> Self {
		if let Some(fitting) = Self::build_in_shape(circuit) {
			return fitting;
		}
		let (builder, statement, targets) = Self::plain(circuit);
		let program = builder.build::<C>();
		assert_eq!(program.common.num_public_inputs, PROGRAM_PUBLIC_INPUTS);

		let mut shrinking: Vec<Recursion> = Vec::new();
		let wrap = loop {
			let last = shrinking
				.last()
				.map_or(&program, |recursion| &recursion.data);
			if let Some(wrap) = Recursion::wrapping(last) {
				break wrap;
			}
			// What verifies a program with gates of its own may have more rows than the program, but only plain gates.
			let next = Recursion::shrinking(last);
			assert!(
				shrinking.is_empty() || next.data.common.degree_bits() < last.common.degree_bits(),
				"shrinking must make it smaller"
			);
			shrinking.push(next);
		};
		Self {
			program,
			statement,
			targets,
			shrinking,
			wrap: Some(wrap),
		}
	}

	pub(crate) fn plain(circuit: &impl Circuit<Targets = T>) -> (Builder, StatementTargets, T) {
		let mut builder = Builder::new(circuit.config());
		let statement = StatementTargets::add(&mut builder, circuit.element());
		let targets = circuit.build(&mut builder, &statement);
		(builder, statement, targets)
	}

	/// The circuit in the fixed shape, if it fits.
	fn build_in_shape(circuit: &impl Circuit<Targets = T>) -> Option<Self> {
		if circuit.config() != shape().config {
			return None;
		}
		let (mut builder, statement, targets) = Self::plain(circuit);
		if builder.num_gates() >= shape().degree() {
			return None;
		}
		to_shape(&mut builder);
		let program = builder.build::<C>();
		(program.common == *shape()).then_some(Self {
			program,
			statement,
			targets,
			shrinking: Vec::new(),
			wrap: None,
		})
	}

	/// The circuit of the fixed shape, whose proof the outer circuit verifies.
	pub fn shaped(&self) -> &CircuitData {
		self.wrap.as_ref().map_or(&self.program, |wrap| &wrap.data)
	}

	/// The program's id.
	pub fn id(&self) -> ProgramId {
		program_id(&self.shaped().verifier_only)
	}

	/// Rows of all circuits together: by it the prover's cache is bounded.
	pub fn rows(&self) -> usize {
		let recursions = self.shrinking.iter().chain(&self.wrap);
		self.program.common.degree()
			+ recursions
				.map(|recursion| recursion.data.common.degree())
				.sum::<usize>()
	}

	/// The witness of the program's circuit for `statement`; `set` sets what is not the statement's.
	pub fn witness(
		&self,
		statement: &Statement,
		set: impl FnOnce(&T, &mut PartialWitness<F>) -> Result<(), ProveError>,
	) -> Result<PartialWitness<F>, ProveError> {
		let mut witness = PartialWitness::new();
		self.statement.set(&mut witness, statement)?;
		set(&self.targets, &mut witness)?;
		Ok(witness)
	}

	/// The program's own proof.
	pub fn prove_program(&self, witness: PartialWitness<F>) -> Result<Proof, ProveError> {
		self.program.prove(witness).map_err(failed)
	}
}

fn failed(error: anyhow::Error) -> ProveError {
	ProveError::Prover(error.to_string())
}

/// Gives the circuit all gates of the fixed shape, and its rows if it has not more.
fn to_shape(builder: &mut Builder) {
	for gate in &shape().gates {
		builder.add_gate_to_gate_set(gate.clone());
	}
	pad(builder);
}

/// Fills the circuit up to just over half of W's rows, so that it will have all of them: the build adds some
/// for constants and public inputs and rounds up to a power of two.
fn pad(builder: &mut Builder) {
	add_rows(builder, (1 << (WRAP_ROWS_LOG2 - 1)) + 1);
}

fn add_rows(builder: &mut Builder, rows: usize) {
	while builder.num_gates() < rows {
		builder.add_gate(NoopGate, vec![]);
	}
}

/// The gates that verifying a proof may take, but for the one that interpolates on cosets, which only
/// plonky2 can make.
fn plain_gates(config: &CircuitConfig) -> Vec<GateRef<F, D>> {
	let (wires, routed) = (config.num_wires, config.num_routed_wires);
	vec![
		GateRef::new(NoopGate),
		GateRef::new(ConstantGate::new(config.num_constants)),
		GateRef::new(PoseidonMdsGate::new()),
		GateRef::new(PoseidonGate::new()),
		GateRef::new(PublicInputGate),
		GateRef::new(BaseSumGate::<2>::new_from_config::<F>(config)),
		GateRef::new(ReducingExtensionGate::new(
			ReducingExtensionGate::<D>::max_coeffs_len(wires, routed),
		)),
		GateRef::new(ReducingGate::new(ReducingGate::<D>::max_coeffs_len(
			wires, routed,
		))),
		GateRef::new(ArithmeticExtensionGate::new_from_config(config)),
		GateRef::new(ArithmeticGate::new_from_config(config)),
		GateRef::new(MulExtensionGate::new_from_config(config)),
		GateRef::new(RandomAccessGate::new_from_config(
			config,
			config.fri_config.cap_height,
		)),
	]
}
