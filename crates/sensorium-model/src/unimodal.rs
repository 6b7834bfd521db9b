//! The losses of each input by itself, beside that of all of them.
//!
//! Trained on their joint prediction alone, the input that is learned first ends the others'
//! gradients: where it is right, nothing is left to learn from them.
//!
//! Source: Wang, Tran and Feiszli 2020, "What Makes Training Multi-modal Classification Networks
//! Hard?", section 3 (<https://arxiv.org/abs/1905.12681>). Differs: an input alone goes through the
//! same combiner and heads as all of them, as it does at prediction, and every input counts alike.

use burn::tensor::Tensor;

use crate::{Embedding, Losses, Model, TargetBatch};

/// The logits of all inputs together, and of some of them alone.
#[derive(Clone, Debug)]
pub struct StepLogits {
    together: Vec<Tensor<2>>,
    alone: Vec<Alone>,
}

/// The logits of one input alone.
#[derive(Clone, Debug)]
struct Alone {
    logits: Vec<Tensor<2>>,
    /// The rows that have the input.
    present: Vec<bool>,
}

impl Model {
    /// The logits of all inputs together, and of each input of `alone` by itself.
    ///
    /// # Panics
    ///
    /// If there is not one embedding for each input column, or if `alone` names an input that there
    /// is not.
    #[must_use]
    pub fn step_logits(&self, embeddings: &[Embedding], alone: &[usize]) -> StepLogits {
        let together = self.logits(&self.fuse(embeddings));
        let alone = alone.iter().map(|&input| self.alone(input, embeddings)).collect();
        StepLogits { together, alone }
    }

    fn alone(&self, input: usize, embeddings: &[Embedding]) -> Alone {
        let present = embeddings[input].present.to_data().iter().collect();
        Alone { logits: self.logits_alone(input, embeddings), present }
    }

    /// The logits of one input by itself, whatever the rows that lack it give: one `[B, K]` for each
    /// output.
    ///
    /// # Panics
    ///
    /// As [`Model::step_logits`].
    #[must_use]
    pub fn logits_alone(&self, input: usize, embeddings: &[Embedding]) -> Vec<Tensor<2>> {
        let alone = embeddings.iter().enumerate().map(|(other, embedding)| {
            if other == input { embedding.clone() } else { embedding.absent() }
        });
        let alone: Vec<Embedding> = alone.collect();
        self.logits(&self.fuse(&alone))
    }

    /// The losses of the inputs together; `objective` has `weight` times the mean of those of each
    /// input that was alone in it, which are taken over the rows that have it.
    ///
    /// # Panics
    ///
    /// If there is not one target a row for each output.
    #[must_use]
    pub fn losses(&self, logits: &StepLogits, targets: &[TargetBatch], weight: f64) -> Losses {
        let losses = self.loss(&logits.together, targets);
        if logits.alone.is_empty() {
            return losses;
        }
        let alone = logits.alone.iter().map(|Alone { logits, present }| {
            let targets: Vec<TargetBatch> = targets.iter().map(|it| it.kept(present)).collect();
            self.loss(logits, &targets).combined
        });
        let mean = Tensor::cat(alone.collect(), 0).mean();
        Losses { objective: losses.objective + mean * weight, ..losses }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use sensorium_core::FeatureShape;
    use sensorium_modality::Features;

    use super::*;
    use crate::FeatureBatch;
    use crate::combiner::CombinerConfig;
    use crate::testkit::{model_spec, values};

    const WIDTHS: [usize; 3] = [2, 3, 1];

    /// Three rows of the three columns of the kit's model; the second column is absent in row 1.
    fn batches(device: &Device) -> Vec<FeatureBatch> {
        let columns = WIDTHS.into_iter().enumerate();
        let batch = |(column, width): (usize, usize)| {
            let number = |row: usize, at: usize| ((column * 17 + row * 5 + at) as f32).sin();
            let row = |row| Features::Vector((0..width).map(|at| number(row, at)).collect());
            let rows: Vec<Features> = (0..3).map(row).collect();
            let present = |row: usize| (column, row) != (1, 1);
            let rows: Vec<Option<&Features>> =
                rows.iter().enumerate().map(|(at, row)| present(at).then_some(row)).collect();
            FeatureBatch::collate(&rows, &FeatureShape::Vector { width }, device)
        };
        columns.map(batch).collect()
    }

    fn targets() -> Vec<TargetBatch> {
        vec![
            TargetBatch::Class(vec![Some(0), Some(2), None]),
            TargetBatch::Class(vec![Some(1), Some(0), Some(1)]),
            TargetBatch::Number(vec![Some(0.5), Some(-1.0), Some(2.0)]),
        ]
    }

    #[test]
    fn each_input_is_judged_by_the_rows_that_have_it_and_from_it_alone() {
        for (name, _) in CombinerConfig::COMPONENTS {
            check(name);
        }
    }

    fn check(combiner: &str) {
        let device = Device::flex();
        let model = Model::build(&model_spec(combiner), &device).unwrap();
        let embeddings = model.encode(&batches(&device), &device);
        let together = model.loss(&model.logits(&model.fuse(&embeddings)), &targets());
        let alone = (0..3).map(|input| {
            // Row 1 lacks the second column.
            let rows: Vec<bool> = (0..3).map(|row| (input, row) != (1, 1)).collect();
            let keep = |other: usize| vec![other == input; 3];
            let alone: Vec<Embedding> =
                embeddings.iter().enumerate().map(|(at, it)| it.keep(&keep(at))).collect();
            let targets: Vec<TargetBatch> = targets().iter().map(|it| it.kept(&rows)).collect();
            values(&model.loss(&model.logits(&model.fuse(&alone)), &targets).combined)[0]
        });
        let alone: Vec<f32> = alone.collect();
        assert!(alone.iter().all(|loss| loss.is_finite() && *loss > 0.0), "{alone:?}");

        let all = model.losses(&model.step_logits(&embeddings, &[0, 1, 2]), &targets(), 0.5);
        let expected = values(&together.combined)[0] + 0.5 * alone.iter().sum::<f32>() / 3.0;
        assert!((values(&all.objective)[0] - expected).abs() < 1e-5, "{combiner}");
        let one = model.losses(&model.step_logits(&embeddings, &[1]), &targets(), 2.0);
        let expected = values(&together.combined)[0] + 2.0 * alone[1];
        assert!((values(&one.objective)[0] - expected).abs() < 1e-5);
        assert_eq!(values(&all.combined), values(&together.combined));
        for (all, together) in all.each.iter().zip(&together.each) {
            assert_eq!(values(all), values(together), "what is reported is of all inputs");
        }
    }

    #[test]
    fn without_inputs_to_judge_alone_the_losses_are_those_of_all() {
        let device = Device::flex();
        let model = Model::build(&model_spec("concat"), &device).unwrap();
        let embeddings = model.encode(&batches(&device), &device);
        let together = model.loss(&model.logits(&model.fuse(&embeddings)), &targets());
        let none = model.losses(&model.step_logits(&embeddings, &[]), &targets(), 1.0);
        assert_eq!(values(&none.objective), values(&together.combined));
    }
}
