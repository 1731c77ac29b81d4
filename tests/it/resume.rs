//! Spiking tests that go on after trouble, and what a refused `--resume` leaves alone.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::checkpoint::{CHECKPOINT, WEIGHTS, assert_same, write_patient_model};
use crate::program::{Finished, command, files, finish, folder, model, run, run_whole, summary};

const SHA256: usize = 32;
const FIRST_LINE: &str = "femtospike checkpoint 1\n";

/// Runs `test patient.ini --out OUT`.
fn test(folder: &Path, out: &str, more: &[&str]) -> Finished {
    run(folder, &[&["test", "patient.ini", "-w", WEIGHTS, "--out", out], more].concat())
}

/// The ledger of a checkpoint, and what the engine wrote after it.
fn ledger(path: &Path) -> (Value, Vec<u8>) {
    let bytes = fs::read(path).expect("a checkpoint");
    let rest = &bytes[FIRST_LINE.len()..bytes.len() - SHA256];
    let (n, rest) = rest.split_first_chunk().expect("the length of the ledger");
    let (ledger, engine) = rest.split_at(u64::from_le_bytes(*n) as usize);
    (serde_json::from_slice(ledger).expect("a ledger"), engine.to_vec())
}

/// Writes a checkpoint with a checksum that is right.
fn write_checkpoint(path: &Path, ledger: &Value, engine: &[u8]) {
    let ledger = ledger.to_string().into_bytes();
    let mut bytes = [FIRST_LINE.as_bytes(), &(ledger.len() as u64).to_le_bytes(), &ledger, engine].concat();
    bytes.extend(Sha256::digest(&bytes));
    fs::write(path, bytes).unwrap();
}

fn n_answered(path: &Path) -> usize {
    ledger(path).0["answers"].as_array().unwrap().iter().filter(|answer| !answer.is_null()).count()
}

#[test]
fn a_test_goes_on_with_the_images_and_labels_that_it_began_with() {
    let folder = folder();
    write_patient_model(folder.path());
    let data = folder.path().join("data/mnist");
    fs::create_dir_all(&data).unwrap();
    let words = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let write = |name: &str, bytes: &[u8]| fs::write(data.join(name), bytes).unwrap();
    for (stem, n) in [("train", 10), ("t10k", 5)] {
        write(&format!("{stem}-images-idx3-ubyte"), &[words(&[0x803, n, 28, 28]), vec![90; n as usize * 784]].concat());
        write(&format!("{stem}-labels-idx1-ubyte"), &[words(&[0x801, n]), vec![3; n as usize]].concat());
    }
    let test = |more: &[&str]| {
        let words = [&["test", "patient.ini", "-w", WEIGHTS, "--out", "out"], more].concat();
        let mut command = command(folder.path(), &words);
        command.env("N2D2_DATA", folder.path().join("data"));
        finish(command)
    };
    test(&["--checkpoint-after", "1.5"]).fails(130, &[]);
    let before = files(&folder.path().join("out"));
    for name in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        let bytes = fs::read(data.join(name)).unwrap();
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() = 4;
        write(name, &changed);
        test(&["--resume"]).fails(2, &["images and labels of the stimuli (sha256): the checkpoint has"]);
        assert!(files(&folder.path().join("out")) == before, "everything is left as it was");
        write(name, &bytes);
    }
    test(&["--resume"]).succeeds();
}

#[test]
fn a_refused_resume_leaves_the_results_that_are_there() {
    let folder = folder();
    write_patient_model(folder.path());
    let out = folder.path().join("out");
    test(folder.path(), "out", &["--nb-test", "3"]).succeeds();
    let before = files(&out);
    for more in [&[][..], &["--normalization", "max"]] {
        let words = [&["--nb-test", "3", "--resume"], more].concat();
        test(folder.path(), "out", &words).fails(2, &["--resume", "is complete", "nothing to resume"]);
        assert!(files(&out) == before, "everything is left as it was");
    }
    test(folder.path(), "stopped", &["--nb-test", "3", "--checkpoint-after", "1.5"]).fails(130, &[]);
    fs::copy(folder.path().join("stopped").join(CHECKPOINT), out.join(CHECKPOINT)).unwrap();
    let before = files(&out);
    let cases: [&[&str]; 3] =
        [&["--nb-test", "4"], &["--nb-test", "3", "--seed", "2"], &["--nb-test", "3", "--normalization", "max"]];
    for more in cases {
        test(folder.path(), "out", &[&["--resume"], more].concat()).fails(2, &["found that of another"]);
        assert!(files(&out) == before, "everything is left as it was");
    }
}

#[test]
fn a_log_that_cannot_be_written_loses_nothing() {
    let folder = folder();
    write_patient_model(folder.path());
    let test = |out: &str, more: &[&str]| test(folder.path(), out, &[&["--nb-test", "4", "--log", "2"], more].concat());
    test("whole", &[]).succeeds();
    let out = folder.path().join("out");
    let (checkpoint, log) = (out.join(CHECKPOINT), out.join("stats_spike.log"));
    fs::create_dir_all(&log).unwrap();
    test("out", &[]).fails(1, &["stats_spike.log"]);
    fs::remove_dir(&log).unwrap();

    test("out", &["--checkpoint-after", "0.5"]).fails(130, &[]);
    fs::create_dir(&log).unwrap();
    let kept = ["cannot write", "stats_spike.log", "the checkpoint is in", CHECKPOINT, "--resume"];
    test("out", &["--resume", "--checkpoint-after", "1.5"]).fails(1, &kept);
    assert_eq!(n_answered(&checkpoint), 1, "saved where the test stopped");
    test("out", &["--resume"]).fails(1, &kept);
    assert_eq!(n_answered(&checkpoint), 2, "saved where the log was due");
    fs::remove_dir(&log).unwrap();

    let rates = out.join("firing_rate_env.dat");
    fs::create_dir(&rates).unwrap();
    test("out", &["--resume"]).fails(1, &["firing_rate_env.dat", "the checkpoint is in", CHECKPOINT]);
    assert_eq!(n_answered(&checkpoint), 4, "saved at the end");
    fs::remove_dir(&rates).unwrap();
    test("out", &["--resume"]).succeeds();
    assert_same(&folder.path().join("whole"), &out);

    fs::create_dir_all(&checkpoint).unwrap();
    test("out", &["--checkpoint-after", "1.5"]).fails(1, &["cannot write", CHECKPOINT]);
    assert!(out.join("test_success_spike.dat").exists(), "what was done is written all the same");
}

#[test]
fn a_checkpoint_that_no_test_could_have_written_is_refused() {
    let folder = folder();
    write_patient_model(folder.path());
    let resume = || test(folder.path(), "out", &["--nb-test", "3", "--resume"]);
    test(folder.path(), "out", &["--nb-test", "3", "--checkpoint-after", "1.5"]).fails(130, &[]);
    let path = folder.path().join("out").join(CHECKPOINT);
    let (good, engine) = ledger(&path);
    let paused = good["in_flight"][0][1].clone();
    let answer = good["answers"][0].clone();
    let cases = [
        ("answers", json!([answer])),
        ("answers", json!([answer, null, null, null])),
        ("answers", json!([answer, null, null, answer])),
        ("answers", json!([null, answer, null])),
        ("answers", json!([null, null, null])),
        ("answers", json!([answer, null, answer])),
        ("answers", json!([{"response": 10, "latency": null}, null, null])),
        ("answers", json!([{"response": 1, "latency": 1_000_000_000}, null, null])),
        ("answers", json!([{"response": null, "latency": 5}, null, null])),
        ("in_flight", json!([[2, paused]])),
        ("in_flight", json!([[0, paused]])),
        ("in_flight", json!([[3, paused]])),
        ("in_flight", json!([[1, paused], [1, 0]])),
        ("in_flight", json!([])),
        ("totals", json!(u64::MAX)),
        ("seconds", json!(-1.0)),
    ];
    for (key, value) in cases {
        let mut forged = good.clone();
        forged[key] = value;
        write_checkpoint(&path, &forged, &engine);
        resume().fails(2, &[CHECKPOINT, "damaged", "test without --resume"]);
    }
    for engine in [[&engine[..], b"more"].concat(), engine[..engine.len() - 1].to_vec()] {
        write_checkpoint(&path, &good, &engine);
        resume().fails(2, &[CHECKPOINT, "damaged", "test without --resume"]);
    }
    write_checkpoint(&path, &good, &engine);
    resume().succeeds();
}

#[test]
fn logs_come_at_every_multiple_of_log() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = ["--nb-test", "900", "--present-time", "5 ns", "--log", "420"];
    let logged = test(folder.path(), "out", &words).succeeds();
    let numbers = |text: &str| -> Vec<String> {
        let number = |line: &str| Some(line.strip_prefix("Spiking #")?.split(' ').next()?.to_string());
        text.lines().filter_map(number).collect()
    };
    assert_eq!(numbers(&logged.stderr), ["420", "840", "900"]);
    let words = ["--nb-test", "20", "--present-time", "5 ns", "--log", "6"];
    test(folder.path(), "out", &[&words[..], &["--checkpoint-after", "22 ns"]].concat()).fails(130, &[]);
    let logged = test(folder.path(), "out", &[&words[..], &["--resume"]].concat()).succeeds();
    assert_eq!(numbers(&logged.stderr), ["6", "12", "18", "20"], "a resumed test counts what was answered before");
}

#[test]
fn the_rate_of_a_resumed_test_counts_what_it_answers() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = ["--nb-test", "200"];
    test(folder.path(), "out", &[&words[..], &["--checkpoint-after", "190.5"]].concat()).fails(130, &[]);
    let before = ledger(&folder.path().join("out").join(CHECKPOINT)).0["seconds"].as_f64().unwrap();
    let resumed = test(folder.path(), "out", &[&words[..], &["--resume"]].concat()).succeeds();
    let line = resumed.stderr.lines().find(|line| line.starts_with("Spiking #200")).expect("a log");
    let rate: f64 = line.split(" p./s").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    let text = fs::read_to_string(folder.path().join("out/summary.json")).unwrap();
    let seconds = serde_json::from_str::<Value>(&text).unwrap()["spiking_seconds"].as_f64().unwrap() - before;
    assert!(rate <= 10.0 / seconds + 1.0, "10 stimuli in {seconds} s at least are no {rate} p./s");
}

#[test]
fn a_signal_that_ends_programs_leaves_what_a_learning_goes_on_with() {
    for signal in ["-TERM", "-HUP"] {
        let folder = folder();
        let words = ["learn", "LeNet.ini", "--learn", "6000000", "--log", "100000", "--out", "out"];
        let mut child =
            command(folder.path(), &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        while !folder.path().join("out/weights_init").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(200));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert!(folder.path().join("out/learning.safetensors").exists(), "{signal}");
    }
}

#[test]
fn a_run_that_ignores_the_end_of_its_terminal_outlives_it() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = ["test", "patient.ini", "-w", WEIGHTS, "--nb-test", "4", "--present-time", "10", "--out", "out"];
    let program = command(folder.path(), &words);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    shell.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.spawn().expect("it starts");
    let lacks = |name: &str, child: &mut std::process::Child| {
        !folder.path().join("out").join(name).exists() && child.try_wait().unwrap().is_none()
    };
    while lacks("weights_range_normalized", &mut child) {
        std::thread::sleep(Duration::from_millis(2));
    }
    while lacks("stats_spike.log", &mut child) {
        let _ = Command::new("kill").args(["-HUP", &child.id().to_string()]).stderr(Stdio::null()).status();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "as under nohup");
}

#[test]
fn a_checkpoint_asked_for_after_the_last_decision_is_told_to_be_none() {
    let folder = folder();
    fs::write(folder.path().join("m.ini"), "SpikeNormalization=none\n".to_string() + &model("LeNet_Spike.ini"))
        .unwrap();
    let words = ["test", "m.ini", "-w", WEIGHTS, "--nb-test", "2", "--out", "out", "--present-time", "20"];
    let ended = run(folder.path(), &[&words[..], &["--checkpoint-after", "39.999"]].concat()).succeeds();
    assert!(
        ended.stderr.contains("ended before --checkpoint-after 39.999 us; there is no checkpoint"),
        "{}",
        ended.stderr
    );
    assert!(!folder.path().join("out").join(CHECKPOINT).exists());
}

#[test]
fn files_of_an_earlier_test_do_not_stay_beside_a_new_one() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = ["--nb-test", "2"];
    test(folder.path(), "out", &words).succeeds();
    let whole = files(&folder.path().join("out"));
    let stale = |name: &str| {
        name.starts_with("test_success_spike") || name.starts_with("stats_spike") || name.starts_with("firing")
    };
    assert!(whole.keys().filter(|name| stale(name)).count() > 5);
    test(folder.path(), "out", &[&words[..], &["--checkpoint-after", "0.5"]].concat()).fails(130, &[]);
    let left: Vec<String> = files(&folder.path().join("out")).into_keys().filter(|name| stale(name)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn one_stimulus_has_its_times_of_the_whole_continuous_test() {
    let folder = folder();
    write_patient_model(folder.path());
    test(folder.path(), "whole", &["--nb-test", "8", "--continuous"]).succeeds();
    test(folder.path(), "one", &["--test-index", "7", "--continuous"]).succeeds();
    test(folder.path(), "alone", &["--test-index", "7"]).succeeds();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let one = read("one/activity_env.dat");
    assert!(one.contains(" 7.") && one == read("whole/stimuli/stimuli_7_activity.dat"));
    assert_ne!(one, read("alone/activity_env.dat"));
    let [mut one, mut alone] = ["one", "alone"].map(|out| summary(&folder.path().join(out)));
    assert_ne!(one.remove("clock"), alone.remove("clock"));
    assert_eq!(one, alone, "the latency counts from the start of the stimulus");
    let words = ["LeNet_Spike.ini", "-test-index", "9223", "--continuous", "--present-time", "2 s"];
    run_whole(folder.path(), &words).fails(2, &["at most 9223 stimuli of 2 s", "test an earlier stimulus"]);
}
