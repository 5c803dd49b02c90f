//! Rules about where things are.

use super::tree::{assert_none, root};

/// Whoever knows one backend finds their way in the others.
#[test]
fn every_backend_has_the_same_files() {
    let mut missing = Vec::new();
    for entry in root().join("providers").read_dir().unwrap() {
        let folder = entry.unwrap().path();
        for name in [
            "src/lib.rs",
            "src/options.rs",
            "src/provider.rs",
            "tests/conformance.rs",
        ] {
            let path = folder.join(name);
            if !path.exists() {
                missing.push(path.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    assert_none(&missing, "every folder in providers/ has these");
}
