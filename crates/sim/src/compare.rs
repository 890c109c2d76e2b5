//! Many runs of one scenario, and what they have in common.
//!
//! The runs are independent jobs: transports, times loads, times seeds. A seed gives every
//! transport the same arrivals. What is said of several seeds is the mean, and an interval that
//! holds it with 95 % if the runs are normally distributed (Student's t).

use crate::report::plot::{Axis, Line, Plot, escape};
use std::fmt::Write as _;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The transport.
    pub transport: String,
    /// The load, if loads are compared.
    pub load: Option<String>,
    /// The seed.
    pub seed: u64,
}

impl Job {
    /// A name for its files.
    pub fn name(&self) -> String {
        let load = self.load.as_deref().unwrap_or("own");
        format!("{}-{load}-{}", self.transport, self.seed)
    }
}

/// All jobs; those with a high load, which take longest, come first.
pub fn jobs(transports: &[String], loads: &[String], seeds: u64) -> Vec<Job> {
    let mut loads: Vec<Option<String>> = loads.iter().cloned().map(Some).collect();
    let value = |load: &Option<String>| load.as_ref().and_then(|it| it.parse::<f64>().ok());
    loads.sort_by(|a, b| value(b).unwrap_or(0.0).total_cmp(&value(a).unwrap_or(0.0)));
    if loads.is_empty() {
        loads.push(None);
    }
    let mut jobs = Vec::new();
    for load in loads {
        for transport in transports {
            let job = |seed| Job { transport: transport.clone(), load: load.clone(), seed };
            jobs.extend((1..=seeds).map(job));
        }
    }
    jobs
}

/// The numbers that are compared, with their names.
pub const METRICS: [&str; 8] = [
    "unfinished",
    "goodput %",
    "slowdown mean",
    "slowdown p99",
    "small mean",
    "small p99",
    "large mean",
    "dropped",
];

/// The numbers of a run, in the order of [`METRICS`]; None where there is none.
pub type Numbers = [Option<f64>; METRICS.len()];

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Half of the interval around it; 0 with one seed.
    pub half_width: f64,
}

impl Mean {
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|it| (it - value).powi(2)).sum::<f64>();
        let half_width = match values.len() {
            0 => return None,
            1 => 0.0,
            more => student_t(more - 1) * (squares / (n - 1.0) / n).sqrt(),
        };
        Some(Self { value, half_width })
    }
}

impl std::fmt::Display for Mean {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.value.abs() < 100.0 { 2 } else { 0 };
        write!(f, "{:.digits$}", self.value)?;
        if self.half_width > 0.0 {
            write!(f, " ±{:.digits$}", self.half_width)?;
        }
        Ok(())
    }
}

/// The quantile of Student's t for a two-sided interval of 95 %.
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 20] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    ];
    TABLE.get(freedom - 1).copied().unwrap_or(2.0)
}

/// What the seeds of a transport and a load have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The transport.
    pub transport: String,
    /// The load, if loads are compared.
    pub load: Option<String>,
    /// Runs.
    pub seeds: usize,
    /// In the order of [`METRICS`].
    pub means: [Option<Mean>; METRICS.len()],
}

/// The rows of a table, by load, then in the order of transports.
pub fn rows(results: &[(Job, Numbers)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (job, _) in results {
        let is_same = |row: &Row| row.transport == job.transport && row.load == job.load;
        if rows.iter().any(is_same) {
            continue;
        }
        let of_row =
            |it: &&(Job, Numbers)| it.0.transport == job.transport && it.0.load == job.load;
        let same: Vec<&Numbers> = results.iter().filter(of_row).map(|(_, it)| it).collect();
        let mean = |metric: usize| {
            let values: Vec<f64> = same.iter().filter_map(|numbers| numbers[metric]).collect();
            Mean::of(&values)
        };
        rows.push(Row {
            transport: job.transport.clone(),
            load: job.load.clone(),
            seeds: same.len(),
            means: std::array::from_fn(mean),
        });
    }
    let load = |row: &Row| row.load.as_ref().and_then(|it| it.parse::<f64>().ok()).unwrap_or(0.0);
    rows.sort_by(|a, b| load(a).total_cmp(&load(b)));
    rows
}

/// A page with the table and, for each metric, a plot over the load.
pub fn html(title: &str, rows: &[Row]) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>\
         <style>{1}</style><h1>{0}</h1>\n<p>World: sim. Means over seeds with 95 % intervals.</p>\n\
         <table><tr><th>transport<th>load<th>seeds",
        escape(title),
        crate::report::STYLE
    );
    for name in METRICS {
        let _ = write!(page, "<th>{name}");
    }
    for row in rows {
        let load = row.load.as_deref().unwrap_or("-");
        let _ = write!(page, "</tr>\n<tr><td>{}<td>{load}<td>{}", row.transport, row.seeds);
        for mean in &row.means {
            let text = mean.map_or("-".into(), |it| it.to_string());
            let _ = write!(page, "<td>{text}");
        }
    }
    page.push_str("</tr></table>\n<div class=\"plots\">\n");
    for (index, name) in METRICS.iter().enumerate() {
        page.push_str(&plot(rows, index, name).svg());
    }
    page.push_str("</div></html>\n");
    page
}

/// A metric over the load: a line for each transport, with its interval.
fn plot<'a>(rows: &[Row], metric: usize, name: &'a str) -> Plot<'a> {
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let Some(mean) = row.means[metric] else { continue };
        let load = row.load.as_ref().and_then(|it| it.parse().ok()).unwrap_or(0.0);
        if !lines.iter().any(|line| line.name == row.transport) {
            lines.push(Line { name: row.transport.clone(), ..Line::default() });
        }
        let line = lines.iter_mut().find(|line| line.name == row.transport);
        let line = line.expect("it was just put in");
        line.points.push((load, mean.value));
        line.intervals.push((load, mean.value - mean.half_width, mean.value + mean.half_width));
    }
    let axis = |label| Axis { label, is_log: false };
    Plot { title: name, x: axis("load"), y: axis(name), lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_all_combinations() {
        let texts = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let all = jobs(&texts(&["a", "b"]), &texts(&["0.5", "0.8"]), 3);
        assert_eq!(all.len(), 12);
        assert_eq!(all[0].name(), "a-0.8-1");
        assert_eq!(jobs(&texts(&["a"]), &[], 1)[0].name(), "a-own-1");
    }

    #[test]
    fn a_mean_has_its_interval() {
        // Of 1, 2, 3: deviation 1, so 4.303 / sqrt(3).
        let mean = Mean::of(&[1.0, 2.0, 3.0]).expect("there are values");
        assert!((mean.half_width - 2.484).abs() < 0.001 && mean.value == 2.0);
        assert_eq!(mean.to_string(), "2.00 ±2.48");
        assert_eq!(Mean::of(&[5.0]).map(|it| it.to_string()), Some("5.00".into()));
        assert_eq!(Mean::of(&[]), None);
        let job = |seed, load: &str| Job { transport: "a".into(), load: Some(load.into()), seed };
        let numbers = |value| {
            let mut all = [None; METRICS.len()];
            all[0] = Some(value);
            all
        };
        let results = [
            (job(1, "0.8"), numbers(1.0)),
            (job(2, "0.8"), numbers(3.0)),
            (job(1, "0.5"), numbers(7.0)),
        ];
        let rows = rows(&results);
        assert_eq!((rows[0].seeds, rows[1].seeds), (1, 2));
        assert_eq!(rows[1].means[0].map(|it| it.value), Some(2.0));
        let page = html("t", &rows);
        assert!(page.matches("<svg").count() == METRICS.len() && !page.contains("NaN"));
    }
}
