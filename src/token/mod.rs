//! What a token is: values only, no time and no I/O.

mod bearer;
mod digest;
pub(crate) mod digits;
mod key;
mod kind;
mod lead;
mod record;
mod refresh;
mod scope;
mod session;
mod sha256;
mod subject;
mod text;
mod word;

pub use bearer::{BearerToken, MalformedToken};
pub use digest::{DigestKey, TokenDigest};
pub use digits::InvalidDigits;
pub use key::ServerKey;
pub use kind::TokenKind;
pub use record::{RecordBuilder, Seed, TokenRecord, TokenTimes};
pub use scope::{InvalidScope, Scopes};
pub use session::SessionId;
pub use subject::Subject;

pub(crate) use kind::KindFault;
pub(crate) use lead::Lead;
pub(crate) use refresh::{RefreshForm, ShownRefresh};
