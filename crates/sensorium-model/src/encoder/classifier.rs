//! The classes that a published encoder was trained on.

use burn::module::Module;
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{Bool, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::Encoded;
use crate::layer::{Activation, Bias, Linear};

/// What an encoder hands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputLayer {
    /// What the classifier would read.
    #[default]
    Embedding,
    /// The logits of the classes that the weights were trained on.
    Logits,
    /// The probabilities of those classes.
    Scores,
}

/// How logits become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Of one class among all.
    Softmax,
    /// Of each class by itself.
    Sigmoid,
}

/// The classifier of a published encoder, where its logits are asked for.
#[derive(Module, Debug)]
pub(crate) struct Classifier {
    /// What comes before the last layer, each with its function after it.
    hidden: Vec<Linear>,
    linear: Option<Linear>,
    width: usize,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    link: Option<Link>,
}

impl Classifier {
    /// For embeddings of `width`.
    pub(crate) fn new(
        output: OutputLayer,
        width: usize,
        num_classes: usize,
        device: &Device,
    ) -> Self {
        let num_classes = (output != OutputLayer::Embedding).then_some(num_classes);
        Self::with_hidden(width, &[], Activation::Identity, num_classes, device).giving(output)
    }

    /// The same with probabilities of one class among all, where those are asked for.
    pub(crate) fn giving(self, output: OutputLayer) -> Self {
        Self { link: (output == OutputLayer::Scores).then_some(Link::Softmax), ..self }
    }

    /// The same for classes of which several may be right.
    pub(crate) fn of_several(self) -> Self {
        Self { link: self.link.map(|_| Link::Sigmoid), ..self }
    }

    /// For embeddings of `width`, with layers of `hidden` widths before the one of the classes,
    /// where there is one.
    pub(crate) fn with_hidden(
        width: usize,
        hidden: &[usize],
        activation: Activation,
        num_classes: Option<usize>,
        device: &Device,
    ) -> Self {
        let linear = |inputs, outputs| Linear::new(inputs, outputs, Bias::Learned, device);
        let inputs = [&[width], hidden].concat();
        let last = inputs[hidden.len()];
        Self {
            hidden: hidden.iter().zip(&inputs).map(|(&out, &inputs)| linear(inputs, out)).collect(),
            linear: num_classes.map(|classes| linear(last, classes)),
            width: last,
            activation,
            link: None,
        }
    }

    /// `D` of what is handed on.
    pub(crate) fn output_width(&self) -> usize {
        self.linear.as_ref().map_or(self.width, Linear::output_width)
    }

    /// # Shapes
    ///
    /// - `x`: `[…, width]`
    /// - returns: `[…, output width]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let hidden = self.hidden.iter();
        let x = hidden.fold(x, |x, linear| linear.activated(x, self.activation.into()));
        let Some(linear) = &self.linear else { return x };
        let logits = linear.forward(x);
        match self.link {
            None => logits,
            Some(Link::Softmax) => softmax(logits, D - 1),
            Some(Link::Sigmoid) => sigmoid(logits),
        }
    }

    /// The embedding of a map, with each of its cells a token.
    ///
    /// # Shapes
    ///
    /// - `pooled`: `[P, width]`
    /// - `map`: `[P, width, H, W]`
    pub(crate) fn encoded(&self, pooled: Tensor<2>, map: Tensor<4>) -> Encoded {
        let [rows, channels, height, width] = map.dims();
        let cells = map.reshape([rows, channels, height * width]).swap_dims(1, 2);
        let mask = Tensor::<2, Bool>::full([rows, height * width], true, &pooled.device());
        Encoded { pooled: self.forward(pooled), tokens: self.forward(cells), mask }
    }

    /// The embedding of a row that is one token.
    ///
    /// # Shapes
    ///
    /// - `pooled`: `[P, width]`
    pub(crate) fn encoded_alone(&self, pooled: Tensor<2>) -> Encoded {
        let pooled = self.forward(pooled);
        let mask = Tensor::<2, Bool>::full([pooled.dims()[0], 1], true, &pooled.device());
        Encoded { tokens: pooled.clone().unsqueeze_dim(1), pooled, mask }
    }
}
