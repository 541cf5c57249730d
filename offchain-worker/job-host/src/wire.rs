//! Frames: a head, which says what it is, and a body of plain bytes, each with its length before it. Bounded, and nothing is allocated
//! beyond the bound, whatever the other side says.

use std::io::{self, ErrorKind, Read, Write};

use codec::{DecodeAll, Encode};

/// Longest head, bytes: all of a message but inputs, bundles and results.
pub const MAX_HEAD: usize = 1 << 20;

/// Bytes before a head: its length (u32) and the body's (u64), little-endian.
const LENGTHS: usize = 4 + 8;

/// Most bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Why nothing can be received any more.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
	/// The other side is gone.
	#[error("the connection was closed")]
	Closed,
	/// Reading failed.
	#[error("the connection cannot be read: {0}")]
	Io(io::Error),
	/// What came is no message.
	#[error("it is no message: {0}")]
	Garbage(String),
}

/// The lengths and the head of a message; its body follows as it is.
pub fn head(head: &impl Encode, body: &[u8]) -> Vec<u8> {
	let head = head.encode();
	let mut bytes = Vec::with_capacity(LENGTHS + head.len());
	bytes.extend((head.len() as u32).to_le_bytes());
	bytes.extend((body.len() as u64).to_le_bytes());
	bytes.extend(head);
	bytes
}

/// Sends one message, however long the other side takes to read it.
pub fn send(stream: &mut impl Write, message: &impl Encode, body: &[u8]) -> io::Result<()> {
	stream.write_all(&head(message, body))?;
	stream.write_all(body)?;
	stream.flush()
}

/// What has come and was not taken yet.
pub struct Incoming {
	buffer: Vec<u8>,
	max_body: u64,
}

impl Incoming {
	/// Takes messages whose bodies have at most `max_body` bytes.
	pub fn new(max_body: u64) -> Self {
		Self {
			buffer: Vec::new(),
			max_body,
		}
	}

	/// Reads once, unless a whole message is here. The next message, its head and its body; `None` if it is not whole yet: whoever
	/// keeps limits looks at them between, however slowly the bytes drip in.
	///
	/// # Errors
	///
	/// See [`WireError`]. The stream is of no use afterwards.
	pub fn receive<T: DecodeAll>(
		&mut self,
		stream: &mut impl Read,
	) -> Result<Option<(T, Vec<u8>)>, WireError> {
		if let Some(message) = self.take()? {
			return Ok(Some(message));
		}
		let before = self.buffer.len();
		self.buffer.resize(before + CHUNK, 0);
		let read = stream.read(&mut self.buffer[before..]);
		self.buffer
			.truncate(before + read.as_ref().map_or(0, |count| *count));
		match read {
			Ok(0) => Err(WireError::Closed),
			Ok(_) => self.take(),
			Err(error) => match error.kind() {
				ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(None),
				ErrorKind::ConnectionReset => Err(WireError::Closed),
				_ => Err(WireError::Io(error)),
			},
		}
	}

	/// A whole message out of the buffer, if one is there.
	fn take<T: DecodeAll>(&mut self) -> Result<Option<(T, Vec<u8>)>, WireError> {
		let Some((lengths, _)) = self.buffer.split_first_chunk::<LENGTHS>() else {
			return Ok(None);
		};
		let [a, b, c, d, body @ ..] = *lengths;
		let head = u32::from_le_bytes([a, b, c, d]) as usize;
		let body = u64::from_le_bytes(body);
		if head > MAX_HEAD || body > self.max_body {
			return Err(WireError::Garbage(format!(
				"it would have a head of {head} bytes and a body of {body}, and at most {MAX_HEAD} and {} are taken",
				self.max_body
			)));
		}
		let begin = LENGTHS + head;
		let end = usize::try_from(body)
			.ok()
			.and_then(|body| begin.checked_add(body))
			.ok_or_else(|| WireError::Garbage("it is longer than an address".into()))?;
		let Some(missing) = end.checked_sub(self.buffer.len()) else {
			return self.cut(begin, end).map(Some);
		};
		if missing == 0 {
			return self.cut(begin, end).map(Some);
		}
		// Once, instead of doubling what a long input takes.
		self.buffer
			.try_reserve_exact(missing + CHUNK)
			.map_err(|_| WireError::Garbage(format!("there is no memory for {end} bytes of it")))?;
		Ok(None)
	}

	fn cut<T: DecodeAll>(&mut self, begin: usize, end: usize) -> Result<(T, Vec<u8>), WireError> {
		let rest = self.buffer.split_off(end);
		let mut message = std::mem::replace(&mut self.buffer, rest);
		let head = T::decode_all(&mut &message[LENGTHS..begin])
			.map_err(|error| WireError::Garbage(error.to_string()))?;
		message.drain(..begin);
		message.shrink_to_fit();
		Ok((head, message))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Gives a byte at a time, and a timeout after each.
	struct Slow<'a>(&'a [u8], bool);

	impl Read for Slow<'_> {
		fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
			self.1 = !self.1;
			if self.1 {
				return Err(ErrorKind::WouldBlock.into());
			}
			let end = buffer.len().min(1);
			self.0.read(&mut buffer[..end])
		}
	}

	#[test]
	fn messages_should_come_whole_however_they_are_cut() {
		let mut bytes = Vec::new();
		send(&mut bytes, &(7u32, "a".to_owned()), b"body").unwrap();
		send(&mut bytes, &(8u32, String::new()), b"").unwrap();
		for slow in [false, true] {
			let mut incoming = Incoming::new(4);
			let (mut quick, mut slowly) = (&bytes[..], Slow(&bytes, false));
			let mut got = Vec::new();
			while got.len() < 2 {
				let next = match slow {
					false => incoming.receive::<(u32, String)>(&mut quick),
					true => incoming.receive(&mut slowly),
				};
				got.extend(next.unwrap());
			}
			let expected = [
				((7, "a".to_owned()), b"body".to_vec()),
				((8, String::new()), vec![]),
			];
			assert_eq!(got, expected);
			let end = incoming.receive::<(u32, String)>(&mut &[][..]);
			assert!(matches!(end, Err(WireError::Closed)));
		}
	}

	#[test]
	fn whoever_receives_should_be_asked_again_after_each_byte_that_drips_in() {
		let mut bytes = Vec::new();
		send(&mut bytes, &7u32, b"body").unwrap();
		let mut incoming = Incoming::new(4);
		for byte in &bytes[..bytes.len() - 1] {
			let next = incoming.receive::<u32>(&mut &[*byte][..]);
			assert!(matches!(next, Ok(None)), "{next:?}");
		}
		let next = incoming.receive::<u32>(&mut &bytes[bytes.len() - 1..]);
		assert!(
			matches!(&next, Ok(Some((7, body))) if body == b"body"),
			"{next:?}"
		);
	}

	#[test]
	fn a_message_should_be_refused_when_it_is_too_long_or_none() {
		let mut long = Vec::new();
		send(&mut long, &1u32, b"body").unwrap();
		let garbage = |bytes: &[u8]| {
			let refused = Incoming::new(3).receive::<u32>(&mut &bytes[..]);
			assert!(matches!(refused, Err(WireError::Garbage(_))), "{refused:?}");
		};
		garbage(&long);
		garbage(&[0xff; 12]);
		let mut other = Vec::new();
		send(&mut other, &(1u32, 2u32), b"").unwrap();
		garbage(&other);
		// One that is announced and never comes takes no memory for it.
		let mut incoming = Incoming::new(u64::MAX);
		let announced = [&4u32.to_le_bytes()[..], &(u64::MAX - 1).to_le_bytes()].concat();
		let refused = incoming.receive::<u32>(&mut &announced[..]);
		assert!(matches!(refused, Err(WireError::Garbage(_))));
	}
}
