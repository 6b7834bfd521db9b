//! The training loop.
//!
//! Every random choice of a step is drawn from a seed of that step, epoch or row, so a run that was
//! stopped anywhere and goes on from its checkpoint takes the same steps as one that never stopped.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use sensorium_bundle::config::CALIBRATED_LOSS;
use sensorium_bundle::{Predictor, loss_values};
use sensorium_core::Seed;
use sensorium_metrics::{COMBINED, MetricValues, judge as metrics_of};
use sensorium_modality::ModalityError;
use sensorium_modality::pipeline::{FeatureSource, PipelineLimits, RowFeatures};
use sensorium_model::{
    AdamW, AdamWConfig, Embedding, FeatureBatch, FeatureValues, Losses, Mix, Model, StepLogits,
    TargetBatch,
};
use sensorium_table::Splits;

use crate::calibrate::{calibrate, calibrated_losses};
use crate::checkpoint::{Checkpoint, Extent, Progress, State};
use crate::draw::{alone, batches, hidden_inputs, mix};
use crate::history::{EpochRecord, History};
use crate::judge::{Judged, judge};
use crate::observe::{EpochTime, Event, Observer};
use crate::schedule::learning_rate;
use crate::targets::target_batch;
use crate::watch::Watched;
use crate::{Plan, Readable, TrainError};

/// A checkpoint is written at least this often, and after every epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);

/// Whether to start anew or where a checkpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With freshly drawn weights.
    Anew,
    /// From the checkpoint.
    Resume,
}

/// How a run ended.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one value a run")]
pub enum Outcome {
    /// Trained to the end, or until it no longer got better.
    Finished {
        /// The model of the best epoch.
        predictor: Predictor,
        /// Every epoch.
        history: History,
        /// The best epoch, from 0.
        best_epoch: usize,
    },
    /// The observer asked it to stop; the checkpoint holds all of it.
    Stopped,
}

/// Trains a plan's model.
#[derive(Debug)]
pub struct Training<'a> {
    plan: &'a Plan,
    splits: Splits,
    source: &'a FeatureSource<'a>,
    readable: &'a Readable,
    checkpoint: &'a Checkpoint,
    watched: Watched,
    device: Device,
    seed: Seed,
    epochs: usize,
    total_steps: usize,
}

/// Why the steps of an epoch were broken off.
enum Halt {
    Cell(ModalityError),
    Other(TrainError),
    Asked,
}

impl<'a> Training<'a> {
    /// Prepares to train.
    ///
    /// # Errors
    ///
    /// [`TrainError`] where the watched metric does not exist or a part has no row left.
    ///
    /// # Panics
    ///
    /// If the plan's config does not say how many epochs it trains, as [`Plan::new`] makes it.
    pub fn new(
        plan: &'a Plan,
        source: &'a FeatureSource<'a>,
        readable: &'a Readable,
        checkpoint: &'a Checkpoint,
    ) -> Result<Self, TrainError> {
        let splits = plan.splits_without(&readable.left_out)?;
        let watched = Watched::new(&plan.config)?.of_rows(plan, readable, &splits.validation)?;
        let trainer = &plan.config.trainer;
        let steps_per_epoch = splits.train.indices().len().div_ceil(trainer.batch_size);
        let epochs = trainer.epochs.expect("`Plan::new` settles it");
        Ok(Self {
            plan,
            source,
            readable,
            checkpoint,
            watched,
            device: Device::flex().autodiff(),
            seed: plan.config.random_seed.derive("training"),
            epochs,
            total_steps: steps_per_epoch.saturating_mul(epochs),
            splits,
        })
    }

    /// What decides which epoch is the best.
    pub const fn watched(&self) -> &Watched {
        &self.watched
    }

    /// The rows of each part, without those left out.
    pub const fn splits(&self) -> &Splits {
        &self.splits
    }

    /// Trains until the last epoch, until the watched metric no longer gets better, or until the
    /// observer wants it to stop.
    ///
    /// # Errors
    ///
    /// [`TrainError`] where a cell can no longer be read, the loss is no longer a number, or the
    /// checkpoint cannot be read or written.
    pub fn run(&self, begin: Begin, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        let mut state = self.begin(begin)?;
        observer.on(Event::Start {
            epoch: state.progress.epoch,
            epochs: self.epochs,
            steps_per_epoch: self.total_steps / self.epochs,
            watched: &self.watched,
        });
        let (config, fitted) = (self.plan.config.clone(), self.plan.fitted.clone());
        let mut predictor = Predictor::of(config, fitted, &state.model);
        while !self.is_done(&state.progress) {
            let ControlFlow::Continue(time) = self.train_epoch(&mut state, observer)? else {
                self.checkpoint.write(&state)?;
                return Ok(Outcome::Stopped);
            };
            predictor = predictor.with_model(&state.model);
            self.end_epoch(&mut state, &predictor, time, observer)?;
            self.checkpoint.write(&state)?;
        }
        let history = state.progress.history;
        let best_epoch =
            history.best_epoch(self.watched.goal()).unwrap_or(history.epochs.len() - 1);
        let predictor = self.calibrated(predictor.with_model(&state.best))?;
        Ok(Outcome::Finished { predictor, history, best_epoch })
    }

    fn calibrated(&self, predictor: Predictor) -> Result<Predictor, TrainError> {
        if !self.plan.config.trainer.calibrate {
            return Ok(predictor);
        }
        let rows = &self.splits.validation;
        let calibration = calibrate(&predictor, self.source, self.readable, rows)?;
        Ok(predictor.with_calibration(calibration))
    }

    fn begin(&self, begin: Begin) -> Result<State, TrainError> {
        self.device.seed(self.seed.derive("weights").value());
        let model = self.plan.fitted.build_model(&self.plan.config, &self.device)?;
        if begin == Begin::Resume {
            return self.checkpoint.read(model, self.optimizer(), self.extent());
        }
        let state = State {
            progress: Progress::new(self.plan.config.output_features.len()),
            best: model.valid(),
            optimizer: AdamW::new(self.optimizer()),
            model,
        };
        self.checkpoint.write(&state)?;
        Ok(state)
    }

    fn extent(&self) -> Extent {
        let config = &self.plan.config;
        Extent {
            epochs: self.epochs,
            train_rows: self.splits.train.indices().len(),
            batch_size: config.trainer.batch_size,
            num_outputs: config.output_features.len(),
        }
    }

    fn optimizer(&self) -> AdamWConfig {
        let trainer = &self.plan.config.trainer;
        AdamWConfig {
            betas: trainer.optimizer.betas,
            eps: trainer.optimizer.eps,
            weight_decay: trainer.optimizer.decoupled_weight_decay(),
            clip_global_norm: trainer.gradient_clipping.clipglobalnorm,
        }
    }

    fn is_done(&self, progress: &Progress) -> bool {
        let patience = self.plan.config.trainer.early_stop.unwrap_or(-1);
        let stale = progress.batch == 0 && progress.history.is_stale(self.watched.goal(), patience);
        progress.epoch >= self.epochs || stale
    }

    /// Takes the epoch's remaining steps; breaks off where the observer asks for it.
    fn train_epoch(
        &self,
        state: &mut State,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<(), EpochTime>, TrainError> {
        let epoch = self.seed.derive("epoch").at(state.progress.epoch as u64);
        let batch_size = self.plan.config.trainer.batch_size;
        let all = batches(self.splits.train.indices(), batch_size, epoch);
        let mut written = Instant::now();
        let mut time = EpochTime::default();
        let rest = &all[state.progress.batch..];
        let limits = PipelineLimits::default();
        let begun = Instant::now();
        let flow = self.source.for_each_augmented_batch(rest, epoch, limits, |results, waiting| {
            time.waiting += waiting.0;
            let rows = match results.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(rows) => rows,
                Err(error) => return ControlFlow::Break(Halt::Cell(error)),
            };
            self.step(state, &rows, epoch).map_err_break()?;
            observer.on(state.progress.event());
            if written.elapsed() > CHECKPOINT_EVERY {
                self.checkpoint.write(state).map_err_break()?;
                written = Instant::now();
            }
            if observer.wants_stop() {
                ControlFlow::Break(Halt::Asked)
            } else {
                ControlFlow::Continue(())
            }
        });
        time.steps = begun.elapsed();
        match flow {
            ControlFlow::Continue(()) => Ok(ControlFlow::Continue(time)),
            ControlFlow::Break(Halt::Asked) => Ok(ControlFlow::Break(())),
            ControlFlow::Break(Halt::Cell(error)) => Err(error.into()),
            ControlFlow::Break(Halt::Other(error)) => Err(error),
        }
    }

    /// One forward pass, backward pass and optimizer step.
    fn step(
        &self,
        state: &mut State,
        rows: &[Arc<RowFeatures>],
        epoch: Seed,
    ) -> Result<(), TrainError> {
        let Plan { config, fitted, .. } = self.plan;
        let rows: Vec<&RowFeatures> = rows.iter().map(|row| &**row).collect();
        let hidden: Vec<Vec<bool>> = rows.iter().map(|row| self.hidden(row, epoch)).collect();
        // Dropout layers draw from the device's generator.
        let seed = self.seed.derive("step").at(state.progress.step as u64);
        self.device.seed(seed.value());

        let batch = fitted.collate(&rows, |row, input| hidden[row][input], &self.device);
        let indices: Vec<usize> = rows.iter().map(|row| row.row).collect();
        let losses = self.losses(&state.model, &batch, &indices, seed);
        let values = loss_values(&losses);
        state.progress.add(&values, rows.len())?;

        let gradients = GradientsParams::from_grads(losses.objective.backward(), &state.model);
        let rate = learning_rate(&config.trainer, state.progress.step, self.total_steps);
        state.model = state.optimizer.step(state.model.clone(), gradients, rate).0;
        state.progress.step += 1;
        Ok(())
    }

    fn losses(&self, model: &Model, batch: &[FeatureBatch], rows: &[usize], step: Seed) -> Losses {
        let trainer = &self.plan.config.trainer;
        let alone = alone(trainer, batch.len(), step);
        let losses = |logits: &StepLogits, rows: &[usize]| {
            model.losses(logits, &self.targets(rows), trainer.unimodal_loss_weight)
        };
        let Some(mix) = mix(trainer, rows.len(), step) else {
            let embeddings = model.encode(batch, &self.device);
            return losses(&model.step_logits(&embeddings, &alone), rows);
        };
        let logits = model.step_logits(&self.mixed_embeddings(model, batch, &mix), &alone);
        let partners: Vec<usize> = mix.partners.iter().map(|&partner| rows[partner]).collect();
        mix.loss(losses(&logits, rows), losses(&logits, &partners))
    }

    /// The embeddings of mixed pictures, and the mixed embeddings of all else.
    fn mixed_embeddings(&self, model: &Model, batch: &[FeatureBatch], mix: &Mix) -> Vec<Embedding> {
        let pictures: Vec<FeatureBatch> = batch.iter().map(|batch| mix.pictures(batch)).collect();
        let embeddings = model.encode(&pictures, &self.device).into_iter().zip(batch);
        let embeddings = embeddings.map(|(embedding, batch)| match batch.values {
            Some(FeatureValues::Grid(_)) => embedding,
            _ => mix.embedding(&embedding),
        });
        embeddings.collect()
    }

    /// What the outputs of these rows truly are.
    fn targets(&self, rows: &[usize]) -> Vec<TargetBatch> {
        let targets = self.plan.fitted.targets.iter().enumerate();
        let of_output =
            |(output, target)| target_batch(target, &self.readable.truths(output, rows));
        targets.map(of_output).collect()
    }

    fn hidden(&self, row: &RowFeatures, epoch: Seed) -> Vec<bool> {
        let present: Vec<bool> = row.features.iter().map(Option::is_some).collect();
        hidden_inputs(&present, self.plan.config.trainer.modality_dropout, epoch, row.row)
    }

    /// Judges the epoch on the validation rows and keeps its weights where they are the best.
    fn end_epoch(
        &self,
        state: &mut State,
        predictor: &Predictor,
        time: EpochTime,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let rows = &self.splits.validation;
        let judged = judge(predictor, self.source, self.readable, rows, &[])?;
        let mut record = EpochRecord {
            training: self.by_name(&state.progress.mean_losses(), |_| MetricValues::new()),
            validation: self.validation(predictor, &judged),
            learning_rate: learning_rate(
                &self.plan.config.trainer,
                state.progress.step - 1,
                self.total_steps,
            ),
            watched: None,
        };
        record.watched = self.watched.of(&record);
        let epoch = state.progress.epoch;
        state.progress.finish_epoch(record);
        let history = &state.progress.history;
        let is_best = history.best_epoch(self.watched.goal()).is_none_or(|best| best == epoch);
        if is_best {
            // Not `clone`: clones share the running statistics, which later epochs move on.
            state.best = state.model.valid();
        }
        observer.on(Event::Epoch { epoch, record: &history.epochs[epoch], is_best, time });
        Ok(())
    }

    /// What the validation rows gave, the calibrated losses beside the others.
    fn validation(&self, predictor: &Predictor, judged: &Judged) -> BTreeMap<String, MetricValues> {
        let mut by_name = self.by_name(&judged.losses, |output| metrics_of(&judged.scores[output]));
        let losses = calibrated_losses(predictor, judged);
        let names = self.plan.config.output_features.iter().map(|feature| feature.name.as_str());
        for (name, loss) in names.chain([COMBINED]).zip(losses) {
            let metrics = by_name.entry(name.to_owned()).or_default();
            metrics.insert(CALIBRATED_LOSS.to_owned(), Some(loss).filter(|loss| loss.is_finite()));
        }
        by_name
    }

    /// Losses and metrics by the output's name, and the last loss as that of all together.
    fn by_name(
        &self,
        losses: &[f64],
        metrics: impl Fn(usize) -> MetricValues,
    ) -> BTreeMap<String, MetricValues> {
        let loss = |value: f64| ("loss".to_owned(), Some(value).filter(|value| value.is_finite()));
        let outputs = self.plan.config.output_features.iter().zip(losses).enumerate();
        let mut by_name: BTreeMap<String, MetricValues> = outputs
            .map(|(output, (feature, &value))| {
                let mut metrics = metrics(output);
                metrics.extend([loss(value)]);
                (feature.name.to_string(), metrics)
            })
            .collect();
        let all = losses.last().copied().unwrap_or(f64::NAN);
        by_name.insert(COMBINED.to_owned(), MetricValues::from([loss(all)]));
        by_name
    }
}

/// Breaks off the epoch's steps with an error.
trait MapErrBreak {
    fn map_err_break(self) -> ControlFlow<Halt>;
}

impl MapErrBreak for Result<(), TrainError> {
    fn map_err_break(self) -> ControlFlow<Halt> {
        self.map_or_else(|error| ControlFlow::Break(Halt::Other(error)), ControlFlow::Continue)
    }
}

impl Progress {
    fn new(num_outputs: usize) -> Self {
        Self { loss_sums: vec![0.0; num_outputs + 1], ..Self::default() }
    }

    /// Adds a step's losses.
    fn add(&mut self, losses: &[f64], rows: usize) -> Result<(), TrainError> {
        let combined = losses[losses.len() - 1];
        self.batch += 1;
        if !combined.is_finite() {
            let (epoch, step) = (self.epoch + 1, self.batch);
            return Err(TrainError::Diverged { epoch, step, loss: combined });
        }
        for (sum, loss) in self.loss_sums.iter_mut().zip(losses) {
            *sum += loss * rows as f64;
        }
        self.rows += rows;
        Ok(())
    }

    fn mean_losses(&self) -> Vec<f64> {
        self.loss_sums.iter().map(|sum| sum / self.rows as f64).collect()
    }

    fn event(&self) -> Event<'static> {
        let loss = self.mean_losses().pop().unwrap_or(f64::NAN);
        Event::Step { epoch: self.epoch, step: self.batch, loss }
    }

    fn finish_epoch(&mut self, record: EpochRecord) {
        self.history.epochs.push(record);
        self.epoch += 1;
        self.batch = 0;
        self.rows = 0;
        self.loss_sums.fill(0.0);
    }
}
