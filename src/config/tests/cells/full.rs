//! Full connections with weights of length 1, or of which some take part.

use super::*;

#[test]
fn weights_of_a_full_connection_may_be_normalized_and_left_out() {
    let layer = "Input=a\nType=Fc\nNbOutputs=4\nDropConnect=0.25\nConfigSection=unit\n[unit]\nNormalize=1";
    let Operator::Fc(fc) = read(layer).operator else { panic!("a full connection") };
    assert_eq!((fc.normalizes, fc.drop_connect), (true, 0.25));
    let Operator::Fc(fc) = read("Input=a\nType=Fc\nNbOutputs=4").operator else { panic!("a full connection") };
    assert_eq!((fc.normalizes, fc.drop_connect), (false, 1.0));
}

#[test]
fn a_share_of_weights_outside_its_bounds_is_a_fault() {
    fails(
        "Input=a\nType=Fc\nNbOutputs=4\nDropConnect=0",
        "m.ini has 1 fault\n  line 20, [c] DropConnect: expected a number from above 0 to 1, found `0`: no weight would be learned",
    );
    fails(
        "Input=a\nType=Fc\nNbOutputs=4\nDropConnect=1.5",
        "m.ini has 1 fault\n  line 20, [c] DropConnect: expected a number from 0 to 1 such as `0.2`, found `1.5`",
    );
    fails(
        "Input=a\nType=Conv\nKernelSize=3\nNbOutputs=4\nConfigSection=drop\n[drop]\nDropConnect=0.5",
        "m.ini has 1 fault\n  line 23, [drop] DropConnect: unknown parameter here; it belongs to: Fc: `ConfigSection`",
    );
}
