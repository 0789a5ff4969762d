use std::borrow::Borrow;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// A short text that many records share, in eight bytes: each distinct one is kept once.
///
/// Beyond [`KEPT`] distinct words (somebody makes them up) a further one is merely not shared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Word(Arc<Box<str>>);

const KEPT: usize = 4096;

static WORDS: RwLock<Option<HashSet<Word>>> = RwLock::new(None);

impl Word {
    pub(crate) fn new(text: &str) -> Self {
        {
            let words = WORDS.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(word) = words.as_ref().and_then(|words| words.get(text)) {
                return word.clone();
            }
        }
        let mut words = WORDS.write().unwrap_or_else(PoisonError::into_inner);
        let words = words.get_or_insert_default();
        if let Some(word) = words.get(text) {
            return word.clone();
        }
        let word = Self(Arc::new(text.into()));
        if words.len() < KEPT {
            words.insert(word.clone());
        }
        word
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}
