//! Recurrent layers over whole sequences.
//!
//! A step needs the state before it, but rows need nothing of each other: each thread takes some
//! rows from the first step to the last, so that a call starts the threads once and not at every
//! step. The weights of the state are packed once for all steps, and their gradient is one product
//! over all steps at the end. Padding leaves the state as it is.

mod backward;
mod elman;
mod forward;
mod gru;
mod lstm;
mod reference;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::tensor::Tensor;

pub use self::elman::elman;
pub use self::gru::gru;
pub use self::lstm::lstm;

use self::reference::Reference;
use crate::array::Array;
use crate::operation::{Mode, Operation, apply, runs_here};
use crate::team;

/// The way in which a recurrent layer reads time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    Forwards,
    /// From the last step to the first.
    Backwards,
}

impl Direction {
    /// Which of `steps` is read after `at` others.
    fn time(self, at: usize, steps: usize) -> usize {
        match self {
            Self::Forwards => at,
            Self::Backwards => steps - 1 - at,
        }
    }
}

/// How a state follows from the one before it.
///
/// All slices are of one row and one step, and hold vectors of the state's width, as many as the
/// constants say.
trait Cell: Reference + Debug + Send + Sync + 'static {
    /// What messages call it.
    const NAME: &'static str;
    /// Vectors that a step adds up from its input and from the state.
    const GATES: usize;
    /// The last gates to which the state's share is not added, but comes in another way.
    const OWN: usize;
    /// Vectors that go from step to step beside the state.
    const CARRIED: usize;

    fn step(step: Step<'_>);

    fn step_back(step: StepBack<'_>);
}

/// One step forwards.
struct Step<'a> {
    /// Come as the share of the input, and leave as what [`Cell::step_back`] needs of them.
    gates: &'a mut [f32],
    /// The share of the state in all gates.
    from_state: &'a [f32],
    bias: &'a [f32],
    before: &'a [f32],
    carried_before: &'a [f32],
    state: &'a mut [f32],
    carried: &'a mut [f32],
    /// What [`Cell::step_back`] needs of the state's share in the last [`Cell::OWN`] gates.
    own: &'a mut [f32],
}

/// One step back.
struct StepBack<'a> {
    /// Come as the forward step left them, and leave as the gradient of the input's share.
    gates: &'a mut [f32],
    /// Comes as the forward step left it, and leaves as the gradient of the state's share.
    own: &'a mut [f32],
    before: &'a [f32],
    carried_before: &'a [f32],
    state: &'a [f32],
    carried: &'a [f32],
    /// Comes as the gradient of the state after the step, and leaves as what of the gradient of
    /// the state before it does not go through the gates.
    state_gradient: &'a mut [f32],
    /// Comes as the gradient of what is carried from the step, and leaves as that of what was
    /// carried to it.
    carried_gradient: &'a mut [f32],
}

/// A cell over all steps of all rows.
#[derive(Debug)]
struct Sequence<C> {
    sizes: Sizes,
    direction: Direction,
    /// `[B, T]`.
    present: Option<Array>,
    cell: PhantomData<C>,
}

/// The numbers of rows and of steps, and the width of the state.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    steps: usize,
    width: usize,
}

impl Sizes {
    /// # Panics
    ///
    /// If a size is zero or the shapes do not belong together.
    fn new<C: Cell>(
        inputs: [usize; 3],
        weight: [usize; 2],
        bias: [usize; 1],
        present: Option<[usize; 2]>,
    ) -> Self {
        let ([rows, steps, gates], [width, _]) = (inputs, weight);
        let name = C::NAME;
        assert!(
            rows > 0 && steps > 0 && width > 0,
            "{name}: no size may be zero, but the inputs are {inputs:?} and the weight {weight:?}"
        );
        assert!(
            gates == C::GATES * width && weight[1] == gates && bias == [gates],
            "{name}: inputs {inputs:?}, a weight {weight:?} and a bias {bias:?} do not belong \
             together: {} gates are expected",
            C::GATES
        );
        assert!(
            present.is_none_or(|present| present == [rows, steps]),
            "{name}: {present:?} does not say of each step of {inputs:?} whether it is there"
        );
        Self { rows, steps, width }
    }

    /// How many rows each thread takes. No number of the result depends on it.
    fn rows_each<C: Cell>(self) -> usize {
        // As many multiplications as are worth a second thread.
        const PARALLEL: usize = 1 << 18;
        if self.rows * self.steps * self.width * self.width * C::GATES < PARALLEL {
            return self.rows;
        }
        self.rows.div_ceil(team::num_threads())
    }
}

fn sequence<C: Cell>(
    inputs: Tensor<3>,
    state_weight: Tensor<2>,
    state_bias: Tensor<1>,
    present: Option<Tensor<2>>,
    direction: Direction,
) -> Tensor<3> {
    let present_dims = present.as_ref().map(Tensor::dims);
    let sizes =
        Sizes::new::<C>(inputs.dims(), state_weight.dims(), state_bias.dims(), present_dims);
    if !runs_here(&inputs.device(), inputs.dtype()) {
        return reference::sequence::<C>(inputs, state_weight, state_bias, present, direction);
    }
    let present = present.map(Array::of);
    let operation = Sequence::<C> { sizes, direction, present, cell: PhantomData };
    apply(operation, [inputs.into(), state_weight.into(), state_bias.into()])
}

impl<C: Cell> Operation for Sequence<C> {
    fn forward(&self, inputs: &[Array], mode: Mode) -> (Array, Vec<Array>) {
        self.forward_over(inputs.to_vec(), mode)
    }

    fn backward(&self, saved: &[Array], gradient: Array, wanted: &[bool]) -> Vec<Option<Array>> {
        self.backward_over(saved.to_vec(), gradient, wanted)
    }

    fn forward_over(&self, inputs: Vec<Array>, mode: Mode) -> (Array, Vec<Array>) {
        let [inputs, weight, bias] = all_of(inputs);
        let Sizes { rows, steps, width } = self.sizes;
        let passed = forward::all(self, inputs.into_values(), &weight, bias.values(), mode);
        let states = Array::new(passed.states, &[rows, steps, width]);
        let saved = match mode {
            Mode::Inference => Vec::new(),
            Mode::Training => {
                let [gates, carried, own] = [passed.gates, passed.carried, passed.own].map(flat);
                vec![weight, states.clone(), gates, carried, own]
            }
        };
        (states, saved)
    }

    fn backward_over(
        &self,
        saved: Vec<Array>,
        gradient: Array,
        wanted: &[bool],
    ) -> Vec<Option<Array>> {
        let [weight, states, gates, carried, own] = all_of(saved);
        let Sizes { rows, steps, width } = self.sizes;
        let mut gates = backward::Gates { shared: gates.into_values(), own: own.into_values() };
        let passed = backward::Passed { states: states.values(), carried: carried.values() };
        backward::all(self, weight.values(), &passed, gradient.values(), &mut gates);
        let of_weight = (wanted[1] || wanted[2])
            .then(|| backward::weight_gradient(self, states.values(), &gates));
        let (weight, bias) = of_weight.unzip();
        let width_of_gates = C::GATES * width;
        vec![
            wanted[0].then(|| Array::new(gates.shared, &[rows, steps, width_of_gates])),
            weight.map(|values| Array::new(values, &[width, width_of_gates])),
            bias.map(|values| Array::new(values, &[width_of_gates])),
        ]
    }
}

fn all_of<const N: usize>(arrays: Vec<Array>) -> [Array; N] {
    arrays.try_into().expect("a pass knows what it is given")
}

fn flat(values: Vec<f32>) -> Array {
    let len = values.len();
    Array::new(values, &[len])
}

impl<C> Sequence<C> {
    /// Whether a step is real, where the steps of all rows follow each other.
    fn is_real(&self, step: usize) -> bool {
        self.present.as_ref().is_none_or(|present| present.values()[step] != 0.0)
    }
}

/// One vector of several.
#[inline]
fn vector(values: &[f32], index: usize, width: usize) -> &[f32] {
    &values[index * width..][..width]
}

/// The activation of the sums of all shares; `gates` come as the share of the input.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the caller has the instruction set, this has not")]
fn activate(gates: &mut [f32], from_state: &[f32], bias: &[f32], activation: impl Fn(f32) -> f32) {
    for ((gate, from_state), bias) in gates.iter_mut().zip(from_state).zip(bias) {
        *gate = activation(*gate + (from_state + bias));
    }
}

/// What is left of a slice that is dealt out from its start.
struct Rest<'a>(&'a mut [f32]);

impl<'a> Rest<'a> {
    /// The next `each` numbers, or all that are left.
    fn deal(&mut self, each: usize) -> &'a mut [f32] {
        let each = each.min(self.0.len());
        self.0.split_off_mut(..each).expect("no more than there are")
    }
}
