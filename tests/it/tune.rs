//! Tuning as a user sees it.

use std::fs;

use crate::program::{files, folder, model, run, run_whole, summary};

/// 300 stimuli judge, 150 are held back: quick, and enough to find something cheaper.
fn small() -> String {
    model("LeNet_Spike.ini").replace("Validation=0.2", "Validation=0.0075")
}

#[test]
fn a_cheaper_network_is_found_and_the_ordinary_test_uses_it() {
    let folder = folder();
    fs::write(folder.path().join("LeNet_Spike.ini"), small()).unwrap();
    let words = ["tune", "LeNet_Spike.ini", "--trials", "12", "--max-loss", "2", "--levers", "scales,decision"];
    let tuned = run_whole(folder.path(), &[&words[..], &["--out", "tuned", "--threads", "2"]].concat()).succeeds();
    for part in ["as it was", "scales ", "decision", "scales+decision", "450", "Test it: femtospike test"] {
        let part = if part == "450" {
            "over 300 stimuli of the Validation set that judged the trials and 150 held back"
        } else {
            part
        };
        assert!(tuned.stdout.contains(part), "{part}: {}", tuned.stdout);
    }
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("tuned/tune.json")).unwrap()).unwrap();
    let reads = |trial: &str| record[trial]["tuning"]["reads_per_virtual_synapse_per_pattern"].as_f64().unwrap();
    assert!(reads("chosen") < 0.8 * reads("before"), "{record}");
    assert_eq!(record["n_stimuli"], serde_json::json!([300, 150]));
    assert_eq!(record["stages"].as_array().map(Vec::len), Some(3));
    assert!(fs::read(folder.path().join("tuned/tune.png")).unwrap().starts_with(b"\x89PNG"));

    let (again, one) = (["--out", "again", "--threads", "1"], "again");
    run_whole(folder.path(), &[&words[..], &again].concat()).succeeds();
    let both = [files(&folder.path().join("tuned")), files(&folder.path().join(one))];
    let without_paths = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        let mut files = files.clone();
        files.retain(|name, _| !name.ends_with(".ini"));
        files
    };
    assert_eq!(without_paths(&both[0]), without_paths(&both[1]), "on one thread and on two");

    let test = ["-test", "-nb-test", "300"];
    run_whole(folder.path(), &[&["LeNet_Spike.ini"], &test[..], &["--out", "before"]].concat()).succeeds();
    let with = ["tuned/LeNet_Spike_tuned.ini", "-w", "tuned/weights_tuned", "--out", "after", "--strict"];
    run_whole(folder.path(), &[&with, &test[..]].concat()).succeeds();
    let [before, after] = ["before", "after"].map(|out| summary(&folder.path().join(out)));
    assert_eq!(before["formal_recognition_rate"], after["formal_recognition_rate"], "frames do not see scales");
    let key = "read_events_per_virtual_synapse_per_pattern";
    let cheaper = after[key].as_f64().unwrap() / before[key].as_f64().unwrap();
    let promised = reads("chosen") / reads("before");
    assert!((cheaper / promised - 1.0).abs() < 0.1, "{cheaper} on the test images, {promised} on those of the search");
}

#[test]
fn what_cannot_be_tuned_is_refused() {
    let folder = folder();
    let fails = |words: &[&str], parts: &[&str]| {
        run(folder.path(), &[&["tune"], words].concat()).fails(2, parts);
    };
    fails(&["LeNet.ini"], &["LeNet.ini"]);
    fails(&["LeNet_Spike.ini", "--max-loss", "-1"], &["--max-loss", "from 0 to 100", "-1"]);
    fails(&["LeNet_Spike.ini", "--levers", "weights"], &["weights", "scales"]);
    fs::write(folder.path().join("few.ini"), model("LeNet_Spike.ini").replace("Validation=0.2", "Validation=0.0001"))
        .unwrap();
    fails(&["few.ini", "-w", "nowhere"], &["nowhere"]);
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/data/weights/LeNet");
    fails(&["few.ini", "-w", weights], &["few.ini, line", "Validation set", "raise Validation"]);
    assert_eq!(files(folder.path()).len(), 1, "nothing was written");
}
