//! Messages over standard input and output: a `Content-Length` header, a blank line, JSON
//! (Language Server Protocol 3.17, "Base Protocol").

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};

/// Longest message that is read, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Longest line of a header, in bytes.
const HEADER_BYTES_MAX: u64 = 4096;

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message.
    Message(Value),
    /// Bytes of the announced length that are not JSON.
    Garbled(String),
    /// The client is gone.
    End,
    /// What came cannot be split into messages.
    Foreign(String),
}

/// The two directions.
pub(super) struct Transport<R, W> {
    input: BufReader<R>,
    output: W,
}

impl<R: Read, W: Write> Transport<R, W> {
    /// A transport over these ends.
    pub(super) fn new(input: R, output: W) -> Self {
        Self { input: BufReader::new(input), output }
    }

    /// True if nothing has been read that was not yet looked at: the client is probably waiting.
    pub(super) fn is_idle(&self) -> bool {
        self.input.buffer().is_empty()
    }

    /// Waits for the next message.
    pub(super) fn receive(&mut self) -> Incoming {
        let length = match self.header() {
            Ok(Some(length)) => length,
            Ok(None) => return Incoming::End,
            Err(why) => return Incoming::Foreign(why),
        };
        let mut body = vec![0; length];
        if self.input.read_exact(&mut body).is_err() {
            return Incoming::End;
        }
        match serde_json::from_slice(&body) {
            Ok(value) => Incoming::Message(value),
            Err(why) => Incoming::Garbled(why.to_string()),
        }
    }

    /// The length of the next message; none at the end.
    fn header(&mut self) -> Result<Option<usize>, String> {
        let mut length = None;
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.input).take(HEADER_BYTES_MAX);
            let read = limited.read_until(b'\n', &mut line).map_err(|why| why.to_string())?;
            if read == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            if line.is_empty() {
                return match length {
                    Some(length) if length <= MESSAGE_BYTES_MAX => Ok(Some(length)),
                    Some(length) => Err(format!("a message of {length} bytes is too long")),
                    None => Err("a message without Content-Length".into()),
                };
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(format!("not a header: {}", line.escape_debug()));
            };
            if name.eq_ignore_ascii_case("content-length") {
                let value = value.trim();
                length = Some(value.parse().map_err(|_| format!("not a length: {value}"))?);
            }
        }
    }

    /// Sends a message; a client that is gone is noticed when reading.
    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let head = format!("Content-Length: {}\r\n\r\n", text.len());
        let sent = self.output.write_all((head + &text).as_bytes());
        // Nobody is left to be told.
        let _ = sent.and_then(|()| self.output.flush());
    }

    /// Answers a request.
    pub(super) fn respond(&mut self, id: &Value, result: Result<Value, Fault>) {
        let message = match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(fault) => {
                let error = json!({ "code": fault.code, "message": fault.message });
                json!({ "jsonrpc": "2.0", "id": id, "error": error })
            }
        };
        self.send(&message);
    }

    /// Tells the client something.
    pub(super) fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }
}

/// Why a request has no result.
#[derive(Debug)]
pub(super) struct Fault {
    code: i32,
    message: String,
}

impl Fault {
    /// The message is not JSON.
    pub(super) fn parse(why: &str) -> Self {
        Self { code: -32700, message: format!("not JSON: {why}") }
    }

    /// The message is no request, or comes at the wrong time.
    pub(super) fn invalid_request(why: &str) -> Self {
        Self { code: -32600, message: why.into() }
    }

    /// There is no such method.
    pub(super) fn no_method(method: &str) -> Self {
        Self { code: -32601, message: format!("`{method}` is not supported") }
    }

    /// The parameters make no sense.
    pub(super) fn params(why: impl Into<String>) -> Self {
        Self { code: -32602, message: why.into() }
    }

    /// A bug.
    pub(super) fn internal(why: &str) -> Self {
        Self { code: -32603, message: why.into() }
    }

    /// `initialize` has to come first.
    pub(super) fn not_initialized() -> Self {
        Self { code: -32002, message: "`initialize` has to come first".into() }
    }

    /// The request was understood and cannot be done.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self { code: -32803, message: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(input: &str) -> Incoming {
        Transport::new(input.as_bytes(), Vec::new()).receive()
    }

    #[test]
    fn messages_are_split_by_their_lengths() {
        let text = "Content-Length: 2\r\n\r\n{}content-length: 3\r\nContent-Type: x\r\n\r\n\"é\"";
        let bytes = text.replace("3\r\nC", "4\r\nC");
        let mut transport = Transport::new(bytes.as_bytes(), Vec::new());
        assert!(matches!(transport.receive(), Incoming::Message(Value::Object(_))));
        assert!(matches!(transport.receive(), Incoming::Message(Value::String(_))));
        assert!(matches!(transport.receive(), Incoming::End));
    }

    #[test]
    fn what_is_no_message_is_told() {
        assert!(matches!(receive("Content-Length: 1\r\n\r\n{"), Incoming::Garbled(_)));
        assert!(matches!(receive("Content-Length: 9\r\n\r\n{}"), Incoming::End));
        assert!(matches!(receive("Content-Length: 99999999999\r\n\r\n"), Incoming::Foreign(_)));
        assert!(matches!(receive("Content-Length: -1\r\n\r\n"), Incoming::Foreign(_)));
        assert!(matches!(receive("X: 1\r\n\r\n"), Incoming::Foreign(_)));
        assert!(matches!(receive(&"x".repeat(10_000)), Incoming::Foreign(_)));
        assert!(matches!(receive(""), Incoming::End));
    }
}
