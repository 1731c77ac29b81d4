//! `Type=ElemWise`: inputs of one shape, which are not concatenated.

use formal::config::{CoefficientMode, ElemWiseConfig, ElementOperation, Operator};
use stimuli::Shape;

use super::CellReader;
use crate::config::registry::Scope;

impl CellReader<'_, '_> {
    pub(super) fn elem_wise(&mut self) -> (Operator, Option<Shape>) {
        self.accepted.push((String::new(), Scope::ElemWise));
        let operation = match self.reader.read::<String>(&self.bag, "", Scope::ElemWise, "Operation").as_str() {
            "AbsSum" => ElementOperation::AbsSum,
            "EuclideanSum" => ElementOperation::EuclideanSum,
            "Prod" => ElementOperation::Prod,
            "Max" => ElementOperation::Max,
            _ => ElementOperation::Sum,
        };
        let per_channel = self.reader.read::<String>(&self.bag, "", Scope::ElemWise, "CoeffMode") == "PerChannel";
        let shape = self.common_shape();
        let (n, of) = match per_channel {
            true => (shape.map(|shape| shape.channels), "channels of its inputs"),
            false => (Some(self.parents.len()), "inputs"),
        };
        let has = |key| match operation {
            ElementOperation::Sum | ElementOperation::EuclideanSum => true,
            ElementOperation::AbsSum => key == "Weights",
            ElementOperation::Prod | ElementOperation::Max => false,
        };
        let mut numbers = |key| {
            let values: Option<Vec<f64>> = self.reader.read_optional(&self.bag, "", Scope::ElemWise, key);
            let values = values.unwrap_or_default();
            if !values.is_empty() && !has(key) {
                self.reader.fault_at(&self.bag, key, format!("`{operation:?}` has none; leave it out"));
            } else if let Some(n) = n.filter(|&n| !values.is_empty() && values.len() != n) {
                let message = format!("expected {n} numbers, one for each of the {of}, found {}", values.len());
                self.reader.fault_at(&self.bag, key, message);
            }
            values.into_iter().map(|value| value as f32).collect()
        };
        let (weights, shifts) = (numbers("Weights"), numbers("Shifts"));
        let coefficients = if per_channel { CoefficientMode::PerChannel } else { CoefficientMode::PerInput };
        self.check_n_outputs(shape);
        (Operator::ElemWise(ElemWiseConfig { operation, weights, shifts, coefficients }), shape)
    }

    /// The shape that all inputs have.
    fn common_shape(&mut self) -> Option<Shape> {
        let shapes: Vec<Shape> = self.parents.iter().map(|parent| parent.shape).collect::<Option<_>>()?;
        let (&first, others) = shapes.split_first()?;
        let Some(other) = others.iter().find(|&&other| other != first) else { return Some(first) };
        // Sides that differ have been reported.
        if (other.width, other.height) == (first.width, first.height) {
            let message = format!(
                "the inputs of an ElemWise must have one shape, found {} and {} channels; a Conv of 1x1 on one of them makes them equal",
                first.channels, other.channels
            );
            self.reader.fault_at(&self.bag, "Input", message);
        }
        None
    }
}
