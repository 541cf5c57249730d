//! From measured points to a formula: a base, and so much for each unit of each component.

/// A value at some components.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
	/// The components, in their order.
	pub at: Vec<f64>,
	/// What was measured there.
	pub value: f64,
}

/// `base + slopes[0] * at[0] + ...`; nothing of it is negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
	/// The value where all components are zero.
	pub base: f64,
	/// What one unit of each component adds.
	pub slopes: Vec<f64>,
}

impl Formula {
	/// The formula's value.
	pub fn value(&self, at: &[f64]) -> f64 {
		let grown: f64 = self.slopes.iter().zip(at).map(|(slope, x)| slope * x).sum();
		self.base + grown
	}

	/// How far above the formula the points are, at most, as a part of it; negative if all are below.
	pub fn excess(&self, points: &[Point]) -> f64 {
		points
			.iter()
			.map(|point| point.value / self.value(&point.at).max(f64::MIN_POSITIVE) - 1.0)
			.fold(f64::NEG_INFINITY, f64::max)
	}
}

/// The formula that is closest to the points by least squares.
///
/// A component that seems to make it cheaper is taken to cost nothing, and then the base is that of the
/// dearest point: a weight that is too low is worse than one that is too high. A base below zero is that of the
/// cheapest point instead.
pub fn fit(points: &[Point]) -> Option<Formula> {
	let components = points.first()?.at.len();
	let mut used: Vec<usize> = (0..components).collect();
	loop {
		let solution = least_squares(points, &used)?;
		let mut formula = Formula {
			base: solution[0],
			slopes: vec![0.0; components],
		};
		for (slope, component) in solution[1..].iter().zip(&used) {
			formula.slopes[*component] = *slope;
		}
		let falling = used.iter().position(|at| formula.slopes[*at] < 0.0);
		match falling {
			Some(position) => {
				used.remove(position);
			}
			None => {
				// What is above the line then is not noise, but what was left out.
				if used.len() < components {
					let above = points.iter().map(|point| {
						let slopes = formula.value(&point.at) - formula.base;
						point.value - slopes
					});
					formula.base = above.fold(formula.base, f64::max);
				}
				if formula.base < 0.0 {
					let values = points.iter().map(|point| point.value);
					formula.base = values.fold(f64::INFINITY, f64::min);
				}
				return Some(formula);
			}
		}
	}
}

/// Base and slopes of the used components, by the normal equations. Components are scaled to 0 to 1.
fn least_squares(points: &[Point], used: &[usize]) -> Option<Vec<f64>> {
	let scales: Vec<f64> = used
		.iter()
		.map(|component| {
			points
				.iter()
				.map(|point| point.at[*component])
				.fold(0.0, f64::max)
		})
		.collect();
	if scales.contains(&0.0) {
		return None;
	}
	let size = used.len() + 1;
	let mut matrix = vec![vec![0.0; size + 1]; size];
	for point in points {
		let mut row = vec![1.0];
		row.extend(
			used.iter()
				.zip(&scales)
				.map(|(component, scale)| point.at[*component] / scale),
		);
		for i in 0..size {
			for j in 0..size {
				matrix[i][j] += row[i] * row[j];
			}
			matrix[i][size] += row[i] * point.value;
		}
	}
	let mut solution = solve(matrix)?;
	for (value, scale) in solution[1..].iter_mut().zip(scales) {
		*value /= scale;
	}
	Some(solution)
}

/// Solves linear equations, each row with its right side at its end.
fn solve(mut matrix: Vec<Vec<f64>>) -> Option<Vec<f64>> {
	let size = matrix.len();
	for column in 0..size {
		let pivot = (column..size).max_by(|a, b| {
			matrix[*a][column]
				.abs()
				.total_cmp(&matrix[*b][column].abs())
		})?;
		matrix.swap(column, pivot);
		if matrix[column][column].abs() < 1e-12 {
			return None;
		}
		for row in 0..size {
			if row != column {
				let factor = matrix[row][column] / matrix[column][column];
				let pivot_row = matrix[column].clone();
				for (value, above) in matrix[row].iter_mut().zip(pivot_row) {
					*value -= factor * above;
				}
			}
		}
	}
	Some(
		(0..size)
			.map(|row| matrix[row][size] / matrix[row][row])
			.collect(),
	)
}

/// The value in the middle.
pub fn median(mut values: Vec<u128>) -> u128 {
	values.sort_unstable();
	values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn points(values: &[(&[f64], f64)]) -> Vec<Point> {
		values
			.iter()
			.map(|(at, value)| Point {
				at: at.to_vec(),
				value: *value,
			})
			.collect()
	}

	fn assert_close(formula: &Formula, base: f64, slopes: &[f64]) {
		let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1.0);
		assert!(close(formula.base, base), "{formula:?}");
		assert_eq!(formula.slopes.len(), slopes.len());
		for (is, should) in formula.slopes.iter().zip(slopes) {
			assert!(close(*is, *should), "{formula:?}");
		}
	}

	#[test]
	fn fit_should_be_the_mean_without_components() {
		let formula = fit(&points(&[(&[], 5.0), (&[], 7.0)])).expect("there are points");
		assert_close(&formula, 6.0, &[]);
	}

	#[test]
	fn fit_should_find_a_plane_from_points_along_two_edges() {
		let plane = |o: f64, p: f64| 40_000.0 + 0.25 * o + 3.0 * p;
		let mut measured = Vec::new();
		for step in 0..10 {
			let (o, p) = (f64::from(step) * 116_508.0, f64::from(step) * 14_563.0);
			measured.push((vec![o, 131_072.0], plane(o, 131_072.0)));
			measured.push((vec![1_048_576.0, p], plane(1_048_576.0, p)));
		}
		let measured: Vec<Point> = measured
			.into_iter()
			.map(|(at, value)| Point { at, value })
			.collect();
		let formula = fit(&measured).expect("it is a plane");
		assert_close(&formula, 40_000.0, &[0.25, 3.0]);
		assert!(formula.excess(&measured).abs() < 1e-6);
	}

	#[test]
	fn fit_should_charge_the_dearest_point_when_a_component_seems_to_save() {
		let formula = fit(&points(&[(&[0.0], 10.0), (&[1.0], 9.0), (&[2.0], 8.0)]))
			.expect("there are points");
		assert_close(&formula, 10.0, &[0.0]);
	}

	#[test]
	fn fit_should_have_no_negative_base() {
		let formula = fit(&points(&[(&[1.0], 2.0), (&[2.0], 12.0), (&[3.0], 22.0)]))
			.expect("there are points");
		assert_close(&formula, 2.0, &[10.0]);
	}

	#[test]
	fn fit_should_fail_where_a_component_never_changes() {
		assert_eq!(fit(&points(&[(&[4.0], 1.0), (&[4.0], 2.0)])), None);
		assert_eq!(fit(&[]), None);
	}

	#[test]
	fn excess_should_be_that_of_the_point_furthest_above() {
		let formula = Formula {
			base: 10.0,
			slopes: vec![1.0],
		};
		let excess = formula.excess(&points(&[(&[0.0], 9.0), (&[10.0], 25.0)]));
		assert!((excess - 0.25).abs() < 1e-9);
	}

	#[test]
	fn median_should_ignore_the_outlier() {
		assert_eq!(median(vec![1_000_000, 4, 5]), 5);
		assert_eq!(median(Vec::new()), 0);
	}
}
