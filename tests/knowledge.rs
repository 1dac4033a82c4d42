//! The static tables are what `rules/knowledge/*.yaml` says. `BLESS=1` writes them anew.

use mbopt::knowledge::schema::{Images, Packages, check, emit};
use std::fs;
use std::path::Path;

#[test]
fn the_tables_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |name: &str| fs::read_to_string(root.join("rules/knowledge").join(name)).expect(name);
    let images: Images = serde_yaml::from_str(&read("images.yaml")).expect("images.yaml");
    let packages: Packages = serde_yaml::from_str(&read("packages.yaml")).expect("packages.yaml");
    let wrong = check(&images, &packages);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let made = emit(&images, &packages);
    let path = root.join("src/knowledge/generated.rs");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &made).expect("the tables");
    }
    let known = fs::read_to_string(&path).expect("the tables");
    assert!(
        known == made,
        "run this test with BLESS=1 and commit src/knowledge/generated.rs"
    );
}
