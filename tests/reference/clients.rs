//! OAuth clients, as they come.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RefreshToken, RequestTokenError,
    ResourceOwnerPassword, ResourceOwnerUsername, Scope, TokenResponse, TokenUrl,
};

use super::{is_content, python};
use crate::support::process::serve;

#[test]
fn authlib_logs_in_refreshes_narrows_introspects_and_revokes() {
    let server = serve(&["--password-grant"]);
    is_content(&python("clients.py", &[&server.url]));
}

/// What the crate sends its requests by.
async fn transport(
    request: HttpRequest,
) -> Result<HttpResponse, hyper_util::client::legacy::Error> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.map(Full::<Bytes>::from)).await?;
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map_or(Vec::new(), |body| body.to_bytes().to_vec());
    Ok(HttpResponse::from_parts(parts, body))
}

#[tokio::test]
async fn the_oauth2_crate_logs_in_refreshes_and_is_told_of_reuse() {
    let server = serve(&["--password-grant"]);
    for way in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = BasicClient::new(ClientId::new("app".into()))
            .set_client_secret(ClientSecret::new("appsecret".into()))
            .set_auth_type(way)
            .set_token_uri(TokenUrl::new(format!("{}/oauth/token", server.url)).unwrap());
        let own = client.exchange_client_credentials();
        let own = own
            .add_scope(Scope::new("read".into()))
            .request_async(&transport)
            .await;
        assert!(own.unwrap().refresh_token().is_none());

        let (alice, password) = (
            ResourceOwnerUsername::new("alice".into()),
            ResourceOwnerPassword::new("wonderland".into()),
        );
        let first = client
            .exchange_password(&alice, &password)
            .request_async(&transport);
        let first = first.await.unwrap();
        let spent: &RefreshToken = first.refresh_token().unwrap();
        let second = client
            .exchange_refresh_token(spent)
            .request_async(&transport)
            .await;
        assert!(second.unwrap().expires_in().unwrap().as_secs() > 86_000);
        let again = client
            .exchange_refresh_token(spent)
            .request_async(&transport)
            .await;
        match again.unwrap_err() {
            RequestTokenError::ServerResponse(error) => {
                assert_eq!(error.error().to_string(), "invalid_grant");
            }
            other => panic!("expected an error of the server's, found {other}"),
        }
    }
}
