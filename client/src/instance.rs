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

#[cfg(unix)]
mod socket {
    use std::{
        ffi::OsString,
        fs,
        io::{self, Read as _, Write as _},
        os::unix::{
            ffi::{OsStrExt as _, OsStringExt as _},
            net::{UnixListener, UnixStream},
        },
        path::{self, Path},
        thread,
        time::Duration,
    };

    use tokio::sync::mpsc;

    use super::Call;

    const NAME: &str = "running.socket";
    const PATIENCE: Duration = Duration::from_secs(2);
    /// Longer than any path.
    const LONGEST: u64 = 8192;

    pub(super) fn listen(folder: &Path, calls: mpsc::UnboundedSender<Call>) -> io::Result<()> {
        let name = folder.join(NAME);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(name)?;
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

    fn read(stream: UnixStream) -> io::Result<Call> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut path = Vec::new();
        stream.take(LONGEST).read_to_end(&mut path)?;
        let file = (!path.is_empty()).then(|| OsString::from_vec(path).into());
        Ok(Call { file })
    }

    pub(super) fn call(folder: &Path, file: Option<&Path>) -> io::Result<()> {
        let mut stream = UnixStream::connect(folder.join(NAME))?;
        if let Some(file) = file {
            stream.write_all(path::absolute(file)?.as_os_str().as_bytes())?;
        }
        Ok(())
    }
}

/// Elsewhere the second program only ends.
#[cfg(not(unix))]
mod socket {
    use std::{io, path::Path};

    use tokio::sync::mpsc;

    use super::Call;

    pub(super) fn listen(_: &Path, _: mpsc::UnboundedSender<Call>) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn call(_: &Path, _: Option<&Path>) -> io::Result<()> {
        Ok(())
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
