//! A residual network: its sum runs as spikes.

use crate::program::{folder, run, summary};

const MODEL: &str = "\
DefaultModel=Transcode

[database]
Type=MNIST_IDX_Database
Validation=0.2

[env]
SizeX=14
SizeY=14
BatchSize=32
ConfigSection=env.config

[env.Transformation]
Type=RescaleTransformation
Width=14
Height=14

[env.config]
StimulusType=JitteredPeriodic
PeriodMeanMin=10 ns
PeriodMeanMax=100 us
PeriodMin=1 ns

[def]
ActivationFunction=Rectifier
WeightsFiller=HeFiller
ConfigSection=learn,spikes

[conv1] def
Input=env
Type=Conv
KernelSize=4
Stride=2
NbOutputs=8

[conv2] def
Input=conv1
Type=Conv
KernelSize=3
Padding=1
NbOutputs=8

[sum]
Input=conv1,conv2
Type=ElemWise
Operation=Sum
NbOutputs=8
ActivationFunction=Rectifier
ConfigSection=spikes

[fc] def
Input=sum
Type=Fc
NbOutputs=10
ActivationFunction=Linear
ConfigSection=learn,last

[fc.Target]

[learn]
NoBias=1
Solvers.LearningRate=0.01
Solvers.Momentum=0.9
WeightsSolver.Clamping=-1.0:1.0

[spikes]
IncomingDelay=0
BipolarThreshold=0

[last]
IncomingDelay=0
";

#[test]
fn a_residual_network_learns_and_runs_as_spikes() {
    let folder = folder();
    std::fs::write(folder.path().join("m.ini"), MODEL).unwrap();
    run(folder.path(), &["m.ini", "-learn", "48000", "-log", "48000", "-nb-test", "300"]).succeeds();
    let summary = summary(folder.path());
    let rate = |key: &str| summary[key].as_f64().unwrap();
    let (formal, spiking) = (rate("formal_recognition_rate"), rate("spiking_recognition_rate"));
    assert!(formal > 0.8 && (formal - spiking).abs() < 0.05, "{formal} as frames, {spiking} as spikes");
    let log = std::fs::read_to_string(folder.path().join("stats_spike.log")).unwrap();
    // 16 x 8 and 9 x 64 of the kernels, 2 x 8 of the sum, 288 x 10; three maps of 6x6x8, and 10.
    for line in ["Synapses: 3,600", "Neurons: 874"] {
        assert!(log.lines().any(|l| l == line), "`{line}` is missing in\n{log}");
    }
    // Each spike of an input is read once: as many reads as spikes of the two convolutions.
    let count = |line: &str| -> u64 {
        let found = log.lines().find_map(|l| l.strip_prefix(line)).unwrap_or_else(|| panic!("`{line}` in\n{log}"));
        found.replace(',', "").parse().unwrap()
    };
    let spikes = count("conv1 output events: ") + count("conv2 output events: ");
    let layer = std::fs::read_to_string(folder.path().join("stats_spike/sum.log")).unwrap();
    let reads = layer.lines().rev().find_map(|line| line.strip_prefix("Read events: ")).map(|n| n.replace(',', ""));
    assert_eq!(reads.and_then(|reads| reads.parse().ok()), Some(spikes), "{layer}");
}
