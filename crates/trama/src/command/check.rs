//! `trama check`: all messages; for a sound program its effects and its state.

use crate::args::CheckArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, DiskFiles};
use crate::output::diagnostics;
use crate::output::table::Table;
use serde_json::{Value, json};
use trama_base::quantity;
use trama_lang::compile::Options;
use trama_lang::effects::{self, EffectRow, NodeEffects};
use trama_lang::ir::{Node, Program};

pub(crate) fn check(args: &CheckArgs) -> Outcome {
    let mut unit = files::parse(&args.program.file)?;
    let options = Options { check_only: true, ..files::options(&args.program)? };
    let checked = unit.check(&options, &DiskFiles);
    if args.json {
        let program = checked.program.as_ref().map(to_json);
        let messages = diagnostics::to_json(&unit.sources, &checked.diagnostics);
        println!("{}", json!({ "diagnostics": messages, "program": program }));
    } else {
        diagnostics::print(&unit.sources, &checked.diagnostics);
    }
    match &checked.program {
        _ if checked.errors() > 0 && args.json => return Ok(Exit::Rejected),
        _ if checked.errors() > 0 => return Err(Failure::rejected(checked.errors())),
        Some(program) if !args.json => print(program),
        None if !args.json => {
            println!("sound; choose an element with --network to see its effects")
        }
        _ => {}
    }
    Ok(Exit::Ok)
}

fn print(program: &Program) {
    let ports = program.ports.join(", ");
    let count = program.nodes.len();
    let nodes = if count == 1 { "1 element".into() } else { format!("{count} elements") };
    println!("{}: sound; {nodes}; ports {ports}\n", program.name);

    let mut table = Table::new(&["state", "kind", "key", "scope", ">at capacity"]);
    let mut total = 0;
    for (node, effects) in program.nodes.iter().zip(effects::effects(program)) {
        for ((spec, view), state) in node.states.iter().zip(&node.state_views).zip(&effects.states)
        {
            total += spec.bytes_at_capacity();
            let key: Vec<_> = view.key.iter().map(|(name, _)| name.as_str()).collect();
            table.row([
                format!("{}.{}", node.name, spec.name),
                spec.kind.to_string(),
                key.join(", "),
                state.scope.to_string(),
                quantity::bytes(spec.bytes_at_capacity()),
            ]);
        }
    }
    if !table.is_empty() {
        println!("{}", table.render());
        println!("  state at capacity: {}\n", quantity::bytes(total));
    }
    for (node, effects) in program.nodes.iter().zip(effects::effects(program)) {
        print_effects(node, &effects);
    }
}

fn print_effects(node: &Node, effects: &NodeEffects) {
    println!("{} ({})", node.name, node.element);
    for row in &effects.handlers {
        println!("  {}", row.handler);
        for (what, items) in row.summary() {
            println!("    {what:<8} {}", items.join(", "));
        }
    }
    println!();
}

fn to_json(program: &Program) -> Value {
    let effects = effects::effects(program);
    let node = |(node, effects): (&Node, &NodeEffects)| {
        let states = node.states.iter().zip(&node.state_views).zip(&effects.states);
        json!({
            "name": node.name,
            "element": node.element,
            "states": states.map(|((spec, view), state)| json!({
                "name": spec.name,
                "kind": spec.kind.to_string(),
                "key": view.key.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                "value": view.value.iter().map(|(name, _)| name).collect::<Vec<_>>(),
                "scope": state.scope.to_string(),
                "bytes_at_capacity": spec.bytes_at_capacity(),
            })).collect::<Vec<_>>(),
            "handlers": effects.handlers.iter().map(row_to_json).collect::<Vec<_>>(),
        })
    };
    json!({
        "name": program.name,
        "ports": program.ports,
        "nodes": program.nodes.iter().zip(&effects).map(node).collect::<Vec<_>>(),
    })
}

fn row_to_json(row: &EffectRow) -> Value {
    let effects: Vec<_> = row
        .summary()
        .into_iter()
        .map(|(what, items)| json!({ "kind": what, "of": items }))
        .collect();
    json!({
        "handler": row.handler,
        "effects": effects,
        "operations_max": row.cost.operations,
        "state_operations_max": row.cost.state_operations,
    })
}
