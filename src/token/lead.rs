use std::fmt;
use std::ops::Deref;

/// A text that others begin with. Eight bytes are compared as one number, which saves an accepted
/// request two calls: some thirty instructions.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Lead {
    text: Box<str>,
    first: u64,
    mask: u64,
}

const FIRST: usize = size_of::<u64>();

impl Lead {
    pub(crate) fn new(text: &str) -> Self {
        let (mut first, mut mask) = ([0; FIRST], [0; FIRST]);
        for (index, &byte) in text.as_bytes().iter().take(FIRST).enumerate() {
            (first[index], mask[index]) = (byte, u8::MAX);
        }
        Self {
            text: text.into(),
            first: u64::from_ne_bytes(first),
            mask: u64::from_ne_bytes(mask),
        }
    }

    /// What follows it, if a text begins with it.
    #[inline]
    pub(crate) fn strip<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let rest = text.get(self.text.len()..)?;
        let same = match text.first_chunk() {
            Some(first) if self.text.len() <= FIRST => {
                u64::from_ne_bytes(*first) & self.mask == self.first
            }
            _ => text.starts_with(self.text.as_bytes()),
        };
        same.then_some(rest)
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Deref for Lead {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_stripped_of_its_lead_as_std_strips_it() {
        let texts = [
            "",
            "a",
            "tet_",
            "tet_2",
            "Bearer ",
            "Bearer t",
            "Bearer_token",
            "tet-tet-tet",
        ];
        for lead in texts {
            for text in texts {
                assert_eq!(
                    Lead::new(lead).strip(text.as_bytes()),
                    text.as_bytes().strip_prefix(lead.as_bytes()),
                    "{text:?} without {lead:?}"
                );
            }
        }
    }
}
