//! From the path in a cell to the bytes of a file inside the media root.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_core::CellRef;
use sensorium_core::text::shown_up_to;

use crate::TableError;
use crate::beneath::OpenFolder;
use crate::open::size_of_file;

/// Where paths start (the table's folder, else the root), and which folder they may not leave; both
/// with links followed.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    folder: PathBuf,
    root: PathBuf,
    open_root: Arc<OpenFolder>,
}

impl Folders {
    /// Paths start at `folder` and stay inside `root`.
    pub(crate) fn new(folder: &Path, root: &Path) -> Result<Self, TableError> {
        let (folder, root) = (canonical_folder(folder)?, canonical_folder(root)?);
        let open_root = OpenFolder::open(&root)
            .map_err(|source| TableError::MediaRoot { path: root.clone(), source })?;
        Ok(Self { folder, root, open_root: Arc::new(open_root) })
    }

    /// Where a path leads with links followed: beside the table, or in the media root where it is
    /// there alone. An error is about the path beside the table.
    fn canonical(&self, path: &str) -> io::Result<PathBuf> {
        fs::canonicalize(self.folder.join(path)).or_else(|error| {
            if self.folder == self.root {
                return Err(error);
            }
            fs::canonicalize(self.root.join(path)).map_err(|_| error)
        })
    }
}

fn canonical_folder(path: &Path) -> Result<PathBuf, TableError> {
    // The parent of `table.csv` is the empty path, which names no folder to the system.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let refuse = |source| TableError::MediaRoot { path: path.to_owned(), source };
    let canonical = fs::canonicalize(path).map_err(refuse)?;
    if canonical.is_dir() {
        Ok(canonical)
    } else {
        Err(refuse(io::ErrorKind::NotADirectory.into()))
    }
}

/// Reads the file that a cell names.
pub(crate) fn read(
    folders: &Folders,
    at: &CellRef,
    path: &str,
    max_bytes: u64,
) -> Result<Vec<u8>, TableError> {
    let inside = resolve(folders, at, path)?;
    let failed = |source| TableError::MediaRead { at: at.clone(), got: shown(path), source };
    let file = folders.open_root.open_beneath(&inside).map_err(failed)?;
    let size = size_of_file(&file.metadata().map_err(failed)?);
    let size = size.map_err(|kind| not_file(at, path, kind))?;
    check_size(at, || format!("names `{}`, a file", shown(path)), size, max_bytes)?;

    // A file that grows meanwhile is still not read further than allowed.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(max_bytes).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.is_empty() {
        let got = format!("names `{}`, which is empty", shown(path));
        return Err(TableError::MediaEmpty { at: at.clone(), got });
    }
    Ok(bytes)
}

/// Checks the size of bytes that a cell holds itself.
pub(crate) fn check_embedded(at: &CellRef, bytes: u64, max_bytes: u64) -> Result<(), TableError> {
    if bytes == 0 {
        let got = "holds a file without content".to_owned();
        return Err(TableError::MediaEmpty { at: at.clone(), got });
    }
    check_size(at, || "holds a file".to_owned(), bytes, max_bytes)
}

fn check_size(
    at: &CellRef,
    got: impl Fn() -> String,
    bytes: u64,
    max_bytes: u64,
) -> Result<(), TableError> {
    if bytes > max_bytes {
        return Err(TableError::MediaTooLarge { at: at.clone(), got: got(), bytes, max_bytes });
    }
    Ok(())
}

/// Where a path leads inside the media root once every link is followed.
///
/// What lies there when it is opened can be another file by then, but none outside.
fn resolve(folders: &Folders, at: &CellRef, path: &str) -> Result<PathBuf, TableError> {
    let resolved = folders.canonical(path).map_err(|source| {
        let (at, got) = (at.clone(), shown(path));
        match source.kind() {
            io::ErrorKind::NotFound => {
                let sought = folders.folder.join(path);
                TableError::MediaNotFound { at, got, sought }
            }
            _ => TableError::MediaRead { at, got, source },
        }
    })?;
    match resolved.strip_prefix(&folders.root) {
        Ok(inside) if inside.as_os_str().is_empty() => Err(not_file(at, path, "a folder")),
        Ok(inside) => Ok(inside.to_owned()),
        Err(_) => {
            let (resolved, root) = (resolved.into(), folders.root.as_path().into());
            Err(TableError::OutsideMediaRoot { at: at.clone(), got: shown(path), resolved, root })
        }
    }
}

fn not_file(at: &CellRef, path: &str, kind: &'static str) -> TableError {
    TableError::MediaNotFile { at: at.clone(), got: shown(path), kind }
}

/// A path short enough for a message: a cell may hold a whole document instead of a path.
fn shown(path: &str) -> String {
    shown_up_to(path, 200).into_owned()
}

#[cfg(test)]
mod tests {
    use sensorium_core::{ColumnName, Hint};

    use super::*;

    /// `outside.png`, and the folder `root` with `a.png`, `empty.png`, `folder` and `table`.
    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            for name in ["root/folder", "root/table"] {
                fs::create_dir_all(folder.path().join(name)).unwrap();
            }
            for (name, content) in
                [("outside.png", "secret"), ("root/a.png", "a"), ("root/empty.png", "")]
            {
                fs::write(folder.path().join(name), content).unwrap();
            }
            Self { folder }
        }

        fn path(&self, name: &str) -> String {
            let folder = fs::canonicalize(self.folder.path()).unwrap();
            folder.join(name).to_str().unwrap().to_owned()
        }

        /// Reads `path` from a table in `root/table`.
        fn read(&self, path: &str) -> Result<Vec<u8>, TableError> {
            let root = self.folder.path().join("root");
            let folders = Folders::new(&root.join("table"), &root).unwrap();
            let at = CellRef::new(2, &ColumnName::from("photo"));
            read(&folders, &at, path, 5)
        }

        fn refusal(&self, path: &str) -> String {
            let error = self.read(path).unwrap_err();
            assert!(error.hint().unwrap().contains("--media-root"), "{error}");
            error.to_string()
        }
    }

    #[test]
    fn a_path_is_relative_to_the_table_or_absolute() {
        let place = Place::new();
        assert_eq!(place.read("../a.png").unwrap(), b"a");
        assert_eq!(place.read(&place.path("root/a.png")).unwrap(), b"a");
    }

    #[test]
    fn a_path_may_not_leave_the_media_root() {
        let place = Place::new();
        let (outside, root) = (place.path("outside.png"), place.path("root"));
        for got in ["../../outside.png", outside.as_str()] {
            let expected = format!(
                "row 3 of column `photo` names `{got}`, which is `{outside}`, but a path inside \
                 the media root `{root}` was expected"
            );
            assert_eq!(place.refusal(got), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_may_not_leave_the_media_root_and_one_inside_may_stay() {
        let place = Place::new();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(place.path(to), place.path(name)).unwrap();
        };
        link("outside.png", "root/table/out.png");
        link("root/a.png", "root/table/in.png");
        assert_eq!(place.read("in.png").unwrap(), b"a");
        assert!(place.refusal("out.png").contains("but a path inside the media root"));
    }

    #[test]
    fn a_folder_with_the_roots_name_as_its_start_is_outside() {
        let place = Place::new();
        fs::create_dir(place.path("root2")).unwrap();
        fs::write(place.path("root2/a.png"), "a").unwrap();
        assert!(place.refusal("../../root2/a.png").contains("but a path inside the media root"));
    }

    #[test]
    fn each_way_of_not_being_a_file_is_named() {
        let place = Place::new();
        let sought = place.path("root/table/b.png");
        assert_eq!(
            place.refusal("b.png"),
            format!("row 3 of column `photo` names `b.png`, but there is no file `{sought}`")
        );
        assert_eq!(
            place.refusal("../folder"),
            "row 3 of column `photo` names `../folder`, which is a folder, but a file was expected"
        );
        assert_eq!(
            place.refusal("../empty.png"),
            "row 3 of column `photo` names `../empty.png`, which is empty, but a file with content \
             was expected"
        );
        assert_eq!(
            place.refusal("a\0b"),
            "row 3 of column `photo` names `a\\u{0}b`, which could not be read"
        );
        // What is too long for a path says so.
        let error = place.read(&"x".repeat(3_000)).unwrap_err();
        assert!(sensorium_core::with_causes(&error).contains(": File name too long"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_without_waiting_for_a_writer() {
        let place = Place::new();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let pipe = place.path("root/table/pipe.png");
        rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(
            place.refusal("pipe.png"),
            "row 3 of column `photo` names `pipe.png`, which is a device or a pipe, but a file was \
             expected"
        );
    }

    /// Exchanges a picture with a link to the secret as fast as it can while it is read.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_link_put_in_a_files_place_while_it_is_read_leads_nowhere() {
        use std::sync::atomic::{AtomicBool, Ordering};

        use rustix::fs::{CWD, RenameFlags, renameat_with};

        let place = Place::new();
        let (file, link) = (place.path("root/table/x.png"), place.path("root/table/y.png"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(place.path("outside.png"), &link).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat_with(CWD, &file, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let folders = Folders::new(
                &place.folder.path().join("root/table"),
                Path::new(&place.path("root")),
            )
            .unwrap();
            let at = CellRef::new(2, &ColumnName::from("photo"));
            let mut read_inside = 0;
            for _ in 0..3_000 {
                if let Ok(bytes) = read(&folders, &at, "x.png", 9) {
                    assert_eq!(bytes, b"x", "the file outside was read");
                    read_inside += 1;
                }
            }
            done.store(true, Ordering::Relaxed);
            assert!(read_inside > 0);
        });
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_by_its_size() {
        let place = Place::new();
        // Sparse: a reader that opened it first would need a terabyte.
        fs::File::create(place.path("root/huge.png")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(
            place.read("../huge.png").unwrap_err().to_string(),
            "row 3 of column `photo` names `../huge.png`, a file of 1099511627776 bytes, but at \
             most 5 bytes are allowed"
        );
    }

    #[test]
    fn an_address_on_the_network_is_said_not_to_be_fetched() {
        let error = Place::new().read("https://example.org/a.png").unwrap_err();
        assert!(error.hint().unwrap().starts_with("files are not fetched from the network"));
    }

    #[test]
    fn a_media_root_must_be_a_folder() {
        let place = Place::new();
        let file = place.path("outside.png");
        let error = Folders::new(Path::new("."), Path::new(&file)).unwrap_err();
        assert_eq!(error.to_string(), format!("the media root `{file}` cannot be used"));
        assert_eq!(error.hint().unwrap(), "`--media-root` must name a folder that exists");
    }
}
