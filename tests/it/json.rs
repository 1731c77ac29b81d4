//! `--json`: one document, and nothing else on standard output.

use std::fs;

use serde_json::Value;

use crate::program::{folder, model, run};

/// Few stimuli, so that each command is quick.
const TUNABLE: (&str, &str) = ("Validation=0.2", "Validation=0.0075");

/// The words of each command, and keys that its document has.
const COMMANDS: &[(&str, &[&str])] = &[
    ("learn LeNet.ini --learn 512 --nb-test 64 --out learned", &["/formal_recognition_rate", "/stimuli_learned"]),
    ("learn LeNet.ini --learn 512 --bench", &["/learning_us_per_stimulus", "/layers/0/forward_us_per_stimulus"]),
    ("test LeNet_Spike.ini --nb-test 64", &["/spiking_recognition_rate", "/decision_latency_ns/mean", "/ini_sha256"]),
    ("curve LeNet_Spike.ini --nb-test 64 --present-time 100ns", &["/points/0/terminate_delta", "/patterns"]),
    ("stats LeNet_Spike.ini --nb-test 64", &["/layers/0", "/model"]),
    ("audit LeNet_Spike.ini --stimuli 20", &["/layers/0/name", "/spiking_accuracy", "/version"]),
    ("find-lr LeNet.ini --find-lr 1000", &["/stimuli", "/seed"]),
    (
        "tune small.ini -w WEIGHTS --trials 3 --max-loss 2",
        &["/chosen/tuning/loss", "/stages/0/levers/0", "/before/point"],
    ),
    ("check LeNet.ini", &["/is_sound", "/tensors/0/largest_gradient"]),
    ("inspect LeNet_Spike.ini", &["/layers/1/output_shape/2", "/virtual_synapses"]),
    ("demo --learn 512 --nb-test 64 --out demo", &["/spiking_recognition_rate", "/stimuli_learned"]),
    (
        "faces --out faces --images 3 --seed 7",
        &["/folder", "/pictures", "/size/1", "/faces", "/males", "/females", "/seed", "/version"],
    ),
    ("report demo", &["/page", "/pictures/0", "/version"]),
    ("weights export LeNet.ini w.npz", &["/tensors/0/shape/0", "/weights_sha256"]),
    ("weights import LeNet.ini w.npz --out imported", &["/weights_dir", "/layout"]),
    ("bench --quick --only width", &["/lines/0", "/version"]),
    ("devices", &["/cpu_threads", "/cuda", "/version"]),
    ("keys Conv", &["/0"]),
];

#[test]
fn every_command_prints_one_document_and_nothing_else() {
    let folder = folder();
    fs::write(folder.path().join("small.ini"), model("LeNet_Spike.ini").replace(TUNABLE.0, TUNABLE.1)).unwrap();
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/data/weights/LeNet");
    for (words, keys) in COMMANDS {
        let mut words: Vec<&str> =
            words.split(' ').map(|word| if word == "WEIGHTS" { weights } else { word }).collect();
        // Before the model it takes no file either.
        words.insert(if words[0] == "keys" { 2 } else { 1 }, "--json");
        if words[1] == "--json" && !words.get(2).is_some_and(|word| word.ends_with(".ini") || word.starts_with('-')) {
            words.remove(1);
            words.push("--json");
        }
        let finished = run(folder.path(), &words).succeeds();
        let document: Value =
            serde_json::from_str(&finished.stdout).unwrap_or_else(|e| panic!("{words:?}: {e}: {}", finished.stdout));
        for key in *keys {
            assert!(document.pointer(key).is_some(), "{words:?}: {key} is missing in {document:#}");
        }
    }
}

#[test]
fn a_document_may_go_to_a_file_and_a_failure_gives_none() {
    let folder = folder();
    let words = ["inspect", "LeNet.ini", "--json", "layers.json"];
    let finished = run(folder.path(), &words).succeeds();
    assert!(finished.stdout.contains("conv1"), "{}", finished.stdout);
    let document: Value = serde_json::from_slice(&fs::read(folder.path().join("layers.json")).unwrap()).unwrap();
    assert_eq!(document["model"], "LeNet.ini");

    let failed = run(folder.path(), &["inspect", "none.ini", "--json"]).fails(2, &["error", "none.ini"]);
    assert_eq!(failed.stdout, "");
    run(folder.path(), &["inspect", "LeNet.ini", "--json", "layers.json/x.json"]).fails(2, &["--json", "another file"]);
    let refused =
        run(folder.path(), &["audit", "LeNet_Spike.ini", "--stimuli", "20", "--min-correlation", "1", "--json"]);
    let refused = refused.fails(1, &["--min-correlation"]);
    assert!(serde_json::from_str::<Value>(&refused.stdout).is_ok(), "what was found is told: {}", refused.stdout);
}
