//! What is read from texts without faults.

use formal::config::{
    Activation, AdamConfig, ConvConfig, Filler, LearningRatePolicy, Operator, Pooling, SgdConfig, SolverConfig, Source,
};
use formal::config::{Distribution, VarianceNorm};
use sim::SimDuration;
use sim::encoder::Coding;
use sim::network::{Neuron, PoolingMode, Reset};
use stimuli::{Analysis, ApplyTo, Arithmetic, Operation, Shape, Transformation};

use super::*;
use crate::model::{CellDescription, DatabaseDescription, DatabaseDriver, Family, Normalization, Spread};

fn shape(width: usize, height: usize, channels: usize) -> Shape {
    Shape { channels, height, width }
}

fn shapes(description: &Description) -> Vec<(&str, Shape)> {
    description.cells.iter().map(|cell| (cell.name.as_str(), cell.output_shape)).collect()
}

#[track_caller]
fn cell<'d>(description: &'d Description, name: &str) -> &'d CellDescription {
    description.cells.iter().find(|cell| cell.name == name).unwrap()
}

#[track_caller]
fn conv(cell: &CellDescription) -> &ConvConfig {
    match &cell.operator {
        Operator::Conv(conv) => conv,
        other => panic!("{other:?}"),
    }
}

/// The layers after [`HEAD`] and a target on a last layer.
fn with_output(layers: &str) -> String {
    format!("{HEAD}{layers}\n[out]\nInput=last\nType=Fc\nNbOutputs=10\n[out.Target]\n")
}

/// Number of the first line that is `line`.
#[track_caller]
fn line_of(text: &str, line: &str) -> u32 {
    1 + text.lines().position(|other| other == line).unwrap() as u32
}

/// Ones of a mapping as (row, column), a row an input channel, a column an output.
fn ones(conv: &ConvConfig, n_channels: usize) -> Vec<(usize, usize)> {
    let pairs = conv.mapping.as_ref().unwrap();
    let mut ones: Vec<(usize, usize)> =
        (0..pairs.len()).filter(|&at| pairs[at]).map(|at| (at % n_channels, at / n_channels)).collect();
    ones.sort_unstable();
    ones
}

#[track_caller]
fn sgd(solver: &SolverConfig) -> &SgdConfig {
    match solver {
        SolverConfig::Sgd(config) => config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lenet_has_the_shapes_of_the_tutorial() {
    let lenet = loaded(LENET);
    assert_eq!(
        shapes(&lenet),
        [
            ("conv1", shape(28, 28, 6)),
            ("pool1", shape(14, 14, 6)),
            ("conv2", shape(10, 10, 16)),
            ("pool2", shape(5, 5, 16)),
            ("conv3", shape(1, 1, 120)),
            ("fc1", shape(1, 1, 84)),
            ("fc1.drop", shape(1, 1, 84)),
            ("fc2", shape(1, 1, 10)),
            ("softmax", shape(1, 1, 10)),
        ]
    );
    assert_eq!(lenet.stimuli.shape, shape(32, 32, 1));
    assert_eq!(lenet.stimuli.batch_size, 128);
    assert_eq!(lenet.database.driver, DatabaseDriver::MnistIdx);
    assert!(lenet.database.validation == 0.2 && lenet.database.random_partitioning);
    assert!(lenet.database.data_path.is_none() && lenet.stimuli.encoder.is_none());
    let cells = &lenet.cells;
    assert!(cells.iter().all(|cell| cell.cuda && cell.family == Family::Frame));
    assert_eq!(cells[0].inputs, [Source::Stimuli]);
    assert!((1..cells.len()).all(|at| cells[at].inputs == [Source::Cell(at - 1)]));
    assert_eq!((lenet.targets.len(), lenet.targets[0].cell, lenet.targets[0].top_n), (1, 8, 1));
    assert_eq!(lenet.targets[0].name, "softmax.Target");
    match &lenet.stimuli.transformations[..] {
        [one] => {
            assert!(matches!(&one.operation, Operation::Rescale(to) if (to.width, to.height) == (32, 32)));
            assert!(one.apply_to == ApplyTo::All && !one.on_the_fly);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lenet_connects_sixty_of_the_pairs_of_its_second_convolution() {
    let lenet = loaded(LENET);
    assert!(conv(cell(&lenet, "conv1")).mapping.is_none() && conv(cell(&lenet, "conv3")).mapping.is_none());
    let ones = ones(conv(cell(&lenet, "conv2")), 6);
    assert_eq!(ones.len(), 60);
    let of = |output| ones.iter().filter(move |one| one.1 == output).map(|one| one.0).collect::<Vec<_>>();
    assert_eq!((of(0), of(4), of(6), of(14)), (vec![0, 1, 2], vec![0, 4, 5], vec![0, 1, 2, 3], vec![0, 2, 3, 5]));
    assert_eq!(of(15), [0, 1, 2, 3, 4, 5]);
    match &cell(&lenet, "pool1").operator {
        Operator::Pool(pool) => {
            let identity: Vec<bool> = (0..36).map(|at| at / 6 == at % 6).collect();
            assert_eq!(pool.mapping.as_ref(), Some(&identity));
            assert!(pool.pooling == Pooling::Max && (pool.window.width, pool.stride.height) == (2, 2));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lenet_learns_as_the_tutorial_says() {
    let lenet = loaded(LENET);
    let solver = SolverConfig::Sgd(SgdConfig {
        learning_rate: 0.05,
        momentum: 0.9,
        decay: 0.0005,
        policy: LearningRatePolicy::StepDecay,
        learning_rate_step_size: 48_000,
        learning_rate_decay: 0.993,
        clamping: (Some(-1.0), Some(1.0)),
        ..SgdConfig::default()
    });
    for name in ["conv1", "conv2", "conv3", "fc1"] {
        let cell = cell(&lenet, name);
        assert_eq!(cell.activation.value, Activation::Rectifier { leak_slope: 0.0, clipping: 0.0 });
        let he = Filler::He { variance_norm: VarianceNorm::FanIn, mean_norm: 0.0, scaling: 1.0 };
        match &cell.operator {
            Operator::Conv(conv) => {
                assert!((&conv.weights_solver, conv.weights_filler) == (&solver, he) && conv.no_bias)
            }
            Operator::Fc(fc) => assert!((&fc.weights_solver, fc.weights_filler) == (&solver, he) && fc.no_bias),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cell(&lenet, "fc2").activation.value, Activation::Linear);
    assert!(matches!(&cell(&lenet, "softmax").operator, Operator::Softmax(softmax) if softmax.with_loss));
    assert!(matches!(&cell(&lenet, "fc1.drop").operator, Operator::Dropout(dropout) if dropout.rate == 0.5));
}

#[test]
fn lenet_as_spikes_is_the_same_network_with_neurons() {
    let (frames, spikes) = (loaded(LENET), loaded(LENET_SPIKE));
    let trained = ["conv1", "pool1", "conv2", "pool2", "conv3", "fc1", "fc2"];
    assert_eq!(spikes.cells.iter().map(|cell| cell.name.as_str()).collect::<Vec<_>>(), trained);
    for name in trained {
        let (frames, spikes) = (cell(&frames, name), cell(&spikes, name));
        assert_eq!(frames.output_shape, spikes.output_shape);
        assert_eq!(format!("{:?}", frames.operator), format!("{:?}", spikes.operator));
        assert_eq!(frames.activation.value, spikes.activation.value);
        assert!(spikes.family == Family::Transcode && spikes.cuda);
    }
    let encoder = spikes.stimuli.encoder.as_ref().unwrap();
    assert_eq!(encoder.coding, Coding::JitteredPeriodic);
    assert_eq!((encoder.period_min, encoder.period_mean_min), (SimDuration(1_000_000), SimDuration(10_000_000)));
    assert_eq!((encoder.period_mean_max, encoder.period_rel_std_dev), (SimDuration(100_000_000_000), 0.0));
    for (name, bipolar_threshold, terminate_delta) in [("conv1", false, 0), ("fc1", false, 0), ("fc2", true, 4)] {
        let spiking = &cell(&spikes, name).spiking;
        assert_eq!(spiking.neuron, Neuron { threshold: 1.0, bipolar_threshold, ..Neuron::default() });
        assert_eq!((spiking.terminate_delta, spiking.terminate_max), (terminate_delta, 0));
        assert_eq!(spiking.incoming_delay, Spread { mean: 0.0, std_dev: 0.0 });
    }
    assert_eq!(cell(&spikes, "fc2").span_of("TerminateDelta").line, line_of(LENET_SPIKE, "TerminateDelta=4"));
    assert_eq!(cell(&spikes, "fc2").span_of("TerminateMax").line, line_of(LENET_SPIKE, "[fc2]"));
    assert_eq!(spikes.targets[0].name, "fc2.Target");
}

/// `formal.md` 16: the vectors for INI texts and for the first layer of the large network.
#[test]
fn the_vectors_of_the_reference_are_read() {
    let section = |keys: &str| {
        with_output(&format!("[last]\nInput=sp\nType=Conv\nNbOutputs=16\nActivationFunction=TanhLeCun\n{keys}"))
            .replace("Size=28", "Size=24\n[sp.Transformation]\nType=RescaleTransformation\nWidth=24\nHeight=24")
    };
    let model = loaded(&section("KernelWidth=4\nKernelHeight=4\nStride=2"));
    let last = cell(&model, "last");
    assert_eq!((conv(last).kernel.width, conv(last).stride.width, conv(last).stride.height), (4, 2, 2));
    assert_eq!((conv(last).padding.width, last.output_shape), (0, shape(11, 11, 16)));
    assert!(matches!(last.activation.value, Activation::Tanh { .. }));
    let model = loaded(&section("KernelDims=4 5"));
    assert_eq!((conv(cell(&model, "last")).kernel.width, conv(cell(&model, "last")).kernel.height), (4, 5));
    let refused = |keys: &str| {
        load("m.ini", &section(keys), &Options { strict: true, ..Options::default() }).unwrap_err().to_string()
    };
    assert!(refused("KernelWidth=4").contains("[last] KernelHeight: missing"));
    assert!(refused("KernelSize=4\nTest=1 2 3 4").contains("[last] Test: unknown key"));
    let target = section("KernelSize=4").replace("[out.Target]", "[out.Target]\nTopN=4");
    assert_eq!(loaded(&target).targets[0].top_n, 4);
}

#[test]
fn mnist24_has_its_shapes_as_frames_and_as_spikes() {
    let frames = loaded(include_str!("../../../models/mnist24_16c4s2_24c5s2_150_10.ini"));
    let spikes = loaded(include_str!("../../../models/mnist24_16c4s2_24c5s2_150_10_Spike.ini"));
    assert_eq!(frames.stimuli.shape, shape(24, 24, 1));
    let expected = [
        ("conv1_16c4s2", shape(11, 11, 16)),
        ("conv2_24c5s2", shape(4, 4, 24)),
        ("fc1_150", shape(1, 1, 150)),
        ("fc2_10", shape(1, 1, 10)),
    ];
    assert_eq!(shapes(&spikes), expected);
    for (name, shape) in expected {
        assert_eq!(cell(&frames, name).output_shape, shape);
        assert_eq!(format!("{:?}", cell(&frames, name).operator), format!("{:?}", cell(&spikes, name).operator));
    }
    assert_eq!(ones(conv(cell(&spikes, "conv2_24c5s2")), 16).len(), 128);
    assert_eq!(spikes.stimuli.encoder.unwrap().period_min, SimDuration(1_000_000));
}

#[test]
fn what_is_not_written_has_the_reference_s_defaults() {
    let text = "[database]\nType=Fashion_MNIST_IDX_Database\n[env]\nSizeX=28\nSizeY=28\n[c]\nInput=env\nType=Conv\nNbOutputs=2\nKernelSize=3\n[p]\nInput=c\nType=Pool\nNbOutputs=2\nPoolSize=2\nPooling=Average\n[f]\nInput=p\nType=Fc\nNbOutputs=10\n[f.Target]";
    let model = loaded(text);
    assert!(model.check_weight_range);
    assert_eq!((model.normalization, model.pooling), (Normalization::Mean, PoolingMode::Approximated));
    assert_eq!((&model.database.driver, model.database.validation), (&DatabaseDriver::FashionMnistIdx, 0.0));
    assert_eq!(model.stimuli.batch_size, 1);
    assert_eq!(model.stimuli.encoder, Some(sim::encoder::EncoderConfig::default()));
    let c = cell(&model, "c");
    assert_eq!((c.family, c.cuda), (Family::Transcode, false));
    assert_eq!(c.activation.value, Activation::Tanh { alpha: 1.0 });
    let config = conv(c);
    assert!(!config.no_bias && config.back_propagate && config.mapping.is_none());
    assert_eq!((config.weights_filler, config.bias_filler), (Filler::default(), Filler::default()));
    assert_eq!((&config.weights_solver, &config.bias_solver), (&SolverConfig::default(), &SolverConfig::default()));
    assert_eq!(c.spiking.neuron, Neuron { reset: Reset::Subtract, ..Neuron::default() });
    assert_eq!(c.spiking.incoming_delay, Spread { mean: 1000.0, std_dev: 100.0 });
    assert_eq!(cell(&model, "p").activation.value, Activation::Linear);
    assert_eq!(cell(&model, "p").output_shape, shape(25, 25, 2));
    assert_eq!(cell(&model, "f").activation.value, Activation::Tanh { alpha: 1.0 });
    let target = &model.targets[0];
    assert_eq!((target.target_value, target.default_value, target.top_n), (1.0, 0.0, 1));
}

#[test]
fn the_activation_of_old_and_new_models_can_be_chosen() {
    let layer = "[last]\nInput=sp\nType=Conv\nNbOutputs=2\nKernelSize=3\n";
    let check = |text: &str, expected| assert_eq!(cell(&loaded(text), "last").activation.value, expected, "{text}");
    check(&with_output(layer), Activation::Tanh { alpha: 1.0 });
    check(&format!("DefaultActivation=None\n{}", with_output(layer)), Activation::Linear);
    let with = |keys: &str| with_output(&format!("{layer}{keys}"));
    check(&format!("DefaultActivation=None\n{}", with("ActivationFunction=Tanh")), Activation::Tanh { alpha: 1.0 });
    check(&with("ActivationFunction=Linear"), Activation::Linear);
    check(&with("ActivationFunction=Tanh\nActivationFunction.Alpha=0.5"), Activation::Tanh { alpha: 0.5 });
    check(&with("ActivationFunction=TanhLeCun"), Activation::Tanh { alpha: 1.7159 * 2.0 / 3.0 });
    let leaky = Activation::Rectifier { leak_slope: 0.01, clipping: 6.0 };
    check(
        &with("ActivationFunction=Rectifier\nActivationFunction.LeakSlope=0.01\nActivationFunction.Clipping=6"),
        leaky,
    );
    check(&with("ActivationFunction=Linear\nActivationFunction.Clipping=2"), Activation::Saturation { threshold: 2.0 });
    check(&with("ActivationFunction=Saturation"), Activation::Saturation { threshold: 1.0 });
    check(
        &with("ActivationFunction=Saturation\nActivationFunction.Threshold=0.5"),
        Activation::Saturation { threshold: 0.5 },
    );
    check(&with("ActivationFunction=Logistic"), Activation::Logistic);
    check(&with("ActivationFunction=LogisticWithLoss"), Activation::LogisticWithLoss);
    check(&with("ActivationFunction=Softplus"), Activation::Softplus);
    check(&with("ActivationFunction=Swish"), Activation::Swish);
}

#[test]
fn layers_run_by_depth_then_in_file_order() {
    let layer = |name: &str, input: &str| format!("[{name}]\nInput={input}\nType=Conv\nKernelSize=1\nNbOutputs=2\n");
    let model = loaded(&with_output(
        &[layer("last", "c,d"), layer("d", "b"), layer("c", "a"), layer("b", "sp"), layer("a", "env, sp")].concat(),
    ));
    let names: Vec<&str> = model.cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "d", "c", "last", "out"]);
    assert_eq!(model.cells[4].inputs, [Source::Cell(3), Source::Cell(2)]);
    assert_eq!(model.cells[4].input_shape, shape(28, 28, 4));
    assert_eq!(model.cells[1].inputs, [Source::Stimuli, Source::Stimuli]);
}

#[test]
fn shapes_follow_stride_padding_dilation_and_sub_sampling() {
    let check = |keys: &str, width, height| {
        let text = with_output(&format!("[last]\nInput=sp\nType=Conv\nNbOutputs=1\n{keys}"));
        assert_eq!(cell(&loaded(&text), "last").output_shape, shape(width, height, 1), "{keys}");
    };
    check("KernelSize=4\nStride=2", 13, 13);
    check("KernelWidth=4\nKernelHeight=3\nStrideX=2", 13, 26);
    check("KernelDims=3 5\nPaddingDims=1 0", 28, 24);
    check("KernelSize=3\nDilation=2", 24, 24);
    check("KernelSize=3\nDilationY=3\nPadding=1", 28, 24);
    check("KernelSize=28", 1, 1);
    check("KernelSize=4\nSubSample=2", 13, 13);
    check("KernelSize=4\nSubSampleX=3", 9, 25);
}

#[test]
fn computed_keys_of_earlier_layers_can_be_referred_to() {
    let text = with_output(
        "[a]\nInput=sp\nType=Conv\nNbOutputs=3\nKernelDims=5 7\n[last]\nInput=a\nType=Conv\nNbOutputs=[a]_NbOutputs\nKernelWidth=[a]_OutputsWidth\nKernelHeight=[a]_OutputsHeight\nStrideX=[a]_NbChannels",
    );
    assert_eq!(cell(&loaded(&text), "last").output_shape, shape(1, 1, 3));
}

/// Three digits to learn from.
#[derive(Debug)]
struct Three;

impl Data for Three {
    fn facts(&self, description: &DatabaseDescription) -> Result<Facts, String> {
        Ok(Facts { n_stimuli: [3, 2, 0], ..nominal(description).ok_or("no digits")? })
    }

    fn analyze(&self, _: &DatabaseDescription, _: &[Transformation], _: ApplyTo) -> Result<Analysis, String> {
        Err("nothing asks for it here".into())
    }
}

#[test]
fn the_size_of_an_epoch_follows_the_partition() {
    let check = |validation: &str, data: Option<Arc<dyn Data>>, expected| {
        let head = HEAD.replace("[sp]", &format!("Validation={validation}\n[sp]"));
        let text = format!(
            "{head}[f]\nInput=sp\nType=Fc\nNbOutputs=10\nSolvers.LearningRatePolicy=StepDecay\nSolvers.LearningRateStepSize=[sp]_EpochSize\n[f.Target]"
        );
        let options = Options { data, ..Options::default() };
        let (model, _) = load("m.ini", &text, &options).unwrap();
        match &model.cells[0].operator {
            Operator::Fc(fc) => assert_eq!(sgd(&fc.weights_solver).learning_rate_step_size, expected),
            other => panic!("{other:?}"),
        }
    };
    check("0.2", None, 48_000);
    check("0.0", None, 60_000);
    check("0.5", Some(Arc::new(Three)), 3);
}

#[test]
fn parameters_override_each_other_from_the_section_to_the_last_config_section() {
    let text = with_output(
        "[last]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=1\nNoBias=1\nBackPropagate=0\nConfigSection=a,b\n[a]\nNoBias=0\nSolvers.Momentum=0.1\n[b]\nSolvers.Momentum=0.2\n",
    );
    let model = loaded(&text);
    let config = conv(cell(&model, "last"));
    assert_eq!((config.no_bias, config.back_propagate, sgd(&config.weights_solver).momentum), (false, false, 0.2));
}

#[test]
fn a_role_s_solver_is_stronger_than_both_in_one_section_wherever_it_stands() {
    let check = |config: &str, weights, bias| {
        let layer = "[last]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=1\nSolvers.LearningRate=9\nConfigSection=a";
        let text = with_output(&format!("{layer}{config}"));
        let model = loaded(&text);
        let conv = conv(cell(&model, "last"));
        let rates = (sgd(&conv.weights_solver).learning_rate, sgd(&conv.bias_solver).learning_rate);
        assert_eq!(rates, (weights, bias), "{config}");
    };
    check("\n[a]\nNoBias=1", 9.0, 9.0);
    check("\n[a]\nWeightsSolver.LearningRate=1\nSolvers.LearningRate=2", 1.0, 2.0);
    check("\n[a]\nSolvers.LearningRate=2\nBiasSolver.LearningRate=3", 2.0, 3.0);
    check(",b\n[a]\nWeightsSolver.LearningRate=1\n[b]\nSolvers.LearningRate=2", 2.0, 2.0);
}

#[test]
fn the_layer_chooses_its_solvers() {
    let with = |keys: &str| {
        let layer = "[last]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=1\nConfigSection=a\n";
        let model = loaded(&with_output(&format!("{layer}{keys}")));
        let conv = conv(cell(&model, "last"));
        (conv.weights_solver.clone(), conv.bias_solver.clone())
    };
    let adam = AdamConfig { beta1: 0.8, clamping: (Some(-1.0), None), ..AdamConfig::default() };
    let fast = AdamConfig { learning_rate: 0.1, ..adam.clone() };
    assert_eq!(
        with("Solvers=Adam\nSolvers.Beta1=0.8\n[a]\nSolvers.Clamping=-1:\nWeightsSolver.LearningRate=0.1"),
        (fast.into(), adam.clone().into())
    );
    let mixed = with(
        "Solvers=Adam\nWeightsSolver=SGD\n[a]\nWeightsSolver.Momentum=0.5\nBiasSolver.Beta1=0.8\nBiasSolver.Clamping=-1:",
    );
    assert_eq!(mixed, (SgdConfig { momentum: 0.5, ..SgdConfig::default() }.into(), adam.into()));
}

#[test]
fn a_key_for_a_model_stands_in_for_that_model() {
    let check = |model: &str, expected| {
        let text = with_output(
            "[last]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=1\nNbOutputs(Frame)=2\nConfigSection=a\nConfigSection(Frame_CUDA)=b\n[a]\nSolvers.Momentum=0.1\n[b]\nSolvers.Momentum=0.2\nSolvers.Momentum(Spike)=0.3",
        )
        .replace("DefaultModel=Frame", &format!("DefaultModel={model}"))
        .replace("[sp]", "[env]");
        let model = loaded(&text);
        let conv = conv(cell(&model, "last"));
        assert_eq!((conv.n_outputs, sgd(&conv.weights_solver).momentum), expected);
    };
    check("Frame", (2, 0.2));
    check("Frame_CUDA", (2, 0.2));
    check("Transcode", (1, 0.1));
}

#[test]
fn fillers_have_their_own_parameters() {
    let check = |keys: &str, expected| {
        let text = with_output(&format!("[last]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=1\n{keys}"));
        assert_eq!(conv(cell(&loaded(&text), "last")).weights_filler, expected, "{keys}");
    };
    let he = |variance_norm, mean_norm, scaling| Filler::He { variance_norm, mean_norm, scaling };
    check("WeightsFiller=HeFiller\nWeightsFiller.Scaling=0.5", he(VarianceNorm::FanIn, 0.0, 0.5));
    check(
        "WeightsFiller=HeFiller\nWeightsFiller.VarianceNorm=Average\nWeightsFiller.MeanNorm=1",
        he(VarianceNorm::Average, 1.0, 1.0),
    );
    check("WeightsFiller=NormalFiller", Filler::Normal { mean: 0.0, std_dev: 1.0 });
    check("WeightsFiller=UniformFiller\nWeightsFiller.Min=-1", Filler::Uniform { min: -1.0, max: 1.0 });
    check("WeightsFiller=ConstantFiller\nWeightsFiller.Value=0.1", Filler::Constant { value: 0.1 });
    let xavier =
        Filler::Xavier { variance_norm: VarianceNorm::FanOut, distribution: Distribution::Normal, scaling: 1.0 };
    check("WeightsFiller=XavierFiller\nWeightsFiller.VarianceNorm=FanOut\nWeightsFiller.Distribution=Normal", xavier);
}

/// Layers `a` of 10 channels and `last` of 10 outputs with these mapping keys.
fn mapped(keys: &str) -> Vec<(usize, usize)> {
    let text = with_output(&format!(
        "[a]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=10\n[last]\nInput=a\nType=Conv\nKernelSize=1\nNbOutputs=10\n{keys}"
    ));
    let (model, _) = load("m.ini", &text, &Options::default()).unwrap();
    let conv = conv(cell(&model, "last"));
    if conv.mapping.is_none() { (0..100).map(|at| (at / 10, at % 10)).collect() } else { ones(conv, 10) }
}

#[test]
fn a_pattern_connects_what_the_reference_connects() {
    let expected = [(1, 2), (2, 2), (2, 4), (3, 4), (3, 6), (4, 6)];
    let keys = ["SizeX=1", "SizeY=2", "StrideX=2", "StrideY=1", "OffsetX=2", "OffsetY=1", "NbIterations=3"];
    let pattern = |prefix: &str| keys.map(|key| format!("{prefix}{key}\n")).concat();
    assert_eq!(mapped(&pattern("Mapping.")), expected);
    assert_eq!(mapped(&pattern("Mapping(a).")), expected);
    assert_eq!(mapped(&format!("Mapping.SizeX=7\n{}", pattern("Mapping(a)."))), expected);
    let rows: String = (0..10)
        .map(|row| {
            (0..10).map(|column| if expected.contains(&(row, column)) { "1 " } else { "0 " }).collect::<String>()
                + "\\\n"
        })
        .collect();
    assert_eq!(mapped(&format!("Mapping(a)=\\\n{rows}")), expected);
    assert_eq!(mapped("").len(), 100);
    assert_eq!(mapped("Mapping.Size=0").len(), 100);
    let identity: Vec<(usize, usize)> = (0..10).map(|at| (at, at)).collect();
    assert_eq!(mapped("Mapping.Size=1"), identity);
    assert_eq!(mapped("Mapping.SizeX=1"), identity);
    assert_eq!(mapped("Mapping.Size=2").len(), 30);
    assert_eq!(mapped("Mapping.Offset=1")[0], (0, 0));
}

#[test]
fn groups_split_channels_and_outputs() {
    let block = |from: usize, to: usize| (from..to).flat_map(move |row| (from..to).map(move |column| (row, column)));
    let halves: Vec<(usize, usize)> = block(0, 5).chain(block(5, 10)).collect();
    assert_eq!(mapped("Mapping.NbGroups=2"), halves);
    assert_eq!(mapped("Mapping.ChannelsPerGroup=5"), halves);
    assert_eq!(mapped("Mapping.NbGroups=2\nMapping.Size=1"), halves);
    let depth_wise: Vec<(usize, usize)> = (0..10).map(|at| (at, at)).collect();
    assert_eq!(mapped("Mapping(a).NbGroups=10"), depth_wise);
}

#[test]
fn several_parents_stack_their_maps() {
    let layer = |name: &str| format!("[{name}]\nInput=env\nType=Conv\nKernelSize=1\nNbOutputs=2\n");
    let text = with_output(&format!(
        "{}{}[last]\nInput=a,sp,b\nType=Conv\nKernelSize=1\nNbOutputs=3\nMapping(b)=1 0 0  0 1 0\nMapping(env)=0 0 1",
        layer("a"),
        layer("b")
    ));
    let model = loaded(&text);
    let all_of_a = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];
    let expected: Vec<(usize, usize)> = all_of_a.into_iter().chain([(2, 2), (3, 0), (4, 1)]).collect();
    assert_eq!(ones(conv(cell(&model, "last")), 5), expected);
}

#[test]
fn transformations_keep_their_order_and_their_sets() {
    let text = with_output("[last]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=1\n")
        .replace("Size=28", "Size=24 24 1")
        + "[sp.Transformation-b]\nType=RangeAffineTransformation\nFirstOperator=Minus\nFirstValue=0.5\nSecondOperator=Divides\nSecondValue=2\nTruncate=1\nApplyTo=NoTest\n\
           [sp.OnTheFlyTransformation]\nType=RescaleTransformation\nWidth=24\nHeight=24\nKeepAspectRatio=1\n";
    let model = loaded(&text);
    match &model.stimuli.transformations[..] {
        [first, second] => {
            assert!(first.apply_to == ApplyTo::NoTest && !first.on_the_fly && second.on_the_fly);
            match &first.operation {
                Operation::RangeAffine(affine) => {
                    assert_eq!((affine.first, &affine.first_value[..]), (Arithmetic::Minus, &[0.5][..]));
                    assert_eq!(
                        (affine.second, &affine.second_value[..], affine.truncate),
                        (Arithmetic::Divides, &[2.0][..], true)
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn units_and_bare_femtoseconds_mean_the_same() {
    let spikes = LENET_SPIKE.replace("10,000,000", "10 ns").replace("100,000,000,000", "0.1 ms");
    assert!(spikes.contains("PeriodMeanMin=10 ns\nPeriodMeanMax=0.1 ms"));
    assert_eq!(loaded(&spikes).stimuli.encoder, loaded(LENET_SPIKE).stimuli.encoder);
}

#[test]
fn the_data_path_sees_variables_and_the_environment() {
    let text = with_output("[last]\nInput=sp\nType=Conv\nKernelSize=1\nNbOutputs=1")
        .replace("[sp]", "$SET=mnist\nDataPath=\\${N2D2_DATA}/${SET}\n[sp]");
    let environment = [("N2D2_DATA".to_owned(), "/data".to_owned())].into_iter().collect();
    let (model, warnings) = load("m.ini", &text, &Options { environment, ..Options::default() }).unwrap();
    assert_eq!(warnings_text("m.ini", &warnings), "");
    let path = model.database.data_path.unwrap();
    assert_eq!((path.value.to_str(), path.span.line), (Some("/data/mnist"), 5));
    let (_, warnings) = load("m.ini", &text, &Options::default()).unwrap();
    let expected = "m.ini has 1 warning\n  line 5, [database] DataPath: the environment variable `N2D2_DATA` is not set, nothing stands in for it";
    assert_eq!(warnings_text("m.ini", &warnings), expected);
}

#[test]
fn a_description_carries_the_name_and_the_hash_of_its_text() {
    let (model, _) = load("models/LeNet.ini", LENET, &Options::default()).unwrap();
    assert_eq!(model.name, "LeNet.ini");
    assert_eq!(model.sha256.len(), 64);
    assert_eq!(sha256(["a", "bc"].into_iter()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let conv2 = format!("models/LeNet.ini, line {}", line_of(LENET, "[conv2] conv_def"));
    assert_eq!(model.cells[2].span.to_string(), conv2);
    assert_eq!(model.cells[2].activation.span.line, line_of(LENET, "ActivationFunction=Rectifier"));
}
