//! A small table of pictures, words, sounds and numbers that a model can learn, and the command
//! run on it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) const COLOURS: [&str; 3] = ["red", "green", "blue"];

/// What a config says, with small encoders; `colour` and `size` are learned together.
pub(crate) const CONFIG: &str = "\
input_features:
  - {name: photo, type: image, encoder: {type: stacked_cnn, num_conv_layers: 2, out_channels: 8, output_size: 16}}
  - {name: caption, type: text, encoder: {type: embed, embedding_size: 16, output_size: 16}}
  - {name: sound, type: audio, preprocessing: {sample_rate: 8000, n_mels: 16}, encoder: {type: stacked_cnn, num_conv_layers: 2, num_filters: 16, output_size: 16}}
  - {name: noise, type: number}
combiner: {type: transformer, hidden_size: 16, num_heads: 2, transformer_output_size: 32}
output_features:
  - {name: colour, type: category}
  - {name: size, type: number}
preprocessing: {split: {type: fixed, column: split}}
trainer: {epochs: 8, batch_size: 16, learning_rate: 0.01, early_stop: -1}
";

/// A folder with `table.csv`, its media and `config.yaml`.
pub(crate) struct Small {
    folder: TempDir,
}

impl Small {
    pub(crate) fn new() -> Self {
        Self::of_rows(120)
    }

    pub(crate) fn of_rows(rows: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut table = String::from("photo,caption,sound,noise,colour,size,split\n");
        for row in 0..rows {
            let line = write_row(folder.path(), row);
            writeln!(table, "{line}").unwrap();
        }
        fs::write(folder.path().join("table.csv"), table).unwrap();
        fs::write(folder.path().join("config.yaml"), CONFIG).unwrap();
        Self { folder }
    }

    /// A folder without a table.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Replaces a text in the table, which must hold it.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "`{from}` is not in {name}");
        self.write(name, text.replacen(from, to, 1));
    }

    /// The command, with this folder as its working folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sensorium"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?} failed:\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must refuse its input, and gives what it said.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?} said:\n{errors}");
        errors
    }

    pub(crate) fn train(&self, more: &[&str]) -> String {
        self.succeed(&[TRAIN, more].concat())
    }

    pub(crate) fn statistics(&self, run: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(&format!("results/{run}/test_statistics.json"))).unwrap()
    }
}

pub(crate) const TRAIN: &[&str] = &["train", "--config", "config.yaml", "--dataset", "table.csv"];

/// One row: photo, caption and sound each tell the colour but for one row in eight, where one of
/// them is absent; the noise tells nothing.
fn write_row(folder: &Path, row: usize) -> String {
    let class = row * 7 % 3;
    let photo = if row % 8 == 1 { String::new() } else { format!("{row}.png") };
    let sound = if row % 8 == 5 { String::new() } else { format!("{row}.wav") };
    if !photo.is_empty() {
        picture(class, row).save(folder.join(&photo)).unwrap();
    }
    if !sound.is_empty() {
        fs::write(folder.join(&sound), wav(class, row)).unwrap();
    }
    let words = [["fire", "rose", "brick"], ["leaf", "grass", "frog"], ["sky", "sea", "ink"]];
    let caption = if row % 8 == 3 { "" } else { words[class][row / 3 % 3] };
    let noise = (row * 7919 % 1009) as f64 / 1009.0;
    let size = class as f64 * 10.0 + noise;
    let split = ["train", "train", "train", "train", "validation", "test"][row / 3 % 6];
    format!("{photo},{caption},{sound},{noise},{},{size},{split}", COLOURS[class])
}

fn picture(class: usize, row: usize) -> image::RgbImage {
    image::RgbImage::from_fn(16, 16, |x, y| {
        let grain = u8::try_from((x as usize * 31 + y as usize * 17 + row * 101) % 64).unwrap();
        let mut pixel = [grain; 3];
        pixel[class] += 160;
        image::Rgb(pixel)
    })
}

/// A quarter second of a tone as a 16-bit mono WAV file at 8 kHz.
pub(crate) fn wav(class: usize, row: usize) -> Vec<u8> {
    let frequency = [300.0, 900.0, 2700.0][class] + (row % 10) as f64;
    let samples = (0..2_000).map(|n| {
        let phase = std::f64::consts::TAU * frequency * f64::from(n) / 8_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "it is below 12,000")]
        let sample = (phase.sin() * 12_000.0) as i16;
        sample
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let num_bytes = u32::try_from(data.len()).unwrap();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + num_bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(num_bytes.to_le_bytes());
    wav.extend(data);
    wav
}
