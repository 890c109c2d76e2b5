//! Types as C would declare them.

use super::{Btf, Qualifier, Type, TypeId};
use std::fmt::Write as _;

/// Types of one declaration that are printed before `...`.
const TYPES_MAX: usize = 256;

impl Btf {
    /// The declaration of `name` with a type: `struct pair *name[4]`.
    pub fn declare(&self, id: TypeId, name: &str) -> String {
        self.declarator(id, name.to_owned(), &mut { TYPES_MAX })
    }

    fn declarator(&self, id: TypeId, inner: String, left: &mut usize) -> String {
        let Some(fewer) = left.checked_sub(1) else { return format!("... {inner}") };
        *left = fewer;
        let joined = |head: &str| match inner.is_empty() {
            true => head.to_owned(),
            false => format!("{head} {inner}"),
        };
        let tagged = |word: &str, name: &str| match name {
            "" => joined(&format!("{word} {{ ... }}")),
            name => joined(&format!("{word} {name}")),
        };
        let Some(kind) = self.get(id) else { return joined("void") };
        match kind {
            Type::Pointer(target) => {
                let is_outside =
                    matches!(self.get(*target), Some(Type::Array { .. } | Type::Prototype { .. }));
                let inner = if is_outside { format!("(*{inner})") } else { format!("*{inner}") };
                self.declarator(*target, inner, left)
            }
            Type::Array { element, len, .. } => {
                self.declarator(*element, format!("{inner}[{len}]"), left)
            }
            Type::Prototype { result, parameters } => {
                let list: Vec<_> = parameters
                    .iter()
                    .map(|(name, target)| self.declarator(*target, name.clone(), left))
                    .collect();
                let list = if list.is_empty() { "void".into() } else { list.join(", ") };
                self.declarator(*result, format!("{inner}({list})"), left)
            }
            Type::Qualified { qualifier, target } => {
                let word = match qualifier {
                    Qualifier::Volatile => "volatile",
                    Qualifier::Const => "const",
                    Qualifier::Restrict => "restrict",
                    Qualifier::Tag(_) => return self.declarator(*target, inner, left),
                };
                if let Some(Type::Pointer(_)) = self.get(*target) {
                    return self.declarator(*target, format!("{word} {inner}"), left);
                }
                format!("{word} {}", self.declarator(*target, inner, left))
            }
            Type::Struct { name, is_union: false, .. } => tagged("struct", name),
            Type::Forward { name, is_union: false } => tagged("struct", name),
            Type::Struct { name, .. } | Type::Forward { name, .. } => tagged("union", name),
            Type::Enum { name, .. } => tagged("enum", name),
            Type::Function { name, prototype, .. } => {
                self.declarator(*prototype, name.clone(), left)
            }
            Type::Variable { name, target, .. } => self.declarator(*target, name.clone(), left),
            Type::Int { name, .. }
            | Type::Typedef { name, .. }
            | Type::Float { name, .. }
            | Type::Section { name, .. }
            | Type::DeclarationTag { name, .. } => joined(name),
        }
    }
}

impl std::fmt::Display for Btf {
    /// Prints the definitions of all named types, functions and variables.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (id, kind) in self.iter() {
            match kind {
                Type::Struct { bytes, members, .. } => {
                    let mut text = format!("{} {{", self.declare(id, ""));
                    for member in members {
                        let name = match member.width_bits {
                            0 => member.name.clone(),
                            width => format!("{}:{width}", member.name),
                        };
                        let place = member.offset_bits / 8;
                        let declared = self.declare(member.target, &name);
                        let _ = write!(text, "\n    {declared};  // at {place}");
                    }
                    writeln!(f, "{text}\n}};  // {bytes} bytes\n")?;
                }
                Type::Enum { values, signed, .. } => {
                    writeln!(f, "{} {{", self.declare(id, ""))?;
                    for (name, value) in values {
                        match signed {
                            true => writeln!(f, "    {name} = {},", *value as i32)?,
                            false => writeln!(f, "    {name} = {value},")?,
                        }
                    }
                    writeln!(f, "}};\n")?;
                }
                Type::Typedef { name, target } => {
                    writeln!(f, "typedef {};", self.declare(*target, name))?;
                }
                Type::Function { .. } | Type::Variable { .. } => {
                    writeln!(f, "{};", self.declare(id, ""))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
