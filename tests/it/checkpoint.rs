//! One clock over all stimuli, and spiking tests that stop in mid-pattern and go on.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::program::{command, files, folder, run, run_whole, summary};

pub const CHECKPOINT: &str = "checkpoint.femtospike";
pub const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/weights/LeNet");

/// A model whose stimuli are never decided, and that needs no statistics.
pub fn write_patient_model(folder: &Path) {
    let text = crate::program::model("LeNet_Spike.ini").replacen("TerminateDelta=4", "TerminateDelta=0", 1);
    std::fs::write(folder.join("patient.ini"), "SpikeNormalization=none\n".to_string() + &text).unwrap();
}

#[track_caller]
pub fn assert_same(a: &Path, b: &Path) {
    assert_eq!(summary(a), summary(b));
    let (files_a, files_b) = (files(a), files(b));
    assert_eq!(files_a.keys().collect::<Vec<_>>(), files_b.keys().collect::<Vec<_>>());
    for (name, bytes) in files_a.iter().filter(|(name, _)| *name != "summary.json") {
        assert!(bytes == &files_b[name], "{name} differs");
    }
}

fn has_stimuli_in_mid_pattern(out: &Path) -> bool {
    std::fs::read(out.join(CHECKPOINT)).is_ok_and(|bytes| !String::from_utf8_lossy(&bytes).contains("\"in_flight\":[]"))
}

/// Sends a signal some time after the weights are written, and tells how the program ended.
fn interrupted_after(mut command: Command, out: &Path, wait: Duration, signal: &str) -> Option<i32> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let prepared = out.join("weights_range_normalized");
    while !prepared.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(wait);
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
    assert!(killed.is_ok(), "there is a program `kill`");
    child.wait().unwrap().code()
}

#[test]
fn a_test_interrupted_in_mid_pattern_goes_on_to_the_same_bytes() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = |out| {
        ["test", "patient.ini", "-w", WEIGHTS, "--nb-test", "4", "--present-time", "60", "--continuous", "--out", out]
    };
    run(folder.path(), &words("whole")).succeeds();

    for (signal, out) in [("-INT", "out"), ("-TERM", "terminated"), ("-HUP", "hung-up")] {
        let out_folder = folder.path().join(out);
        // How long the machine takes is not known: a signal that came too early or too late is sent again to another run.
        let mut wait = Duration::from_millis(500);
        let was_hit = (0..10).any(|_| {
            let _ = std::fs::remove_dir_all(&out_folder);
            let code = interrupted_after(command(folder.path(), &words(out)), &out_folder, wait, signal);
            let is_hit = code == Some(130) && has_stimuli_in_mid_pattern(&out_folder);
            wait = if code == Some(0) { wait / 2 } else { wait * 2 };
            is_hit
        });
        assert!(was_hit, "{signal} never stopped a test in mid-pattern");
    }
    let mut resume = words("out").to_vec();
    resume.extend(["--resume", "--threads", "1"]);
    run(folder.path(), &resume).succeeds();
    assert_same(&folder.path().join("whole"), &folder.path().join("out"));
}

#[test]
fn a_checkpoint_after_a_time_goes_on_to_the_same_bytes() {
    let folder = folder();
    write_patient_model(folder.path());
    for clock in [&[][..], &["--continuous"]] {
        let words = |out, more: &[&'static str]| {
            let mut words = vec![
                "patient.ini",
                "-test",
                "-w",
                WEIGHTS,
                "--nb-test",
                "12",
                "--log",
                "5",
                "--present-time",
                "200 ns",
            ];
            words.extend([&["--out", out], clock, more].concat());
            words
        };
        run(folder.path(), &words("whole", &[])).succeeds();
        let stops = [&["--checkpoint-after", "450 ns"][..], &["--checkpoint-after", "1.7", "--resume"]];
        for (stop, n_done) in stops.into_iter().zip([2, 8]) {
            let stopped = run(folder.path(), &words("out", stop));
            let message = format!("stopped after {n_done} of 12 stimuli, with 1 in mid-pattern");
            stopped.fails(130, &[&message, CHECKPOINT, "--resume"]);
            assert!(has_stimuli_in_mid_pattern(&folder.path().join("out")));
            let success = std::fs::read_to_string(folder.path().join("out/test_success_spike.dat")).unwrap();
            assert_eq!(success.lines().count(), n_done, "what was done is written");
        }
        run(folder.path(), &words("out", &["--resume", "--threads", "3"])).succeeds();
        assert_same(&folder.path().join("whole"), &folder.path().join("out"));
        run(folder.path(), &words("out", &["--resume"])).fails(2, &["--resume", CHECKPOINT, "test without --resume"]);
    }
}

#[test]
fn a_checkpoint_of_another_test_is_refused_with_what_differs() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = |more: &[&'static str]| {
        let mut words = vec!["test", "patient.ini", "-w", WEIGHTS, "--nb-test", "3", "--out", "out"];
        words.extend(more);
        words
    };
    run(folder.path(), &words(&["--checkpoint-after", "1.5"])).fails(130, &[]);
    let path = folder.path().join("out").join(CHECKPOINT);
    let bytes = std::fs::read(&path).unwrap();
    let cases = [
        (&["--seed", "2"][..], &["--seed: the checkpoint has 1, this test has 2"][..]),
        (&["--float", "f64"], &["--float: the checkpoint has f32, this test has f64"]),
        (&["--pooling", "exact"], &["--pooling: the checkpoint has approximated, this test has exact"]),
        (&["--normalization", "max"], &["--normalization: the checkpoint has none, this test has max"]),
        (&["--encoder-seed", "9"], &["--encoder-seed: the checkpoint has 1, this test has 9"]),
        (&["--continuous"], &["clock: the checkpoint has per stimulus, this test has continuous"]),
        (&["--present-time", "2"], &["--present-time: the checkpoint has 1 us, this test has 2 us"]),
    ];
    for (more, parts) in cases {
        run(folder.path(), &words(&[&["--resume"], more].concat())).fails(2, parts);
        assert!(std::fs::read(&path).unwrap() == bytes, "the checkpoint is kept");
    }
    let more = ["test", "patient.ini", "-w", WEIGHTS, "--nb-test", "4", "--out", "out", "--resume"];
    run(folder.path(), &more).fails(2, &["stimuli: the checkpoint has 3 (", "this test has 4 ("]);
    let other = std::fs::read_to_string(folder.path().join("patient.ini")).unwrap() + "\n";
    std::fs::write(folder.path().join("other.ini"), other).unwrap();
    let other = ["test", "other.ini", "-w", WEIGHTS, "--nb-test", "3", "--out", "out", "--resume"];
    run(folder.path(), &other).fails(2, &["text of the model"]);
    for damaged in [&bytes[..bytes.len() / 2], &bytes[..40], b"", b"something else"] {
        std::fs::write(&path, damaged).unwrap();
        run(folder.path(), &words(&["--resume"])).fails(2, &[CHECKPOINT, "test without --resume"]);
    }
    let mut changed = bytes.clone();
    changed[bytes.len() - 100] ^= 1;
    std::fs::write(&path, changed).unwrap();
    run(folder.path(), &words(&["--resume"])).fails(2, &["damaged"]);
    run(folder.path(), &words(&[])).succeeds();
    assert!(!path.exists(), "a test that ends leaves no checkpoint");
}

/// Node and time of each spike of a stimulus' environment.
fn environment(out: &Path, index: usize) -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(out.join(format!("stimuli/stimuli_{index}_activity.dat"))).unwrap();
    let spike = |line: &str| {
        let mut words = line.split(' ');
        Some((words.next()?.to_string(), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(spike).collect()
}

#[test]
fn one_clock_over_all_stimuli_moves_times_and_nothing_else() {
    let folder = folder();
    let words = |out, more: &[&'static str]| {
        let mut words = vec!["test", "LeNet_Spike.ini", "--nb-test", "40", "--out", out];
        words.extend(more);
        words
    };
    run(folder.path(), &words("each", &[])).succeeds();
    for (threads, out) in [("1", "one"), ("2", "two"), ("3", "three"), ("8", "eight")] {
        run(folder.path(), &words(out, &["--continuous", "--threads", threads])).succeeds();
        assert_same(&folder.path().join("one"), &folder.path().join(out));
    }
    let [each, one] = ["each", "one"].map(|out| folder.path().join(out));
    let [mut summary_each, mut summary_one] = [&each, &one].map(|out| summary(out));
    assert_eq!(summary_each.remove("clock"), Some("per stimulus".into()));
    assert_eq!(summary_one.remove("clock"), Some("continuous".into()));
    assert_eq!(summary_each, summary_one, "latencies count from the start of each stimulus");
    let [files_each, files_one] = [&each, &one].map(|out| files(out));
    for (name, bytes) in &files_each {
        if name != "summary.json" && !name.starts_with("stimuli/") {
            assert!(*bytes == files_one[name], "{name} differs");
        }
    }
    for index in 0..10 {
        let (by_each, by_one) = (environment(&each, index), environment(&one, index));
        assert!(!by_each.is_empty() && by_each.len() == by_one.len());
        for ((node, time), (node_of_one, time_of_one)) in by_each.iter().zip(&by_one) {
            // Both are decimal numbers of whole femtoseconds.
            let moved = (time_of_one * 1e15).round() - (time * 1e15).round();
            assert_eq!((node, moved), (node_of_one, index as f64 * 1e9));
        }
    }
}

#[test]
fn what_does_not_fit_on_the_clock_is_refused_before_anything_runs() {
    let folder = folder();
    let words = ["LeNet_Spike.ini", "-test", "--continuous", "--present-time", "2 s", "--nb-test", "9224"];
    let refused = run_whole(folder.path(), &words);
    assert!(!refused.stdout.contains("recognition rate"), "{}", refused.stdout);
    refused.fails(2, &["--continuous", "at most 9223 stimuli of 2 s", "found 9224", "--nb-test 9223"]);
    let words = ["LeNet_Spike.ini", "-test", "--nb-test", "3", "--checkpoint-after", "3"];
    run_whole(folder.path(), &words)
        .fails(2, &["3 stimuli of 1 us", "found 3 us", "give a shorter one, or leave out --checkpoint-after"]);
    assert!(run_whole(folder.path(), &["test", "--help"]).succeeds().stdout.contains("exits with 130 as on Ctrl-C"));
    let words = ["LeNet_Spike.ini", "-test-index", "3", "--checkpoint-after", "3"];
    run_whole(folder.path(), &words).fails(2, &["--checkpoint-after", "--test-index"]);
}
