//! As much of HTTP and WebSocket as the tests need, so that they see the very bytes that a client sees.

use std::{
	io::{Read, Write},
	net::TcpStream,
	time::{Duration, Instant},
};

use serde_json::{json, Value};

/// Posts a request; none if nobody listens yet.
pub fn http(port: u16, request: &Value) -> Option<Value> {
	let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
	let body = request.to_string();
	write!(
		stream,
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
		 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
		body.len()
	)
	.ok()?;
	let mut answer = String::new();
	stream.read_to_string(&mut answer).ok()?;
	let (_, body) = answer.split_once("\r\n\r\n")?;
	serde_json::from_str(body).ok()
}

/// A WebSocket connection that speaks JSON-RPC.
pub struct WebSocket {
	stream: TcpStream,
}

impl WebSocket {
	pub fn connect(port: u16) -> Self {
		let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
		write!(
			stream,
			"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
			 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
		)
		.expect("the request is sent");
		let mut head = Vec::new();
		while !head.ends_with(b"\r\n\r\n") {
			let mut byte = [0];
			stream.read_exact(&mut byte).expect("the answer has a head");
			head.push(byte[0]);
		}
		assert!(
			head.starts_with(b"HTTP/1.1 101"),
			"{}",
			String::from_utf8_lossy(&head)
		);
		Self { stream }
	}

	/// Asks and waits for the answer.
	pub fn ask(&mut self, method: &str, params: Value) -> Value {
		self.send(method, params);
		let answer = self.message(Duration::from_secs(10));
		assert!(answer["error"].is_null(), "{answer}");
		answer["result"].clone()
	}

	/// Asks and waits for the error that is the answer; its code.
	pub fn error(&mut self, method: &str, params: Value) -> Value {
		self.send(method, params);
		self.message(Duration::from_secs(10))["error"]["code"].clone()
	}

	/// Subscribes so many times to every change of orders, whatever events come meanwhile.
	pub fn subscribe(&mut self, count: usize) {
		for _ in 0..count {
			self.send("lemma_subscribeOrders", json!([]));
		}
		let mut answers = 0;
		while answers < count {
			let message = self.message(Duration::from_secs(30));
			assert!(message["error"].is_null(), "{message}");
			answers += usize::from(!message["id"].is_null());
		}
	}

	fn send(&mut self, method: &str, params: Value) {
		let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
		let payload = request.to_string();
		// A final text frame, masked with zeros as a client must mask, of up to 64 KiB.
		let mut frame = vec![0x81, 0x80 | 126];
		frame.extend((payload.len() as u16).to_be_bytes());
		frame.extend([0; 4]);
		frame.extend(payload.as_bytes());
		self.stream.write_all(&frame).expect("the request is sent");
	}

	/// The next event of a subscription.
	pub fn event(&mut self, subscription: &Value, patience: Duration) -> Value {
		let message = self.message(patience);
		assert_eq!(message["method"], "lemma_ordersEvent");
		assert_eq!(&message["params"]["subscription"], subscription);
		message["params"]["result"].clone()
	}

	/// The next text message.
	fn message(&mut self, patience: Duration) -> Value {
		let end = Instant::now() + patience;
		loop {
			let left = end
				.saturating_duration_since(Instant::now())
				.max(Duration::from_millis(1));
			self.stream
				.set_read_timeout(Some(left))
				.expect("it is not zero");
			let mut head = [0; 2];
			self.stream
				.read_exact(&mut head)
				.expect("a message comes in time");
			let len = match head[1] & 0x7f {
				126 => {
					let mut len = [0; 2];
					self.stream
						.read_exact(&mut len)
						.expect("the length follows");
					u16::from_be_bytes(len) as usize
				}
				127 => {
					let mut len = [0; 8];
					self.stream
						.read_exact(&mut len)
						.expect("the length follows");
					u64::from_be_bytes(len) as usize
				}
				len => len as usize,
			};
			let mut payload = vec![0; len];
			self.stream
				.read_exact(&mut payload)
				.expect("the payload follows");
			// Text; anything else is a ping or a pong.
			if head[0] & 0x0f == 1 {
				return serde_json::from_slice(&payload).expect("messages are JSON");
			}
		}
	}
}
