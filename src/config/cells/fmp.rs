//! `Type=FMP`: fractional max pooling.

use formal::config::{Activation, FmpConfig, Operator};
use stimuli::Shape;

use super::CellReader;
use crate::config::registry::Scope;
use crate::model::Located;

impl CellReader<'_, '_> {
    pub(super) fn fmp(&mut self) -> (Operator, Option<Shape>, Located<Activation>) {
        self.accepted.push((String::new(), Scope::Fmp));
        let n_outputs = self.n_outputs();
        let scaling_ratio: f64 = self.reader.read(&self.bag, "", Scope::Fmp, "ScalingRatio");
        let config = FmpConfig {
            n_outputs,
            scaling_ratio,
            is_overlapping: self.flag(Scope::FmpParameter, "Overlapping"),
            is_pseudo_random: self.flag(Scope::FmpParameter, "PseudoRandom"),
            mapping: self.mapping(n_outputs),
        };
        let shape = self.input_shape.and_then(|input| {
            let least = input.width.min(input.height);
            if !(1.0..=2.0 * least as f64).contains(&scaling_ratio) {
                let message = format!(
                    "expected a number from 1 to {}, twice the shorter side of its input, found `{scaling_ratio}`",
                    2 * least
                );
                self.reader.fault_at(&self.bag, "ScalingRatio", message);
                return None;
            }
            let [height, width] = [input.height, input.width].map(|n| (n as f64 / scaling_ratio).round() as usize);
            Some(Shape { channels: n_outputs, height, width })
        });
        let activation = self.activation(Activation::Linear);
        (Operator::Fmp(config), shape, activation)
    }
}
