//! From the path in a cell to the bytes of a file inside the media root.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sensorium_core::CellRef;

use crate::TableError;

/// Where paths start (the table's folder, else the root), and which folder they may not leave; both with links followed.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    folder: PathBuf,
    root: PathBuf,
}

impl Folders {
    /// Paths start at `folder` and stay inside `root`.
    pub(crate) fn new(folder: &Path, root: &Path) -> Result<Self, TableError> {
        Ok(Self { folder: canonical_folder(folder)?, root: canonical_folder(root)? })
    }

    /// Where a path is looked for: beside the table, or in the media root where it is there alone.
    fn start_of(&self, path: &str) -> PathBuf {
        let beside = self.folder.join(path);
        let in_root = self.root.join(path);
        if !beside.exists() && in_root.exists() { in_root } else { beside }
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
    let resolved = resolve(folders, at, path)?;
    let failed = |source| TableError::MediaRead { at: at.clone(), got: shown(path), source };
    let size = check_kind(at, path, &fs::metadata(&resolved).map_err(failed)?)?;
    check_size(at, || format!("names `{}`, a file", shown(path)), size, max_bytes)?;

    // A file that grows meanwhile is still not read further than allowed.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut file = File::open(&resolved).map_err(failed)?.take(max_bytes);
    file.read_to_end(&mut bytes).map_err(failed)?;
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

/// Where a path leads once every link is followed, if that is inside the media root.
fn resolve(folders: &Folders, at: &CellRef, path: &str) -> Result<PathBuf, TableError> {
    let sought = folders.start_of(path);
    let resolved = fs::canonicalize(&sought).map_err(|source| {
        let (at, got) = (at.clone(), shown(path));
        match source.kind() {
            io::ErrorKind::NotFound => TableError::MediaNotFound { at, got, sought },
            _ => TableError::MediaRead { at, got, source },
        }
    })?;
    if resolved.starts_with(&folders.root) {
        return Ok(resolved);
    }
    let root = folders.root.clone();
    Err(TableError::OutsideMediaRoot { at: at.clone(), got: shown(path), resolved, root })
}

/// The size of a regular file; anything else could block or never end.
fn check_kind(at: &CellRef, path: &str, metadata: &fs::Metadata) -> Result<u64, TableError> {
    let kind = if metadata.is_file() {
        return Ok(metadata.len());
    } else if metadata.is_dir() {
        "a folder"
    } else {
        "a device or a pipe"
    };
    Err(TableError::MediaNotFile { at: at.clone(), got: shown(path), kind })
}

/// A path short enough for a message: a cell may hold a whole document instead of a path.
fn shown(path: &str) -> String {
    const SHOWN: usize = 200;
    match path.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
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
            "row 3 of column `photo` names `a\0b`, which could not be read"
        );
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_by_its_size() {
        let place = Place::new();
        // Sparse: a reader that opened it first would need a terabyte.
        File::create(place.path("root/huge.png")).unwrap().set_len(1 << 40).unwrap();
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
