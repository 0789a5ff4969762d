//! tonic's own client, calling the standard health service.

use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

pub(crate) async fn connect(url: &str) -> HealthClient<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL");
    HealthClient::new(endpoint.connect().await.expect("a gRPC server is there"))
}

/// A question about the whole server, with this token.
pub(crate) fn question(token: Option<&str>) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().expect("ASCII");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// Asks; what the answer says beside that the server serves.
pub(crate) async fn check(url: &str, token: Option<&str>) -> Result<MetadataMap, Status> {
    let answer = connect(url).await.check(question(token)).await?;
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    Ok(answer.metadata().clone())
}
