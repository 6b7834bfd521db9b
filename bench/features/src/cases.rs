//! The cases, by the names that `bench/features/cases.py` lists.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use rayon::prelude::*;
use sensorium_modality::audio::{Audio, Waveform};
use sensorium_modality::pipeline::{FeatureSource, PipelineLimits};
use sensorium_modality::{Features, FittedModality, Modality};
use serde_json::json;

use crate::Arguments;
use crate::inputs::Input;
use crate::measure::{Pass, Values};

/// The rows of a batch of the pipeline.
const BATCH_ROWS: usize = 32;
/// The side that pictures are resized to, in pixels.
const SIDE: usize = 224;
/// The texts of a pass.
const NUM_TEXTS: usize = 100_000;

/// Makes the case ready: tables read, modalities fitted, what is not timed done.
pub(crate) fn prepared(arguments: &Arguments) -> Result<Box<dyn Pass>, Box<dyn Error>> {
    let input = |name, column| Input::read(&arguments.data, name, column);
    Ok(match arguments.case.as_str() {
        "log-mel" => Box::new(SoundFeatures::of(&input("esc10", "audio")?, "log_mel")?),
        "mfcc" => Box::new(SoundFeatures::of(&input("esc10", "audio")?, "mfcc")?),
        "jpeg" => Box::new(pictures(input("vqarad", "image")?, None, arguments.threads)?),
        "jpeg-reduced" => {
            Box::new(pictures(input("vqarad", "image")?, Some(1.0), arguments.threads)?)
        }
        "decode-esc10" => Box::new(Decoding::of(input("esc10", "audio")?)?),
        "decode-emoji" => Box::new(Decoding::of(input("emoji", "speech")?)?),
        "decode-avdigits" => Box::new(Decoding::of(input("avdigits", "audio")?)?),
        "wordpiece" => {
            let path = arguments.tokenizer.as_ref().ok_or("`wordpiece` needs `--tokenizer`")?;
            Box::new(texts(input("vqarad", "question")?, path, arguments.threads)?)
        }
        case => return Err(format!("there is no case `{case}`").into()),
    })
}

/// Sounds at 16 kHz to their features; decoding is not timed.
struct SoundFeatures {
    audio: Audio,
    waveforms: Vec<Waveform>,
}

impl SoundFeatures {
    fn of(input: &Input, kind: &str) -> Result<Self, Box<dyn Error>> {
        let audio = audio_of(input, kind)?;
        let waveforms = decoded(&audio, input, &input.distinct_rows()?)?;
        Ok(Self { audio, waveforms })
    }
}

impl Pass for SoundFeatures {
    fn run(&self, each: &(dyn Fn(Values<'_>) + Sync)) -> Result<(), Box<dyn Error>> {
        self.waveforms.par_iter().for_each(|sound| each(values_of(&self.audio.features(sound))));
        Ok(())
    }
}

/// Sound files to mono samples at 16 kHz.
struct Decoding {
    input: Input,
    audio: Audio,
    rows: Vec<usize>,
}

impl Decoding {
    fn of(input: Input) -> Result<Self, Box<dyn Error>> {
        Ok(Self { audio: audio_of(&input, "log_mel")?, rows: input.distinct_rows()?, input })
    }
}

impl Pass for Decoding {
    fn run(&self, each: &(dyn Fn(Values<'_>) + Sync)) -> Result<(), Box<dyn Error>> {
        let column = self.input.column()?;
        self.rows
            .par_iter()
            .try_for_each(|&row| {
                let sound = self.audio.decode(&column.cell(row)).map_err(|e| e.to_string())?;
                each(Values::Numbers(&sound.ok_or("a row without a sound")?.samples));
                Ok::<(), String>(())
            })
            .map_err(Into::into)
    }
}

/// Rows to features by the pipeline of a training run.
struct Pipeline {
    input: Input,
    modality: FittedModality,
    batches: Vec<Vec<usize>>,
    limits: PipelineLimits,
}

/// Picture files to standardised grids.
fn pictures(
    input: Input,
    reducing_gap: Option<f64>,
    threads: usize,
) -> Result<Pipeline, Box<dyn Error>> {
    let section = json!({
        "height": SIDE,
        "width": SIDE,
        "standardize_image": "imagenet1k",
        "reducing_gap": reducing_gap,
    });
    let modality = input.fitted("image", section)?;
    let batches = input.distinct_rows()?.chunks(BATCH_ROWS).map(<[usize]>::to_vec).collect();
    Ok(Pipeline { input, modality, batches, limits: PipelineLimits::new(threads) })
}

/// Texts to the ids of a `tokenizer.json`, the table's rows again and again.
fn texts(input: Input, tokenizer: &Path, threads: usize) -> Result<Pipeline, Box<dyn Error>> {
    let section = json!({
        "tokenizer": "hf_tokenizer",
        "pretrained_model_name_or_path": tokenizer,
    });
    let modality = input.fitted("text", section)?;
    let rows: Vec<usize> = (0..NUM_TEXTS).map(|index| index % input.num_rows()).collect();
    let batches = rows.chunks(BATCH_ROWS).map(<[usize]>::to_vec).collect();
    Ok(Pipeline { input, modality, batches, limits: PipelineLimits::new(threads) })
}

impl Pass for Pipeline {
    fn run(&self, each: &(dyn Fn(Values<'_>) + Sync)) -> Result<(), Box<dyn Error>> {
        let source = FeatureSource::new(vec![(Some(self.input.column()?), &self.modality)]);
        let flow = source.for_each_batch(&self.batches, self.limits, |rows, _| {
            for row in rows {
                match row {
                    Ok(row) => row.features.iter().flatten().for_each(|it| each(values_of(it))),
                    Err(error) => return ControlFlow::Break(error),
                }
            }
            ControlFlow::Continue(())
        });
        match flow {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error.into()),
        }
    }
}

/// The audio modality whose features are those of the libraries compared with: not standardised.
fn audio_of(input: &Input, kind: &str) -> Result<Audio, Box<dyn Error>> {
    match input.fitted("audio", json!({"type": kind, "norm": null}))? {
        FittedModality::Audio(audio) => Ok(audio),
        other => Err(format!("an audio modality, not {}", other.name()).into()),
    }
}

fn decoded(audio: &Audio, input: &Input, rows: &[usize]) -> Result<Vec<Waveform>, Box<dyn Error>> {
    let column = input.column()?;
    let sounds = rows.iter().map(|&row| match audio.decode(&column.cell(row))? {
        Some(sound) => Ok(sound),
        None => Err("a row without a sound".into()),
    });
    sounds.collect()
}

fn values_of(features: &Features) -> Values<'_> {
    match features {
        Features::Embedding { pooled: values, .. }
        | Features::Vector(values)
        | Features::Sequence { values, .. }
        | Features::Grid(values) => Values::Numbers(values),
        Features::Tokens(ids) => Values::Ids(ids),
    }
}
