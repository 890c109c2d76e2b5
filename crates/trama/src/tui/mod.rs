//! `trama run … --tui`: a run on a terminal while it goes on.
//!
//! The view is drawn by the observer of the run, between two batches, so it costs nothing while it
//! is not drawn and needs no thread. The terminal is given back as it was found when the view goes:
//! at the end, after a signal, and when something panics.

mod draw;
mod model;
#[cfg(test)]
mod tests;

use crate::exit::Failure;
use model::{Action, Model, Page};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::io::IsTerminal;
use std::time::Duration;
use trama_base::Nanos;
use trama_lang::engine::{Engine, LogLine};
use trama_lang::ir::Program;
use trama_live::run::{Progress, RunSummary, StopReason};
use trama_live::signal::StopFlag;

/// How often the view is drawn and keys are looked at.
pub(crate) const INTERVAL: Nanos = Nanos::from_millis(100);

/// The view, and the terminal that it has taken.
pub(crate) struct View {
    model: Model,
    terminal: DefaultTerminal,
    stop: StopFlag,
}

impl View {
    /// Takes the terminal.
    pub(crate) fn open(program: &Program, stop: StopFlag) -> Result<Self, Failure> {
        if !std::io::stdout().is_terminal() {
            return Err(Failure::usage("--tui needs a terminal as standard output"));
        }
        let terminal = ratatui::try_init().map_err(|why| {
            ratatui::restore();
            Failure::environment(format!("the terminal cannot be used: {why}"))
        })?;
        Ok(Self { model: Model::new(program), terminal, stop })
    }

    /// Shows what happened, and does what keys ask for.
    pub(crate) fn show(&mut self, progress: &Progress, engine: &mut dyn Engine) {
        self.model.update(progress, engine);
        self.keys(Duration::ZERO);
        // A terminal that is gone ends the run by a signal.
        let _ = self.terminal.draw(|frame| draw::draw(frame, &self.model));
    }

    /// Shows the end of a run until the user has seen it; gives the log lines that were kept.
    pub(crate) fn finish(mut self, run: &RunSummary, engine: &mut dyn Engine) -> Vec<LogLine> {
        self.model.ended = Some(match run.stop {
            StopReason::EndOfInput => "end of input",
            StopReason::Asked | StopReason::Duration => "stopped",
            StopReason::SourcesGone => "no source left",
            StopReason::OutputFailed => "an output failed",
        });
        self.model.is_paused = false;
        while !self.stop.is_raised() && run.stop != StopReason::Duration {
            self.model.update(&run.progress, engine);
            if self.terminal.draw(|frame| draw::draw(frame, &self.model)).is_err() {
                break;
            }
            self.keys(Duration::from_millis(INTERVAL.0 / 1_000_000));
        }
        self.model.logs.drain(..).collect()
    }

    /// Does what keys ask for; waits at most so long for one.
    fn keys(&mut self, wait: Duration) {
        let mut wait = wait;
        // A signal interrupts the wait; the flag says the rest.
        while event::poll(wait).unwrap_or(false) {
            wait = Duration::ZERO;
            let Ok(Event::Key(key)) = event::read() else { continue };
            let pressed = key.kind != KeyEventKind::Release;
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            let action = pressed.then(|| action(key.code, control)).flatten();
            if action.is_some_and(|action| self.model.act(action)) {
                self.stop.raise();
            }
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What a key asks for.
fn action(key: KeyCode, control: bool) -> Option<Action> {
    Some(match key {
        // The terminal is raw: Ctrl-C comes as a key.
        KeyCode::Char('c') if control => Action::Quit,
        KeyCode::Char('q') | KeyCode::Esc => Action::Quit,
        KeyCode::Char('p' | ' ') => Action::Pause,
        KeyCode::Char('1') => Action::Show(Page::Traffic),
        KeyCode::Char('2') => Action::Show(Page::Elements),
        KeyCode::Char('3') => Action::Show(Page::State),
        KeyCode::Char('4') => Action::Show(Page::Log),
        KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') => Action::NextPage,
        KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') => Action::PreviousPage,
        KeyCode::Up | KeyCode::Char('k') => Action::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Action::Move(1),
        KeyCode::PageUp => Action::Move(-20),
        KeyCode::PageDown => Action::Move(20),
        KeyCode::Home => Action::Move(isize::MIN + 1),
        KeyCode::End => Action::Move(isize::MAX),
        KeyCode::Char('s') => Action::Sort,
        _ => return None,
    })
}
