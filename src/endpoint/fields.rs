//! What people fill in: a form or a JSON object, as names and values in their order.

#[cfg(feature = "multipart")]
use std::convert::Infallible;
use std::fmt;
#[cfg(feature = "multipart")]
use std::future::ready;

#[cfg(feature = "multipart")]
use bytes::Bytes;
#[cfg(feature = "multipart")]
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use zeroize::Zeroizing;

/// Names and values in the order in which they came; a name may be there again. Prints no value.
pub(super) struct Fields(Vec<(String, Value)>);

/// A field's value. A form has texts alone.
pub(super) enum Value {
    Text(Zeroizing<String>),
    Number(String),
    Bool(bool),
    Null,
    /// A list or an object.
    Nested,
}

impl Value {
    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }
}

/// What a request's content claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Form,
    Json,
    /// As it was sent, with a boundary or without.
    #[cfg(feature = "multipart")]
    Multipart(String),
    /// As it was sent; empty when nothing is said.
    Other(String),
}

impl Media {
    /// What the `Content-Type` field says, without its parameters.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let text = String::from_utf8_lossy(value.unwrap_or_default());
        let essence = text.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Self::Form
        } else if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            #[cfg(feature = "multipart")]
            if essence.eq_ignore_ascii_case("multipart/form-data") {
                return Self::Multipart(text.into_owned());
            }
            Self::Other(text.into_owned())
        }
    }
}

impl Fields {
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads `application/x-www-form-urlencoded`, of which any bytes are a form.
    pub(super) fn form(content: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(content);
        let fields = pairs.map(|(name, value)| {
            let value = Value::Text(Zeroizing::new(value.into_owned()));
            (name.into_owned(), value)
        });
        Self(fields.collect())
    }

    /// Reads a JSON object.
    pub(super) fn json(content: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(content)
    }

    /// Reads `multipart/form-data`. What has a file's name is a file, and no text.
    #[cfg(feature = "multipart")]
    pub(super) async fn multipart(content: Bytes, media: &str) -> Result<Self, multer::Error> {
        let boundary = multer::parse_boundary(media)?;
        let whole = stream::once(ready(Ok::<_, Infallible>(content)));
        let mut parts = multer::Multipart::new(whole, boundary);
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await? {
            let name = part.name().unwrap_or_default().to_owned();
            let is_file = part.file_name().is_some();
            let content = part.bytes().await?;
            let value = if is_file {
                Value::Nested
            } else {
                Value::Text(Zeroizing::new(
                    String::from_utf8_lossy(&content).into_owned(),
                ))
            };
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The last value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let mut values = self.0.iter().rev();
        values.find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Whether any name is there twice.
    pub(super) fn repeats(&self) -> bool {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

/// Serde's own maps would forget what is there twice.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            fields.push((name, value.into()));
        }
        Ok(Fields(fields))
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(flag),
            serde_json::Value::Number(number) => Self::Number(number.to_string()),
            serde_json::Value::String(text) => Self::Text(Zeroizing::new(text)),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => Self::Nested,
        }
    }
}
