//! Log and alert lines of a run: rate limits, counts, and the lines not yet taken by the host.
//!
//! Both engines write through [`LogBook`], so they suppress the same lines.

use crate::engine::{LOG_LINES_MAX, LogLine};
use crate::ir::{LogSite, Program};
use crate::values::render_log;
use trama_base::Nanos;

/// The log lines of a program.
#[derive(Clone, Debug)]
pub struct LogBook {
    /// By node, then by site.
    sites: Vec<Vec<Site>>,
    lines: Vec<LogLine>,
}

/// What one log statement did so far.
#[derive(Clone, Debug)]
struct Site {
    limit: Option<Limit>,
    written: u64,
    suppressed: u64,
}

impl LogBook {
    /// The book of a program that starts at `start`: no lines, all limits at their burst.
    pub fn new(program: &Program, start: Nanos) -> Self {
        let site = |site: &LogSite| Site {
            limit: site.limit_per_s.map(|rate_per_s| Limit::new(rate_per_s, start)),
            written: 0,
            suppressed: 0,
        };
        let sites = program.nodes.iter().map(|n| n.log_sites.iter().map(site).collect()).collect();
        Self { sites, lines: Vec::new() }
    }

    /// Writes the line of site `index` of node `node`, unless its limit is reached or
    /// [`LOG_LINES_MAX`] lines wait to be taken. Tells if it was written.
    pub fn write(
        &mut self,
        now: Nanos,
        node: u32,
        index: u32,
        site: &LogSite,
        args: &[u128],
    ) -> bool {
        let counts = &mut self.sites[node as usize][index as usize];
        let permitted = counts.limit.as_mut().is_none_or(|limit| limit.take(now));
        let written = permitted && self.lines.len() < LOG_LINES_MAX;
        if written {
            counts.written += 1;
            let text = render_log(site, args);
            self.lines.push(LogLine { time: now, node, alert: site.alert, text });
        } else {
            counts.suppressed += 1;
        }
        written
    }

    /// Lines since the last call.
    pub fn take(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.lines)
    }

    /// Lines written and suppressed, for each site of a node.
    pub fn counts(&self, node: usize) -> Vec<(u64, u64)> {
        self.sites[node].iter().map(|site| (site.written, site.suppressed)).collect()
    }
}

/// A token bucket in exact integers: a token is 10⁹ parts, `rate_per_s` parts accrue each
/// nanosecond.
#[derive(Clone, Debug)]
struct Limit {
    rate_per_s: u64,
    parts: u128,
    parts_max: u128,
    at: Nanos,
}

const TOKEN: u128 = 1_000_000_000;

impl Limit {
    fn new(rate_per_s: u64, start: Nanos) -> Self {
        let parts_max = u128::from(rate_per_s.max(1)) * TOKEN;
        Self { rate_per_s, parts: parts_max, parts_max, at: start }
    }

    fn take(&mut self, now: Nanos) -> bool {
        // Both factors have 64 bits: the product cannot overflow 128, and the sum saturates.
        let accrued = u128::from(now.since(self.at).0) * u128::from(self.rate_per_s);
        self.parts = self.parts.saturating_add(accrued).min(self.parts_max);
        self.at = self.at.max(now);
        let enough = self.parts >= TOKEN;
        if enough {
            self.parts -= TOKEN;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_lets_the_burst_through_and_then_the_rate() {
        let mut limit = Limit::new(2, Nanos::ZERO);
        let mut take = |ms| limit.take(Nanos::from_millis(ms));
        assert_eq!([take(0), take(0), take(0)], [true, true, false]);
        assert_eq!([take(499), take(500), take(500)], [false, true, false]);
        // A long pause fills it to the burst, not beyond; time that goes back adds nothing.
        assert_eq!([take(90_000), take(90_000), take(90_000)], [true, true, false]);
        assert!(!take(0));
    }

    #[test]
    fn a_limit_of_zero_permits_one_line_ever() {
        let mut limit = Limit::new(0, Nanos::ZERO);
        assert!(limit.take(Nanos::ZERO));
        assert!(!limit.take(Nanos::MAX));
    }

    #[test]
    fn lines_beyond_the_buffer_count_as_suppressed() {
        let site = LogSite {
            alert: true,
            text: vec!["n ".into(), String::new()],
            views: vec![crate::ir::View::Uint],
            limit_per_s: None,
        };
        let node = crate::ir::Node { log_sites: vec![site.clone()], ..Default::default() };
        let program = Program { nodes: vec![node], ..Default::default() };
        let mut book = LogBook::new(&program, Nanos::ZERO);
        for n in 0..=LOG_LINES_MAX {
            assert_eq!(book.write(Nanos(1), 0, 0, &site, &[n as u128]), n < LOG_LINES_MAX);
        }
        assert_eq!(book.counts(0), [(LOG_LINES_MAX as u64, 1)]);
        assert_eq!(book.take()[3].text, "n 3");
        assert!(book.take().is_empty());
        assert!(book.write(Nanos(1), 0, 0, &site, &[0]));
    }
}
