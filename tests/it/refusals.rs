//! What has no spiking equivalent is refused with cell, line and remedy; nothing is dropped silently.

use std::fs;

use crate::program::{folder, model, run};

#[track_caller]
fn check(edit: impl Fn(String) -> String, parts: &[&str]) {
    let folder = folder();
    let original = model("LeNet_Spike.ini");
    let text = edit(original.clone());
    assert_ne!(text, original, "the edit changes nothing");
    fs::write(folder.path().join("m.ini"), text).unwrap();
    let words = ["learn", "m.ini", "--learn", "256", "--log", "256", "--nb-test", "5", "--out", "out"];
    run(folder.path(), &words).fails(2, parts);
}

#[test]
fn a_bias_beside_single_spikes_is_refused() {
    check(
        |t| {
            t.replacen("NoBias=1", "NoBias=0", 1).replacen(
                "StimulusType=JitteredPeriodic",
                "StimulusType=SingleBurst",
                1,
            )
        },
        &["bias", "SingleBurst", "JitteredPeriodic", "NoBias=1", "[conv1]", "[fc2]", "line "],
    );
}

#[test]
fn a_bias_of_unevenly_summed_positions_is_refused() {
    check(
        |t| {
            t.replacen("NoBias=1", "NoBias=0", 1).replacen(
                "[conv3] conv_def",
                "[conv3] conv_def\nPadding=1\nSubSample=2",
                1,
            )
        },
        &["bias", "[conv3]", "SubSample", "line "],
    );
}

#[test]
fn a_hidden_activation_other_than_a_rectifier_is_refused() {
    check(
        |t| t.replacen("ActivationFunction=Rectifier", "ActivationFunction=Tanh", 1),
        &["Tanh", "Rectifier", "line "],
    );
}

#[test]
fn a_softmax_is_refused() {
    let edit = |t: String| {
        t.replacen(
            "[fc2.Target]",
            "[softmax]\nInput=fc2\nType=Softmax\nNbOutputs=10\nWithLoss=1\n\n[softmax.Target]",
            1,
        )
    };
    check(edit, &["oftmax", "line "]);
}

#[test]
fn an_element_wise_layer_is_refused() {
    let edit = |t: String| {
        t.replacen("Input=fc1", "Input=sum", 1)
            + "\n[sum]\nInput=fc1,fc1\nType=ElemWise\nOperation=Max\nModel=Frame\nNbOutputs=[fc1]NbOutputs\n"
    };
    check(edit, &["element-wise", "[sum]", "Input=a,b", "line "]);
}

/// Between `fc1` and `fc2` as a frame layer, each is refused when the network is to run as spikes.
#[test]
fn layers_that_move_or_transform_outputs_are_refused() {
    let between = |keys: &str| {
        let text = model("LeNet_Spike.ini").replacen("Input=fc1", "Input=between", 1);
        format!("{text}\n[between]\nInput=fc1\nModel=Frame\n{keys}\n")
    };
    for (keys, parts) in [
        ("Type=Padding\nLeftPadding=1", ["a padding cell", "PaddingX"]),
        ("Type=Resize\nOutputWidth=2\nOutputHeight=2\nMode=Bilinear", ["a resize", "learn again"]),
        ("Type=Reshape\nDims=-1 1 1", ["a reshape", "leave it out"]),
        ("Type=Transpose\nPerm=2 1 0 3", ["a transpose", "learn again"]),
        ("Type=Activation", ["an activation cell", "ActivationFunction=Rectifier"]),
        ("Type=Threshold\nThreshold=0.5", ["a threshold", "leave the section out"]),
    ] {
        let folder = folder();
        fs::write(folder.path().join("m.ini"), between(keys)).unwrap();
        let words = ["learn", "m.ini", "--learn", "256", "--log", "256", "--nb-test", "5", "--out", "out"];
        run(folder.path(), &words).fails(2, &["[between]", "line ", "no spiking form", parts[0], parts[1]]);
    }
}

#[test]
fn layers_that_have_no_spiking_form_are_refused() {
    for (kind, parts) in [
        ("LRN", ["local response normalization", "BatchNorm in its place"]),
        ("FMP\nScalingRatio=1", ["fractional max pooling", "use a Pool in its place"]),
        ("Deconv\nKernelSize=1", ["transposed convolution", "Model=Frame for all its layers"]),
    ] {
        let layer = format!("\n[extra]\nInput=fc1\nType={kind}\nModel=Frame\nNbOutputs=[fc1]NbOutputs\n");
        let edit = |t: String| t.replacen("Input=fc1", "Input=extra", 1) + &layer;
        check(edit, &[parts[0], parts[1], "[extra]", "line "]);
    }
    let back = "\n[back]\nInput=pool2\nType=Unpool\nArgMax=pool2\nModel=Frame\n";
    check(|t| t.replacen("Input=pool2", "Input=back", 1) + back, &["unpooling", "[back]", "line "]);
}

#[test]
fn dropout_is_refused() {
    let edit = |t: String| {
        t.replacen("Input=fc1", "Input=fc1.drop", 1)
            + "\n[fc1.drop]\nInput=fc1\nType=Dropout\nNbOutputs=[fc1]NbOutputs\n"
    };
    check(edit, &["ropout", "line "]);
}

#[test]
fn a_rectified_cell_that_fires_both_signs_is_refused() {
    check(|t| t.replacen("BipolarThreshold=0\n", "", 1), &["BipolarThreshold=0", "conv1", "line "]);
}

#[test]
fn what_the_tests_would_refuse_is_refused_before_learning() {
    let folder = folder();
    let text = model("LeNet_Spike.ini").replacen("BipolarThreshold=0", "BipolarThreshold=1", 1);
    fs::write(folder.path().join("m.ini"), text).unwrap();
    run(folder.path(), &["learn", "m.ini", "--learn", "256", "--out", "a"]).fails(2, &["BipolarThreshold=0"]);
    run(folder.path(), &["learn", "LeNet.ini", "--learn", "256", "--test-index", "10000", "--out", "a"])
        .fails(2, &["10000"]);
    assert!(!folder.path().join("a/weights_init").exists(), "nothing was learned");
}

#[test]
fn a_trained_weight_out_of_range_is_refused_unless_the_model_allows_it() {
    let folder = folder();
    run(folder.path(), &["LeNet_Spike.ini", "-learn", "128", "-log", "128", "-nb-test", "5"]).succeeds();
    for set in ["weights_validation", "weights"] {
        let file = folder.path().join(set).join("fc1_weights.syntxt");
        let text = fs::read_to_string(&file).unwrap();
        let (_, rest) = text.split_once(' ').unwrap();
        fs::write(&file, format!("1.5 {rest}")).unwrap();
    }
    run(folder.path(), &["LeNet_Spike.ini", "-test", "-nb-test", "5"]).fails(2, &["1.5", "[fc1]", "CheckWeightRange"]);
    let text = format!("CheckWeightRange=0\n{}", model("LeNet_Spike.ini"));
    fs::write(folder.path().join("m.ini"), text).unwrap();
    run(folder.path(), &["m.ini", "-test", "-nb-test", "5"]).succeeds();
}
