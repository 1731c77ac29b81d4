//! Padding, Resize, Reshape, Transpose, Activation, Threshold, Transformation.

use formal::config::{Activation, Interpolation, Operator, PaddingConfig, ResizeConfig};
use stimuli::{Arithmetic, Operation, RangeAffine, Threshold, ThresholdOperation};

use super::*;

#[test]
fn each_layer_has_the_shape_that_comes_out() {
    let check = |layer: &str, expected: [usize; 3]| {
        let cell = read(&format!("Input=a\n{layer}"));
        assert_eq!(sides(&cell), expected, "{layer}");
        cell
    };
    let cell = check("Type=Padding\nNbOutputs=4\nTopPadding=1\nLeftPadding=-2\nRightPadding=3", [25, 25, 4]);
    let Operator::Padding(padding) = cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!(padding, PaddingConfig { top: 1, bottom: 0, left: -2, right: 3 });
    assert_eq!(cell.activation.value, Activation::Linear);
    let resize = |keys: &str, expected| {
        let cell = check(&format!("Type=Resize\nOutputWidth=7\nOutputHeight=50\n{keys}"), [7, 50, 4]);
        let Operator::Resize(ResizeConfig { interpolation, .. }) = cell.operator else { panic!("{:?}", cell.operator) };
        assert_eq!(interpolation, expected);
    };
    resize("Mode=NearestNeighbor", Interpolation::Nearest);
    resize("Mode=Bilinear\nNbOutputs=4", Interpolation::Bilinear);
    resize("Mode=BilinearTF", Interpolation::BilinearTensorFlow { align_corners: true });
    let unaligned = "Mode=BilinearTF\nConfigSection=config\n[config]\nAlignCorners=0";
    resize(unaligned, Interpolation::BilinearTensorFlow { align_corners: false });
    check("Type=Reshape\nDims=1 1 -1\nNbOutputs=2304", [1, 1, 2304]);
    check("Type=Reshape\nDims=0 48 2 0", [24, 48, 2]);
    check("Type=Reshape\nDims=8 0 12 -1", [8, 24, 12]);
    check("Type=Transpose\nPerm=2 1 0 3\nNbOutputs=24", [4, 24, 24]);
    let cell = check("Type=Activation", [24, 24, 4]);
    assert_eq!(cell.activation.value, Activation::Tanh { alpha: 1.0 });
    let cell = check("Type=Activation\nActivationFunction=Swish", [24, 24, 4]);
    assert_eq!(cell.activation.value, Activation::Swish);
    let cell = check("Type=Threshold\nThreshold=0.5\nConfigSection=config\n[config]\nOperation=ToZero", [24, 24, 4]);
    let Operator::Transformation(operation) = cell.operator else { panic!("{:?}", cell.operator) };
    let expected = Threshold { threshold: 0.5, otsu: false, operation: ThresholdOperation::ToZero, max_value: 1.0 };
    assert_eq!(operation, Operation::Threshold(expected.clone()));
    let cell = check(
        "Type=Transformation\nTransformation=ThresholdTransformation\nThreshold=0.5\nOperation=ToZero",
        [24, 24, 4],
    );
    let Operator::Transformation(operation) = cell.operator else { panic!("{:?}", cell.operator) };
    assert_eq!(operation, Operation::Threshold(expected));
    check("Type=Transformation\nTransformation=PadCropTransformation\nWidth=5\nHeight=6", [5, 6, 4]);
    let affine =
        "Type=Transformation\nTransformation=RangeAffineTransformation\nFirstOperator=Minus\nFirstValue=1 2 3 4";
    let cell = check(affine, [24, 24, 4]);
    let Operator::Transformation(Operation::RangeAffine(RangeAffine { first, first_value, .. })) = cell.operator else {
        panic!("{:?}", cell.operator)
    };
    assert_eq!((first, first_value), (Arithmetic::Minus, vec![1.0, 2.0, 3.0, 4.0]));
}

#[test]
fn faults_of_such_layers_are_named() {
    fails(
        "Input=a\nType=Padding\nNbOutputs=5\nTopPadding=1.5\nLeftPadding=-20\nRightPadding=-4\nBottomPadding=99,999,999",
        "m.ini has 3 faults
  line 20, [c] TopPadding: expected a whole number such as `2` or `-1`, found `1.5`
  line 21, [c] LeftPadding: expected more than -24 with the other side: the input has 24, found -24
  line 23, [c] BottomPadding: expected from -16777216 to 16777216, found 99999999",
    );
    fails(
        "Input=a\nType=Resize\nMode=Bicubic\nOutputWidth=0\nNbOutputs=3",
        "m.ini has 4 faults
  line 16, [c] OutputHeight: missing; expected a whole number from 1 such as `32` or `1,000,000`
  line 19, [c] Mode: expected one of `NearestNeighbor`, `Bilinear`, `BilinearTF`, found `Bicubic`
  line 20, [c] OutputWidth: expected a whole number from 1 such as `32` or `1,000,000`, found `0`
  line 21, [c] NbOutputs: expected 4, the channels of its input, found 3",
    );
    fails(
        "Input=a\nType=Reshape\nDims=1 1 7",
        "m.ini has 1 fault\n  line 19, [c] Dims: expected the 2304 elements of the input, found 1 1 7",
    );
    fails(
        "Input=a\nType=Reshape\nDims=1 1\nNbOutputs=3",
        "m.ini has 1 fault
  line 19, [c] Dims: expected a width, a height and a number of channels, and then 0 for the batch if anything, found `1 1`",
    );
    fails(
        "Input=a\nType=Reshape\nDims=1 1 -1\nNbOutputs=3",
        "m.ini has 1 fault\n  line 20, [c] NbOutputs: expected 2304, the channels that come out, found 3",
    );
    fails(
        "Input=a\nType=Transpose\nPerm=3 1 0 2",
        "m.ini has 1 fault
  line 19, [c] Perm: expected 0, 1 and 2 in some order and then 3, the batch, found `3 1 0 2`",
    );
    fails(
        "Input=a\nType=Transpose\nPerm=0 0 1",
        "m.ini has 1 fault\n  line 19, [c] Perm: expected 0, 1 and 2 in some order, found 0 0 1",
    );
    fails(
        "Input=a,b\nType=Threshold\nOperation=Half",
        "m.ini has 3 faults
  line 16, [c] Threshold: missing; expected a number such as `0.05` or `1e-3`
  line 17, [c] Input: a Threshold has one input, found 2
  line 19, [c] Operation: expected one of `Binary`, `BinaryInverted`, `Truncate`, `ToZero`, `ToZeroInverted`, found `Half`",
    );
    fails(
        "Input=a\nType=Transformation\nTransformation=FlipTransformation\nRandomHorizontalFlip=1",
        "m.ini has 1 fault
  line 19, [c] Transformation: Transformation: expected one without random draws, found one that draws; transform the stimuli at random, in their `OnTheFlyTransformation`",
    );
    fails(
        "Input=a\nType=Transformation\nTransformation=EqualizeTransformation\nConfigSection=config\n[config]\nMethod=CLAHE",
        "m.ini has 2 faults
  line 19, [c] Transformation: EqualizeTransformation: expected an image of bytes, found real numbers; put it before what makes reals
  line 22, [config] Method: unknown parameter here; it belongs to: `Type=EqualizeTransformation`",
    );
    for (kind, keys, remedy) in [
        ("Padding", "", "give the next Conv or Pool PaddingX and PaddingY instead and learn again, or use Model=Frame"),
        (
            "Resize",
            "OutputWidth=1\nOutputHeight=1\nMode=Bilinear",
            "learn again without it, or use Model=Frame and test the network as frames",
        ),
        ("Reshape", "Dims=0 0 0", "leave it out where an Fc follows, which reads any shape, or use Model=Frame"),
        ("Transpose", "Perm=1 0 2", "learn again without it, or use Model=Frame and test the network as frames"),
        ("Activation", "", "give the Conv or Fc before it this ActivationFunction instead, or use Model=Frame"),
        ("Threshold", "Threshold=1", "transform the stimuli instead, in a section of `[env]`, or use Model=Frame"),
    ] {
        fails(
            &format!("Input=a\nType={kind}\nModel=Transcode\n{keys}"),
            &format!(
                "m.ini has 2 faults
  line 4, [sp]: layers that spike, such as `c`, need an environment: call this section `[env]`
  line 18, [c] Type: {kind} has no spiking half, so there is no {kind} of the model `Transcode`; {remedy}"
            ),
        );
    }
}
