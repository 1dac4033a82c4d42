//! The image runs on a full base image although a slim one exists.
use crate::rule::Inspect;
/// x
pub struct Rule;
impl Inspect for Rule {}
