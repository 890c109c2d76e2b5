//! Settings with names, units and defaults, declared once.
//!
//! [`parameters!`](crate::parameters) declares a struct whose fields can be set by name from text,
//! and listed with what they mean. Scenario files, `--set` on the command line and the reference
//! in the book all come from that one declaration.

use crate::units::{self, UnitError};
use crate::{Bytes, Picos, Rate};

/// A setting as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What a value looks like.
    pub form: String,
    /// Its value now, as it could be written.
    pub value: String,
}

/// Why a setting was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterError {
    /// Nothing has this name.
    Unknown,
    /// The text is no such value; says what would be.
    Value(String),
}

/// Something with settings.
pub trait Parameters {
    /// Sets one of them.
    fn set(&mut self, name: &str, text: &str) -> Result<(), ParameterError>;

    /// All of them, in the order of their declaration.
    fn parameters(&self) -> Vec<Parameter>;
}

/// A type of settings.
pub trait Value: Sized {
    /// What a value looks like.
    fn form() -> String;

    /// Reads one; the error says what would be right.
    fn read(text: &str) -> Result<Self, String>;

    /// Writes it as it can be read.
    fn show(&self) -> String;
}

/// A value of type `T`, or the parameter error that says why the text is none.
pub fn read<T: Value>(text: &str) -> Result<T, ParameterError> {
    T::read(text).map_err(ParameterError::Value)
}

macro_rules! quantity {
    ($type:ty, $form:literal, $parse:path, $write:path) => {
        impl Value for $type {
            fn form() -> String {
                $form.into()
            }
            fn read(text: &str) -> Result<Self, String> {
                let from: Result<Self, UnitError> = $parse(text);
                from.map_err(|error| error.to_string())
            }
            fn show(&self) -> String {
                $write(*self)
            }
        }
    };
}

quantity!(Picos, "a time: `10us`", units::duration, units::write_duration);
quantity!(Rate, "a rate: `100Gbps`", units::rate, units::write_rate);
quantity!(Bytes, "a size: `64kB`", units::bytes, units::write_bytes);

macro_rules! plain {
    ($type:ty, $form:literal) => {
        impl Value for $type {
            fn form() -> String {
                $form.into()
            }
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("`{text}` is not {}", $form))
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}

plain!(u8, "a number from 0 to 255");
plain!(u32, "a whole number");
plain!(u64, "a whole number");
plain!(bool, "`true` or `false`");
plain!(String, "a text");

impl Value for f64 {
    fn form() -> String {
        "a number".into()
    }

    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|it: &Self| it.is_finite());
        number.ok_or_else(|| format!("`{text}` is not a number"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// `none` is no value.
impl<T: Value> Value for Option<T> {
    fn form() -> String {
        format!("{}, or `none`", T::form())
    }

    fn read(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(None) } else { T::read(text).map(Some) }
    }

    fn show(&self) -> String {
        self.as_ref().map_or("none".into(), T::show)
    }
}

/// Makes an enumeration without fields a type of settings: each value with its name.
#[macro_export]
macro_rules! choices {
    ($type:ty { $($value:ident = $name:literal),+ $(,)? }) => {
        impl $crate::parameter::Value for $type {
            fn form() -> String {
                [$(concat!("`", $name, "`")),+].join(", ")
            }
            fn read(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$value),)+
                    _ => Err(format!("`{text}` is none of {}", Self::form())),
                }
            }
            fn show(&self) -> String {
                match self { $(Self::$value => $name),+ }.into()
            }
        }
    };
}

/// Declares a struct of settings: the fields with their documentation, types and defaults.
#[macro_export]
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $name {
            $($(#[doc = $doc])+ pub $field: $type),*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }

        impl $crate::parameter::Parameters for $name {
            fn set(
                &mut self,
                name: &str,
                text: &str,
            ) -> Result<(), $crate::parameter::ParameterError> {
                let _ = text;
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::parameter::read(text)?;
                        Ok(())
                    })*
                    _ => Err($crate::parameter::ParameterError::Unknown),
                }
            }

            fn parameters(&self) -> Vec<$crate::parameter::Parameter> {
                vec![$($crate::parameter::Parameter {
                    name: stringify!($field),
                    meaning: concat!($($doc),+).trim_ascii(),
                    form: <$type as $crate::parameter::Value>::form(),
                    value: $crate::parameter::Value::show(&self.$field),
                }),*]
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Colour {
        Green,
        Red,
    }

    choices!(Colour { Green = "green", Red = "red" });

    parameters! {
        /// Of a lamp.
        struct Lamp {
            /// What it shows
            /// first.
            colour: Colour = Colour::Red,
            /// For how long.
            time: Picos = Picos::from_millis(20),
            /// Its battery.
            charge: Option<Bytes> = None,
        }
    }

    #[test]
    fn settings_are_set_by_name_and_listed_as_they_can_be_set() {
        let mut lamp = Lamp::default();
        assert_eq!(lamp.set("colour", "green"), Ok(()));
        assert_eq!(lamp.set("time", "1.5us"), Ok(()));
        assert_eq!(lamp.set("charge", "9kB"), Ok(()));
        let right =
            Lamp { colour: Colour::Green, time: Picos(1_500_000), charge: Some(Bytes(9000)) };
        assert_eq!(lamp, right);
        let mut again = Lamp::default();
        for it in lamp.parameters() {
            assert_eq!(again.set(it.name, &it.value), Ok(()), "{it:?}");
        }
        assert_eq!(again, lamp);
        assert_eq!(lamp.parameters()[0].meaning, "What it shows first.");
    }

    #[test]
    fn what_is_refused_says_what_would_be_right() {
        let mut lamp = Lamp::default();
        assert_eq!(lamp.set("sound", "1"), Err(ParameterError::Unknown));
        let value = |text: &str| ParameterError::Value(text.into());
        assert_eq!(lamp.set("colour", "blue"), Err(value("`blue` is none of `green`, `red`")));
        assert!(lamp.set("time", "3").is_err(), "a time has a unit");
        assert_eq!(lamp, Lamp::default());
    }
}
