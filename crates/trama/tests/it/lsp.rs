//! The language server, spoken to as an editor speaks to it.

use crate::captures::project;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use trama_base::Rng;

const PROGRAM: &str = "\
element Gate {
    port lan, wan
    /// Who was seen. \u{1f600}
    state seen: map<Flow, Time>[64k] expire 5min
    on lan(p: ip/tcp) { seen[p.flow] = now; send p to wan }
    on wan(p) { /* \u{1f600} */ send p to lann }
}
network edge { port lan, wan
 lan <-> Gate <-> Counter <-> wan }
";

/// An editor.
struct Client {
    server: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: u64,
    cache: PathBuf,
    /// What the server told without being asked.
    told: Vec<Value>,
}

impl Client {
    fn start(name: &str) -> Self {
        let cache = std::env::temp_dir().join(format!("trama-lsp-{}-{name}", std::process::id()));
        let mut server = Command::new(env!("CARGO_BIN_EXE_trama"))
            .args(["lsp", "--stdio"])
            .env("XDG_CACHE_HOME", &cache)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("trama runs");
        let input = server.stdin.take();
        let output = BufReader::new(server.stdout.take().expect("it is piped"));
        Self { server, input, output, next: 1, cache, told: Vec::new() }
    }

    fn open(name: &str, text: &str) -> Self {
        let mut client = Self::start(name);
        client.ask("initialize", json!({ "capabilities": {} }));
        client.tell("initialized", json!({}));
        client.did_open("file:///t/a.trama", text);
        client
    }

    fn did_open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "trama", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn raw(&mut self, text: &str) {
        let input = self.input.as_mut().expect("the session is open");
        // A server that has ended is noticed when reading.
        let _ = input.write_all(text.as_bytes()).and_then(|()| input.flush());
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(&format!("Content-Length: {}\r\n\r\n{text}", text.len()));
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The next message of the server; none at its end.
    fn read(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).expect("it is text") == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().expect("a number"),
                _ => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).expect("the whole message");
        Some(serde_json::from_slice(&body).expect("it is JSON"))
    }

    /// The answer to a request: `result` or `error`.
    fn answer(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.read().expect("an answer");
            if message.get("id") == Some(&json!(id)) {
                return message;
            }
            self.told.push(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// A question about a place of the document.
    fn ask_at(&mut self, method: &str, line: u32, character: u32) -> Value {
        let params = json!({
            "textDocument": { "uri": "file:///t/a.trama" },
            "position": { "line": line, "character": character },
        });
        self.ask(method, params)
    }

    fn change(&mut self, version: u32, changes: Value) {
        let document = json!({ "uri": "file:///t/a.trama", "version": version });
        let params = json!({ "textDocument": document, "contentChanges": changes });
        self.tell("textDocument/didChange", params);
    }

    /// The messages about a document, once they are of this version.
    fn diagnostics(&mut self, uri: &str, version: u32) -> Vec<Value> {
        loop {
            while !self.told.is_empty() {
                let message = self.told.remove(0);
                let params = &message["params"];
                if params["uri"] == uri && params["version"] == version {
                    return params["diagnostics"].as_array().expect("a list").clone();
                }
            }
            let message = self.read().expect("the server lives");
            self.told.push(message);
        }
    }

    fn code(&mut self) -> Option<i32> {
        drop(self.input.take());
        self.server.wait().expect("it ends").code()
    }

    fn end(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.code(), Some(0));
        let mut errors = String::new();
        let stderr = self.server.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut errors).expect("it is text");
        assert_eq!(errors, "", "nothing panicked");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // What stays behind is only temporary; a server that hangs is not to outlive the test.
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.cache);
    }
}

#[test]
fn mistakes_are_told_with_their_places_and_mended() {
    let mut client = Client::open("mistakes", PROGRAM);
    let found = client.diagnostics("file:///t/a.trama", 1);
    let error = found.iter().find(|d| d["code"] == "E0106").expect("the port is unknown");
    // Columns are UTF-16 units: the face in the comment counts as two.
    let range = json!({ "start": { "line": 5, "character": 35 },
                        "end": { "line": 5, "character": 39 } });
    assert_eq!(error["range"], range);
    assert!(error["message"].as_str().is_some_and(|m| m.contains("did you mean `lan`")));
    let page = error["codeDescription"]["href"].as_str().expect("it has a page");
    let page = std::fs::read_to_string(page.strip_prefix("file://").expect("a file"));
    assert!(page.expect("it can be read").contains("E0106"));
    let params = json!({
        "textDocument": { "uri": "file:///t/a.trama" }, "range": range,
        "context": { "diagnostics": [] },
    });
    let actions = client.ask("textDocument/codeAction", params);
    let edit = &actions[0]["edit"]["changes"]["file:///t/a.trama"][0];
    assert_eq!(edit["newText"], "lan");
    client.change(2, json!([{ "range": edit["range"], "text": "lan" }]));
    assert_eq!(client.diagnostics("file:///t/a.trama", 2), [] as [Value; 0]);
    client.end();
}

#[test]
fn an_editor_is_answered() {
    let mut client = Client::open("answers", &PROGRAM.replace("lann", "lan"));
    let hover = client.ask_at("textDocument/hover", 3, 12);
    let text = hover["contents"]["value"].as_str().expect("a text").to_owned();
    assert!(text.contains("at capacity") && text.contains("Who was seen"), "{text}");
    let hover = client.ask_at("textDocument/hover", 4, 5);
    assert!(hover["contents"]["value"].as_str().is_some_and(|t| t.contains("cost: at most")));
    let definition = client.ask_at("textDocument/definition", 4, 26);
    assert_eq!(definition["range"]["start"], json!({ "line": 3, "character": 10 }));
    // A library element leads to a copy of its source.
    let definition = client.ask_at("textDocument/definition", 8, 20);
    let uri = definition["uri"].as_str().expect("a file");
    assert!(uri.ends_with("/library/Counter.trama"), "{uri}");
    let source = std::fs::read_to_string(uri.strip_prefix("file://").expect("a file"));
    let line = definition["range"]["start"]["line"].as_u64().expect("a line") as usize;
    let source = source.expect("it can be read");
    assert!(source.lines().nth(line).is_some_and(|line| line.starts_with("element Counter")));
    let references = client.ask_at("textDocument/references", 3, 12);
    assert_eq!(references.as_array().map(Vec::len), Some(2));
    let symbols = client.ask_at("textDocument/documentSymbol", 0, 0);
    assert_eq!(symbols[0]["children"][2]["name"], "seen");
    let formatted = client.ask_at("textDocument/formatting", 0, 0);
    assert_eq!(formatted[0]["range"]["start"]["line"], 5);
    let items = client.ask_at("textDocument/completion", 4, 32);
    assert!(items.as_array().is_some_and(|items| items.iter().any(|i| i["label"] == "flow")));
    let params = json!({ "textDocument": { "uri": "file:///t/a.trama" },
        "position": { "line": 3, "character": 12 }, "newName": "known" });
    let edit = client.ask("textDocument/rename", params.clone());
    assert_eq!(edit["changes"]["file:///t/a.trama"].as_array().map(Vec::len), Some(2));
    let mut wrong = params;
    wrong["newName"] = json!("match");
    assert_eq!(client.answer("textDocument/rename", wrong)["error"]["code"], -32803);
    assert_eq!(client.ask_at("textDocument/hover", 7, 0)["contents"]["kind"], "markdown");
    assert_eq!(client.ask_at("textDocument/hover", 900, 0), Value::Null);
    client.end();
}

#[test]
fn imported_files_are_those_of_the_editor() {
    let mut client = Client::open("imports", "import \"b.trama\"\nconst A: u8 = B\n");
    let found = client.diagnostics("file:///t/a.trama", 1);
    assert_eq!(found[0]["code"], "E0510", "{found:?}");
    client.did_open("file:///t/b.trama", "const B: u8 = 1\n");
    let codes = |found: &[Value]| -> Vec<String> {
        found.iter().map(|d| d["code"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let missing = |codes: &[String]| codes.iter().any(|c| c == "E0510" || c == "E0101");
    let found = client.diagnostics("file:///t/a.trama", 1);
    assert!(!missing(&codes(&found)), "{found:?}");
    let document = json!({ "uri": "file:///t/b.trama", "version": 2 });
    let changes = json!([{ "text": "const C: u8 = 1\n" }]);
    client.tell(
        "textDocument/didChange",
        json!({ "textDocument": document, "contentChanges": changes }),
    );
    let found = client.diagnostics("file:///t/a.trama", 1);
    assert!(missing(&codes(&found)), "{found:?}");
    client.end();
}

#[test]
fn the_protocol_is_kept_by_both_sides() {
    let mut client = Client::start("protocol");
    let early = client.answer("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    client.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(client.answer("initialize", json!({}))["error"]["code"], -32600);
    assert_eq!(client.answer("no/such", json!({}))["error"]["code"], -32601);
    for params in [
        json!(null),
        json!({ "textDocument": { "uri": "file:///x" } }),
        json!({ "textDocument": 5, "position": {} }),
    ] {
        assert_eq!(client.answer("textDocument/hover", params)["error"]["code"], -32602);
    }
    client.tell("$/cancelRequest", json!({ "id": 1 }));
    client.tell("textDocument/didChange", json!({ "textDocument": { "uri": "file:///x" } }));
    client.send(&json!([1, 2]));
    client.raw("Content-Length: 3\r\n\r\n{{{");
    let errors: Vec<_> = (0..2).map(|_| client.read().expect("an answer")).collect();
    assert_eq!(errors[0]["error"]["code"], -32600);
    assert_eq!(errors[1]["error"]["code"], -32700);
    client.ask("shutdown", Value::Null);
    assert_eq!(client.answer("textDocument/hover", json!({}))["error"]["code"], -32600);
    client.tell("exit", Value::Null);
    assert_eq!(client.code(), Some(0));
}

#[test]
fn a_client_that_just_goes_is_told_by_the_exit_code() {
    let mut client = Client::start("gone");
    assert_eq!(client.code(), Some(1));
    let mut client = Client::open("exit", PROGRAM);
    client.tell("exit", Value::Null);
    assert_eq!(client.code(), Some(1));
    let mut client = Client::start("foreign");
    client.raw("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.code(), Some(2));
}

/// Random edits of a real program, as somebody types them: every question is answered, and in the
/// end the server's text is the client's.
#[test]
fn typing_anything_is_survived() {
    let text = std::fs::read_to_string(project("examples/monitor.trama")).expect("it is there");
    let mut client = Client::open("typing", &text);
    let mut rng = Rng::stream(3, "typing");
    let pieces = ["{", "}", "\"", ".", "\u{1f600}", "p.", "state ", "\r\n", "on lan(", "/*", ""];
    let methods = [
        "textDocument/hover",
        "textDocument/completion",
        "textDocument/definition",
        "textDocument/documentSymbol",
        "textDocument/references",
        "textDocument/inlayHint",
    ];
    let lines = text.lines().count() as u64;
    for version in 2..60 {
        let (line, from) = (rng.next_u64() % (lines + 2), rng.next_u64() % 60);
        let to = from + rng.next_u64() % 4;
        let range = json!({ "start": { "line": line, "character": from },
                            "end": { "line": line, "character": to } });
        let piece = pieces[(rng.next_u64() % pieces.len() as u64) as usize];
        client.change(version, json!([{ "range": range, "text": piece }]));
        let method = methods[(rng.next_u64() % methods.len() as u64) as usize];
        client.ask_at(method, line as u32, from as u32);
    }
    client.change(60, json!([{ "text": text }]));
    assert_eq!(client.diagnostics("file:///t/a.trama", 60), [] as [Value; 0]);
    client.end();
}
