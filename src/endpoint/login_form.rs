//! What somebody who logs in has filled in, or what is wrong with it.

use std::fmt::Display;

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::answer;
use super::fields::{Fields, Media, Value};
use super::json_fault::JsonFault;
use super::oauth::OAuthError;
use super::service::{Answer, Body};
use super::style::{Style, detailed};

/// What somebody who logs in has filled in. Prints no password, wipes it on drop.
pub(super) struct LoginForm {
    pub(super) username: String,
    pub(super) password: Zeroizing<String>,
    /// Scopes with spaces between; all that the user may have, if it is empty.
    pub(super) scope: String,
    /// What people call the session.
    pub(super) name: String,
    /// None: neither yes nor no.
    pub(super) refresh: Option<bool>,
}

/// What Django REST framework says of fields, in the order of its own form.
#[derive(Default, Serialize)]
pub(super) struct FieldErrors {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_field_errors: Option<[String; 1]>,
}

impl LoginForm {
    pub(super) async fn read(head: &Parts, body: Body, style: Style) -> Result<Self, Answer> {
        let fields = fields(head, body, style).await?;
        let errors = FieldErrors {
            username: fault(fields.get("username"), true).map(|fault| [fault]),
            password: fault(fields.get("password"), false).map(|fault| [fault]),
            non_field_errors: None,
        };
        let is_number = |name| fields.get(name).is_some_and(Value::is_number);
        let unfit = errors.username.is_some() || errors.password.is_some();
        match style {
            Style::Drf(_) if unfit => return Err(answer::json(StatusCode::BAD_REQUEST, &errors)),
            // Of a long one some digits would be lost.
            Style::OAuth if unfit || is_number("username") || is_number("password") => {
                return Err(invalid_request(
                    "expected a username and a password as texts",
                ));
            }
            _ => {}
        }
        let (Some(scope), Some(name)) = (wish(fields.get("scope")), wish(fields.get("name")))
        else {
            let error = OAuthError::InvalidRequest("expected scope and name as texts");
            return Err(style.oauth(error));
        };
        if name.contains('\0') {
            let error = OAuthError::InvalidRequest("expected a name without null characters");
            return Err(style.oauth(error));
        }
        Ok(Self {
            username: stripped(text(fields.get("username"))).to_owned(),
            password: Zeroizing::new(text(fields.get("password")).to_owned()),
            scope: scope.to_owned(),
            name: name.to_owned(),
            refresh: match fields.get("refresh") {
                None | Some(Value::Null) => Some(false),
                Some(Value::Bool(refresh)) => Some(*refresh),
                Some(Value::Text(text)) if text.is_empty() => Some(false),
                Some(Value::Text(text)) => text.parse().ok(),
                Some(_) => None,
            },
        })
    }
}

/// The fields of a form or of a JSON object.
pub(super) async fn fields(head: &Parts, body: Body, style: Style) -> Result<Fields, Answer> {
    let content = body.map_err(|unread| style.unread(unread))?;
    let fields = match Media::of(&head.headers) {
        _ if content.is_empty() => Fields::none(),
        Media::Form => Fields::form(&content),
        Media::Json => {
            Fields::json(&content).map_err(|error| unreadable(&content, &error, style))?
        }
        #[cfg(feature = "multipart")]
        Media::Multipart(media) => Fields::multipart(content, &media)
            .await
            .map_err(|error| broken_parts(&error, style))?,
        Media::Other(found) => return Err(style.unsupported_media_type(&found)),
    };
    match style {
        Style::OAuth if fields.repeats() => {
            Err(invalid_request("expected each field once, found one again"))
        }
        _ => Ok(fields),
    }
}

/// A password that must be there.
pub(super) fn password(fields: &Fields, name: &str) -> Result<Zeroizing<String>, Answer> {
    let value = fields.get(name).filter(|value| !value.is_number());
    match fault(value, false) {
        None => Ok(Zeroizing::new(text(fields.get(name)).to_owned())),
        Some(_) => Err(invalid_request(
            "expected the passwords that this needs, as texts",
        )),
    }
}

fn unreadable(content: &[u8], error: &serde_json::Error, style: Style) -> Answer {
    if matches!(style, Style::OAuth) {
        return invalid_request("expected a JSON object, found something else");
    }
    let parse_error = |fault: &dyn Display| {
        let detail = format!("JSON parse error - {fault}");
        detailed(StatusCode::BAD_REQUEST, &detail)
    };
    if let Some(fault) = JsonFault::of(content) {
        return parse_error(&fault);
    }
    let found = match content.iter().find(|byte| !byte.is_ascii_whitespace()) {
        // Python knows no fault in it: an escape of half a character, a number beyond all floats.
        _ if error.classify() != Category::Data => return parse_error(error),
        Some(b'[') => "list",
        Some(b'"') => "str",
        Some(b't' | b'f') => "bool",
        Some(b'n') => return non_field_error("No data provided".to_owned()),
        _ if content
            .iter()
            .any(|byte| matches!(byte, b'.' | b'e' | b'E')) =>
        {
            "float"
        }
        _ => "int",
    };
    non_field_error(format!(
        "Invalid data. Expected a dictionary, but got {found}."
    ))
}

#[cfg(feature = "multipart")]
fn broken_parts(error: &multer::Error, style: Style) -> Answer {
    if matches!(style, Style::OAuth) {
        return invalid_request(
            "expected parts of a form and their boundary, found something else",
        );
    }
    let fault = match error {
        multer::Error::NoBoundary => "Invalid boundary in multipart: None",
        // Its own words may name a field, and so repeat what was sent.
        _ => "expected whole parts between boundaries, found something else",
    };
    let detail = format!("Multipart form parse error - {fault}");
    detailed(StatusCode::BAD_REQUEST, &detail)
}

pub(super) fn non_field_error(text: String) -> Answer {
    let errors = FieldErrors {
        non_field_errors: Some([text]),
        ..FieldErrors::default()
    };
    answer::json(StatusCode::BAD_REQUEST, &errors)
}

fn invalid_request(what: &'static str) -> Answer {
    OAuthError::InvalidRequest(what).answer()
}

/// What a character field of Django REST framework says of a value. It trims all but passwords.
fn fault(value: Option<&Value>, trims: bool) -> Option<&'static str> {
    match value {
        None => Some("This field is required."),
        Some(Value::Null) => Some("This field may not be null."),
        Some(Value::Bool(_) | Value::Nested) => Some("Not a valid string."),
        Some(Value::Number(_)) => None,
        Some(Value::Text(text)) if text.contains('\0') => Some("Null characters are not allowed."),
        Some(Value::Text(text)) if text.is_empty() || (trims && stripped(text).is_empty()) => {
            Some("This field may not be blank.")
        }
        Some(Value::Text(_)) => None,
    }
}

/// Without what is white space to Python: four separators of ASCII, too.
fn stripped(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f'))
}

/// A text that need not be there; none for what is no text.
fn wish(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Bool(_) | Value::Nested) => None,
        value => Some(text(value)),
    }
}

fn text(value: Option<&Value>) -> &str {
    match value {
        Some(Value::Text(text)) => text,
        Some(Value::Number(text)) => text,
        _ => "",
    }
}
