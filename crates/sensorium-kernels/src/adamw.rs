//! One step of `AdamW` over all parameters.
//!
//! Source: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2
//! (<https://arxiv.org/abs/1711.05101>).

use crate::instruction_set::for_instruction_sets;
use crate::team;

/// Numbers that one task works on: enough to outweigh handing it to another core.
const CHUNK: usize = 16_384;

/// The factors of a step.
///
/// With m and v for the running means of the gradient g and of its square, a step is
/// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← `keep` w − `step_size` m / (√v /
/// `root_correction` + `epsilon`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// What gradients are multiplied with before anything else.
    pub clip: f32,
    /// What is left of a weight after its decay.
    pub keep: f32,
    /// β₁ and β₂.
    pub betas: [f32; 2],
    /// The learning rate over 1 − β₁ᵗ.
    pub step_size: f32,
    /// √(1 − β₂ᵗ).
    pub root_correction: f32,
    /// Added to the root, so that nothing is divided by zero.
    pub epsilon: f32,
}

/// A parameter, its gradient and what is remembered of it; all of one length.
#[derive(Debug)]
pub struct AdamWParameter<'a> {
    /// The factors of this parameter.
    pub step: AdamWStep,
    /// The weights before the step.
    pub values: &'a [f32],
    /// Their gradient.
    pub gradient: &'a [f32],
    /// The running mean of the gradient, moved on.
    pub first_moment: &'a mut [f32],
    /// The running mean of its square, moved on.
    pub second_moment: &'a mut [f32],
}

/// Takes a step with all parameters, in one pass over their memory, and gives the new weights.
///
/// Every number is worked out by itself, so the result does not depend on the number of threads.
///
/// # Panics
///
/// If the parts of a parameter are not of one length.
#[must_use]
pub fn adamw(parameters: Vec<AdamWParameter<'_>>) -> Vec<Vec<f32>> {
    let lens: Vec<usize> = parameters.iter().map(|parameter| parameter.values.len()).collect();
    let mut outputs: Vec<Vec<f32>> = lens.iter().map(|&len| Vec::with_capacity(len)).collect();
    let mut tasks = Vec::new();
    for (parameter, output) in parameters.into_iter().zip(&mut outputs) {
        let AdamWParameter { step, values, gradient, first_moment, second_moment } = parameter;
        let len = values.len();
        assert!(
            [gradient.len(), first_moment.len(), second_moment.len()] == [len; 3],
            "adamw: a parameter of {len} needs as many gradients and moments"
        );
        tasks.extend(
            values
                .chunks(CHUNK)
                .zip(gradient.chunks(CHUNK))
                .zip(first_moment.chunks_mut(CHUNK))
                .zip(second_moment.chunks_mut(CHUNK))
                .zip(output.spare_capacity_mut()[..len].chunks_mut(CHUNK))
                .map(|((((values, gradient), first), second), output)| {
                    (step, values, gradient, first, second, output)
                }),
        );
    }
    team::each(tasks, |(step, values, gradient, first, second, output)| {
        // SAFETY: `step_chunk` writes every number of its output before anyone reads it.
        let output = unsafe {
            std::slice::from_raw_parts_mut(output.as_mut_ptr().cast::<f32>(), output.len())
        };
        step_chunk(&step, values, gradient, first, second, output);
    });
    for (output, len) in outputs.iter_mut().zip(lens) {
        // SAFETY: the tasks have written all of it.
        unsafe { output.set_len(len) };
    }
    outputs
}

for_instruction_sets! {
    fn step_chunk(
        step: &AdamWStep,
        values: &[f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        output: &mut [f32],
    ) {
        let [beta_1, beta_2] = step.betas;
        let numbers = values.iter().zip(gradient).zip(first).zip(second).zip(output);
        for ((((value, gradient), first), second), output) in numbers {
            let gradient = gradient * step.clip;
            *first = beta_1 * *first + (1.0 - beta_1) * gradient;
            *second = beta_2 * *second + (1.0 - beta_2) * gradient * gradient;
            let root = second.sqrt() / step.root_correction + step.epsilon;
            *output = value * step.keep - step.step_size * *first / root;
        }
    }

    /// The sum of the squares, in sixteen lanes of 64 bits.
    fn squares(values: &[f32]) -> f64 {
        let (chunks, rest) = values.as_chunks::<16>();
        let mut lanes = [0.0_f64; 16];
        for chunk in chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(value) * f64::from(value);
            }
        }
        let rest: f64 = rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        lanes.iter().sum::<f64>() + rest
    }
}

/// The length of all gradients together, summed in one order whatever the number of threads.
#[must_use]
pub fn global_norm(gradients: &[&[f32]]) -> f64 {
    let chunks: Vec<&[f32]> =
        gradients.iter().flat_map(|gradient| gradient.chunks(CHUNK)).collect();
    let sums: Vec<f64> = team::map(chunks.len(), |index| squares(chunks[index]));
    sums.iter().sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instruction_set::InstructionSet;

    const STEP: AdamWStep = AdamWStep {
        clip: 0.5,
        keep: 0.99,
        betas: [0.9, 0.999],
        step_size: 0.01,
        root_correction: 0.3,
        epsilon: 1e-8,
    };

    #[test]
    fn a_step_is_the_papers_for_every_number_of_every_parameter() {
        InstructionSet::for_each(|set| {
            let lens = [1, 17, CHUNK + 3];
            let values: Vec<Vec<f32>> = lens.map(|len| vec![2.0; len]).into();
            let mut moments: Vec<[Vec<f32>; 2]> =
                lens.map(|len| [vec![0.1; len], vec![0.2; len]]).into();
            let gradients: Vec<Vec<f32>> = lens.map(|len| vec![-3.0; len]).into();
            let parameters = values.iter().zip(&gradients).zip(&mut moments).map(
                |((values, gradient), [first_moment, second_moment])| AdamWParameter {
                    step: STEP,
                    values,
                    gradient,
                    first_moment,
                    second_moment,
                },
            );
            let outputs = adamw(parameters.collect());
            // g = -1.5, m = 0.09 - 0.15, v = 0.1998 + 0.00225.
            let (first, second) = (-0.06_f64, 0.20205_f64);
            let want = 2.0 * 0.99 - 0.01 * first / (second.sqrt() / 0.3 + 1e-8);
            for (output, len) in outputs.iter().zip(lens) {
                assert_eq!(output.len(), len);
                for got in output {
                    // A few roundings of a number near 2.
                    assert!((f64::from(*got) - want).abs() < 1e-6, "{set:?}: {got} is not {want}");
                }
            }
        });
    }

    #[test]
    fn the_norm_is_over_all_gradients_together() {
        let long = vec![1.0; CHUNK + 21];
        let norm = global_norm(&[&[3.0, 4.0], &long, &[]]);
        assert!((norm - (25.0 + long.len() as f64).sqrt()).abs() < 1e-9, "{norm}");
    }
}
