//! The command line, in Ludwig's words; `-` and `_` are the same in a flag.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sensorium_table::{DecimalMark, Delimiter, Dialect, TextEncoding};

/// Models that see, read and hear, from one table, in one file.
#[derive(Debug, Parser)]
#[command(name = "sensorium", version, propagate_version = true, max_term_width = 80)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model on a table and judge it on the table's test rows
    Train(TrainArguments),
    /// Train, judge, and write the predictions of the test rows
    Experiment(TrainArguments),
    /// Predict a table, or one row given with --input
    Predict(PredictArguments),
    /// Judge a model on a table
    Evaluate(EvaluateArguments),
    /// Write one embedding for each row and input of a table
    Embed(EmbedArguments),
    /// Write the exact arrays that a model sees, and pictures of them
    Features(FeaturesArguments),
    /// Say what each column of a table holds, and why it was taken for that
    Describe(DescribeArguments),
    /// List every modality, encoder, combiner, decoder, loss and metric
    Components,
}

#[derive(Debug, Args)]
pub(crate) struct TableArguments {
    /// The table: a CSV, JSON, JSON Lines, Parquet, Arrow or Excel file, a folder of such files or of
    /// class folders of pictures or sounds, or a pattern such as 'data/*.parquet'
    #[arg(long, value_name = "PATH")]
    pub(crate) dataset: PathBuf,
    /// The folder that paths in the table may not leave, and where those start that do not lie
    /// beside the table [default: the table's own]
    #[arg(long = "media_root", value_name = "DIR")]
    pub(crate) media_root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) dialect: DialectArguments,
}

/// How the table is written, where its name and first bytes do not say it.
#[derive(Debug, Args)]
#[command(next_help_heading = "How the table is written")]
pub(crate) struct DialectArguments {
    /// The encoding of CSV and JSON, such as windows-1252, euc-kr or gb18030 [default: what the
    /// file's byte-order mark says, else UTF-8]
    #[arg(long, value_name = "NAME")]
    encoding: Option<TextEncoding>,
    /// What separates the cells of CSV, such as `;` or `tab` [default: found in the header]
    #[arg(long, value_name = "CHARACTER", allow_hyphen_values = true)]
    delimiter: Option<Delimiter>,
    /// The decimal mark of CSV, `.` or `,` [default: found where cells are not separated by commas]
    #[arg(long, value_name = "MARK")]
    decimal: Option<DecimalMark>,
    /// The sheet of a workbook [default: the first]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
}

impl DialectArguments {
    pub(crate) fn dialect(&self) -> Dialect {
        let Self { encoding, delimiter, decimal, .. } = *self;
        Dialect { encoding, delimiter, decimal, sheet: self.sheet.clone() }
    }
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum OnError {
    /// Stop, naming the row
    #[default]
    Stop,
    /// Leave the row out, and list it with the reason in `left_out.jsonl`
    Skip,
}

#[derive(Debug, Args)]
pub(crate) struct OnErrorArgument {
    /// What to do with a row that cannot be read
    #[arg(long = "on_error", value_name = "ACTION", default_value = "stop")]
    pub(crate) on_error: OnError,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// The config: YAML in Ludwig's dialect
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// Where the run's folder is made
    #[arg(long = "output_directory", value_name = "DIR", default_value = "results")]
    pub(crate) output_directory: PathBuf,
    /// The first part of the folder's name
    #[arg(long = "experiment_name", value_name = "NAME", default_value = "experiment")]
    pub(crate) experiment_name: String,
    /// The second part of the folder's name
    #[arg(long = "model_name", value_name = "NAME", default_value = "run")]
    pub(crate) model_name: String,
    /// The root of every random choice
    #[arg(long = "random_seed", value_name = "N", default_value_t = 42)]
    pub(crate) random_seed: u64,
    /// Set a key of the config, such as combiner.type=concat; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Where embeddings of frozen encoders are kept for later runs [default: `embeddings` in
    /// the output directory]
    #[arg(long = "embedding_cache", value_name = "DIR")]
    pub(crate) embedding_cache: Option<PathBuf>,
    /// Go on with the newest run of this name that did not finish
    #[arg(long)]
    pub(crate) resume: bool,
    /// Go on with the run in this folder
    #[arg(long = "model_resume_path", value_name = "DIR", conflicts_with = "resume")]
    pub(crate) model_resume_path: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) on_error: OnErrorArgument,
}

#[derive(Debug, Args)]
pub(crate) struct ModelArgument {
    /// The bundle, or the folder of the run that wrote it
    #[arg(short, long = "model_path", value_name = "PATH")]
    pub(crate) model_path: PathBuf,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("rows").required(true))]
pub(crate) struct PredictArguments {
    #[command(flatten)]
    pub(crate) model: ModelArgument,
    /// The table: a file, a folder or a pattern, as for train; columns that it lacks are absent
    #[arg(long, value_name = "PATH", group = "rows")]
    pub(crate) dataset: Option<PathBuf>,
    /// One input of one row, such as photo=cat.jpg; inputs not given are absent
    #[arg(long, value_name = "NAME=VALUE", group = "rows", conflicts_with = "dataset")]
    pub(crate) input: Vec<String>,
    /// Where predictions go: .parquet, .csv or .jsonl [default: JSON Lines to standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The folder that paths in the table may not leave, and where those start that do not lie
    /// beside the table [default: the table's own]
    #[arg(long = "media_root", value_name = "DIR")]
    pub(crate) media_root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) dialect: DialectArguments,
    #[command(flatten)]
    pub(crate) on_error: OnErrorArgument,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Part {
    /// The rows that the model was fitted on
    #[value(alias = "train")]
    Training,
    /// The rows that decided when to stop
    Validation,
    /// The rows that the model has never seen
    Test,
    /// Every row of the table
    #[default]
    Full,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    #[command(flatten)]
    pub(crate) model: ModelArgument,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// Which rows: all, or a part by the model's own way of splitting
    #[arg(long, value_name = "PART", default_value = "full")]
    pub(crate) split: Part,
    /// Where the statistics file is written [default: nowhere]
    #[arg(long = "output_directory", value_name = "DIR")]
    pub(crate) output_directory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) on_error: OnErrorArgument,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("fitted").required(true))]
pub(crate) struct FeaturesArguments {
    /// The bundle whose preprocessing is used, or the folder of the run that wrote it
    #[arg(short, long = "model_path", value_name = "PATH", group = "fitted")]
    pub(crate) model_path: Option<PathBuf>,
    /// The config whose preprocessing is fitted on the table's train rows
    #[arg(short, long, value_name = "FILE", group = "fitted", requires = "dataset")]
    pub(crate) config: Option<PathBuf>,
    /// Set a key of the config, such as combiner.type=concat; may be given again
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "model_path")]
    pub(crate) set: Vec<String>,
    /// The root of every random choice, such as the split's
    #[arg(long = "random_seed", value_name = "N", default_value_t = 42)]
    pub(crate) random_seed: u64,
    /// The table: a file, a folder or a pattern, as for train
    #[arg(long, value_name = "PATH", required_unless_present = "input")]
    pub(crate) dataset: Option<PathBuf>,
    /// One input of one row, such as photo=cat.jpg, instead of the table's rows
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) input: Vec<String>,
    /// The folder that paths in the table may not leave, and where those start that do not lie
    /// beside the table [default: the table's own]
    #[arg(long = "media_root", value_name = "DIR")]
    pub(crate) media_root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) dialect: DialectArguments,
    /// Read only the first rows
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Where the arrays go: .safetensors, .parquet, .csv or .jsonl [default: nowhere]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Where a PNG of every picture and spectrogram goes [default: nowhere]
    #[arg(long, value_name = "DIR")]
    pub(crate) plot: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) on_error: OnErrorArgument,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("encoders").required(true))]
pub(crate) struct EmbedArguments {
    /// The bundle whose encoders are used, or the folder of the run that wrote it
    #[arg(short, long = "model_path", value_name = "PATH", group = "encoders")]
    pub(crate) model_path: Option<PathBuf>,
    /// The config whose inputs are encoded by the published weights that it names
    #[arg(short, long, value_name = "FILE", group = "encoders")]
    pub(crate) config: Option<PathBuf>,
    /// A column and the folder or file of the weights that encode it, or their name on the Hugging
    /// Face hub in a build with `hub`; may be given again
    #[arg(long, value_name = "COLUMN=PATH", group = "encoders", conflicts_with_all = ["model_path", "config"])]
    pub(crate) encoder: Vec<String>,
    /// Set a key of the config, such as `input_features.0.encoder.type=resnet`; may be given again
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "model_path")]
    pub(crate) set: Vec<String>,
    /// The root of every random choice, such as the split's
    #[arg(long = "random_seed", value_name = "N", default_value_t = 42)]
    pub(crate) random_seed: u64,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    /// Where the embeddings go: .parquet, .csv or .jsonl
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) on_error: OnErrorArgument,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArguments {
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// The arguments with every `-` inside a flag's name written `_`, as Ludwig spells them.
pub(crate) fn with_underscores(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let spelled = |argument: OsString| match argument.to_str() {
        Some(flag) if flag.starts_with("--") && flag.len() > 2 => {
            let (name, value) = flag.split_at(flag.find('=').unwrap_or(flag.len()));
            format!("--{}{value}", name[2..].replace('-', "_")).into()
        }
        _ => argument,
    };
    arguments.map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn dashes_and_underscores_are_the_same_in_a_flag() {
        let given = ["sensorium", "--on-error=skip-me", "--output_directory", "a-b", "--", "-x"];
        let spelled = with_underscores(given.iter().map(OsString::from));
        assert_eq!(
            spelled,
            ["sensorium", "--on_error=skip-me", "--output_directory", "a-b", "--", "-x"]
        );
    }
}
