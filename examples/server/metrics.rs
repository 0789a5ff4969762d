//! Counts what happens, for Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use tower_expiring_token::{Event, Events, TracingEvents};

/// Counters of events, which are logged too.
#[derive(Default)]
pub(crate) struct Metrics {
    issued: AtomicU64,
    refreshed: AtomicU64,
    refused: AtomicU64,
    login_failed: AtomicU64,
    login_throttled: AtomicU64,
    client_refused: AtomicU64,
    revoked: AtomicU64,
    reuse_detected: AtomicU64,
    purged: AtomicU64,
}

impl Metrics {
    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        let counters = [
            ("issued", &self.issued, "Tokens issued."),
            ("refreshed", &self.refreshed, "Refresh tokens used."),
            ("refused", &self.refused, "Requests refused."),
            ("login_failed", &self.login_failed, "Logins that failed."),
            (
                "login_throttled",
                &self.login_throttled,
                "Logins turned away before their password was looked at.",
            ),
            (
                "client_refused",
                &self.client_refused,
                "Clients refused at OAuth endpoints.",
            ),
            ("revoked", &self.revoked, "Tokens ended before their time."),
            (
                "reuse_detected",
                &self.reuse_detected,
                "Spent refresh tokens seen again.",
            ),
            ("purged", &self.purged, "Records of dead tokens removed."),
        ];
        let mut text = String::new();
        for (name, counter, help) in counters {
            let value = counter.load(Ordering::Relaxed);
            let name = format!("token_{name}_total");
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}"
            );
        }
        text
    }
}

impl Events for Metrics {
    fn event(&self, event: &Event<'_>) {
        TracingEvents.event(event);
        let (counter, by) = match event {
            Event::Issued(_) | Event::SteppedUp(_) | Event::Delegated(_) => (&self.issued, 1),
            Event::Refreshed(_) => (&self.refreshed, 1),
            Event::Refused { .. } | Event::RefreshRefused { .. } => (&self.refused, 1),
            Event::LoginFailed { .. } => (&self.login_failed, 1),
            Event::LoginThrottled { .. } => (&self.login_throttled, 1),
            Event::ClientRefused { .. } => (&self.client_refused, 1),
            Event::Revoked { tokens, .. } => (&self.revoked, *tokens),
            Event::ReuseDetected(_) => (&self.reuse_detected, 1),
            Event::Purged { tokens } => (&self.purged, *tokens),
            _ => return,
        };
        counter.fetch_add(by, Ordering::Relaxed);
    }
}
