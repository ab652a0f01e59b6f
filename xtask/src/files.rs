//! Files and folders: atomic writes, the lock of a result folder, and where results go by default.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// Turns an I/O error into one that names the action and the path.
pub(crate) fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

/// Creates a folder and its parents.
///
/// # Errors
///
/// [`Error::File`].
pub fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(file_error("create the folder", path))
}

/// How the names of files begin that are not complete yet.
const UNFINISHED: &str = ".unfinished-";

/// Removes what a killed [`write_atomically`] left in a folder; call it with the folder's [`FolderLock`] held. What cannot be
/// removed does no harm.
pub fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes a file in one step: readers see the old content or the new one, never a part.
///
/// # Errors
///
/// [`Error::File`]; the old content then stands.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        // The default of a temporary file is private to its owner; results are as readable as any other file.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file =
        builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(file_error("create a file beside", path))?;
    file.write_all(content).and_then(|()| file.as_file().sync_data()).map_err(file_error("write", path))?;
    file.persist(path).map_err(|error| file_error("replace", path)(error.error))?;
    Ok(())
}

/// Holds a result folder against other processes until dropped; the system releases it when the process ends in any way.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of an existing folder, a file `.lock` in it.
    ///
    /// On a file system without locks there is no protection, and no error.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if another process holds it; [`Error::File`] if the folder cannot be written to.
    pub fn take(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(file_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Busy { path: folder.to_owned() });
            }
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(file_error("lock", &path)(error)),
        }
        Ok(Self { _file: file })
    }
}

/// The target folder of the workspace around the current folder: what `cargo metadata` says, else `CARGO_TARGET_DIR`, else
/// `target` in the current folder.
#[must_use]
pub fn target_folder() -> PathBuf {
    ask_cargo()
        .or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or_else(|| PathBuf::from("target"))
}

fn ask_cargo() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(PathBuf::from(metadata.get("target_directory")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atomic_write_replaces_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_kill_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".unfinished-x1", "a.csv", ".lock"] {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        remove_unfinished(folder.path());
        assert!(!folder.path().join(".unfinished-x1").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_missing_folder_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("a.csv");
        let error = write_atomically(&path, b"one").unwrap_err();
        assert!(error.to_string().contains("a.csv"), "{error}");
    }

    #[test]
    fn a_locked_folder_is_busy_until_released() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(Error::Busy { .. })));
        drop(lock);
        FolderLock::take(folder.path()).unwrap();
    }
}
