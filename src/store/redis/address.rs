use std::fmt;
use std::time::Duration;

#[cfg(feature = "tls")]
use redis::TlsCertificates;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, RedisResult, Value, cmd,
};

use super::error::{breaks, failure, in_time};
use super::sentinel::Sentinels;
use crate::store::StoreError;

/// Where the server is, and how to get in. Shows no password.
pub(super) enum Address {
    Server(Client),
    /// Whichever server these call the master.
    Sentinels(Sentinels),
}

/// How to get in, beyond what the URL says.
#[derive(Default)]
pub(super) struct Access {
    /// User and password of the sentinels.
    pub(super) sentinel_login: Option<(String, String)>,
    /// The root certificates that are trusted instead of the system's, as PEM.
    #[cfg(feature = "tls")]
    pub(super) roots: Option<Vec<u8>>,
}

const SENTINEL_PORT: u16 = 26379;

impl Address {
    /// Reads a URL. What can't be read is never repeated: it may be a piece of a password.
    pub(super) fn parse(url: &str, access: Access) -> Result<Self, StoreError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(no_url)?;
        if scheme.starts_with("rediss") || scheme == "valkeys" {
            has_tls()?;
        }
        let info = |url: &str| url.into_connection_info().map_err(|error| failure(&error));
        let scheme = match scheme {
            "redis-sentinel" => "redis",
            "rediss-sentinel" => "rediss",
            _ => return Self::server(info(url)?, &access),
        };
        let (rest, name) = rest.split_once('#').ok_or_else(no_url)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut sentinels = Vec::new();
        for host in hosts.split(',') {
            // A colon in brackets is one of an IPv6 address.
            let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
            let host = if after.contains(':') {
                host.to_owned()
            } else {
                format!("{host}:{SENTINEL_PORT}")
            };
            sentinels.push(info(&format!("{scheme}://{host}"))?.addr().clone());
        }
        let master = info(&format!("{scheme}://{user}@master{path}"))?;
        Ok(Self::Sentinels(Sentinels {
            sentinels,
            name: name.to_owned(),
            redis: resp3(master.redis_settings()),
            access,
        }))
    }

    /// A server that the application has a client of.
    pub(super) fn of(client: &Client, access: &Access) -> Result<Self, StoreError> {
        Self::server(client.get_connection_info().clone(), access)
    }

    fn server(info: ConnectionInfo, access: &Access) -> Result<Self, StoreError> {
        let settings = resp3(info.redis_settings());
        let client = access.client(info.set_redis_settings(settings));
        client.map(Self::Server).map_err(|error| failure(&error))
    }

    /// A new connection, to a server that takes writes as far as it says so. With sentinels it
    /// takes up to so long for each of them, too.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        time_out: Duration,
    ) -> Result<MultiplexedConnection, StoreError> {
        let mut connection = match self {
            Self::Server(client) => {
                let connection = client.get_multiplexed_async_connection_with_config(config);
                in_time(time_out, connection).await?
            }
            Self::Sentinels(all) => {
                let tries = (all.sentinels.len() + 1).try_into().unwrap_or(u32::MAX);
                in_time(time_out.saturating_mul(tries), all.connect(config)).await?
            }
        };
        // A replica answers look-ups of what its master may have removed long ago.
        match in_time(time_out, is_replica(&mut connection)).await? {
            true => Err(StoreError::new(
                "Redis: expected a server that takes writes, found a replica: name its master, or \
                 let Sentinel do it (redis-sentinel://…)",
            )),
            false => Ok(connection),
        }
    }
}

/// Whether a server says so. It may be forbidden to ask.
async fn is_replica(connection: &mut MultiplexedConnection) -> RedisResult<bool> {
    Ok(match cmd("ROLE").query_async(connection).await {
        Ok(Value::Array(role)) => role.first() == Some(&Value::BulkString(b"slave".to_vec())),
        Ok(_) => false,
        Err(error) if breaks(&error) => return Err(error),
        Err(_) => false,
    })
}

impl Access {
    #[cfg(feature = "tls")]
    fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match self.roots() {
            Some(roots) => Client::build_with_tls(info, roots),
            None => Client::open(info),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        Client::open(info)
    }

    #[cfg(feature = "tls")]
    pub(super) fn roots(&self) -> Option<TlsCertificates> {
        let root_cert = Some(self.roots.clone()?);
        Some(TlsCertificates {
            client_tls: None,
            root_cert,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(client) => client.get_connection_info().addr().fmt(f),
            Self::Sentinels(all) => {
                write!(f, "the master {} of the sentinels", all.name)?;
                let mut between = " ";
                for sentinel in &all.sentinels {
                    write!(f, "{between}{sentinel}")?;
                    between = ", ";
                }
                Ok(())
            }
        }
    }
}

/// Pushed messages, the end of the connection among them, come with RESP3 alone.
fn resp3(settings: &RedisConnectionInfo) -> RedisConnectionInfo {
    settings.clone().set_protocol(ProtocolVersion::RESP3)
}

fn no_url() -> StoreError {
    StoreError::new(
        "Redis: expected a URL such as redis://:password@host:6379/0, rediss://… for TLS, or \
         redis-sentinel://:password@host:26379,host:26379/0#master, with characters such as \
         @ / ? # in its parts percent-encoded",
    )
}

/// The client takes the process's provider of cryptography: ours, where nobody has chosen one.
#[cfg(feature = "tls")]
fn has_tls() -> Result<(), StoreError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails where somebody else was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn has_tls() -> Result<(), StoreError> {
    Err(StoreError::new(
        "the URL asks for TLS: turn on the feature `tls` of tower-expiring-token",
    ))
}
