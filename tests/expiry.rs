//! When a token ends, by its own times and its kind's policy, whichever is earlier.

use std::time::Duration;

use tower_expiring_token::{Bound, ExpiryPolicy, Lifetime, Rule, Timestamp, TokenTimes, judge};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn times(issued: i64, used: i64, ends: i64) -> TokenTimes {
    TokenTimes {
        last_used_at: at(used),
        ..TokenTimes::fixed(at(issued), at(ends))
    }
}

#[test]
fn a_token_lives_until_its_end_and_is_dead_at_it() {
    let policy = Lifetime::new(10 * SECOND);
    let just_before = Timestamp::from_micros(10_000_000 - 1);
    assert!(judge(&policy, &times(0, 0, 100), just_before).live);
    assert!(!judge(&policy, &times(0, 0, 100), at(10)).live);
}

#[test]
fn a_verdict_names_the_rule_that_binds_and_when() {
    let sliding = Lifetime::new(100 * SECOND).idle(30 * SECOND);
    let bound = |used, ends| judge(&sliding, &times(0, used, ends), at(0)).bound;
    assert_eq!(
        bound(0, 1000),
        Bound {
            at: at(30),
            rule: Rule::Idle
        }
    );
    assert_eq!(
        bound(90, 1000),
        Bound {
            at: at(100),
            rule: Rule::Life
        }
    );
    assert_eq!(
        bound(90, 95),
        Bound {
            at: at(95),
            rule: Rule::Record
        }
    );
}

#[test]
fn a_shorter_policy_bites_at_once() {
    let issued_for_a_day = times(0, 0, 86_400);
    assert!(judge(&Lifetime::hours(24), &issued_for_a_day, at(7200)).live);
    assert!(!judge(&Lifetime::hours(1), &issued_for_a_day, at(7200)).live);
}

#[test]
fn a_longer_policy_does_not_lengthen_what_the_record_says() {
    assert!(!judge(&Lifetime::days(30), &times(0, 0, 86_400), at(86_400)).live);
}

#[test]
fn a_clock_that_went_back_or_another_nodes_that_is_ahead_never_kills() {
    let from_the_future = times(100, 100, 200);
    let verdict = judge(
        &Lifetime::new(100 * SECOND).idle(10 * SECOND),
        &from_the_future,
        at(0),
    );
    assert!(verdict.live);
    assert_eq!(verdict.touch, None);
}

#[test]
fn a_use_is_due_to_be_written_once_an_interval() {
    let hourly = Lifetime::hours(24);
    let touch = |now| judge(&hourly, &times(0, 0, 86_400), at(now)).touch;
    assert_eq!(touch(59), None, "60 seconds unless it is said");
    assert_eq!(
        touch(60),
        Some(at(86_400)),
        "last use is kept without an idle time too"
    );

    let sliding = Lifetime::hours(24).idle(100 * SECOND);
    let touch = |now| judge(&sliding, &times(0, 0, 86_400), at(now)).touch;
    assert_eq!(
        touch(9),
        None,
        "a tenth of the idle time, where that is less"
    );
    assert_eq!(touch(10), Some(at(110)));
}

#[test]
fn a_touch_never_moves_an_end_beyond_the_cap() {
    let sliding = Lifetime::new(100 * SECOND).idle(50 * SECOND);
    assert_eq!(
        judge(&sliding, &times(0, 60, 100), at(80)).touch,
        Some(at(100))
    );
}

#[test]
fn extending_moves_forward_only_and_revives_nothing() {
    let start = TokenTimes {
        expires_at: at(50),
        ..times(0, 0, 100)
    };
    let once = start.extended(at(10), at(60));
    assert_eq!((once.last_used_at, once.expires_at), (at(10), at(60)));
    assert_eq!(
        once.extended(at(5), at(55)),
        once,
        "an older use changes nothing"
    );
    assert_eq!(
        start.extended(at(10), at(500)).expires_at,
        at(100),
        "never beyond the cap"
    );
    assert_eq!(
        start.extended(at(50), at(90)),
        start,
        "it had ended when it was used"
    );
}

#[test]
fn a_policy_of_ones_own_ends_tokens_by_its_own_rule() {
    struct Midnight;
    impl ExpiryPolicy for Midnight {
        fn bound(&self, times: &TokenTimes) -> Bound {
            let day = times.issued_at.as_micros().div_euclid(86_400_000_000) + 1;
            Bound {
                at: at(day * 86_400),
                rule: Rule::Other("midnight"),
            }
        }
    }
    let verdict = judge(&Midnight, &times(86_000, 86_000, 1_000_000), at(86_399));
    assert_eq!(
        (verdict.live, verdict.bound.rule),
        (true, Rule::Other("midnight"))
    );
    assert!(!judge(&Midnight, &times(86_000, 86_000, 1_000_000), at(86_400)).live);
}
