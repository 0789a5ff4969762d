//! The texts of derived tokens are for ever: another implementation must find the same, or an
//! upgrade logs everybody out.

use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, Clock, IssuingStore, Lifetime, LoginMode, MemoryStore, NewSession, NewToken,
    Place, Seed, ServerKey, SessionId, Slot, Subject, TokenAuthority, TokenDigest, TokenKind,
    TokenRecord, TokenTimes,
};

// Of the key 000102…1f, the seed 0707…, the session 0909… and the subject "1", found by Python's
// hmac, base64 and xxhash.
const ACCESS: [&str; 2] = [
    "tet_a4CRH86vT2BNISgaN5uzav_vcxkUDgSbuu5FuBMGnyOZQLd066d",
    "tet_a4RqXNYxQFnckwgPEWvdWjNF5gINbHkmHvcRaXh7qkYNUas8Qns",
];
const REFRESH: [&str; 2] = [
    "ter_a4CQkJCQkJCQkJCQkJCQkJCQAAAAD-SksJyIzkXGwEPAX4cQ9dj9ykjiQJ4CkRmJ4T7gbtX7",
    "ter_a4CQkJCQkJCQkJCQkJCQkJCQAAAAFqmdvyL8ew5dHXy1_NrapU7qD-IVt7DWqyuABW_ABf_n",
];
const HEX: &str =
    "0911fceaf4f604d21281a379bb36affef7319140e049bbaee45b813069f23994ce73fcf4770963b8";

fn key() -> ServerKey {
    let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    hex.parse().unwrap()
}

/// A derived token and a refresh token with what the texts above are of.
async fn keep(store: &MemoryStore, kind: &TokenKind, text: &str, clock: &ManualClock) {
    let times = TokenTimes::fixed(
        clock.now(),
        clock.now() + std::time::Duration::from_secs(3600),
    );
    let session = SessionId::from_bytes([9; 16]);
    let seed = || Some(Seed::from_bytes([7; 32]));
    let record = || TokenRecord::builder(kind.name(), session, "1", times).seed(seed());
    let new = NewSession {
        access: NewToken {
            digest: kind.digest(&BearerToken::parse(text).unwrap()).unwrap(),
            record: record().build(),
        },
        refresh: Some(NewToken {
            digest: TokenDigest::of_session(&session, Subject::new("1").route()),
            record: record().refresh(0, None).build(),
        }),
    };
    let slot = Slot {
        place: Place::Add,
        limit: None,
    };
    store.insert(new, slot).await.unwrap();
}

#[tokio::test]
async fn a_derived_tokens_text_follows_from_key_and_seed() {
    for (kind, text) in [
        (TokenKind::new("access", "tet_"), ACCESS[0]),
        (TokenKind::hex("access", HEX.len()), HEX),
    ] {
        let (store, clock) = (MemoryStore::new(), ManualClock::default());
        keep(&store, &kind, text, &clock).await;
        let tokens = TokenAuthority::builder(store)
            .expiry(Lifetime::hours(24))
            .access(kind)
            .key(key())
            .login(LoginMode::Renew)
            .clock(clock);
        let issued = tokens.build().unwrap().issue("1").await.unwrap();
        assert_eq!(issued.secret(), text);
    }
}

/// By Python's hmac and hashlib, the route instead of the first twelve bits.
#[test]
fn what_stores_keep_of_a_text_or_a_session_follows_from_it_and_the_key() {
    let digest = |kind: TokenKind, text| {
        let token = BearerToken::parse(text).unwrap();
        kind.digest(&token).unwrap().to_string()
    };
    let own = || TokenKind::new("access", "tet_");
    let hex = || TokenKind::hex("access", HEX.len());
    assert_eq!(
        digest(own(), ACCESS[0]),
        "6b8009538f0390ca2037778556eba942679eabf8cc763db8838b2a1d3cca2018"
    );
    assert_eq!(
        digest(own().keyed(key().digest_key()), ACCESS[0]),
        "6b83fe4afe72ea9660277bf7750b22f97ce311745eea426165f741e517964559"
    );
    assert_eq!(
        digest(hex().keyed(key().digest_key()), HEX),
        "fc2cfb70909bc7f0e16b9ec295707423b6a0228fd679b5bee83450d55e1286d4"
    );
    let session = SessionId::from_bytes([9; 16]);
    assert_eq!(
        TokenDigest::of_session(&session, Subject::new("1").route()).to_string(),
        "6b8f2ff5e90b9162380149fc62bce3b3b1296af7b05ff3a2a99d5b97cf696813"
    );
    let upper = HEX.to_uppercase();
    assert!(hex().digest(&BearerToken::parse(&upper).unwrap()).is_none());
}

#[tokio::test]
async fn a_refreshed_pairs_texts_follow_from_key_seed_session_and_generation() {
    let (store, clock) = (MemoryStore::new(), ManualClock::default());
    keep(&store, &TokenKind::new("access", "tet_"), ACCESS[0], &clock).await;
    let tokens = TokenAuthority::builder(store)
        .expiry(Lifetime::hours(24))
        .refresh(Lifetime::days(30))
        .key(key())
        .clock(clock)
        .build()
        .unwrap();
    let shown = BearerToken::parse(REFRESH[0]).unwrap();
    let issued = tokens.refresh(&shown).await.unwrap();
    assert_eq!(issued.secret(), ACCESS[1]);
    assert_eq!(issued.refresh_secret(), Some(REFRESH[1]));
}
