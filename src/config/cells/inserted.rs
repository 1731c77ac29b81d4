//! `InsertBatchNormAfterConv=1`: a batch normalization between each convolution and its activation.

use formal::config::{Activation, BatchNormConfig, Operator, Source};

use super::{CellDescription, Cells};
use crate::config::reader::Reader;
use crate::config::registry::{Scope, find};
use crate::model::{Located, SpikingDescription};

/// Puts a normalization named `<layer>.bn` behind the layer read last, if that is a convolution. It learns with the solver of
/// the convolution's biases.
pub(super) fn add(reader: &mut Reader<'_>, cells: &mut Cells) {
    let (Some(conv), Some(&section)) = (cells.descriptions.last_mut(), cells.sections.last()) else { return };
    let Operator::Conv(config) = &conv.operator else { return };
    let solver = config.bias_solver.clone();
    let name = format!("{}.bn", conv.name);
    if let Some(taken) = reader.document.find(&name) {
        let message =
            format!("`InsertBatchNormAfterConv` calls the normalization after `{}` so; choose another name", conv.name);
        reader.section_fault(taken, "", message);
    }
    let default = |key| {
        let text = find(Scope::BatchNormParameter, key).and_then(|key| key.default_text()).unwrap_or_default();
        text.parse().unwrap_or(0.0)
    };
    let linear = Located { value: Activation::Linear, span: conv.activation.span.clone() };
    let norm = CellDescription {
        name,
        span: conv.span.clone(),
        family: conv.family,
        cuda: conv.cuda,
        inputs: vec![Source::Cell(cells.sections.len() - 1)],
        input_shape: conv.output_shape,
        output_shape: conv.output_shape,
        operator: Operator::BatchNorm(BatchNormConfig {
            epsilon: default("Epsilon"),
            momentum: default("MovingAverageMomentum"),
            back_propagate: true,
            scale_solver: solver.clone(),
            bias_solver: solver,
        }),
        activation: std::mem::replace(&mut conv.activation, linear),
        spiking: SpikingDescription::default(),
        keys: conv.keys.clone(),
        parameters: Vec::new(),
        is_folded: false,
    };
    cells.descriptions.push(norm);
    cells.sections.push(section);
}
