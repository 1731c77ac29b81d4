//! Deconv, Unpool, FMP and LRN, and the target that is the data: what is read, and what is wrong.

use formal::config::{LrnConfig, Operator, Pooling, Size, UnpoolConfig};

use super::cells::{fails, read, sides};
use super::*;

#[test]
fn a_transposed_convolution_unfolds_its_input() {
    let cell = read(
        "Input=a\nType=Deconv\nNbOutputs=3\nKernelWidth=4\nKernelHeight=3\nStride=2\nPaddingX=1\nDilationY=2\nNoBias=1\n\
         Mapping(a).Size=1\nActivationFunction=Rectifier\nWeightsSolver.LearningRate=0.1",
    );
    assert_eq!(sides(&cell), [23 * 2 + 4 - 2, 23 * 2 + 5, 3]);
    let Operator::Deconv(deconv) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!((deconv.stride, deconv.padding), (Size { width: 2, height: 2 }, Size { width: 1, height: 0 }));
    assert!(deconv.no_bias && deconv.mapping.as_ref().is_some_and(|pairs| pairs.len() == 12 && pairs[0] && !pairs[1]));
    fails(
        "Input=a\nType=Deconv\nNbOutputs=3\nKernelSize=3\nPaddingX=13\nSubSample=2",
        "m.ini has 1 fault\n  line 21, [c] PaddingX: nothing is left of an output of 26x26 once the padding is cut off",
    );
}

#[test]
fn an_unpooling_takes_all_from_its_pool() {
    let pool = "[p]\nInput=a\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nNbOutputs=4\nMapping.Size=1\n";
    let with_pool = |rest: &str| format!("Input=p\nType=Unpool\n{rest}{pool}");
    for rest in ["ArgMax=p\n", "ArgMax=p\nNbOutputs=4\nPooling=Max\nPoolSize=2\nStride=2\nMapping(p).Size=1\n"] {
        let cell = read(&with_pool(rest));
        assert_eq!(sides(&cell), [24, 24, 4]);
        let Operator::Unpool(UnpoolConfig { arg_max }) = cell.operator else { panic!("{:?}", cell.operator) };
        let Operator::Pool(pool) = &loaded_pool(&with_pool(rest), arg_max).operator else { panic!("no pool") };
        assert_eq!(pool.pooling, Pooling::Max);
    }
    let check = |rest: &str, expected: &str| fails(&with_pool(rest), &format!("m.ini has 1 fault\n  {expected}"));
    check(
        "ArgMax=q\n",
        "line 19, [c] ArgMax: expected a Pool with Pooling=Max that stands before this layer, found `q`",
    );
    check("ArgMax=p\nPoolSize=3\n", "line 20, [c] PoolSize: expected 2x2 as in `p`, found 3x3; it may be left out");
    check("ArgMax=p\nNbOutputs=5\n", "line 20, [c] NbOutputs: expected 4, the input channels of `p`, found 5");
    check(
        "ArgMax=p\nNbOutputs=4\nMapping.NbGroups=2\n",
        "line 16, [c] Mapping: expected the connections of `p`, turned round; they may be left out",
    );
    let other = pool.replace("[p]\nInput=a", "[q]\nInput=p").replace("NbOutputs=4", "NbOutputs=2");
    fails(
        &format!("Input=q\nType=Unpool\nArgMax=p\n{pool}{other}"),
        "m.ini has 1 fault\n  line 17, [c] Input: expected the size of the outputs of `p`, 12x12x4, found 6x6x2",
    );
}

#[track_caller]
fn loaded_pool(layer: &str, index: usize) -> crate::model::CellDescription {
    loaded(&super::cells::with(layer)).cells.swap_remove(index)
}

#[test]
fn a_fractional_pooling_rounds_its_sides() {
    let cell = read("Input=a\nType=FMP\nNbOutputs=4\nScalingRatio=1.4142\nMapping.Size=1\nPseudoRandom=0");
    assert_eq!(sides(&cell), [17, 17, 4]);
    let Operator::Fmp(fmp) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!((fmp.is_overlapping, fmp.is_pseudo_random, fmp.mapping.is_some()), (true, false, true));
    fails(
        "Input=a\nType=FMP\nNbOutputs=4\nScalingRatio=0.5\nConfigSection=f\n[f]\nOverlaping=0",
        "m.ini has 2 faults
  line 20, [c] ScalingRatio: expected a number from 1 to 48, twice the shorter side of its input, found `0.5`
  line 23, [f] Overlaping: unknown parameter; did you mean `Overlapping`?",
    );
}

#[test]
fn a_local_response_normalization_has_the_defaults_of_the_manual() {
    let cell = read("Input=a\nType=LRN\nNbOutputs=4");
    assert_eq!(sides(&cell), [24, 24, 4]);
    let Operator::Lrn(lrn) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!(*lrn, LrnConfig { n: 5, alpha: 1e-4, beta: 0.75, k: 2.0 });
    let cell = read("Input=a\nType=LRN\nConfigSection=l\nN=3\n[l]\nAlpha=0.5\nBeta=1\nK=1");
    let Operator::Lrn(lrn) = &cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!(*lrn, LrnConfig { n: 3, alpha: 0.5, beta: 1.0, k: 1.0 });
    fails(
        "Input=a\nType=LRN\nNbOutputs=3\nAlpha=-1\nK=0",
        "m.ini has 3 faults
  line 19, [c] NbOutputs: expected 4, the channels of its input, found 3
  line 20, [c] Alpha: expected 0 or more, found `-1`
  line 21, [c] K: expected a number above 0 such as `0.05` or `1`, found `0`",
    );
}

#[test]
fn none_of_them_spikes() {
    for (kind, remedy) in
        [("Deconv\nKernelSize=1", "test the network"), ("FMP\nScalingRatio=2", "learn again"), ("LRN", "learn again")]
    {
        let text = super::cells::with(&format!("Input=a\nModel=Transcode\nNbOutputs=4\nType={kind}"));
        let faults = load("m.ini", &text, &Options::default()).map(|_| ()).unwrap_err().to_string();
        let name = kind.split('\n').next().unwrap();
        let expected =
            format!("[c] Type: {name} has no spiking half, so there is no {name} of the model `Transcode`; {remedy}");
        assert!(faults.contains(&expected), "{faults}");
    }
}

#[test]
fn the_data_are_a_target_where_the_outputs_have_their_size() {
    let back = "[back]\nInput=a\nType=Deconv\nKernelSize=5\nNbOutputs=1\n[back.Target]\nDataAsTarget=1\n";
    let conv = "[a]\nInput=sp\nType=Conv\nKernelSize=5\nNbOutputs=4\n";
    assert!(loaded(&format!("{HEAD}{conv}{back}")).targets[0].is_data);
    let check = |text: String, expected: &str| {
        let faults = load("m.ini", &format!("{HEAD}{conv}{text}"), &Options::default()).map(|_| ()).unwrap_err();
        assert_eq!(faults.to_string(), format!("m.ini has {expected}"));
    };
    check(
        back.replace("NbOutputs=1", "NbOutputs=2"),
        "1 fault\n  line 17, [back.Target] DataAsTarget: the outputs must have the size of the stimulus, 28x28x1, those of `back` are 28x28x2",
    );
    check(
        format!("{back}TopN=3\n"),
        "1 fault\n  line 18, [back.Target] TopN: has no meaning with `DataAsTarget`; leave it out",
    );
}
