//! Between a node and its store: what tells the node of changes goes through here, and can be cut
//! or fall silent.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::select;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{Receiver, Sender};

/// What a connection says that listens from then on.
const LISTENS: [&[u8]; 2] = [b"LISTEN", b"TRACKING"];

/// Tells all connections that listen what becomes of them. Others are left alone.
pub(super) struct Channel(Arc<Sender<State>>);

#[derive(Clone, Copy, Default)]
struct State {
    cuts: usize,
    is_silent: bool,
}

impl Channel {
    /// Ends what listens. It may connect again.
    pub(super) fn cut(&self) {
        self.0.send_modify(|state| state.cuts += 1);
    }

    /// Whether what listens hears nothing from now on, and is not told so.
    pub(super) fn be_silent(&self, is_silent: bool) {
        self.0.send_modify(|state| state.is_silent = is_silent);
    }
}

/// Starts one before a server on this machine. The URL that leads through it.
pub(super) async fn start(url: &str) -> (String, Channel) {
    let (before, rest) = url.split_once("127.0.0.1:").expect("a server on loopback");
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let port: u16 = rest[..digits].parse().expect("a port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let own = listener.local_addr().expect("it is bound").port();
    let through = format!("{before}127.0.0.1:{own}{}", &rest[digits..]);
    let states = Arc::new(Sender::default());
    let channel = Channel(Arc::clone(&states));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                tokio::spawn(pass(client, server, states.subscribe()));
            }
        }
    });
    (through, channel)
}

/// Passes on what both say, until one of them ends or the channel is cut.
async fn pass(client: TcpStream, server: TcpStream, mut states: Receiver<State>) {
    for end in [&client, &server] {
        end.set_nodelay(true).expect("every socket can");
    }
    let listens = AtomicBool::new(false);
    let mut heard = states.clone();
    let before = states.borrow().cuts;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let questions = async {
        let mut buffer = vec![0; 16_384];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            let said = &buffer[..length];
            let is_one = |word: &[u8]| said.windows(word.len()).any(|part| part == word);
            listens.fetch_or(LISTENS.into_iter().any(is_one), Ordering::Relaxed);
            if to_server.write_all(said).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        let mut buffer = vec![0; 16_384];
        while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
            let speaks = |state: &State| !(state.is_silent && listens.load(Ordering::Relaxed));
            if heard.wait_for(speaks).await.is_err()
                || to_client.write_all(&buffer[..length]).await.is_err()
            {
                return;
            }
        }
    };
    let is_cut = |state: &State| state.cuts != before && listens.load(Ordering::Relaxed);
    let cut = async { drop(states.wait_for(is_cut).await) };
    select(pin!(cut), select(pin!(questions), pin!(answers))).await;
}
