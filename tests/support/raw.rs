//! Raw bytes on a socket of their own, so that what no client would send is sent too.

use std::net::SocketAddr;
use std::time::Duration;

use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// What a server answers to these bytes until it closes; none, if that is nothing.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Option<Response<Vec<u8>>> {
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the server is there");
    let (mut reader, mut writer) = stream.split();
    let mut heard = Vec::new();
    let talk = async {
        // The server may answer and close while this still sends: what counts is what is heard.
        let _ = tokio::join!(writer.write_all(request), reader.read_to_end(&mut heard));
    };
    timeout(PATIENCE, talk)
        .await
        .expect("an answer, or the connection's end");
    (!heard.is_empty()).then(|| read(&heard))
}

fn read(bytes: &[u8]) -> Response<Vec<u8>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        other => panic!(
            "expected a response, found {other:?} in {}",
            bytes.escape_ascii()
        ),
    };
    let mut response = Response::builder().status(head.code.expect("it is complete"));
    for field in head.headers {
        response = response.header(field.name, field.value);
    }
    response
        .body(bytes[length..].to_vec())
        .expect("is a response")
}
