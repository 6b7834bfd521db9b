//! Opening a file that cannot be outside of a folder, whatever is exchanged meanwhile.
//!
//! A path that is checked and then opened by name can lead elsewhere by then. Here every folder on
//! the way is opened from the one before, and no link is followed: what is opened lies beneath the
//! folder that was opened first. (The way of openat(2)'s notes, and of the crate `cap-std`.)

use std::fs::File;
use std::io;
use std::path::Path;

/// A folder that is held open.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct OpenFolder {
    folder: rustix::fd::OwnedFd,
}

/// A folder by its name: the standard library opens nothing from an open folder here.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct OpenFolder {
    path: std::path::PathBuf,
}

#[cfg(not(unix))]
impl OpenFolder {
    /// The folder at a path with links followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned() })
    }

    /// Opens the file at `inside`, and looks again where its path leads: what was exchanged and is
    /// not exchanged back before that is noticed.
    pub(crate) fn open_beneath(&self, inside: &Path) -> io::Result<File> {
        let path = self.path.join(inside);
        let file = File::open(&path)?;
        if std::fs::canonicalize(&path)? == path {
            Ok(file)
        } else {
            Err(io::Error::other("it was exchanged while it was opened"))
        }
    }
}

#[cfg(unix)]
impl OpenFolder {
    /// Opens a folder, links followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { folder: rustix::fs::open(path, folder_flags(), rustix::fs::Mode::empty())? })
    }

    /// Opens the file at `inside`, a path relative to this folder with names alone, at once: a pipe
    /// is not waited for. What is there may be any kind of file.
    pub(crate) fn open_beneath(&self, inside: &Path) -> io::Result<File> {
        use std::path::Component;

        use rustix::fs::{Mode, OFlags, openat};

        let mut names = Vec::new();
        for component in inside.components() {
            match component {
                Component::Normal(name) => names.push(name),
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            }
        }
        let Some((file, folders)) = names.split_last() else {
            return Err(io::ErrorKind::IsADirectory.into());
        };
        let mut opened = None;
        for name in folders {
            let from = opened.as_ref().unwrap_or(&self.folder);
            opened = Some(openat(from, *name, folder_flags() | OFlags::NOFOLLOW, Mode::empty())?);
        }
        let from = opened.as_ref().unwrap_or(&self.folder);
        let flags = crate::open::AT_ONCE | OFlags::NOFOLLOW;
        Ok(openat(from, *file, flags, Mode::empty())?.into())
    }
}

/// A folder that is only passed through need not be readable.
#[cfg(unix)]
fn folder_flags() -> rustix::fs::OFlags {
    use rustix::fs::OFlags;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let through = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let through = OFlags::RDONLY;
    through | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_lies_beneath_without_links_is_opened() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::create_dir_all(path("root/a/b")).unwrap();
        fs::write(path("root/a/b/x"), "inside").unwrap();
        fs::write(path("secret"), "outside").unwrap();
        symlink(path("secret"), path("root/a/link")).unwrap();
        symlink(place.path(), path("root/a/up")).unwrap();
        let root = OpenFolder::open(&path("root")).unwrap();
        let mut text = String::new();
        root.open_beneath(Path::new("a/b/x")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        for name in ["a/link", "a/up/secret", "../secret", "/etc/passwd", "a/../../secret", ""] {
            assert!(root.open_beneath(Path::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_folder_that_was_renamed_is_still_the_one_that_was_opened() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for (folder, text) in [("root", "first"), ("other", "second")] {
            fs::create_dir(path(folder)).unwrap();
            fs::write(path(folder).join("x"), text).unwrap();
        }
        let root = OpenFolder::open(&path("root")).unwrap();
        fs::rename(path("root"), path("moved")).unwrap();
        symlink(path("other"), path("root")).unwrap();
        let mut text = String::new();
        root.open_beneath(Path::new("x")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "first");
    }
}
