//! The view on a screen of any size.

use super::model::{Model, Page, Rate};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Sparkline, Table, TableState, Tabs};
use trama_base::quantity;
use trama_lang::values;

const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws a frame.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let [head, tabs, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(head_line(model), head);
    let titles = Page::ALL.iter().enumerate().map(|(i, (_, name))| format!("{} {name}", i + 1));
    let selected = Page::ALL.iter().position(|(page, _)| *page == model.page);
    let bar = Tabs::new(titles).select(selected).highlight_style(SELECTED).divider(" ");
    frame.render_widget(bar, tabs);
    match model.page {
        Page::Traffic => traffic(frame, model, body),
        Page::Elements => elements(frame, model, body),
        Page::State => states(frame, model, body),
        Page::Log => logs(frame, model, body),
    }
    let keys = match model.page {
        Page::State => "q quit  1-4 Tab page  ↑↓ select  s sort  p pause",
        _ => "q quit  1-4 Tab page  ↑↓ select  p pause",
    };
    frame.render_widget(Paragraph::new(keys).dim(), foot);
}

fn head_line(model: &Model) -> Line<'_> {
    let progress = &model.progress;
    let mut parts = vec![
        Span::from(model.program()).bold(),
        format!("  {:.1} s", progress.elapsed.as_secs_f64()).into(),
        format!("  {}", quantity::packet_rate(model.rate)).into(),
        format!("  {} packets", quantity::count(progress.packets)).into(),
    ];
    if let Some(ns) = progress.ns_per_packet() {
        parts.push(format!("  {ns:.0} ns each").into());
    }
    if model.is_paused {
        parts.push("  paused".yellow());
    }
    if let Some(why) = model.ended {
        parts.push(format!("  {why}").green());
    }
    Line::from(parts)
}

fn head(cells: &[&'static str]) -> Row<'static> {
    Row::new(cells.iter().map(|cell| Cell::from(*cell))).style(Style::new().bold())
}

/// Ports, one line each with its history, and the drops below.
fn traffic(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let ports = model.ports();
    let wanted = ports.len() as u16 * 2 + 2;
    let [above, below] =
        Layout::vertical([Constraint::Length(wanted.min(area.height / 2 + 2)), Constraint::Min(0)])
            .areas(area);
    let block = Block::bordered().title("ports");
    let inside = block.inner(above);
    frame.render_widget(block, above);
    let lines = Layout::vertical(vec![Constraint::Length(1); ports.len() * 2]).split(inside);
    for (index, name) in ports.iter().enumerate() {
        let (input, output) = &model.rates[index];
        let received = model.report.received.get(index).copied().unwrap_or_default();
        let sent = model.report.sent.get(index).copied().unwrap_or_default();
        let directions = [
            (name.as_str(), "in ", input, received, Color::Green),
            ("", "out", output, sent, Color::Cyan),
        ];
        for (half, (name, way, rate, total, color)) in directions.into_iter().enumerate() {
            let Some(line) = lines.get(index * 2 + half) else { continue };
            if line.height > 0 {
                port_line(frame, *line, (name, way), rate, total.packets, color);
            }
        }
    }
    let rows = model.drops.iter().map(|(element, reason, count, rate)| {
        Row::new([
            element.clone(),
            reason.clone(),
            quantity::count(*count),
            quantity::packet_rate(rate.round()),
        ])
    });
    let widths = [
        Constraint::Length(16),
        Constraint::Fill(1),
        Constraint::Length(14),
        Constraint::Length(10),
    ];
    let table = Table::new(rows, widths)
        .header(head(&["dropped by", "reason", "packets", "now"]))
        .row_highlight_style(SELECTED)
        .block(Block::bordered().title("drops"));
    let mut state = TableState::default().with_selected(Some(model.selected));
    frame.render_stateful_widget(table, below, &mut state);
}

fn port_line(
    frame: &mut Frame<'_>,
    area: Rect,
    (name, way): (&str, &str),
    rate: &Rate,
    packets: u64,
    color: Color,
) {
    let [label, graph] =
        Layout::horizontal([Constraint::Length(62), Constraint::Min(0)]).areas(area);
    let text = format!(
        "{name:<12} {way} {:>10} {:>13} {:>18}",
        quantity::packet_rate(rate.packets),
        quantity::bit_rate(rate.bits),
        quantity::count(packets)
    );
    frame.render_widget(Paragraph::new(text), label);
    let width = usize::from(graph.width);
    let skipped = rate.history.len().saturating_sub(width);
    let data: Vec<u64> = rate.history.iter().skip(skipped).copied().collect();
    frame.render_widget(Sparkline::default().data(data).style(Style::new().fg(color)), graph);
}

fn elements(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let rows = model.elements();
    let [above, below] = Layout::vertical([Constraint::Min(4), Constraint::Length(6)]).areas(area);
    let shown = rows.iter().map(|row| {
        Row::new([
            row.name.clone(),
            quantity::packet_rate(row.rate.round()),
            quantity::count(row.received),
            quantity::count(row.sent),
            quantity::count(row.dropped),
        ])
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(10),
        Constraint::Length(16),
        Constraint::Length(16),
        Constraint::Length(14),
    ];
    let table = Table::new(shown, widths)
        .header(head(&["element", "now", "in", "out", "dropped"]))
        .row_highlight_style(SELECTED)
        .block(Block::bordered().title("elements"));
    let mut state = TableState::default().with_selected(Some(model.selected));
    frame.render_stateful_widget(table, above, &mut state);
    let wires = rows.get(model.selected).map(|row| row.wires.join("   ")).unwrap_or_default();
    let wires = Paragraph::new(wires).wrap(ratatui::widgets::Wrap { trim: true });
    frame.render_widget(wires.block(Block::bordered().title("wires")), below);
}

fn states(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let [above, below] =
        Layout::vertical([Constraint::Percentage(45), Constraint::Min(3)]).areas(area);
    let rows = model.states.iter().map(|row| {
        let share = row.len as f64 / row.capacity.max(1) as f64;
        let filled = (share * 10.0).ceil() as usize;
        Row::new([
            row.name.clone(),
            format!("{:<10}", "█".repeat(filled.min(10))),
            quantity::count(row.len),
            quantity::count(row.peak),
            quantity::count(row.expired),
            quantity::count(row.evicted),
            quantity::count(row.refused),
            row.kind.clone(),
        ])
    });
    let number = Constraint::Length(11);
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(10),
        number,
        number,
        number,
        number,
        number,
        Constraint::Fill(1),
    ];
    let heads = ["state", "full", "entries", "peak", "expired", "evicted", "refused", "kind"];
    let table = Table::new(rows, widths)
        .header(head(&heads))
        .row_highlight_style(SELECTED)
        .block(Block::bordered().title("state"));
    let mut state = TableState::default().with_selected(Some(model.selected));
    frame.render_stateful_widget(table, above, &mut state);
    let (shown, all) = &model.entries;
    let name = model.states.get(model.selected).map_or("", |row| row.name.as_str());
    let title = format!(
        "{name}: {} of {} entries by {}",
        shown.len(),
        quantity::count(*all as u64),
        model.sorted_by
    );
    let lines: Vec<Line<'_>> = shown.iter().map(|entry| Line::from(entry.as_str())).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), below);
}

/// The lines around the selected one, the latest at the bottom.
fn logs(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let block = Block::bordered().title(format!("log: {} lines", model.logs.len()));
    let inside = block.inner(area);
    let height = usize::from(inside.height);
    let first = (model.selected + 1).saturating_sub(height);
    let lines = model.logs.iter().enumerate().skip(first).take(height).map(|(index, line)| {
        let kind = if line.alert { "alert".red() } else { "log".into() };
        let text = format!(" {} {}: {}", values::time(line.time), model.writer(line), line.text);
        let shown = Line::from(vec![kind, text.into()]);
        if index == model.selected { shown.style(SELECTED) } else { shown }
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
}
