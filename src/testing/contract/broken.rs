use std::error::Error;
use std::fmt;

use crate::store::StoreError;

/// The promises that a store does not keep, and what was seen instead. Prints as a list, also
/// with `{:?}`, so that a test may simply return it.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken(Vec<(&'static str, String)>);

/// What was seen of a promise that is not kept.
#[derive(Debug)]
pub(super) struct Fault(String);

/// What each promise has come to.
#[derive(Default)]
pub(super) struct Report(Vec<(&'static str, String)>);

impl Broken {
    /// Each promise that is not kept, as a sentence.
    pub fn promises(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(promise, _)| *promise)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store breaks {} of its promises:", self.0.len())?;
        for (promise, seen) in &self.0 {
            write!(f, "\n- {promise}\n    but {seen}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Broken {}

// === impl Report ===

impl Report {
    /// Notes what a promise has come to. One that is tried in several ways is named once.
    pub(super) fn promise(&mut self, promise: &'static str, outcome: Result<(), Fault>) {
        if let Err(Fault(seen)) = outcome
            && !self.0.iter().any(|(known, _)| *known == promise)
        {
            self.0.push((promise, seen));
        }
    }

    pub(super) fn verdict(self) -> Result<(), Broken> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Broken(self.0))
        }
    }
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(seen: impl Into<String>) -> Self {
        Self(seen.into())
    }
}

/// A store that can't say has not kept its promise either.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let mut seen = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            seen = format!("{seen}: {cause}");
            source = cause.source();
        }
        Self(seen)
    }
}

/// Holds unless `found` is what is expected.
pub(super) fn same<T: PartialEq + fmt::Debug>(
    what: impl fmt::Display,
    found: &T,
    expected: &T,
) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (brief(found), brief(expected));
    Err(Fault(format!("{what}: expected {expected}, found {found}")))
}

/// Huge values are not worth printing whole.
pub(super) fn brief(value: &impl fmt::Debug) -> String {
    const MOST: usize = 1_000;
    let text = format!("{value:?}");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
