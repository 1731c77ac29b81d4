//! Layers that move, resize or transform what they read, in a network that learns.

use std::fs;

use crate::program::{folder, run, summary};

const MODEL: &str = "\
DefaultModel=Frame
DefaultActivation=None

[database]
Type=MNIST_IDX_Database
Validation=0.2

[sp]
Size=28
BatchSize=32

[small]
Input=sp
Type=Resize
OutputWidth=15
OutputHeight=14
Mode=Bilinear

[frame]
Input=small
Type=Padding
TopPadding=1
LeftPadding=1
RightPadding=-1

[conv]
Input=frame
Type=Conv
KernelSize=5
Stride=2
NbOutputs=8
WeightsFiller=HeFiller
ConfigSection=common.config

[act]
Input=conv
Type=Activation
ActivationFunction=Rectifier

[turned]
Input=act
Type=Transpose
Perm=1 0 2 3

[flat]
Input=turned
Type=Reshape
Dims=1 1 -1

[fc]
Input=flat
Type=Fc
NbOutputs=10
ActivationFunction=LogisticWithLoss
WeightsFiller=XavierFiller
ConfigSection=common.config

[sharp]
Input=fc
Type=Threshold
Threshold=0.5

[fc.Target]

[common.config]
Solvers.LearningRate=0.1
Solvers.Momentum=0.9
";

#[test]
fn they_learn_and_test_as_frames() {
    let folder = folder();
    fs::write(folder.path().join("m.ini"), MODEL).unwrap();
    let shown = run(folder.path(), &["inspect", "--strict", "m.ini"]).succeeds().stdout;
    for words in [
        ["small", "Resize Bilinear", "15x14x1"],
        ["frame", "Padding top 1, bottom 0, left 1, right -1", "15x15x1"],
        ["act", "Activation, Rectifier", "6x6x8"],
        ["flat", "Reshape", "1x1x288"],
        ["sharp", "Transformation Threshold", "1x1x10"],
    ] {
        let mut lines = shown.lines();
        assert!(lines.any(|line| words.iter().all(|word| line.contains(word))), "{words:?} is missing in\n{shown}");
    }
    run(folder.path(), &["m.ini", "-learn", "9600", "-log", "9600"]).succeeds();
    let rate = || summary(folder.path())["formal_recognition_rate"].as_f64().unwrap();
    let learned = rate();
    assert!(learned > 0.85, "{learned}");
    run(folder.path(), &["m.ini", "-test"]).succeeds();
    assert_eq!(rate(), learned, "the weights are read back as they were");
}

#[test]
fn what_no_error_reaches_is_not_learned_in_silence() {
    let folder = folder();
    let text = MODEL.replace("[fc.Target]", "[sharp.Target]");
    let line = 1 + text.lines().position(|line| line == "[sharp.Target]").unwrap();
    fs::write(folder.path().join("m.ini"), text).unwrap();
    let parts =
        [&*format!("line {line}, [sharp.Target]: nothing would be learned"), "put the target on a layer before it"];
    run(folder.path(), &["learn", "m.ini", "--learn", "64", "--out", "a"]).fails(2, &parts);
    run(folder.path(), &["find-lr", "m.ini", "--find-lr", "64", "--out", "b"]).fails(2, &parts);
}
