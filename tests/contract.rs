//! The suite for stores: each store of the crate keeps it, also behind what wraps stores.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use example_own_database::UserStore;
use tower_expiring_token::testing::FaultyStore;
use tower_expiring_token::testing::contract::{self, Broken, SUBJECTS};
use tower_expiring_token::{
    Change, Finding, Found, MemoryStore, NewToken, Principals, RotatingStore, StoreError, Subject,
    TokenDigest, TokenRecord, TokenStore, Touch, WatchedStore, WithPrincipals, async_trait,
};

use crate::support::database::Databases;

#[tokio::test]
async fn the_memory_store_keeps_the_contract() -> Result<(), Broken> {
    contract::rotating_store(|| async { MemoryStore::new() }).await
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract_on_threads() -> Result<(), Broken> {
    let contract = contract::rotating_store(|| async { MemoryStore::new() });
    contract.spawn(contract::on_a_thread).rounds(200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_keeps_the_contract_on_a_runtime_of_many_threads() -> Result<(), Broken> {
    let contract = contract::rotating_store(|| async { MemoryStore::new() });
    contract.spawn(|job| drop(tokio::spawn(job))).await
}

#[tokio::test]
async fn the_memory_store_tells_its_watches() -> Result<(), Broken> {
    contract::watched_store(|| async {
        let store = MemoryStore::new();
        (store.clone(), store)
    })
    .await
}

#[tokio::test]
async fn a_store_whose_channel_was_cut_and_mended_tells_its_watches() -> Result<(), Broken> {
    contract::watched_store(|| async {
        let store = FaultyStore::new(MemoryStore::new());
        let mut watch = store.watch().await.unwrap();
        assert_eq!(watch.next().await, Change::Connected);
        store.cut();
        assert_eq!(watch.next().await, Change::Lost);
        store.mend();
        assert_eq!(watch.next().await, Change::Connected);
        (store.clone(), store)
    })
    .await
}

#[tokio::test]
async fn a_store_as_a_trait_object_keeps_the_contract() -> Result<(), Broken> {
    type Anyhow = Arc<dyn RotatingStore<Principal = Subject>>;
    contract::rotating_store(|| async { Arc::new(MemoryStore::new()) as Anyhow }).await
}

#[tokio::test]
async fn a_store_with_principals_of_its_users_keeps_the_contract() -> Result<(), Broken> {
    for at_once in [false, true] {
        contract::rotating_store(|| async move {
            WithPrincipals::new(MemoryStore::new(), Lengths { at_once })
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_failed_and_works_again_keeps_the_contract() -> Result<(), Broken> {
    contract::rotating_store(|| async {
        let store = FaultyStore::new(MemoryStore::new());
        store.fail();
        assert!(store.find(&TokenDigest::from_bytes([0; 32])).await.is_err());
        store.heal();
        store
    })
    .await
}

#[tokio::test]
async fn a_store_that_only_looks_up_keeps_its_part_of_the_contract() -> Result<(), Broken> {
    contract::token_store(|tokens| async { Fixed::new(tokens) }).await
}

#[tokio::test]
async fn a_store_of_other_subjects_keeps_the_contract_with_three_of_its_own() -> Result<(), Broken>
{
    let numbered = |tokens: Vec<NewToken>| async move {
        let numbers = tokens
            .iter()
            .all(|token| token.record.subject().parse::<u32>().is_ok());
        assert!(numbers, "a subject is none of the three");
        Fixed::new(tokens)
    };
    contract::token_store(numbered)
        .subjects(["1", "2", "30"])
        .await
}

#[tokio::test]
async fn the_example_of_an_own_database_keeps_the_contract() -> Result<(), Broken> {
    let databases = Databases::new();
    contract::rotating_store(|| users(&databases))
        .subjects(["1", "2", "3"])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_an_own_database_keeps_the_contract_in_parallel() -> Result<(), Broken> {
    let databases = Databases::new();
    contract::rotating_store(|| users(&databases))
        .subjects(["1", "2", "3"])
        .spawn(|job| drop(tokio::spawn(job)))
        .await
}

async fn users(databases: &Databases) -> UserStore {
    UserStore::open(&databases.create(&["alice", "bob", "carol"])).unwrap()
}

#[tokio::test]
async fn a_store_that_can_not_say_breaks_the_contract_and_its_reason_is_told() {
    let broken = contract::rotating_store(|| async {
        let store = FaultyStore::new(MemoryStore::new());
        store.fail();
        store
    })
    .await
    .unwrap_err();
    assert!(broken.promises().count() > 50, "{broken}");
    let text = format!("{broken:?}");
    assert!(
        text.contains("- no limit is exceeded by logins that meet\n"),
        "{text}"
    );
    assert!(
        text.contains("but the token store could not answer: told to fail"),
        "{text}"
    );
}

#[tokio::test]
async fn a_spawned_call_that_is_never_run_breaks_its_promise_and_stops_nothing() {
    let contract = contract::rotating_store(|| async { MemoryStore::new() });
    let broken = contract.spawn(drop).await.unwrap_err();
    let promise = "no limit is exceeded by logins that meet";
    assert!(
        broken.promises().any(|broken| broken == promise),
        "{broken}"
    );
    assert!(
        broken.to_string().contains("was never run to its end"),
        "{broken}"
    );
}

/// The principal of a subject is the length of its name.
struct Lengths {
    at_once: bool,
}

#[async_trait]
impl Principals for Lengths {
    type Principal = usize;

    async fn load(&self, subject: &Subject) -> Result<Option<Arc<usize>>, StoreError> {
        let known = SUBJECTS.contains(&subject.as_str());
        Ok(known.then(|| Arc::new(subject.len())))
    }

    fn load_now(&self, subject: &Subject) -> Option<Result<Option<Arc<usize>>, StoreError>> {
        self.at_once.then(|| Ok(Some(Arc::new(subject.len()))))
    }
}

/// Tokens that nobody can add to.
struct Fixed(Mutex<HashMap<TokenDigest, TokenRecord>>);

impl Fixed {
    fn new(tokens: Vec<NewToken>) -> Self {
        let tokens = tokens
            .into_iter()
            .map(|NewToken { digest, record }| (digest, record));
        Self(Mutex::new(tokens.collect()))
    }
}

#[async_trait]
impl TokenStore for Fixed {
    type Principal = ();

    async fn find(&self, digest: &TokenDigest) -> Finding<()> {
        let tokens = self.0.lock().unwrap();
        Ok(tokens
            .get(digest)
            .map(|record| Found::new(record.clone(), ())))
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let mut tokens = self.0.lock().unwrap();
        for touch in touches {
            if let Some(record) = tokens.get_mut(&touch.digest) {
                *record = record.at(record.times().extended(touch.used_at, touch.expires_at));
            }
        }
        Ok(())
    }
}
