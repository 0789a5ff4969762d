//! Any sequence of logins, uses, logouts and clock steps agrees with the policies in other words.

use std::time::Duration;

use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    BearerToken, Clock, IssuedToken, Lifetime, MemoryStore, Reason, Rejection, Subject, Timestamp,
    TokenAuthority,
};

#[derive(Clone, Debug)]
enum Step {
    Forward(Duration),
    Back(Duration),
    Issue { own_life: Option<Duration> },
    Use(Index),
    Revoke(Index),
    RevokeAll,
    List,
}

/// What the policy is, in plain durations.
#[derive(Clone, Copy, Debug)]
struct Rules {
    life: Duration,
    idle: Option<Duration>,
    interval: Option<Duration>,
}

/// Mostly whole and round, so that steps end where something ends, or just beside it.
fn durations(most_seconds: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => (1..=most_seconds).prop_map(Duration::from_secs),
        2 => (1..=most_seconds).prop_map(|seconds| Duration::from_millis(100 * seconds)),
        1 => Just(Duration::from_micros(1)),
        1 => (1..=most_seconds * 1_000_000).prop_map(Duration::from_micros),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        10 => durations(10).prop_map(Step::Forward),
        2 => durations(10).prop_map(Step::Back),
        2 => option::of(durations(30)).prop_map(|own_life| Step::Issue { own_life }),
        10 => index().prop_map(Step::Use),
        1 => index().prop_map(Step::Revoke),
        1 => Just(Step::RevokeAll),
        6 => Just(Step::List),
    ];
    vec(step, 1..80)
}

fn rules() -> impl Strategy<Value = Rules> {
    let rules = (
        durations(40),
        option::of(durations(20)),
        option::of(durations(10)),
    );
    rules.prop_map(|(life, idle, interval)| {
        let idle = idle.filter(|idle| *idle <= life);
        let interval = interval.filter(|interval| idle.is_none_or(|idle| *interval < idle));
        Rules {
            life,
            idle,
            interval,
        }
    })
}

impl Rules {
    fn policy(self) -> Lifetime {
        let policy = Lifetime::new(self.life);
        let policy = self.idle.map_or(policy, |idle| policy.idle(idle));
        self.interval
            .map_or(policy, |interval| policy.write_every(interval))
    }

    /// How much of a use may go unwritten.
    fn interval(self) -> Duration {
        let minute = Duration::from_secs(60);
        let usual = self.idle.map_or(minute, |idle| minute.min(idle / 10));
        self.interval.unwrap_or(usual)
    }
}

/// A token as its user sees it.
struct Token {
    issued: IssuedToken,
    revoked: bool,
    /// Its life and its own life, whichever is shorter.
    cap: Timestamp,
    /// The last use that was written down.
    written: Timestamp,
    /// The latest use, written or not.
    used: Timestamp,
}

impl Token {
    fn end(&self, rules: Rules) -> Timestamp {
        rules
            .idle
            .map_or(self.cap, |idle| self.cap.min(self.written + idle))
    }

    fn lives(&self, rules: Rules, now: Timestamp) -> bool {
        !self.revoked && now < self.end(rules)
    }

    /// A use, and what is promised of it whatever was written down.
    fn use_now(&mut self, rules: Rules, now: Timestamp) -> bool {
        let lives = self.lives(rules, now);
        if let Some(idle) = rules.idle {
            assert!(!lives || now < self.used + idle, "never later than idle");
            let soonest = self.used + (idle - rules.interval());
            assert!(
                lives || self.revoked || now >= soonest.min(self.cap),
                "not sooner than that"
            );
        }
        if lives {
            self.used = self.used.max(now);
            if now >= self.written + rules.interval() {
                self.written = now;
            }
        }
        lives
    }
}

/// An authority over memory, and what it should know.
struct World {
    rules: Rules,
    clock: ManualClock,
    authority: TokenAuthority<MemoryStore>,
    tokens: Vec<Token>,
}

impl World {
    fn new(rules: Rules) -> Self {
        let clock = ManualClock::default();
        let authority = TokenAuthority::builder(MemoryStore::new())
            .expiry(rules.policy())
            .clock(clock.clone());
        Self {
            rules,
            clock,
            authority: authority.build().unwrap(),
            tokens: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) {
        let (rules, now) = (self.rules, self.clock.now());
        let alice = Subject::new("alice");
        match step {
            Step::Forward(by) => self.clock.advance(by),
            Step::Back(by) => self.clock.rewind(by),
            Step::Issue { own_life } => {
                let request = self.authority.issue(&alice);
                let issued = match own_life {
                    None => request.await,
                    Some(life) => request.life(life).await,
                };
                let cap = now + own_life.map_or(rules.life, |life| life.min(rules.life));
                let issued = issued.unwrap();
                self.tokens.push(Token {
                    issued,
                    revoked: false,
                    cap,
                    written: now,
                    used: now,
                });
            }
            Step::Use(index) if !self.tokens.is_empty() => {
                let token = index.get_mut(&mut self.tokens);
                let shown = BearerToken::parse(token.issued.secret()).unwrap();
                let answer = self.authority.authenticate(&shown).await;
                assert_eq!(answer.is_ok(), token.use_now(rules, now), "{answer:?}");
                match answer.as_ref().map_err(Rejection::reason) {
                    Err(Reason::UnknownToken) => assert!(token.revoked),
                    Err(reason) => assert!(matches!(reason, Reason::Expired(_)) && !token.revoked),
                    Ok(caller) => assert_eq!(caller.session(), token.issued.session()),
                }
            }
            Step::Revoke(index) if !self.tokens.is_empty() => {
                let token = index.get_mut(&mut self.tokens);
                let shown = BearerToken::parse(token.issued.secret()).unwrap();
                assert_eq!(self.authority.revoke(&shown).await.unwrap(), !token.revoked);
                token.revoked = true;
            }
            Step::Use(_) | Step::Revoke(_) => {}
            Step::RevokeAll => {
                let there = self.tokens.iter().filter(|token| !token.revoked).count();
                assert_eq!(
                    self.authority.revoke_all(&alice).await.unwrap(),
                    there as u64
                );
                self.tokens
                    .iter_mut()
                    .for_each(|token| token.revoked = true);
            }
            Step::List => {
                let sessions = self.authority.sessions(&alice).await.unwrap();
                let mut listed: Vec<_> = sessions
                    .iter()
                    .map(|session| (session.id, session.expires_at))
                    .collect();
                let live = self.tokens.iter().filter(|token| token.lives(rules, now));
                let mut live: Vec<_> = live
                    .map(|token| (*token.issued.session(), token.end(rules)))
                    .collect();
                listed.sort();
                live.sort();
                assert_eq!(listed, live);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_sequence_of_calls_and_clock_steps_agrees_with_the_policies_in_other_words(
        rules in rules(),
        steps in steps(),
    ) {
        let mut world = World::new(rules);
        let login = Step::Issue { own_life: None };
        for step in [login].into_iter().chain(steps) {
            world.step(step).now_or_never().expect("memory answers at once");
        }
    }
}
