//! Replaces a file as a whole: readers see all of a write or nothing.
//!
//! A rewrite goes to a temporary file beside the original and replaces it by a rename. Between the last check of the
//! original and the rename, a program that ignores our lock has microseconds in which its edit would be lost; POSIX has
//! no conditional rename. Syncline's own processes exclude each other by a lock (`flock`) on the file itself rather
//! than on one beside it, so that no lock files remain.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use syncline_engine::ports::{ConnectorError, Leave};
use tempfile::NamedTempFile;

use super::{
    error::io_error,
    read::{self, Identity},
};

const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(20);
const STALE: Duration = Duration::from_secs(3600);

/// A file that no other Syncline process can rewrite meanwhile.
pub(super) struct Locked {
    /// The file itself if the path is a symbolic link.
    pub(super) path: PathBuf,
    file: File,
    /// The file system does not support locks.
    unlocked: bool,
}

impl Locked {
    /// Waits some seconds for the lock.
    pub(super) fn acquire(path: &Path) -> Result<Locked, ConnectorError> {
        let failed = |error| io_error(path, "lock it", &error);
        let path = fs::canonicalize(path).map_err(failed)?;
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            let file = read::open(&path)?;
            let unlocked = match file.try_lock() {
                Ok(()) => false,
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => true,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(LOCK_POLL);
                    continue;
                }
                Err(TryLockError::WouldBlock) => {
                    let path = path.display();
                    let message = format!("{path}: another program holds a lock on the file; tried for 5 s");
                    return Err(ConnectorError::conflict(message));
                }
            };
            // The previous holder may have replaced the file; then this lock is on the old one.
            let now = fs::metadata(&path).map_err(failed)?;
            let held = file.metadata().map_err(failed)?;
            if (now.dev(), now.ino()) == (held.dev(), held.ino()) {
                return Ok(Locked { path, file, unlocked });
            }
        }
    }

    /// Another handle for reading the locked file. Both share one position.
    pub(super) fn reader(&self) -> Result<File, ConnectorError> {
        self.file.try_clone().map_err(|error| io_error(&self.path, "read it", &error))
    }
}

/// The file that will replace the original.
pub(super) struct Replacement {
    locked: Locked,
    output: BufWriter<NamedTempFile>,
}

impl Replacement {
    /// Creates the temporary file, with the original's owner and permissions and its first `length` bytes.
    pub(super) fn begin(locked: Locked, length: u64) -> Result<Replacement, ConnectorError> {
        remove_stale(&locked);
        let start = || -> io::Result<NamedTempFile> {
            let (folder, name) = split(&locked.path)?;
            let temp = tempfile::Builder::new()
                .prefix(&format!(".{name}.syncline-{}-", std::process::id()))
                .suffix(".tmp")
                .tempfile_in(folder)?;
            let metadata = locked.file.metadata()?;
            // Only root may change the owner; any other user who may replace the file becomes its owner.
            if fchown(temp.as_file(), Some(metadata.uid()), Some(metadata.gid())).is_err() {
                let _ = fchown(temp.as_file(), None, Some(metadata.gid()));
            }
            temp.as_file().set_permissions(metadata.permissions())?;
            Ok(temp)
        };
        let temp = start().map_err(|error| io_error(&locked.path, "write beside it", &error))?;
        let mut output = BufWriter::with_capacity(64 << 10, temp);
        // A separate handle: the caller continues to read through the shared position of the locked one.
        let copied =
            File::open(&locked.path).and_then(|original| io::copy(&mut original.take(length), &mut output));
        copied.map_err(|error| io_error(&locked.path, "copy it", &error))?;
        Ok(Replacement { locked, output })
    }

    pub(super) fn write(&mut self, text: &str) -> Result<(), ConnectorError> {
        let written = self.output.write_all(text.as_bytes());
        written.map_err(|error| io_error(&self.locked.path, "write beside it", &error))
    }

    /// Syncs everything to disk, so that a crash after the rename cannot leave an empty file.
    pub(super) fn finish(self) -> Result<Finished, ConnectorError> {
        let Replacement { locked, output } = self;
        let failed = |error: io::Error| io_error(&locked.path, "write beside it", &error);
        let temp = output.into_inner().map_err(|error| failed(error.into_error()))?;
        temp.as_file().sync_all().map_err(failed)?;
        Ok(Finished { temp, locked })
    }
}

/// A complete replacement, ready for the rename.
pub(super) struct Finished {
    temp: NamedTempFile,
    locked: Locked,
}

/// The result of the rename.
pub(super) enum Replaced {
    /// The file was replaced; this is the new file's identity.
    Done(Identity),
    /// The original was edited since `began`; nothing happened.
    Edited,
}

impl Finished {
    /// Replaces the original if it is unchanged since `began` was taken and there is leave to write.
    pub(super) fn rename(self, began: Identity, leave: &dyn Leave) -> Result<Replaced, ConnectorError> {
        let Finished { temp, locked } = self;
        if Identity::at(&locked.path)? != began {
            return Ok(Replaced::Edited);
        }
        leave.check()?;
        let file = match temp.persist(&locked.path) {
            Ok(file) => file,
            Err(error) => return Err(io_error(&locked.path, "replace it", &error.error)),
        };
        // The rename has happened, so a failure from here on must not count as one of the write.
        if let Err(error) = sync_folder(&locked.path) {
            tracing::warn!(path = %locked.path.display(), %error, "the folder could not be brought to the disk");
        }
        match file.metadata() {
            Ok(metadata) => Ok(Replaced::Done(Identity::of(&metadata))),
            Err(_) => Ok(Replaced::Done(began)),
        }
    }
}

fn split(path: &Path) -> io::Result<(&Path, String)> {
    let missing = || io::Error::from(io::ErrorKind::InvalidFilename);
    let folder = path.parent().ok_or_else(missing)?;
    Ok((folder, path.file_name().ok_or_else(missing)?.to_string_lossy().into_owned()))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(split(path)?.0)?.sync_all()
}

/// Removes the temporary files of killed processes. While we hold the lock, every temporary file of this name is one;
/// without locks only its age shows that.
fn remove_stale(locked: &Locked) {
    let Ok((folder, name)) = split(&locked.path) else { return };
    let prefix = format!(".{name}.syncline-");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(&prefix) || !name.ends_with(".tmp") {
            continue;
        }
        let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|at| at.elapsed());
        if !locked.unlocked || matches!(age, Ok(Ok(age)) if age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use syncline_engine::ports::{ErrorKind, Stopped};

    use super::*;

    struct Given(Result<(), Stopped>);

    impl Leave for Given {
        fn check(&self) -> Result<(), Stopped> {
            self.0
        }

        fn remaining(&self) -> std::time::Duration {
            std::time::Duration::from_secs(30)
        }
    }

    fn prepared(path: &Path) -> (Identity, Finished) {
        fs::write(path, "id,title\n1,ours\n").unwrap();
        let locked = Locked::acquire(path).unwrap();
        let began = Identity::at(path).unwrap();
        let mut replacement = Replacement::begin(locked, 9).unwrap();
        replacement.write("2,new\n").unwrap();
        (began, replacement.finish().unwrap())
    }

    #[test]
    fn takes_the_place_of_the_original() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let (began, finished) = prepared(&path);
        let Replaced::Done(identity) = finished.rename(began, &Given(Ok(()))).unwrap() else {
            panic!("edited")
        };
        assert_eq!(fs::read_to_string(&path).unwrap(), "id,title\n2,new\n");
        assert_eq!(identity, Identity::at(&path).unwrap());
    }

    #[test]
    fn an_edit_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let (began, finished) = prepared(&path);
        fs::write(&path, "id,title\n1,theirs\n").unwrap();
        assert!(matches!(finished.rename(began, &Given(Ok(()))).unwrap(), Replaced::Edited));
        assert_eq!(fs::read_to_string(&path).unwrap(), "id,title\n1,theirs\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is gone");
    }

    #[test]
    fn without_leave_nothing_happens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let (began, finished) = prepared(&path);
        let error = finished.rename(began, &Given(Err(Stopped::Cancelled))).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Stopped(Stopped::Cancelled));
        assert_eq!(fs::read_to_string(&path).unwrap(), "id,title\n1,ours\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
