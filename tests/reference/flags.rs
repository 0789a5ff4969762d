//! What the command line may say.

use crate::support::process::{refuse, serve};

#[test]
fn a_flag_that_can_not_be_followed_is_one_line_and_exit_2() {
    for flags in [
        &["--lifetime", "0s"][..],
        &["--lifetime", "soon"],
        &["--lifetime", "1h", "--idle", "1h"],
        &["--idle", "2h", "--cap", "1h"],
        &["--cap", "1h"],
        &["--announce-expiry", "soon"],
        &["--cache", "31s"],
        &["--cache", "0s"],
        &["--login", "always"],
        &["--style", "rails"],
        &["--scheme", "two words"],
        &["--introspection-scope", "two words"],
        &["--max-tokens", "0"],
        &["--refresh-grace", "61s"],
        &["--purge-every", "0s"],
        &["--listen", "nowhere"],
        &["--frob"],
        &["--refresh-lifetime", "0s"],
        &["--store", "nowhere:1"],
        &["--store", "ftp://localhost/tokens"],
        &["--store", "sqlite:"],
    ] {
        let output = refuse(flags);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{flags:?}: {error}");
    }
}

#[test]
fn a_flag_that_is_missing_is_named() {
    let error = refuse(&["--cap", "1h"]).stderr;
    assert!(String::from_utf8_lossy(&error).contains("--idle"));
}

#[test]
fn a_store_that_can_not_be_reached_is_one_line_and_exit_1() {
    let output = refuse(&["--store", "redis://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}

#[test]
fn it_ends_well_when_it_is_asked_to() {
    assert!(serve(&[]).terminate());
}
