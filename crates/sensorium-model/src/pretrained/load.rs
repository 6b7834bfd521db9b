//! From published tensors to the parameters of an encoder.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::naming::{Part, Source};
use super::tensors::Tensors;
use super::{Naming, PretrainedError};
use crate::encoder::AnyEncoder;

/// One parameter of an encoder and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The encoder's own path.
    pub(crate) path: String,
    pub(crate) shape: Vec<usize>,
    /// `None` for the encoder's own.
    pub(crate) source: Option<Source>,
}

/// Gives an encoder the tensors of one of its publishers; all of them are replaced, or none.
///
/// # Errors
///
/// [`PretrainedError`] for the first tensor that is missing, of another shape or type, or that the
/// encoder has no place for.
pub(crate) fn load(
    encoder: AnyEncoder,
    name: &str,
    namings: &[Naming],
    tensors: &Tensors,
) -> Result<AnyEncoder, PretrainedError> {
    let (naming, prefix) = fitting(&encoder, name, namings, tensors)?;
    let wanted = sources(&encoder, naming);
    let mut loaded = BTreeMap::new();
    for wanted in &wanted {
        if let Some(source) = &wanted.source {
            let tensor = found(wanted, source, prefix, tensors)?;
            loaded.insert(wanted.path.clone(), tensor);
        }
    }
    no_extra(name, naming, prefix, &wanted, tensors)?;
    Ok(encoder.map(&mut Replace { place: Vec::new(), tensors: loaded }))
}

/// A publisher's names with a prefix, beside the tensors that there are.
struct Candidate<'a> {
    naming: &'a Naming,
    prefix: &'static str,
    num_found: usize,
    missing: Option<String>,
}

impl<'a> Candidate<'a> {
    fn new(naming: &'a Naming, prefix: &'static str, wanted: &[Wanted], tensors: &Tensors) -> Self {
        let sources = wanted.iter().filter_map(|wanted| wanted.source.as_ref());
        let names = sources.map(|source| place(prefix, &source.name, tensors));
        let (found, missing): (Vec<String>, Vec<String>) =
            names.partition(|name| tensors.contains(name));
        Self { naming, prefix, num_found: found.len(), missing: missing.into_iter().next() }
    }
}

/// The publisher whose names the tensors have, and what stands before each.
fn fitting<'a>(
    encoder: &AnyEncoder,
    name: &str,
    namings: &'a [Naming],
    tensors: &Tensors,
) -> Result<(&'a Naming, &'static str), PretrainedError> {
    let mut candidates = Vec::new();
    for naming in namings {
        let wanted = sources(encoder, naming);
        let prefixes = if naming.prefixes.is_empty() { &[""] } else { naming.prefixes };
        candidates
            .extend(prefixes.iter().map(|prefix| Candidate::new(naming, prefix, &wanted, tensors)));
    }
    // The first of those that know most: the last one would be what `max_by_key` gives.
    let best = candidates.into_iter().rev().max_by_key(|candidate| candidate.num_found);
    match best {
        Some(Candidate { naming, prefix, num_found: 1.., .. }) => Ok((naming, prefix)),
        other => Err(PretrainedError::Names {
            path: tensors.path.clone(),
            encoder: name.to_owned(),
            publisher: other.as_ref().map_or("", |candidate| candidate.naming.publisher),
            missing: other.and_then(|candidate| candidate.missing).unwrap_or_default(),
            found: tensors.floats.keys().next().cloned().unwrap_or_default(),
        }),
    }
}

/// Every parameter of an encoder, in its order.
pub(crate) fn sources(encoder: &AnyEncoder, naming: &Naming) -> Vec<Wanted> {
    let mut visitor = Collect { naming, place: Vec::new(), wanted: Vec::new() };
    encoder.visit(&mut visitor);
    visitor.wanted
}

struct Collect<'a> {
    naming: &'a Naming,
    /// Names and their containers.
    place: Vec<Option<(String, String)>>,
    wanted: Vec<Wanted>,
}

fn step(name: &str, container: &str) -> Option<(String, String)> {
    // Which of a role's components it is: the encoder's name says so already.
    (!container.starts_with("Enum:")).then(|| (name.to_owned(), container.to_owned()))
}

fn path(place: &[Option<(String, String)>]) -> String {
    let names: Vec<&str> = place.iter().flatten().map(|(name, _)| name.as_str()).collect();
    names.join(".")
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = path(&self.place);
        let container = self.place.iter().flatten().last().map_or("", |(_, container)| container);
        let source = self.naming.source(&path, container);
        assert!(
            source.is_some() || self.naming.is_own(&path),
            "{} has no name for `{path}` in `{container}`",
            self.naming.publisher
        );
        let shape = param.lazy_shape().as_slice().to_vec();
        self.wanted.push(Wanted { path, shape, source });
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.push(step(name, container));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.pop();
    }
}

struct Replace {
    place: Vec<Option<(String, String)>>,
    tensors: BTreeMap<String, TensorData>,
}

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(tensor) = self.tensors.remove(&path(&self.place)) else { return param };
        let (id, device) = (param.id, param.lazy_device());
        param.transform_for_load(Tensor::from_data(tensor, &device), id)
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.place.push(step(name, container));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.place.pop();
    }
}

/// One parameter's numbers, in the encoder's own layout.
fn found(
    wanted: &Wanted,
    source: &Source,
    prefix: &str,
    tensors: &Tensors,
) -> Result<TensorData, PretrainedError> {
    let name = place(prefix, &source.name, tensors);
    let path = tensors.path.clone();
    let Some(tensor) = tensors.floats.get(&name) else {
        return Err(match tensors.others.get(&name) {
            Some(got) => PretrainedError::Type { path, name, got: got.clone() },
            None => PretrainedError::Missing { path, name, weight: wanted.path.clone() },
        });
    };
    let got = tensor.shape().as_slice();
    let expected = theirs(&wanted.shape, source);
    if flat(got, expected.len()) != expected {
        return Err(PretrainedError::Shape { path, name, got: got.to_vec(), expected });
    }
    let values = tensor.as_slice::<f32>().expect("converted when read");
    Ok(TensorData::new(ours(values, &expected, source), wanted.shape.clone()))
}

/// A tensor's whole name: below the encoder's prefix, or beside the encoder, as classifiers are.
fn place(prefix: &str, name: &str, tensors: &Tensors) -> String {
    let below = format!("{prefix}{name}");
    if tensors.contains(&below) || !tensors.contains(name) { below } else { name.to_owned() }
}

/// The shape that a parameter of `shape` has at the publisher.
fn theirs(shape: &[usize], source: &Source) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if source.transposed {
        shape.reverse();
    }
    if let Some(Part { count, .. }) = source.part {
        // Outputs are the last axis only where linear layers lie the other way round.
        let axis = if source.transposed { 0 } else { shape.len() - 1 };
        shape[axis] *= count;
    }
    shape
}

/// A shape with the axes from `axes` on taken together, as where a linear layer is published as a
/// convolution over the whole map, and with leading axes of one left out.
fn flat(shape: &[usize], axes: usize) -> Vec<usize> {
    let leading = shape.iter().take_while(|&&size| size == 1).count();
    let leading = leading.min(shape.len().saturating_sub(axes));
    let shape = &shape[leading..];
    if shape.len() <= axes || axes == 0 {
        return shape.to_vec();
    }
    let (kept, rest) = shape.split_at(axes - 1);
    [kept, &[rest.iter().product()]].concat()
}

/// The part of a publisher's numbers that is wanted, in the encoder's own layout.
fn ours(values: &[f32], theirs: &[usize], source: &Source) -> Vec<f32> {
    let part = source.part.unwrap_or(Part { index: 0, count: 1 });
    if !source.transposed {
        let (rows, width) = match theirs {
            [rows @ .., width] => (rows.iter().product::<usize>(), *width),
            [] => (1, 1),
        };
        let each = width / part.count;
        let row = |row: usize| &values[row * width + part.index * each..][..each];
        return (0..rows).flat_map(row).copied().collect();
    }
    let count = values.len() / part.count;
    let mut shape = theirs.to_vec();
    shape[0] /= part.count;
    reversed(&values[part.index * count..][..count], &shape)
}

/// The numbers of a tensor of two or three axes with these in the reverse order.
fn reversed(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let [first, last] = [shape[0], shape[shape.len() - 1]];
    let middle = shape[1..shape.len() - 1].iter().product::<usize>();
    let mut reversed = vec![0.0; values.len()];
    for (line, values) in values.chunks_exact(last).enumerate() {
        let (outer, inner) = (line / middle, line % middle);
        for (place, &value) in values.iter().enumerate() {
            reversed[(place * middle + inner) * first + outer] = value;
        }
    }
    reversed
}

/// Refuses a tensor that the encoder has no place for: it would be another model without it.
fn no_extra(
    encoder: &str,
    naming: &Naming,
    prefix: &str,
    wanted: &[Wanted],
    tensors: &Tensors,
) -> Result<(), PretrainedError> {
    let is_read = |name: &str| {
        wanted.iter().any(|wanted| wanted.source.as_ref().is_some_and(|source| source.name == name))
    };
    let is_known = |name: &&String| match name.strip_prefix(prefix) {
        // Another part of a larger model.
        None => true,
        Some(name) => is_read(name) || naming.ignores(name),
    };
    match tensors.floats.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(PretrainedError::Extra {
            path: tensors.path.clone(),
            encoder: encoder.to_owned(),
            name: name.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_transposed_tensor_is_cut_before_it_is_turned() {
        let source = Source {
            name: String::new(),
            part: Some(Part { index: 1, count: 2 }),
            transposed: true,
        };
        // Two outputs of two, over three inputs.
        let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
        assert_eq!(theirs(&[3, 2], &source), [4, 3]);
        assert_eq!(ours(&values, &[4, 3], &source), [6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
        let untransposed = Source { transposed: false, ..source };
        assert_eq!(theirs(&[2, 3], &untransposed), [2, 6]);
        assert_eq!(ours(&values, &[2, 6], &untransposed), [3.0, 4.0, 5.0, 9.0, 10.0, 11.0]);
    }

    #[test]
    fn three_axes_are_turned_round() {
        let source = Source { name: String::new(), part: None, transposed: true };
        // Two outputs of two inputs over three steps.
        let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let expected = [0.0, 6.0, 3.0, 9.0, 1.0, 7.0, 4.0, 10.0, 2.0, 8.0, 5.0, 11.0];
        assert_eq!(theirs(&[3, 2, 2], &source), [2, 2, 3]);
        assert_eq!(ours(&values, &[2, 2, 3], &source), expected);
    }

    #[test]
    fn axes_that_belong_together_are_one() {
        assert_eq!(flat(&[8, 4, 7, 7], 2), [8, 196]);
        assert_eq!(flat(&[1, 1, 6], 1), [6]);
        assert_eq!(flat(&[1, 5, 6], 2), [5, 6]);
        assert_eq!(flat(&[5], 1), [5]);
        assert_eq!(flat(&[1, 6], 2), [1, 6]);
    }
}
