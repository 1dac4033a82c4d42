//! knowledge
#[allow(missing_docs)]
pub mod images {
    use crate::model::ImageRef;
    pub struct Family;
    impl Family { pub fn is_sdk(&self) -> bool { true } }
    pub fn family(image: &ImageRef) -> Option<Family> {
        matches!(image.familiar_name().as_str(), "golang" | "rust" | "maven" | "gradle" | "gcc").then_some(Family)
    }
}
#[allow(missing_docs)]
pub mod packages {
    pub fn is_build_only(name: &str) -> bool {
        name.ends_with("-dev") || matches!(name, "gcc" | "g++" | "make" | "build-essential" | "cmake" | "build-base")
    }
}
