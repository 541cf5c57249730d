//! Points, and what they make of vectors: powers of a random element tell a few values by which a matrix can be told from any
//! other. That is how the circuit checks products of matrices that it never computes.

use plonky2::{field::types::Field, iop::ext_target::ExtensionTarget};

use crate::{Builder, D, F};

/// The sum of products of two vectors.
pub fn inner_product(
	builder: &mut Builder,
	one: &[ExtensionTarget<D>],
	other: &[ExtensionTarget<D>],
) -> ExtensionTarget<D> {
	assert_eq!(one.len(), other.len());
	let zero = builder.zero_extension();
	let pairs = one.iter().copied().zip(other.iter().copied());
	builder.inner_product_extension(F::ONE, zero, pairs.collect())
}

/// The powers of an element, from 0 on.
pub fn powers(
	builder: &mut Builder,
	of: ExtensionTarget<D>,
	count: usize,
) -> Vec<ExtensionTarget<D>> {
	let one = builder.one_extension();
	std::iter::successors(Some(one), |power| Some(builder.mul_extension(*power, of)))
		.take(count)
		.collect()
}
