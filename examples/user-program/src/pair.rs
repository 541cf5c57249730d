//! Two sequences: their bytes, and their distances.

/// Bases of each.
pub const BASES: usize = 64;
/// Bytes of each, four bases to a byte, the first in the lowest bits.
pub const PACKED: usize = BASES / 4;

/// What an input begins with.
const MAGIC: &[u8; 8] = b"align\0\0\x01";
/// The bases, by their numbers.
const LETTERS: &[u8; 4] = b"ACGT";

/// A pattern, and a text with every beginning of which it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
	/// The pattern.
	pub pattern: [u8; PACKED],
	/// The text.
	pub text: [u8; PACKED],
}

impl Pair {
	/// Of letters, A, C, G and T.
	pub fn of_letters(pattern: &str, text: &str) -> Result<Self, String> {
		Ok(Self {
			pattern: pack(pattern)?,
			text: pack(text)?,
		})
	}

	/// The input's bytes.
	pub fn encode(&self) -> Vec<u8> {
		[&MAGIC[..], &self.pattern, &self.text].concat()
	}

	/// The pair of an input's bytes.
	pub fn decode(blob: &[u8]) -> Result<Self, String> {
		let rest = blob
			.strip_prefix(MAGIC)
			.ok_or("it does not begin as a pair of sequences does")?;
		let wrong = |_| format!("a pair of sequences has {} bytes", MAGIC.len() + 2 * PACKED);
		let bytes: [u8; 2 * PACKED] = rest.try_into().map_err(wrong)?;
		let (mut pattern, mut text) = ([0; PACKED], [0; PACKED]);
		pattern.copy_from_slice(&bytes[..PACKED]);
		text.copy_from_slice(&bytes[PACKED..]);
		Ok(Self { pattern, text })
	}

	/// What the commitment is to: the pattern's bytes, and the text's.
	pub fn committed(&self) -> [u8; 2 * PACKED] {
		let mut bytes = [0; 2 * PACKED];
		bytes[..PACKED].copy_from_slice(&self.pattern);
		bytes[PACKED..].copy_from_slice(&self.text);
		bytes
	}

	/// The reference: for each beginning of the text, the fewest changes, insertions and deletions of a base that make the
	/// pattern of it (Wagner and Fischer, "The string-to-string correction problem", 1974; the last row of their table).
	pub fn distances(&self) -> Vec<u8> {
		let mut row: Vec<u8> = (0..=BASES as u8).collect();
		for i in 0..BASES {
			let mut diagonal = row[0];
			row[0] += 1;
			for j in 0..BASES {
				let differ = u8::from(base(&self.pattern, i) != base(&self.text, j));
				let cell = (diagonal + differ).min(row[j].min(row[j + 1]) + 1);
				diagonal = std::mem::replace(&mut row[j + 1], cell);
			}
		}
		row.split_off(1)
	}
}

/// A base's number.
pub fn base(packed: &[u8; PACKED], place: usize) -> u8 {
	packed[place / 4] >> (place % 4 * 2) & 3
}

fn pack(letters: &str) -> Result<[u8; PACKED], String> {
	if letters.len() != BASES {
		return Err(format!(
			"a sequence has {BASES} bases, and this one {}: {letters}",
			letters.len()
		));
	}
	let mut packed = [0; PACKED];
	for (place, letter) in letters.bytes().enumerate() {
		let number = LETTERS
			.iter()
			.position(|known| *known == letter.to_ascii_uppercase())
			.ok_or_else(|| format!("{:?} is no base: A, C, G and T are", char::from(letter)))?;
		packed[place / 4] |= (number as u8) << (place % 4 * 2);
	}
	Ok(packed)
}
