//! Who asks: a client by Basic or by the form (RFC 6749 section 2.3).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::AUTHORIZATION;
use http::request::Parts;
use zeroize::Zeroizing;

use super::OAuth;
use super::client::{Client, Clients};
use super::error::OAuthError;
use super::params::Params;
use crate::authority::Event;

/// What a client says of itself. Its secret is wiped.
struct Shown {
    id: String,
    secret: Option<Zeroizing<String>>,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl<S, C: Clients> OAuth<S, C> {
    /// The client that asks. One with a secret has shown it, one without has said its id alone.
    pub(super) async fn client(&self, head: &Parts, params: &Params) -> Result<Client, OAuthError> {
        let Some(shown) = shown(head, params)? else {
            return Err(self.refuse(None));
        };
        let known = self.clients.find(&shown.id).await;
        let known = known.map_err(OAuthError::Unavailable)?;
        let kept = known.as_ref().and_then(|client| client.secret.as_ref());
        let matches = match (kept, &shown.secret) {
            (Some(kept), Some(shown)) => kept.is(shown),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        match known {
            Some(client) if matches => Ok(client),
            known => Err(self.refuse(known.as_ref())),
        }
    }

    /// Tells whoever listens.
    pub(super) fn refuse(&self, client: Option<&Client>) -> OAuthError {
        let client = client.map(|client| &*client.id);
        self.authority.tell(&Event::ClientRefused { client });
        OAuthError::InvalidClient
    }
}

/// None: nothing that could be a client's.
fn shown(head: &Parts, params: &Params) -> Result<Option<Shown>, OAuthError> {
    let query = head.uri.query().unwrap_or_default();
    if form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| matches!(&*name, "client_id" | "client_secret"))
    {
        return Err(OAuthError::InvalidRequest(
            "expected client credentials in the Authorization field or in the form, found them in the URI",
        ));
    }
    let mut fields = head.headers.get_all(AUTHORIZATION).iter();
    let (id, secret) = (params.get("client_id"), params.get("client_secret"));
    match (fields.next(), fields.next()) {
        (Some(_), Some(_)) => Err(OAuthError::InvalidRequest(
            "expected one Authorization field, found several",
        )),
        (Some(field), None) => {
            let Some(basic) = basic(field.as_bytes()) else {
                return Ok(None);
            };
            if secret.is_some() || id.is_some_and(|id| id != basic.id) {
                return Err(OAuthError::InvalidRequest(
                    "expected one way to authenticate the client, found two",
                ));
            }
            Ok(Some(basic))
        }
        (None, _) => Ok(id.map(|id| Shown {
            id: id.to_owned(),
            secret: secret.map(|secret| Zeroizing::new(secret.to_owned())),
        })),
    }
}

/// `Basic`, its user and password form-encoded before base64 (RFC 6749 section 2.3.1).
fn basic(value: &[u8]) -> Option<Shown> {
    let (scheme, encoded) = value.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64.decode(encoded.trim_ascii()).ok()?);
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (id, secret) = (&decoded[..colon], &decoded[colon + 1..]);
    Some(Shown {
        id: form_decoded(id).to_string(),
        // A public client may send its id with nothing behind the colon.
        secret: Some(form_decoded(secret)).filter(|secret| !secret.is_empty()),
    })
}

fn form_decoded(text: &[u8]) -> Zeroizing<String> {
    let spaced: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect(),
    );
    let decoded = percent_encoding::percent_decode(&spaced).decode_utf8_lossy();
    Zeroizing::new(decoded.into_owned())
}
