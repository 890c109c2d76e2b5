//! From TOML to sections of keys with their lines.
//!
//! Values stay texts: what a text means is for the settings to say ([`trama_base::parameter`]), so
//! that a file, `--set` and a default are read in one way.

use super::ScenarioError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use trama_base::Parameters;
use trama_base::parameter::ParameterError;

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) text: String,
    /// Where it is; None if the command line says it.
    line: Option<usize>,
}

/// A table, or an element of an array of tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// Empty for what is above all tables; with its number if there are several of one name.
    pub(super) name: String,
    pub(super) line: Option<usize>,
    pub(super) keys: Vec<Key>,
}

/// The sections of a text, in its order, with some keys replaced.
pub(super) fn read(text: &str, set: &[(String, String)]) -> Result<Vec<Section>, ScenarioError> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        ScenarioError { line, key: String::new(), why: error.message().to_owned() }
    })?;
    let mut root = Section::default();
    let mut sections = Vec::new();
    for (key, value) in table.get_ref() {
        let line = Some(line_of(text, key.span().start));
        let name = key.get_ref().to_string();
        match value.get_ref() {
            DeValue::Table(table) => {
                for (inner, value) in table {
                    if let DeValue::Table(settings) = value.get_ref() {
                        let line = Some(line_of(text, inner.span().start));
                        let name = dotted(&name, inner.get_ref());
                        sections.push(section(text, name, line, settings)?);
                    }
                }
                sections.push(section(text, name, line, table)?);
            }
            DeValue::Array(items) if items.iter().any(|it| it.get_ref().is_table()) => {
                for (index, item) in items.iter().enumerate() {
                    let name = format!("{name}[{}]", index + 1);
                    let line = Some(line_of(text, item.span().start));
                    let DeValue::Table(table) = item.get_ref() else {
                        return Err(ScenarioError {
                            line,
                            key: name,
                            why: "it is no table".into(),
                        });
                    };
                    sections.push(section(text, name, line, table)?);
                }
            }
            _ => root.keys.push(read_key(text, "", key.get_ref(), key.span().start, value)?),
        }
    }
    sections.sort_by_key(|section| section.line);
    sections.insert(0, root);
    for (key, value) in set {
        replace(&mut sections, key, value);
    }
    Ok(sections)
}

fn section(
    text: &str,
    name: String,
    line: Option<usize>,
    table: &DeTable<'_>,
) -> Result<Section, ScenarioError> {
    let mut keys = Vec::new();
    for (key, value) in table.iter().filter(|(_, value)| !value.get_ref().is_table()) {
        keys.push(read_key(text, &name, key.get_ref(), key.span().start, value)?);
    }
    Ok(Section { name, line, keys })
}

fn read_key(
    text: &str,
    section: &str,
    name: &str,
    start: usize,
    value: &Spanned<DeValue<'_>>,
) -> Result<Key, ScenarioError> {
    let line = Some(line_of(text, start));
    let text = as_text(value.get_ref()).ok_or_else(|| ScenarioError {
        line,
        key: dotted(section, name),
        why: "it is a text, a number, a truth value, or a list of them".into(),
    })?;
    Ok(Key { name: name.to_owned(), text, line })
}

/// A value as `--set` would write it; a list has commas.
fn as_text(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| as_text(item.get_ref()));
            texts.collect::<Option<Vec<_>>>()?.join(",")
        }
        _ => return None,
    })
}

/// Sets a dotted key, in a section that is made if it is not there.
fn replace(sections: &mut Vec<Section>, key: &str, value: &str) {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let place = sections.iter().position(|it| it.name == section).unwrap_or_else(|| {
        sections.push(Section { name: section.to_owned(), ..Section::default() });
        sections.len() - 1
    });
    let keys = &mut sections[place].keys;
    let is_other = |key: &Key| key.name == name && key.text != value;
    if (section, name) == ("transport", "name") && keys.iter().any(is_other) {
        // What the file says of its transport is not meant for another one.
        keys.retain(|key| key.line.is_none());
    }
    keys.retain(|key| key.name != name);
    keys.push(Key { name: name.to_owned(), text: value.to_owned(), line: None });
}

fn dotted(section: &str, name: &str) -> String {
    let parts: Vec<&str> = [section, name].into_iter().filter(|it| !it.is_empty()).collect();
    parts.join(".")
}

/// Counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count()
}

impl Section {
    /// Its name without a number.
    pub(super) fn kind(&self) -> &str {
        self.name.split('[').next().unwrap_or_default()
    }

    /// The error that a key, or the section if it has no such key, is wrong.
    pub(super) fn wrong(&self, name: &str, why: impl Into<String>) -> ScenarioError {
        let key = self.keys.iter().find(|key| key.name == name);
        let line = key.map_or(self.line, |key| key.line);
        ScenarioError { line, key: dotted(&self.name, name), why: why.into() }
    }

    /// Sets what the keys say; `more` are names that are allowed besides.
    pub(super) fn apply(
        &self,
        settings: &mut (impl Parameters + ?Sized),
        more: &[&str],
    ) -> Result<(), ScenarioError> {
        for key in self.keys.iter().filter(|key| !more.contains(&key.name.as_str())) {
            settings.set(&key.name, &key.text).map_err(|error| match error {
                ParameterError::Value(why) => self.wrong(&key.name, why),
                ParameterError::Unknown => {
                    let mut names = more.to_vec();
                    names.extend(settings.parameters().iter().map(|it| it.name));
                    let why = format!("there is no such key; there are {}", names.join(", "));
                    self.wrong(&key.name, why)
                }
            })?;
        }
        Ok(())
    }
}
