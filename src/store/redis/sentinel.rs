use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, ConnectionAddr, RedisConnectionInfo, RedisResult, TlsMode};

use super::address::Access;

/// Sentinels, who know which server is the master.
pub(super) struct Sentinels {
    pub(super) sentinels: Vec<ConnectionAddr>,
    /// The master's name.
    pub(super) name: String,
    /// How to get into the master.
    pub(super) redis: RedisConnectionInfo,
    pub(super) access: Access,
}

impl Sentinels {
    /// A new connection to whichever server is the master now, and says so itself.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let sentinels = self.sentinels.iter().cloned();
        let mut client =
            SentinelClientBuilder::new(sentinels, &self.name, SentinelServerType::Master)?
                .set_client_to_redis_db(self.redis.db())
                .set_client_to_redis_protocol(self.redis.protocol());
        if let Some(user) = self.redis.username() {
            client = client.set_client_to_redis_username(user);
        }
        if let Some(password) = self.redis.password() {
            client = client.set_client_to_redis_password(password);
        }
        if let Some((user, password)) = &self.access.sentinel_login {
            client = client
                .set_client_to_sentinel_username(user)
                .set_client_to_sentinel_password(password);
        }
        if let Some(ConnectionAddr::TcpTls { .. }) = self.sentinels.first() {
            client = client.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        #[cfg(feature = "tls")]
        if let Some(roots) = self.access.roots() {
            client = client
                .set_client_to_redis_certificates(roots.clone())
                .set_client_to_sentinel_certificates(roots);
        }
        let mut client = client.build()?;
        client.get_async_connection_with_config(config).await
    }
}
