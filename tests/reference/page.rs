//! The page, in a real browser, in light and dark, on a phone, and from another origin.

use super::{is_content, python};
use crate::support::process::serve;

#[test]
fn a_token_is_seen_to_live_and_to_die() {
    let server = serve(&[]);
    is_content(&python("page.py", &[&server.url]));
}
