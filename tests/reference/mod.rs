//! The reference server, driven by clients that nobody here wrote.

mod clients;
mod django;
mod flags;
mod flows;
mod page;
mod routes;
mod stores;
mod streams;

use std::path::Path;
use std::process::{Command, Output};

/// Runs a script of `tests/python` by the Python that `tests/run` has set up.
fn python(script: &str, arguments: &[&str]) -> Output {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../target/python/bin/python");
    let output = Command::new(&python)
        .arg(tests.join("python").join(script))
        .args(arguments)
        .output();
    output.unwrap_or_else(|error| {
        panic!(
            "{}: {error}; start `tests/run` once, which sets it up",
            python.display()
        )
    })
}

/// The script has nothing to complain of.
fn is_content(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{error}");
    assert!(text.contains(" passed, 0 failed"), "{text}\n{error}");
}
