//! Which sections are layers, what feeds them, and the order in which they run.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::nearest::did_you_mean;
use super::reader::Reader;
use super::registry::Scope;

/// Names that mean the stimuli, whichever their section is called.
pub(crate) const STIMULI_NAMES: [&str; 3] = ["env", "sp", "cenv"];

/// A section with `Input`.
pub(crate) struct Layer {
    pub section: usize,
    pub inputs: Vec<Input>,
}

/// One name of its `Input`.
pub(crate) enum Input {
    Stimuli,
    Layer(usize),
    /// No such layer, or one of a cycle: reported already.
    Unknown,
}

/// The sections with `Input`, in file order.
pub(crate) fn layers(reader: &mut Reader<'_>) -> Vec<Layer> {
    let document = reader.document;
    let is_layer = |section: &usize| *section != 0 && document.sections()[*section].property("Input").is_some();
    let sections: Vec<usize> = (0..document.sections().len()).filter(is_layer).collect();
    let by_name: HashMap<&str, usize> =
        sections.iter().enumerate().map(|(at, &section)| (&*document.sections()[section].name, at)).collect();
    let mut layers = Vec::new();
    for &section in &sections {
        let bag = reader.bag(section, None);
        let names: Vec<String> = reader.read_optional(&bag, "", Scope::Cell, "Input").unwrap_or_default();
        let mut inputs: Vec<Input> = Vec::new();
        for name in &names {
            if STIMULI_NAMES.contains(&name.as_str()) {
                inputs.push(Input::Stimuli);
            } else if let Some(&at) = by_name.get(name.as_str()) {
                inputs.push(Input::Layer(at));
            } else {
                let hint = if document.find(name).is_some() {
                    format!("; `[{name}]` has no `Input` and is no layer")
                } else {
                    let known = by_name.keys().copied().collect::<BTreeSet<_>>();
                    did_you_mean(name, known.into_iter().chain(["sp", "env"]), |known| format!("`{known}`"))
                };
                reader.fault_at(&bag, "Input", format!("there is no layer `{name}`{hint}"));
                inputs.push(Input::Unknown);
            }
        }
        if names.is_empty() {
            inputs.push(Input::Unknown);
        }
        layers.push(Layer { section, inputs });
    }
    layers
}

/// Layers by increasing depth, inside a depth in file order. Reports cycles and leaves out what hangs on them.
pub(crate) fn in_order(reader: &mut Reader<'_>, layers: &[Layer]) -> Vec<usize> {
    let mut consumers = vec![Vec::new(); layers.len()];
    let mut n_missing = vec![0_usize; layers.len()];
    for (at, layer) in layers.iter().enumerate() {
        for input in &layer.inputs {
            if let Input::Layer(other) = *input {
                consumers[other].push(at);
                n_missing[at] += 1;
            }
        }
    }
    let mut depths = vec![0_usize; layers.len()];
    let mut ready: VecDeque<usize> = (0..layers.len()).filter(|&at| n_missing[at] == 0).collect();
    let mut order = Vec::new();
    while let Some(at) = ready.pop_front() {
        order.push(at);
        for &consumer in &consumers[at] {
            depths[consumer] = depths[consumer].max(depths[at] + 1);
            n_missing[consumer] -= 1;
            if n_missing[consumer] == 0 {
                ready.push_back(consumer);
            }
        }
    }
    order.sort_by_key(|&at| (depths[at], at));
    report_cycles(reader, layers, &n_missing);
    order
}

fn report_cycles(reader: &mut Reader<'_>, layers: &[Layer], n_missing: &[usize]) {
    let waits_for = |at: usize| {
        layers[at].inputs.iter().find_map(|input| match *input {
            Input::Layer(other) if n_missing[other] > 0 => Some(other),
            _ => None,
        })
    };
    let mut seen = vec![false; layers.len()];
    for start in (0..layers.len()).filter(|&at| n_missing[at] > 0) {
        let mut path: Vec<usize> = Vec::new();
        let mut next = Some(start);
        while let Some(at) = next.filter(|&at| !seen[at]) {
            seen[at] = true;
            path.push(at);
            next = waits_for(at);
        }
        let Some(first) = next.and_then(|at| path.iter().position(|&step| step == at)) else { continue };
        let mut names: Vec<String> =
            path[first..].iter().map(|&at| reader.name_of(layers[at].section).to_string()).collect();
        names.push(names[0].clone());
        let section = path[first..].iter().map(|&at| layers[at].section).min().unwrap_or(layers[start].section);
        let bag = reader.bag(section, None);
        reader.fault_at(&bag, "Input", format!("the layers feed each other in a circle: {}", names.join(" <- ")));
    }
}
