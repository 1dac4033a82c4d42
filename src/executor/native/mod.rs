//! The bundled engine: builds images and runs containers with no daemon, on Linux.
pub mod gzip;
pub mod layer;
pub mod output;
pub mod source;
pub mod store;

#[cfg(target_os = "linux")]
pub mod container;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // Namespaces have no safe form; each use says why it is sound.
pub mod sandbox;
#[cfg(target_os = "linux")]
pub mod snapshot;
