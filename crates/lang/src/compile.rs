//! From the text of a program to its IR: parsing with imports, checking, instantiation.

use crate::algebra::{Names, Update};
use crate::check::element::{check_element, check_items};
use crate::check::items::Items;
use crate::check::network::{Args, Subject, bind_args, instantiate};
use crate::check::sink::{Notes, Sink};
use crate::check::tables::FileTables;
use crate::check::types::resolve;
use crate::check::update::fold_update;
use crate::check::value::{Tables, Value, eval_const};
use crate::diagnostic::{Diagnostic, Severity};
use crate::expand::{self, Made};
use crate::files::Files;
use crate::ir::Program;
use crate::library;
use crate::source::{SourceMap, Span};
use crate::syntax::{ast, parse, parse_expr};
use std::rc::Rc;
use trama_wire::bytes::ByteString;

/// Most files of one program, imports included.
pub const FILES_MAX: usize = 256;

/// The parsed files of a program and of the library.
#[derive(Debug)]
pub struct Unit {
    /// All texts; spans of messages and of the IR point into them.
    pub sources: SourceMap,
    files: Vec<ast::File>,
    first_library: usize,
    /// First of the files that were made from folds and queries.
    first_made: usize,
    diagnostics: Vec<Diagnostic>,
}

/// What to instantiate, and with which parameters.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name of a network or element; the last network of the program if absent, or its only
    /// element.
    pub subject: Option<String>,
    /// Parameters of the subject as text, by name. For a table, the path of its file.
    pub set: Vec<(String, String)>,
    /// Checks what is not going to run: parameters without a value get a stand-in, and a file may
    /// hold elements only.
    pub check_only: bool,
    /// Keeps what the checker finds out about places in the source, for an editor.
    pub notes: bool,
}

/// The result of checking: a program if there were no errors, and all messages.
#[derive(Debug)]
pub struct Checked {
    /// The program, if it is sound.
    pub program: Option<Program>,
    /// Messages in the order of the source.
    pub diagnostics: Vec<Diagnostic>,
    /// What was found out about places in the source; empty unless asked for.
    pub notes: Notes,
}

impl Checked {
    /// Number of errors among the messages.
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }
}

impl Unit {
    /// Parses a program called `name`, the files that it imports, and the library.
    pub fn parse(name: &str, text: &str, files: &dyn Files) -> Self {
        let mut unit = Self {
            sources: SourceMap::default(),
            files: Vec::new(),
            first_library: 0,
            first_made: 0,
            diagnostics: Vec::new(),
        };
        unit.add(name, text);
        let mut next = 0;
        while let Some(file) = unit.files.get(next) {
            let imports: Vec<_> = (file.items.iter())
                .filter_map(|item| match &item.kind {
                    ast::ItemKind::Import(path, span) => Some((path.clone(), *span)),
                    _ => None,
                })
                .collect();
            for (path, span) in imports {
                unit.import(next, &path, span, files);
            }
            next += 1;
        }
        unit.first_library = unit.files.len();
        for (name, text) in library::FILES {
            unit.add(&library::file_name(name), text);
        }
        unit.first_made = unit.files.len();
        unit.expand(files);
        unit
    }

    /// Adds what folds and queries stand for.
    fn expand(&mut self, files: &dyn Files) {
        let made = expand::folds(&self.files, &self.sources);
        self.add_made(made);
        let made = {
            let tables = self.tables(files);
            let items = Items::new(&self.files, self.first_library, &mut Sink::new());
            if items.queries.is_empty() {
                return;
            }
            expand::queries(&items, &tables, &self.sources)
        };
        self.add_made(made);
    }

    fn add_made(&mut self, mut made: Made) {
        let mut told = std::mem::take(&mut made.diagnostics);
        let (file, messages) = made.file(&mut self.sources);
        self.files.push(file);
        told.extend(messages.into_iter().map(|d| expand::at_origin(d, &self.sources)));
        for message in told {
            // What cannot be read there could not be read here.
            let is_known = |d: &Diagnostic| d.code == message.code && d.label.0 == message.label.0;
            if !self.diagnostics.iter().any(is_known) {
                self.diagnostics.push(message);
            }
        }
    }

    fn add(&mut self, name: &str, text: &str) {
        let index = self.sources.add(name, text);
        let (file, messages) = parse(&self.sources, index);
        self.files.push(file);
        self.diagnostics.extend(messages);
    }

    fn import(&mut self, from: usize, path: &str, span: Span, files: &dyn Files) {
        let error = |message: String| Diagnostic::error("E0510", message, span, "imported here");
        match files.read(&self.sources.files[from].name, path) {
            Err(why) => self.diagnostics.push(error(why)),
            // A file that is imported twice, or by itself, is there once.
            Ok((name, _)) if self.sources.files.iter().any(|f| f.name == name) => {}
            Ok(_) if self.files.len() >= FILES_MAX => {
                self.diagnostics.push(error(format!("a program has at most {FILES_MAX} files")));
            }
            Ok((name, text)) => self.add(&name, &text),
        }
    }

    /// The file the program begins with.
    pub fn main_file(&self) -> &ast::File {
        &self.files[0]
    }

    /// All files: the program's, then those of the library.
    pub fn files(&self) -> &[ast::File] {
        &self.files
    }

    /// The files of the program, imports included.
    pub fn user_files(&self) -> &[ast::File] {
        &self.files[..self.first_library]
    }

    /// The files of the library.
    pub fn library_files(&self) -> &[ast::File] {
        &self.files[self.first_library..self.first_made]
    }

    /// The captures that the program names for the ports of `subject`: port, path, and the name of
    /// the source file that the path is relative to.
    pub fn inputs(&self, subject: &str) -> Vec<(String, String, String)> {
        let blocks = self.files[..self.first_library].iter().flat_map(|f| &f.items);
        blocks
            .filter_map(|item| match &item.kind {
                ast::ItemKind::Inputs(inputs) if inputs.name.text == subject => Some(inputs),
                _ => None,
            })
            .flat_map(|inputs| &inputs.files)
            .map(|(port, path, span)| {
                let from = self.sources.files[span.file as usize].name.clone();
                (port.text.clone(), path.clone(), from)
            })
            .collect()
    }

    /// Checks everything in the program and instantiates what the options say.
    pub fn check(&mut self, options: &Options, files: &dyn Files) -> Checked {
        let set: Vec<_> = (options.set.iter())
            .map(|(name, text)| {
                let file = self.sources.add(format!("--set {name}"), text.clone());
                (name.clone(), text.clone(), file)
            })
            .collect();
        let mut sink = Sink::new();
        sink.notes = options.notes.then(Notes::default);
        let tables = self.tables(files);
        let items = Items::new(&self.files, self.first_library, &mut sink);
        let check_only = options.check_only;
        let (items_of, tables_of) = (&items, &tables);
        let mut checker =
            Checker { unit: self, items: items_of, tables: tables_of, sink: &mut sink, check_only };
        let subject = checker.subject(options.subject.as_deref());
        let program = subject.and_then(|subject| {
            let args = checker.args(subject, &set)?;
            instantiate(&items, &tables, subject, &args, checker.sink)
        });
        checker.rest(subject);
        self.checked(program, sink)
    }

    /// Instantiates what a test is for.
    pub fn check_test(&self, test: &ast::Test, files: &dyn Files) -> Checked {
        let mut sink = Sink::new();
        let tables = self.tables(files);
        let items = Items::new(&self.files, self.first_library, &mut sink);
        let name = &test.subject.name;
        let program = match Subject::to_run(&items, &name.text) {
            None => {
                let message = format!("there is no element or network `{}`", name.text);
                sink.error("E0501", message, name.span, "not known");
                None
            }
            Some(subject) => {
                bind_args(&items, &tables, subject, &test.subject, &Args::new(), &mut sink)
                    .and_then(|args| instantiate(&items, &tables, subject, &args, &mut sink))
            }
        };
        self.checked(program, sink)
    }

    /// Evaluates a constant expression of the program, for example in a test.
    pub fn constant(&self, expr: &ast::Expr, files: &dyn Files) -> Result<Value, Vec<Diagnostic>> {
        let mut sink = Sink::new();
        let tables = self.tables(files);
        let items = Items::new(&self.files, self.first_library, &mut sink);
        let value = eval_const(&items, &Args::new(), expr, None, &tables, &mut sink);
        value.ok_or(sink.diagnostics)
    }

    /// The program's own folds, each with its update and the names to print it in.
    pub fn folds(&self, files: &dyn Files) -> Vec<(&ast::Fold, Update, Names)> {
        let tables = self.tables(files);
        let items = Items::new(&self.files, self.first_library, &mut Sink::new());
        let user = self.files[..self.first_library].iter().flat_map(|file| &file.items);
        user.filter_map(|item| match &item.kind {
            ast::ItemKind::Fold(fold) => {
                let (update, names) = fold_update(&items, fold, &tables)?;
                Some((fold, update, names))
            }
            _ => None,
        })
        .collect()
    }

    /// The text that folds and queries of the program and the library became.
    pub fn made(&self) -> impl Iterator<Item = &ast::File> {
        self.files[self.first_made..].iter()
    }

    fn tables<'f>(&self, files: &'f dyn Files) -> FileTables<'f> {
        FileTables { files, names: self.sources.files.iter().map(|f| f.name.clone()).collect() }
    }

    /// The items in which the parser found mistakes.
    fn misread_items(&self) -> Vec<Span> {
        let mistakes = self.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        let mistakes: Vec<Span> = mistakes.map(|d| d.label.0).collect();
        let items = self.files.iter().flat_map(|file| &file.items).map(|item| item.span);
        items.filter(|item| mistakes.iter().any(|at| item.contains(*at))).collect()
    }

    /// True for what the checker only says because of a mistake that the parser found: within the
    /// same item, about a name whose declaration may have been lost, or about things not used.
    fn follows_from_syntax(&self, d: &Diagnostic, misread: &[Span]) -> bool {
        const NAMES: [&str; 7] = ["E0101", "E0102", "E0103", "E0106", "E0501", "E0511", "E1002"];
        let any = self.diagnostics.iter().any(|d| d.severity == Severity::Error);
        let about_names = NAMES.contains(&d.code) || d.severity == Severity::Warning;
        any && (about_names || misread.iter().any(|item| item.contains(d.label.0)))
    }

    fn checked(&self, program: Option<Program>, mut sink: Sink) -> Checked {
        let notes = sink.notes.take().unwrap_or_default();
        let mut diagnostics = self.diagnostics.clone();
        // What the library declares and a program does not use is no news.
        let library = self.first_library as u32..self.files.len() as u32;
        let is_news =
            |d: &Diagnostic| d.severity == Severity::Error || !library.contains(&d.label.0.file);
        let misread = self.misread_items();
        let follows = |d: &Diagnostic| self.follows_from_syntax(d, &misread);
        let told = sink.diagnostics.into_iter().filter(|d| is_news(d));
        let told = told.map(|d| expand::at_origin(d, &self.sources)).filter(|d| !follows(d));
        for d in told {
            let is_known = |known: &Diagnostic| known.code == d.code && known.label.0 == d.label.0;
            if !diagnostics.iter().any(is_known) {
                diagnostics.push(d);
            }
        }
        diagnostics.sort_by_key(|d| (d.label.0.file, d.label.0.start));
        let sound = diagnostics.iter().all(|d| d.severity != Severity::Error);
        Checked { program: program.filter(|_| sound), diagnostics, notes }
    }
}

/// The tests of a file, in order.
pub fn tests_of(file: &ast::File) -> Vec<&ast::Test> {
    (file.items.iter())
        .filter_map(|item| match &item.kind {
            ast::ItemKind::Test(test) => Some(test),
            _ => None,
        })
        .collect()
}

struct Checker<'c, 'a> {
    unit: &'a Unit,
    items: &'c Items<'a>,
    tables: &'c dyn Tables,
    sink: &'c mut Sink,
    check_only: bool,
}

impl<'a> Checker<'_, 'a> {
    /// What the program is: the named network or element, the last network, or the only element.
    fn subject(&mut self, name: Option<&str>) -> Option<Subject<'a>> {
        let start = Span { file: 0, start: 0, end: 0 };
        if let Some(name) = name {
            let found = Subject::to_run(self.items, name);
            if found.is_none() {
                let message = format!("there is no network or element `{name}`");
                self.sink.error("E0511", message, start, "in this program");
            }
            return found;
        }
        if let Some(&network) = self.items.network_order.last() {
            return Some(Subject::Network(network));
        }
        if !self.items.query_order.is_empty() {
            return Subject::find(self.items, expand::NETWORK);
        }
        let elements: Vec<_> = (self.unit.main_file().items.iter())
            .filter_map(|item| match &item.kind {
                ast::ItemKind::Element(element) => Some(element),
                _ => None,
            })
            .collect();
        match elements[..] {
            [element] => return Some(Subject::Element(element)),
            [_, ..] if self.check_only => {}
            // A file that could not be parsed has had its message.
            _ if self.unit.diagnostics.iter().any(|d| d.severity == Severity::Error) => {}
            [] => self.sink.report(
                Diagnostic::error("E0511", "the program has no network", start, "in this file")
                    .note("write `network name { port a, b … }`, or an element"),
            ),
            _ => self.sink.report(
                Diagnostic::error("E0511", "the program has no network", start, "in this file")
                    .note("it has several elements: choose one with --network"),
            ),
        }
        None
    }

    /// Parameters: as given, else by default.
    fn args(&mut self, subject: Subject<'_>, set: &[(String, String, u32)]) -> Option<Args> {
        let mut given = Vec::new();
        let mut sound = true;
        let mut bound = Args::new();
        for (name, text, file) in set {
            let whole = Span { file: *file, start: 0, end: text.len() as u32 };
            let ident = ast::Ident { text: name.clone(), span: whole };
            let Some(param) = subject.params().iter().find(|p| p.name.text == *name) else {
                // Reported by `bind_args`, like an unknown argument.
                let kind = ast::ExprKind::Error;
                given.push((ident, ast::Expr { kind, span: whole }));
                continue;
            };
            let kind = match self.set_value(param, text, *file, whole) {
                Some(value) => {
                    bound.insert(name.clone(), value);
                    ast::ExprKind::Name(name.clone())
                }
                None => {
                    sound = false;
                    ast::ExprKind::Error
                }
            };
            given.push((ident, ast::Expr { kind, span: whole }));
        }
        let name = subject.name().clone();
        if self.check_only {
            for param in subject.params().iter().filter(|p| p.default.is_none()) {
                let given_already = bound.contains_key(&param.name.text);
                let ty = resolve(self.items, &param.ty, self.sink);
                if let (false, Some(value)) = (given_already, Value::placeholder(&ty)) {
                    let kind = ast::ExprKind::Name(param.name.text.clone());
                    given.push((param.name.clone(), ast::Expr { kind, span: param.name.span }));
                    bound.insert(param.name.text.clone(), value);
                }
            }
        }
        let instance = ast::Instance { span: name.span, name, args: given };
        let args = bind_args(self.items, self.tables, subject, &instance, &bound, self.sink);
        args.filter(|_| sound)
    }

    fn set_value(
        &mut self,
        param: &ast::Param,
        text: &str,
        file: u32,
        whole: Span,
    ) -> Option<Value> {
        let ty = resolve(self.items, &param.ty, self.sink);
        if let crate::check::types::Type::Table(record) = &ty {
            // A path given on the command line is relative to the program, as in the program.
            let from = Span { file: 0, ..whole };
            return self.tables.load(from.file, text, None, &Rc::clone(record), whole, self.sink);
        }
        if ty == crate::check::types::Type::Str {
            return Some(Value::Str(text.into()));
        }
        if let crate::check::types::Type::Bytes(max) = ty {
            if text.len() > usize::from(max) {
                let message = format!("{} bytes do not fit `{ty}`", text.len());
                self.sink.error("E0202", message, whole, format!("the most is {max}"));
                return None;
            }
            let leaves = ByteString::new(text.as_bytes()).leaves(max);
            return Some(Value::Data { ty, leaves });
        }
        let (expr, messages) = parse_expr(&self.unit.sources, file);
        let sound = messages.is_empty();
        messages.into_iter().for_each(|m| self.sink.report(m));
        let none = Args::new();
        let value = eval_const(self.items, &none, &expr, Some(&ty), self.tables, self.sink);
        value.filter(|_| sound)
    }

    /// Checks the user's networks, elements and constants that the subject did not bring in.
    fn rest(&mut self, subject: Option<Subject<'_>>) {
        let done = subject.map(|s| s.name().span);
        let user = &self.unit.files[..self.unit.first_library];
        for file in user {
            for item in &file.items {
                let query = match &item.kind {
                    ast::ItemKind::Query(query) => Subject::find(self.items, &query.name.text),
                    _ => None,
                };
                if let Some(Subject::Element(element)) = query {
                    check_element(self.items, element, self.tables, self.sink);
                    continue;
                }
                let subject = match &item.kind {
                    ast::ItemKind::Network(network) => Subject::Network(network),
                    ast::ItemKind::Element(element) => Subject::Element(element),
                    _ => continue,
                };
                if done == Some(subject.name().span) {
                    continue;
                }
                if let Some(args) = self.placeholders(subject) {
                    instantiate(self.items, self.tables, subject, &args, self.sink);
                }
            }
        }
        check_items(self.items, user, self.tables, self.sink);
        check_items(self.items, &self.unit.files[self.unit.first_made..], self.tables, self.sink);
    }

    /// Values to check something with that nobody instantiates.
    fn placeholders(&mut self, subject: Subject<'_>) -> Option<Args> {
        let mut args = Args::new();
        for param in subject.params() {
            let ty = resolve(self.items, &param.ty, self.sink);
            let value = match &param.default {
                Some(expr) => {
                    eval_const(self.items, &args, expr, Some(&ty), self.tables, self.sink)
                }
                None => Value::placeholder(&ty),
            };
            args.insert(param.name.text.clone(), value?);
        }
        Some(args)
    }
}
