//! The authority, as the flags want it.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{
    Drf, Lifetime, LoginMode, RotatingStore, ServerKey, Subject, SystemClock, TokenAuthority,
    TokenKind, WithPrincipals,
};

use crate::flags::{Flags, Login, Style};
use crate::metrics::Metrics;
use crate::users::Users;

/// Any of the stores.
pub(crate) type Store = Arc<dyn RotatingStore<Principal = Subject>>;
pub(crate) type Tokens = TokenAuthority<WithPrincipals<Store, Users>>;

/// The kind of tokens that are made by tokens.
pub(crate) const EXPORT: &str = "export";

pub(crate) fn build(
    flags: &Flags,
    store: Store,
    users: Users,
    metrics: Arc<Metrics>,
    clock: Option<ManualClock>,
) -> Result<Tokens, Box<dyn Error>> {
    let mut life = Lifetime::new(flags.life());
    if let Some(idle) = flags.idle {
        life = life.idle(idle);
    }
    let mut builder = TokenAuthority::builder(WithPrincipals::new(store, users))
        .expiry(life)
        .refresh(Lifetime::new(flags.refresh_lifetime))
        .refresh_grace(flags.refresh_grace)
        .events(metrics)
        .login(match flags.login {
            Login::New => LoginMode::New,
            Login::Renew => LoginMode::Renew,
            Login::ReplaceExpired => LoginMode::ReplaceExpired,
            Login::ReplaceAll => LoginMode::ReplaceAll,
        });
    builder = match clock {
        Some(clock) => builder.clock(clock),
        None => builder.clock(SystemClock).touch_behind(),
    };
    if let Some(sessions) = flags.max_tokens {
        builder = builder.limit(sessions.get());
    }
    for word in schemes(flags) {
        builder = builder.scheme(word);
    }
    let mut export = TokenKind::new(EXPORT, "exp_");
    if let Some(path) = &flags.key_file {
        let key = key(path).map_err(|error| format!("--key-file {}: {error}", path.display()))?;
        let access = TokenKind::new("access", "tet_").keyed(key.digest_key());
        export = export.keyed(key.digest_key());
        builder = builder.access(access).key(key);
    }
    let builder = builder.kind(export, Lifetime::new(flags.life()));
    Ok(builder.build()?)
}

fn schemes(flags: &Flags) -> Vec<String> {
    match (flags.scheme.is_empty(), flags.style) {
        (false, _) => flags.scheme.clone(),
        (true, Style::Drf) => vec!["Token".to_owned()],
        (true, Style::Oauth) => vec!["Bearer".to_owned()],
    }
}

/// The words of refusals in style `drf`.
pub(crate) fn drf(flags: &Flags) -> Option<Drf> {
    let recipes = matches!(flags.login, Login::Renew | Login::ReplaceExpired);
    (flags.style == Style::Drf).then(|| {
        if recipes {
            Drf::recipes()
        } else {
            Drf::stock()
        }
    })
}

/// 64 hex digits in a file that its owner alone may read.
fn key(path: &Path) -> Result<ServerKey, Box<dyn Error>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = ServerKey::random()?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path)?;
            writeln!(file, "{}", hex::encode(key.as_bytes()))?;
            return Ok(key);
        }
        Err(error) => return Err(error.into()),
    };
    let bytes = hex::decode(text.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    let bytes: [u8; 32] = bytes.ok_or("expected 64 hex digits, found something else")?;
    Ok(ServerKey::new(bytes))
}
