use serde::Deserialize;

use super::template::{self, Unchanged, Words};

/// A request, and what it must be answered.
///
/// Texts of names, values, query and body are bytes: their characters are U+0000 to U+00FF. They
/// hold placeholders, see [`template`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) id: String,
    /// What it is a case of, for who reads the file.
    #[serde(rename = "category")]
    _category: String,
    pub(super) headers: Vec<(String, String)>,
    #[serde(default = "get")]
    pub(super) method: String,
    #[serde(default)]
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) body: Option<String>,
    /// Of HTTP/1, where it is not 1.1.
    #[serde(default)]
    pub(super) version: Option<String>,
    /// What stands between a field's name and value, where it is not `: `.
    #[serde(default)]
    pub(super) sep: Option<String>,
    #[serde(default)]
    pub(super) trailer: Vec<(String, String)>,
    expect: Expect,
    /// Instead, where only the first scheme is served.
    expect_no_alias: Option<Expect>,
    pub(super) why: String,
}

/// What a case must be answered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: OneOf<u16>,
    /// The challenge's error code; none must be there where it is null.
    pub(super) error: OneOf<Option<String>>,
    pub(super) reason: String,
    /// What the HTTP server may do instead, before the layer hears of the request.
    #[serde(default)]
    pub(super) transport: Vec<Transport>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(super) enum Transport {
    Status(u16),
    /// `close`: the connection ends without an answer.
    Word(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOf<T> {
    One(T),
    Some(Vec<T>),
}

impl<T: PartialEq> OneOf<T> {
    pub(super) fn has(&self, value: &T) -> bool {
        match self {
            Self::One(one) => one == value,
            Self::Some(some) => some.contains(value),
        }
    }
}

fn get() -> String {
    "GET".to_owned()
}

impl Case {
    pub(super) fn all() -> Vec<Self> {
        let cases = include_str!("cases.jsonl").lines();
        let cases = cases.chain(include_str!("more.jsonl").lines());
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        cases.map(read).collect()
    }

    /// A good token, as nearly all clients show it.
    pub(super) fn good() -> Self {
        let good = r#"{
            "id": "good", "category": "good", "headers": [["Authorization", "{S} {TOKEN}"]],
            "expect": {"status": 200, "error": null, "reason": "ok"}, "why": ""
        }"#;
        serde_json::from_str(good).expect("is a case")
    }

    pub(super) fn expected(&self, alias: bool) -> &Expect {
        let other = self.expect_no_alias.as_ref().filter(|_| !alias);
        other.unwrap_or(&self.expect)
    }

    /// Whether no change of a token in it leaves the token as it is.
    pub(super) fn changes_what_it_says(&self, words: &Words) -> bool {
        let values = self
            .headers
            .iter()
            .chain(&self.trailer)
            .map(|(_, value)| value);
        let mut texts = values.chain(&self.query).chain(&self.body);
        texts.all(|text| !matches!(template::expand(text, words), Err(Unchanged)))
    }
}
