//! Keep-alive HTTP/1.1 clients on one thread: each sends the same bytes again as soon as it has the
//! response, and looks at no more of that than its length, so that the server has most to do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// Connections, each with its own token.
pub(super) struct Clients {
    runtime: Runtime,
    all: Vec<Client>,
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    /// How long each response is: all are alike.
    response: usize,
}

impl Clients {
    pub(super) fn connect(server: SocketAddr, tokens: &[String]) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be had");
        let connect = tokens.iter().map(|token| Client::connect(server, token));
        let all = runtime.block_on(join_all(connect));
        Self { runtime, all }
    }

    /// Asks on all connections for so long, one request at a time on each. Responses a second.
    pub(super) fn ask_for(&mut self, long: Duration) -> f64 {
        let begun = Instant::now();
        let until = begun + long;
        let ask = self.all.iter_mut().map(|client| client.ask_until(until));
        let ask = join(join_all(ask), stay_awake(until));
        let (responses, ()) = self.runtime.block_on(ask);
        f64::from(responses.into_iter().sum::<u32>()) / begun.elapsed().as_secs_f64()
    }
}

/// A client that sleeps is woken at the server's cost, the more often the slower the server is.
async fn stay_awake(until: Instant) {
    while Instant::now() < until {
        yield_now().await;
    }
}

impl Client {
    /// Connects, and learns from one response what they are like.
    async fn connect(server: SocketAddr, token: &str) -> Self {
        let mut stream = TcpStream::connect(server).await.expect("it listens");
        stream.set_nodelay(true).expect("it is connected");
        let request =
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        let request = request.into_bytes();
        stream.write_all(&request).await.expect("the server reads");
        let mut response = [0; 1024];
        let length = stream.read(&mut response).await.expect("it answers");
        let response = &response[..length];
        assert!(response.starts_with(b"HTTP/1.1 200 ") && response.ends_with(b"\r\n\r\nwelcome"));
        Self {
            stream,
            request,
            response: length,
        }
    }

    /// How many responses came.
    async fn ask_until(&mut self, until: Instant) -> u32 {
        let mut response = [0; 1024];
        let mut responses = 0;
        while Instant::now() < until {
            let written = self.stream.write_all(&self.request).await;
            written.expect("the server reads");
            let read = self.stream.read(&mut response).await;
            let length = read.expect("the server answers");
            assert_eq!(
                length, self.response,
                "each is alike, and comes in one piece"
            );
            responses += 1;
        }
        responses
    }
}
