use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use sha2::{Digest, Sha256};

/// Who a token speaks for, as text: a user's name or id, with the tenant if there are several.
///
/// A record keeps its label behind its subject, in one allocation; nobody sees it here.
pub struct Subject {
    text: Box<str>,
    end: usize,
}

impl Subject {
    /// A subject of this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            end: text.len(),
        }
    }

    pub(super) fn with_tail(text: &str, tail: &str) -> Self {
        Self {
            text: [text, tail].concat().into(),
            end: text.len(),
        }
    }

    pub(super) fn clone_with_tail(&self) -> Self {
        Self {
            text: self.text.clone(),
            end: self.end,
        }
    }

    pub(super) fn tail(&self) -> &str {
        &self.text[self.end..]
    }

    /// The subject's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text[..self.end]
    }

    /// The subject's place among 4,096: every one of its tokens carries it, so that a store can
    /// keep them together (a shard, a partition, a hash tag).
    #[must_use]
    pub fn route(&self) -> u16 {
        self.route_and_tag().0
    }

    /// The route, and 32 further bits that nearly tell subjects of one route apart.
    pub(crate) fn route_and_tag(&self) -> (u16, u32) {
        let hash = Sha256::digest(self.as_str());
        let tag = u32::from_be_bytes([hash[2], hash[3], hash[4], hash[5]]);
        (u16::from_be_bytes([hash[0], hash[1]]) >> 4, tag)
    }
}

impl Deref for Subject {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Subject {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Subject {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self {
            end: text.len(),
            text: text.into(),
        }
    }
}

impl From<&String> for Subject {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<&Self> for Subject {
    fn from(subject: &Self) -> Self {
        subject.clone()
    }
}

impl Clone for Subject {
    fn clone(&self) -> Self {
        Self::new(self)
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Subject {}

impl PartialOrd for Subject {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Subject {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({:?})", self.as_str())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
