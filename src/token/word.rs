use std::borrow::Borrow;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// A short text that many records share, in eight bytes: each distinct one is kept once.
///
/// Clients can make some up, so those that nobody holds any more are forgotten, and a long one is
/// not shared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Word(Arc<Box<str>>);

struct Words {
    kept: Option<HashSet<Word>>,
    /// So many are kept before those that nobody holds are looked for.
    most: usize,
}

const FEW: usize = 4096;
const LONG: usize = 1024;

static WORDS: RwLock<Words> = RwLock::new(Words {
    kept: None,
    most: FEW,
});

impl Word {
    pub(crate) fn new(text: &str) -> Self {
        if text.len() > LONG {
            return Self(Arc::new(text.into()));
        }
        {
            let words = WORDS.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(word) = words.kept.as_ref().and_then(|kept| kept.get(text)) {
                return word.clone();
            }
        }
        let mut words = WORDS.write().unwrap_or_else(PoisonError::into_inner);
        words.keep(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Words {
    fn keep(&mut self, text: &str) -> Word {
        let kept = self.kept.get_or_insert_default();
        if let Some(word) = kept.get(text) {
            return word.clone();
        }
        if kept.len() >= self.most {
            kept.retain(|word| Arc::strong_count(&word.0) > 1);
            self.most = FEW.max(2 * kept.len());
        }
        let word = Word(Arc::new(text.into()));
        kept.insert(word.clone());
        word
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_share_one_text_as_long_as_somebody_holds_it() {
        let mut words = Words {
            kept: None,
            most: FEW,
        };
        let held = words.keep("read write");
        for number in 0..10 * FEW {
            words.keep(&format!("made up {number}"));
        }
        assert!(Arc::ptr_eq(&words.keep("read write").0, &held.0));
        assert!(words.kept.is_some_and(|kept| kept.len() <= FEW));
    }
}
