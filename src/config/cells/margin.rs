//! `Type=Normalize`, `Scaling` and `TargetBias`: outputs as cosines with a margin.

use formal::config::{ChannelNorm, NormalizeConfig, Operator, ScalingConfig, TargetBiasConfig};
use stimuli::Shape;

use super::CellReader;
use crate::config::registry::Scope;

impl CellReader<'_, '_> {
    /// Any of the three, by its type.
    pub(super) fn margin(&mut self, kind: &str) -> (Operator, Option<Shape>) {
        let scope = match kind {
            "Normalize" => Scope::NormalizeCell,
            "Scaling" => Scope::Scaling,
            _ => Scope::TargetBias,
        };
        self.accepted.push((String::new(), scope));
        let operator = match scope {
            Scope::NormalizeCell => {
                let is_first = self.reader.read::<String>(&self.bag, "", scope, "Norm") == "L1";
                Operator::Normalize(NormalizeConfig { norm: if is_first { ChannelNorm::L1 } else { ChannelNorm::L2 } })
            }
            Scope::Scaling => {
                Operator::Scaling(ScalingConfig { factor: self.reader.read(&self.bag, "", scope, "Factor") })
            }
            _ => Operator::TargetBias(TargetBiasConfig { bias: self.reader.read(&self.bag, "", scope, "Bias") }),
        };
        (operator, self.kept_shape())
    }
}
