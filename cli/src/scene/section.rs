//! A table of a TOML file, read key by key: whatever is wrong with it is said with the key's name.

use toml::{Table, Value};

use lemma_zk_circuits::programs::render::scene::Colour;

/// What was read; or what is wrong, and what to do about it.
pub type Read<T> = Result<T, String>;

/// How a value is written.
pub struct Form<T> {
	read: fn(&Value) -> Option<T>,
	says: &'static str,
}

/// A number.
pub const NUMBER: Form<f64> = Form {
	read: number,
	says: "a number, such as 1.5",
};

/// Three numbers.
pub const VECTOR: Form<[f64; 3]> = Form {
	read: vector,
	says: "three numbers, such as [0, 1.5, -8]",
};

/// Three points.
pub const CORNERS: Form<[[f64; 3]; 3]> = Form {
	read: corners,
	says: "three points, such as [[0, 0, 0], [2, 0, 0], [1, 2, -1]]",
};

/// A colour.
pub const COLOUR: Form<Colour> = Form {
	read: colour,
	says: "a colour, such as \"#d04030\", or [208, 64, 48] with numbers from 0 to 255",
};

/// Larger numbers have no place in a scene, and lose digits.
const MOST: f64 = 1e12;

fn number(value: &Value) -> Option<f64> {
	let number = match value {
		Value::Integer(number) => *number as f64,
		Value::Float(number) => *number,
		_ => return None,
	};
	(number.abs() <= MOST).then_some(number)
}

fn three<T>(value: &Value, read: fn(&Value) -> Option<T>) -> Option<[T; 3]> {
	let parts: Option<Vec<T>> = value.as_array()?.iter().map(read).collect();
	parts?.try_into().ok()
}

fn vector(value: &Value) -> Option<[f64; 3]> {
	three(value, number)
}

fn corners(value: &Value) -> Option<[[f64; 3]; 3]> {
	three(value, vector)
}

fn colour(value: &Value) -> Option<Colour> {
	if let Value::String(text) = value {
		let mut parts = [0; 3];
		hex::decode_to_slice(text.strip_prefix('#')?, &mut parts).ok()?;
		return Some(parts);
	}
	three(value, |part| part.as_integer()?.try_into().ok())
}

/// A table, and what was asked of it.
pub struct Section<'a> {
	/// What it describes; nothing for the whole file.
	name: String,
	table: &'a Table,
	known: Vec<&'static str>,
}

impl<'a> Section<'a> {
	/// A whole file.
	pub fn whole(table: &'a Table) -> Self {
		Self::named(String::new(), table)
	}

	fn named(name: String, table: &'a Table) -> Self {
		Self {
			name,
			table,
			known: Vec::new(),
		}
	}

	/// What it describes; nothing for the whole file.
	pub fn name(&self) -> &str {
		&self.name
	}

	/// A key, as people call it.
	pub fn title(&self, key: &str) -> String {
		match self.name.as_str() {
			"" => format!("`{key}`"),
			name => format!("`{key}` of {name}"),
		}
	}

	fn find(&mut self, key: &'static str) -> Option<&'a Value> {
		self.known.push(key);
		self.table.get(key)
	}

	/// The value of a key that may be left out.
	pub fn optional<T>(&mut self, key: &'static str, form: &Form<T>) -> Read<Option<T>> {
		let Some(value) = self.find(key) else {
			return Ok(None);
		};
		match (form.read)(value) {
			Some(read) => Ok(Some(read)),
			None => Err(self.wrong(key, value, form.says)),
		}
	}

	/// The value of a key that must be there.
	pub fn required<T>(&mut self, key: &'static str, form: &Form<T>) -> Read<T> {
		self.optional(key, form)?
			.ok_or_else(|| format!("{} is missing: it is {}", self.title(key), form.says))
	}

	/// A number in bounds; `otherwise` if it is left out.
	pub fn between(
		&mut self,
		key: &'static str,
		[least, most]: [f64; 2],
		otherwise: f64,
	) -> Read<f64> {
		match self.optional(key, &NUMBER)? {
			None => Ok(otherwise),
			Some(number) if (least..=most).contains(&number) => Ok(number),
			Some(number) => Err(format!(
				"{} is {number}: choose a number from {least} to {most}",
				self.title(key)
			)),
		}
	}

	/// A number above zero.
	pub fn positive(&mut self, key: &'static str) -> Read<f64> {
		let number = self.required(key, &NUMBER)?;
		self.above_zero(key, number)
	}

	/// A number above zero that may be left out.
	pub fn optional_positive(&mut self, key: &'static str) -> Read<Option<f64>> {
		let number = self.optional(key, &NUMBER)?;
		number
			.map(|number| self.above_zero(key, number))
			.transpose()
	}

	fn above_zero(&self, key: &str, number: f64) -> Read<f64> {
		match number > 0.0 {
			true => Ok(number),
			false => Err(format!(
				"{} is {number}: choose a number above zero",
				self.title(key)
			)),
		}
	}

	/// A table within this one.
	pub fn section(&mut self, key: &'static str, name: &str) -> Read<Option<Section<'a>>> {
		match self.find(key) {
			None => Ok(None),
			Some(Value::Table(table)) => Ok(Some(Self::named(name.into(), table))),
			Some(Value::Array(_)) => Err(format!(
				"{} is a list: there can be only one, written [{key}]",
				self.title(key)
			)),
			Some(value) => Err(self.wrong(key, value, &format!("a table: [{key}]"))),
		}
	}

	/// Tables within this one, called by their number from 1.
	pub fn sections(&mut self, key: &'static str, most: usize) -> Read<Vec<Section<'a>>> {
		let form = format!("a table each: [[{key}]]");
		let list = match self.find(key) {
			None => return Ok(Vec::new()),
			Some(Value::Array(list)) => list,
			Some(value) => return Err(self.wrong(key, value, &form)),
		};
		if list.len() > most {
			return Err(format!(
				"there are {} of [[{key}]]: at most {most} can be proven, leave {} out",
				list.len(),
				list.len() - most
			));
		}
		list.iter()
			.zip(1..)
			.map(|(value, number)| match value {
				Value::Table(table) => Ok(Self::named(format!("{key} {number}"), table)),
				value => Err(self.wrong(key, value, &form)),
			})
			.collect()
	}

	fn wrong(&self, key: &str, value: &Value, says: &str) -> String {
		let mut written = value.to_string();
		if written.len() > 60 || written.contains('\n') {
			written = format!("of type {}", value.type_str());
		}
		format!("{} is {written}: write {says}", self.title(key))
	}

	/// Fails if there are keys that nobody asked for.
	pub fn finish(self) -> Read<()> {
		let unknown = self
			.table
			.keys()
			.find(|key| !self.known.contains(&key.as_str()));
		let Some(unknown) = unknown else {
			return Ok(());
		};
		let known: Vec<_> = self.known.iter().map(|key| format!("`{key}`")).collect();
		Err(format!(
			"{} is not known: there are {}",
			self.title(unknown),
			known.join(", ")
		))
	}
}
