//! A node's name and attributes, and what they say of windows.

use lemma_zk_circuits::programs::infer::model::{Shape, Window};
use tract_onnx::pb::NodeProto;

/// A node's name, or its output's.
pub fn name(node: &NodeProto) -> String {
	match node.name.as_str() {
		"" => node.output.first().cloned().unwrap_or_default(),
		name => name.to_owned(),
	}
}

/// An integer, or its default.
pub fn int(node: &NodeProto, attribute: &str, default: i64) -> i64 {
	let found = node.attribute.iter().find(|found| found.name == attribute);
	found.map_or(default, |found| found.i)
}

/// A number, or its default.
pub fn float(node: &NodeProto, attribute: &str, default: f32) -> f64 {
	let found = node.attribute.iter().find(|found| found.name == attribute);
	f64::from(found.map_or(default, |found| found.f))
}

/// A list of integers, if it is there.
pub fn ints<'n>(node: &'n NodeProto, attribute: &str) -> Option<&'n [i64]> {
	let found = node.attribute.iter().find(|found| found.name == attribute);
	found.map(|found| found.ints.as_slice())
}

/// A pair of an attribute, or its default.
fn pair(node: &NodeProto, attribute: &str) -> Result<[usize; 2], String> {
	let Some(values) = ints(node, attribute) else {
		return Ok([1, 1]);
	};
	let sides: Option<Vec<_>> = values
		.iter()
		.map(|side| usize::try_from(*side).ok())
		.collect();
	sides
		.and_then(|sides| sides.try_into().ok())
		.ok_or_else(|| format!("{attribute} {values:?}: two dimensions are supported"))
}

/// The window of a convolution, whose kernel its weights have, or of a pool; and rows and columns of what it makes.
pub fn window(
	node: &NodeProto,
	[channels, height, width]: [usize; 3],
	kernel: Option<[usize; 2]>,
) -> Result<(Window, [usize; 2]), String> {
	let kernel = match kernel {
		Some(kernel) => kernel,
		None => pair(node, "kernel_shape")?,
	};
	let stride = pair(node, "strides")?;
	let dilations = pair(node, "dilations")?;
	if dilations != [1, 1] {
		return Err(format!("dilations {dilations:?} are not supported"));
	}
	let found = node.attribute.iter().find(|found| found.name == "auto_pad");
	let automatic = found.map_or(&b"NOTSET"[..], |found| found.s.as_slice());
	if !matches!(automatic, b"NOTSET" | b"") && ints(node, "pads").is_some() {
		return Err("auto_pad and pads contradict each other: leave one of them out".into());
	}
	let padding = match automatic {
		b"NOTSET" | b"" => match ints(node, "pads") {
			None => Some([0; 4]),
			Some(pads) => {
				let pads: Option<Vec<_>> =
					pads.iter().map(|pad| usize::try_from(*pad).ok()).collect();
				pads.and_then(|pads| pads.try_into().ok())
			}
		},
		b"VALID" => Some([0; 4]),
		b"SAME_UPPER" => same_padding([height, width], kernel, stride, false),
		b"SAME_LOWER" => same_padding([height, width], kernel, stride, true),
		_ => None,
	};
	let padding = padding.ok_or("its padding is not supported")?;
	let window = Window {
		kernel,
		stride,
		padding,
	};
	let sides = window.output(Shape::new(channels, height, width)).ok_or_else(|| {
		format!("kernel {kernel:?}, strides {stride:?} and pads {padding:?} over {height}x{width} are not supported")
	})?;
	if int(node, "ceil_mode", 0) != 0 {
		let [top, left, bottom, right] = padding;
		let lengths = [
			height + top + bottom - kernel[0],
			width + left + right - kernel[1],
		];
		if (0..2).any(|i| lengths[i] % stride[i] != 0) {
			return Err("ceil_mode, where it makes a difference, is not supported".into());
		}
	}
	Ok((window, sides))
}

/// The padding with which the output has a place for each stride: half before and half after, an odd one after, or before if
/// `lower`.
fn same_padding(
	sides: [usize; 2],
	kernel: [usize; 2],
	stride: [usize; 2],
	lower: bool,
) -> Option<[usize; 4]> {
	let mut padding = [0; 4];
	for i in 0..2 {
		let places = sides[i].checked_sub(1)?.checked_div(stride[i])?;
		let total = (places * stride[i] + kernel[i]).saturating_sub(sides[i]);
		let half = total / 2;
		let (before, after) = if lower {
			(total - half, half)
		} else {
			(half, total - half)
		};
		(padding[i], padding[i + 2]) = (before, after);
	}
	Some(padding)
}
