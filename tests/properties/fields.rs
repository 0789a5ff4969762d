//! Any `Authorization` fields at all are read as the RFCs say, and let nobody in by accident.

use std::convert::Infallible;
use std::sync::OnceLock;

use futures_util::FutureExt;
use http::{HeaderValue, Request, Response};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tower::{Layer, ServiceExt, service_fn};
use tower_expiring_token::{
    Authenticated, DigestKey, ExpiringTokenLayer, Lifetime, MemoryStore, TokenAuthority, TokenKind,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::support::{challenge, reference};

const SCHEMES: [&str; 2] = ["Bearer", "Token"];
/// The status by which these services tell that nobody calls.
const NOBODY: u16 = 204;

/// An authority, and its one live token.
struct Live {
    tokens: TokenAuthority<MemoryStore>,
    token: String,
}

impl Live {
    fn of(kind: TokenKind) -> Self {
        let tokens = SCHEMES.iter().fold(
            TokenAuthority::builder(MemoryStore::new()),
            |tokens, scheme| tokens.scheme(*scheme),
        );
        let tokens = tokens
            .access(kind)
            .expiry(Lifetime::hours(24))
            .build()
            .unwrap();
        let issued = tokens.issue("alice").into_future().now_or_never();
        let token = issued
            .expect("memory answers at once")
            .unwrap()
            .secret()
            .to_owned();
        Self { tokens, token }
    }

    /// One of each form of text.
    fn each() -> &'static [Self; 3] {
        static EACH: OnceLock<[Live; 3]> = OnceLock::new();
        EACH.get_or_init(|| {
            let keyed = TokenKind::new("access", "a-longer-prefix_").keyed(DigestKey::new([7; 32]));
            [
                TokenKind::new("access", "tet_"),
                keyed,
                TokenKind::hex("access", 40),
            ]
            .map(Self::of)
        })
    }

    /// Status and error code for these values.
    fn answer(&self, values: &[Vec<u8>]) -> (u16, Option<String>) {
        Self::ask(self.tokens.layer(), values)
    }

    /// The same of an optional layer.
    fn answer_of_optional(&self, values: &[Vec<u8>]) -> (u16, Option<String>) {
        Self::ask(self.tokens.layer().optional(), values)
    }

    fn ask(layer: ExpiringTokenLayer<MemoryStore>, values: &[Vec<u8>]) -> (u16, Option<String>) {
        let mut request = Request::new(());
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("can stand in a header");
            request.headers_mut().append("authorization", value);
        }
        let inner = service_fn(async |request: Request<()>| {
            let caller = Authenticated::optional(request.extensions());
            let nobody = matches!(caller, Ok(None));
            let status = if nobody { NOBODY } else { 200 };
            Ok::<_, Infallible>(Response::builder().status(status).body(()).unwrap())
        });
        let answered = layer.layer(inner).oneshot(request).now_or_never();
        let Ok(response) = answered.expect("memory answers at once");
        (
            response.status().as_u16(),
            challenge::error(response.headers()),
        )
    }
}

/// Without what no HTTP server lets through.
fn for_header(bytes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let stands = |byte| HeaderValue::from_bytes(&[byte]).is_ok();
    bytes
        .into_iter()
        .map(|byte| if stands(byte) { byte } else { byte ^ 0x80 })
        .collect()
}

/// Pieces that values are made of, good and bad, in any order.
fn value(token: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let (start, end) = token.split_at(token.len() / 2);
    let words = [
        "Bearer", "Token", "bEARER", "Basic", token, start, end, " ", " ", "\t", ",", "=", "\"",
    ];
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let piece = prop_oneof![
        6 => prop::sample::select(words),
        1 => vec(any::<u8>(), 0..40),
        1 => "[ \t]{0,4}".prop_map(String::into_bytes),
        1 => "[A-Za-z0-9._~+/-]{0,80}={0,3}".prop_map(String::into_bytes),
        1 => "\\PC{0,8}".prop_map(String::into_bytes),
    ];
    let pieces = vec(piece, 0..7).prop_map(|pieces| for_header(pieces.concat()));
    let good = format!("Bearer {token}").into_bytes();
    let beside = (vec(any::<u8>(), 0..3), vec(any::<u8>(), 0..3));
    let nearly =
        beside.prop_map(move |(before, after)| for_header([before, good.clone(), after].concat()));
    prop_oneof![4 => pieces, 1 => nearly, 1 => vec(any::<u8>(), 0..300).prop_map(for_header)]
}

fn values(token: &str) -> impl Strategy<Value = Vec<Vec<u8>>> + use<> {
    prop_oneof![8 => vec(value(token), 1), 1 => vec(value(token), 0..5)]
}

#[derive(Clone, Debug)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, u8),
    Delete(Index),
    Swap(Index, Index),
    Case(Index),
    Cut(Index),
    Append(Vec<u8>),
    Repeat,
    Rotate(Index),
}

impl Edit {
    fn apply(&self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let length = text.len();
        let at = |index: &Index| index.index(length);
        match self {
            Self::Replace(index, byte) => {
                let at = at(index);
                text[at] = *byte;
            }
            Self::Insert(index, byte) => text.insert(at(index), *byte),
            Self::Delete(index) => drop(text.remove(at(index))),
            Self::Swap(one, other) => text.swap(at(one), at(other)),
            Self::Case(index) => {
                let at = at(index);
                text[at] ^= if text[at].is_ascii_alphabetic() {
                    0x20
                } else {
                    0
                };
            }
            Self::Cut(index) => text.truncate(at(index)),
            Self::Append(bytes) => text.extend(bytes),
            Self::Repeat => *text = text.repeat(2),
            Self::Rotate(index) => text.rotate_left(at(index)),
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    let byte = || prop_oneof![3 => 0x21..0x7Fu8, 1 => any::<u8>()];
    prop_oneof![
        4 => (index(), byte()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        2 => (index(), byte()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        2 => index().prop_map(Edit::Delete),
        2 => (index(), index()).prop_map(|(one, other)| Edit::Swap(one, other)),
        2 => index().prop_map(Edit::Case),
        1 => index().prop_map(Edit::Cut),
        1 => vec(byte(), 1..20).prop_map(Edit::Append),
        1 => Just(Edit::Repeat),
        1 => index().prop_map(Edit::Rotate),
    ]
}

/// XXH3 by somebody else than the crate's, in base64url, most significant bit first.
fn checksum(text: &[u8]) -> [u8; 6] {
    let sum = xxh3_64(text);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    [30, 24, 18, 12, 6, 0].map(|shift| alphabet[(sum >> shift & 63) as usize])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_fields_are_read_as_the_rfcs_say_and_only_a_live_token_is_let_in(
        (live, values) in (0..3usize).prop_flat_map(|live| (Just(live), values(&Live::each()[live].token))),
    ) {
        let live = &Live::each()[live];
        let (status, error) = reference::read(&values, &SCHEMES).answer(&[&live.token]);
        let expected = (status, error.map(str::to_owned));
        prop_assert_eq!(live.answer(&values), expected.clone());
        // Whom a required layer tells no error, an optional one lets pass as nobody.
        let expected = if expected == (401, None) { (NOBODY, None) } else { expected };
        prop_assert_eq!(live.answer_of_optional(&values), expected);
    }

    #[test]
    fn a_token_that_is_changed_in_any_way_is_refused(
        live in 0..3usize,
        edits in vec(edit(), 1..5),
    ) {
        let live = &Live::each()[live];
        let mut text = live.token.clone().into_bytes();
        edits.iter().for_each(|edit| edit.apply(&mut text));
        let text = for_header(text);
        // White space around a value is no part of it.
        prop_assume!(text.trim_ascii() != live.token.as_bytes());
        let values = [[b"Bearer ", &text[..]].concat()];
        let (status, error) = reference::read(&values, &SCHEMES).answer(&[]);
        prop_assert_eq!(live.answer(&values), (status, error.map(str::to_owned)));
    }

    #[test]
    fn a_text_of_any_bytes_with_a_good_checksum_is_refused_if_it_was_never_issued(
        bytes in vec(any::<u8>(), 45),
    ) {
        let live = &Live::each()[0];
        let mut text = [b"tet_", &for_header(bytes)[..]].concat();
        text.extend(checksum(&text));
        let (status, error) = live.answer(&[[b"Bearer ", &text[..]].concat()]);
        prop_assert!(matches!(status, 400 | 401) && error.is_some(), "{} {:?}", status, error);
    }
}

#[test]
fn the_checksum_of_these_tests_is_the_tokens_own() {
    let token = Live::each()[0].token.as_bytes();
    let (summed, sum) = token.split_at(token.len() - 6);
    assert_eq!(checksum(summed), sum);
}
