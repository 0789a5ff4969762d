//! A folder imports from those before it, never from those after.

use std::fs;
use std::path::{Path, PathBuf};

const ORDER: [&str; 10] = [
    "clock",
    "token",
    "expiry",
    "rejection",
    "credential",
    "store",
    "authority",
    "layer",
    "endpoint",
    "testing",
];

/// Crates whose types may stand in the public API.
const PUBLIC: [&str; 11] = [
    "async_trait",
    "axum_core",
    "bytes",
    "chrono",
    "deadpool_postgres",
    "http",
    "http_body",
    "http_body_util",
    "redis",
    "std",
    "tower",
];

#[test]
fn folders_import_only_from_those_before_them() {
    for (path, text) in sources() {
        let own = place(&folder(&path));
        for (line, import) in imports(&text) {
            let Some(word) = import.strip_prefix("crate::") else {
                continue;
            };
            let other = place(word.split([':', ';', ' ']).next().unwrap());
            assert!(
                other <= own,
                "{}:{line} imports upward: {import}",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_clock_reads_the_time() {
    for (path, text) in sources() {
        let reads = ["SystemTime::now", "Instant::now", "Utc::now"]
            .iter()
            .any(|call| text.contains(call));
        assert_eq!(reads, path.ends_with("src/clock.rs"), "{}", path.display());
    }
}

#[test]
fn public_items_name_no_types_of_crates_beyond_the_list() {
    for (path, text) in sources() {
        let foreign: Vec<String> = imports(&text)
            .filter(|(_, import)| {
                let root = import.split([':', ';', ' ']).next().unwrap();
                !PUBLIC.contains(&root) && !["crate", "self", "super"].contains(&root)
            })
            .flat_map(|(_, import)| names(&import))
            .collect();
        let public = text.lines().filter(|line| {
            let line = line.trim_start();
            line.starts_with("pub fn ")
                || line.starts_with("pub const fn ")
                || line.starts_with("pub async fn ")
        });
        for line in public {
            let words: Vec<&str> = line
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .collect();
            let leaked = foreign.iter().find(|name| words.contains(&name.as_str()));
            assert!(leaked.is_none(), "{}: {leaked:?} in {line}", path.display());
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let mut folders = vec![root];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                sources.push((path, text));
            }
        }
    }
    assert!(sources.len() > 20, "the sources are found");
    sources
}

fn folder(path: &Path) -> String {
    let inside = path
        .components()
        .skip_while(|part| part.as_os_str() != "src")
        .nth(1)
        .unwrap();
    inside
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

fn place(folder: &str) -> usize {
    if folder == "lib" {
        return ORDER.len();
    }
    ORDER
        .iter()
        .position(|word| *word == folder)
        .unwrap_or_else(|| panic!("{folder} has no place in the order"))
}

/// Each `use` statement on one line, with the number of the line where it starts.
fn imports(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim_start();
        let Some(start) = ["use ", "pub use ", "pub(crate) use "]
            .iter()
            .find_map(|word| line.strip_prefix(word))
        else {
            continue;
        };
        let mut import = start.to_owned();
        while !import.contains(';') {
            import += lines.next().unwrap().1.trim();
        }
        found.push((number + 1, import));
    }
    found.into_iter()
}

fn names(import: &str) -> Vec<String> {
    let is_type = |word: &&str| word.starts_with(char::is_uppercase);
    import
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(is_type)
        .map(Into::into)
        .collect()
}
