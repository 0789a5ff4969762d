use tokio_postgres::{Client, Error};

const ASK: &str = "
    SELECT pg_is_in_recovery(),
        current_setting('synchronous_commit') = 'off',
        current_setting('fsync') = 'off',
        current_setting('synchronous_standby_names') = ''
            AND EXISTS (SELECT FROM pg_stat_replication),
        NOT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)
            AND inet_client_addr() IS DISTINCT FROM inet_server_addr()";

/// What of a server's settings makes its answers worth less, as sentences.
pub(super) async fn warnings(client: &Client) -> Result<Vec<&'static str>, Error> {
    let rows = client.query_typed(ASK, &[]).await?;
    let all = [
        "the server is a standby: it takes no logins, logouts and uses, and shows those of the \
         primary late",
        "synchronous_commit is off: a crash of the server forgets logins and logouts that were \
         acknowledged within the last second",
        "fsync is off: a crash of the server's machine may lose anything",
        "the server has standbys and synchronous_standby_names is empty: a failover may bring back \
         tokens whose removal was acknowledged just before",
        "the connection is not encrypted and leaves the machine: say sslmode=require in the URL",
    ];
    let mut warnings = Vec::new();
    for row in rows {
        for (index, warning) in all.into_iter().enumerate() {
            if row.try_get(index)? {
                warnings.push(warning);
            }
        }
    }
    Ok(warnings)
}
