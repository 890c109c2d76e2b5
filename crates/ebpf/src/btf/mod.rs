//! BTF: types of programs and kernels (`Documentation/bpf/btf.rst` of Linux).
//!
//! **Invariants:** no bytes make reading panic; in what was read, every type that is named is
//! there, and no array or typedef contains itself.

mod print;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::BtfError;
pub(crate) use read::{Words, header, part, string};
pub(crate) use write::Strings;

/// Types by number; number 0 is `void` and is not in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Btf {
    types: Vec<Type>,
}

/// Number of a type.
pub type TypeId = u32;

/// A type. Names may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// An integer.
    Int {
        /// Name.
        name: String,
        /// Size.
        bytes: u32,
        /// Width of the value.
        bits: u8,
        /// Bits that say whether it is signed (1), a character (2), a truth value (4).
        encoding: u8,
    },
    /// A pointer.
    Pointer(TypeId),
    /// An array.
    Array {
        /// Type of the elements.
        element: TypeId,
        /// Type of the index.
        index: TypeId,
        /// Number of elements.
        len: u32,
    },
    /// A struct or union.
    Struct {
        /// Name.
        name: String,
        /// Whether it is a union.
        is_union: bool,
        /// Size.
        bytes: u32,
        /// Members in order.
        members: Vec<Member>,
    },
    /// An enumeration.
    Enum {
        /// Name.
        name: String,
        /// Size.
        bytes: u32,
        /// Whether values have a sign.
        signed: bool,
        /// Names and values; of 64 bits in the kind of that name, else of 32.
        values: Vec<(String, u64)>,
        /// Whether it is of the kind for values of 64 bits.
        wide: bool,
    },
    /// A struct or union that is declared only.
    Forward {
        /// Name.
        name: String,
        /// Whether it is a union.
        is_union: bool,
    },
    /// A name for a type.
    Typedef {
        /// Name.
        name: String,
        /// The type.
        target: TypeId,
    },
    /// A qualifier or tag of a type.
    Qualified {
        /// Which.
        qualifier: Qualifier,
        /// The type.
        target: TypeId,
    },
    /// A function.
    Function {
        /// Name.
        name: String,
        /// Its prototype.
        prototype: TypeId,
        /// 0 static, 1 global, 2 extern.
        linkage: u32,
    },
    /// A prototype.
    Prototype {
        /// Type of the result.
        result: TypeId,
        /// Names and types of the parameters.
        parameters: Vec<(String, TypeId)>,
    },
    /// A variable.
    Variable {
        /// Name.
        name: String,
        /// Its type.
        target: TypeId,
        /// 0 static, 1 global, 2 extern.
        linkage: u32,
    },
    /// Variables of a section.
    Section {
        /// Its name.
        name: String,
        /// Size.
        bytes: u32,
        /// Variables with their places.
        variables: Vec<Place>,
    },
    /// A floating-point number.
    Float {
        /// Name.
        name: String,
        /// Size.
        bytes: u32,
    },
    /// A tag of a declaration.
    DeclarationTag {
        /// The tag.
        name: String,
        /// What it is attached to.
        target: TypeId,
        /// Which member or parameter, or all ones for the whole.
        component: u32,
    },
}

/// A qualifier or tag of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `volatile`.
    Volatile,
    /// `const`.
    Const,
    /// `restrict`.
    Restrict,
    /// A tag with this text.
    Tag(String),
}

/// A member of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name.
    pub name: String,
    /// Type.
    pub target: TypeId,
    /// First bit.
    pub offset_bits: u32,
    /// Width, of bit fields; else 0.
    pub width_bits: u8,
}

/// A variable in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The variable.
    pub variable: TypeId,
    /// First byte.
    pub offset: u32,
    /// Bytes.
    pub bytes: u32,
}

/// Most types behind each other that a size is looked for in.
const DEPTH_MAX: usize = 32;

/// Bytes of a pointer of a program.
const POINTER_BYTES: u64 = 8;

impl Btf {
    /// The type with a number. `None` for `void`.
    pub fn get(&self, id: TypeId) -> Option<&Type> {
        self.types.get((id as usize).checked_sub(1)?)
    }

    /// All types with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        (1..).zip(&self.types)
    }

    /// All types, to change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Type> {
        self.types.iter_mut()
    }

    /// Number of types, without `void`.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// True if there are no types.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Adds a type; its number.
    pub fn add(&mut self, kind: Type) -> TypeId {
        self.types.push(kind);
        u32::try_from(self.types.len()).expect("there are fewer types than numbers")
    }

    /// The first type that satisfies a condition.
    pub fn find(&self, is_it: impl Fn(&Type) -> bool) -> Option<TypeId> {
        self.iter().find(|(_, kind)| is_it(kind)).map(|(id, _)| id)
    }

    /// The struct of a name, with its number, size and members.
    pub fn find_struct(&self, wanted: &str) -> Option<(TypeId, u32, &[Member])> {
        self.iter().find_map(|(id, kind)| match kind {
            Type::Struct { name, is_union: false, bytes, members } if name == wanted => {
                Some((id, *bytes, &members[..]))
            }
            _ => None,
        })
    }

    /// The number of the function of a name.
    pub fn find_function(&self, wanted: &str) -> Option<TypeId> {
        self.find(|kind| matches!(kind, Type::Function { name, .. } if name == wanted))
    }

    /// The section of a name.
    pub fn section(&self, wanted: &str) -> Option<&[Place]> {
        self.types.iter().find_map(|kind| match kind {
            Type::Section { name, variables, .. } if name == wanted => Some(&variables[..]),
            _ => None,
        })
    }

    /// The type behind qualifiers and typedefs, with its number.
    pub fn plain(&self, id: TypeId) -> (TypeId, Option<&Type>) {
        let mut id = id;
        for _ in 0..DEPTH_MAX {
            match self.get(id) {
                Some(Type::Typedef { target, .. } | Type::Qualified { target, .. }) => id = *target,
                other => return (id, other),
            }
        }
        (id, None)
    }

    /// Bytes that a value of a type takes. `None` for what has no size.
    pub fn bytes(&self, id: TypeId) -> Option<u64> {
        self.bytes_within(id, DEPTH_MAX)
    }

    fn bytes_within(&self, id: TypeId, depth: usize) -> Option<u64> {
        let depth = depth.checked_sub(1)?;
        match self.plain(id).1? {
            Type::Int { bytes, .. }
            | Type::Struct { bytes, .. }
            | Type::Enum { bytes, .. }
            | Type::Float { bytes, .. }
            | Type::Section { bytes, .. } => Some((*bytes).into()),
            Type::Pointer(_) => Some(POINTER_BYTES),
            Type::Array { element, len, .. } => {
                self.bytes_within(*element, depth)?.checked_mul((*len).into())
            }
            Type::Variable { target, .. } => self.bytes_within(*target, depth),
            _ => None,
        }
    }
}

impl Type {
    /// Its name; empty if it has none.
    pub fn name(&self) -> &str {
        match self {
            Self::Int { name, .. }
            | Self::Struct { name, .. }
            | Self::Enum { name, .. }
            | Self::Forward { name, .. }
            | Self::Typedef { name, .. }
            | Self::Function { name, .. }
            | Self::Variable { name, .. }
            | Self::Section { name, .. }
            | Self::Float { name, .. }
            | Self::DeclarationTag { name, .. } => name,
            Self::Qualified { qualifier: Qualifier::Tag(name), .. } => name,
            _ => "",
        }
    }

    /// The types that it names directly.
    pub fn targets(&self) -> Vec<TypeId> {
        match self {
            Self::Pointer(target)
            | Self::Typedef { target, .. }
            | Self::Qualified { target, .. }
            | Self::Function { prototype: target, .. }
            | Self::Variable { target, .. }
            | Self::DeclarationTag { target, .. } => vec![*target],
            Self::Array { element, index, .. } => vec![*element, *index],
            Self::Struct { members, .. } => members.iter().map(|member| member.target).collect(),
            Self::Prototype { result, parameters } => {
                parameters.iter().map(|(_, target)| *target).chain([*result]).collect()
            }
            Self::Section { variables, .. } => variables.iter().map(|v| v.variable).collect(),
            _ => Vec::new(),
        }
    }
}
