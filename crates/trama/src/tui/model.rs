//! What the view shows: counters of a run over time, as data.

use std::collections::VecDeque;
use trama_base::Nanos;
use trama_lang::engine::{Engine, Entry, LogLine, NodeReport, Report, Traffic};
use trama_lang::ir::{Dest, Program};
use trama_lang::values;
use trama_live::run::Progress;
use trama_state::StateKind;

/// Rates are over at least this long.
const WINDOW: Nanos = Nanos::from_millis(900);

/// Rates remembered of each port.
const HISTORY: usize = 120;

/// Log lines kept.
const LOG_LINES_MAX: usize = 1000;

/// Entries shown of a state object.
const ENTRIES_MAX: usize = 200;

/// A page of the view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Page {
    /// Ports and drops.
    #[default]
    Traffic,
    /// Elements.
    Elements,
    /// State objects, and the entries of one.
    State,
    /// Log and alert lines.
    Log,
}

impl Page {
    /// All pages in order, with their names.
    pub(super) const ALL: [(Self, &str); 4] = [
        (Self::Traffic, "Traffic"),
        (Self::Elements, "Elements"),
        (Self::State, "State"),
        (Self::Log, "Log"),
    ];
}

/// What a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Ends the run.
    Quit,
    /// Freezes what is shown, or goes on; the traffic goes on in any case.
    Pause,
    /// Another page.
    Show(Page),
    /// The next page.
    NextPage,
    /// The page before.
    PreviousPage,
    /// Moves the selection.
    Move(isize),
    /// Sorts the entries by another column.
    Sort,
}

/// Rates of one direction of a port.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    /// Packets per second.
    pub(super) packets: f64,
    /// Bits per second.
    pub(super) bits: f64,
    /// Packets per second before, the latest last.
    pub(super) history: VecDeque<u64>,
}

/// An element with its traffic.
#[derive(Clone, Debug, Default)]
pub(super) struct ElementRow {
    /// Name, and that of its element.
    pub(super) name: String,
    /// Packets in, all ports together.
    pub(super) received: u64,
    /// Packets out.
    pub(super) sent: u64,
    /// Packets dropped.
    pub(super) dropped: u64,
    /// Packets in per second.
    pub(super) rate: f64,
    /// Where its ports lead: `lan → firewall.wan`.
    pub(super) wires: Vec<String>,
}

/// A state object.
#[derive(Clone, Debug, Default)]
pub(super) struct StateRow {
    /// Element and name.
    pub(super) name: String,
    /// Kind with its parameters.
    pub(super) kind: String,
    /// Entries now, at most, and ever at once.
    pub(super) len: u64,
    pub(super) capacity: u64,
    pub(super) peak: u64,
    /// Entries that went with time, to make room; writes that found none.
    pub(super) expired: u64,
    pub(super) evicted: u64,
    pub(super) refused: u64,
}

/// Rates of an element.
#[derive(Clone, Debug, Default)]
struct NodeRates {
    /// Packets in per second.
    received: f64,
    /// Packets lost per second, for each of [`losses`].
    losses: Vec<f64>,
}

/// Packets of all ports together.
fn packets(traffic: &[Traffic]) -> u64 {
    traffic.iter().map(|t| t.packets).sum()
}

/// Packets that an element lost: to `discard`, then for each of its reasons.
fn losses(report: &NodeReport) -> impl Iterator<Item = u64> {
    std::iter::once(report.discarded).chain(report.drops.iter().copied())
}

/// The state of the view.
pub(super) struct Model {
    program: Program,
    /// A log line's element by index.
    names: Vec<String>,
    /// Nothing new is shown.
    pub(super) is_paused: bool,
    /// The run has ended, and why.
    pub(super) ended: Option<&'static str>,
    /// What is shown.
    pub(super) page: Page,
    /// Selected row of the page.
    pub(super) selected: usize,
    /// By which column of the value the entries are sorted.
    pub(super) sort: usize,
    /// Progress at the last update.
    pub(super) progress: Progress,
    /// Packets per second, all inputs.
    pub(super) rate: f64,
    /// By external port: in, out.
    pub(super) rates: Vec<(Rate, Rate)>,
    /// By node.
    node_rates: Vec<NodeRates>,
    /// Counters at the last update.
    pub(super) report: Report,
    /// Element, reason, packets, packets per second; the most first.
    pub(super) drops: Vec<(String, String, u64, f64)>,
    /// State objects.
    pub(super) states: Vec<StateRow>,
    /// Indices of node and state object for each row.
    places: Vec<(usize, usize)>,
    /// Entries of the selected state object, and how many there are.
    pub(super) entries: (Vec<String>, usize),
    /// Name of the column that they are sorted by.
    pub(super) sorted_by: String,
    /// Time, element, alert, text; the latest last.
    pub(super) logs: VecDeque<LogLine>,
    /// Counters at the start of the window over which rates are taken.
    before: (Nanos, u64, Report),
}

impl Model {
    /// The view of a program that has not run.
    pub(super) fn new(program: &Program) -> Self {
        let mut states = Vec::new();
        let mut places = Vec::new();
        for (n, node) in program.nodes.iter().enumerate() {
            for (s, spec) in node.states.iter().enumerate() {
                places.push((n, s));
                states.push(StateRow {
                    name: format!("{}.{}", node.name, spec.name),
                    kind: spec.kind.to_string(),
                    capacity: spec.kind.capacity(),
                    ..StateRow::default()
                });
            }
        }
        Self {
            names: program.nodes.iter().map(|node| node.name.clone()).collect(),
            program: program.clone(),
            is_paused: false,
            ended: None,
            page: Page::default(),
            selected: 0,
            sort: 0,
            progress: Progress::default(),
            rate: 0.0,
            rates: vec![Default::default(); program.ports.len()],
            node_rates: Vec::new(),
            report: Report::default(),
            drops: Vec::new(),
            states,
            places,
            entries: Default::default(),
            sorted_by: String::new(),
            logs: VecDeque::new(),
            before: (Nanos::ZERO, 0, Report::default()),
        }
    }

    /// Name of the program.
    pub(super) fn program(&self) -> &str {
        &self.program.name
    }

    /// Names of the external ports.
    pub(super) fn ports(&self) -> &[String] {
        &self.program.ports
    }

    /// Name of the element that wrote a line.
    pub(super) fn writer(&self, line: &LogLine) -> &str {
        self.names.get(line.node as usize).map_or("", String::as_str)
    }

    /// Takes what happened. Log lines are taken even while paused: the engine keeps only some.
    pub(super) fn update(&mut self, progress: &Progress, engine: &mut dyn Engine) {
        self.logs.extend(engine.take_logs());
        while self.logs.len() > LOG_LINES_MAX {
            self.logs.pop_front();
        }
        if self.is_paused {
            return;
        }
        let report = engine.report();
        let interval = progress.elapsed.since(self.before.0);
        if interval >= WINDOW || self.ended.is_some() {
            self.rates_over(interval.as_secs_f64().max(1e-9), progress, &report);
            self.before = (progress.elapsed, progress.packets, report.clone());
        }
        for (row, &(n, s)) in self.states.iter_mut().zip(&self.places) {
            let stats = report.nodes.get(n).and_then(|node| node.states.get(s));
            let stats = stats.copied().unwrap_or_default();
            (row.len, row.peak) = (stats.len, stats.peak);
            (row.expired, row.evicted, row.refused) = (stats.expired, stats.evicted, stats.refused);
        }
        self.report = report;
        self.progress = progress.clone();
        self.update_drops();
        if self.page == Page::State {
            self.update_entries(engine);
        }
    }

    fn rates_over(&mut self, seconds: f64, progress: &Progress, report: &Report) {
        let old = &self.before.2;
        self.rate = (progress.packets - self.before.1) as f64 / seconds;
        for (port, (input, output)) in self.rates.iter_mut().enumerate() {
            let directions =
                [(input, &report.received, &old.received), (output, &report.sent, &old.sent)];
            for (rate, new, old) in directions {
                let new = new.get(port).copied().unwrap_or_default();
                let old = old.get(port).copied().unwrap_or_default();
                rate.packets = (new.packets - old.packets) as f64 / seconds;
                rate.bits = (new.bytes - old.bytes) as f64 * 8.0 / seconds;
                rate.history.push_back(rate.packets as u64);
                if rate.history.len() > HISTORY {
                    rate.history.pop_front();
                }
            }
        }
        let nothing = NodeReport::default();
        let of = |(n, new): (usize, &NodeReport)| {
            let old = old.nodes.get(n).unwrap_or(&nothing);
            let before = losses(old).chain(std::iter::repeat(0));
            let since = packets(&new.received) - packets(&old.received);
            NodeRates {
                received: since as f64 / seconds,
                losses: losses(new).zip(before).map(|(n, o)| (n - o) as f64 / seconds).collect(),
            }
        };
        self.node_rates = report.nodes.iter().enumerate().map(of).collect();
    }

    fn update_drops(&mut self) {
        let mut drops = Vec::new();
        for (n, (node, report)) in self.program.nodes.iter().zip(&self.report.nodes).enumerate() {
            let reasons = node.reasons.iter().map(String::as_str);
            let reasons = std::iter::once("discarded").chain(reasons);
            for (index, (reason, count)) in reasons.zip(losses(report)).enumerate() {
                let rates = self.node_rates.get(n);
                let rate = rates.and_then(|r| r.losses.get(index)).copied().unwrap_or_default();
                if count > 0 {
                    drops.push((node.name.clone(), reason.to_owned(), count, rate));
                }
            }
        }
        if self.report.unconnected > 0 {
            let reason = "port not connected".to_owned();
            drops.push(("(input)".into(), reason, self.report.unconnected, 0.0));
        }
        drops.sort_by_key(|drop| std::cmp::Reverse(drop.2));
        self.drops = drops;
    }

    /// The elements with their traffic.
    pub(super) fn elements(&self) -> Vec<ElementRow> {
        let row = |(n, node): (usize, &trama_lang::ir::Node)| {
            let Some(report) = self.report.nodes.get(n) else {
                return ElementRow { name: node.name.clone(), ..ElementRow::default() };
            };
            let wire = |(port, dest): (&String, &Dest)| match dest {
                Dest::Node(to, at) => {
                    let to = &self.program.nodes[*to as usize];
                    Some(format!("{port} → {}.{}", to.name, to.ports[*at as usize]))
                }
                Dest::Out(to) => Some(format!("{port} → {}", self.program.ports[*to as usize])),
                Dest::Discard => Some(format!("{port} → discard")),
                Dest::Unconnected => None,
            };
            ElementRow {
                name: format!("{} ({})", node.name, node.element),
                received: packets(&report.received),
                sent: packets(&report.sent),
                dropped: report.drops.iter().sum::<u64>(),
                rate: self.node_rates.get(n).map_or(0.0, |rates| rates.received),
                wires: node.ports.iter().zip(&node.wires).filter_map(wire).collect(),
            }
        };
        self.program.nodes.iter().enumerate().map(row).collect()
    }

    /// The entries of the selected state object with the greatest values.
    fn update_entries(&mut self, engine: &mut dyn Engine) {
        let Some(&(n, s)) = self.places.get(self.selected) else { return };
        let node = &self.program.nodes[n];
        let (spec, view) = (&node.states[s], &node.state_views[s]);
        let entries = engine.state(n, s);
        // Columns to sort by: the scalars of the value, or those of a counter.
        let shape = match spec.kind {
            StateKind::Counter { .. } => trama_state::Shape(vec![64, 64]),
            _ => spec.value.clone(),
        };
        let names: Vec<String> = match spec.kind {
            StateKind::Counter { .. } => vec!["packets".into(), "bytes".into()],
            _ => view.value.iter().map(|(name, _)| name.clone()).collect(),
        };
        let columns = shape.0.len().min(names.len());
        let column = if columns == 0 { 0 } else { self.sort % columns };
        self.sorted_by = match names.get(column) {
            None => "key".into(),
            Some(name) if name.is_empty() => "value".into(),
            Some(name) => name.clone(),
        };
        let weight = |entry: &Entry| -> u128 {
            let fits = columns > 0 && entry.value.len() >= shape.bytes();
            if fits { shape.unpack(&entry.value)[column] } else { 0 }
        };
        let mut order: Vec<(u128, usize)> =
            entries.iter().enumerate().map(|(i, entry)| (weight(entry), i)).collect();
        order.sort_by_key(|&(weight, index)| (std::cmp::Reverse(weight), index));
        let shown = order.iter().take(ENTRIES_MAX);
        let shown = shown.map(|&(_, i)| values::entry(spec, view, &entries[i])).collect();
        self.entries = (shown, entries.len());
    }

    /// Rows that can be selected on the page.
    fn rows(&self) -> usize {
        match self.page {
            Page::Traffic => self.drops.len(),
            Page::Elements => self.program.nodes.len(),
            Page::State => self.states.len(),
            Page::Log => self.logs.len(),
        }
    }

    /// Does what the user asks for; true if the run is to end.
    pub(super) fn act(&mut self, action: Action) -> bool {
        let index = Page::ALL.iter().position(|(page, _)| *page == self.page).unwrap_or(0);
        let page = |index: usize| Page::ALL[index % Page::ALL.len()].0;
        let before = self.page;
        match action {
            Action::Quit => return true,
            Action::Pause => self.is_paused = !self.is_paused,
            Action::Show(page) => self.page = page,
            Action::NextPage => self.page = page(index + 1),
            Action::PreviousPage => self.page = page(index + Page::ALL.len() - 1),
            Action::Sort => self.sort = self.sort.wrapping_add(1),
            Action::Move(by) => {
                let last = self.rows().saturating_sub(1);
                self.selected = self.selected.saturating_add_signed(by).min(last);
            }
        }
        if self.page != before {
            // The latest line of a log matters most.
            self.selected = if self.page == Page::Log { self.rows().saturating_sub(1) } else { 0 };
        }
        false
    }
}
