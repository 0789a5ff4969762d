//! A network between a store and its server that forgets connections: what passes on them is lost,
//! and neither end hears of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Network {
    address: SocketAddr,
    /// How often connections were forgotten.
    forgotten: Arc<AtomicUsize>,
}

impl Network {
    /// Leads to this port.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it has one");
        let forgotten = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&forgotten);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let counter = Arc::clone(&counter);
                let born = counter.load(Ordering::Relaxed);
                let lost = move || counter.load(Ordering::Relaxed) > born;
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(near_in, far_out, lost.clone()));
                tokio::spawn(carry(far_in, near_out, lost));
            }
        });
        Self { address, forgotten }
    }

    /// Where it is.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// From here on, what passes on the connections that there are is lost.
    pub(crate) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    lost: impl Fn() -> bool,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !lost() && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
