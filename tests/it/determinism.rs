//! The same bytes: twice, whatever the thread count, and after an interruption.

use std::process::Stdio;
use std::time::Duration;

use crate::program::{command, files, folder, run, summary};

const LEARN: [&str; 9] = ["learn", "LeNet.ini", "--learn", "5120", "--log", "2560", "--nb-test", "200", "--out"];

#[track_caller]
fn assert_same(a: &std::path::Path, b: &std::path::Path) {
    assert_eq!(summary(a), summary(b));
    let (files_a, files_b) = (files(a), files(b));
    assert_eq!(files_a.keys().collect::<Vec<_>>(), files_b.keys().collect::<Vec<_>>());
    for (name, bytes) in &files_a {
        if name != "summary.json" && name != "learning_seconds.dat" {
            assert!(bytes == &files_b[name], "{name} differs");
        }
    }
}

#[test]
fn one_thread_and_many_give_the_same_bytes() {
    let folder = folder();
    for (threads, out) in [("1", "one"), ("2", "two"), ("5", "five")] {
        let mut words = vec!["--threads", threads];
        words.extend(LEARN);
        words.push("out");
        run(folder.path(), &words).succeeds();
        let test = ["test", "LeNet_Spike.ini", "--nb-test", "200", "--log", "64", "--threads", threads, "--out", "out"];
        run(folder.path(), &test).succeeds();
        std::fs::rename(folder.path().join("out"), folder.path().join(out)).unwrap();
    }
    assert_same(&folder.path().join("one"), &folder.path().join("two"));
    assert_same(&folder.path().join("one"), &folder.path().join("five"));
}

#[test]
fn an_interrupted_learning_goes_on_to_the_same_bytes() {
    let folder = folder();
    let whole = ["learn", "LeNet.ini", "--learn", "25600", "--log", "2560", "--nb-test", "50", "--out", "out"];
    run(folder.path(), &whole).succeeds();
    std::fs::rename(folder.path().join("out"), folder.path().join("whole")).unwrap();

    let mut child = command(folder.path(), &whole).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let state = folder.path().join("out/learning.safetensors");
    while !state.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130), "the run was to be interrupted before its end");
    assert!(folder.path().join("out/weights_validation/conv1_weights.syntxt").exists(), "the best state is kept");

    run(folder.path(), &["learn", "LeNet.ini", "--resume", "--log", "2560", "--nb-test", "50", "--out", "out"])
        .succeeds();
    assert_same(&folder.path().join("whole"), &folder.path().join("out"));
}

#[test]
fn a_state_of_another_model_or_seed_is_refused() {
    let folder = folder();
    let mut words = LEARN.to_vec();
    words.push("out");
    words[3] = "640";
    run(folder.path(), &words).succeeds();
    let resume = ["learn", "LeNet.ini", "--resume", "--out", "out", "--seed", "2"];
    run(folder.path(), &resume).fails(2, &["seed 1", "-seed 1"]);
    let other = crate::program::model("LeNet.ini") + "\n";
    std::fs::write(folder.path().join("other.ini"), other).unwrap();
    run(folder.path(), &["learn", "other.ini", "--resume", "--out", "out"]).fails(2, &["another text"]);
    let state = folder.path().join("out/learning.safetensors");
    let bytes = std::fs::read(&state).unwrap();
    std::fs::write(&state, &bytes[..bytes.len() / 2]).unwrap();
    run(folder.path(), &["learn", "LeNet.ini", "--resume", "--out", "out"]).fails(2, &["learning.safetensors"]);
    run(folder.path(), &["learn", "LeNet.ini", "--resume", "--out", "none"]).fails(2, &["found none"]);
}
