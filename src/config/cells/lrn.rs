//! `Type=LRN`: local response normalization.

use formal::config::{LrnConfig, Operator};
use stimuli::Shape;

use super::CellReader;
use crate::config::registry::Scope;

impl CellReader<'_, '_> {
    pub(super) fn lrn(&mut self) -> (Operator, Option<Shape>) {
        let n: usize = self.reader.read(&self.parameters, "", Scope::LrnParameter, "N");
        let mut real = |key| {
            let value: f64 = self.reader.read(&self.parameters, "", Scope::LrnParameter, key);
            if value < 0.0 {
                self.reader.fault_at(&self.parameters, key, format!("expected 0 or more, found `{value}`"));
            }
            value.max(0.0)
        };
        let (alpha, beta) = (real("Alpha"), real("Beta"));
        let k = self.reader.read(&self.parameters, "", Scope::LrnParameter, "K");
        (Operator::Lrn(LrnConfig { n, alpha, beta, k }), self.kept_shape())
    }
}
