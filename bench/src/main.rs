//! Times one case of the comparison with our kernels, and prints one line of JSON.
//!
//! `sensorium-bench CASE --threads N`; `bench/kernels/compare.py` runs it beside the peers, whose
//! programs in `bench/kernels/models.py` have the same layers in the same order.

mod bert;
mod convolution;
mod encoder;
mod layer;
mod measure;
mod random;
mod recurrent;
mod resnet;
mod single;
mod training;
mod transformer;
mod trimodal;
mod vgg;

use std::error::Error;
use std::io::Write;
use std::num::NonZero;
use std::time::Duration;

use burn::tensor::Device;
use sensorium_kernels::{peak_flops, set_num_threads};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The case that measures the machine itself.
const PEAK: &str = "peak";
/// Of all random weights and inputs.
const SEED: u64 = 7;

/// One repetition of a case; what it needs was made before.
type Repetition = Box<dyn FnMut()>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (case, num_threads) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [case] => (case, NonZero::<usize>::MIN),
        [case, "--threads", count] => (case, count.parse()?),
        _ => return Err("usage: sensorium-bench CASE [--threads N]".into()),
    };
    set_num_threads(num_threads);
    // Burn's own operations run on rayon's threads.
    rayon::ThreadPoolBuilder::new().num_threads(num_threads.get()).build_global()?;
    Device::flex().seed(SEED);
    if case == PEAK {
        let line = json!({ "flops_per_second": peak_flops(Duration::from_secs(1)) });
        writeln!(std::io::stdout(), "{line}")?;
        return Ok(());
    }

    let repetition = repetition(case).ok_or_else(|| format!("there is no case `{case}`"))?;
    let measurement = measure::measured(repetition);
    let line = json!({
        "case": case,
        "engine": "ours",
        "seconds": measurement.seconds,
        "peak_memory_bytes": measurement.peak_memory_bytes,
        "peak_memory_before_bytes": measurement.peak_memory_before_bytes,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// The rows, tokens and width of `scaling-ROWSxTOKENSxWIDTH`.
fn scaled(case: &str) -> Option<[usize; 3]> {
    let sizes = case.strip_prefix("scaling-")?.split('x').map(|size| size.parse().ok());
    sizes.collect::<Option<Vec<usize>>>()?.try_into().ok()
}

/// Builds the case of that name; the list is that of `bench/kernels/cases.py`.
fn repetition(case: &str) -> Option<Repetition> {
    if let Some(sizes) = scaled(case) {
        return Some(transformer::train_scaled(sizes, &Device::flex().autodiff()));
    }
    let training = Device::flex().autodiff();
    let inference = Device::flex();
    if case.starts_with("encoder-") {
        return encoder::forward(case, &inference);
    }
    Some(match case {
        "train-resnet18" => resnet::train_resnet18(&training),
        "train-trimodal" => trimodal::train(&training),
        "train-transformer" => transformer::train(&training),
        "train-lstm" => recurrent::train_lstm(&training),
        "train-gru" => recurrent::train_gru(&training),
        "conv3x3-forward" => single::convolution_forward(&inference),
        "conv3x3-step" => single::convolution_step(&training),
        "attention512-forward" => single::attention_forward(&inference),
        "attention512-step" => single::attention_step(&training),
        "matmul-2048" => single::product(&inference),
        "resnet50-b1" => resnet::resnet50(1, &inference),
        "resnet50-b16" => resnet::resnet50(16, &inference),
        "vgg16-b1" => vgg::vgg16(1, &inference),
        "vgg16-b4" => vgg::vgg16(4, &inference),
        "bert-1x128" => bert::base(1, 128, &inference),
        "bert-16x128" => bert::base(16, 128, &inference),
        "minilm-32x64" => bert::minilm(32, 64, &inference),
        _ => return None,
    })
}
