//! Logging in, in the words of Django REST framework.

use serde_json::json;
use tower_expiring_token::Drf;

use super::people::{People, login};
use crate::support::ask::{Answered, Ask, ask, form, json as post};

const NAMELESS: &str = r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#;

async fn log_in(people: &People, ask: Ask) -> Answered {
    ask.of(people.tokens.login(&people.passwords).drf(Drf::stock()))
        .await
}

#[tokio::test]
async fn who_logs_in_gets_a_token_and_nothing_else() {
    let people = People::new();
    let fields = [("username", " alice "), ("password", "wonderland")];
    for ask in [form("/", &fields), login("alice", "wonderland")] {
        let answered = log_in(&people, ask).await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.header("content-type"), Some("application/json"));
        let token = answered.member("token");
        assert_eq!(answered.body, format!(r#"{{"token":"{token}"}}"#));
    }
    let knox = people.tokens.login(&people.passwords).knox();
    let answered = login("alice", "wonderland").of(knox).await;
    let (expiry, token) = (answered.member("expiry"), answered.member("token"));
    assert_eq!(
        answered.body,
        format!(r#"{{"expiry":"{expiry}","token":"{token}"}}"#)
    );
}

#[tokio::test]
async fn all_that_is_wrong_is_a_400_in_djangos_bytes() {
    let people = People::new();
    let required =
        r#"{"username":["This field is required."],"password":["This field is required."]}"#;
    let blank = r#"{"username":["This field may not be blank."],"password":["This field may not be blank."]}"#;
    let cases: [(Ask, &str); 16] = [
        (login("alice", "wrong"), NAMELESS),
        (login("nobody", "x"), NAMELESS),
        (login("mallory", "malice"), NAMELESS),
        (login("alice", " "), NAMELESS),
        (ask("POST", "/"), required),
        (post("/", &json!({})), required),
        (
            form("/", &[("username", "alice")]),
            r#"{"password":["This field is required."]}"#,
        ),
        (form("/", &[("username", " "), ("password", "")]), blank),
        (
            form("/", &[("username", "\u{1c}\u{1f}\u{85}"), ("password", "")]),
            blank,
        ),
        (
            post("/", &json!({"username": null, "password": "x"})),
            r#"{"username":["This field may not be null."]}"#,
        ),
        (
            post("/", &json!({"username": true, "password": ["x"]})),
            r#"{"username":["Not a valid string."],"password":["Not a valid string."]}"#,
        ),
        (
            login("alice", "a\0b"),
            r#"{"password":["Null characters are not allowed."]}"#,
        ),
        (
            post("/", &json!([1])),
            r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}"#,
        ),
        (
            post("/", &json!(-7)),
            r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}"#,
        ),
        (
            post("/", &json!(0.0)),
            r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}"#,
        ),
        (
            ask("POST", "/").content("application/json", "1E3"),
            r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}"#,
        ),
    ];
    for (ask, body) in cases {
        let answered = log_in(&people, ask).await;
        assert_eq!(
            (answered.status.as_u16(), &*answered.body),
            (400, body.as_bytes())
        );
    }
}

#[tokio::test]
async fn a_number_is_a_text_and_of_two_names_the_last_counts() {
    let people = People::new();
    let number = log_in(&people, post("/", &json!({"username": 7, "password": 8}))).await;
    assert_eq!(number.body, NAMELESS);
    let fields = [
        ("username", "bob"),
        ("username", "alice"),
        ("password", "wonderland"),
    ];
    assert_eq!(log_in(&people, form("/", &fields)).await.status, 200);
}

#[tokio::test]
async fn methods_and_media_that_are_not_served_are_told_by_name() {
    let people = People::new();
    let got = log_in(&people, ask("GET", "/")).await;
    assert_eq!(got.status, 405);
    assert_eq!(got.json(), json!({"detail": "Method \"GET\" not allowed."}));
    let text = log_in(&people, ask("POST", "/").content("text/plain", "x")).await;
    assert_eq!(text.status, 415);
    assert_eq!(
        text.json(),
        json!({"detail": "Unsupported media type \"text/plain\" in request."})
    );
}

#[tokio::test]
async fn what_is_no_json_is_told_in_pythons_words() {
    let people = People::new();
    let cases: [(&[u8], &str); 9] = [
        (
            b"{x",
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (
            "{\n \"ü\" 1".as_bytes(),
            "Expecting ':' delimiter: line 2 column 6 (char 7)",
        ),
        (
            br#"{"username": }"#,
            "Expecting value: line 1 column 14 (char 13)",
        ),
        (
            br#"["a" 1]"#,
            "Expecting ',' delimiter: line 1 column 6 (char 5)",
        ),
        (br"{} {}", "Extra data: line 1 column 4 (char 3)"),
        (
            br#"{"user"#,
            "Unterminated string starting at: line 1 column 2 (char 1)",
        ),
        (
            b"\"a\tb\"",
            "Invalid control character at: line 1 column 3 (char 2)",
        ),
        (br#""\x""#, "Invalid \\escape: line 1 column 2 (char 1)"),
        (
            b"\"\xFF\"",
            "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte",
        ),
    ];
    for (content, fault) in cases {
        let ask = ask("POST", "/").content("application/json", content);
        let answered = log_in(&people, ask).await;
        assert_eq!(answered.status, 400);
        let detail = format!("JSON parse error - {fault}");
        assert_eq!(answered.json(), json!({ "detail": detail }));
    }
    let deep = ask("POST", "/").content("application/json", "[".repeat(16_000));
    assert_eq!(log_in(&people, deep).await.status, 400);
}

/// A form of these parts.
fn parts(parts: &[(&str, &str)]) -> Ask {
    let part = |(name, value): &(&str, &str)| {
        format!("--end\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n")
    };
    let content: String = parts.iter().map(part).collect();
    ask("POST", "/").content("Multipart/Form-Data; boundary=end", content + "--end--\r\n")
}

#[tokio::test]
async fn a_form_of_several_parts_logs_in() {
    let people = People::new();
    let alice = [
        (r#"name="username""#, "alice"),
        (r#"name="password""#, "wonderland"),
    ];
    assert_eq!(log_in(&people, parts(&alice)).await.status, 200);
    assert_eq!(
        parts(&alice)
            .of(people.tokens.login(&people.passwords))
            .await
            .status,
        200
    );
    let wrong = [alice[0], (r#"name="password""#, "looking glass")];
    assert_eq!(log_in(&people, parts(&wrong)).await.body, NAMELESS);
    let file = [
        alice[0],
        (r#"name="password"; filename="secret.txt""#, "wonderland"),
    ];
    assert_eq!(
        log_in(&people, parts(&file)).await.json(),
        json!({"password": ["Not a valid string."]})
    );
}

#[tokio::test]
async fn a_form_of_broken_parts_is_a_400_that_repeats_nothing_of_it() {
    let people = People::new();
    let multipart = |media: &str, content: &'static str| ask("POST", "/").content(media, content);
    let nameless = log_in(&people, multipart("multipart/form-data", "x")).await;
    assert_eq!(nameless.status, 400);
    assert_eq!(
        nameless.json(),
        json!({"detail": "Multipart form parse error - Invalid boundary in multipart: None"})
    );
    for content in [
        "x",
        "--end",
        "--end\r\n\r\n",
        "--end\r\nContent-Disposition: form-data",
        "--end\r\nContent-Disposition: form-data; name=\"sent\"\r\n\r\nx",
    ] {
        let broken = multipart("multipart/form-data; boundary=end", content);
        let answered = log_in(&people, broken).await;
        assert_eq!(answered.status, 400, "{content:?}");
        let told = String::from_utf8_lossy(&answered.body);
        assert!(!told.contains("sent"), "{told}");
    }
}

#[tokio::test]
async fn who_guesses_is_throttled_in_djangos_words() {
    let people = People::new();
    for _ in 0..10 {
        log_in(&people, login("alice", "wrong")).await;
    }
    let answered = log_in(&people, login("alice", "wonderland")).await;
    assert_eq!(answered.status, 429);
    assert_eq!(
        answered.json(),
        json!({"detail": "Request was throttled. Expected available in 60 seconds."})
    );
}
