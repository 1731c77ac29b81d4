//! Normalization over the channels, a factor, a bias of the target.

use formal::config::{ChannelNorm, NormalizeConfig, ScalingConfig, TargetBiasConfig};

use super::*;

#[test]
fn layers_of_a_margin_keep_the_shape_of_their_input() {
    let check = |keys: &str| {
        let cell = read(&format!("Input=a\n{keys}\nNbOutputs=4"));
        assert_eq!(sides(&cell), [24, 24, 4], "{keys}");
        cell.operator
    };
    for (name, expected) in [("L1", ChannelNorm::L1), ("L2", ChannelNorm::L2)] {
        let operator = check(&format!("Type=Normalize\nNorm={name}"));
        assert!(matches!(operator, Operator::Normalize(NormalizeConfig { norm }) if norm == expected));
    }
    assert!(
        matches!(check("Type=Scaling\nFactor=-2.5"), Operator::Scaling(ScalingConfig { factor }) if factor == -2.5)
    );
    let bias = check("Type=TargetBias\nBias=-0.5");
    assert!(matches!(bias, Operator::TargetBias(TargetBiasConfig { bias }) if bias == -0.5));
}

#[test]
fn faults_of_the_layers_of_a_margin_are_named() {
    fails(
        "Input=a\nType=Normalize\nNorm=L3\nNbOutputs=5",
        "m.ini has 2 faults\n  line 19, [c] Norm: expected one of `L1`, `L2`, found `L3`\n  line 20, [c] NbOutputs: expected 4, the channels of its input, found 5",
    );
    fails(
        "Input=a\nType=Scaling",
        "m.ini has 1 fault\n  line 16, [c] Factor: missing; expected a number such as `0.05` or `1e-3`",
    );
    fails(
        "Input=a\nType=TargetBias\nBias=x",
        "m.ini has 1 fault\n  line 19, [c] Bias: expected a number such as `0.05` or `1e-3`, found `x`",
    );
}

#[test]
fn a_target_that_learns_alone_needs_one_with_a_score_beside_it() {
    let flat = "Input=a\nType=Fc\nNbOutputs=10\n[b10]\nInput=c\nType=TargetBias\nBias=-0.5\n[b10.Target]\nType=Target";
    let description = loaded(&with(flat));
    let targets: Vec<&str> = description.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(targets, ["out.Target"]);
    let both = loaded(&with("Input=a\nType=Fc\nNbOutputs=10\n[c.Target]\nType=Target"));
    let targets: Vec<&str> = both.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(targets, ["out.Target", "c.Target"]);
    fails(
        "Input=a\nType=Fc\nNbOutputs=10\n[b10]\nInput=c\nType=TargetBias\nBias=-0.5\n[c.Target]",
        "m.ini has 1 fault\n  line 24, [c.Target]: a TargetBias moves the output that the label numbers; expected one target, on outputs of 1x1 and without `LabelsMapping`",
    );
}
