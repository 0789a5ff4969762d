//! Clients of Django REST framework move over without a new release.

use super::{is_content, python};
use crate::support::process::serve;

fn answers_as(recipe: &str, mode: &str) {
    let server = serve(&["--style", "drf", "--login", mode, "--manual-clock"]);
    is_content(&python("compare.py", &[recipe, &server.url]));
}

#[test]
fn the_recipe_that_renews_is_answered_step_by_step() {
    answers_as("renew", "renew");
}

#[test]
fn the_recipe_that_replaces_what_has_expired_is_answered_step_by_step() {
    answers_as("replace", "replace-expired");
}
