//! What was read, in a table for the terminal.

use comfy_table::{Table, presets};
use sensorium_core::FeatureShape;
use sensorium_modality::Features;
use sensorium_modality::pipeline::RowFeatures;

use super::Inputs;

/// The range of each input's values.
pub(super) struct Summary<'a> {
    inputs: Inputs<'a>,
    rows: usize,
    ranges: Vec<Range>,
}

#[derive(Clone, Default)]
struct Range {
    present: usize,
    bounds: Option<[f32; 2]>,
    sum: f64,
    count: usize,
}

impl<'a> Summary<'a> {
    pub(super) fn new(inputs: Inputs<'a>) -> Self {
        Self { inputs, rows: 0, ranges: vec![Range::default(); inputs.fitted.inputs.len()] }
    }

    pub(super) fn add(&mut self, row: &RowFeatures) {
        self.rows += 1;
        for (range, features) in self.ranges.iter_mut().zip(&row.features) {
            match features {
                None => {}
                Some(Features::Tokens(ids)) => range.add(ids.iter().map(|&id| id as f32)),
                Some(
                    Features::Embedding { pooled: values, .. }
                    | Features::Vector(values)
                    | Features::Grid(values)
                    | Features::Sequence { values, .. },
                ) => range.add(values.iter().copied()),
            }
        }
    }

    pub(super) fn shown(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_width(80)
            .set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        table.set_header(["input", "shape", "present", "least", "mean", "most", "unit"]);
        let inputs = self.inputs.config.input_features.iter().zip(&self.inputs.fitted.inputs);
        for ((feature, fitted), range) in inputs.zip(&self.ranges) {
            let [least, mean, most] = range.shown();
            table.add_row([
                feature.name.shown().into_owned(),
                shape(fitted.shape()),
                format!("{} of {}", range.present, self.rows),
                least,
                mean,
                most,
                fitted.unit().to_owned(),
            ]);
        }
        table.to_string()
    }
}

impl Range {
    fn add(&mut self, values: impl Iterator<Item = f32>) {
        self.present += 1;
        for value in values {
            let [least, most] = self.bounds.unwrap_or([value; 2]);
            self.bounds = Some([least.min(value), most.max(value)]);
            self.sum += f64::from(value);
            self.count += 1;
        }
    }

    fn shown(&self) -> [String; 3] {
        match self.bounds {
            None => ["", "", ""].map(str::to_owned),
            Some([least, most]) => {
                let mean = self.sum / self.count as f64;
                [f64::from(least), mean, f64::from(most)].map(|value| format!("{value:.3}"))
            }
        }
    }
}

fn shape(shape: FeatureShape) -> String {
    match shape {
        FeatureShape::Vector { width } => format!("[{width}]"),
        FeatureShape::Sequence { max_length, width } => format!("[1..{max_length}, {width}]"),
        FeatureShape::Grid { channels, height, width } => {
            format!("[{channels}, {height}, {width}]")
        }
        FeatureShape::Tokens { max_length, .. } => format!("[1..{max_length}]"),
    }
}
