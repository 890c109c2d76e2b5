//! The language server: what `lang::ide` knows, in the Language Server Protocol 3.17.
//!
//! The messages that a client may send are few, so they are taken apart by hand with `serde_json`,
//! which is here anyway. One message is handled after the other; a document is analysed when an
//! answer about it is due, or when no further message is waiting, so typing fast costs one analysis
//! and not one for each key.

mod answers;
mod place;
mod text;
mod transport;

use crate::files::DiskFiles;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use text::Encoding;
use trama_lang::files::Files;
use trama_lang::ide::Analysis;
use transport::{Fault, Incoming, Transport};

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client said `shutdown`, then `exit`.
    Proper,
    /// The client went away without `shutdown`.
    Gone,
    /// What came is not this protocol.
    Foreign(String),
}

/// Serves a client until it goes.
pub(crate) fn serve(input: impl Read, output: impl Write) -> End {
    let mut transport = Transport::new(input, output);
    let mut server = Server::default();
    loop {
        if transport.is_idle() {
            server.publish(&mut transport);
        }
        let message = match transport.receive() {
            Incoming::Message(message) => message,
            Incoming::Garbled(why) => {
                transport.respond(&Value::Null, Err(Fault::parse(&why)));
                continue;
            }
            Incoming::End => return End::Gone,
            Incoming::Foreign(why) => return End::Foreign(why),
        };
        let method = message.get("method").and_then(Value::as_str);
        let params = message.get("params").unwrap_or(&Value::Null);
        match (method, message.get("id")) {
            (Some("exit"), None) => {
                return if server.phase == Phase::Ended { End::Proper } else { End::Gone };
            }
            (Some(method), None) => server.notified(method, params),
            (Some(method), Some(id)) => {
                let result = server.asked(method, params);
                transport.respond(id, result);
            }
            // Answers to requests: this server asks none.
            (None, Some(_)) if message.get("result").or(message.get("error")).is_some() => {}
            (None, id) => {
                let fault = Fault::invalid_request("neither a request nor a notification");
                transport.respond(id.unwrap_or(&Value::Null), Err(fault));
            }
        }
    }
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Fresh,
    Open,
    Ended,
}

/// An open document.
#[derive(Debug, Default)]
struct Document {
    text: String,
    version: Value,
    /// The current text, understood.
    analysis: Option<Analysis>,
    /// Its messages have been sent.
    is_published: bool,
}

#[derive(Debug, Default)]
struct Server {
    phase: Phase,
    encoding: Encoding,
    /// By URI.
    documents: BTreeMap<String, Document>,
}

/// Open documents first, then the disk.
struct Overlay<'d>(&'d BTreeMap<String, String>);

impl Files for Overlay<'_> {
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String> {
        let name = crate::files::beside(from, path).display().to_string();
        match self.0.get(&name) {
            Some(text) => Ok((name, text.clone())),
            None => DiskFiles.read(from, path),
        }
    }
}

/// The name of a document in messages: its path if it is a file.
fn name_of(uri: &str) -> String {
    place::path_of(uri).map_or_else(|| uri.to_owned(), |path| path.display().to_string())
}

/// The URI of a document named in the parameters.
fn uri_of(params: &Value) -> Result<&str, Fault> {
    let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
    uri.ok_or_else(|| Fault::params("`textDocument.uri` is missing"))
}

impl Server {
    /// Handles what wants no answer. What makes no sense is ignored, as the protocol says.
    fn notified(&mut self, method: &str, params: &Value) {
        if self.phase != Phase::Open {
            return;
        }
        let Ok(uri) = uri_of(params).map(str::to_owned) else {
            if method == "workspace/didChangeWatchedFiles" {
                self.forget("");
            }
            return;
        };
        match method {
            "textDocument/didOpen" => {
                let text = params.pointer("/textDocument/text").and_then(Value::as_str);
                let version = params.pointer("/textDocument/version").cloned();
                let document = Document {
                    text: text.unwrap_or_default().to_owned(),
                    version: version.unwrap_or_default(),
                    ..Document::default()
                };
                self.documents.insert(uri.clone(), document);
            }
            "textDocument/didChange" => self.change(&uri, params),
            "textDocument/didClose" => {
                self.documents.remove(&uri);
            }
            "textDocument/didSave" => {}
            _ => return,
        }
        self.forget(&uri);
    }

    fn change(&mut self, uri: &str, params: &Value) {
        let encoding = self.encoding;
        let Some(document) = self.documents.get_mut(uri) else { return };
        let changes = params.get("contentChanges").and_then(Value::as_array);
        for change in changes.into_iter().flatten() {
            text::apply(&mut document.text, change, encoding);
        }
        if let Some(version) = params.pointer("/textDocument/version") {
            document.version = version.clone();
        }
    }

    /// Forgets what was understood of a document, and of those that import it.
    fn forget(&mut self, uri: &str) {
        let name = name_of(uri);
        for (known, document) in &mut self.documents {
            let imports = |analysis: &Analysis| {
                // A file that could not be imported may be there now.
                let is_broken =
                    analysis.diagnostics.iter().any(|d| matches!(d.code, "E0510" | "E0520"));
                is_broken || analysis.sources().files.iter().any(|file| file.name == name)
            };
            if known == uri || uri.is_empty() || document.analysis.as_ref().is_some_and(imports) {
                document.analysis = None;
                document.is_published = false;
            }
        }
    }

    /// The texts of the open documents by name.
    fn overlay(&self) -> BTreeMap<String, String> {
        self.documents.iter().map(|(uri, d)| (name_of(uri), d.text.clone())).collect()
    }

    /// Sends the messages about documents that changed.
    fn publish(&mut self, transport: &mut Transport<impl Read, impl Write>) {
        let stale: Vec<String> = (self.documents.iter())
            .filter(|(_, document)| !document.is_published)
            .map(|(uri, _)| uri.clone())
            .collect();
        if stale.is_empty() {
            return;
        }
        let overlay = self.overlay();
        for uri in stale {
            let Some(document) = self.documents.get_mut(&uri) else { continue };
            document.is_published = true;
            let encoding = self.encoding;
            let understood = catch_unwind(AssertUnwindSafe(|| {
                let analysis = document.analysed(&uri, &overlay);
                answers::diagnostics(analysis, &uri, encoding)
            }));
            // A bug in the checker is not to take the editor's server away.
            let Ok(diagnostics) = understood else { continue };
            let params = json!({
                "uri": uri, "version": document.version, "diagnostics": diagnostics,
            });
            transport.notify("textDocument/publishDiagnostics", &params);
        }
    }

    /// Answers a request.
    fn asked(&mut self, method: &str, params: &Value) -> Result<Value, Fault> {
        match (self.phase, method) {
            (Phase::Fresh, "initialize") => return Ok(self.initialize(params)),
            (Phase::Fresh, _) => return Err(Fault::not_initialized()),
            (Phase::Open, "initialize") => {
                return Err(Fault::invalid_request("`initialize` comes once"));
            }
            (Phase::Open, "shutdown") => {
                self.phase = Phase::Ended;
                return Ok(Value::Null);
            }
            (Phase::Open, _) => {}
            (Phase::Ended, _) => return Err(Fault::invalid_request("`shutdown` was before")),
        }
        let Some(answer) = answers::by_method(method) else {
            return Err(Fault::no_method(method));
        };
        let uri = uri_of(params)?;
        let overlay = self.overlay();
        let encoding = self.encoding;
        let Some(document) = self.documents.get_mut(uri) else {
            return Err(Fault::params(format!("`{uri}` is not open")));
        };
        let files = Overlay(&overlay);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let text = document.text.clone();
            let analysis = document.analysed(uri, &overlay);
            answer(answers::Ask { analysis, files: &files, uri, text: &text, params, encoding })
        }));
        result.unwrap_or_else(|_| {
            document.analysis = None;
            Err(Fault::internal("this is a bug in Trama; please report it with the program"))
        })
    }

    fn initialize(&mut self, params: &Value) -> Value {
        self.phase = Phase::Open;
        let offered = params.pointer("/capabilities/general/positionEncodings");
        let offered =
            offered.and_then(Value::as_array).is_some_and(|e| e.contains(&"utf-8".into()));
        self.encoding = if offered { Encoding::Utf8 } else { Encoding::Utf16 };
        json!({
            "serverInfo": { "name": "trama", "version": env!("CARGO_PKG_VERSION") },
            "capabilities": {
                "positionEncoding": if offered { "utf-8" } else { "utf-16" },
                "textDocumentSync": { "openClose": true, "change": 2, "save": true },
                "hoverProvider": true,
                "definitionProvider": true,
                "referencesProvider": true,
                "documentHighlightProvider": true,
                "documentSymbolProvider": true,
                "documentFormattingProvider": true,
                "renameProvider": { "prepareProvider": true },
                "inlayHintProvider": true,
                "completionProvider": { "triggerCharacters": ["."] },
                "codeActionProvider": { "codeActionKinds": ["quickfix"] },
            },
        })
    }
}

impl Document {
    fn analysed(&mut self, uri: &str, overlay: &BTreeMap<String, String>) -> &mut Analysis {
        self.analysis
            .get_or_insert_with(|| Analysis::new(&name_of(uri), &self.text, &Overlay(overlay)))
    }
}

/// The URI of a source file of an analysis: the document's own, a file's, or that of a copy of a
/// library file.
fn uri_of_source(name: &str, index: u32, uri: &str) -> Option<String> {
    if index == 0 {
        return Some(uri.to_owned());
    }
    if name.starts_with("<library>/") {
        return place::library_file(name).map(|path| place::uri_of(&path));
    }
    Some(place::uri_of(Path::new(name)))
}
