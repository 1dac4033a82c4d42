//! The tree-sitter view of a Dockerfile.
