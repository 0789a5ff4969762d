use std::fmt;

use super::word::Word;

/// A set of scopes: sorted, each once, written as RFC 6749 section 3.3 writes them (`read write`).
///
/// Equal sets are equal however they were written, and all records share one copy.
///
/// ```
/// use tower_expiring_token::Scopes;
///
/// let granted = Scopes::parse("write read read")?;
/// assert_eq!(granted.as_str(), "read write");
/// assert!(granted.contains("read") && !granted.contains("Read"));
/// assert!(granted.includes(&Scopes::parse("write")?));
/// # Ok::<_, tower_expiring_token::InvalidScope>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Scopes(Word);

/// A scope with a character that RFC 6749 section 3.3 does not allow, or an empty one; or none,
/// where one is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScope {
    found: Option<String>,
}

impl Scopes {
    /// No scope at all.
    #[must_use]
    pub fn none() -> Self {
        Self(Word::new(""))
    }

    /// Reads scopes that single spaces part. An empty text is no scope.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one is empty or holds a character outside `%x21 / %x23-5B / %x5D-7E`.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        // As stores keep them: nothing is to be sorted or joined.
        if text.is_empty() || is_sorted(text) {
            Ok(Self(Word::new(text)))
        } else {
            Self::of(text.split(' '))
        }
    }

    /// Collects single scopes.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] when one is empty or holds a character outside `%x21 / %x23-5B / %x5D-7E`
    /// (so also when it holds a space).
    pub fn of<I>(scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let scopes: Vec<I::Item> = scopes.into_iter().collect();
        let mut sorted: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
        if let Some(found) = sorted.iter().find(|scope| !is_scope(scope)) {
            return Err(InvalidScope {
                found: Some((*found).to_owned()),
            });
        }
        sorted.sort_unstable();
        sorted.dedup();
        Ok(Self(Word::new(&sorted.join(" "))))
    }

    /// The same, of one scope at least.
    pub(crate) fn some<I>(scopes: I) -> Result<Self, InvalidScope>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let scopes = Self::of(scopes)?;
        if scopes.is_empty() {
            return Err(InvalidScope { found: None });
        }
        Ok(scopes)
    }

    /// The scopes in one text, a space between.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Each scope, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.as_str().split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// Whether this scope is in the set. Case matters.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }

    /// Whether all of the others are in the set.
    #[must_use]
    pub fn includes(&self, others: &Self) -> bool {
        // Both are sorted: each search goes on where the last one ended.
        let mut own = self.iter();
        self == others || others.iter().all(|scope| own.any(|own| own == scope))
    }

    /// Whether at least one of the others is in the set.
    #[must_use]
    pub fn intersects(&self, others: &Self) -> bool {
        others.iter().any(|scope| self.contains(scope))
    }
}

impl Default for Scopes {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scopes").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl InvalidScope ===

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            None => {
                f.write_str("expected a scope or more, found none: name one, such as \"write\"")
            }
            Some(found) => write!(
                f,
                "expected a scope of printable ASCII without space, \" and \\ (RFC 6749 section 3.3), found {found:?}: name one word, such as \"write\""
            ),
        }
    }
}

impl std::error::Error for InvalidScope {}

fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_scope_char)
}

/// Whether all are scopes, in order and each once.
fn is_sorted(text: &str) -> bool {
    text.split(' ').all(is_scope) && text.split(' ').is_sorted_by(|one, next| one < next)
}

const fn is_scope_char(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}
