//! `Type=BatchNorm`.

use formal::config::{Activation, BatchNormConfig, Operator};
use stimuli::Shape;

use super::CellReader;
use crate::config::learning;
use crate::config::registry::Scope;
use crate::model::Located;

impl CellReader<'_, '_> {
    pub(super) fn batch_norm(&mut self) -> (Operator, Option<Shape>, Located<Activation>) {
        self.accepted.push((String::new(), Scope::BatchNorm));
        let mut solver = |role| {
            let scope = learning::solver_scope(self.reader, &self.bag, Scope::BatchNorm, role);
            learning::solver(self.reader, &self.sources, self.section, role, scope)
        };
        let (scale_solver, bias_solver) = (solver("ScaleSolver"), solver("BiasSolver"));
        let momentum: f64 = self.reader.read(&self.parameters, "", Scope::BatchNormParameter, "MovingAverageMomentum");
        if momentum == 1.0 {
            let message =
                "expected a number from 0 to below 1, found `1`: the running values would be those of one batch";
            self.reader.fault_at(&self.parameters, "MovingAverageMomentum", message);
        }
        let config = BatchNormConfig {
            epsilon: self.reader.read(&self.parameters, "", Scope::BatchNormParameter, "Epsilon"),
            momentum,
            back_propagate: self.flag(Scope::BatchNormParameter, "BackPropagate"),
            scale_solver,
            bias_solver,
        };
        let shape = self.kept_shape();
        (Operator::BatchNorm(config), shape, self.activation(self.defaults.activation))
    }
}
