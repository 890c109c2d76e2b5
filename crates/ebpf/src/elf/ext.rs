//! `.BTF.ext`: which instructions belong to which function and line.

use crate::btf::{BtfError, Strings, Words, header, part, string};
use crate::object::{FunctionInfo, LineInfo};
use std::collections::BTreeMap;

/// What a file says about its instructions, by name of the section; slots count in the section.
#[derive(Clone, Debug, Default)]
pub(super) struct Ext {
    pub(super) functions: BTreeMap<String, Vec<FunctionInfo>>,
    pub(super) lines: BTreeMap<String, Vec<LineInfo>>,
    /// Slots that are to be adapted to the types of the running kernel.
    pub(super) adapted: BTreeMap<String, Vec<u32>>,
}

impl Ext {
    pub(super) fn read(bytes: &[u8], strings: &[u8]) -> Result<Self, BtfError> {
        let mut words = Words::new(bytes);
        let len = header(&mut words)?;
        let mut parts = [(0, 0); 3];
        // Old files have no third part.
        for place in parts.iter_mut().take(if len >= 32 { 3 } else { 2 }) {
            *place = (words.next()?, words.next()?);
        }
        let [functions, lines, adapted] = parts;
        let mut ext = Self::default();
        each(bytes, len, functions, strings, |section, slot, record| {
            let info = FunctionInfo { slot, type_id: record.next()? };
            ext.functions.entry(section.into()).or_default().push(info);
            Ok(())
        })?;
        each(bytes, len, lines, strings, |section, slot, record| {
            let file = string(strings, record.next()?)?;
            let text = string(strings, record.next()?)?;
            let place = record.next()?;
            let (line, column) = (place >> 10, place & 0x3ff);
            let info = LineInfo { slot, file, text, line, column };
            ext.lines.entry(section.into()).or_default().push(info);
            Ok(())
        })?;
        each(bytes, len, adapted, strings, |section, slot, _| {
            ext.adapted.entry(section.into()).or_default().push(slot);
            Ok(())
        })?;
        Ok(ext)
    }
}

/// Calls `take` for each record with its section, its slot and the words behind.
fn each(
    bytes: &[u8],
    header: u32,
    (offset, len): (u32, u32),
    strings: &[u8],
    mut take: impl FnMut(&str, u32, &mut Words<'_>) -> Result<(), BtfError>,
) -> Result<(), BtfError> {
    if len == 0 {
        return Ok(());
    }
    let table = part(bytes, header, offset, len)?;
    let mut words = Words::new(table);
    let record_bytes = words.next()? as usize;
    if record_bytes < 8 || !record_bytes.is_multiple_of(4) {
        return Err(BtfError("its records make no sense".into()));
    }
    while !words.is_at_end() {
        let section = string(strings, words.next()?)?;
        for _ in 0..words.next()? {
            let mut record = Words::new(words.take(record_bytes)?);
            let slot = record.next()? / 8;
            take(&section, slot, &mut record)?;
        }
    }
    Ok(())
}

/// The contents of `.BTF.ext` for these sections; strings go to those of `.BTF`.
pub(super) fn write(
    sections: &[(String, Vec<FunctionInfo>, Vec<LineInfo>)],
    strings: &mut Strings,
) -> Vec<u8> {
    let mut functions = vec![8];
    let mut lines = vec![16];
    for (name, function_infos, line_infos) in sections {
        let name = strings.add(name);
        if !function_infos.is_empty() {
            functions.extend([name, function_infos.len() as u32]);
            functions.extend(function_infos.iter().flat_map(|f| [f.slot * 8, f.type_id]));
        }
        if !line_infos.is_empty() {
            lines.extend([name, line_infos.len() as u32]);
            for line in line_infos {
                let (file, text) = (strings.add(&line.file), strings.add(&line.text));
                lines.extend([line.slot * 8, file, text, line.line << 10 | line.column.min(0x3ff)]);
            }
        }
    }
    // A part without records is no part at all.
    for part in [&mut functions, &mut lines] {
        if part.len() == 1 {
            part.clear();
        }
    }
    let (functions_len, lines_len) = (functions.len() as u32 * 4, lines.len() as u32 * 4);
    let header = [
        0xeb9f | 1 << 16,
        32,
        0,
        functions_len,
        functions_len,
        lines_len,
        functions_len + lines_len,
        0,
    ];
    let all = header.into_iter().chain(functions).chain(lines);
    all.flat_map(u32::to_le_bytes).collect()
}
