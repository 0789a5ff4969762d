use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, login_required};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use tower::{Layer, Service};
use tower_sessions_of_login::{MemoryStore, SessionManagerLayer};

use crate::case::{CREDENTIALS, Case, inner, now};

pub(crate) const LOGIN: &str = "axum-login 0.18, login_required!, memory store";

/// axum-login with its own `login_required!`; the users lie in memory and are cheap to clone.
pub(super) fn case() -> Case {
    let users = (0..CREDENTIALS).map(|index| User {
        id: index,
        hash: Arc::from([7; 32]),
    });
    let users = Users(users.collect());
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let manager = AuthManagerLayerBuilder::new(users.clone(), sessions).build();
    let cookies = users.0.iter().map(|user| {
        let log_in = LogIn(user.clone());
        let log_in =
            from_fn(move |session, request, next| log_in.clone().run(session, request, next));
        let mut service = manager.layer(log_in.layer(inner()));
        let Ok(response) = now(service.call(Request::default()));
        let cookie = response.headers()[SET_COOKIE]
            .to_str()
            .expect("a cookie is ASCII");
        HeaderValue::try_from(cookie.split(';').next()?).ok()
    });
    let cookies = cookies.collect();
    Case::new(
        LOGIN,
        StatusCode::OK,
        manager.layer(login_required!(Users).layer(inner())),
        COOKIE,
        cookies,
    )
}

/// A handler that logs this user in.
#[derive(Clone)]
struct LogIn(User);

impl LogIn {
    async fn run(self, mut session: AuthSession<Users>, request: Request, next: Next) -> Response {
        session.login(&self.0).await.expect("memory takes it");
        next.run(request).await
    }
}

#[derive(Clone, Debug)]
struct User {
    id: usize,
    hash: Arc<[u8]>,
}

impl AuthUser for User {
    type Id = usize;

    fn id(&self) -> usize {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.hash
    }
}

#[derive(Clone)]
struct Users(Arc<[User]>);

impl AuthnBackend for Users {
    type User = User;
    type Credentials = usize;
    type Error = Infallible;

    async fn authenticate(&self, id: usize) -> Result<Option<User>, Infallible> {
        self.get_user(&id).await
    }

    async fn get_user(&self, id: &usize) -> Result<Option<User>, Infallible> {
        Ok(self.0.get(*id).cloned())
    }
}
