//! `sensorium train` and `sensorium experiment`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use sensorium_bundle::{Bundle, Predictor};
use sensorium_core::Seed;
use sensorium_metrics::Statistics;
use sensorium_modality::pipeline::DEFAULT_CACHE_BYTES;
use sensorium_table::Table;
use sensorium_train::{
    Begin, Checkpoint, Earlier, EpochTime, FrozenInputs, History, Outcome, Plan, Readable,
    RunFolder, RunIdentity, TrainError, Training, report,
};
use serde_json::{Value, json};

use super::read_config::read_config;
use super::{INTERRUPTED, bundle_path, left_out, note, note_subsets, predict, print, read_table};
use crate::arguments::TrainArguments;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{columns, machine, remarks, statistics};

/// Whether the test rows' predictions are written too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictions {
    Write,
    Leave,
}

pub(super) fn run(
    arguments: &TrainArguments,
    predictions: Predictions,
) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let table = read_table(&arguments.table, arguments.on_error.on_error)?;
    let seed = Seed::new(arguments.random_seed);
    let config = read_config(&arguments.config, &arguments.set, seed, &table)?;
    let plan = Plan::new(config, &table)?;
    if let Some(memory) = machine::memory_bytes() {
        plan.check_memory(memory, "this process may use")?;
    }
    let earlier = earlier(arguments)?;
    if let Some(Earlier::Finished(path)) = &earlier {
        return finished(&plan, path);
    }
    let mut progress = Progress::new();
    let cache = arguments.embedding_cache.clone();
    let cache = cache.unwrap_or_else(|| arguments.output_directory.join("embeddings"));
    let on_error = arguments.on_error.on_error.into();
    let frozen = FrozenInputs::encode(&plan, &table, Some(&cache), on_error, &mut progress)?;
    let Some(frozen) = frozen else {
        drop(progress);
        note("stopped; what was encoded is kept, and the same command goes on from there");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let source = plan
        .fitted
        .training_features(&plan.config, &table)?
        .with_embeddings(&frozen.by_input())
        .with_cache(table.num_rows(), DEFAULT_CACHE_BYTES);
    let readable =
        Readable::read(&plan.config, &plan.fitted, (&table, &source), &plan.rows(), on_error)?
            .without(&frozen);

    let identity = RunIdentity::new(&plan, &table)?;
    let (folder, begin) = folder(arguments, earlier)?;
    let tell =
        |list: Option<&Path>| progress.suspended(|| left_out::tell(&readable.left_out, list));
    let checkpoint = Checkpoint::new(folder.checkpoint(), identity);
    let training = Training::new(&plan, &source, &readable, &checkpoint);
    let training = training.inspect_err(|_| tell(None))?;
    let list = folder.path().join(left_out::FILE);
    left_out::write(&list, &readable.left_out, arguments.on_error.on_error)?;
    tell(Some(&list));
    progress.suspended(|| {
        for remark in remarks_before(&plan, &table, &readable, &training) {
            note(&remark);
        }
        note(&announcement(&plan, &training, &folder));
    });
    let outcome = training.run(begin, &mut progress)?;
    let time = progress.time();
    drop(progress);
    let Outcome::Finished { predictor, history, best_epoch } = outcome else {
        note(&format!(
            "stopped; the same command with `--resume` goes on from {}",
            folder.path().display()
        ));
        return Ok(ExitCode::from(INTERRUPTED));
    };

    note_subsets(plan.config.input_features.len());
    let statistics = report(&predictor, &source, &readable, &training.splits().test)?;
    if predictions == Predictions::Write {
        let path = folder.path().join("predictions.parquet");
        predict::write_rows(&predictor, &table, &training.splits().test, &path)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let seconds_of = seconds_of(seconds, time);
    let description = description(arguments, &plan, &readable, &training, best_epoch, &seconds_of);
    folder.write_json("description.json", &description)?;
    let shown = statistics::shown(&statistics, predictor.config());
    let remarks = remarks::of_scores(&statistics, predictor.config());
    write_results(&folder, predictor, &history, &statistics)?;
    let printed = print(&format!(
        "{shown}\n\nbest epoch {} of {}, {seconds:.0} s in all, {:.1} % of the steps waiting for rows,\n\
         written to {}",
        best_epoch + 1,
        history.epochs.len(),
        100.0 * waiting_share(time),
        folder.path().display()
    ));
    for remark in &remarks {
        note(remark);
    }
    if printed.is_err() {
        // The same lies in the run's files.
        note(&format!("could not print the results; they are in {}", folder.path().display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The run to go on with, where one is asked for.
fn earlier(arguments: &TrainArguments) -> Result<Option<Earlier>, Failure> {
    if let Some(path) = &arguments.model_resume_path {
        return Ok(Some(RunFolder::open(path)?));
    }
    if arguments.resume {
        return Ok(RunFolder::earlier(&arguments.output_directory, &run_name(arguments))?);
    }
    Ok(None)
}

fn run_name(arguments: &TrainArguments) -> String {
    format!("{}_{}", arguments.experiment_name, arguments.model_name)
}

/// A run that is finished needs nothing more, and a loop that resumes until nothing fails ends.
fn finished(plan: &Plan, path: &Path) -> Result<ExitCode, Failure> {
    let bundle = bundle_path(path);
    if Bundle::open(&bundle)?.config != plan.config {
        return Err(TrainError::OtherRun { path: bundle, what: "config or seed" }.into());
    }
    note(&format!("{} is finished; nothing is left to resume", path.display()));
    Ok(ExitCode::SUCCESS)
}

fn folder(
    arguments: &TrainArguments,
    earlier: Option<Earlier>,
) -> Result<(RunFolder, Begin), Failure> {
    let folder = match earlier {
        Some(Earlier::Stopped(folder)) => return Ok((folder, Begin::Resume)),
        Some(Earlier::NeverBegun(folder)) => folder,
        Some(Earlier::Finished(_)) | None => {
            RunFolder::create(&arguments.output_directory, &run_name(arguments))?
        }
    };
    if arguments.resume || arguments.model_resume_path.is_some() {
        note("no checkpoint was written yet; this run starts from the beginning");
    }
    Ok((folder, Begin::Anew))
}

/// What a person should know before the first epoch.
fn remarks_before(
    plan: &Plan,
    table: &Table,
    readable: &Readable,
    training: &Training<'_>,
) -> Vec<String> {
    let (config, splits) = (&plan.config, training.splits());
    let unseen = [("validation", &splits.validation), ("test", &splits.test)];
    let unseen = unseen
        .into_iter()
        .flat_map(|(which, rows)| remarks::of_unseen(&readable.unseen, config, rows, which));
    let remarks = remarks::of_config(config).into_iter();
    remarks
        .chain(remarks::of_rows(plan, table, readable))
        .chain(columns::remarks(config, table))
        .chain(remarks::of_watched(config, training.watched()))
        .chain(unseen)
        .collect()
}

fn announcement(plan: &Plan, training: &Training<'_>, folder: &RunFolder) -> String {
    let names = |names: Vec<&str>| names.join(", ");
    let inputs = plan.config.input_features.iter().map(|input| input.name.as_str()).collect();
    let outputs = plan.config.output_features.iter().map(|output| output.name.as_str()).collect();
    let splits = training.splits();
    format!(
        "{} -> {} with {}\n{} train, {} validation and {} test rows; results in {}",
        names(inputs),
        names(outputs),
        plan.config.combiner.name(),
        splits.train.indices().len(),
        splits.validation.len(),
        splits.test.len(),
        folder.path().display(),
    )
}

/// What of the training steps the model waited for rows to be read, made into features and
/// augmented.
fn waiting_share(time: EpochTime) -> f64 {
    time.waiting.as_secs_f64() / time.steps.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn seconds_of(all: f64, time: EpochTime) -> Value {
    json!({
        "all": all,
        "training_steps": time.steps.as_secs_f64(),
        "waiting_for_rows": time.waiting.as_secs_f64(),
    })
}

/// The bundle last: where it lies, everything does.
fn write_results(
    folder: &RunFolder,
    predictor: Predictor,
    history: &History,
    statistics: &Statistics,
) -> Result<(), Failure> {
    folder.write_json("training_statistics.json", &history.by_metric())?;
    folder.write_json("test_statistics.json", statistics)?;
    let report = serde_json::to_value(statistics)
        .map_err(|error| Failure::new(format!("the report is not JSON: {error}"), None))?;
    let bundle: Bundle = predictor.into_bundle(report);
    folder.finish(&bundle)?;
    Ok(())
}

fn description(
    arguments: &TrainArguments,
    plan: &Plan,
    readable: &Readable,
    training: &Training<'_>,
    best_epoch: usize,
    seconds: &Value,
) -> Value {
    let splits = training.splits();
    let shown = |path: &Path| path.display().to_string();
    json!({
        "command": std::env::args().collect::<Vec<_>>(),
        "sensorium_version": env!("CARGO_PKG_VERSION"),
        "dataset": shown(&arguments.table.dataset),
        "random_seed": arguments.random_seed,
        "rows": {
            "training": splits.train.indices().len(),
            "validation": splits.validation.len(),
            "test": splits.test.len(),
            "left_out": readable.left_out.values().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "best_epoch": best_epoch + 1,
        "seconds": seconds,
        "config": plan.config,
    })
}
