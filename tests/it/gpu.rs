//! CUDA devices from outside: where there is none, and behind a driver that runs the kernels on the processor (`fake_cuda`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::program::{Finished, command, finish, folder, run, summary};
use crate::targets::{ODD, digits};

/// The folder of the fake driver and the fake compiler, built once.
fn fakes() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fake_cuda");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake_cuda");
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        for (source, library) in [("libcuda.cpp", "libcuda.so.1"), ("libnvrtc.cpp", "libnvrtc.so.13")] {
            // A process of its own may be using the one before.
            let part = folder.join(format!("{library}.{}", std::process::id()));
            let compiled = Command::new("c++")
                .args(["-std=c++17", "-O2", "-shared", "-fPIC", "-Wno-unknown-pragmas"])
                .arg(format!("-Wl,-soname,{library}"))
                .args([Path::new("-o"), &part, &sources.join(source)])
                .output()
                .expect("a C++ compiler, c++, is there");
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
            std::fs::rename(&part, folder.join(library)).expect("the target folder can be written");
        }
        folder
    })
}

/// A command that finds the fake device, with kernels kept in `folder`.
fn on_device(folder: &Path, words: &[&str], settings: &[(&str, &str)]) -> Finished {
    let mut command = command(folder, words);
    command.env_remove("CUDA_VISIBLE_DEVICES").env("LD_LIBRARY_PATH", fakes()).env("XDG_CACHE_HOME", folder);
    command.envs(settings.iter().copied());
    finish(command)
}

const LEARN: [&str; 8] = ["learn", "LeNet.ini", "--learn", "256", "--nb-test", "100", "--log", "256"];

fn learn(folder: &Path, out: &str, settings: &[(&str, &str)]) -> Finished {
    on_device(folder, &[&LEARN[..], &["--out", out]].concat(), settings)
}

#[test]
fn without_a_device_a_model_that_asks_for_one_runs_on_the_cpu_with_one_notice() {
    let folder = folder();
    let told = run(folder.path(), &LEARN).succeeds().stderr;
    assert_eq!(told.matches("runs on the CPU").count(), 1, "{told}");
    assert_eq!(summary(folder.path())["device"], "CPU");
    let told = run(folder.path(), &[&LEARN[..], &["--device", "cpu"]].concat()).succeeds().stderr;
    assert!(!told.contains("CUDA"), "{told}");
}

#[test]
fn a_device_that_is_typed_and_is_not_there_is_an_error_with_the_remedy() {
    let folder = folder();
    let words = [&LEARN[..], &["--device", "cuda"]].concat();
    run(folder.path(), &words).fails(2, &["--device cuda", "--device cpu"]);
    run(folder.path(), &["gpu-check"]).fails(1, &["there is no CUDA device to check"]);
    let none = [("FAKE_CUDA_NONE", "1")];
    on_device(folder.path(), &words, &none).fails(2, &["nvidia-smi", "--device cpu"]);
    on_device(folder.path(), &["gpu-check"], &none).fails(1, &["finds no device"]);
    let text = on_device(folder.path(), &["devices"], &none).succeeds().stdout;
    assert!(text.contains("CUDA: none: the driver finds no device"), "{text}");
}

#[test]
fn the_device_is_listed_with_driver_and_compiler() {
    let folder = folder();
    let text = on_device(folder.path(), &["devices"], &[]).succeeds().stdout;
    for part in ["driver for CUDA 13.0", "NVRTC) 13.0", "device 0: Fake device, compute capability 9.0, 8.0 GiB"] {
        assert!(text.contains(part), "`{part}` is missing in {text}");
    }
    let older = on_device(folder.path(), &["devices"], &[("FAKE_CUDA_VERSION", "12040")]).succeeds().stdout;
    assert!(older.contains("install NVRTC 12"), "{older}");
}

#[test]
fn the_compiler_of_a_python_package_is_found() {
    let folder = folder();
    let package = folder.path().join("lib/python3.11/site-packages/nvidia/cu13/lib");
    let driver = folder.path().join("driver");
    for (to, library) in [(&package, "libnvrtc.so.13"), (&driver, "libcuda.so.1")] {
        std::fs::create_dir_all(to).unwrap();
        std::fs::copy(fakes().join(library), to.join(library)).unwrap();
    }
    let mut devices = command(folder.path(), &["devices"]);
    devices.env_remove("CUDA_VISIBLE_DEVICES").env("LD_LIBRARY_PATH", &driver).env("VIRTUAL_ENV", folder.path());
    let text = finish(devices).succeeds().stdout;
    assert!(text.contains("compiler (NVRTC) 13."), "{text}");
}

/// Four small steps: each of the two buffers that batches come into is used twice.
const STEPS: [&str; 8] = ["learn", "small.ini", "--learn", "64", "--nb-test", "100", "--log", "64"];

/// The model of [`STEPS`].
fn write_small(folder: &Path) {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/LeNet.ini");
    let model = std::fs::read_to_string(model).unwrap();
    assert!(model.contains("BatchSize=128") && model.contains("Validation=0.2"), "{model}");
    let small = model.replace("BatchSize=128", "BatchSize=16").replace("Validation=0.2", "Validation=0");
    std::fs::write(folder.join("small.ini"), small).unwrap();
}

fn learn_steps(folder: &Path, out: &str, settings: &[(&str, &str)]) -> Finished {
    on_device(folder, &[&STEPS[..], &["--out", out]].concat(), settings)
}

/// A step that does not wait for its stimuli learns from those that were there before.
#[test]
fn a_wait_between_streams_that_is_missing_shows() {
    let folder = folder();
    write_small(folder.path());
    learn_steps(folder.path(), "whole", &[]).succeeds();
    let whole = summary(&folder.path().join("whole"))["weights_sha256"].clone();
    for first in ["3", "4"] {
        learn_steps(folder.path(), first, &[("FAKE_CUDA_DEAF", first)]).succeeds();
        let found = &summary(&folder.path().join(first))["weights_sha256"];
        assert_ne!(*found, whole, "step {first} waits for nothing");
    }
}

/// Whatever the driver does early or late: a host that does not wait for it, or a stream that does not, would show.
#[test]
fn a_device_learns_what_the_cpu_learns_however_its_streams_run() {
    let folder = folder();
    write_small(folder.path());
    learn_steps(folder.path(), "late", &[]).succeeds();
    learn_steps(folder.path(), "early", &[("FAKE_CUDA_EAGER", "1")]).succeeds();
    run(folder.path(), &[&STEPS[..], &["--out", "cpu"]].concat()).succeeds();
    let [late, early, cpu] = ["late", "early", "cpu"].map(|out| summary(&folder.path().join(out)));
    assert!(late["device"].as_str().unwrap().contains("Fake device"), "{late:?}");
    assert_eq!(late["weights_sha256"], early["weights_sha256"]);
    let rates = [&late, &cpu].map(|summary| summary["formal_recognition_rate"].as_f64().unwrap());
    assert!((rates[0] - rates[1]).abs() <= 0.02, "{rates:?}");
    let [ours, theirs] = ["late", "cpu"].map(|out| {
        let path = folder.path().join(out).join("softmax.Target/Loss_learning.dat");
        let text = std::fs::read_to_string(path).unwrap();
        text.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<f64>>()
    });
    assert_eq!(ours.len(), theirs.len());
    assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= 1e-3), "{ours:?} {theirs:?}");
}

#[test]
fn the_stimuli_of_the_next_step_are_sent_before_the_losses_of_a_step_come_back() {
    /// 128 stimuli of 32 x 32 floats.
    const BATCH: &str = "to_device 524288";
    let folder = folder();
    let log = folder.path().join("calls.log");
    learn(folder.path(), "out", &[("FAKE_CUDA_LOG", log.to_str().unwrap())]).succeeds();
    let text = std::fs::read_to_string(&log).unwrap();
    // Each step is one graph.
    let mut steps = text.split("graph ").map(|step| step.lines().skip(1).collect::<Vec<_>>());
    let before: Vec<&str> = text.lines().take_while(|line| !line.starts_with("graph")).collect();
    assert_eq!(before.iter().filter(|&&line| line == BATCH).count(), 1, "{before:?}");
    let first = steps.nth(1).unwrap();
    let place = |wanted: &str| first.iter().position(|line| line.starts_with(wanted));
    assert!(place(BATCH).unwrap() < place("to_host").unwrap(), "{first:?}");
    assert_eq!(first.iter().filter(|&&line| line == BATCH).count(), 1, "sent once: {first:?}");
}

#[test]
fn kernels_are_compiled_once_and_anew_where_their_file_is_damaged() {
    let folder = folder();
    let log = folder.path().join("compiled.log");
    let settings = [("FAKE_NVRTC_LOG", log.to_str().unwrap())];
    let compiled = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    learn(folder.path(), "out", &settings).succeeds();
    let all = compiled();
    assert!(all > 3, "{all}");
    learn(folder.path(), "out", &settings).succeeds();
    assert_eq!(compiled(), all, "kept");
    let kept = std::fs::read_dir(folder.path().join("femtospike/kernels")).unwrap();
    let kept: Vec<PathBuf> = kept.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), all, "{kept:?}");
    std::fs::write(&kept[0], b"damaged").unwrap();
    learn(folder.path(), "out", &settings).succeeds();
    assert_eq!(compiled(), all + 1);
}

#[test]
fn what_a_device_cannot_do_is_told_and_is_no_panic() {
    let folder = folder();
    let fails = |settings: &[(&str, &str)], parts: &[&str]| {
        let words = [&LEARN[..], &["--device", "cuda", "--out", "out"]].concat();
        let finished = on_device(folder.path(), &words, settings);
        assert!(matches!(finished.code, Some(1 | 2)), "{settings:?}: {}", finished.stderr);
        let code = finished.code.unwrap();
        finished.fails(code, parts);
    };
    fails(&[("FAKE_CUDA_MEMORY", "100000")], &["allocating", "out of memory"]);
    fails(&[("FAKE_NVRTC_FAIL", "1"), ("XDG_CACHE_HOME", "/nowhere")], &["error: expected a `;`", "--device cpu"]);
    fails(&[("FAKE_CUDA_FAIL", "cuDevicePrimaryCtxRetain:1")], &["unspecified launch failure", "--device cpu"]);
    fails(&[("FAKE_CUDA_FAIL", "cuGraphInstantiate:1")], &["unspecified launch failure"]);
    fails(&[("FAKE_CUDA_FAIL", "cuGraphLaunch:2")], &["unspecified launch failure"]);
    fails(&[("FAKE_CUDA_FAIL", "cuMemcpyDtoHAsync:2")], &["unspecified launch failure"]);
    // A model that asks for CUDA where it cannot be opened runs on the CPU.
    let told = learn(folder.path(), "out", &[("FAKE_CUDA_FAIL", "cuDevicePrimaryCtxRetain:1")]).succeeds().stderr;
    assert!(told.contains("runs on the CPU: the driver fails"), "{told}");
}

/// In a validation or a test, behind several targets, while something is saved.
#[test]
fn a_device_that_is_lost_later_is_told_too_and_overwrites_nothing_with_what_it_gave_before() {
    let folder = folder();
    digits(folder.path(), ODD);
    let words = ["learn", "digits.ini", "--learn", "64", "--log", "32", "--nb-test", "100", "--device", "cuda"];
    let learned = [&words[..], &["--out", "whole"]].concat();
    on_device(folder.path(), &learned, &[]).succeeds();
    for (number, (variable, value)) in [
        ("FAKE_CUDA_FAIL", "cuGraphLaunch:1"),
        ("FAKE_CUDA_FAIL", "cuGraphLaunch:2"),
        ("FAKE_CUDA_FAIL", "cuGraphLaunch:3"),
        ("FAKE_CUDA_FAIL", "cuGraphLaunch:4"),
        ("FAKE_CUDA_FAIL", "cuStreamSynchronize:2"),
        ("FAKE_CUDA_FAIL", "cuMemcpyDtoHAsync:9"),
        ("FAKE_CUDA_FAIL", "cuMemcpyDtoHAsync:12"),
        ("FAKE_CUDA_MEMORY", "1500000"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = number.to_string();
        let words = [&words[..], &["--out", &out]].concat();
        let failed = on_device(folder.path(), &words, &[(variable, value)]);
        assert_eq!(failed.code, Some(1), "{variable}={value}: {}", failed.stderr);
        assert!(!failed.stderr.contains("panicked"), "{}", failed.stderr);
        let told = ["unspecified launch failure", "out of memory"];
        assert!(told.iter().any(|text| failed.stderr.contains(text)), "{variable}={value}: {}", failed.stderr);
    }
    let test = ["test", "digits.ini", "--nb-test", "100", "--device", "cuda", "--out", "whole"];
    let failed = on_device(folder.path(), &test, &[("FAKE_CUDA_FAIL", "cuGraphLaunch:1")]);
    failed.fails(1, &["unspecified launch failure"]);
}

#[test]
fn a_learning_that_goes_on_on_another_device_says_so() {
    let folder = folder();
    learn(folder.path(), "out", &[]).succeeds();
    let words = ["learn", "LeNet.ini", "--learn", "512", "--nb-test", "100", "--resume", "--out", "out"];
    let told = run(folder.path(), &words).succeeds().stderr;
    assert!(told.contains("Fake device") && told.contains("goes on on CPU"), "{told}");
}

#[test]
fn a_precision_is_computed_in_and_named() {
    let folder = folder();
    let path = folder.path();
    write_small(path);
    learn_steps(path, "f32", &[]).succeeds();
    for precision in ["tf32", "f16"] {
        let words = [&STEPS[..], &["--precision", precision, "--out", precision]].concat();
        on_device(path, &words, &[]).succeeds();
        let [exact, rounded] = ["f32", precision].map(|out| summary(&path.join(out)));
        assert!(rounded["device"].as_str().unwrap().ends_with(&format!("products in {precision}")), "{rounded:?}");
        assert_ne!(exact["weights_sha256"], rounded["weights_sha256"], "{precision} has no effect");
        let rates = [exact, rounded].map(|summary| summary["formal_recognition_rate"].as_f64().unwrap());
        assert!((rates[0] - rates[1]).abs() <= 0.05, "{rates:?}");
    }
    let words = ["learn", "small.ini", "--learn", "80", "--nb-test", "100", "--resume", "--out", "tf32"];
    let told = on_device(path, &words, &[]).succeeds().stderr;
    assert!(told.contains("products in tf32 so far, goes on on CUDA: Fake device"), "{told}");
}

#[test]
fn a_precision_that_cannot_be_is_an_error_with_the_remedy() {
    let folder = folder();
    let precise = [&LEARN[..], &["--precision", "tf32"]].concat();
    let remedy = ["--precision tf32", "--device cuda, or leave --precision out"];
    run(folder.path(), &[&precise[..], &["--device", "cpu"]].concat()).fails(2, &remedy);
    let turing = [("FAKE_CUDA_CAPABILITY", "75")];
    let remedy = ["--precision tf32", "capability 8.0 or later", "the device has 7.5", "compute in f32"];
    on_device(folder.path(), &precise, &turing).fails(2, &remedy);
    on_device(folder.path(), &[&precise[..], &["--device", "cuda"]].concat(), &turing).fails(2, &remedy);
    // Where the model but asks for CUDA.
    let told = run(folder.path(), &precise).succeeds().stderr;
    assert!(told.contains("runs on the CPU") && told.contains("--precision tf32 has no effect"), "{told}");
    assert_eq!(summary(folder.path())["device"], "CPU");
}

#[test]
fn a_check_compares_every_operator_and_writes_what_it_found() {
    let folder = folder();
    let checked = on_device(folder.path(), &["gpu-check", "--quick", "--json", "check.json"], &[]).succeeds();
    assert!(checked.stdout.contains("0 not checked"), "{}", checked.stdout);
    let text = std::fs::read_to_string(folder.path().join("check.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["passed"], true);
    assert!(record["device"].as_str().unwrap().contains("Fake device"), "{text}");
    assert!(record["operators"].as_array().unwrap().len() > 50 && record["steps"].as_array().unwrap().len() > 5);
    for part in record["operators"].as_array().unwrap() {
        assert!(part["relative"].as_f64().unwrap() <= 1e-5, "{part}");
    }
}
