//! Where a text stops being JSON, in the words of Python's `json`, in which Django REST framework
//! passes it on.

use std::fmt;
use std::str;

/// Deeper than any login, and shallow enough for any stack.
const DEEPEST: usize = 128;

/// What is expected and not found, and the place, in characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JsonFault {
    what: String,
    place: Option<Place>,
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    character: usize,
}

struct Scanner<'a> {
    text: &'a [u8],
    depth: usize,
}

/// Where a part of the text ends, or what is wrong with it, and where.
type Scanned = Result<usize, (&'static str, usize)>;

const NO_VALUE: &str = "Expecting value";
const NO_NAME: &str = "Expecting property name enclosed in double quotes";
const NO_COLON: &str = "Expecting ':' delimiter";
const NO_COMMA: &str = "Expecting ',' delimiter";
const UNTERMINATED: &str = "Unterminated string starting at";

impl JsonFault {
    /// The first fault of a text; none where Python finds none.
    pub(super) fn of(content: &[u8]) -> Option<Self> {
        let text = match str::from_utf8(content) {
            Ok(text) => text,
            Err(error) => {
                let (good, bad) = content.split_at(error.valid_up_to());
                if let Some(length) = error.error_len() {
                    return Some(Self::undecodable(good.len(), &bad[..length]));
                }
                // Python waits for the rest of a character that has only begun.
                str::from_utf8(good).unwrap_or_default()
            }
        };
        if text.starts_with('\u{FEFF}') {
            let what = "Unexpected UTF-8 BOM (decode using utf-8-sig)";
            return Some(Self::at(what, text, 0));
        }
        let mut scanner = Scanner {
            text: text.as_bytes(),
            depth: 0,
        };
        let (what, offset) = scanner.document().err()?;
        Some(Self::at(what, text, offset))
    }

    fn at(what: &str, text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            what: what.to_owned(),
            place: Some(Place {
                line: before.matches('\n').count() + 1,
                column: line.chars().count() + 1,
                character: before.chars().count(),
            }),
        }
    }

    fn undecodable(place: usize, bad: &[u8]) -> Self {
        let leads = matches!(bad[0], 0xC2..=0xF4);
        let why = if leads {
            "invalid continuation byte"
        } else {
            "invalid start byte"
        };
        let which = match bad {
            [byte] => format!("byte {byte:#04x} in position {place}"),
            _ => format!("bytes in position {place}-{}", place + bad.len() - 1),
        };
        Self {
            what: format!("'utf-8' codec can't decode {which}: {why}"),
            place: None,
        }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.place {
            None => Ok(()),
            Some(Place {
                line,
                column,
                character,
            }) => write!(f, ": line {line} column {column} (char {character})"),
        }
    }
}

impl Scanner<'_> {
    fn document(&mut self) -> Scanned {
        let end = self.value(self.blank(0))?;
        let end = self.blank(end);
        if end < self.text.len() {
            return Err(("Extra data", end));
        }
        Ok(end)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Behind white space.
    fn blank(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| b" \t\n\r".contains(byte));
        at + blanks.count()
    }

    fn value(&mut self, at: usize) -> Scanned {
        match self.byte(at) {
            Some(b'"') => self.string(at),
            Some(b'{') => self.nested(at, Self::object),
            Some(b'[') => self.nested(at, Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(at),
            _ => self.word(at),
        }
    }

    fn word(&self, at: usize) -> Scanned {
        let rest = &self.text[at..];
        let words = [&b"null"[..], b"true", b"false"];
        let word = words.iter().find(|word| rest.starts_with(word));
        word.map(|word| at + word.len()).ok_or((NO_VALUE, at))
    }

    fn nested(&mut self, at: usize, inside: impl Fn(&mut Self, usize) -> Scanned) -> Scanned {
        if self.depth == DEEPEST {
            return Err(("Nested too deeply", at));
        }
        self.depth += 1;
        let end = inside(self, self.blank(at + 1));
        self.depth -= 1;
        end
    }

    fn object(&mut self, mut at: usize) -> Scanned {
        if self.byte(at) == Some(b'}') {
            return Ok(at + 1);
        }
        loop {
            if self.byte(at) != Some(b'"') {
                return Err((NO_NAME, at));
            }
            at = self.string(at)?;
            at = self.blank(at);
            if self.byte(at) != Some(b':') {
                return Err((NO_COLON, at));
            }
            at = self.value(self.blank(at + 1))?;
            at = self.blank(at);
            match self.byte(at) {
                Some(b'}') => return Ok(at + 1),
                Some(b',') => at = self.blank(at + 1),
                _ => return Err((NO_COMMA, at)),
            }
        }
    }

    fn array(&mut self, mut at: usize) -> Scanned {
        if self.byte(at) == Some(b']') {
            return Ok(at + 1);
        }
        loop {
            at = self.value(at)?;
            at = self.blank(at);
            match self.byte(at) {
                Some(b']') => return Ok(at + 1),
                Some(b',') => at = self.blank(at + 1),
                _ => return Err((NO_COMMA, at)),
            }
        }
    }

    fn string(&self, begin: usize) -> Scanned {
        let mut at = begin + 1;
        loop {
            match self.byte(at) {
                None => return Err((UNTERMINATED, begin)),
                Some(b'"') => return Ok(at + 1),
                Some(0..=0x1F) => return Err(("Invalid control character at", at)),
                Some(b'\\') => at = self.escape(begin, at)?,
                Some(_) => at += 1,
            }
        }
    }

    fn escape(&self, begin: usize, at: usize) -> Scanned {
        match self.byte(at + 1) {
            None => Err((UNTERMINATED, begin)),
            Some(b'u') => {
                let digits = self.text.get(at + 2..at + 6).unwrap_or_default();
                // Python wants to see what is behind the digits, too.
                if digits.iter().all(u8::is_ascii_hexdigit) && at + 6 < self.text.len() {
                    Ok(at + 6)
                } else {
                    Err(("Invalid \\uXXXX escape", at + 1))
                }
            }
            Some(byte) if b"\"\\/bfnrt".contains(&byte) => Ok(at + 2),
            Some(_) => Err(("Invalid \\escape", at)),
        }
    }

    fn number(&self, begin: usize) -> Scanned {
        let digits = |at: usize| {
            let rest = self.text.get(at..).unwrap_or_default();
            at + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let first = begin + usize::from(self.byte(begin) == Some(b'-'));
        let mut end = match self.byte(first) {
            Some(b'0') => first + 1,
            _ => digits(first),
        };
        if end == first {
            return Err((NO_VALUE, begin));
        }
        if self.byte(end) == Some(b'.') && digits(end + 1) > end + 1 {
            end = digits(end + 1);
        }
        if matches!(self.byte(end), Some(b'e' | b'E')) {
            let signed = matches!(self.byte(end + 1), Some(b'+' | b'-'));
            let exponent = end + 1 + usize::from(signed);
            if digits(exponent) > exponent {
                end = digits(exponent);
            }
        }
        Ok(end)
    }
}
