//! `trama atlas`: the published systems and how far Trama is with each.

use crate::args::AtlasArgs;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::table::Table;
use serde_json::{Value, json};
use trama_atlas::{Area, Progress, System};

pub(crate) fn atlas(args: &AtlasArgs) -> Outcome {
    if let Some(id) = &args.id {
        return one(id, args.json);
    }
    let area = args.area.as_deref().map(area_of).transpose()?;
    let systems: Vec<_> = (trama_atlas::registry().iter())
        .filter(|s| area.is_none_or(|area| s.area == area))
        .collect();
    if args.json {
        let all: Vec<_> = systems.iter().map(|s| to_json(s)).collect();
        println!("{}", Value::from(all));
        return Ok(Exit::Ok);
    }
    for area in Area::ALL {
        let mut table = Table::new(&["id", "status", "system", "command"]);
        for system in systems.iter().filter(|s| s.area == area) {
            table.row([
                system.id.into(),
                system.status.label().into(),
                format!("{} ({} {})", system.name, system.venue, system.year),
                system.status.command().unwrap_or("").into(),
            ]);
        }
        if !table.is_empty() {
            println!("{}\n{}", area.title(), table.render());
        }
    }
    let progress = Progress::of(systems.iter().copied());
    println!(
        "{} systems: {} work, {} partly, {} not yet",
        progress.total(),
        progress.works,
        progress.partial,
        progress.not_yet
    );
    Ok(Exit::Ok)
}

fn area_of(text: &str) -> Result<Area, Failure> {
    Area::from_id(text).ok_or_else(|| {
        let known: Vec<_> = Area::ALL.iter().map(|a| a.id()).collect();
        Failure::usage(format!("there is no area `{text}`"))
            .hint(format!("areas are {}", known.join(", ")))
    })
}

fn one(id: &str, as_json: bool) -> Outcome {
    let Some(system) = trama_atlas::find(id) else {
        let failure = Failure::usage(format!("there is no system `{id}` in the atlas"));
        return Err(match trama_atlas::nearest(id) {
            Some(near) => failure.hint(format!("did you mean `{}`?", near.id)),
            None => failure.hint("`trama atlas` lists them all"),
        });
    };
    if as_json {
        println!("{}", to_json(system));
        return Ok(Exit::Ok);
    }
    println!("{} — {}", system.name, system.title);
    println!("{} {}, {}", system.venue, system.year, system.area.title());
    println!("\n{}\n", system.about);
    println!("stands on: {}", parts(system).join(", "));
    match system.status.command() {
        Some(command) => println!("status: {}: {command}", system.status.label()),
        None => println!("status: {}", system.status.label()),
    }
    Ok(Exit::Ok)
}

fn parts(system: &System) -> Vec<&'static str> {
    system.parts.iter().map(|part| part.id()).collect()
}

fn to_json(system: &System) -> Value {
    json!({
        "id": system.id,
        "area": system.area.id(),
        "name": system.name,
        "title": system.title,
        "venue": system.venue,
        "year": system.year,
        "about": system.about,
        "parts": parts(system),
        "status": system.status.label(),
        "command": system.status.command(),
    })
}
