//! A process with a store in a SQLite file, which does what it reads line by line. For the tests
//! of several processes on one file.

use std::env;
use std::io::stdin;

use tower_expiring_token::{BearerToken, Lifetime, SqliteStore, TokenAuthority};

type Tokens = TokenAuthority<SqliteStore>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let path = env::args().nth(1).ok_or("expected the path of a file")?;
    SqliteStore::migrate(&path)?;
    let tokens = TokenAuthority::builder(SqliteStore::open(&path)?)
        .expiry(Lifetime::hours(24))
        .build()?;
    println!("ready");
    for line in stdin().lines() {
        let line = line?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("issue", subject) => match tokens.issue(subject).await {
                Ok(issued) => println!("{}", issued.secret()),
                Err(error) => println!("{error}"),
            },
            ("revoke", token) => println!("{:?}", tokens.revoke(&BearerToken::parse(token)?).await),
            ("check", token) => println!("{}", check(&tokens, token).await?),
            ("load", callers) => load(&tokens, callers.parse()?),
            ("fill", _) => println!("{}", fill(&tokens).await),
            _ => return Err(format!("expected something that can be done, found {line}").into()),
        }
    }
    Ok(())
}

/// The status that a request with this token is answered with.
async fn check(tokens: &Tokens, token: &str) -> Result<u16, Failure> {
    let verdict = tokens.authenticate(&BearerToken::parse(token)?).await;
    Ok(verdict.map_or_else(|rejection| rejection.status().as_u16(), |_| 200))
}

/// Logs in and out until the process is killed, and says what was acknowledged.
fn load(tokens: &Tokens, callers: usize) {
    for caller in 0..callers {
        let tokens = tokens.clone();
        tokio::spawn(async move {
            loop {
                let stays = tokens.issue(format!("user-{caller}")).await?;
                println!("in {}", stays.secret());
                let goes = tokens.issue(format!("user-{caller}")).await?;
                println!("in {}", goes.secret());
                println!("going {}", goes.secret());
                tokens.revoke(&BearerToken::parse(goes.secret())?).await?;
                println!("out {}", goes.secret());
            }
            #[expect(unreachable_code, reason = "it says the type of the errors")]
            Ok::<(), Failure>(())
        });
    }
}

/// Logs in until the disk takes no more, and says why.
async fn fill(tokens: &Tokens) -> Failure {
    loop {
        if let Err(error) = tokens.issue("alice").label("x".repeat(10_000)).await {
            return error.into();
        }
    }
}
