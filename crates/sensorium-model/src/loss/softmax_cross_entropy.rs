//! The cross entropy of a softmax: how surprised the class probabilities are by the true class.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_kernels::weighted_cross_entropy;
use serde::{Deserialize, Serialize};

use super::targets::{Known, zero};
use super::{Classes, Loss, LossInput, TargetBatch, check_weight, rounded};
use crate::Build;

/// What each class weighs in the mean over rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// One weight a class, in the order of the classes: by falling frequency in the train rows.
    Each(Vec<f32>),
    /// The weight of some classes by their labels, Ludwig's form; the others weigh 1.
    Named(BTreeMap<String, f32>),
    /// `balanced`: so that every class weighs the same in all.
    #[serde(with = "balanced")]
    Balanced,
}

/// The one word that [`ClassWeights`] may be.
mod balanced {
    use serde::de::{Deserialize, Deserializer, Error, Unexpected};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("balanced")
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == "balanced" {
            return Ok(());
        }
        Err(D::Error::invalid_value(
            Unexpected::Str(&word),
            &"`balanced`, a weight for each label, or a list of weights",
        ))
    }
}

impl ClassWeights {
    /// The mean weight of the rows' classes, where there is a weight for each class.
    fn mean(&self, rows_per_class: &[u64]) -> Option<f64> {
        let Self::Each(weights) = self else { return None };
        let num_rows: u64 = rows_per_class.iter().sum();
        let classes = weights.iter().zip(rows_per_class);
        let sum: f64 = classes.map(|(&weight, &rows)| f64::from(weight) * rows as f64).sum();
        (num_rows > 0 && weights.len() == rows_per_class.len()).then(|| sum / num_rows as f64)
    }

    /// One weight a class, from the labels that have one.
    fn of_labels(
        weights: &BTreeMap<String, f32>,
        classes: &Classes<'_>,
    ) -> Result<Vec<f32>, ConfigError> {
        let mut each = vec![1.0; classes.labels.len()];
        for (label, &weight) in weights {
            let class = (classes.index_of)(label).ok_or_else(|| {
                let labels = classes.labels.iter().map(String::as_str);
                ConfigError::unknown_value("class_weights", label, labels)
            })?;
            each[class] = weight;
        }
        Ok(each)
    }

    /// Rows / (classes × rows of the class), as scikit-learn's `class_weight="balanced"`; 1 for a
    /// class without rows.
    #[must_use]
    pub fn balanced(rows_per_class: &[u64]) -> Vec<f32> {
        let num_rows: u64 = rows_per_class.iter().sum();
        let share = num_rows as f64 / rows_per_class.len() as f64;
        let weight = |&rows: &u64| if rows == 0 { 1.0 } else { share / rows as f64 };
        rows_per_class.iter().map(weight).map(rounded).collect()
    }
}

/// `softmax_cross_entropy`.
///
/// | field | default | range |
/// |---|---|---|
/// | `class_weights` | none | `balanced`, numbers above 0 by label, or a list of them, one a class |
/// | `label_smoothing` | 0 | 0 or more and below 1 |
/// | `weight` | 1 | 0 to 1 000 000 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SoftmaxCrossEntropyConfig {
    /// What each class weighs.
    pub class_weights: Option<ClassWeights>,
    /// The share of each target that is spread over all classes alike.
    pub label_smoothing: f64,
    /// The part that this loss has in the sum over all outputs.
    pub weight: f64,
    /// The mean of the true classes' weights over the train rows, counted and not written: what a
    /// batch's sum is divided by in the place of the batch's own mean.
    #[serde(skip)]
    pub mean_class_weight: Option<f64>,
}

impl Default for SoftmaxCrossEntropyConfig {
    fn default() -> Self {
        Self { class_weights: None, label_smoothing: 0.0, weight: 1.0, mean_class_weight: None }
    }
}

impl SoftmaxCrossEntropyConfig {
    /// The same with what is known of the classes: the weights that `balanced` and labels stand for,
    /// and the mean over rows.
    pub(super) fn resolve(&mut self, classes: &Classes<'_>) -> Result<(), ConfigError> {
        let each = match &self.class_weights {
            None | Some(ClassWeights::Each(_)) => None,
            Some(ClassWeights::Balanced) => Some(ClassWeights::balanced(classes.counts)),
            Some(ClassWeights::Named(weights)) => Some(ClassWeights::of_labels(weights, classes)?),
        };
        self.class_weights = each.map(ClassWeights::Each).or(self.class_weights.take());
        self.mean_class_weight =
            self.class_weights.as_ref().and_then(|weights| weights.mean(classes.counts));
        Ok(())
    }

    /// One weight a class, checked.
    fn class_weights(&self, num_classes: usize) -> Result<Option<Vec<f32>>, ConfigError> {
        let weights = match &self.class_weights {
            None => return Ok(None),
            Some(ClassWeights::Each(weights)) => weights,
            Some(ClassWeights::Balanced | ClassWeights::Named(_)) => {
                let expected = "one number a class: the classes are looked at first";
                return Err(ConfigError::invalid("class_weights", "no list", expected));
            }
        };
        if weights.len() != num_classes {
            let got = format!("a list of {}", weights.len());
            let expected = format!("one number for each of the {num_classes} classes");
            return Err(ConfigError::invalid("class_weights", got, expected));
        }
        for (class, &weight) in weights.iter().enumerate() {
            in_range(&format!("class_weights[{class}]"), weight, f32::MIN_POSITIVE..=1e6)?;
        }
        Ok(Some(weights.clone()))
    }
}

/// The weighted mean of −log p(true class).
///
/// Parity: `torch.nn.CrossEntropyLoss(weight=…, label_smoothing=…)`, which divides by the sum of
/// the true classes' weights. Where the train rows of each class are counted, that sum is what it is
/// on average, as in scikit-learn's objective: a batch's own sum makes a rare class count less
/// than its weight in a batch that has it, and all others more in one that lacks it.
#[derive(Module, Debug)]
pub struct SoftmaxCrossEntropy {
    #[module(skip)]
    class_weights: Option<Vec<f32>>,
    mean_class_weight: Option<f64>,
    label_smoothing: f64,
    weight: f64,
}

impl Build for SoftmaxCrossEntropy {
    type Config = SoftmaxCrossEntropyConfig;
    type Input = LossInput;

    fn build(
        config: &SoftmaxCrossEntropyConfig,
        input: &LossInput,
        _: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("label_smoothing", config.label_smoothing, 0.0..1.0)?;
        check_weight(config.weight)?;
        Ok(Self {
            class_weights: config.class_weights(input.num_outputs)?,
            mean_class_weight: config.mean_class_weight.filter(|mean| *mean > 0.0),
            label_smoothing: config.label_smoothing,
            weight: config.weight,
        })
    }
}

impl SoftmaxCrossEntropy {
    /// What each number of −log p weighs in the mean: `[N, K]`.
    ///
    /// With ε for the smoothing and w for the class weights that is `w_c (ε / K + (1 − ε) [c = y])`,
    /// over the sum of the true classes' w, counted or expected.
    fn shares(&self, classes: &[usize], num_classes: usize) -> TensorData {
        let weight = |class: usize| {
            self.class_weights.as_ref().map_or(1.0, |weights| f64::from(weights[class]))
        };
        let total = match self.mean_class_weight {
            Some(mean) => mean * classes.len() as f64,
            None => classes.iter().map(|&class| weight(class)).sum(),
        };
        let spread = self.label_smoothing / num_classes as f64;
        let share = |truth: usize, class: usize| {
            let own = if class == truth { 1.0 - self.label_smoothing } else { 0.0 };
            rounded(weight(class) * (spread + own) / total)
        };
        let shares: Vec<f32> = classes
            .iter()
            .flat_map(|&truth| (0..num_classes).map(move |class| (truth, class)))
            .map(|(truth, class)| share(truth, class))
            .collect();
        TensorData::new(shares, [classes.len(), num_classes])
    }
}

impl Loss for SoftmaxCrossEntropy {
    fn forward(&self, logits: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        let Some(known) = Known::of(&logits, targets.classes()) else { return zero(logits) };
        let [_, num_classes] = known.logits.dims();
        let out_of_range = known.targets.iter().find(|&&class| class >= num_classes);
        assert_eq!(out_of_range, None, "a class of {num_classes}");
        let device = known.logits.device();
        let shares = Tensor::<2>::from_data(self.shares(&known.targets, num_classes), &device);
        weighted_cross_entropy(known.logits, shares)
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn heads(&self) -> &'static [&'static str] {
        &["category"]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::loss::LossConfig;
    use crate::testkit::assert_close;

    fn loss(keys: serde_json::Value, logits: [[f32; 3]; 2], classes: [usize; 2]) -> Tensor<1> {
        let config: SoftmaxCrossEntropyConfig = sensorium_core::config::read(keys).unwrap();
        let input = LossInput { num_outputs: 3 };
        let loss = SoftmaxCrossEntropy::build(&config, &input, &Device::flex()).unwrap();
        let logits = Tensor::from_floats(logits, &Device::flex());
        loss.forward(logits, &TargetBatch::Class(classes.map(Some).to_vec()))
    }

    // Row 0 has log p = (ln ½, ln ¼, ln ¼), row 1 has log p = (ln ⅛, ln ⅛, ln ¾).
    const LN_2: f32 = std::f32::consts::LN_2;
    const LN_6: f32 = 1.791_759_5;
    const LOGITS: [[f32; 3]; 2] = [[LN_2, 0.0, 0.0], [0.0, 0.0, LN_6]];

    #[test]
    fn it_is_the_mean_surprise_at_the_true_class() {
        // (−ln ¼ − ln ¾) / 2
        assert_close("loss", &loss(json!({}), LOGITS, [1, 2]), &[0.836_988_2], 1e-6);
    }

    #[test]
    fn class_weights_weigh_the_mean() {
        // (2·(−ln ¼) + 0.5·(−ln ¾)) / 2.5
        let keys = json!({"class_weights": [1.0, 2.0, 0.5]});
        assert_close("loss", &loss(keys, LOGITS, [1, 2]), &[1.166_571_9], 1e-6);
    }

    #[test]
    fn smoothing_spreads_a_share_of_the_target_over_all_classes() {
        // Row 0: 0.7·ln 4 + 0.1·(ln 2 + ln 4 + ln 4); row 1: 0.7·ln 4/3 + 0.1·(2·ln 8 + ln 4/3).
        let keys = json!({"label_smoothing": 0.3});
        assert_close("loss", &loss(keys, LOGITS, [1, 2]), &[0.981_506_8], 1e-6);
    }

    #[test]
    fn smoothing_and_weights_go_together_as_in_torch() {
        // [0.7·2·ln 4 + 0.1·(1·ln 2 + 2·ln 4 + 0.5·ln 4)
        //  + 0.7·0.5·ln 4/3 + 0.1·(1·ln 8 + 2·ln 8 + 0.5·ln 4/3)] / 2.5
        let keys = json!({"class_weights": [1.0, 2.0, 0.5], "label_smoothing": 0.3});
        assert_close("loss", &loss(keys, LOGITS, [1, 2]), &[1.238_242_3], 1e-6);
    }

    #[test]
    fn huge_logits_stay_finite() {
        let logits = [[1e30, 0.0, 0.0], [-1e30, 0.0, 0.0]];
        assert_close("loss", &loss(json!({}), logits, [0, 1]), &[LN_2 / 2.0], 1e-6);
    }

    /// The config once it knows that one train row holds `a` and three hold `b`.
    fn resolved(config: LossConfig) -> Result<serde_json::Value, ConfigError> {
        let labels = ["a".to_owned(), "b".to_owned()];
        let index_of = |label: &str| labels.iter().position(|own| own == label);
        let classes = Classes { labels: &labels, counts: &[1, 3], index_of: &index_of };
        Ok(serde_json::to_value(config.with_classes(&classes)?).unwrap())
    }

    #[test]
    fn weights_by_label_reach_their_classes_and_the_others_weigh_one() {
        let read = |weights| {
            LossConfig::read("softmax_cross_entropy", json!({ "class_weights": weights })).unwrap()
        };
        let weights = resolved(read(json!({"b": 0.5}))).unwrap();
        assert_eq!(weights["class_weights"], json!([1.0, 0.5]));
        let error = resolved(read(json!({"c": 2.0}))).unwrap_err();
        assert_eq!(error.to_string(), "`class_weights` is `c`, which is not one of its values");
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        assert_eq!(ClassWeights::balanced(&[6, 3, 0, 3]), [0.5, 1.0, 1.0, 1.0]);
        let config =
            LossConfig::read("softmax_cross_entropy", json!({"class_weights": "balanced"}));
        let resolved = resolved(config.unwrap()).unwrap();
        assert_eq!(resolved["class_weights"], json!([2.0, 0.666_666_686_534_881_6]));
    }

    #[test]
    fn class_weights_that_do_not_fit_are_refused() {
        let build = |keys| {
            let config: SoftmaxCrossEntropyConfig = sensorium_core::config::read(keys).unwrap();
            let input = LossInput { num_outputs: 3 };
            SoftmaxCrossEntropy::build(&config, &input, &Device::flex()).unwrap_err().to_string()
        };
        assert_eq!(
            build(json!({"class_weights": [1.0, 2.0]})),
            "`class_weights` is a list of 2, but one number for each of the 3 classes was expected"
        );
        let zero = build(json!({"class_weights": [1.0, 0.0, 2.0]}));
        assert!(zero.starts_with("`class_weights[1]` is 0, but "), "{zero}");
    }
}
