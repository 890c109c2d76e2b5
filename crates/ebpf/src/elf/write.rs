//! Objects to files that libbpf, bpftool and aya load too.
//!
//! Programs are cut into their functions again: each program in a section of its own name, what it
//! calls in `.text`, with relocations, because libbpf links so. Maps are defined by types.

use super::{ElfError, FUNCTIONS, LICENSE, MAPS, R_BPF_64_32, R_BPF_64_64, ext};
use crate::btf::{Btf, Member, Place, Strings, Type, TypeId};
use crate::graph::Code;
use crate::insn::{Insn, to_bytes};
use crate::isa::{Callee, Effect, Wide};
use crate::object::{FunctionInfo, LineInfo, MapDef, Object, Program};
use object::write::{Object as Writer, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};
use std::collections::BTreeMap;

/// The bytes of a file with these programs and maps.
pub fn write(object: &Object) -> Result<Vec<u8>, ElfError> {
    let mut btf = object.btf.clone().unwrap_or_default();
    let mut file = File::new();
    file.maps(&object.maps, &mut btf);
    let mut infos = Infos::new();
    for program in &object.programs {
        file.program(program, &mut btf, &mut infos)?;
    }
    if !object.license.is_empty() {
        let license = [object.license.as_bytes(), b"\0"].concat();
        let section = file.section(LICENSE, SectionKind::Data);
        file.elf.append_section_data(section, &license, 1);
    }
    let mut strings = Strings::new();
    let infos: Vec<_> = infos.into_iter().map(|(name, (f, l))| (name, f, l)).collect();
    let ext = ext::write(&infos, &mut strings);
    for (name, bytes) in [(".BTF", btf.write_with(strings)), (".BTF.ext", ext)] {
        let section = file.section(name, SectionKind::Other);
        file.elf.append_section_data(section, &bytes, 4);
    }
    file.elf.write().map_err(|error| ElfError::File(error.to_string()))
}

/// What is known about the instructions of each section.
type Infos = BTreeMap<String, (Vec<FunctionInfo>, Vec<LineInfo>)>;

struct File {
    elf: Writer<'static>,
    sections: BTreeMap<String, SectionId>,
    /// Symbol of each map, and whether it is one of variables.
    maps: Vec<(SymbolId, bool)>,
}

impl File {
    fn new() -> Self {
        let elf = Writer::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
        Self { elf, sections: BTreeMap::new(), maps: Vec::new() }
    }

    fn section(&mut self, name: &str, kind: SectionKind) -> SectionId {
        let elf = &mut self.elf;
        let add = || elf.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
        *self.sections.entry(name.to_owned()).or_insert_with(add)
    }

    fn symbol(
        &mut self,
        name: &str,
        at: (SectionId, u64, u64),
        kind: SymbolKind,
        global: bool,
    ) -> SymbolId {
        self.elf.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: at.1,
            size: at.2,
            kind,
            scope: if global { SymbolScope::Linkage } else { SymbolScope::Compilation },
            weak: false,
            section: SymbolSection::Section(at.0),
            flags: SymbolFlags::None,
        })
    }

    /// Defines the maps: those of variables are sections, the others variables in one section.
    fn maps(&mut self, maps: &[MapDef], btf: &mut Btf) {
        let is_defined = btf.section(MAPS).is_some();
        let mut places = Vec::new();
        let mut offset = 0;
        for map in maps {
            if let Some(initial) = &map.initial {
                let kind = if map.frozen { SectionKind::ReadOnlyData } else { SectionKind::Data };
                let section = self.section(&map.name, kind);
                self.elf.append_section_data(section, initial, 8);
                let symbol = self.elf.section_symbol(section);
                self.maps.push((symbol, true));
                continue;
            }
            let (variable, bytes) = map_variable(btf, map);
            let section = self.section(MAPS, SectionKind::Data);
            self.elf.append_section_data(section, &vec![0; bytes as usize], 8);
            let at = (section, offset, bytes.into());
            let symbol = self.symbol(&map.name, at, SymbolKind::Data, true);
            self.maps.push((symbol, false));
            places.push(Place { variable, offset: offset as u32, bytes });
            offset += u64::from(bytes);
        }
        if !is_defined && !places.is_empty() {
            let bytes = offset as u32;
            btf.add(Type::Section { name: MAPS.into(), bytes, variables: places });
        }
    }

    fn program(
        &mut self,
        program: &Program,
        btf: &mut Btf,
        infos: &mut Infos,
    ) -> Result<(), ElfError> {
        let error = |reason: String| ElfError::Section { name: program.section.clone(), reason };
        let code = Code::new(program.code.clone()).map_err(|why| error(why.to_string()))?;
        let starts: Vec<usize> = code.functions().into_iter().collect();
        let ends = starts.iter().skip(1).copied().chain([program.code.len()]);
        let mut placed = BTreeMap::new();
        let mut parts = Vec::new();
        for (start, end) in starts.iter().copied().zip(ends) {
            let is_own = start == 0;
            let section_name = if is_own { program.section.as_str() } else { FUNCTIONS };
            let section = self.section(section_name, SectionKind::Text);
            let bytes = to_bytes(&program.code[start..end]);
            let at = self.elf.append_section_data(section, &bytes, 8);
            let name = match is_own {
                true => program.name.clone(),
                false => format!("{}_{start}", program.name),
            };
            let place = (section, at, bytes.len() as u64);
            placed.insert(start, self.symbol(&name, place, SymbolKind::Text, is_own));
            let first = (at / 8) as usize;
            self.infos(program, (start, end), first, section_name, &name, btf, infos);
            parts.push((start, end, section, first));
        }
        for (start, end, section, first) in parts {
            for (slot, insn, row) in code.iter().filter(|(slot, ..)| (start..end).contains(slot)) {
                let at = first + slot - start;
                self.refer(&code, slot, insn, &row.effect, &placed, (section, at))
                    .map_err(|why| error(why.to_string()))?;
            }
        }
        Ok(())
    }

    /// Notes what is known about a function; without types it gets the simplest prototype.
    #[allow(clippy::too_many_arguments, reason = "the parts of one record")]
    fn infos(
        &self,
        program: &Program,
        (start, end): (usize, usize),
        first: usize,
        section: &str,
        name: &str,
        btf: &mut Btf,
        infos: &mut Infos,
    ) {
        let moved = |slot: u32| {
            let is_here = (start..end).contains(&(slot as usize));
            is_here.then(|| (slot as usize - start + first) as u32)
        };
        let (functions, lines) = infos.entry(section.to_owned()).or_default();
        let known = program.functions.iter().find(|f| f.slot as usize == start);
        let type_id = known.map_or_else(|| function_type(btf, name, start == 0), |f| f.type_id);
        functions.push(FunctionInfo { slot: first as u32, type_id });
        let here = program.lines.iter();
        lines.extend(here.filter_map(|l| Some(LineInfo { slot: moved(l.slot)?, ..l.clone() })));
    }

    /// Adds the relocation of an instruction that refers to a map or function.
    fn refer(
        &mut self,
        code: &Code,
        slot: usize,
        insn: Insn,
        effect: &Effect,
        placed: &BTreeMap<usize, SymbolId>,
        (section, at): (SectionId, usize),
    ) -> Result<(), object::write::Error> {
        let map = |file: &Self, index: i32| {
            usize::try_from(index).ok().and_then(|i| file.maps.get(i).copied())
        };
        let function =
            |target: Option<usize>| target.and_then(|target| placed.get(&target).copied());
        // What the slots of the file hold is what linkers add to the place of the symbol.
        let (symbol, kind, addend, src) = match effect {
            Effect::Wide(Wide::MapIndex | Wide::MapValueIndex) => {
                let Some((symbol, is_variable)) = map(self, insn.immediate) else { return Ok(()) };
                let high = code.insns()[slot + 1].immediate;
                (Some(symbol), R_BPF_64_64, if is_variable { high } else { 0 }, 0)
            }
            Effect::Wide(Wide::Function) => {
                let target = slot as i64 + 1 + i64::from(insn.immediate);
                (function(usize::try_from(target).ok()), R_BPF_64_64, 0, 0)
            }
            Effect::Call(Callee::Local) => (function(code.target(slot)), R_BPF_64_32, -1, 1),
            _ => return Ok(()),
        };
        let Some(symbol) = symbol else { return Ok(()) };
        let new = Insn { registers: insn.dst() | src << 4, immediate: addend, ..insn };
        let data = self.elf.section_mut(section).data_mut();
        data[at * 8..at * 8 + 8].copy_from_slice(&new.to_bytes());
        if new.is_wide() {
            data[at * 8 + 12..at * 8 + 16].fill(0);
        }
        let flags = RelocationFlags::Elf { r_type: object::elf::RelocationType(kind) };
        let relocation = Relocation { offset: at as u64 * 8, symbol, addend: 0, flags };
        self.elf.add_relocation(section, relocation)
    }
}

/// The type of a function of which nothing is known: of programs, one of the context.
fn function_type(btf: &mut Btf, name: &str, is_program: bool) -> TypeId {
    let int = int(btf, "int", 4, 1);
    let parameters = match is_program {
        true => vec![("context".to_owned(), btf.add(Type::Pointer(0)))],
        false => Vec::new(),
    };
    let prototype = btf.add(Type::Prototype { result: int, parameters });
    let linkage = u32::from(is_program);
    btf.add(Type::Function { name: name.to_owned(), prototype, linkage })
}

/// The number of an integer type, made if it is not there.
fn int(btf: &mut Btf, name: &str, bytes: u32, encoding: u8) -> TypeId {
    let wanted = Type::Int { name: name.to_owned(), bytes, bits: (bytes * 8) as u8, encoding };
    btf.find(|kind| *kind == wanted).unwrap_or_else(|| btf.add(wanted))
}

/// The variable that defines a map, and its bytes. One that is there already is used.
fn map_variable(btf: &mut Btf, map: &MapDef) -> (TypeId, u32) {
    let known =
        btf.section(MAPS).into_iter().flatten().find(|place| {
            btf.get(place.variable).is_some_and(|variable| variable.name() == map.name)
        });
    if let Some(place) = known {
        return (place.variable, place.bytes);
    }
    let mut members = Vec::new();
    let mut add = |name: &str, target| {
        let offset_bits = members.len() as u32 * 64;
        members.push(Member { name: name.into(), target, offset_bits, width_bits: 0 });
    };
    for (name, value) in
        [("type", map.kind.0), ("max_entries", map.entries), ("map_flags", map.flags)]
    {
        if value != 0 {
            add(name, number(btf, value));
        }
    }
    for (of_type, of_size, target, bytes) in [
        ("key", "key_size", map.key_type, map.key_bytes),
        ("value", "value_size", map.value_type, map.value_bytes),
    ] {
        match (target, bytes) {
            (_, 0) => {}
            (0, bytes) => add(of_size, number(btf, bytes)),
            (target, _) => add(of_type, btf.add(Type::Pointer(target))),
        }
    }
    let bytes = members.len() as u32 * 8;
    let target = btf.add(Type::Struct { name: String::new(), is_union: false, bytes, members });
    let variable = Type::Variable { name: map.name.clone(), target, linkage: 1 };
    (btf.add(variable), bytes)
}

/// The type that stands for a number: a pointer to an array of that length.
fn number(btf: &mut Btf, value: u32) -> TypeId {
    let element = int(btf, "int", 4, 1);
    let index = int(btf, "__ARRAY_SIZE_TYPE__", 4, 0);
    let array = btf.add(Type::Array { element, index, len: value });
    btf.add(Type::Pointer(array))
}
