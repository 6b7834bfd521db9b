//! How training goes: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use sensorium_core::text::printable;
use sensorium_train::{Embedded, EpochRecord, EpochTime, Event, Observer};

use crate::{signals, terminal};

/// How often a plain line is printed within an epoch.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows training on standard error and hears Ctrl-C.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    stop: Arc<AtomicBool>,
    watched: String,
    epochs: usize,
    steps_per_epoch: usize,
    last_line: Instant,
    time: EpochTime,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            bar: std::io::stderr().is_terminal().then(bar),
            stop: signals::stop_flag(),
            watched: String::new(),
            epochs: 0,
            steps_per_epoch: 0,
            last_line: Instant::now(),
            time: EpochTime::default(),
        }
    }

    /// How long all training steps took, and what of it the model waited for its rows.
    pub(crate) const fn time(&self) -> EpochTime {
        self.time
    }

    /// Prints with the bar out of the way.
    pub(crate) fn suspended(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn start(&mut self, epoch: usize, epochs: usize, steps_per_epoch: usize) {
        (self.epochs, self.steps_per_epoch) = (epochs, steps_per_epoch);
        if let Some(bar) = &self.bar {
            bar.set_length((epochs * steps_per_epoch) as u64);
            bar.set_position((epoch * steps_per_epoch) as u64);
            bar.reset_eta();
        }
    }

    fn embedding(&mut self, input: &str, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(format!("encoding {}", printable(input)));
        } else if self.last_line.elapsed() > LINE_EVERY {
            self.line(&format!("encoding {input}  {done}/{total}"));
        }
    }

    fn embedded(&mut self, embedded: &Embedded) {
        let Embedded { input, rows, encoded, read, time } = embedded;
        let seconds = time.as_secs_f64();
        self.line(&format!(
            "{input}: {rows} rows embedded in {seconds:.1} s, {encoded} cells encoded, {read} read \
             from the cache"
        ));
    }

    fn step(&mut self, epoch: usize, step: usize, loss: f64) {
        if let Some(bar) = &self.bar {
            bar.set_position((epoch * self.steps_per_epoch + step) as u64);
            bar.set_message(format!("epoch {}/{}  loss {loss:.3}", epoch + 1, self.epochs));
        } else if self.last_line.elapsed() > LINE_EVERY {
            let (epochs, steps) = (self.epochs, self.steps_per_epoch);
            self.line(&format!(
                "epoch {}/{epochs}  step {step}/{steps}  loss {loss:.3}",
                epoch + 1
            ));
        }
    }

    fn epoch(&mut self, epoch: usize, record: &EpochRecord, is_best: bool) {
        let loss = |part: &std::collections::BTreeMap<String, sensorium_metrics::MetricValues>| {
            shown(part.get("combined").and_then(|metrics| *metrics.get("loss")?))
        };
        let (training, validation) = (loss(&record.training), loss(&record.validation));
        // The combined loss is in the line already.
        let watched = match self.watched.as_str() {
            "combined loss" => String::new(),
            // Short, so that a line fits a terminal.
            "combined calibrated_loss" => format!("  calibrated {}", shown(record.watched)),
            watched => format!("  {watched} {}", shown(record.watched)),
        };
        let best = if is_best { "  best" } else { "" };
        let width = self.epochs.to_string().len();
        self.line(&format!(
            "epoch {:>width$}/{}  loss {training}  validation: loss {validation}{watched}{best}",
            epoch + 1,
            self.epochs,
        ));
    }

    fn line(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(printable(text)),
            None => terminal::say(text),
        }
        self.last_line = Instant::now();
    }
}

impl Observer for Progress {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Start { epoch, epochs, steps_per_epoch, watched } => {
                self.watched = format!("{} {}", watched.field(), watched.metric());
                self.start(epoch, epochs, steps_per_epoch);
            }
            Event::Embedding { input, done, total } => self.embedding(input, done, total),
            Event::Embedded(embedded) => self.embedded(embedded),
            Event::Step { epoch, step, loss } => self.step(epoch, step, loss),
            Event::Epoch { epoch, record, is_best, time } => {
                self.time.steps += time.steps;
                self.time.waiting += time.waiting;
                self.epoch(epoch, record, is_best);
            }
            _ => {}
        }
    }

    fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.3}"))
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:32} {bar:24} {percent:>3} %  {eta} left")
        .expect("the template is right");
    ProgressBar::new(0).with_style(style)
}
