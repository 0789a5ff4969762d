use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object, Pool};
use scopeguard::{ScopeGuard, guard};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, Statement};

use super::error::{failure, no_connection, overdue};
use super::line::{Joined, Line, Told, Turn};
use super::row;
use super::statements::Statements;
use crate::store::{Finding, Found, StoreError};
use crate::token::{Subject, TokenDigest};

/// Statements under way on one connection: so many that it never idles while answers travel.
const ROOM: usize = 2;

/// All look-ups: a few connections that pipeline, and a line before them.
pub(super) struct Lookups {
    line: Arc<Line>,
    places: Box<[Arc<Place>]>,
    pool: Pool,
    statements: Arc<Statements>,
    time_out: Duration,
}

/// A row that was found, or why it can't be read.
type Kept = (TokenDigest, Result<Found<Subject>, StoreError>);

/// Where a connection is, or is made again when it is gone.
#[derive(Default)]
struct Place {
    link: Mutex<Option<Arc<Link>>>,
    /// Held by whoever makes the connection; why that failed last.
    making: tokio::sync::Mutex<Option<StoreError>>,
    failures: AtomicUsize,
}

/// A connection that takes a next statement before the last one is answered.
pub(super) struct Link {
    client: ClientWrapper,
    one: Statement,
    many: Statement,
    /// Whether somebody looks if it still answers.
    checking: AtomicBool,
}

impl Lookups {
    pub(super) fn new(
        pool: Pool,
        connections: usize,
        statements: Arc<Statements>,
        time_out: Duration,
    ) -> Self {
        Self {
            line: Arc::new(Line::new(connections, ROOM)),
            places: (0..connections).map(|_| Arc::default()).collect(),
            pool,
            statements,
            time_out,
        }
    }

    /// A connection that looks up.
    pub(super) async fn first(&self) -> Result<Arc<Link>, StoreError> {
        self.link(&self.places[0]).await
    }

    pub(super) async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        let found = timeout(self.time_out, self.find_in_time(digest)).await;
        found.unwrap_or_else(|_| Err(overdue("a look-up")))
    }

    async fn find_in_time(&self, digest: &TokenDigest) -> Finding<Subject> {
        let turn = match self.line.join(*digest)? {
            Joined::Turn(turn) => turn,
            Joined::Wait(told) => match told.await {
                Ok(Told::Turn(turn)) => turn,
                Ok(Told::Answer(answer)) => return answer,
                Err(_) => return Err(overdue("a look-up whose turn was lost")),
            },
        };
        let found = self.ask(&turn).await;
        turn.finish(found.map(|found| {
            move |digest: &TokenDigest| {
                let found = found.iter().find(|(other, _)| other == digest);
                found.map(|(_, found)| found.clone()).transpose()
            }
        }))
    }

    /// Sends a turn's statement: once more when the connection turns out to be gone.
    async fn ask(&self, turn: &Turn) -> Result<Vec<Kept>, StoreError> {
        let mut again = true;
        loop {
            let (place, link) = self.serving(&self.places[turn.connection()]).await?;
            // Whoever waited in line has less time left than a statement may take.
            let link = guard(link, |link| self.check(place, link));
            let answer = timeout(self.time_out / 2, link.find(turn)).await;
            let link = ScopeGuard::into_inner(link);
            let error = match answer {
                Ok(Ok(rows)) => return rows,
                Ok(Err(error)) => failure(&error),
                Err(_) => overdue("an answer"),
            };
            let closed = link.client.is_closed();
            place.discard(&link);
            if !(closed && again) {
                return Err(error);
            }
            again = false;
        }
    }

    /// The connection of this place or, where the server has no room for it, one that is there,
    /// with its own place.
    async fn serving<'a>(
        &'a self,
        place: &'a Arc<Place>,
    ) -> Result<(&'a Arc<Place>, Arc<Link>), StoreError> {
        match self.link(place).await {
            Ok(link) => Ok((place, link)),
            Err(error) => {
                let mut places = self.places.iter();
                let other = places.find_map(|place| Some((place, place.live()?)));
                other.ok_or(error)
            }
        }
    }

    /// Has a connection made anew if it answers nobody: its callers may all have gone before that
    /// was noticed.
    fn check(&self, place: &Arc<Place>, link: Arc<Link>) {
        let (place, half) = (Arc::clone(place), self.time_out / 2);
        if let Ok(runtime) = Handle::try_current()
            && !link.checking.swap(true, Ordering::Relaxed)
        {
            runtime.spawn(async move {
                let answer = timeout(half, link.client.simple_query("")).await;
                link.checking.store(false, Ordering::Relaxed);
                if !matches!(answer, Ok(Ok(_))) {
                    place.discard(&link);
                }
            });
        }
    }

    /// The connection of this place. Of all who need a new one, one makes it and the others
    /// wait; if he can't, it is the answer to them all.
    async fn link(&self, place: &Place) -> Result<Arc<Link>, StoreError> {
        let failures = place.failures.load(Ordering::Acquire);
        if let Some(link) = place.live() {
            return Ok(link);
        }
        let mut failed = place.making.lock().await;
        if let Some(link) = place.live() {
            return Ok(link);
        }
        if let Some(error) = &*failed
            && place.failures.load(Ordering::Acquire) != failures
        {
            return Err(error.clone());
        }
        let made = timeout(self.time_out / 2, self.connect()).await;
        match made.unwrap_or_else(|_| Err(overdue("a connection"))) {
            Ok(link) => {
                let link = Arc::new(link);
                *place.link() = Some(Arc::clone(&link));
                *failed = None;
                Ok(link)
            }
            Err(error) => {
                *failed = Some(error.clone());
                place.failures.fetch_add(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Link, StoreError> {
        let client = self
            .pool
            .get()
            .await
            .map_err(|error| no_connection(&error))?;
        let client = Object::take(client);
        let statements = &self.statements;
        let prepared = async {
            let one = client.prepare(&statements.find_one).await?;
            Ok::<_, Error>((one, client.prepare(&statements.find_many).await?))
        };
        let (one, many) = prepared.await.map_err(|error| failure(&error))?;
        Ok(Link {
            client,
            one,
            many,
            checking: AtomicBool::new(false),
        })
    }
}

impl Link {
    async fn find(&self, turn: &Turn) -> Result<Result<Vec<Kept>, StoreError>, Error> {
        let mut digests = turn.digests().map(|digest| digest.as_bytes().as_slice());
        let rows = if turn.is_alone() {
            self.client.query(&self.one, &[&digests.next()]).await?
        } else {
            let digests: Vec<&[u8]> = digests.collect();
            self.client.query(&self.many, &[&digests]).await?
        };
        let found = rows.iter().map(|row| {
            // One that can't be read is an error for whoever asks for it, and for nobody else.
            let digest = row::digest(row).map_err(StoreError::new)?;
            let record = row::record(row, 0).map_err(StoreError::new);
            Ok((digest, record.map(Found::of_record)))
        });
        Ok(found.collect())
    }
}

impl Deref for Link {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

// === impl Place ===

impl Place {
    fn live(&self) -> Option<Arc<Link>> {
        let link = self.link();
        link.as_ref()
            .filter(|link| !link.client.is_closed())
            .cloned()
    }

    /// Forgets a connection that can't be trusted any more, unless that has been done already.
    fn discard(&self, broken: &Arc<Link>) {
        let mut link = self.link();
        if link.as_ref().is_some_and(|link| Arc::ptr_eq(link, broken)) {
            *link = None;
        }
    }

    fn link(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
