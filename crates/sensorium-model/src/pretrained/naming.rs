//! How a publisher names the weights of an architecture.

/// How a publisher lays out the weights of linear layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinearLayout {
    /// `[out, in]`, as PyTorch.
    #[default]
    OutIn,
    /// `[in, out]`, as the `Conv1D` of GPT-2.
    InOut,
}

/// The names that a publisher gives the weights of one encoder.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// Who names them so, for messages.
    pub publisher: &'static str,
    /// Module by module, the encoder's own path and the publisher's: `blocks.0.attention.query` and
    /// `encoder.layer.0.attention.self.query`. One that ends in `[1/3]` is the second of three equal
    /// parts of the publisher's outputs. A path may name a single parameter too.
    pub modules: Vec<(String, String)>,
    /// What may stand before all names: the path of the encoder in a larger model. Empty for none.
    pub prefixes: &'static [&'static str],
    /// How the names of tensors begin, after the prefix, that the encoder has no use for.
    pub ignored: &'static [&'static str],
    /// How the names of tensors end that are no weights: masks that some releases stored.
    pub buffers: &'static [&'static str],
    /// The encoder's own modules that no publisher has: drawn afresh and always trained.
    pub own: &'static [&'static str],
    /// How linear layers lie.
    pub linear: LinearLayout,
}

/// Which of how many equal parts of a tensor's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) index: usize,
    pub(crate) count: usize,
}

/// Where one parameter of an encoder comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The publisher's name, without prefix.
    pub(crate) name: String,
    pub(crate) part: Option<Part>,
    /// Whether the publisher has the axes in the reverse order.
    pub(crate) transposed: bool,
}

/// PyTorch's name of a layer's parameter.
fn leaf(own: &str) -> &'static str {
    match own {
        "running_mean" => "running_mean",
        "running_variance" => "running_var",
        // Of norms, their shift.
        "bias" | "beta" => "bias",
        _ => "weight",
    }
}

impl Naming {
    /// Where the parameter at `path`, in a struct called `container`, comes from; `None` for one
    /// that the publisher does not have.
    pub(crate) fn source(&self, path: &str, container: &str) -> Option<Source> {
        let (module, own) = path.rsplit_once('.').unwrap_or(("", path));
        let transposed = own == "weight" && self.reverses(container);
        if let Some(theirs) = self.of_module(path) {
            let (name, part) = parted(theirs);
            return Some(Source { name: name.to_owned(), part, transposed });
        }
        let (theirs, part) = parted(self.of_module(module)?);
        let name = format!("{theirs}.{}", leaf(own));
        Some(Source { name, part, transposed })
    }

    /// Whether the publisher has the axes of weights of `container` in the reverse order.
    fn reverses(&self, container: &str) -> bool {
        match container {
            "Struct:Linear" => self.linear == LinearLayout::OutIn,
            // `[steps, in, out]` here, `[out, in, steps]` in PyTorch.
            "Struct:StepConvolution" => true,
            _ => false,
        }
    }

    /// Whether a publisher's tensor, its prefix left out, is one that the encoder has no use for.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.ignored.iter().any(|ignored| name.starts_with(ignored))
            || self.buffers.iter().any(|buffer| name.ends_with(buffer))
    }

    /// Whether a module is the encoder's own.
    pub(crate) fn is_own(&self, path: &str) -> bool {
        self.own.iter().any(|own| path.starts_with(own))
    }

    fn of_module(&self, path: &str) -> Option<&str> {
        let found = self.modules.iter().find(|(own, _)| own == path);
        found.map(|(_, theirs)| theirs.as_str())
    }
}

/// A name without its part, and the part.
fn parted(theirs: &str) -> (&str, Option<Part>) {
    let parts = theirs.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    let Some((name, part)) = parts else { return (theirs, None) };
    let (index, count) = part.split_once('/').expect("a part is written `[1/3]`");
    let number = |text: &str| text.parse().expect("a part is made of numbers");
    (name, Some(Part { index: number(index), count: number(count) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(linear: LinearLayout) -> Naming {
        let pair = |(own, theirs): (&str, &str)| (own.to_owned(), theirs.to_owned());
        let modules = [
            ("norm", "bn1"),
            ("key", "qkv[1/3]"),
            ("token", "cls_token"),
            ("value.weight", "in_proj_weight[2/3]"),
            ("steps", "conv1"),
        ];
        let modules = modules.map(pair);
        Naming { modules: modules.into(), linear, ..Naming::default() }
    }

    #[test]
    fn layers_have_the_names_of_pytorch() {
        let naming = naming(LinearLayout::OutIn);
        let name = |path, container| naming.source(path, container).map(|source| source.name);
        assert_eq!(name("norm.gamma", "Struct:BatchNorm").unwrap(), "bn1.weight");
        assert_eq!(name("norm.running_variance", "Struct:BatchNorm").unwrap(), "bn1.running_var");
        assert_eq!(name("token", "Struct:Vit").unwrap(), "cls_token");
        assert_eq!(name("other.weight", "Struct:Linear"), None);
    }

    #[test]
    fn a_part_and_the_axes_are_told() {
        let part = Some(Part { index: 1, count: 3 });
        for (linear, transposed) in [(LinearLayout::OutIn, true), (LinearLayout::InOut, false)] {
            let source = naming(linear).source("key.weight", "Struct:Linear").unwrap();
            assert_eq!(source, Source { name: "qkv.weight".into(), part, transposed });
        }
        let naming = naming(LinearLayout::OutIn);
        let value = naming.source("value.weight", "Struct:Linear").unwrap();
        let part = Some(Part { index: 2, count: 3 });
        assert_eq!(value, Source { name: "in_proj_weight".into(), part, transposed: true });
        assert!(naming.source("steps.weight", "Struct:StepConvolution").unwrap().transposed);
        assert!(!naming.source("steps.bias", "Struct:StepConvolution").unwrap().transposed);
        let part = Some(Part { index: 1, count: 3 });
        let bias = naming.source("key.bias", "Struct:Linear").unwrap();
        assert_eq!(bias, Source { name: "qkv.bias".into(), part, transposed: false });
    }
}
