//! PostgreSQL's own benchmark, which is compiled C and prepares its statement.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{SECONDS, TOKENS};
use crate::postgres::server::find;
use crate::postgres::server::postgres::{Database, USUAL};

/// A statement that pgbench repeats, each time with the digest of a random token.
pub(super) struct Script {
    file: PathBuf,
    url: String,
}

impl Script {
    /// `sql` says `:digest` where the digest belongs.
    pub(super) fn new(database: &Database, name: &str, sql: &str) -> Self {
        let file = std::env::temp_dir().join(format!("bench-{}-{name}.sql", std::process::id()));
        let sql = sql.replace(":digest", "sha256(int8send(:number))");
        let script = format!("\\set number random(1, {TOKENS})\n{sql};\n");
        fs::write(&file, script).expect("the temporary folder is writable");
        let url = database.url();
        Self { file, url }
    }

    /// Statements a second by this many clients.
    pub(super) fn run(&self, clients: usize) -> f64 {
        let mut pgbench = Command::new(find("pgbench", "POSTGRES_BIN", &USUAL, "postgresql"));
        pgbench
            .args(["--no-vacuum", "--protocol=prepared", "--file"])
            .arg(&self.file);
        pgbench.args([format!("--client={clients}"), format!("--time={SECONDS}")]);
        pgbench
            .arg(format!("--jobs={}", clients.min(2)))
            .arg(&self.url);
        let output = pgbench.output().expect("pgbench runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|rest| rest.split(' ').next()?.parse().ok());
        tps.unwrap_or_else(|| panic!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}
