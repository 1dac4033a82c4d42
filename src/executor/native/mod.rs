//! The bundled engine: builds images and runs containers with no daemon, on Linux.
pub mod layer;
mod gzip;
pub mod store;
