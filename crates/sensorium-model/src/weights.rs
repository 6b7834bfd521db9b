//! The weights of a model under stable, readable names.
//!
//! A name is made of the config's words, the column and the layer
//! (`input_features.photo.encoder.blocks.0.weight`), never of the order or the process in which
//! the model was made. Running statistics are weights too.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use sensorium_core::{ColumnName, Hint};

use crate::Model;

/// Why named tensors are not the weights of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// A weight of the model that is not among the tensors.
    #[error("the weight `{name}` is missing")]
    Missing {
        /// The weight.
        name: String,
    },
    /// A tensor that the model has no weight for.
    #[error("`{name}` is not a weight of this model")]
    Extra {
        /// The tensor.
        name: String,
    },
    /// A tensor of another shape than the weight.
    #[error("the weight `{name}` has the shape {got:?}, but {expected:?} was expected")]
    Shape {
        /// The weight.
        name: String,
        /// The tensor's shape.
        got: Vec<usize>,
        /// The weight's shape.
        expected: Vec<usize>,
    },
    /// A tensor of other numbers than 32-bit floats.
    #[error("the weight `{name}` is of type {got}, but F32 was expected")]
    Type {
        /// The weight.
        name: String,
        /// The tensor's type.
        got: String,
    },
}

impl Hint for WeightsError {
    fn hint(&self) -> Option<String> {
        Some("the tensors belong to a model of another config".to_owned())
    }
}

/// Every weight of a model by its name.
///
/// Two models with the same names and tensors predict the same bytes.
#[must_use]
pub fn named(model: &Model) -> BTreeMap<String, TensorData> {
    collected(model, |_| true)
}

/// The weights that training moves: all but those of frozen encoders, which are the published ones.
#[must_use]
pub fn trained(model: &Model) -> BTreeMap<String, TensorData> {
    let frozen = frozen_prefixes(model);
    collected(model, |name| !frozen.iter().any(|prefix| name.starts_with(prefix)))
}

/// Gives a model the weights that [`trained`] gave of one like it; those of frozen encoders stay.
///
/// # Errors
///
/// As [`load`].
pub fn load_trained(
    model: Model,
    mut tensors: BTreeMap<String, TensorData>,
) -> Result<Model, WeightsError> {
    let frozen = frozen_prefixes(&model);
    tensors.extend(collected(&model, |name| frozen.iter().any(|prefix| name.starts_with(prefix))));
    load(model, tensors)
}

pub(crate) fn frozen_prefixes(model: &Model) -> Vec<String> {
    let prefix =
        |input: usize| format!("input_features.{}.encoder.", escaped(&model.input_names()[input]));
    model.frozen_inputs().into_iter().map(prefix).collect()
}

fn collected(model: &Model, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, TensorData> {
    // Running statistics of the last training batch are merged in by `valid` alone.
    let model = model.valid();
    let place = Place::in_model(&model);
    let mut visitor = Collect { place, wanted, tensors: BTreeMap::new() };
    model.visit(&mut visitor);
    visitor.tensors
}

/// Gives a model its weights; all of them are replaced, or none.
///
/// # Errors
///
/// [`WeightsError`] for the first weight that is missing or of another shape or type, in the order
/// of the names, and then for the first tensor that is not a weight of the model.
pub fn load(
    model: Model,
    mut tensors: BTreeMap<String, TensorData>,
) -> Result<Model, WeightsError> {
    let shapes = shapes(&model);
    for (name, expected) in &shapes.by_name {
        let Some(tensor) = tensors.get(name) else {
            return Err(WeightsError::Missing { name: name.clone() });
        };
        check(name, tensor, expected)?;
    }
    if let Some(name) = tensors.keys().find(|name| !shapes.by_name.contains_key(*name)) {
        return Err(WeightsError::Extra { name: name.clone() });
    }
    let model = if shapes.all_drawn { unshared(&model) } else { model };
    let place = Place::in_model(&model);
    Ok(model.map(&mut Replace { place, tensors: &mut tensors }))
}

/// The name of every weight with its shape.
pub(crate) fn shapes(model: &Model) -> Shapes {
    let place = Place::in_model(model);
    let mut visitor = Shapes { place, by_name: BTreeMap::new(), all_drawn: true };
    model.visit(&mut visitor);
    visitor
}

/// Checks that a tensor holds 32-bit floats in the shape that is expected.
pub(crate) fn check(
    name: &str,
    tensor: &TensorData,
    expected: &[usize],
) -> Result<(), WeightsError> {
    let got = tensor.shape().as_slice();
    if got != expected {
        let (got, expected) = (got.to_vec(), expected.to_vec());
        return Err(WeightsError::Shape { name: name.to_owned(), got, expected });
    }
    if tensor.dtype() != DType::F32 {
        let got = format!("{:?}", tensor.dtype());
        return Err(WeightsError::Type { name: name.to_owned(), got });
    }
    Ok(())
}

/// The same model with running statistics of its own: Burn shares them between clones, and keeps
/// those of the last training batch apart, which would come back over what is loaded.
fn unshared(model: &Model) -> Model {
    let trains = model.devices().iter().any(burn::tensor::Device::is_autodiff);
    let model = model.valid();
    if trains { model.train() } else { model }
}

/// Where a walk over a model stands.
#[derive(Debug)]
pub(crate) struct Place {
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// `None` for steps that a name leaves out.
    steps: Vec<Option<String>>,
}

impl Place {
    pub(crate) fn in_model(model: &Model) -> Self {
        let escaped = |names: &[ColumnName]| names.iter().map(escaped).collect();
        Self {
            inputs: escaped(model.input_names()),
            outputs: escaped(model.output_names()),
            steps: Vec::new(),
        }
    }

    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        let section = match self.steps.as_slice() {
            [Some(section)] => section.as_str(),
            _ => "",
        };
        let column = |columns: &[String], part: &str| {
            let index: usize =
                name.parse().expect("Burn names the entries of a list by their index");
            format!("{}.{part}", columns[index])
        };
        let step = match section {
            "input_features" => Some(column(&self.inputs, "encoder")),
            "output_features" => Some(column(&self.outputs, "decoder")),
            // Which of a role's components it is: the config says so already.
            _ if container.starts_with("Enum:") => None,
            _ => Some(name.to_owned()),
        };
        self.steps.push(step);
    }

    pub(crate) fn leave(&mut self) {
        self.steps.pop();
    }

    /// The name of the parameter here.
    pub(crate) fn name(&self) -> String {
        let steps: Vec<&str> = self.steps.iter().flatten().map(String::as_str).collect();
        steps.join(".")
    }
}

/// A column's name without dots, so that no two parameters share a name.
pub(crate) fn escaped(column: &ColumnName) -> String {
    column.as_str().replace('%', "%25").replace('.', "%2E")
}

struct Collect<W> {
    place: Place,
    wanted: W,
    tensors: BTreeMap<String, TensorData>,
}

impl<W: Fn(&str) -> bool> ModuleVisitor for Collect<W> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.place.name();
        if (self.wanted)(&name) {
            self.tensors.insert(name, param.transform_for_save().val().into_data());
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.leave();
    }
}

/// The names and shapes of a model's weights.
pub(crate) struct Shapes {
    place: Place,
    pub(crate) by_name: BTreeMap<String, Vec<usize>>,
    /// Whether every weight has been drawn or loaded before.
    all_drawn: bool,
}

impl ModuleVisitor for Shapes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.by_name.insert(self.place.name(), param.lazy_shape().as_slice().to_vec());
        self.all_drawn &= param.is_initialized();
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.leave();
    }
}

struct Replace<'a> {
    place: Place,
    tensors: &'a mut BTreeMap<String, TensorData>,
}

impl ModuleMapper for Replace<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let tensor = self.tensors.remove(&self.place.name()).expect("every name was checked");
        let (id, device) = (param.id, param.lazy_device());
        param.transform_for_load(Tensor::from_data(tensor, &device), id)
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.leave();
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use sensorium_core::FeatureShape;
    use sensorium_modality::Features;

    use super::*;
    use crate::FeatureBatch;
    use crate::testkit::model_spec;

    fn model() -> Model {
        Model::build(&model_spec("concat"), &Device::flex()).unwrap()
    }

    #[test]
    fn names_hold_the_column_and_the_layer_and_not_the_process() {
        let names: Vec<String> = named(&model()).into_keys().collect();
        for expected in [
            "input_features.a.encoder.stack.layers.0.linear.weight",
            "input_features.c.encoder.stack.layers.1.batch_norm.running_mean",
            "output_features.category.decoder.decoder.output.bias",
        ] {
            assert!(names.iter().any(|name| name == expected), "{expected} is not in {names:#?}");
        }
        assert_eq!(names, named(&model()).into_keys().collect::<Vec<_>>());
    }

    #[test]
    fn the_names_hold_every_number_of_the_model() {
        let model = model();
        let num_values: usize = named(&model).values().map(TensorData::num_elements).sum();
        assert_eq!(num_values, model.num_parameters());
    }

    #[test]
    fn a_dot_in_a_column_cannot_make_two_weights_share_a_name() {
        let mut spec = model_spec("concat");
        spec.inputs[1].name = ColumnName::from("a.encoder");
        let names = named(&Model::build(&spec, &Device::flex()).unwrap());
        assert!(names.keys().any(|name| name.starts_with("input_features.a%2Eencoder.encoder.")));
        assert_eq!(names.len(), named(&model()).len());
    }

    fn refusal(change: impl Fn(&mut BTreeMap<String, TensorData>)) -> String {
        let mut tensors = named(&model());
        change(&mut tensors);
        load(model(), tensors).unwrap_err().to_string()
    }

    const BIAS: &str = "output_features.category.decoder.decoder.output.bias";

    #[test]
    fn a_missing_an_extra_and_a_wrong_tensor_are_named() {
        assert_eq!(
            refusal(|tensors| drop(tensors.remove(BIAS))),
            format!("the weight `{BIAS}` is missing")
        );
        assert_eq!(
            refusal(|tensors| drop(tensors.insert("x".into(), TensorData::from([1.0_f32])))),
            "`x` is not a weight of this model"
        );
        assert_eq!(
            refusal(|tensors| drop(tensors.insert(BIAS.into(), TensorData::from([1.0_f32])))),
            format!("the weight `{BIAS}` has the shape [1], but [3] was expected")
        );
        assert_eq!(
            refusal(|tensors| drop(tensors.insert(BIAS.into(), TensorData::from([1.0_f64; 3])))),
            format!("the weight `{BIAS}` is of type F64, but F32 was expected")
        );
    }

    #[test]
    fn running_statistics_are_saved_as_they_are_after_the_last_batch_and_loaded_over_it() {
        let device = Device::flex().autodiff();
        let train_batch = |model: &Model| {
            let rows = [Features::Vector(vec![3.0, -2.0]), Features::Vector(vec![5.0, 1.0])];
            let rows: Vec<Option<&Features>> = rows.iter().map(Some).collect();
            let shape = FeatureShape::Vector { width: 2 };
            let absent = FeatureBatch { present: vec![false; 2], values: None };
            let batch = FeatureBatch::collate(&rows, &shape, &device);
            drop(model.encode(&[batch, absent.clone(), absent], &device));
        };
        let model = Model::build(&model_spec("concat"), &device).unwrap();
        let fresh = named(&model);
        train_batch(&model);
        let once = named(&model);
        assert_ne!(fresh, once, "one batch moves the running statistics");
        train_batch(&model);
        let twice = named(&model);

        // Loading over a model whose last batch is not merged in yet.
        train_batch(&model);
        let loaded = load(model.clone(), once.clone()).unwrap();
        assert_eq!(named(&loaded), once);
        train_batch(&loaded);
        assert_eq!(named(&loaded), twice, "training goes on from what was loaded");
        assert_ne!(named(&model), twice, "and leaves the model that it was cloned from alone");
    }
}
