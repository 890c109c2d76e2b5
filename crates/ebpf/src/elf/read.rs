//! Files to objects.

use super::ext::Ext;
use super::{ElfError, FUNCTIONS, LICENSE, MAPS, OLD_MAPS, link, maps, variables};
use crate::btf::{Btf, Place, Type};
use crate::insn::{Insn, from_bytes};
use crate::object::Object;
use object::read::elf::ElfFile64;
use object::{
    LittleEndian, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags,
    RelocationTarget, SectionFlags, SymbolKind,
};
use std::collections::BTreeMap;

/// Largest section that is made into a map.
const VARIABLES_MAX: u64 = 64 << 20;

/// A file in a form that is easy to link.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) sections: BTreeMap<usize, Section>,
    pub(super) functions: Vec<Function>,
    /// Named places of data: section, offset, bytes, name.
    pub(super) data: Vec<Symbol>,
    pub(super) btf: Option<Btf>,
    pub(super) ext: Ext,
}

#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// Instructions, of sections that have them.
    pub(super) code: Option<Vec<Insn>>,
    /// What is referred to, by offset in bytes.
    pub(super) references: BTreeMap<u64, Reference>,
}

/// A relocation.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) kind: u32,
    pub(super) symbol: Symbol,
}

/// Where a name is.
#[derive(Clone, Debug, Default)]
pub(super) struct Symbol {
    pub(super) name: String,
    /// `None` if it is not in this file.
    pub(super) section: Option<usize>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// A function: slots of a section.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) section: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_program: bool,
}

/// Reads the bytes of a file.
pub fn read(bytes: &[u8]) -> Result<Object, ElfError> {
    let file = parse(bytes)?;
    let (maps, places) = maps::read(&file)?;
    let license = file.named(LICENSE).map(text).unwrap_or_default();
    let programs = link::programs(&file, &places)?;
    if programs.is_empty() && maps.is_empty() {
        return Err(ElfError::File("there are no programs in it".into()));
    }
    Ok(Object { programs, maps, license, btf: file.btf })
}

fn text(section: &Section) -> String {
    let end = section.bytes.iter().position(|byte| *byte == 0).unwrap_or(section.bytes.len());
    String::from_utf8_lossy(&section.bytes[..end]).into_owned()
}

fn file_error(error: &object::Error) -> ElfError {
    ElfError::File(error.to_string())
}

fn parse(bytes: &[u8]) -> Result<File, ElfError> {
    let elf = ElfFile64::<LittleEndian>::parse(bytes).map_err(|error| file_error(&error))?;
    if elf.elf_header().e_machine.get(LittleEndian) != object::elf::EM_BPF {
        return Err(ElfError::File("it is for another machine".into()));
    }
    let mut file = File::default();
    for section in elf.sections() {
        let name = section.name().map_err(|error| file_error(&error))?.to_owned();
        let error = |reason: String| ElfError::Section { name: name.clone(), reason };
        let mut data = section.data().map_err(|why| error(why.to_string()))?.to_vec();
        if data.is_empty() && variables(&name).is_some() {
            // Variables that start as zeros take no place in the file.
            if section.size() > VARIABLES_MAX {
                return Err(error("it is too big".into()));
            }
            data = vec![0; section.size() as usize];
        }
        let executable = matches!(section.flags(),
            SectionFlags::Elf { sh_flags, .. } if sh_flags.0 & object::elf::SHF_EXECINSTR.0 != 0);
        let code = match executable && !data.is_empty() {
            true => {
                let whole = from_bytes(&data);
                Some(whole.ok_or_else(|| error("it is not a whole number of slots".into()))?)
            }
            false => None,
        };
        let references = references(&elf, &section)?;
        let section_index = section.index().0;
        file.sections.insert(section_index, Section { name, bytes: data, code, references });
    }
    symbols(&elf, &mut file)?;
    types(&mut file)?;
    Ok(file)
}

fn references<'a>(
    elf: &ElfFile64<'a, LittleEndian>,
    section: &object::read::elf::ElfSection64<'a, '_, LittleEndian>,
) -> Result<BTreeMap<u64, Reference>, ElfError> {
    let mut found = BTreeMap::new();
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(index) = relocation.target() else { continue };
        let symbol = elf.symbol_by_index(index).map_err(|error| file_error(&error))?;
        let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
        found.insert(offset, Reference { kind: r_type.0, symbol: place(&symbol)? });
    }
    Ok(found)
}

fn place(
    symbol: &object::read::elf::ElfSymbol64<'_, '_, LittleEndian>,
) -> Result<Symbol, ElfError> {
    let name = symbol.name().map_err(|error| file_error(&error))?.to_owned();
    let section = symbol.section_index().map(|index| index.0);
    Ok(Symbol { name, section, offset: symbol.address(), bytes: symbol.size() })
}

fn symbols(elf: &ElfFile64<'_, LittleEndian>, file: &mut File) -> Result<(), ElfError> {
    for symbol in elf.symbols() {
        let at = place(&symbol)?;
        let Some(index) = at.section else { continue };
        let Some(section) = file.sections.get(&index) else { continue };
        if symbol.kind() == SymbolKind::Text
            && let Some(code) = &section.code
        {
            let (start, end) = (at.offset / 8, at.offset.saturating_add(at.bytes) / 8);
            if at.offset % 8 != 0 || start >= end || end > code.len() as u64 {
                let reason = format!("the function `{}` lies outside of it", at.name);
                return Err(ElfError::Section { name: section.name.clone(), reason });
            }
            file.functions.push(Function {
                is_program: section.name != FUNCTIONS && symbol.is_global(),
                name: at.name,
                section: index,
                start: start as usize,
                end: end as usize,
            });
        } else if symbol.kind() != SymbolKind::Section {
            file.data.push(at);
        }
    }
    file.functions.sort_by_key(|function| (function.section, function.start));
    Ok(())
}

/// Reads the types, and completes what compilers leave to the linker: sizes of sections and
/// places of variables.
fn types(file: &mut File) -> Result<(), ElfError> {
    let Some(section) = file.named(".BTF") else { return Ok(()) };
    let (mut btf, strings) = Btf::read_with_strings(&section.bytes)?;
    if let Some(section) = file.named(".BTF.ext") {
        file.ext = Ext::read(&section.bytes, strings)?;
    }
    let names: BTreeMap<u32, String> = btf
        .iter()
        .filter(|(_, kind)| matches!(kind, Type::Variable { .. }))
        .map(|(id, kind)| (id, kind.name().to_owned()))
        .collect();
    for kind in btf.iter_mut() {
        let Type::Section { name, bytes, variables } = kind else { continue };
        let Some((index, section)) = file.find(name) else { continue };
        *bytes = u32::try_from(section.bytes.len()).unwrap_or(u32::MAX);
        for place in variables.iter_mut() {
            complete(place, &names, index, &file.data);
        }
        variables.sort_by_key(|place| place.offset);
    }
    file.btf = Some(btf);
    Ok(())
}

fn complete(place: &mut Place, names: &BTreeMap<u32, String>, section: usize, data: &[Symbol]) {
    let name = names.get(&place.variable).map_or("", String::as_str);
    let is_it = |symbol: &&Symbol| symbol.section == Some(section) && symbol.name == name;
    if let Some(symbol) = data.iter().find(is_it) {
        place.offset = u32::try_from(symbol.offset).unwrap_or(u32::MAX);
    }
}

impl File {
    /// The section of a name, with its number.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Section)> {
        let mut sections = self.sections.iter();
        sections.find(|(_, section)| section.name == name).map(|(index, s)| (*index, s))
    }

    pub(super) fn named(&self, name: &str) -> Option<&Section> {
        self.find(name).map(|(_, section)| section)
    }

    /// The section of a number; empty if there is none.
    pub(super) fn section(&self, index: usize) -> &Section {
        static EMPTY: Section = Section {
            name: String::new(),
            bytes: Vec::new(),
            code: None,
            references: BTreeMap::new(),
        };
        self.sections.get(&index).unwrap_or(&EMPTY)
    }

    /// Whether a section defines maps.
    pub(super) fn has_maps(&self, index: usize) -> bool {
        matches!(self.section(index).name.as_str(), MAPS | OLD_MAPS)
    }
}
