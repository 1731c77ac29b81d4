//! Biases run as constant currents.

use std::fs;

use crate::program::{folder, run_whole, summary};

/// A small network with biases everywhere.
const MODEL: &str = "\
DefaultModel=Transcode

[database]
Type=MNIST_IDX_Database
Validation=0.2

[env]
SizeX=28
SizeY=28
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
ActivationFunction=Rectifier
WeightsFiller=HeFiller
BiasFiller=ConstantFiller
BiasFiller.Value=0
ConfigSection=common.config

[pool1]
Input=conv1
Type=Pool
Pooling=Max
PoolSize=2
Stride=2
NbOutputs=8
Mapping.Size=1

[fc1]
Input=pool1
Type=Fc
NbOutputs=40
ActivationFunction=Rectifier
WeightsFiller=HeFiller
BiasFiller=ConstantFiller
BiasFiller.Value=0
ConfigSection=common.config

[fc2]
Input=fc1
Type=Fc
NbOutputs=10
ActivationFunction=Linear
WeightsFiller=XavierFiller
BiasFiller=ConstantFiller
BiasFiller.Value=0
ConfigSection=common.config,fc2.config

[fc2.Target]

[common.config]
NoBias=0
Threshold=1.0
BipolarThreshold=0
IncomingDelay=0
WeightsSolver.Clamping=-1.0:1.0
Solvers.LearningRate=0.03
Solvers.Momentum=0.9

[fc2.config]
TerminateDelta=4
BipolarThreshold=1
";

/// Most that the spiking rate may fall short of the formal one.
const SHORTFALL: f64 = 0.02;

#[test]
fn a_network_with_biases_learns_an_epoch_and_keeps_its_rate_as_spikes() {
    let folder = folder();
    fs::write(folder.path().join("m.ini"), MODEL).unwrap();
    run_whole(folder.path(), &["m.ini", "-learn-epoch", "1", "-nb-test", "1000"]).succeeds();
    let summary = summary(folder.path());
    let rate = |key: &str| summary[key].as_f64().unwrap();
    let (formal, spiking) = (rate("formal_recognition_rate"), rate("spiking_recognition_rate"));
    assert!(formal > 0.9, "{formal}");
    assert!(spiking > formal - SHORTFALL, "{spiking} as spikes, {formal} as frames");

    let biases = |set: &str| -> Vec<f64> {
        let text = fs::read_to_string(folder.path().join(set).join("fc1_biases.syntxt")).unwrap();
        text.split_whitespace().map(|word| word.parse().unwrap()).collect()
    };
    let (trained, scaled) = (biases("weights_validation"), biases("weights_range_normalized"));
    let text = fs::read_to_string(folder.path().join("normalization.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cells = json["cells"].as_array().unwrap();
    let factor = |name: &str, key: &str| cells.iter().find(|c| c["cell"] == name).unwrap()[key].as_f64().unwrap();
    let expected = factor("conv1", "factor") * factor("fc1", "factor");
    assert!((factor("fc1", "bias_factor") / expected - 1.0).abs() < 1e-12, "all factors up to its own");
    for (trained, scaled) in trained.iter().zip(&scaled) {
        assert!((scaled * expected - trained).abs() < 1e-6, "{trained} {scaled}");
    }
    assert!(trained.iter().any(|&b| b.abs() > 0.01), "the biases have learned: {trained:?}");
}
