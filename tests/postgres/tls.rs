//! TLS: verified, or refused.

use tower_expiring_token::PostgresStore;

use super::whole;
use crate::support::server::postgres::Postgres;

#[tokio::test]
async fn a_url_that_asks_for_tls_gets_it_from_a_server_that_its_roots_vouch_for() {
    let server = Postgres::start(&[]);
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let roots = server.write("server.crt", &own.cert.pem());
    server.write("server.key", &own.signing_key.serialize_pem());
    let database = server.database();
    let url = |query: &str| format!("{}?{query}", database.url());

    let refused = PostgresStore::connect(&url("sslmode=require"))
        .await
        .unwrap_err();
    let refused = whole(&refused);
    assert!(refused.contains("server does not support TLS"), "{refused}");
    PostgresStore::migrate(&database.url()).await.unwrap();

    database.psql("ALTER SYSTEM SET ssl = on");
    database.psql("SELECT pg_reload_conf()");
    let with_roots = format!("sslmode=verify-full&sslrootcert={}", roots.display());
    let store = loop {
        // Until it has read its settings again.
        match PostgresStore::connect(&url(&with_roots)).await {
            Ok(store) => break store,
            Err(error) => assert!(whole(&error).contains("does not support TLS")),
        }
    };
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name LIKE 'tower-expiring-token%'";
    assert_eq!(database.psql(encrypted), "t");
    drop(store);

    let refused = PostgresStore::connect(&url("sslmode=require"))
        .await
        .unwrap_err();
    let refused = whole(&refused);
    assert!(refused.contains("TLS handshake"), "{refused}");

    let elsewhere = url(&with_roots).replace("127.0.0.1", "localhost");
    let refused = whole(&PostgresStore::connect(&elsewhere).await.unwrap_err());
    assert!(refused.contains("not valid for name"), "{refused}");

    let none = url("sslmode=require&sslrootcert=%2Fnone.pem");
    let refused = whole(&PostgresStore::connect(&none).await.unwrap_err());
    assert!(
        refused.contains("root certificates (PEM) at /none.pem"),
        "{refused}"
    );
}
