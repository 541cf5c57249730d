//! Classes and their parameters.

use std::collections::HashSet;

use super::*;
use crate::{
	circuit::Circuit,
	programs::gemm::class::{MAX_INNER, MAX_OUTER},
	targets::StatementTargets,
	wrap::shape,
	Builder,
};

#[test]
fn of_shape_should_choose_the_smallest_class_with_room() {
	let name = |m, k, n| Class::of_shape(m, k, n).map(|class| class.name());
	assert_eq!(name(1, 1, 1).as_deref(), Some("k64-d8"));
	assert_eq!(name(256, 64, 256).as_deref(), Some("k64-d8"));
	assert_eq!(name(257, 64, 1).as_deref(), Some("k64-d9"));
	assert_eq!(name(1, 65, 257).as_deref(), Some("k128-d9"));
	assert_eq!(name(4097, 1000, 1).as_deref(), Some("k1024-d14"));
	assert_eq!(
		name(MAX_OUTER, MAX_INNER, MAX_OUTER).as_deref(),
		Some("k4096-d16")
	);
	assert_eq!(name(MAX_OUTER + 1, 1, 1), None);
	assert_eq!(name(1, MAX_INNER + 1, 1), None);
	assert_eq!(name(1, 1, MAX_OUTER + 1), None);
}

#[test]
fn all_should_be_49_classes_of_different_names() {
	let names: HashSet<String> = Class::all().map(|class| class.name()).collect();
	assert_eq!(names.len(), 49);
}

#[test]
fn every_class_should_be_worth_100_bits_by_the_conjecture_and_58_at_the_johnson_bound() {
	for class in Class::all() {
		let config = class.fri_config();
		let (queries, work) = (config.num_query_rounds, config.proof_of_work_bits as usize);
		assert_eq!(queries * config.rate_bits + work, 100);
		assert_eq!(queries * config.rate_bits / 2 + work, 58);
		let params = class.fri_params();
		assert_eq!(params.config.num_query_rounds, queries);
		assert_eq!(params.config.rate_bits, config.rate_bits);
		assert_eq!(params.degree_bits, class.family().bundle_degree_log());
		// The domain is a subgroup's coset: the field has them up to 2^32.
		assert!(params.lde_bits() <= 32);
	}
}

/// Every inner dimension with the smallest outer one, and every outer with the smallest inner one. All classes:
/// `lemma-zk-circuits keys --check`.
#[test]
fn circuits_should_have_the_rows_that_the_table_says() {
	for class in Class::all().filter(|class| class.inner_log == 6 || class.outer_log == 8) {
		let circuit = GemmCircuit(class);
		let mut builder = Builder::new(circuit.config());
		let statement = StatementTargets::add(&mut builder, circuit.element());
		circuit.build(&mut builder, &statement);
		// Smaller circuits are filled up to the fixed shape. Constants and the public inputs' hash come on top, less than 1
		// percent of the rows.
		let rows = builder.num_gates();
		assert_eq!(
			rows.next_power_of_two().max(shape().degree()),
			1 << class.rows_log2(),
			"{}: {rows}",
			class.name()
		);
	}
	assert_eq!(circuit().program.common.degree_bits(), CLASS.rows_log2());
}

#[test]
fn estimates_should_grow_with_the_class_and_be_of_the_measured_size() {
	let estimate = |inner_log, outer_log| {
		let class = Class {
			inner_log,
			outer_log,
		};
		(class.memory_estimate(), class.cost_estimate())
	};
	for inner_log in 6..12 {
		for outer_log in [8, 9, 10, 11, 12, 14, 16] {
			let (memory, cost) = estimate(inner_log, outer_log);
			let (more_memory, more_cost) = estimate(inner_log + 1, outer_log);
			assert!(
				more_memory > memory && more_cost > cost,
				"{inner_log} {outer_log}"
			);
		}
	}
	let (memory, cost) = estimate(8, 8);
	assert!(memory < 1_500_000_000 && (0.95..1.05).contains(&cost));
	assert!(estimate(10, 10).0 < 2_000_000_000);
	// No worker of today's size should take it.
	assert!(estimate(12, 16).0 > 20_000_000_000);
}
