//! One program for one person: whoever starts it again gets the window that is there already, and a file opened that
//! way is opened there. Two programs with one set of databases would spoil the keys of encrypted messages.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

/// Somebody has started the program again, perhaps with a file to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub file: Option<PathBuf>,
}

/// This program is the one, until this is dropped.
pub struct Instance {
    _lock: File,
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Instance {
    /// Becomes the one that uses this folder. `None` when another one does: it has been called.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn begin(folder: &Path, file: Option<&Path>) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("running"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                if let Err(error) = socket::call(folder, file) {
                    tracing::warn!(%error, "the program that is open does not answer");
                }
                return Ok(None);
            }
            // Some file systems have no locks.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "the program can be started twice");
            }
        }
        let (sender, calls) = mpsc::unbounded_channel();
        if let Err(error) = socket::listen(folder, sender) {
            tracing::warn!(%error, "the program will not notice that it is started again");
        }
        Ok(Some(Self { _lock: lock, calls }))
    }

    /// The next call. Waits for ever where there can be none.
    pub async fn called(&mut self) -> Call {
        match self.calls.recv().await {
            Some(call) => call,
            None => std::future::pending().await,
        }
    }
}

mod socket {
    use std::{
        io::{self, Read as _, Write as _},
        path::{self, Path, PathBuf},
        thread,
    };

    use interprocess::local_socket::{
        GenericFilePath, Listener, ListenerOptions, Name, Stream, prelude::*,
    };
    use sha2::{Digest as _, Sha256};
    use tokio::sync::mpsc;

    use super::Call;

    /// Longer than any path.
    const LONGEST: u64 = 8192;

    pub(super) fn listen(folder: &Path, calls: mpsc::UnboundedSender<Call>) -> io::Result<()> {
        // What a program that was killed has left is in the way of nobody: the lock is ours.
        let options = ListenerOptions::new().name(name(folder)?);
        let listener: Listener = options.try_overwrite(true).create_sync()?;
        let answer = move || {
            for stream in listener.incoming() {
                match stream.and_then(read) {
                    Ok(call) => {
                        if calls.send(call).is_err() {
                            return;
                        }
                    }
                    Err(error) => tracing::debug!(%error, "a call was not understood"),
                }
            }
        };
        thread::Builder::new().name("calls".into()).spawn(answer)?;
        Ok(())
    }

    fn read(stream: Stream) -> io::Result<Call> {
        let mut path = String::new();
        stream.take(LONGEST).read_to_string(&mut path)?;
        let file = (!path.is_empty()).then(|| path.into());
        Ok(Call { file })
    }

    pub(super) fn call(folder: &Path, file: Option<&Path>) -> io::Result<()> {
        let mut stream = Stream::connect(name(folder)?)?;
        if let Some(file) = file {
            stream.write_all(path::absolute(file)?.to_string_lossy().as_bytes())?;
        }
        Ok(())
    }

    /// A file of the folder; on Windows, where such files are none, a pipe with a name made of the folder's.
    fn name(folder: &Path) -> io::Result<Name<'static>> {
        let name = if cfg!(windows) {
            let folder = path::absolute(folder)?;
            let hash = Sha256::digest(folder.as_os_str().as_encoded_bytes());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            PathBuf::from(format!(r"\\.\pipe\fialka-{hash}"))
        } else {
            folder.join("running.socket")
        };
        name.to_fs_name::<GenericFilePath>()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use super::{Call, Instance};

    #[tokio::test]
    async fn the_second_program_calls_the_first_and_the_first_can_be_followed_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Instance::begin(folder.path(), None).unwrap().unwrap();
        let file = Path::new("/media/usb/academy.fialka");
        assert!(
            Instance::begin(folder.path(), Some(file))
                .unwrap()
                .is_none()
        );
        let file = Some(file.to_owned());
        assert_eq!(first.called().await, Call { file });
        assert!(Instance::begin(folder.path(), None).unwrap().is_none());
        assert_eq!(first.called().await, Call { file: None });
        drop(first);
        assert!(Instance::begin(folder.path(), None).unwrap().is_some());
    }
}
