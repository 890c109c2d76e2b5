//! Why a program could not be compiled.

use trama_lang::ir_check::Invalid;
use trama_state::SpecError;

/// Why a program could not be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NativeError {
    /// The host's processor has no code generator here.
    #[error("no code generator for this processor: {0}")]
    Host(String),
    /// The program breaks a rule of the intermediate representation: a fault of whoever made it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The program breaks a rule that only code generation could see.
    #[error("malformed IR: {0}")]
    IllFormed(String),
    /// A state object cannot be made.
    #[error("state object `{node}.{name}`: {error}")]
    State {
        /// Name of the node.
        node: String,
        /// Name of the state object.
        name: String,
        /// What is wrong with it.
        error: SpecError,
    },
    /// The code generator failed: a defect of this crate or of Cranelift.
    #[error("code generation for a handler of `{node}` failed: {error}")]
    Codegen {
        /// Name of the node.
        node: String,
        /// What Cranelift said.
        error: String,
    },
}
