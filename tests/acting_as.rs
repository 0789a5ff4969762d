//! A handler is tested by acting as somebody, without a token.

use tower_expiring_token::testing::acting_as;
use tower_expiring_token::{Reason, Subject};

#[test]
fn a_subject_acts_for_itself_and_a_principal_of_ones_own_for_somebody() {
    let alice = acting_as(Subject::new("alice")).authenticated();
    assert_eq!(alice.subject().as_str(), "alice");
    assert_eq!(alice.principal::<Subject>().unwrap().as_str(), "alice");
    let seven = acting_as(7_u32).authenticated();
    assert_eq!(seven.subject().as_str(), "somebody");
    assert_eq!(seven.principal::<u32>().unwrap(), &7);
    let bob = acting_as(Subject::new("alice")).subject("bob");
    assert_eq!(bob.authenticated().subject().as_str(), "bob");
}

#[test]
fn it_acts_by_a_token_of_any_kind() {
    let acting = acting_as(Subject::new("alice"));
    let refused = acting.authenticated().require_kind("personal").unwrap_err();
    assert_eq!(refused.reason(), &Reason::WrongKind);
    let acting = acting.kind("personal");
    assert!(acting.authenticated().require_kind("personal").is_ok());
}
