//! What the command line says, and what is wrong with it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// A reference server: every capability of the crate behind a flag.
#[derive(Debug, Parser)]
#[command(name = "server")]
pub(crate) struct Flags {
    /// Where to listen; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// `memory`, `sqlite:PATH`, `postgres://…`, `redis://…`.
    #[arg(long, default_value = "memory")]
    pub(crate) store: StoreUrl,
    /// The life of a token, such as `24h`.
    #[arg(long, default_value = "24h", value_parser = some_time)]
    pub(crate) lifetime: Duration,
    /// A token that is not used for this long dies.
    #[arg(long, value_parser = some_time)]
    pub(crate) idle: Option<Duration>,
    /// With `--idle`: the life, instead of `--lifetime`.
    #[arg(long, requires = "idle", value_parser = some_time)]
    pub(crate) cap: Option<Duration>,
    /// What a login does to the tokens that are there.
    #[arg(long, value_enum, default_value = "new")]
    pub(crate) login: Login,
    /// A scheme word that clients may send; repeatable, the first one first.
    #[arg(long)]
    pub(crate) scheme: Vec<String>,
    /// Whose words are spoken.
    #[arg(long, value_enum, default_value = "oauth")]
    pub(crate) style: Style,
    /// A token that arrives in clear is refused and revoked at once.
    #[arg(long)]
    pub(crate) require_https: bool,
    /// Believe `X-Forwarded-Proto` and the last of `X-Forwarded-For`.
    #[arg(long)]
    pub(crate) trust_forwarded: bool,
    /// Live sessions per user; the least recently used one goes.
    #[arg(long)]
    pub(crate) max_tokens: Option<NonZeroUsize>,
    /// Look-ups may be this old, at most 30s.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) cache: Option<Duration>,
    /// Tell clients whose token ends within this time, by `token-expires-in`.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(crate) announce_expiry: Option<Duration>,
    /// Serve the grant `password`, which RFC 9700 forbids.
    #[arg(long)]
    pub(crate) password_grant: bool,
    /// Who shows a token with this scope may introspect, too.
    #[arg(long)]
    pub(crate) introspection_scope: Option<String>,
    /// The life of a refresh token.
    #[arg(long, default_value = "30d", value_parser = some_time)]
    pub(crate) refresh_lifetime: Duration,
    /// For how long a retried refresh is told the same again, at most 60s.
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) refresh_grace: Duration,
    /// How often dead tokens are removed.
    #[arg(long, default_value = "1h", value_parser = some_time)]
    pub(crate) purge_every: Duration,
    /// The server key; made, if the file is missing.
    #[arg(long)]
    pub(crate) key_file: Option<PathBuf>,
    /// Time stands still but for `POST /clock/advance`.
    #[arg(long)]
    pub(crate) manual_clock: bool,
}

/// Which store, and where it is.
#[derive(Clone, Debug)]
pub(crate) enum StoreUrl {
    Memory,
    /// The path of a file.
    Sqlite(String),
    Postgres(String),
    Redis(String),
}

impl FromStr for StoreUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        match url.split_once(':') {
            None if url == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.to_owned())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(url.to_owned())),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(url.to_owned())),
            _ => Err("expected memory, sqlite:PATH, postgres://… or redis://…"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Login {
    New,
    Renew,
    ReplaceExpired,
    ReplaceAll,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Style {
    Oauth,
    Drf,
}

const OLDEST_CACHE: Duration = Duration::from_secs(30);

impl Flags {
    /// Reads them, or says in one line what is wrong.
    pub(crate) fn read() -> Result<Self, String> {
        let flags = match Self::try_parse() {
            Ok(flags) => flags,
            Err(error) if error.use_stderr() => {
                let text = error.to_string();
                let lines = text.lines().take_while(|line| !line.is_empty());
                let words: Vec<&str> = lines.map(str::trim).collect();
                return Err(words.join(" ").trim_start_matches("error: ").to_owned());
            }
            // `--help` is no error.
            Err(help) => help.exit(),
        };
        flags.check()?;
        Ok(flags)
    }

    /// The life of a token.
    pub(crate) fn life(&self) -> Duration {
        self.cap.unwrap_or(self.lifetime)
    }

    /// Says on stderr what they do not do.
    pub(crate) fn warn(&self) {
        if self.key_file.is_none() {
            eprintln!(
                "no --key-file: refresh tokens and those of --login renew are good in this process only"
            );
        }
        if self.cache.is_some() && matches!(self.store, StoreUrl::Memory | StoreUrl::Sqlite(_)) {
            eprintln!("--cache has no effect with a store that answers as fast as a cache");
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Some(idle) = self.idle.filter(|idle| *idle >= self.life()) {
            return Err(format!(
                "--idle: expected less than the life of {:?}, found {idle:?}; shorten it",
                self.life()
            ));
        }
        if let Some(age) = self
            .cache
            .filter(|age| *age > OLDEST_CACHE || age.is_zero())
        {
            return Err(format!(
                "--cache: expected more than nothing and at most {OLDEST_CACHE:?}, found {age:?}"
            ));
        }
        Ok(())
    }
}

/// Parses a time that is not nothing.
fn some_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err("expected more than nothing".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
