//! `trama sim`: a fabric simulated by a scenario.

mod compare;
mod list;
mod progress;
mod render;
mod trace;

use crate::args::{ScenarioArgs, SimAction, SimArgs, SimRunArgs};
use crate::exit::{Exit, Failure, Outcome};
use progress::Progress;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use trama_sim::report::csv;
use trama_sim::{FlowRecord, Report, Scenario};

pub(crate) fn sim(args: &SimArgs) -> Outcome {
    match &args.action {
        None => run(&args.run),
        Some(SimAction::Compare(args)) => compare::compare(args),
        Some(SimAction::Trace(args)) => trace::trace(args),
        Some(SimAction::List(args)) => list::list(args),
    }
}

fn run(args: &SimRunArgs) -> Outcome {
    let text = ScenarioText::read(&args.scenario)?;
    let scenario = text.parse()?;
    let mut progress = Progress::new(!args.json, scenario.general.limit);
    let (report, flows) = scenario
        .run(&|name| text.load(name), |run| progress.show(run))
        .map_err(|error| text.failure(&error))?;
    let elapsed_s = progress.finish();
    if let Some(folder) = &args.out {
        write_all(folder, &scenario, &report, &flows)?;
    }
    if args.json {
        println!("{}", render::json(&scenario, &report));
    } else {
        print!("{}", render::text(&scenario, &report, elapsed_s));
    }
    Ok(Exit::Ok)
}

/// A scenario as it was read, with what replaces parts of it.
struct ScenarioText {
    path: PathBuf,
    text: String,
    set: Vec<(String, String)>,
}

impl ScenarioText {
    fn read(args: &ScenarioArgs) -> Result<Self, Failure> {
        let path = args.file.clone().expect("clap requires it");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        let mut set = Vec::new();
        for pair in &args.set {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--set {pair}: it is KEY=VALUE")))?;
            set.push((key.to_owned(), value.to_owned()));
        }
        if let Some(seed) = args.seed {
            set.push(("seed".into(), seed.to_string()));
        }
        Ok(Self { path, text, set })
    }

    /// The same with more replaced.
    fn with(&self, more: &[(String, String)]) -> Self {
        let set = self.set.iter().chain(more).cloned().collect();
        Self { path: self.path.clone(), text: self.text.clone(), set }
    }

    fn parse(&self) -> Result<Scenario, Failure> {
        Scenario::parse_with(&self.text, &self.set).map_err(|error| self.failure(&error))
    }

    /// A file that the scenario names, relative to its own.
    fn load(&self, name: &str) -> Result<String, String> {
        let path = self.path.parent().unwrap_or(Path::new("")).join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn failure(&self, error: &trama_sim::scenario::ScenarioError) -> Failure {
        Failure::usage(format!("{}: {error}", self.path.display()))
    }
}

fn write_all(
    folder: &Path,
    scenario: &Scenario,
    report: &Report,
    flows: &[FlowRecord],
) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let create = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
        let mut file = create("flows.csv")?;
        csv::flows(&mut file, flows)?;
        file.flush()?;
        let mut file = create("series.csv")?;
        report.write_series(&mut file)?;
        file.flush()?;
        let mut file = create("ports.csv")?;
        report.write_ports(&mut file)?;
        file.flush()?;
        let page = report.html(&render::title(scenario), &render::settings(scenario));
        std::fs::write(folder.join("report.html"), page)
    };
    write().map_err(|error| Failure::environment(format!("{}: {error}", folder.display())))
}
