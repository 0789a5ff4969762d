//! The file as it was when it was opened.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Tells whether the file that was opened is still the one at its path: what is written to one that
/// was removed or replaced is lost with its last connection, and SQLite says nothing of it.
pub(super) struct File {
    path: PathBuf,
    identity: Identity,
}

#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

impl File {
    /// The file at this path, wherever the process goes from here.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let identity = identity(&path)?;
        Ok(Self { path, identity })
    }

    /// # Errors
    ///
    /// When it is no longer there.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let found = match identity(&self.path) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Ok(_) => "another one in its place",
            Err(error) if error.kind() == ErrorKind::NotFound => "none",
            // That says nothing of the file.
            Err(_) => return Ok(()),
        };
        let path = self.path.display();
        Err(StoreError::new(format!(
            "{path}: expected the file that was opened, found {found}: put it back, or open the \
             store anew; nothing is written meanwhile"
        )))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;

    let file = path.metadata()?;
    Ok((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    path.metadata().map(drop)
}
