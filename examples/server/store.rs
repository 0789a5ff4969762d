//! The store that a URL names.

use std::error::Error;
use std::sync::Arc;

use tower_expiring_token::MemoryStore;

use crate::flags::Flags;
use crate::tokens::Store;

/// Opens it, and makes or migrates its tables.
pub(crate) async fn open(flags: &Flags) -> Result<Store, Box<dyn Error>> {
    let url = flags.store.as_str();
    match url {
        "memory" => {
            has_no_cache(flags, url);
            Ok(Arc::new(MemoryStore::new()))
        }
        _ => Err(format!("--store: expected memory, found {url}").into()),
    }
}

fn has_no_cache(flags: &Flags, store: &str) {
    if flags.cache.is_some() {
        eprintln!("--cache has no effect with {store}, which is as fast as a cache");
    }
}
