//! Which variables are known where, and with which values.

use crate::source::Span;

/// A variable in a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value where the file alone decides it; none for an ARG without default, or a platform
    /// ARG that the build fills in.
    pub value: Option<String>,
    /// Declared by ENV (also inherited from a parent stage), not by ARG.
    pub is_env: bool,
    /// Where it was declared; none for predefined ones.
    pub declared: Option<Span>,
}

/// The variables in force at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// In order of declaration; a later one of the same name replaces the earlier.
    pub variables: Vec<Variable>,
}
