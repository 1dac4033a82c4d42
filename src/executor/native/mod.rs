//! The bundled engine: builds images and runs containers with no daemon, on Linux.
