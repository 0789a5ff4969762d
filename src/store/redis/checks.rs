//! What a server is set up for, looked at once: a store of tokens must not be a cache.

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};

use crate::store::StoreError;

/// What a server says of itself.
pub(super) struct Server {
    info: RedisResult<String>,
    fsync: RedisResult<(String, String)>,
}

pub(super) async fn ask(mut connection: MultiplexedConnection) -> RedisResult<Server> {
    // Each may be forbidden by itself.
    Ok(Server {
        info: cmd("INFO").query_async(&mut connection).await,
        fsync: cmd("CONFIG")
            .arg(&["GET", "appendfsync"])
            .query_async(&mut connection)
            .await,
    })
}

impl Server {
    /// What is to be warned of.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when tokens can't be kept there.
    pub(super) fn warnings(&self) -> Result<Vec<String>, StoreError> {
        let Ok(info) = &self.info else {
            return Ok(vec![
                "INFO is forbidden, so it could not be checked whether the server keeps what it \
                 has acknowledged and evicts nothing: it should have appendonly yes, appendfsync \
                 always and maxmemory-policy noeviction"
                    .to_owned(),
            ]);
        };
        self.is_one_server(info)?;
        let mut warnings = Vec::new();
        warnings.extend(self.lost_in_a_crash(info));
        warnings.extend(evicted(info)?);
        Ok(warnings)
    }

    fn is_one_server(&self, info: &str) -> Result<(), StoreError> {
        // Valkey has a name of its own for it.
        let mode = field(info, "redis_mode").or(field(info, "server_mode"));
        let other = match mode {
            Some("cluster") => {
                "a node of Redis Cluster, which is not supported: use a server alone, or Sentinel"
            }
            Some("sentinel") => "a sentinel: name it as redis-sentinel://host:26379#master",
            _ => return Ok(()),
        };
        Err(StoreError::new(format!(
            "Redis: expected a server that takes writes, found {other}"
        )))
    }

    fn lost_in_a_crash(&self, info: &str) -> Option<String> {
        if field(info, "aof_enabled") == Some("0") {
            return Some(
                "appendonly is no: after a crash of the server its last snapshot counts, tokens \
                 removed since are accepted again and later logins are lost; set appendonly yes \
                 and appendfsync always"
                    .to_owned(),
            );
        }
        match &self.fsync {
            Ok((_, fsync)) if fsync == "always" => None,
            Ok((_, fsync)) => Some(format!(
                "appendfsync is {fsync}: after a crash of the server, tokens removed in the last \
                 moments (with everysec: a second or two) are accepted again and logins are lost; \
                 set appendfsync always"
            )),
            Err(_) => Some(
                "CONFIG GET is forbidden, so it could not be checked whether appendfsync is \
                 always, as it should be: otherwise tokens removed just before a crash of the \
                 server are accepted again"
                    .to_owned(),
            ),
        }
    }
}

/// Tokens have a time to live, so each policy but noeviction may evict them. The lists of who has
/// which tokens have none: only a policy for all keys evicts those.
fn evicted(info: &str) -> Result<Option<String>, StoreError> {
    let limit = field(info, "maxmemory");
    match field(info, "maxmemory_policy") {
        Some("noeviction") => Ok(None),
        _ if limit == Some("0") => Ok(None),
        Some(policy) if policy.starts_with("allkeys") => Err(StoreError::new(format!(
            "Redis: expected maxmemory-policy noeviction, found {policy}, which may drop the list \
             of a user's tokens and leave the tokens: then a logout of all devices misses them; \
             set noeviction, or give tokens a server of their own"
        ))),
        Some(policy) => Ok(Some(format!(
            "maxmemory-policy is {policy}: when memory runs out, the server drops tokens that \
             live, which logs their users out; set noeviction"
        ))),
        None => Ok(Some(
            "the server does not say what it evicts: its maxmemory-policy should be noeviction"
                .to_owned(),
        )),
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}
