//! A golden text for each fault and each warning.

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    match load("m.ini", text, &Options::default()) {
        Ok((_, warnings)) => panic!("no fault; {}", warnings_text("m.ini", &warnings)),
        Err(faults) => assert_eq!(faults.to_string(), expected.trim_end()),
    }
}

#[track_caller]
fn check_warnings(text: &str, expected: &str) {
    match load("m.ini", text, &Options::default()) {
        Ok((_, warnings)) => assert_eq!(warnings_text("m.ini", &warnings), expected.trim_end()),
        Err(faults) => panic!("{faults}"),
    }
}

/// [`HEAD`], then a convolution with these keys from line 10, then an output layer.
fn conv(keys: &str) -> String {
    format!(
        "{HEAD}[c]\nInput=sp\nType=Conv\nNbOutputs=4\n{keys}\n[out]\nInput=c\nType=Fc\nNbOutputs=10\n[out.Target]\n"
    )
}

/// A spiking model whose environment has these keys from line 6.
fn environment(keys: &str) -> String {
    format!(
        "DefaultModel=Transcode\n[database]\nType=MNIST_IDX_Database\n[env]\nSize=28\n{keys}\n[out]\nInput=env\nType=Fc\nNbOutputs=10\n[out.Target]\n"
    )
}

#[test]
fn the_style_guide_s_example() {
    let text = LENET_SPIKE.replace("Threshold=1.0", "Treshold=1.0").replace("NoBias=1", "NoBias=1\nRefractory=10 min");
    let line = 1 + text.lines().position(|line| line == "Refractory=10 min").unwrap();
    let expected = format!(
        "models/lenet.ini has 2 faults
  line {line}, [common.config] Refractory: expected a time such as `10 ns` or `10,000,000` (femtoseconds), found `10 min`
  line {}, [common.config] Treshold: unknown parameter; did you mean `Threshold`?",
        line + 1
    );
    assert_eq!(load("models/lenet.ini", &text, &Options::default()).unwrap_err().to_string(), expected);
}

#[test]
fn an_empty_file_lacks_everything() {
    check(
        "",
        "m.ini has 3 faults
  line 1: expected a section `[database]`, found none
  line 1: expected a section `[sp]` or `[env]`, found none
  line 1: expected layers (sections with `Input`), found none",
    );
}

#[test]
fn all_faults_come_at_once_and_in_file_order() {
    check(
        "DefaultModel=Frame
SpikePooling=exactly
[database]
Type=MNIST_Database
Validation=1.2
[sp]
SizeX=28
SizeX 28
BatchSize=1,28
[conv1]
Input=sp
Type=Cnv
NbOutputs=6
[fc1]
Input=conv1
Type=Fc
NbOutputs=ten
[fc1.Target]
TopN=0",
        "m.ini has 9 faults
  line 2, SpikePooling: expected one of `approximated`, `exact`, found `exactly`; did you mean `exact`?
  line 4, [database] Type: expected one of `MNIST_IDX_Database`, `Fashion_MNIST_IDX_Database`, `CIFAR10_Database`, `CIFAR100_Database`, `DIR_Database`, `GTSRB_DIR_Database`, `IMDBWIKI_Database`, `VOC_Database`, `Mask_Database`, found `MNIST_Database`; did you mean `N_MNIST_Database`?
  line 5, [database] Validation: expected a number from 0 to 1 such as `0.2`, found `1.2`
  line 6, [sp] SizeY: missing; expected a whole number from 1 such as `32` or `1,000,000`
  line 8, [sp]: malformed line: expected `[section]` or `key=value`, found `SizeX 28`
  line 9, [sp] BatchSize: expected a whole number from 1 such as `32` or `1,000,000`, found `1,28`
  line 12, [conv1] Type: expected one of `Conv`, `Pool`, `Fc`, `Softmax`, `Dropout`, `ElemWise`, `BatchNorm`, `Activation`, `Padding`, `Resize`, `Reshape`, `Transpose`, `Threshold`, `Transformation`, `Deconv`, `Unpool`, `FMP`, `LRN`, `Normalize`, `Scaling`, `TargetBias`, found `Cnv`; did you mean `Conv`?
  line 17, [fc1] NbOutputs: expected a whole number from 1 such as `32` or `1,000,000`, found `ten`
  line 19, [fc1.Target] TopN: expected a whole number from 1 such as `32` or `1,000,000`, found `0`",
    );
}

#[test]
fn what_n2d2_has_and_we_lack_is_named_as_such() {
    check(
        &conv("KernelSize=5\nDataType=Float16\nWeightsSharing=d\nQAct=LSQ\nActivationFunction=Relu6\nModel=Spike_RRAM")
            .replace("MNIST_IDX_Database", "ILSVRC2012_Database"),
        "m.ini has 6 faults
  line 3, [database] Type: `ILSVRC2012_Database` is not supported yet; `MNIST_IDX_Database`, `Fashion_MNIST_IDX_Database`, `CIFAR10_Database`, `CIFAR100_Database`, `DIR_Database`, `GTSRB_DIR_Database`, `IMDBWIKI_Database`, `VOC_Database`, `Mask_Database` are
  line 11, [c] DataType: not supported yet, though N2D2 has it; only `Float32` is
  line 12, [c] WeightsSharing: not supported yet, though N2D2 has it; leave it out
  line 13, [c] QAct: not supported yet, though N2D2 has it; leave it out
  line 14, [c] ActivationFunction: expected one of `Linear`, `Rectifier`, `Tanh`, `TanhLeCun`, `Logistic`, `LogisticWithLoss`, `Saturation`, `Softplus`, `Swish`, found `Relu6`
  line 15, [c] Model: `Spike_RRAM` is not supported yet; `Frame`, `Frame_CUDA`, `Frame_EXT_CUDA`, `Transcode`, `Transcode_CUDA`, `Spike` are",
    );
    check(
        &format!("{HEAD}[b]\nInput=sp\nType=LSTM\n[sp.Transformation]\nType=TrimTransformation\n[sp.RoiTransformation]\n[database.sortAndDropLabels]"),
        "m.ini has 4 faults
  line 8, [b] Type: `LSTM` is not supported yet; `Conv`, `Pool`, `Fc`, `Softmax`, `Dropout`, `ElemWise`, `BatchNorm`, `Activation`, `Padding`, `Resize`, `Reshape`, `Transpose`, `Threshold`, `Transformation`, `Deconv`, `Unpool`, `FMP`, `LRN`, `Normalize`, `Scaling`, `TargetBias` are
  line 10, [sp.Transformation] Type: `TrimTransformation` is not supported yet; `RescaleTransformation`, `RangeAffineTransformation`, `PadCropTransformation`, `ChannelExtractionTransformation`, `ColorSpaceTransformation`, `FlipTransformation`, `DistortionTransformation`, `AffineTransformation`, `NormalizeTransformation`, `ThresholdTransformation`, `RangeClippingTransformation`, `SliceExtractionTransformation`, `RandomResizeCropTransformation`, `EqualizeTransformation`, `FilterTransformation`, `RandomAffineTransformation`, `CompressionNoiseTransformation` are
  line 11, [sp.RoiTransformation]: not supported yet; `sp.Transformation*`, `sp.OnTheFlyTransformation*` and those of channels, such as `sp.ChannelTransformation*`, are
  line 12, [database.sortAndDropLabels]: sorting and dropping labels is not supported yet; leave the section out",
    );
    check(
        &format!(
            "{}Type=TargetRP\nLabelsMapping=gender.dat\nMaskedLabel=-1\nLabelsHueOffset=190\nTopN=11",
            conv("KernelSize=5")
        ),
        "m.ini has 4 faults
  line 16, [out.Target] Type: `TargetRP` is not supported yet; `TargetScore`, `Target`, `TargetROIs` are
  line 17, [out.Target] LabelsMapping: `gender.dat`: there is no such file; a relative path begins at the folder of the model
  line 19, [out.Target] LabelsHueOffset: expected a hue from 0 to 179, found 190
  line 20, [out.Target] TopN: expected at most the 10 outputs, found 11",
    );
    check(
        &format!("{}[x@y.ini.tpl]\nA=1", conv("KernelSize=5")),
        "m.ini has 1 fault
  line 16, [x]: template `y.ini.tpl`: there is no such file",
    );
    check(
        &conv("KernelSize=5").replace("[sp]", "[cenv]").replace("=sp", "=cenv"),
        "m.ini has 1 fault
  line 4, [cenv]: the clock-based environment `[cenv]` is not supported yet; `[env]` and `[sp]` are",
    );
}

#[test]
fn unknown_keys_are_warnings_and_errors_when_strict() {
    let text = conv("KernelSize=5\nKernelWdth=5\nPoolSize=2\nNonsense=1\nPadding(Fram)=1")
        .replace("Size=28", "Size=28\nBatchsize=4\nCachePath=x")
        .replace("DefaultModel", "SpikeNormalisation=max\nDefaultModel")
        + "Topn=1\nValueThreshold=0.0\nConfusionQuantSteps=9\n";
    let lines = "
  line 1, SpikeNormalisation: unknown key; did you mean `SpikeNormalization`?
  line 7, [sp] Batchsize: unknown key; did you mean `BatchSize`?
  line 8, [sp] CachePath: N2D2 has this key, we do not yet; it has no effect
  line 14, [c] KernelWdth: unknown key; did you mean `KernelWidth`?
  line 15, [c] PoolSize: unknown key here; it belongs to: `Type=Pool`, or to: `Type=Unpool`
  line 16, [c] Nonsense: unknown key
  line 17, [c] Padding(Fram): unknown key
  line 23, [out.Target] Topn: unknown key; did you mean `TopN`?
  line 25, [out.Target] ConfusionQuantSteps: N2D2 has this key, we do not yet; it has no effect";
    check_warnings(&text, &format!("m.ini has 9 warnings{lines}"));
    let faults = load("m.ini", &text, &Options { strict: true, ..Options::default() }).unwrap_err();
    assert_eq!(faults.to_string(), format!("m.ini has 9 faults{lines}"));
}

#[test]
fn unused_sections_and_keys_written_twice_are_warnings() {
    check_warnings(
        &format!(
            "{}[common.confg]\nNoBias=1\n[extra]\nType=Fc\nNbOutputs=10\n[extra.Target]\n[sp.StimuliData]\nTopN=1\nTopN=2\n",
            conv("KernelSize=5\nConfigSection=common.config\n[common.config]\nNoBias=1")
        ),
        "m.ini has 5 warnings
  line 19, [common.confg]: unused section; did you mean `[common.config]`?
  line 21, [extra]: unused section; a section becomes a layer by its key `Input`
  line 24, [extra.Target]: unused section; there is no layer `extra`
  line 27, [sp.StimuliData] TopN: written twice, first at line 26; the last one counts
  line 27, [sp.StimuliData] TopN: unknown key here; it belongs to: `[<layer>.Target*]`",
    );
}

#[test]
fn an_unknown_parameter_of_a_config_section_is_an_error() {
    check(
        &conv("KernelSize=5\nConfigSection=a,b,comon\n[a]\nNoBais=1\nThreshold=1.0\nSolvers.LearningRte=1\nWeightsSolver.QuantizationLevels=2\n[b]\nDropout=0.1\nWeightsFiller=HeFiller\n[common]"),
        "m.ini has 7 faults
  line 11, [c] ConfigSection: there is no section `[comon]`; did you mean `[common]`?
  line 13, [a] NoBais: unknown parameter; did you mean `NoBias`?
  line 14, [a] Threshold: unknown parameter here; it belongs to: `Type=ThresholdTransformation`, or to: `Type=Threshold`, or to: Conv, Fc, ElemWise that spike (`Transcode`, `Spike`): `ConfigSection`
  line 15, [a] Solvers.LearningRte: unknown parameter; did you mean `Solvers.LearningRate`?
  line 16, [a] WeightsSolver.QuantizationLevels: unknown parameter
  line 18, [b] Dropout: unknown parameter here; it belongs to: Dropout: `ConfigSection`
  line 19, [b] WeightsFiller: unknown parameter here; it belongs to: Layers with weights: Conv, Deconv, Fc",
    );
}

#[test]
fn one_fault_of_a_shared_section_is_told_once() {
    check(
        &format!(
            "{HEAD}[def]\nType=Conv\nKernelSize=five\nConfigSection=common\n[a] def\nInput=sp\nNbOutputs=1\n[b] def\nInput=a\nNbOutputs=1\n[common]\nNoBias=yes\n[b.Target]"
        ),
        "m.ini has 2 faults
  line 8, [def] KernelSize: expected a whole number from 1 such as `32` or `1,000,000`, found `five`
  line 17, [common] NoBias: expected `0` or `1`, found `yes`",
    );
}

#[test]
fn shapes_must_fit() {
    check(
        &conv("KernelWidth=5\nKernelHeight=29"),
        "m.ini has 1 fault
  line 11, [c] KernelHeight: a kernel of 5x29 is larger than the input of `c`, 28x28",
    );
    check(
        &conv("KernelSize=16\nDilation=2\nPadding=1"),
        "m.ini has 1 fault
  line 10, [c] KernelSize: a kernel of 31x31 is larger than the input of `c`, 30x30 with its padding",
    );
    check(
        &conv("KernelSize=5\nKernelWidth=5\nStrideDims=1 2 3"),
        "m.ini has 2 faults
  line 10, [c] KernelSize: excludes `KernelWidth`; write one or the other
  line 12, [c] StrideDims: expected a width and a height, found 3 values",
    );
    check(
        &conv("KernelDims=0 5\nPaddingX=-1\nStride=0"),
        "m.ini has 3 faults
  line 10, [c] KernelDims: expected whole numbers from 1
  line 11, [c] PaddingX: expected a whole number such as `32` or `1,000,000`, found `-1`
  line 12, [c] Stride: expected a whole number from 1 such as `32` or `1,000,000`, found `0`",
    );
    check(
        &conv("Stride=2"),
        "m.ini has 2 faults
  line 6, [c] KernelWidth: missing; expected a whole number from 1 such as `32` or `1,000,000`
  line 6, [c] KernelHeight: missing; expected a whole number from 1 such as `32` or `1,000,000`",
    );
    check(
        &format!(
            "{HEAD}[a]\nInput=sp\nType=Conv\nKernelSize=5\nNbOutputs=1\n[p]\nInput=a\nType=Pool\nPoolSize=25\nPooling=Max\nNbOutputs=1\n[f]\nInput=a,sp\nType=Fc\n[f.Target]"
        ),
        "m.ini has 3 faults
  line 14, [p] PoolSize: a window of 25x25 is larger than the input of `p`, 24x24
  line 17, [f] NbOutputs: missing; expected the number of output channels
  line 18, [f] Input: inputs must agree in width and height, found 24x24 and 28x28",
    );
    check(
        &conv(
            "KernelSize=5\n[s]\nInput=c,c\nType=Softmax\nNbOutputs=3\nGroupSize=5\n[d]\nInput=c\nType=Dropout\nDropout=1",
        ),
        "m.ini has 4 faults
  line 12, [s] Input: a Softmax has one input, found 2
  line 14, [s] NbOutputs: expected 8, the channels of its input, found 3
  line 15, [s] GroupSize: expected a divisor of its 8 channels, found 5
  line 19, [d] Dropout: expected a number from 0 to below 1, found `1`: nothing would be kept",
    );
    check(&conv("KernelSize=5").replace("Size=28", "SizeX=32\nSizeY=28"), "m.ini has 1 fault
  line 5, [sp] SizeX: the images of the Learn set are 28x28x1 after the transformations, the network wants 32x28x1; add or correct a `RescaleTransformation`");
}

#[test]
fn sizes_beyond_reason_are_refused() {
    check(
        &conv("KernelSize=5").replace("NbOutputs=4", "NbOutputs=16,777,217"),
        "m.ini has 1 fault
  line 9, [c] NbOutputs: expected at most 16777216, found 16777217",
    );
    check(
        &conv("KernelSize=1\nPadding=16,000,000"),
        "m.ini has 1 fault
  line 6, [c]: a map of 4x32000028x32000028 elements is too large",
    );
    check(
        &conv("KernelSize=99999999999"),
        "m.ini has 1 fault
  line 10, [c] KernelSize: expected at most 16777216",
    );
    check(
        &conv("KernelSize=5").replace("Size=28", "Size=16777216"),
        "m.ini has 1 fault
  line 4, [sp]: a stimulus of 16777216x16777216x1 elements is too large",
    );
    check(
        &conv("KernelSize=5\n[f]\nInput=c\nType=Fc\nNbOutputs=10,000,000"),
        "m.ini has 1 fault
  line 11, [f]: a layer has at most 2147483648 weights, this one would have more; lower NbOutputs or the size of the input",
    );
}

#[test]
fn inputs_must_exist_and_not_run_in_circles() {
    check(
        &format!(
            "{HEAD}[a]\nInput=b\nType=Fc\nNbOutputs=1\n[b]\nInput=a,sp\nType=Fc\nNbOutputs=1\n[c]\nInput=a\nType=Fc\nNbOutputs=1\n[d]\nInput=con1\nType=Fc\nNbOutputs=1\n[con2]\nInput=database\nType=Fc\nNbOutputs=1\n[e]\nInput=\nType=Fc\nNbOutputs=1\n[f]\nInput=f\nType=Fc\nNbOutputs=1\n[con2.Target]"
        ),
        "m.ini has 5 faults
  line 7, [a] Input: the layers feed each other in a circle: a <- b <- a
  line 19, [d] Input: there is no layer `con1`; did you mean `con2`?
  line 23, [con2] Input: there is no layer `database`; `[database]` has no `Input` and is no layer
  line 27, [e] Input: expected names with commas between them, found ``
  line 31, [f] Input: the layers feed each other in a circle: f <- f",
    );
}

#[test]
fn a_mapping_must_fit_its_channels_and_outputs() {
    let mapped =
        |keys: &str| conv(&format!("KernelSize=5\n[d]\nInput=c\nType=Conv\nKernelSize=1\nNbOutputs=6\n{keys}"));
    check(
        &mapped("Mapping(c)=1 0 0 1 1 1\\\n 1 0 1\\\n"),
        "m.ini has 1 fault
  line 16, [d] Mapping(c): expected 24 items (4 input channels x 6 outputs of `d`), found 9",
    );
    check(
        &mapped("Mapping(c)="),
        "m.ini has 1 fault
  line 16, [d] Mapping(c): expected 24 items (4 input channels x 6 outputs of `d`), found 0",
    );
    check(
        &mapped("Mapping(c)=1 2"),
        "m.ini has 1 fault
  line 16, [d] Mapping(c): expected `0`s and `1`s with blanks between them, found `1 2`",
    );
    check(
        &mapped("Mapping(sp)=1 1 1 1 1 1\nMapping(con).Size=1"),
        "m.ini has 2 faults
  line 16, [d] Mapping(sp): `sp` is no input of this layer; its inputs are: `c`
  line 17, [d] Mapping(con).Size: `con` is no input of this layer; its inputs are: `c`",
    );
    check(
        &mapped("Mapping.NbGroups=3"),
        "m.ini has 1 fault
  line 16, [d] Mapping.NbGroups: expected a divisor of the 4 input channels of `d`, found 3",
    );
    check(
        &mapped("Mapping.NbGroups=2\nMapping.ChannelsPerGroup=2"),
        "m.ini has 1 fault
  line 17, [d] Mapping.ChannelsPerGroup: excludes `NbGroups`; write one of them",
    );
    check(
        &mapped("Mapping.Size=1\nMapping.SizeX=1"),
        "m.ini has 1 fault
  line 16, [d] Mapping.Size: excludes `SizeX` and `SizeY`; write one or the other",
    );
    check_warnings(
        &mapped("Mapping.Siz=1\nMapping(c).SizeX=1\nMapping(c).NbIterations=2"),
        "m.ini has 2 warnings
  line 11, [d] Mapping: outputs connected to nothing: 2, 3, 4, 5
  line 16, [d] Mapping.Siz: unknown key; did you mean `Mapping.Size`?",
    );
}

#[test]
fn values_that_cannot_be_worked_out_say_why() {
    check(
        &conv("KernelWidth=[sp]Sizes\nKernelHeight=[pool]Size\nStrideX=${N}\n$N=[c]StrideX\nStrideY=[c]_OutputsWidth\n$M=x\nPadding=${M}"),
        "m.ini has 5 faults
  line 10, [c] KernelWidth: refers to `Sizes`, which `[sp]` does not have; did you mean `[sp]Size`?
  line 11, [c] KernelHeight: expected a whole number from 1 such as `32` or `1,000,000`, found `[pool]Size`; there is no section `[pool]`
  line 12, [c] StrideX: refers to itself: [c]StrideX -> [c]$N -> [c]StrideX
  line 14, [c] StrideY: `[c]_OutputsWidth` is not known here: a computed key is there once its section has been built
  line 16, [c] Padding: expected a whole number such as `32` or `1,000,000`, found `x` (from `${M}`)",
    );
}

#[test]
fn expressions_say_what_is_wrong_with_them() {
    check(
        &conv("KernelWidth=$(10 / 2)\nKernelHeight=$(SIZE + 1)\nStride=$(4 - 2\nPadding=$(1 - 2)\nDilation=$(1 // ([sp]Size - 28))"),
        "m.ini has 5 faults
  line 10, [c] KernelWidth: expected a whole number from 1 such as `32` or `1,000,000`, found `5.0` (from `$(10 / 2)`); a whole number comes of `//` or `int(...)`
  line 11, [c] KernelHeight: expression `$(SIZE + 1)`: `SIZE` is no number; a variable is written `${SIZE}`
  line 12, [c] Stride: expected `)` at the end of the expression `$(4 - 2`
  line 13, [c] Padding: expected a whole number such as `32` or `1,000,000`, found `-1` (from `$(1 - 2)`)
  line 14, [c] Dilation: expression `$(1 // (28 - 28))`: `1 // 0` divides by zero",
    );
}

#[test]
fn adam_has_its_own_parameters() {
    let with = |keys: &str| conv(&format!("KernelSize=5\nSolvers=Adam\nConfigSection=p\n[p]\n{keys}"));
    check(
        &with("Solvers.Momentum=0.5\nSolvers.Beta1=1\nSolvers.Epsilon=0\nSolvers.LearningRate=-1"),
        "m.ini has 4 faults
  line 14, [p] Solvers.Momentum: unknown parameter here; it belongs to: Solver: with the prefix `Solvers.` (both), `WeightsSolver.`, of a BatchNorm `ScaleSolver.`, or `BiasSolver.` (stronger)
  line 15, [p] Solvers.Beta1: expected a number from 0 to below 1, found `1`
  line 16, [p] Solvers.Epsilon: expected a number above 0 such as `0.05` or `1`, found `0`
  line 17, [p] Solvers.LearningRate: expected 0 or more, found `-1`",
    );
}

#[test]
fn solvers_say_what_a_policy_needs() {
    check(
        &conv(
            "KernelSize=5\nWeightsSolver.LearningRatePolicy=PolyDecay\nBiasSolver.LearningRatePolicy=CosineDecay\nBiasSolver.MaxIterations=5\nBiasSolver.WarmUpDuration=5\nSolvers.Clamping=1\nSolvers.LearningRate=fast",
        ),
        "m.ini has 4 faults
  line 11, [c] WeightsSolver.LearningRatePolicy: `PolyDecay` needs `MaxIterations` above 0
  line 12, [c] BiasSolver.LearningRatePolicy: `CosineDecay` needs `MaxIterations` above `WarmUpDuration`
  line 15, [c] Solvers.Clamping: expected bounds such as `-1.0:1.0`, `-1.0:` or `:1.0`, found `1`
  line 16, [c] Solvers.LearningRate: expected a number such as `0.05` or `1e-3`, found `fast`",
    );
}

#[test]
fn an_encoder_must_not_contradict_itself() {
    check(
        &environment("PeriodMeanMin=10 ns\nPeriodMeanMax=10 ns\nPeriodMin=11 ns"),
        "m.ini has 2 faults
  line 6, [env] PeriodMeanMin: expected a period below `PeriodMeanMax` (10 ns), found 10 ns
  line 8, [env] PeriodMin: expected a period of at most `PeriodMeanMin` (10 ns), found 11 ns",
    );
    check(
        &environment("PeriodMeanMin=10 ns"),
        "m.ini has 1 fault
  line 4, [env] PeriodMin: expected a period of at most `PeriodMeanMin` (10 ns), found 11 ms",
    );
    check(
        &environment("ConfigSection=e\n[e]\nPeriodMeanMin=0\nPeriodMin=0\nPeriodRelStdDev=-1\nPeriodRelStd=1"),
        "m.ini has 3 faults
  line 8, [e] PeriodMeanMin: expected a time above 0, found 0
  line 10, [e] PeriodRelStdDev: expected a number from 0, found -1
  line 11, [e] PeriodRelStd: unknown parameter; did you mean `PeriodRelStdDev`?",
    );
    check(&environment("DiscardedLateStimuli=1.5\nStimulusType=Burst"), "m.ini has 2 faults
  line 6, [env] DiscardedLateStimuli: expected a number from 0 to 1 such as `0.2`, found `1.5`
  line 7, [env] StimulusType: expected one of `SingleBurst`, `Periodic`, `JitteredPeriodic`, `Poissonian`, `Linear`, found `Burst`");
}

#[test]
fn what_has_no_spikes_is_refused_where_spikes_are_asked_for() {
    check(&environment("[s]\nInput=out\nType=Softmax\n[d]\nInput=out\nType=Dropout"), "m.ini has 2 faults
  line 8, [s] Type: Softmax has no spiking half, so there is no Softmax of the model `Transcode`; leave the layer out, spikes do not need it
  line 11, [d] Type: Dropout has no spiking half, so there is no Dropout of the model `Transcode`; leave the layer out, spikes do not need it");
    check(
        &environment("[c]\nInput=env\nType=Conv\nNbOutputs=1\nKernelSize=3\nDilation=2\nThreshold=0\nLeak=1 h"),
        "m.ini has 3 faults
  line 11, [c] Dilation: a spiking Conv has no dilation; expected 1
  line 12, [c] Threshold: expected a number above 0 such as `0.05` or `1`, found `0`
  line 13, [c] Leak: expected a time such as `10 ns` or `10,000,000` (femtoseconds), found `1 h`",
    );
    check(
        &conv("KernelSize=5").replace("=Frame", "=Spike"),
        "m.ini has 1 fault
  line 4, [sp]: layers that spike, such as `c`, need an environment: call this section `[env]`",
    );
    check(
        &environment("")
            .replace("NbOutputs=10", "NbOutputs=10\nIncomingDelay=1 ps; 100 fs;")
            .replace("Size=28", "Size=28 28 1 1"),
        "m.ini has 1 fault
  line 5, [env] Size: expected a width, a height and channels, found 4 values",
    );
}

#[test]
fn a_target_must_be_there_and_fit() {
    check(
        &conv("KernelSize=5").replace("[out.Target]", ""),
        "m.ini has 1 fault
  line 11, [out]: missing target; expected a section such as `[out.Target]`",
    );
    check(
        &format!("{}[c.Target]", conv("KernelSize=5")),
        "m.ini has 1 fault
  line 16, [c.Target]: expected an output for each of the 10 labels of the database, `c` has 4; a file of `LabelsMapping` says which labels mean which output",
    );
    check(
        &conv("KernelSize=5").replace("NbOutputs=10", "NbOutputs=9"),
        "m.ini has 1 fault
  line 15, [out.Target]: expected an output for each of the 10 labels of the database, `out` has 9; a file of `LabelsMapping` says which labels mean which output",
    );
}

#[test]
fn transformations_are_checked() {
    let with = |keys: &str| format!("{}[sp.Transformation]\n{keys}", conv("KernelSize=5"));
    check(
        &with("Width=3"),
        "m.ini has 1 fault
  line 16, [sp.Transformation] Type: missing; expected one of `RescaleTransformation`, `RangeAffineTransformation`, `PadCropTransformation`, `ChannelExtractionTransformation`, `ColorSpaceTransformation`, `FlipTransformation`, `DistortionTransformation`, `AffineTransformation`, `NormalizeTransformation`, `ThresholdTransformation`, `RangeClippingTransformation`, `SliceExtractionTransformation`, `RandomResizeCropTransformation`, `EqualizeTransformation`, `FilterTransformation`, `RandomAffineTransformation`, `CompressionNoiseTransformation`",
    );
    check(&with("Type=RescaleTransformation\nWidth=28\nApplyTo=Learn"), "m.ini has 2 faults
  line 16, [sp.Transformation] Height: missing; expected a whole number from 1 such as `32` or `1,000,000`
  line 19, [sp.Transformation] ApplyTo: expected one of `All`, `LearnOnly`, `ValidationOnly`, `TestOnly`, `NoLearn`, `NoValidation`, `NoTest`, found `Learn`");
    check(&with("Type=RescaleTransformation\nWidth=28\nHeight=27\nApplyTo=TestOnly"), "m.ini has 1 fault
  line 5, [sp] Size: the images of the Test set are 28x27x1 after the transformations, the network wants 28x28x1; add or correct a `RescaleTransformation`");
    check(
        &with("Type=RangeAffineTransformation\nFirstOperator=Minus\nFirstValue=1 2 3"),
        "m.ini has 1 fault
  line 19, [sp.Transformation] FirstValue: expected one value, or one for each of the 1 channels, found 3",
    );
}
