//! TLS: verified, or refused.

use redis_client::{Client, TlsCertificates};
use tower_expiring_token::{IssuingStore, RedisBuilder, RedisStore, TokenStore};

use super::{times, told};
use crate::support::server::redis::{PASSWORD, Tls, prefix};
use crate::support::tokens::{ADD, login, own};

/// Uses a store, as a program that trusts what it should.
async fn works(store: RedisBuilder) {
    let store = store.prefix(&prefix()).connect().await.unwrap();
    let digest = own("alice", 1);
    let new = login(digest, "alice", 1, times());
    store.insert(new, ADD).await.unwrap();
    assert!(store.find(&digest).await.unwrap().is_some());
}

#[tokio::test]
async fn tls_is_spoken_with_a_server_that_the_roots_vouch_for_and_with_no_other() {
    let server = Tls::start();
    let url = format!("rediss://:{PASSWORD}@127.0.0.1:{}", server.port());
    works(RedisStore::builder(&url).root_certificates(server.roots())).await;
    let elsewhere = url.replace("127.0.0.1", "localhost");
    for refused in [
        RedisStore::builder(&url),
        RedisStore::builder(&elsewhere).root_certificates(server.roots()),
        RedisStore::builder(&url).root_certificates(Tls::start().roots()),
    ] {
        let error = refused.connect().await.unwrap_err();
        assert!(told(&error).contains("certificate"), "{}", told(&error));
    }
    let error = RedisStore::builder(&format!("{url}#insecure"))
        .connect()
        .await;
    assert!(told(&error.unwrap_err()).contains("insecure"));
}

#[tokio::test]
async fn tls_is_that_of_a_client_which_the_application_has() {
    let server = Tls::start();
    let url = format!("rediss://:{PASSWORD}@127.0.0.1:{}", server.port());
    let trusted = TlsCertificates {
        client_tls: None,
        root_cert: Some(server.roots().to_owned()),
    };
    let client = Client::build_with_tls(url, trusted).unwrap();
    works(RedisStore::with_client(client)).await;
}

#[tokio::test]
async fn tls_is_spoken_with_sentinels_and_with_the_master_that_they_name() {
    let server = Tls::start();
    let sentinel = server.sentinel("main");
    let url = format!(
        "rediss-sentinel://:{PASSWORD}@127.0.0.1:{}/0#main",
        sentinel.port()
    );
    let store = |roots| {
        let store = RedisStore::builder(&url).sentinel_login("default", PASSWORD);
        store.root_certificates(roots)
    };
    works(store(server.roots())).await;
    let refused = store(Tls::start().roots()).connect().await;
    assert!(told(&refused.unwrap_err()).contains("certificate"));
}
