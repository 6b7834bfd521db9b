//! What is mutated, and what reads it.

use std::fs;
use std::path::{Path, PathBuf};

use sensorium_modality::{audio, image};
use sensorium_table::Table;
use tempfile::TempDir;

#[cfg(feature = "bundles")]
use crate::bundle;

/// A kind of file.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Sounds,
    Pictures,
    Tables,
    #[cfg(feature = "bundles")]
    Bundles,
}

impl Kind {
    pub(crate) const ALL: &[Self] = &[
        Self::Sounds,
        Self::Pictures,
        Self::Tables,
        #[cfg(feature = "bundles")]
        Self::Bundles,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sounds => "sounds",
            Self::Pictures => "pictures",
            Self::Tables => "tables",
            #[cfg(feature = "bundles")]
            Self::Bundles => "bundles",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.iter().find(|kind| kind.name() == name);
        *found.unwrap_or_else(|| panic!("`{name}` is not sounds, pictures, tables or bundles"))
    }

    /// How many cases a run takes.
    pub(crate) const fn count(self) -> u64 {
        match self {
            Self::Sounds | Self::Pictures => 20_000,
            Self::Tables => 2_000,
            #[cfg(feature = "bundles")]
            Self::Bundles => 500,
        }
    }

    /// The files that are mutated, the same ones in the same order each time.
    pub(crate) fn seeds(self) -> Vec<Vec<u8>> {
        match self {
            Self::Sounds => {
                files(&["crates/sensorium-modality/tests/media", "golden/audio_decode"])
            }
            Self::Pictures => files(&["golden/image_decode", "golden/image_reduced"]),
            Self::Tables => tables(),
            #[cfg(feature = "bundles")]
            Self::Bundles => vec![bundle::written()],
        }
    }

    pub(crate) fn reader(self) -> Reader {
        Reader { kind: self, folder: tempfile::tempdir().expect("room for a folder") }
    }
}

/// Reads one case.
pub(crate) struct Reader {
    kind: Kind,
    folder: TempDir,
}

impl Reader {
    /// `read` or `refused`; `caught` where a decoder's panic was turned into a refusal.
    pub(crate) fn read(&self, thread: u64, bytes: &[u8]) -> &'static str {
        match self.kind {
            Kind::Sounds => outcome(audio::decode_bytes(bytes, 30.0)),
            Kind::Pictures => outcome(image::decode_bytes(bytes, image::Limits::default())),
            Kind::Tables => self.table(thread, bytes),
            #[cfg(feature = "bundles")]
            Kind::Bundles => self.bundle(thread, bytes),
        }
    }

    fn table(&self, thread: u64, bytes: &[u8]) -> &'static str {
        let extension = match bytes {
            [b'P', b'A', b'R', b'1', ..] => "parquet",
            [b'{', ..] => "jsonl",
            _ => "csv",
        };
        let path = self.folder.path().join(format!("{thread}.{extension}"));
        fs::write(&path, bytes).expect("room for a file");
        outcome(Table::read(&path, None).map(|table| {
            let _ = table.summaries();
        }))
    }

    #[cfg(feature = "bundles")]
    fn bundle(&self, thread: u64, bytes: &[u8]) -> &'static str {
        let path = self.folder.path().join(format!("{thread}.safetensors"));
        fs::write(&path, bytes).expect("room for a file");
        outcome(bundle::predicted(&path))
    }
}

fn outcome<T>(read: Result<T, impl std::fmt::Display>) -> &'static str {
    match read {
        Ok(_) => "read",
        Err(error) if error.to_string().contains("gave up") => "caught",
        Err(_) => "refused",
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The media files of some folders, up to 64 KB, without what golden cases expect.
fn files(folders: &[&str]) -> Vec<Vec<u8>> {
    const MAX_BYTES: usize = 1 << 16;
    let mut paths = Vec::new();
    for folder in folders {
        let folder = repository().join(folder);
        for entry in fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            match fs::read_dir(entry.path()) {
                Ok(case) => paths.extend(case.flatten().map(|entry| entry.path())),
                Err(_) => paths.push(entry.path()),
            }
        }
    }
    let is_seed = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        !matches!(extension, "json" | "safetensors")
            && !matches!(stem, "expected" | "half" | "quarter" | "eighth")
    };
    paths.retain(is_seed);
    paths.sort();
    let read = paths.iter().map(|path| fs::read(path).expect("a file of the repository"));
    read.filter(|bytes| bytes.len() <= MAX_BYTES).collect()
}

fn tables() -> Vec<Vec<u8>> {
    let mut all = files(&["golden/table_parquet"]);
    let csv = "name,price,when,on,picture\r\n\"apple, red\",1.5,2020-01-02,yes,a.png\r\n\
               \"say \"\"hi\"\"\",,2021-03-04,no,\r\npear,-2e3,,yes,b/c.jpg\r\n";
    let lines = "{\"name\": \"apple\", \"price\": 1.5, \"picture\": {\"bytes\": \"aGk=\", \"path\": null}}\n\
                 {\"name\": null, \"price\": 7, \"on\": true, \"list\": [1, 2.5, null]}\n";
    all.push(csv.as_bytes().to_vec());
    all.push(lines.as_bytes().to_vec());
    all
}
