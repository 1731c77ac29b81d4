//! `femtospike audit`: a sound network passes, and of networks broken on purpose the layer and the reason are named.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::program::{Finished, folder, model, run, run_whole};

const STIMULI: &str = "40";

/// What a spiking test of LeNet leaves: its factors and its scaled weights.
fn tested() -> &'static Path {
    static TESTED: OnceLock<TempDir> = OnceLock::new();
    let tested = TESTED.get_or_init(|| {
        let folder = folder();
        run_whole(folder.path(), &["LeNet_Spike.ini", "-test", "-nb-test", "5"]).succeeds();
        folder
    });
    tested.path()
}

fn trained() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/weights/LeNet").to_string_lossy().into_owned()
}

/// Audits a model text in a folder, with the shipped weights of LeNet and, unless named otherwise, its factors.
fn audit(folder: &Path, text: &str, more: &[&str]) -> Finished {
    fs::write(folder.join("m.ini"), text).unwrap();
    let (trained, factors) = (trained(), tested().join("normalization.json").to_string_lossy().into_owned());
    let mut words = vec!["audit", "m.ini", "-w", &trained, "--stimuli", STIMULI, "--json", "audit.json"];
    if !more.contains(&"--factors") {
        words.extend(["--factors", &factors]);
    }
    words.extend(more);
    run(folder, &words)
}

fn json(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(folder.join("audit.json")).unwrap()).unwrap()
}

/// Fails the test unless the first layer that breaks is named with its reason and a remedy that has `remedy`.
#[track_caller]
fn names(folder: &Path, finished: Finished, layer: &str, reason: &str, remedy: &str) {
    let finished = finished.succeeds();
    let expected = format!("Verdict: the first layer that breaks is [{layer}]: {reason}.");
    assert!(finished.stdout.contains(&expected), "expected `{expected}`, found\n{}", finished.stdout);
    let first = &json(folder)["verdict"][0];
    assert_eq!((first["layer"].as_str(), first["reason"].as_str()), (Some(layer), Some(reason)));
    assert!(first["remedy"].as_str().unwrap().contains(remedy), "{first}");
    assert!(finished.stdout.contains(first["remedy"].as_str().unwrap()), "{}", finished.stdout);
}

/// LeNet with keys of their own for one layer.
fn with_keys(cell: &str, keys: &str) -> String {
    let lenet = model("LeNet_Spike.ini");
    let text = match cell {
        "fc2" => lenet.replace("[fc2.config]\n", &format!("[fc2.config]\n{keys}\n")),
        "fc1" => {
            let head =
                "[fc1]\nInput=conv3\nType=Fc\nNbOutputs=84\nActivationFunction=Rectifier\nWeightsFiller=HeFiller\n";
            lenet.replace(
                &format!("{head}ConfigSection=common.config"),
                &format!("{head}ConfigSection=common.config,own"),
            ) + &format!("\n[own]\n{keys}\n")
        }
        _ => {
            let head = format!("[{cell}] conv_def\n");
            lenet.replace(&head, &format!("{head}ConfigSection=common.config,own\n")) + &format!("\n[own]\n{keys}\n")
        }
    };
    assert!(text.contains(keys) && (cell == "fc2" || text.contains("common.config,own")), "the edit changes nothing");
    text
}

#[track_caller]
fn check_keys(cell: &str, keys: &str, reason: &str, remedy: &str) {
    let folder = folder();
    let finished = audit(folder.path(), &with_keys(cell, keys), &[]);
    names(folder.path(), finished, cell, reason, remedy);
}

#[track_caller]
fn check_edit(from: &str, to: &str, layer: &str, reason: &str, remedy: &str) {
    let (folder, lenet) = (folder(), model("LeNet_Spike.ini"));
    assert!(lenet.contains(from), "the edit changes nothing");
    let finished = audit(folder.path(), &lenet.replace(from, to), &[]);
    names(folder.path(), finished, layer, reason, remedy);
}

/// Audits with one factor of the normalization times `times`.
#[track_caller]
fn check_factor(cell: &str, times: f64, reason: &str, remedy: &str) {
    let folder = folder();
    let text = fs::read_to_string(tested().join("normalization.json")).unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cells = file["cells"].as_array_mut().unwrap();
    let factor = &mut cells.iter_mut().find(|c| c["cell"] == cell).unwrap()["factor"];
    *factor = (factor.as_f64().unwrap() * times).into();
    fs::write(folder.path().join("edited.json"), file.to_string()).unwrap();
    let finished = audit(folder.path(), &model("LeNet_Spike.ini"), &["--factors", "edited.json"]);
    names(folder.path(), finished, cell, reason, remedy);
}

/// Audits with the scaled weights of one layer edited.
#[track_caller]
fn check_weights(cell: &str, edit: impl Fn(&mut Vec<f32>), reason: &str, evidence: &str) {
    let folder = folder();
    fs::create_dir(folder.path().join("edited")).unwrap();
    for file in fs::read_dir(tested().join("weights_range_normalized")).unwrap().flatten() {
        let text = fs::read_to_string(file.path()).unwrap();
        let name = file.file_name().into_string().unwrap();
        let text = if name.starts_with(cell) {
            let mut weights: Vec<f32> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
            edit(&mut weights);
            weights.iter().map(|weight| format!("{weight} ")).collect()
        } else {
            text
        };
        fs::write(folder.path().join("edited").join(name), text).unwrap();
    }
    let finished = audit(folder.path(), &model("LeNet_Spike.ini"), &["--spiking-weights", "edited"]);
    names(folder.path(), finished, cell, reason, "--spiking-weights");
    let found = &json(folder.path())["verdict"][0]["evidence"];
    assert!(found.as_str().unwrap().contains(evidence), "{found}");
}

#[test]
fn every_layer_of_the_shipped_lenet_follows_its_activations() {
    let folder = folder();
    let words = ["audit", "LeNet_Spike.ini", "--stimuli", "500", "--json", "a.json", "--min-correlation", "0.99"];
    let finished = run(folder.path(), &[&words[..], &["--min-accuracy", "97"]].concat()).succeeds();
    assert!(finished.stdout.contains("Verdict: sound."), "{}", finished.stdout);
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("a.json")).unwrap()).unwrap();
    let layers = json["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 8);
    for layer in layers {
        assert!(layer["against_frames"]["correlation"].as_f64().unwrap() >= 0.99, "{layer}");
        assert!((layer["against_frames"]["slope"].as_f64().unwrap() - 1.0).abs() < 0.03, "{layer}");
    }
    assert_eq!(json["verdict"].as_array().unwrap().len(), 0);
}

#[test]
fn a_factor_far_too_small_saturates() {
    check_factor("conv2", 0.03, "saturation", "its weights are divided by 0.045");
}

#[test]
fn a_factor_far_too_large_starves() {
    check_factor("conv2", 60.0, "starvation", "its weights are divided by 91; about 1.");
    check_factor("conv1", 1000.0, "starvation", "its weights are divided by");
}

#[test]
fn a_threshold_changed_in_one_layer_is_named() {
    check_keys("conv2", "Threshold=40", "threshold", "[conv2] Threshold: found 40");
    check_keys("conv3", "Threshold=0.02", "threshold", "[conv3] Threshold: found 0.02");
    check_keys("fc2", "Threshold=500", "threshold", "[fc2] Threshold: found 500");
}

#[test]
fn a_refractory_period_that_caps_the_rate_is_named() {
    check_keys("conv2", "Refractory=50 ns", "refractory period", "[conv2] Refractory");
}

#[test]
fn a_leak_is_named() {
    check_keys("conv2", "Leak=30 ns", "leak", "[conv2] Leak");
}

#[test]
fn delays_that_outlast_the_stimulus_are_named() {
    check_keys("fc1", "IncomingDelay=200 ns", "delay", "[fc1] IncomingDelay");
}

#[test]
fn an_output_without_negative_spikes_is_named() {
    check_edit(
        "TerminateDelta=4\nBipolarThreshold=1",
        "BipolarThreshold=0",
        "fc2",
        "no negative spikes",
        "BipolarThreshold",
    );
}

#[test]
fn a_coding_that_hides_pixels_or_lights_black_ones_is_named() {
    check_edit(
        "PeriodRelStdDev=0.0",
        "PeriodRelStdDev=0.0\nDiscardedLateStimuli=0.5",
        "env",
        "input coding",
        "DiscardedLateStimuli=1",
    );
    check_edit("PeriodMeanMax=100,000,000,000", "PeriodMeanMax=100 ns", "env", "input coding", "raise PeriodMeanMax");
}

#[test]
fn a_stimulus_too_short_is_named() {
    let folder = folder();
    let finished = audit(folder.path(), &model("LeNet_Spike.ini"), &["--present-time", "40 ns"]);
    names(folder.path(), finished, "env", "stimulus too short", "--present-time");
}

#[test]
fn weights_that_are_not_the_trained_ones_are_named() {
    check_weights("fc1", |weights| weights.reverse(), "other weights", "in another order");
    check_weights("fc1", |weights| weights[..400].fill(0.5), "other weights", "400 of 10080 weights");
    check_weights("conv3", |weights| weights.iter_mut().for_each(|w| *w *= 0.5), "other weights", "divided by 1.021");
    check_weights(
        "conv2",
        |weights| weights.iter_mut().for_each(|w| *w = w.max(0.0)),
        "clamped weights",
        "cut to [0, ",
    );
}

#[test]
fn a_spiking_model_that_is_another_network_than_the_one_learned_is_named() {
    let lenet = model("LeNet_Spike.ini");
    let (first, second) = ("1 0 0 0 1 1 1 0 0 1 1 1 1 0 1 1 \\\n", "1 1 0 0 0 1 1 1 0 0 1 1 1 1 0 1 \\\n");
    let mapping = format!("{first}{second}");
    assert!(lenet.contains(&mapping));
    let edited = [
        (lenet.replace(&mapping, &format!("{second}{first}")), "conv2", "[conv2] Mapping"),
        (lenet.replace("Pooling=Max", "Pooling=Average"), "pool1", "[pool1] Pooling"),
    ];
    for (text, layer, remedy) in edited {
        let folder = folder();
        let finished = audit(folder.path(), &text, &["--frames", "LeNet.ini"]);
        names(folder.path(), finished, layer, "another cell", remedy);
    }
    let folder = folder();
    let finished = audit(folder.path(), &lenet, &["--frames", "LeNet.ini"]).succeeds();
    assert!(finished.stdout.contains("Verdict: sound."), "dropout and softmax are frames alone: {}", finished.stdout);
}

/// A small network without convolutions, with biases and a batch normalization, and what its learning leaves.
const DENSE: &str = "\
DefaultModel=Transcode
CheckWeightRange=0

[database]
Type=MNIST_IDX_Database
Validation=0.2

[env]
Size=14
BatchSize=32
ConfigSection=env.config

[env.config]
StimulusType=JitteredPeriodic
PeriodMin=1 ns
PeriodMeanMin=10 ns
PeriodMeanMax=100 us
PeriodRelStdDev=0.0

[env.Transformation]
Type=RescaleTransformation
Width=14
Height=14

[fc1]
Input=env
Type=Fc
NbOutputs=30
ActivationFunction=Linear
WeightsFiller=HeFiller
ConfigSection=common.config

[fc1.bn]
Input=fc1
Type=BatchNorm
NbOutputs=[fc1]NbOutputs
ActivationFunction=Rectifier

[fc2]
Input=fc1.bn
Type=Fc
NbOutputs=30
ActivationFunction=Rectifier
WeightsFiller=HeFiller
ConfigSection=common.config

[fc3]
Input=fc2
Type=Fc
NbOutputs=10
ActivationFunction=Linear
WeightsFiller=XavierFiller
ConfigSection=common.config,fc3.config

[fc3.Target]

[common.config]
NoBias=0
Threshold=1.0
BipolarThreshold=0
IncomingDelay=0
Solvers.LearningRate=0.03
Solvers.Momentum=0.9

[fc3.config]
BipolarThreshold=1
";

/// Learns a model text for a moment.
fn learned(text: &str) -> TempDir {
    let folder = folder();
    fs::write(folder.path().join("m.ini"), text).unwrap();
    run(folder.path(), &["m.ini", "-learn", "3200", "-log", "3200", "-nb-test", "5"]).succeeds();
    folder
}

/// Audits what was learned.
fn audit_learned(folder: &Path, more: &[&str]) -> Finished {
    let words = ["audit", "m.ini", "--stimuli", STIMULI, "--factors", "normalization.json", "--json", "audit.json"];
    run(folder, &[&words[..], more].concat())
}

#[test]
fn biases_that_are_left_out_or_wrongly_divided_are_named() {
    let folder = learned(DENSE);
    let finished = audit_learned(folder.path(), &[]).succeeds();
    assert!(finished.stdout.contains("Verdict: sound."), "{}", finished.stdout);
    let layers = json(folder.path())["layers"].as_array().unwrap().clone();
    assert_eq!(
        layers.iter().map(|layer| layer["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["env", "fc1", "fc2", "fc3"]
    );

    let file = folder.path().join("weights_range_normalized/fc1_biases.syntxt");
    let text = fs::read_to_string(&file).unwrap();
    for (times, evidence) in [(0.0, "the trained biases are left out"), (3.0, "the biases are 3 times")] {
        let edited = text.split_whitespace().map(|bias| format!("{}\n", times * bias.parse::<f64>().unwrap()));
        fs::write(&file, edited.collect::<String>()).unwrap();
        let finished = audit_learned(folder.path(), &["--spiking-weights", "weights_range_normalized"]);
        names(folder.path(), finished, "fc1", "other biases", "bias_factor");
        let found = &json(folder.path())["verdict"][0]["evidence"];
        assert!(found.as_str().unwrap().contains(evidence), "{found}");
    }
}

#[test]
fn a_pool_that_drifts_is_named_and_an_exact_one_is_sound() {
    let pool = "[pool1]\nInput=env\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nNbOutputs=1\nMapping.Size=1\n\n";
    let text = DENSE.replace("[fc1]\nInput=env", &format!("{pool}[fc1]\nInput=pool1"));
    let text = text.replace("[env]\nSize=14\n", "[env]\nSize=14\nDataSignedMapping=1\n");
    let folder = learned(&text);
    let finished = audit_learned(folder.path(), &[]);
    names(folder.path(), finished, "pool1", "pool drift", "--pooling exact");
    let layers = json(folder.path())["layers"].as_array().unwrap().clone();
    assert!(layers[1]["drifted"].as_u64().unwrap() > 100, "{}", layers[1]);
    audit_learned(folder.path(), &["--pooling", "exact"]).succeeds();
    let layers = json(folder.path())["layers"].as_array().unwrap().clone();
    assert_eq!(layers[1]["drifted"], 0);
    assert!(json(folder.path())["verdict"].as_array().unwrap().iter().all(|finding| finding["layer"] != "pool1"));
}

#[test]
fn a_limit_that_is_missed_fails_after_the_report() {
    let folder = folder();
    let text = with_keys("conv2", "Refractory=50 ns");
    let finished = audit(folder.path(), &text, &["--min-correlation", "0.9", "--min-accuracy", "100"]);
    let finished =
        finished.fails(1, &["[conv2] has a correlation of", "below --min-correlation 0.9", "--min-accuracy 100"]);
    assert!(finished.stdout.contains("Verdict: the first layer"), "{}", finished.stdout);
    assert_eq!(json(folder.path())["verdict"][0]["layer"], "conv2");
}

#[test]
fn what_cannot_be_audited_is_refused() {
    let folder = folder();
    let lenet = model("LeNet_Spike.ini");
    audit(folder.path(), &lenet, &["--min-correlation", "1.5"])
        .fails(2, &["--min-correlation", "from 0 to 1, found 1.5"]);
    audit(folder.path(), &lenet, &["--factors", "none.json"]).fails(2, &["--factors none.json"]);
    fs::write(folder.path().join("bad.json"), "{\"cells\": []}").unwrap();
    audit(folder.path(), &lenet, &["--factors", "bad.json"]).fails(2, &["no cell `conv1`"]);
    audit(folder.path(), &lenet, &["--spiking-weights", "nowhere"]).fails(2, &["--spiking-weights", "nowhere"]);
    let burst = lenet.replace("StimulusType=JitteredPeriodic", "StimulusType=SingleBurst");
    audit(folder.path(), &burst, &[]).fails(2, &["SingleBurst", "StimulusType=JitteredPeriodic"]);
    run(folder.path(), &["audit", "LeNet.ini"]).fails(2, &["spiking half", "--frames"]);
    let other = lenet.replace("[fc1]\n", "[fcX]\n").replace("Input=fc1\n", "Input=fcX\n");
    audit(folder.path(), &other, &["--frames", "LeNet.ini"]).fails(2, &["fcX"]);
}

#[test]
fn the_bytes_do_not_depend_on_the_threads() {
    let (one, three) = (folder(), folder());
    let lenet = model("LeNet_Spike.ini");
    for (folder, threads) in [(&one, "1"), (&three, "3")] {
        audit(folder.path(), &lenet, &["--threads", threads, "--set", "validation"]).succeeds();
    }
    let without_threads = |folder: &TempDir| {
        let mut json = json(folder.path());
        json.as_object_mut().unwrap().remove("threads");
        json
    };
    assert_eq!(without_threads(&one), without_threads(&three));
}
