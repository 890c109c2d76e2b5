//! The codes of all messages of the checker.
