//! Parameters read from `<layer>.cfg`.

use formal::config::SolverConfig;

use super::*;
use crate::model::Spread;

/// A spiking network of one layer, `out`, with this text in `out.cfg`.
fn with(saved: &str) -> Result<Description, String> {
    let text = "DefaultModel=Transcode\n[database]\nType=MNIST_IDX_Database\n[env]\nSize=28\n[out]\nInput=env\nType=Fc\nNbOutputs=10\nConfigSection=c\n[out.Target]\n[c]\nThreshold=0.5\nNoBias=1\nSolvers.Momentum=0.9\n";
    let saved = saved.to_owned();
    let saved = Files::new(move |name| Ok((name == "out.cfg").then(|| saved.clone())));
    let options = Options { saved, ..Options::default() };
    load("m.ini", text, &options).map(|(description, _)| description).map_err(|faults| faults.to_string())
}

#[test]
fn saved_parameters_are_stronger_than_the_model() {
    let model = with("# a date\nThreshold = 2.00000 # twice\n\nIncomingDelay=2.0; 1.0\nLeak = 590,000\nWeightsSolver.Momentum = 0.500000\n").unwrap();
    let cell = &model.cells[0];
    assert_eq!((cell.spiking.neuron.threshold, cell.spiking.neuron.membrane_time_constant.0), (2.0, 590_000));
    assert_eq!(cell.spiking.incoming_delay, Spread { mean: 2.0, std_dev: 1.0 });
    let formal::config::Operator::Fc(fc) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert!(fc.no_bias);
    let momentum = |solver: &SolverConfig| match solver {
        SolverConfig::Sgd(sgd) => sgd.momentum,
        SolverConfig::Adam(_) => f64::NAN,
    };
    assert_eq!((momentum(&fc.weights_solver), momentum(&fc.bias_solver)), (0.5, 0.9));
    assert_eq!(cell.span_of("Threshold").to_string(), "out.cfg, line 2");
    assert_ne!(model.sha256, with("").unwrap().sha256);
}

#[test]
fn faults_of_saved_parameters_name_their_file() {
    let check = |saved: &str, expected: &str| assert_eq!(with(saved).unwrap_err(), expected, "{saved}");
    check(
        "Threshold = 1.0\nThreshol = 1\nLeak : 5\n\nTerminateDelta = -1\nThreshold = abc\n= 1\n",
        "m.ini has 5 faults
  out.cfg, line 2, [out] Threshol: unknown parameter; did you mean `Threshold`?
  out.cfg, line 3, [out]: malformed line: expected `Name = value`, found `Leak : 5`
  out.cfg, line 5, [out] TerminateDelta: expected a whole number such as `32` or `1,000,000`, found `-1`
  out.cfg, line 6, [out] Threshold: expected a number above 0 such as `0.05` or `1`, found `abc`
  out.cfg, line 7, [out]: malformed line: expected `Name = value`, found `= 1`",
    );
}

#[test]
fn what_is_saved_reads_back_to_the_same_network() {
    let before = with("Threshold = 0.123456789").unwrap();
    let text = crate::config::saved::text("m.ini", &before.cells[0].parameters);
    assert_eq!(
        text,
        "# m.ini
NoBias = 1
BackPropagate = 1
Normalize = 0
DropConnect = 1.00000
IncomingDelay = 1000.00; 1000.00; 100.000
Threshold = 0.123456789
BipolarThreshold = 1
Leak = 0
Refractory = 0
TerminateDelta = 0
TerminateMax = 0
"
    );
    let after = with(&text).unwrap();
    assert_eq!(format!("{:?}", after.cells[0].spiking), format!("{:?}", before.cells[0].spiking));
    assert_eq!(after.cells[0].parameters, before.cells[0].parameters);
}
