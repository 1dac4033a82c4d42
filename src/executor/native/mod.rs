//! The bundled engine: builds images and runs containers with no daemon, on Linux.

pub mod attributes;
pub mod container;
mod copied;
pub mod engine;
pub mod frontend;
pub mod gzip;
pub mod layer;
mod limits;
pub mod output;
#[allow(unsafe_code)] // Namespaces have no safe form; each use says why it is sound.
pub mod sandbox;
pub mod snapshot;
pub mod solve;
pub mod source;
pub mod store;
pub mod tree;
pub mod userns;
pub mod vertex;
