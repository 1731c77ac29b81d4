//! `Type=Threshold` and `Type=Transformation`: what is done to outputs after learning; no error passes them.

use formal::config::{Activation, Operator};
use stimuli::{OnReals, Operation, Shape, Threshold};

use super::CellReader;
use crate::config::registry::Scope;
use crate::config::transformations::{self, threshold_operation};
use crate::model::Located;

impl CellReader<'_, '_> {
    /// `None` in place of the operator where the transformation could not be read.
    pub(super) fn transformed(&mut self, kind: &str) -> (Operator, Option<Shape>, Located<Activation>) {
        if self.parents.len() > 1 {
            self.reader.fault_at(&self.bag, "Input", format!("a {kind} has one input, found {}", self.parents.len()));
        }
        let (key, operation) = match kind {
            "Threshold" => ("Threshold", Some(self.threshold())),
            _ => ("Transformation", self.operation()),
        };
        // Stands in after a fault, which has been told.
        let nothing = Operation::Threshold(Threshold::default());
        let shape = operation.as_ref().zip(self.input_shape).and_then(|(operation, input)| {
            let planned = OnReals::new(operation.clone(), input);
            planned.map_err(|error| self.reader.fault_at(&self.bag, key, error.to_string())).ok()
        });
        let shape = shape.map(|planned| planned.output());
        self.check_made_outputs(shape);
        let linear = Located { value: Activation::Linear, span: self.reader.span_of_section(self.section) };
        (Operator::Transformation(operation.unwrap_or(nothing)), shape, linear)
    }

    fn threshold(&mut self) -> Operation {
        self.accepted.push((String::new(), Scope::Threshold));
        let scope = Scope::ThresholdParameter;
        let operation: String = self.reader.read(&self.parameters, "", scope, "Operation");
        Operation::Threshold(Threshold {
            threshold: self.reader.read(&self.bag, "", Scope::Threshold, "Threshold"),
            otsu: false,
            operation: threshold_operation(&operation),
            max_value: self.reader.read(&self.parameters, "", scope, "MaxValue"),
        })
    }

    fn operation(&mut self) -> Option<Operation> {
        self.accepted.push((String::new(), Scope::TransformationCell));
        let name: String = self.reader.read(&self.bag, "", Scope::TransformationCell, "Transformation");
        let n_channels = self.input_shape.map_or(0, |shape| shape.channels);
        let scope = transformations::scope_of(&name)?;
        self.accepted.push((String::new(), scope));
        transformations::of_layer(self.reader, &self.bag, scope, n_channels)
    }
}
