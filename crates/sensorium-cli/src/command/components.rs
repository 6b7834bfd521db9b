//! `sensorium components`: every list, walked.

use std::fmt::Write as _;
use std::process::ExitCode;

use sensorium_core::Layout;
use sensorium_metrics::{OutputKind, metrics_for};
use sensorium_modality::ModalityConfig;
use sensorium_modality::target::TargetConfig;
use sensorium_model::combiner::CombinerConfig;
use sensorium_model::encoder::EncoderConfig;
use sensorium_model::loss::LossConfig;
use sensorium_table::SplitConfig;

use super::{note_lost_output, print};
use crate::failure::Failure;

pub(super) fn run() -> Result<ExitCode, Failure> {
    note_lost_output();
    let mut text = String::new();
    let mut section = |title: &str, components: &[(&str, &str)]| {
        let _ = writeln!(text, "{title}");
        for (name, summary) in components {
            let _ = writeln!(text, "  {name:<30}{summary}");
        }
        text += "\n";
    };
    section("input_features[].type", ModalityConfig::COMPONENTS);
    for (name, _) in ModalityConfig::COMPONENTS {
        let modality = ModalityConfig::read(name, serde_json::json!({}))?;
        if !modality.augmentations().is_empty() {
            section(
                &format!("input_features[].augmentation[].type, of {name}"),
                modality.augmentations(),
            );
        }
    }
    for layout in [Layout::Grid, Layout::Sequence, Layout::Tokens, Layout::Vector] {
        let title = format!("input_features[].encoder.type, reading {layout}");
        let encoders = EncoderConfig::components_for(layout);
        let encoders: Vec<_> = encoders.map(|encoder| (encoder.name, encoder.summary)).collect();
        section(&title, &encoders);
    }
    section("combiner.type", CombinerConfig::COMPONENTS);
    section("output_features[].type", TargetConfig::COMPONENTS);
    section("output_features[].loss.type", LossConfig::COMPONENTS);
    section("preprocessing.split.type", &SplitConfig::components().collect::<Vec<_>>());
    for kind in OutputKind::ALL {
        let metrics: Vec<_> =
            metrics_for(kind).map(|metric| (metric.name, metric.summary)).collect();
        section(&format!("metrics of {kind}"), &metrics);
    }
    print(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
