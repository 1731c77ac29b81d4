//! The shipped models: each loads without a warning; small runs of those that no other test runs.

use std::path::Path;

use crate::program::{command, finish, folder, run, run_whole, summary};

/// A model that takes figures of its data, which do not come with the program.
const NEEDS_DATA: &str = "cifar-10.ini";

#[test]
fn every_shipped_model_loads_without_a_warning() {
    let folder = folder();
    let models = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap();
    let names = models.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| name.ends_with(".ini")).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let shown = run(folder.path(), &["inspect", "--strict", &name]);
        if name == NEEDS_DATA {
            shown.fails(2, &["no data found", "DataPath"]);
            continue;
        }
        let shown = shown.succeeds();
        assert!(!shown.stderr.contains("warning"), "{name}: {}", shown.stderr);
    }
}

/// Data of the right form, made here: the models of sets that do not come with the program learn a step, validate and test.
#[test]
fn models_of_other_data_learn_and_test_on_made_ones() {
    let folder = folder();
    let data = folder.path().join("data");
    crate::data::cifar(&data.join("cifar-10-batches-bin"));
    crate::bad_data::signs(&data.join("GTSRB"), 43);
    for (model, n_learn, n_test) in
        [("cifar-10.ini", 27, 6), ("ResNet-11.ini", 27, 6), ("GTSRB29_32c4s1_48c5s1_200_43.ini", 103, 43)]
    {
        let mut learn = command(folder.path(), &[model, "-learn", "128", "-log", "128", "-out", model, "-seed", "1"]);
        learn.env("N2D2_DATA", &data);
        let done = finish(learn).succeeds();
        assert!(done.stdout.contains(&format!("Learning database size: {n_learn} images")), "{}", done.stdout);
        assert!(done.stderr.contains("validation score"), "{}", done.stderr);
        let written = |name: &str| std::fs::read_to_string(folder.path().join(model).join(name)).unwrap();
        assert_eq!(written("softmax.Target/test/classif.log").lines().count(), n_test);
        let weights = |set: &str| crate::program::files(&folder.path().join(model).join(set));
        let (first, last) = (weights("weights_init"), weights("weights_validation"));
        assert!(first.keys().eq(last.keys()) && first != last, "{model}");
    }
}

/// A template is looked for beside its model; the program carries those of its own models.
#[test]
fn the_layers_of_lenet_come_from_a_template_too() {
    let folder = folder();
    let layers = |name: &str| {
        let shown = run(folder.path(), &["inspect", name]).succeeds().stdout;
        shown.lines().skip_while(|line| !line.starts_with("cell ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(layers("LeNet.ini").len() > 9);
    assert_eq!(layers("LeNet_Fashion.ini"), layers("LeNet.ini"));
    let text = crate::program::model("LeNet_Fashion.ini").replace("Fashion_MNIST", "MNIST");
    std::fs::write(folder.path().join("m.ini"), text).unwrap();
    run(folder.path(), &["inspect", "m.ini"]).fails(2, &["[LeNet]: template `LeNet.ini.tpl`: there is no such file"]);
    std::fs::write(folder.path().join("LeNet.ini.tpl"), crate::program::model("LeNet.ini.tpl")).unwrap();
    run(folder.path(), &["m.ini", "-learn", "1280", "-log", "640", "-nb-test", "100"]).succeeds();
}

/// The margin is for learning alone: without it the answers are those of the cosines.
#[test]
fn an_additive_margin_softmax_learns() {
    let folder = folder();
    let model = "mnist24_16c4s2_24c5s2_150_10_AM-Softmax.ini";
    run(folder.path(), &[model, "-learn", "38400", "-log", "19200", "-nb-test", "2000"]).succeeds();
    let learned = summary(folder.path())["formal_recognition_rate"].as_f64().unwrap();
    assert!(learned > 0.85, "{learned}");
    let answers = |folder: &Path| std::fs::read_to_string(folder.join("softmax.Target/test/classif.log")).unwrap();
    let with_margin = answers(folder.path());
    let without = crate::program::model(model).replace("Bias=-0.35", "Bias=0.0");
    std::fs::write(folder.path().join("m.ini"), without).unwrap();
    std::fs::remove_file(folder.path().join("softmax.Target/test/classif.log")).unwrap();
    run(folder.path(), &["m.ini", "-test", "-nb-test", "2000"]).succeeds();
    assert_eq!(answers(folder.path()), with_margin);
}

#[test]
fn mnist24_learns_and_runs_as_spikes() {
    let folder = folder();
    let learn = ["mnist24_16c4s2_24c5s2_150_10.ini", "-learn", "19200", "-log", "9600"];
    let learned = run_whole(folder.path(), &learn).succeeds();
    assert!(learned.stdout.contains("Final recognition rate"), "{}", learned.stdout);
    let formal = summary(folder.path())["formal_recognition_rate"].as_f64().unwrap();
    run_whole(folder.path(), &["mnist24_16c4s2_24c5s2_150_10_Spike.ini", "-test", "-nb-test", "2000"]).succeeds();
    let summary = summary(folder.path());
    let spiking = summary["spiking_recognition_rate"].as_f64().unwrap();
    assert!(formal > 0.92 && spiking > 0.92, "{formal} as frames, {spiking} as spikes");
    let log = std::fs::read_to_string(folder.path().join("stats_spike.log")).unwrap();
    // 11x11x16 + 4x4x24 + 150 + 10 neurons; 16 pixels of kernel 16 times, 128 pairs of 25, 384 x 150, 150 x 10 synapses.
    for line in ["Patterns channels: 576", "Neurons: 2,480", "Synapses: 62,556"] {
        assert!(log.lines().any(|l| l == line), "`{line}` is missing in\n{log}");
    }
}
