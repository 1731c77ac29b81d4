//! Layers beyond Conv, Pool, Fc, Softmax and Dropout: what is read, and what is wrong.

mod full;
mod margin;
mod rearranged;
mod sizes;

use formal::config::{CoefficientMode, ElementOperation, Operator, SgdConfig};

use super::*;
use crate::model::CellDescription;

/// [`HEAD`], then two convolutions `a` and `b` of 4 channels, then `layer` named `c` from line 16, then an output layer.
pub(super) fn with(layer: &str) -> String {
    let conv = |name: &str| format!("[{name}]\nInput=sp\nType=Conv\nKernelSize=5\nNbOutputs=4\n");
    format!("{HEAD}{}{}[c]\n{layer}\n[out]\nInput=c\nType=Fc\nNbOutputs=10\n[out.Target]\n", conv("a"), conv("b"))
}

#[track_caller]
pub(super) fn read(layer: &str) -> CellDescription {
    let description = loaded(&with(layer));
    description.cells.into_iter().find(|cell| cell.name == "c").expect("the layer")
}

#[track_caller]
pub(super) fn fails(layer: &str, expected: &str) {
    match load("m.ini", &with(layer), &Options::default()) {
        Ok(_) => panic!("no fault"),
        Err(faults) => assert_eq!(faults.to_string(), expected.trim_end()),
    }
}

pub(super) fn sides(cell: &CellDescription) -> [usize; 3] {
    let shape = cell.output_shape;
    [shape.width, shape.height, shape.channels]
}

#[test]
fn an_element_wise_layer_keeps_the_shape_of_its_inputs() {
    let cell =
        read("Input=a,b\nType=ElemWise\nOperation=Sum\nNbOutputs=4\nWeights=0.5 -1\nActivationFunction=Rectifier");
    assert_eq!(sides(&cell), [24, 24, 4]);
    let Operator::ElemWise(config) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!((config.operation, config.coefficients), (ElementOperation::Sum, CoefficientMode::PerInput));
    assert_eq!((config.weights.as_slice(), config.shifts.len()), ([0.5, -1.0].as_slice(), 0));
    let cell = read("Input=a\nType=ElemWise\nOperation=EuclideanSum\nCoeffMode=PerChannel\nShifts=1 2 3 4");
    let Operator::ElemWise(config) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!((config.coefficients, config.shifts.len()), (CoefficientMode::PerChannel, 4));
}

#[test]
fn faults_of_an_element_wise_layer_are_named() {
    fails(
        "Input=a,b\nType=ElemWise\nOperation=Add\nNbOutputs=8\nWeights=1 2 3\nCoeffMode=PerInput",
        "m.ini has 3 faults
  line 19, [c] Operation: expected one of `Sum`, `AbsSum`, `EuclideanSum`, `Prod`, `Max`, found `Add`
  line 20, [c] NbOutputs: expected 4, the channels of its input, found 8
  line 21, [c] Weights: expected 2 numbers, one for each of the inputs, found 3",
    );
    fails(
        "Input=a,sp\nType=ElemWise\nOperation=Max",
        "m.ini has 1 fault\n  line 17, [c] Input: inputs must agree in width and height, found 24x24 and 28x28",
    );
    fails(
        "Input=a,a2\nType=ElemWise\nOperation=Max\nShifts=1 1\n[a2]\nInput=sp\nType=Conv\nKernelSize=5\nNbOutputs=6",
        "m.ini has 2 faults
  line 17, [c] Input: the inputs of an ElemWise must have one shape, found 4 and 6 channels; a Conv of 1x1 on one of them makes them equal
  line 20, [c] Shifts: `Max` has none; leave it out",
    );
    fails(
        "Input=a,b\nType=ElemWise",
        "m.ini has 1 fault\n  line 16, [c] Operation: missing; expected one of `Sum`, `AbsSum`, `EuclideanSum`, `Prod`, `Max`",
    );
    fails(
        "Input=a,b\nType=ElemWise\nOperation=Sum\nModel=Transcode",
        "m.ini has 1 fault\n  line 4, [sp]: layers that spike, such as `c`, need an environment: call this section `[env]`",
    );
    fails(
        "Input=a,b\nType=ElemWise\nOperation=Max\nModel=Transcode",
        "m.ini has 2 faults\n  line 4, [sp]: layers that spike, such as `c`, need an environment: call this section `[env]`\n  line 18, [c] Type: ElemWise has no spiking half, so there is no ElemWise of the model `Transcode`; only that of `Operation=Sum` has one; give its inputs to the next Conv or Fc together (`Input=a,b`) and learn again, or use Model=Frame",
    );
}

#[test]
fn a_batch_normalization_has_solvers_of_its_own() {
    let cell = read(
        "Input=a\nType=BatchNorm\nNbOutputs=4\nScaleSolver.LearningRate=0.2\nSolvers.Momentum=0.9\nEpsilon=1e-3\n\
         ConfigSection=slow\n[slow]\nBiasSolver.LearningRate=0.05\nMovingAverageMomentum=0.2\nBackPropagate=0",
    );
    assert_eq!(sides(&cell), [24, 24, 4]);
    assert_eq!(cell.activation.value, formal::config::Activation::Tanh { alpha: 1.0 });
    let Operator::BatchNorm(norm) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!((norm.epsilon, norm.momentum, norm.back_propagate), (1e-3, 0.2, false));
    let sgd = |learning_rate| SgdConfig { learning_rate, momentum: 0.9, ..SgdConfig::default() }.into();
    assert_eq!((&norm.scale_solver, &norm.bias_solver), (&sgd(0.2), &sgd(0.05)));
}

#[test]
fn faults_of_a_batch_normalization_are_named() {
    fails(
        "Input=a\nType=BatchNorm\nNbOutputs=5\nEpsilon=0\nScalesSharing=a\nMovingAverageMomentum=1\nConfigSection=other\n[other]\nNoBias=1",
        "m.ini has 5 faults
  line 19, [c] NbOutputs: expected 4, the channels of its input, found 5
  line 20, [c] Epsilon: expected a number above 0 such as `0.05` or `1`, found `0`
  line 21, [c] ScalesSharing: not supported yet, though N2D2 has it; leave it out
  line 22, [c] MovingAverageMomentum: expected a number from 0 to below 1, found `1`: the running values would be those of one batch
  line 25, [other] NoBias: unknown parameter here; it belongs to: Conv, Deconv, Fc: `ConfigSection`",
    );
}
