//! Maps of a file: defined by types, by the structs of old objects, or by variables.

use super::read::{File, Section};
use super::{ElfError, MAPS, OLD_MAPS, R_BPF_64_ABS64, variables};
use crate::btf::{Btf, Member, Type};
use crate::object::{MapDef, MapKind};
use std::collections::BTreeMap;

/// Where each map is: section and offset of its name.
pub(super) type Places = BTreeMap<(usize, u64), usize>;

/// Most entries of a program array.
const PROGRAMS_MAX: u64 = 1 << 16;

/// All maps of a file, and where their names are.
pub(super) fn read(file: &File) -> Result<(Vec<MapDef>, Places), ElfError> {
    let (mut maps, mut places) = (Vec::new(), Places::new());
    for (index, section) in &file.sections {
        match section.name.as_str() {
            MAPS => by_types(file, *index, section, &mut maps, &mut places)?,
            OLD_MAPS => by_structs(file, *index, section, &mut maps, &mut places)?,
            name => {
                if let Some(frozen) = variables(name).filter(|_| !section.bytes.is_empty()) {
                    places.insert((*index, 0), maps.len());
                    maps.push(of_variables(section, frozen, file.btf.as_ref()));
                }
            }
        }
    }
    Ok((maps, places))
}

/// The map that holds the variables of a section.
fn of_variables(section: &Section, frozen: bool, btf: Option<&Btf>) -> MapDef {
    const READ_ONLY_FOR_PROGRAMS: u32 = 1 << 7;
    let is_it = |kind: &Type| matches!(kind, Type::Section { name, .. } if *name == section.name);
    MapDef {
        name: section.name.clone(),
        kind: MapKind::ARRAY,
        key_bytes: 4,
        value_bytes: section.bytes.len() as u32,
        entries: 1,
        flags: if frozen { READ_ONLY_FOR_PROGRAMS } else { 0 },
        value_type: btf.and_then(|btf| btf.find(is_it)).unwrap_or(0),
        initial: Some(section.bytes.clone()),
        frozen,
        ..MapDef::default()
    }
}

/// `struct bpf_map_def`: kind, bytes of keys and values, entries, flags.
fn by_structs(
    file: &File,
    index: usize,
    section: &Section,
    maps: &mut Vec<MapDef>,
    places: &mut Places,
) -> Result<(), ElfError> {
    for symbol in file.data.iter().filter(|symbol| symbol.section == Some(index)) {
        let error =
            |reason: &str| ElfError::Map { name: symbol.name.clone(), reason: reason.into() };
        let bytes = usize::try_from(symbol.offset).ok().and_then(|at| section.bytes.get(at..));
        let bytes = bytes.and_then(|bytes| bytes.first_chunk::<20>());
        let (words, _) = bytes.ok_or_else(|| error("it is not whole"))?.as_chunks::<4>();
        let word = |at: usize| u32::from_le_bytes(words[at]);
        places.insert((index, symbol.offset), maps.len());
        maps.push(MapDef {
            name: symbol.name.clone(),
            kind: MapKind(word(0)),
            key_bytes: word(1),
            value_bytes: word(2),
            entries: word(3),
            flags: word(4),
            ..MapDef::default()
        });
    }
    Ok(())
}

fn by_types(
    file: &File,
    index: usize,
    section: &Section,
    maps: &mut Vec<MapDef>,
    places: &mut Places,
) -> Result<(), ElfError> {
    let no_types =
        || ElfError::Section { name: MAPS.into(), reason: "its types are missing".into() };
    let btf = file.btf.as_ref().ok_or_else(no_types)?;
    for place in btf.section(MAPS).ok_or_else(no_types)? {
        let Some(Type::Variable { name, target, .. }) = btf.get(place.variable) else {
            return Err(no_types());
        };
        let error = |reason: String| ElfError::Map { name: name.clone(), reason };
        let Some(Type::Struct { members, bytes, .. }) = btf.plain(*target).1 else {
            return Err(error("its type is no struct".into()));
        };
        let mut def = MapDef { name: name.clone(), ..MapDef::default() };
        let mut first_program = None;
        for member in members {
            if member.name == "values" {
                first_program = Some(u64::from(place.offset) + u64::from(member.offset_bits / 8));
            }
            attribute(btf, member, &mut def).map_err(&error)?;
        }
        if let Some(first) = first_program {
            let range = first..u64::from(place.offset) + u64::from(*bytes);
            def.programs = programs(section, range).map_err(&error)?;
        }
        places.insert((index, place.offset.into()), maps.len());
        maps.push(def);
    }
    Ok(())
}

/// Programs that a program array starts with.
fn programs(section: &Section, range: std::ops::Range<u64>) -> Result<Vec<(u32, String)>, String> {
    let mut found = Vec::new();
    let start = range.start;
    if start > range.end {
        return Err("its type makes no sense".into());
    }
    for (offset, reference) in section.references.range(range) {
        let slot = (offset - start) / 8;
        if reference.kind != R_BPF_64_ABS64 || slot > PROGRAMS_MAX {
            return Err("its contents make no sense".into());
        }
        found.push((slot as u32, reference.symbol.name.clone()));
    }
    Ok(found)
}

/// Reads a member of the struct that defines a map.
fn attribute(btf: &Btf, member: &Member, def: &mut MapDef) -> Result<(), String> {
    // A number is the length of an array that is pointed to; a type is what is pointed to.
    let pointed = match btf.plain(member.target).1 {
        Some(Type::Pointer(target)) => Some(*target),
        _ => None,
    };
    let number = || match pointed.and_then(|target| btf.get(target)) {
        Some(Type::Array { len, .. }) => Ok(*len),
        _ => Err(format!("`{}` is no number", member.name)),
    };
    let kind = || {
        let target = pointed.ok_or_else(|| format!("`{}` is no type", member.name))?;
        let bytes = btf.bytes(target).and_then(|bytes| u32::try_from(bytes).ok());
        Ok::<_, String>((target, bytes.ok_or_else(|| format!("`{}` has no size", member.name))?))
    };
    match member.name.as_str() {
        "type" => def.kind = MapKind(number()?),
        "max_entries" => def.entries = number()?,
        "map_flags" => def.flags = number()?,
        "key_size" => def.key_bytes = number()?,
        "value_size" => def.value_bytes = number()?,
        "key" => (def.key_type, def.key_bytes) = kind()?,
        "value" => (def.value_type, def.value_bytes) = kind()?,
        // Where it is pinned is for whoever loads it to say.
        "pinning" | "numa_node" | "map_extra" => drop(number()?),
        "values" => match btf.plain(member.target).1 {
            Some(Type::Array { .. }) if def.kind == MapKind::PROGRAMS => def.value_bytes = 4,
            _ => return Err("maps of maps are not supported".into()),
        },
        other => return Err(format!("`{other}` is not known")),
    }
    Ok(())
}
