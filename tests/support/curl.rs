//! The `curl` binary, a client that nobody here wrote.

use std::process::Command;

/// What `curl -i` printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) version: String,
    pub(crate) status: u16,
    /// Names in lower case. Trailers are among them.
    fields: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Runs curl with these arguments beside `-i`.
pub(crate) fn curl(arguments: &[&str]) -> Printed {
    let output = Command::new("curl")
        .args(["-sS", "-i", "--max-time", "20"])
        .args(arguments)
        .output()
        .expect("curl is needed to run these tests: install it");
    assert!(
        output.status.success(),
        "curl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Printed::read(&String::from_utf8_lossy(&output.stdout))
}

impl Printed {
    pub(crate) fn read(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("expected a head and a body, found {text:?}"));
        let (line, _) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut words = line.split(' ');
        let fields = text.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        });
        Self {
            version: words.next().expect("a version").to_owned(),
            status: words
                .next()
                .and_then(|status| status.parse().ok())
                .expect("a status"),
            fields: fields.collect(),
            body: body.to_owned(),
        }
    }

    /// All values of a field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.fields.iter().filter(|(own, _)| own == name);
        values.map(|(_, value)| value.as_str()).collect()
    }
}
