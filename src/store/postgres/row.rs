//! A row is a token's record: each value as the table keeps it, and back.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, accepts, to_sql_checked};

use crate::clock::Timestamp;
use crate::store::NewToken;
use crate::token::{Scopes, Seed, SessionId, TokenDigest, TokenRecord, TokenTimes};

/// The table's columns, in the order in which [`record`] reads them.
pub(super) const COLUMNS: &str = "digest, issued_at, authenticated_at, last_used_at, expires_at, \
    ends_at, rotated_at, generation, session, subject, kind, scopes, label, client, seed";

/// Anything that a row may be wrong in.
type Wrong = Box<dyn Error + Send + Sync>;

/// A [`Timestamp`] as PostgreSQL sends it: microseconds since 2000.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(pub(super) Timestamp);

/// A token as a value of the table's row type.
#[derive(Debug)]
pub(super) struct NewRow<'a>(pub(super) &'a NewToken);

/// The digest that a row begins with.
pub(super) fn digest(row: &Row) -> Result<TokenDigest, Wrong> {
    Ok(TokenDigest::from_bytes(bytes(row, 0)?))
}

/// The record of a row in which [`COLUMNS`] begin at `first`.
pub(super) fn record(row: &Row, first: usize) -> Result<TokenRecord, Wrong> {
    let at = |column| row.try_get(first + column).map(|Time(at)| at);
    let text = |column| row.try_get::<_, &str>(first + column);
    let some_text = |column| row.try_get::<_, Option<&str>>(first + column);
    let times = TokenTimes {
        issued_at: at(1)?,
        authenticated_at: at(2)?,
        last_used_at: at(3)?,
        expires_at: at(4)?,
        ends_at: at(5)?,
    };
    let session = SessionId::from_bytes(bytes(row, first + 8)?);
    let mut record = TokenRecord::builder(text(10)?, session, text(9)?, times)
        .scopes(Scopes::parse(text(11)?)?)
        .label(some_text(12)?.unwrap_or_default())
        .client(some_text(13)?);
    if let Some(seed) = row.try_get::<_, Option<&[u8]>>(first + 14)? {
        record = record.seed(Some(Seed::from_bytes(seed.try_into()?)));
    }
    if let Some(generation) = row.try_get::<_, Option<i64>>(first + 7)? {
        let rotated_at: Option<Time> = row.try_get(first + 6)?;
        record = record.refresh(generation.try_into()?, rotated_at.map(|Time(at)| at));
    }
    Ok(record.build())
}

fn bytes<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], Wrong> {
    Ok(row.try_get::<_, &[u8]>(column)?.try_into()?)
}

// === impl Time ===

/// From 1970 to 2000.
const EPOCH: i64 = 946_684_800_000_000;

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
        out.put_i64(self.0.as_micros().saturating_sub(EPOCH));
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Wrong> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(Timestamp::from_micros(micros.saturating_add(EPOCH))))
    }

    accepts!(TIMESTAMPTZ);
}

// === impl NewRow ===

impl NewRow<'_> {
    fn column(&self, name: &str, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
        let NewToken { digest, record } = self.0;
        let times = record.times();
        match name {
            "issued_at" => Time(times.issued_at).to_sql_checked(ty, out),
            "authenticated_at" => Time(times.authenticated_at).to_sql_checked(ty, out),
            "last_used_at" => Time(times.last_used_at).to_sql_checked(ty, out),
            "expires_at" => Time(times.expires_at).to_sql_checked(ty, out),
            "ends_at" => Time(times.ends_at).to_sql_checked(ty, out),
            "rotated_at" => record.rotated_at().map(Time).to_sql_checked(ty, out),
            "generation" => record.generation().map(i64::from).to_sql_checked(ty, out),
            "digest" => digest.as_bytes().as_slice().to_sql_checked(ty, out),
            "session" => record
                .session()
                .as_bytes()
                .as_slice()
                .to_sql_checked(ty, out),
            "subject" => record.subject().as_str().to_sql_checked(ty, out),
            "kind" => record.kind().to_sql_checked(ty, out),
            "scopes" => record.scopes().as_str().to_sql_checked(ty, out),
            "label" => record.label().to_sql_checked(ty, out),
            "client" => record.client().to_sql_checked(ty, out),
            "seed" => {
                let seed = record.seed().map(|seed| seed.as_bytes().as_slice());
                seed.to_sql_checked(ty, out)
            }
            // Of a later version of the schema, which gets along without it.
            _ => Ok(IsNull::Yes),
        }
    }
}

impl ToSql for NewRow<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
        let Kind::Composite(columns) = ty.kind() else {
            return Err(format!("expected the row type of the table, found {ty}").into());
        };
        out.put_i32(columns.len().try_into()?);
        for column in columns {
            out.put_u32(column.type_().oid());
            let start = out.len();
            out.put_i32(-1);
            if let IsNull::No = self.column(column.name(), column.type_(), out)? {
                let length = i32::try_from(out.len() - start - 4)?;
                out[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Composite(_))
    }

    to_sql_checked!();
}
