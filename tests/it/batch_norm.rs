//! A batch normalization learns, is saved with the weights, and runs as spikes inside the weights before it.

use std::fs;

use crate::program::{folder, run, run_whole, summary};

/// A small network with a normalization behind each hidden layer.
const MODEL: &str = "\
DefaultModel=Transcode

[database]
Type=MNIST_IDX_Database
Validation=0.2

[env]
Size=28
BatchSize=32
ConfigSection=env.config

[env.config]
StimulusType=JitteredPeriodic
PeriodMin=1 ns
PeriodMeanMin=10 ns
PeriodMeanMax=100 us
PeriodRelStdDev=0.0

[conv1]
Input=env
Type=Conv
KernelSize=6
Stride=2
NbOutputs=8
ActivationFunction=Linear
WeightsFiller=HeFiller
ConfigSection=common.config

[conv1.bn]
Input=conv1
Type=BatchNorm
NbOutputs=[conv1]NbOutputs
ActivationFunction=Rectifier
ConfigSection=bn.config

[fc1]
Input=conv1.bn
Type=Fc
NbOutputs=40
ActivationFunction=Linear
WeightsFiller=HeFiller
ConfigSection=common.config

[fc1.bn]
Input=fc1
Type=BatchNorm
NbOutputs=[fc1]NbOutputs
ActivationFunction=Rectifier
ConfigSection=bn.config

[fc2]
Input=fc1.bn
Type=Fc
NbOutputs=10
ActivationFunction=Linear
WeightsFiller=XavierFiller
ConfigSection=common.config,fc2.config

[fc2.Target]

[bn.config]
Solvers.LearningRate=0.03
Solvers.Momentum=0.9

[common.config]
NoBias=1
Threshold=1.0
BipolarThreshold=0
IncomingDelay=0
Solvers.LearningRate=0.03
Solvers.Momentum=0.9
WeightsSolver.Clamping=-1.0:1.0

[fc2.config]
BipolarThreshold=1
";

/// Most that the spiking rate may fall short of the formal one.
const SHORTFALL: f64 = 0.03;

#[test]
fn a_normalized_network_learns_is_read_back_and_keeps_its_rate_as_spikes() {
    let folder = folder();
    fs::write(folder.path().join("m.ini"), MODEL).unwrap();
    run_whole(folder.path(), &["m.ini", "-learn", "9600", "-log", "9600", "-nb-test", "200"]).succeeds();
    let rates = || {
        let summary = summary(folder.path());
        ["formal_recognition_rate", "spiking_recognition_rate"].map(|key| summary[key].as_f64().unwrap())
    };
    let [formal, spiking] = rates();
    assert!(formal > 0.9, "{formal}");
    assert!(spiking > formal - SHORTFALL, "{spiking} as spikes, {formal} as frames");

    let values = |file: &str| -> Vec<f64> {
        let text = fs::read_to_string(folder.path().join("weights_validation").join(file)).unwrap();
        text.split_whitespace().map(|word| word.parse().unwrap()).collect()
    };
    assert!(values("conv1.bn_means.syntxt").iter().any(|mean| mean.abs() > 0.01));
    assert!(values("conv1.bn_variances.syntxt").iter().all(|&variance| variance > 0.0));
    assert!(values("fc1.bn_scales.syntxt").iter().any(|scale| (scale - 1.0).abs() > 0.01));
    assert_eq!(values("fc1.bn_biases.syntxt").len(), 40);

    run_whole(folder.path(), &["m.ini", "-test", "-nb-test", "200"]).succeeds();
    assert_eq!(rates(), [formal, spiking], "the weights are read back as they were");

    fs::write(folder.path().join("weights_validation/fc1.bn_variances.syntxt"), "-1 ".repeat(40)).unwrap();
    let parts = ["fc1.bn_variances.syntxt", "expected variances of 0 or more, found `-1`"];
    run_whole(folder.path(), &["m.ini", "-test", "-nb-test", "5"]).fails(2, &parts);
}

#[test]
fn normalizations_that_are_inserted_learn_and_run_as_spikes_inside_their_convolutions() {
    let folder = folder();
    let plain = crate::program::model("LeNet_Spike.ini");
    std::fs::write(folder.path().join("plain.ini"), &plain).unwrap();
    let text = format!("InsertBatchNormAfterConv=1\n{plain}");
    std::fs::write(folder.path().join("m.ini"), text).unwrap();
    let words = ["m.ini", "-learn", "12800", "-log", "6400", "-nb-test", "500", "-seed", "1"];
    run(folder.path(), &words).succeeds();
    let summary = summary(folder.path());
    let rate = |key: &str| summary[key].as_f64().unwrap();
    let (formal, spiking) = (rate("formal_recognition_rate"), rate("spiking_recognition_rate"));
    assert!(formal > 0.9 && spiking > 0.8, "{formal} as frames, {spiking} as spikes");
    for name in ["conv1.bn_scales", "conv2.bn_means", "conv3.bn_variances", "conv1.bn_biases"] {
        assert!(folder.path().join(format!("weights_validation/{name}.syntxt")).exists(), "{name}");
    }
    let shown = run(folder.path(), &["inspect", "m.ini"]).succeeds().stdout;
    assert!(shown.contains("conv3.bn") && !shown.contains("fc1.bn"), "{shown}");
}
