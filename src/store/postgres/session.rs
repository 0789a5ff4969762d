//! Whether a connection is a session of its own on the server.

use tokio_postgres::{Client, Error};

const WHO: &str = "SELECT pg_backend_pid()";

/// Whether each of the two connections leads to a process of its own. Behind a pooler in
/// transaction mode they don't; then what one has prepared must be known to whichever process
/// comes next, or its name may stand for another node's statement.
///
/// # Errors
///
/// When it is not known.
pub(super) async fn is_own(one: &Client, other: &Client) -> Result<bool, Error> {
    let prepared = one.prepare(WHO).await?;
    let before: i32 = one.query_one(&prepared, &[]).await?.try_get(0)?;
    // A pooler gives the process that has just become free to whoever comes first.
    other.batch_execute("BEGIN").await?;
    let others = other.query_typed(WHO, &[]).await;
    let after = one.query_one(&prepared, &[]).await;
    other.batch_execute("ROLLBACK").await?;
    let others = others?.first().map(|row| row.try_get(0)).transpose()?;
    let after: i32 = after?.try_get(0)?;
    Ok(before == after && others != Some(before))
}
