//! `femtospike curve`: one run without early decision against real runs that stop.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{files, folder, model, run, summary};

/// The point of a curve with this key and value.
fn point(curve: &Value, key: &str, value: u64) -> Value {
    let points = curve["points"].as_array().unwrap();
    points.iter().find(|point| point[key] == value).unwrap_or_else(|| panic!("no {key} {value}")).clone()
}

fn curve(folder: &Path, words: &[&str]) -> Value {
    run(folder, &[&["curve"], words, &["--out", "curve"]].concat()).succeeds();
    serde_json::from_slice(&fs::read(folder.join("curve/curve.json")).unwrap()).unwrap()
}

/// What a real test says, against the point that must equal it, layer by layer.
#[track_caller]
fn check(folder: &Path, words: &[&str], point: &Value) {
    run(folder, &[&["test"], words, &["--out", "real"]].concat()).succeeds();
    let summary = summary(&folder.join("real"));
    for key in
        ["spiking_recognition_rate", "synaptic_events", "read_events_per_virtual_synapse_per_pattern", "undecided"]
    {
        assert_eq!(point[key], summary[key], "{key}");
    }
    if point["decided"] != 0 {
        assert_eq!(point["decision_latency_mean_ns"], summary["decision_latency_ns"]["mean"]);
        assert_eq!(point["decision_latency_p95_ns"], summary["decision_latency_ns"]["p95"]);
    }
    for cell in point["read_events"].as_array().unwrap() {
        let name = cell["cell"].as_str().unwrap();
        let log = fs::read_to_string(folder.join(format!("real/stats_spike/{name}.log"))).unwrap();
        let reads = log.lines().rfind(|line| line.starts_with("Read events: ")).unwrap();
        let reads: u64 = reads.trim_start_matches("Read events: ").replace(',', "").parse().unwrap();
        assert_eq!(cell["events"], reads, "{name}");
    }
}

#[test]
fn each_point_of_the_curve_is_a_real_run() {
    let folder = folder();
    let spiking = model("LeNet_Spike.ini");
    for (name, rule) in
        [("d2", "TerminateDelta=2"), ("d5", "TerminateDelta=5"), ("m4", "TerminateDelta=0\nTerminateMax=4")]
    {
        let text = spiking.replacen("TerminateDelta=4", rule, 1);
        assert_ne!(text, spiking);
        fs::write(folder.path().join(format!("{name}.ini")), text).unwrap();
    }
    let (n, weights) = ("12", format!("{}/data/weights/LeNet", env!("CARGO_MANIFEST_DIR")));
    let words = ["LeNet_Spike.ini", "--nb-test", n, "--present-time", "300ns", "--deadlines", "25 ns,300ns,7ns"];
    let curve = curve(folder.path(), &words);
    assert_eq!(curve["points"].as_array().unwrap().len(), 16 + 16 + 3);
    for (name, key, value) in [("d2", "terminate_delta", 2), ("d5", "terminate_delta", 5), ("m4", "terminate_max", 4)] {
        let model = format!("{name}.ini");
        let words = [&model, "--nb-test", n, "--present-time", "300ns", "-w", &weights];
        check(folder.path(), &words, &point(&curve, key, value));
    }
    fs::write(folder.path().join("off.ini"), spiking.replacen("TerminateDelta=4", "TerminateDelta=0", 1)).unwrap();
    let words = ["off.ini", "--nb-test", n, "--present-time", "25ns", "-w", &weights];
    check(folder.path(), &words, &point(&curve, "deadline_fs", 25_000_000));

    let left = files(&folder.path().join("curve"));
    let names: Vec<&str> = left.keys().map(String::as_str).filter(|name| name.starts_with("curve")).collect();
    assert_eq!(names, ["curve.csv", "curve.json", "curve_latency.png", "curve_reads.png"]);
    let csv = String::from_utf8(left["curve.csv"].clone()).unwrap();
    assert_eq!(csv.lines().count(), 1 + 35);
    assert!(csv.starts_with("terminate_delta,terminate_max,deadline_fs,"), "{csv}");
}

#[test]
fn the_curve_does_not_depend_on_the_threads() {
    let folder = folder();
    let words = ["curve", "LeNet_Spike.ini", "--nb-test", "70", "--present-time", "60ns"];
    let all = ["1", "3"].map(|threads| {
        let run = run(folder.path(), &[&words[..], &["--threads", threads, "--out", threads]].concat()).succeeds();
        let table =
            run.stdout.lines().skip_while(|line| !line.starts_with("stop by")).take(40).collect::<Vec<_>>().join("\n");
        assert!(table.contains("4 (model)"), "{table}");
        (table, files(&folder.path().join(threads)))
    });
    assert_eq!(all[0], all[1]);
}

#[test]
fn what_a_model_cannot_tell_is_refused() {
    let folder = folder();
    let curve = |words: &[&str]| run(folder.path(), &[&["curve"], words, &["--nb-test", "3", "--out", "o"]].concat());
    curve(&["LeNet.ini"]).fails(2, &["spiking half", "LeNet_Spike.ini"]);
    curve(&["LeNet_Spike.ini", "--deadlines", "2us"]).fails(2, &["--deadlines", "up to the presentation time", "2 us"]);
    curve(&["LeNet_Spike.ini", "--deltas", "3-1"]).fails(2, &["--deltas", "3-1"]);
    let burst = model("LeNet_Spike.ini").replacen("StimulusType=JitteredPeriodic", "StimulusType=SingleBurst", 1);
    fs::write(folder.path().join("burst.ini"), burst).unwrap();
    curve(&["burst.ini", "--deadlines", "100ns"]).fails(2, &["--deadlines", "SingleBurst", "--present-time"]);
    let weights = format!("{}/data/weights/LeNet", env!("CARGO_MANIFEST_DIR"));
    let words = ["burst.ini", "--deltas", "1-3", "--maxes", "1", "-w", &weights];
    let table = curve(&words).succeeds();
    assert!(table.stderr.contains("no deadlines: with StimulusType=SingleBurst"), "{}", table.stderr);
    let rows = table.stdout.lines().filter(|line| line.starts_with("Terminate")).count();
    assert_eq!(rows, 4);
}
