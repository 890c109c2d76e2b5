//! `trama sim list`: what can be simulated.

use crate::args::SimListArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use trama_base::Parameters;
use trama_base::parameter::Parameter;
use trama_sim::scenario::{General, Host, Switch};
use trama_sim::topology::TOPOLOGIES;
use trama_sim::workload::{PUBLISHED, WORKLOADS};
use trama_transport::TRANSPORTS;

/// Something with a name, of a table of scenarios.
struct Item {
    table: &'static str,
    name: &'static str,
    summary: &'static str,
    source: &'static str,
    settings: Vec<Parameter>,
}

fn items() -> Vec<Item> {
    let plain =
        |table, summary, settings| Item { table, name: table, summary, source: "", settings };
    let mut all = vec![
        plain("general", "above all tables", General::default().parameters()),
        plain(
            "switch",
            "what switches do, where it is not what the transport asks for",
            Switch::default().parameters(),
        ),
        plain("host", "what hosts take for packets", Host::default().parameters()),
    ];
    let topology = TOPOLOGIES.iter().map(|it| Item {
        table: "topology",
        name: it.name,
        summary: it.summary,
        source: "",
        settings: (it.make)().parameters(),
    });
    let transport = TRANSPORTS.iter().map(|it| Item {
        table: "transport",
        name: it.name,
        summary: it.summary,
        source: it.source,
        settings: (it.make)().parameters(),
    });
    let workload = WORKLOADS.iter().map(|it| Item {
        table: "workload",
        name: it.name,
        summary: it.summary,
        source: "",
        settings: (it.make)().parameters(),
    });
    all.extend(topology.chain(transport).chain(workload));
    all.extend(PUBLISHED.iter().map(|it| Item {
        table: "sizes",
        name: it.name,
        summary: "a published distribution of sizes",
        source: it.source,
        settings: Vec::new(),
    }));
    all
}

pub(super) fn list(args: &SimListArgs) -> Outcome {
    let mut items = items();
    if let Some(name) = &args.name {
        let names: Vec<&str> = items.iter().map(|it| it.name).collect();
        let message = format!("there is no `{name}`; there are {}", names.join(", "));
        items.retain(|it| it.name == name);
        if items.is_empty() {
            return Err(Failure::usage(message));
        }
    }
    if args.json {
        println!("{}", Value::Array(items.iter().map(to_json).collect()));
    } else if args.name.is_some() {
        items.iter().for_each(print_settings);
    } else {
        let mut table = Table::new(&["table", "name", "what it is", "source"]);
        for it in &items {
            let cells = [it.table, it.name, it.summary, it.source];
            table.row(cells.map(str::to_owned).to_vec());
        }
        print!("{}", table.render());
        println!("\nSettings of one: trama sim list NAME");
    }
    Ok(Exit::Ok)
}

fn print_settings(it: &Item) {
    println!("[{}] {}: {}", it.table, it.name, it.summary);
    if !it.source.is_empty() {
        println!("Source: {}", it.source);
    }
    let mut table = Table::new(&["setting", "default", "value", "meaning"]);
    for setting in &it.settings {
        let cells = [setting.name, &setting.value, &setting.form, setting.meaning];
        table.row(cells.map(str::to_owned).to_vec());
    }
    if !it.settings.is_empty() {
        print!("\n{}", table.render());
    }
}

fn to_json(it: &Item) -> Value {
    let setting = |it: &Parameter| {
        let Parameter { name, value, form, meaning } = it;
        json!({ "name": name, "default": value, "form": form, "meaning": meaning })
    };
    json!({
        "table": it.table,
        "name": it.name,
        "summary": it.summary,
        "source": it.source,
        "settings": it.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}
