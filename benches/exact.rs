//! What a request allocates, exactly: the same on every machine and in every build.

use http::StatusCode;
use http::header::AUTHORIZATION;

use crate::case::{CREDENTIALS, Case, inner};
use crate::{allocations, anchors, ours};

/// What each request of a case allocates; all of them alike.
fn each(case: &mut Case) -> u64 {
    let all = allocations::of(|| case.show(CREDENTIALS)).times;
    let requests = CREDENTIALS as u64;
    assert_eq!(all % requests, 0, "{}", case.name);
    all / requests
}

#[test]
fn a_request_allocates_what_its_extensions_or_its_refusal_take_and_nothing_else() {
    let field = each(&mut anchors::bare());
    let none = vec![None; CREDENTIALS];
    let no_field = each(&mut Case::new(
        "bare",
        StatusCode::OK,
        inner(),
        AUTHORIZATION,
        none,
    ));

    // What the first value in `http::Extensions` takes: the map, its table, the value.
    let extensions = 3;
    // The fields' two vectors, and the reason in the extensions.
    let refusal = 2 + extensions;
    let mut cases = ours::cases();
    for (name, bare, above) in [
        (ours::ACCEPTED, field, extensions),
        ("ours, Arc<dyn TokenStore>", field, extensions),
        // The store's future, and the one that waits for it.
        (
            "ours, a store that is asked by `find`",
            field,
            extensions + 2,
        ),
        // `Vary`, in a map that had no fields.
        ("ours, optional, anonymous", no_field, extensions + 2),
        ("ours, refused: no header", no_field, refusal),
        (ours::GARBAGE, field, refusal),
        ("ours, refused: unknown", field, refusal),
        ("ours, refused: expired", field, refusal),
    ] {
        let case = cases.iter_mut().find(|case| case.name == name);
        let case = case.expect("there is such a case");
        assert_eq!(each(case) - bare, above, "{name}");
    }
}
