//! A model of rotation: two clients of a user, a thief, retries, logouts, step-ups, crashes and
//! restarts, in any order and interleaved before and after every verb of the store.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    Authenticated, BearerToken, Clock, IssueError, IssuedToken, MemoryStore, RefreshError,
    SessionId, Subject, Timestamp, TokenAuthority, TokenDigest, TokenStore,
};

use crate::support::desk::{builder, lives};
use crate::support::steps::Steps;
use crate::support::stores::ALICE;

/// The last of them is the thief.
const ACTORS: usize = 3;
const THIEF: usize = ACTORS - 1;

#[derive(Clone, Debug)]
enum Move {
    /// Somebody begins to use the refresh token that he has.
    Refresh(usize),
    /// Somebody begins to step up, with the access token that he has.
    StepUp(usize),
    LogOut,
    /// What is under way goes on by one step.
    Poll(usize),
    /// It goes on to its end, and the answer is lost.
    Lose(usize),
    /// Its client or its connection is gone.
    Drop(usize),
    /// The thief reads what another one has.
    Steal(usize),
    /// One tab of the user tells the other.
    Share(usize),
    Wait(u64),
    /// The process dies, and another one begins.
    Restart,
}

fn step() -> impl Strategy<Value = Move> {
    let actor = 0..ACTORS;
    let flight = 0..6_usize;
    prop_oneof![
        8 => actor.clone().prop_map(Move::Refresh),
        1 => actor.clone().prop_map(Move::StepUp),
        1 => Just(Move::LogOut),
        30 => flight.clone().prop_map(Move::Poll),
        3 => flight.clone().prop_map(Move::Lose),
        2 => flight.prop_map(Move::Drop),
        1 => actor.clone().prop_map(Move::Steal),
        2 => actor.prop_map(Move::Share),
        3 => (1..8_u64).prop_map(Move::Wait),
        1 => Just(Move::Restart),
    ]
}

type Store = Steps<MemoryStore>;
type Tokens = TokenAuthority<Store>;

/// What somebody has of the session.
#[derive(Clone)]
struct Pair {
    generation: u32,
    access: String,
    refresh: String,
}

/// Something under way, for somebody.
struct Flight {
    actor: usize,
    doing: Doing,
    future: Pin<Box<dyn Future<Output = Landed>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// With the token of this generation.
    Refresh(u32),
    StepUp,
    LogOut,
}

enum Landed {
    Refreshed(Result<IssuedToken, RefreshError>),
    SteppedUp(Result<IssuedToken, IssueError>),
    LoggedOut,
}

/// The session as the store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Truth {
    generation: u32,
    rotated_at: Option<Timestamp>,
}

struct World {
    memory: MemoryStore,
    clock: ManualClock,
    grace: Duration,
    tokens: Tokens,
    session: SessionId,
    refresh: TokenDigest,
    held: [Option<Pair>; ACTORS],
    flights: Vec<Flight>,
    /// What each generation's tokens are, as anybody has heard.
    told: HashMap<u32, (String, String)>,
    /// Access tokens by login or refresh, and those stepped up.
    handed_out: HashSet<String>,
    stepped_up: HashSet<String>,
}

impl World {
    async fn new(grace: Duration) -> Self {
        let (memory, clock) = (MemoryStore::new(), ManualClock::default());
        let tokens = authority(&memory, &clock, grace);
        let login = tokens.issue(ALICE).refresh().await.unwrap();
        let session = *login.session();
        let mut world = Self {
            memory,
            clock,
            grace,
            tokens,
            session,
            refresh: TokenDigest::of_session(&session, Subject::new(ALICE).route()),
            held: [const { None }; ACTORS],
            flights: Vec::new(),
            told: HashMap::new(),
            handed_out: HashSet::new(),
            stepped_up: HashSet::new(),
        };
        let pair = world.hear(0, &login);
        world.held[..THIEF].fill(Some(pair));
        world
    }

    /// What a generation's tokens are, which is the same for whoever hears it.
    fn hear(&mut self, generation: u32, issued: &IssuedToken) -> Pair {
        let pair = Pair {
            generation,
            access: issued.secret().to_owned(),
            refresh: issued.refresh_secret().unwrap().to_owned(),
        };
        let texts = (pair.access.clone(), pair.refresh.clone());
        let first = self.told.entry(generation).or_insert_with(|| texts.clone());
        assert_eq!(*first, texts, "two successors of one token");
        self.handed_out.insert(pair.access.clone());
        pair
    }

    async fn step(&mut self, step: Move) {
        let busy = |world: &Self, actor| world.flights.iter().any(|it| it.actor == actor);
        match step {
            Move::Refresh(actor) if !busy(self, actor) => {
                if let Some(pair) = self.held[actor].clone() {
                    let tokens = self.tokens.clone();
                    self.begin(actor, Doing::Refresh(pair.generation), async move {
                        let shown = BearerToken::parse(&pair.refresh).unwrap();
                        Landed::Refreshed(tokens.refresh(&shown).await)
                    });
                }
            }
            // Who steps up knows the password.
            Move::StepUp(actor) if !busy(self, actor) && actor != THIEF => {
                if let Some(caller) = self.caller(actor).await {
                    let tokens = self.tokens.clone();
                    self.begin(actor, Doing::StepUp, async move {
                        Landed::SteppedUp(tokens.step_up(&caller).await)
                    });
                }
            }
            Move::LogOut => {
                let (tokens, session) = (self.tokens.clone(), self.session);
                self.begin(ACTORS, Doing::LogOut, async move {
                    let subject = Subject::new(ALICE);
                    tokens.revoke_session(&subject, &session).await.unwrap();
                    Landed::LoggedOut
                });
            }
            Move::Poll(flight) => self.poll(flight, true).await,
            Move::Lose(flight) => {
                let flying = self.flights.len();
                while flight < flying && self.flights.len() == flying {
                    self.poll(flight, false).await;
                }
            }
            Move::Drop(flight) if flight < self.flights.len() => {
                drop(self.flights.swap_remove(flight));
            }
            Move::Steal(from) => self.held[THIEF] = self.held[from].clone(),
            Move::Share(from) if from != THIEF => {
                self.held[THIEF - 1 - from] = self.held[from].clone();
            }
            Move::Wait(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Move::Restart => {
                self.flights.clear();
                self.tokens = authority(&self.memory, &self.clock, self.grace);
            }
            Move::Refresh(_) | Move::StepUp(_) | Move::Drop(_) | Move::Share(_) => {}
        }
        self.check().await;
    }

    fn begin(
        &mut self,
        actor: usize,
        doing: Doing,
        future: impl Future<Output = Landed> + 'static,
    ) {
        let future = Box::pin(future);
        self.flights.push(Flight {
            actor,
            doing,
            future,
        });
    }

    async fn caller(&self, actor: usize) -> Option<Authenticated> {
        let pair = self.held[actor].as_ref()?;
        let token = BearerToken::parse(&pair.access).unwrap();
        self.tokens.introspect(&token).await.ok()
    }

    /// One step of what is under way: at most one verb of the store.
    async fn poll(&mut self, flight: usize, heard: bool) {
        let before = self.truth().await;
        let Some(flying) = self.flights.get_mut(flight) else {
            return;
        };
        let (actor, doing) = (flying.actor, flying.doing);
        let mut context = Context::from_waker(Waker::noop());
        let polled = flying.future.as_mut().poll(&mut context);
        let after = self.truth().await;
        self.check_change(doing, before, after);
        let Poll::Ready(landed) = polled else {
            return;
        };
        drop(self.flights.swap_remove(flight));
        match (landed, doing) {
            (Landed::Refreshed(Ok(issued)), Doing::Refresh(generation)) => {
                assert_eq!(*issued.session(), self.session);
                let pair = self.hear(generation + 1, &issued);
                if heard {
                    self.held[actor] = Some(pair);
                }
            }
            (Landed::Refreshed(Err(error)), _) => {
                let just = matches!(error, RefreshError::Reused | RefreshError::Unknown);
                assert!(
                    just && after.is_none(),
                    "locked out of a live session: {error:?}"
                );
            }
            (Landed::SteppedUp(Ok(issued)), _) => {
                self.stepped_up.insert(issued.secret().to_owned());
            }
            (Landed::SteppedUp(Err(error)), _) => assert!(matches!(error, IssueError::Ended)),
            (Landed::LoggedOut, _) => assert_eq!(after, None),
            (Landed::Refreshed(Ok(_)), other) => panic!("{other:?} has refreshed"),
        }
    }

    /// That whatever the store did was right.
    fn check_change(&self, doing: Doing, before: Option<Truth>, after: Option<Truth>) {
        match (before, after) {
            (before, after) if before == after => {}
            (None, Some(_)) => panic!("{doing:?} has revived the session"),
            (Some(before), Some(after)) => {
                assert_eq!(
                    doing,
                    Doing::Refresh(before.generation),
                    "only the current one"
                );
                assert_eq!(after.generation, before.generation + 1);
                assert!(after.rotated_at.is_some_and(|at| at <= self.clock.now()));
            }
            (Some(before), None) => match doing {
                Doing::LogOut => {}
                Doing::StepUp => panic!("a step-up has ended the session"),
                Doing::Refresh(generation) => {
                    assert!(generation < before.generation, "a good one has ended it");
                    let since = before.rotated_at.map(|at| self.clock.now().since(at));
                    assert!(
                        generation + 1 < before.generation || since >= Some(self.grace),
                        "a retry within the grace has ended it"
                    );
                }
            },
            (None, None) => unreachable!("they are equal"),
        }
    }

    /// What must hold at any time.
    async fn check(&self) {
        let live = |secret: String| async move { lives(&self.tokens, &secret).await };
        let mut alive = 0;
        for secret in &self.handed_out {
            alive += usize::from(live(secret.clone()).await);
        }
        assert!(alive <= 1, "two access tokens live");
        if self.truth().await.is_some() {
            return;
        }
        assert_eq!(alive, 0, "an access token outlives its session");
        for secret in &self.stepped_up {
            assert!(!live(secret.clone()).await, "a stepped-up one outlives it");
        }
    }

    async fn truth(&self) -> Option<Truth> {
        let found = self.memory.find(&self.refresh).await.unwrap()?;
        Some(Truth {
            generation: found.record().generation()?,
            rotated_at: found.record().rotated_at(),
        })
    }
}

fn authority(memory: &MemoryStore, clock: &ManualClock, grace: Duration) -> Tokens {
    let builder = builder(Steps::new(memory.clone()), clock);
    builder.refresh_grace(grace).build().unwrap()
}

proptest! {
    #[test]
    fn whatever_happens_one_successor_lives_and_nobody_is_locked_out_or_let_in(
        steps in prop::collection::vec(step(), 1..120),
        grace in prop_oneof![Just(0), Just(10)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(Duration::from_secs(grace)).await;
            for step in steps {
                world.step(step).await;
            }
            while !world.flights.is_empty() {
                world.poll(0, true).await;
            }
            world.check().await;
        });
    }
}
