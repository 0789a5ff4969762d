//! Instants: exact within their range, at its ends beyond it, and shown by RFC 3339.

use std::time::{Duration, SystemTime};

use tower_expiring_token::Timestamp;

const MICROSECOND: Duration = Duration::from_micros(1);

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

#[test]
fn sums_and_differences_are_exact_within_the_range() {
    let whole = Duration::from_micros(u64::MAX);
    assert_eq!(at(i64::MIN) + whole, Timestamp::MAX);
    assert_eq!(Timestamp::MAX - whole, at(i64::MIN));
    assert_eq!(Timestamp::MAX.since(at(i64::MIN)), whole);
    assert_eq!(at(-3).since(at(-4)), MICROSECOND);
    assert_eq!(at(-4).since(at(-3)), Duration::ZERO);
}

#[test]
fn beyond_the_range_are_its_ends() {
    assert_eq!(at(-1_000_000) + Duration::MAX, Timestamp::MAX);
    assert_eq!(Timestamp::MAX + MICROSECOND, Timestamp::MAX);
    assert_eq!(at(1_735_689_600_000_000) - Duration::MAX, at(i64::MIN));
    assert_eq!(at(i64::MIN) - MICROSECOND, at(i64::MIN));
}

#[test]
fn the_systems_instants_before_1970_are_negative() {
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(2);
    assert_eq!(Timestamp::from(before), at(-2_000_000));
    assert_eq!(SystemTime::from(at(-2_000_000)), before);
}

#[test]
fn any_instant_is_shown_so_that_rfc_3339_can_be_read_back() {
    for (micros, shown) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        (253_402_300_800_000_000, "9999-12-31T23:59:59.999999Z"),
        (i64::MAX, "9999-12-31T23:59:59.999999Z"),
        (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
        (i64::MIN, "0000-01-01T00:00:00.000000Z"),
    ] {
        assert_eq!(at(micros).to_string(), shown);
    }
}
