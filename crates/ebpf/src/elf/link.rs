//! Programs made complete: the functions they call are appended, maps become indices.

use super::maps::Places;
use super::read::{File, Function, Reference};
use super::{ElfError, R_BPF_64_32, R_BPF_64_64};
use crate::insn::Insn;
use crate::isa::{CALL_LOCAL, MAP_INDEX, MAP_VALUE_INDEX};
use crate::object::{FunctionInfo, LineInfo, Program};
use std::collections::BTreeMap;

/// Opcode of a call.
const CALL: u8 = 0x85;
/// Source field of a wide instruction that names a function.
const FUNCTION: u8 = 4;
/// Most slots of a linked program, as in the kernel.
const SLOTS_MAX: usize = 1_000_000;

/// All programs of a file.
pub(super) fn programs(file: &File, maps: &Places) -> Result<Vec<Program>, ElfError> {
    let entries = file.functions.iter().enumerate().filter(|(_, function)| function.is_program);
    entries.map(|(index, _)| Linker::new(file, maps).link(index)).collect()
}

struct Linker<'a> {
    file: &'a File,
    maps: &'a Places,
    code: Vec<Insn>,
    /// Functions in the order in which they were appended, with their first slots.
    placed: Vec<(usize, usize)>,
    starts: BTreeMap<usize, usize>,
    /// Slots that refer to functions.
    open: Vec<(usize, usize)>,
}

impl<'a> Linker<'a> {
    fn new(file: &'a File, maps: &'a Places) -> Self {
        let (placed, open) = (Vec::new(), Vec::new());
        Self { file, maps, code: Vec::new(), placed, starts: BTreeMap::new(), open }
    }

    fn link(mut self, entry: usize) -> Result<Program, ElfError> {
        self.place(entry);
        let mut next = 0;
        while let Some((function, start)) = self.placed.get(next).copied() {
            self.append(function, start)?;
            next += 1;
        }
        for (slot, function) in std::mem::take(&mut self.open) {
            let target = self.starts[&function] as i64;
            self.code[slot].immediate = (target - slot as i64 - 1) as i32;
        }
        let function = &self.file.functions[entry];
        let (functions, lines) = self.infos();
        Ok(Program {
            name: function.name.clone(),
            section: self.file.section(function.section).name.clone(),
            code: self.code,
            functions,
            lines,
        })
    }

    /// Gives a function its place behind what is there.
    fn place(&mut self, function: usize) {
        if !self.starts.contains_key(&function) {
            let slots = |f: usize| self.file.functions[f].end - self.file.functions[f].start;
            let start = self.placed.last().map_or(0, |(last, start)| start + slots(*last));
            self.placed.push((function, start));
            self.starts.insert(function, start);
        }
    }

    fn append(&mut self, function: usize, start: usize) -> Result<(), ElfError> {
        let Function { section, start: first, end, .. } = self.file.functions[function].clone();
        let code = self.file.section(section).code.as_deref().unwrap_or_default();
        self.code.extend_from_slice(&code[first..end]);
        let error = |slot: usize, reason: String| {
            let section = self.file.section(section).name.clone();
            ElfError::Reference { section, slot, reason }
        };
        if self.code.len() > SLOTS_MAX {
            return Err(error(first, "the program is too big".into()));
        }
        let name = &self.file.section(section).name;
        if let Some(adapted) = self.file.ext.adapted.get(name)
            && let Some(slot) =
                adapted.iter().find(|slot| (first..end).contains(&(**slot as usize)))
        {
            let reason = "it is to be adapted to the kernel's types (CO-RE), \
                          which is not supported";
            return Err(error(*slot as usize, reason.into()));
        }
        let mut slot = first;
        while slot < end {
            let here = start + slot - first;
            let insn = code[slot];
            let reference = self.file.section(section).references.get(&(slot as u64 * 8));
            let is_call = insn.opcode == CALL && insn.src() == CALL_LOCAL;
            if let Some(reference) = reference {
                self.refer(here, slot, section, reference).map_err(|r| error(slot, r))?;
            } else if is_call {
                let target = slot as i64 + 1 + i64::from(insn.immediate);
                self.call(here, section, target).map_err(|r| error(slot, r))?;
            }
            slot += if insn.is_wide() { 2 } else { 1 };
        }
        Ok(())
    }

    /// Makes a slot refer to the function that starts at a slot of a section.
    fn call(&mut self, here: usize, section: usize, target: i64) -> Result<(), String> {
        let functions = &self.file.functions;
        let is_it = |f: &Function| f.section == section && f.start as i64 == target;
        let function = functions.iter().position(is_it);
        let function = function.ok_or_else(|| format!("no function starts at slot {target}"))?;
        self.place(function);
        self.open.push((here, function));
        Ok(())
    }

    fn refer(
        &mut self,
        here: usize,
        slot: usize,
        section: usize,
        reference: &Reference,
    ) -> Result<(), String> {
        let (symbol, insn) = (&reference.symbol, self.code[here]);
        let undefined = || format!("`{}` is not in this file", symbol.name);
        let target = symbol.section.ok_or_else(undefined)?;
        let addend = i64::from(insn.immediate);
        let is_code = self.file.section(target).code.is_some();
        match reference.kind {
            R_BPF_64_32 if insn.opcode == CALL && is_code => {
                let first = symbol.offset as i64 / 8;
                self.code[here].registers = CALL_LOCAL << 4;
                self.call(here, target, first.saturating_add(addend + 1))
            }
            R_BPF_64_64 if insn.is_wide() && here + 1 < self.code.len() => {
                let place = symbol.offset.checked_add_signed(addend);
                let place = place.ok_or("it refers to nothing")?;
                if is_code {
                    self.code[here].registers = insn.dst() | FUNCTION << 4;
                    return self.call(here, target, place as i64 / 8);
                }
                self.map(here, target, place, &symbol.name)
            }
            kind => Err(format!("relocation {kind} of slot {slot} in {section} makes no sense")),
        }
    }

    /// Makes a wide instruction name a map, or a variable in one.
    fn map(&mut self, here: usize, section: usize, place: u64, name: &str) -> Result<(), String> {
        let is_map = self.file.has_maps(section);
        let key = (section, if is_map { place } else { 0 });
        let unknown = || format!("`{name}` is no map and no variable");
        let map = self.maps.get(&key).ok_or_else(unknown)?;
        let (kind, high) = match is_map {
            true => (MAP_INDEX, 0),
            false => (MAP_VALUE_INDEX, i32::try_from(place).map_err(|_| unknown())?),
        };
        self.code[here].registers = self.code[here].dst() | kind << 4;
        self.code[here].immediate = i32::try_from(*map).map_err(|_| unknown())?;
        self.code[here + 1].immediate = high;
        Ok(())
    }

    /// What is known about the program's functions and lines, with slots of the linked code.
    fn infos(&self) -> (Vec<FunctionInfo>, Vec<LineInfo>) {
        let (mut functions, mut lines) = (Vec::new(), Vec::new());
        for (function, start) in &self.placed {
            let Function { section, start: first, end, .. } = &self.file.functions[*function];
            let name = &self.file.section(*section).name;
            let moved = |slot: u32| {
                let is_here = (*first..*end).contains(&(slot as usize));
                is_here.then(|| (slot as usize - first + start) as u32)
            };
            let known = self.file.ext.functions.get(name).into_iter().flatten();
            functions.extend(
                known.filter_map(|f| Some(FunctionInfo { slot: moved(f.slot)?, ..f.clone() })),
            );
            let known = self.file.ext.lines.get(name).into_iter().flatten();
            lines
                .extend(known.filter_map(|l| Some(LineInfo { slot: moved(l.slot)?, ..l.clone() })));
        }
        // All functions or none: the kernel wants it so.
        if functions.len() != self.placed.len() {
            functions.clear();
        }
        (functions, lines)
    }
}
