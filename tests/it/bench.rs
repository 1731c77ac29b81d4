//! `femtospike bench`: what it prints and writes, and what it refuses before it measures.

use serde_json::Value;

use crate::program::{command, files, finish, folder, run};

fn json(folder: &std::path::Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(name)).expect("the file was written");
    serde_json::from_str(&text).expect("valid JSON")
}

#[test]
fn a_smoke_run_prints_the_table_and_writes_it_as_json() {
    let folder = folder();
    let words = ["bench", "--quick", "--only", "threads", "--only", "delays", "--json", "out/bench.json"];
    let measured = run(folder.path(), &words).succeeds();
    for part in ["[threads/mnist]", "ratio, time", ">= 1.9", "reads/v.synapse", "[delays/default]"] {
        assert!(measured.stdout.contains(part), "`{part}` is missing in\n{}", measured.stdout);
    }
    assert!(measured.stderr.contains("measuring threads/mnist"), "{}", measured.stderr);
    let record = json(folder.path(), "out/bench.json");
    for key in ["version", "seed", "threads", "quick", "cpu", "model", "lines", "failures", "interrupted"] {
        assert!(!record[key].is_null(), "{key} is missing in {record}");
    }
    for key in ["cores", "architecture", "vector_instructions"] {
        assert!(!record["cpu"][key].is_null(), "{key} is missing in {record}");
    }
    let model = &record["model"];
    assert_eq!((&model["normalization"], &model["pooling"]), (&Value::from("mean"), &Value::from("approximated")));
    assert_eq!((&model["terminate_delta"], &record["seed"]), (&Value::from(4), &Value::from(1)));
    assert_eq!(model["weights_sha256"].as_str().map(str::len), Some(64));
    let lines = record["lines"].as_array().expect("lines");
    let names: Vec<&str> = lines.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["threads/mnist", "threads/roofline", "delays/default", "delays/wide"]);
    for line in lines {
        let (ratio, sides) = (&line["ratio"]["value"], line["sides"].as_array().expect("two sides"));
        assert!(ratio["least"].as_f64() <= ratio["median"].as_f64(), "{line}");
        for side in sides {
            assert!(side["seconds"]["median"].as_f64() > Some(0.0), "{line}");
            assert!(side["reads_per_virtual_synapse"].as_f64() > Some(0.1), "{line}");
            assert!(side["synaptic_events"].as_u64() > Some(1000), "{line}");
        }
    }
    assert_eq!(lines[0]["ratio"]["target"]["bound"], "at_least");
    assert!(files(folder.path()).keys().eq(["out/bench.json"]), "nothing else is left behind");
}

#[test]
fn ten_times_the_size_runs_without_any_data() {
    let folder = folder();
    let measured = run(folder.path(), &["bench", "--quick", "--only=scaling"]).succeeds();
    assert!(measured.stdout.contains("[scaling/synapses]"), "{}", measured.stdout);
    assert!(files(folder.path()).is_empty(), "nothing is written unless asked for");
}

#[test]
fn queues_and_larger_networks_have_their_targets() {
    let folder = folder();
    let words = ["bench", "--quick", "--only", "roofline", "--only", "hold", "--json", "bench.json"];
    run(folder.path(), &words).succeeds();
    let record = json(folder.path(), "bench.json");
    let lines = record["lines"].as_array().expect("lines");
    let target = |name: &str| {
        let line = lines.iter().find(|line| line["name"] == name).expect(name);
        line["ratio"]["target"]["value"].as_f64().expect("a target")
    };
    assert!(lines.iter().all(|line| line["ratio"]["value"]["median"].as_f64() > Some(0.0)));
    for line in lines.iter().filter(|line| line["name"].as_str().is_some_and(|name| name.starts_with("hold/"))) {
        for side in line["sides"].as_array().expect("two sides") {
            let nanoseconds = 1e9 * side["seconds"]["least"].as_f64().expect("seconds");
            assert!((1.0..1e5).contains(&nanoseconds), "a hold of {nanoseconds} ns: {line}");
        }
    }
    let share = lines[0]["ratio"]["value"]["median"].as_f64().expect("a ratio");
    assert_eq!((lines[0]["name"].as_str(), target("roofline/lenet")), (Some("roofline/lenet"), 0.6));
    for larger in ["roofline/vgg", "roofline/million"] {
        assert!((target(larger) / share - 0.9).abs() < 1e-9, "{larger}");
    }
    assert_eq!((target("hold/1e3-exponential"), target("hold/1e7-bimodal")), (0.7, 0.7));
    assert!(lines.iter().any(|line| line["name"] == "roofline/lenet-spikes"));
    assert_eq!(lines.len(), 4 + 6 * 3);
}

#[test]
fn the_shipped_model_is_measured_whatever_lies_in_the_way() {
    let folder = folder();
    std::fs::write(folder.path().join("LeNet_Spike.ini"), "no model").unwrap();
    let words = ["bench", "--quick", "--only", "image"];
    run(folder.path(), &words).succeeds();
    let elsewhere = crate::program::folder();
    let mut command = command(elsewhere.path(), &words);
    command.env("N2D2_MODELS", folder.path());
    finish(command).succeeds();
}

#[test]
#[cfg(unix)]
fn links_pipes_and_devices_stay_what_they_are() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let bench = |name: &str| run(folder.path(), &["bench", "--quick", "--only", "scaling", "--json", name]);
    std::fs::create_dir(path("real")).unwrap();
    std::os::unix::fs::symlink("next", path("link")).unwrap();
    std::os::unix::fs::symlink("real/bench.json", path("next")).unwrap();
    bench("link").succeeds();
    assert!(path("link").is_symlink() && path("next").is_symlink());
    assert_eq!(json(folder.path(), "real/bench.json")["quick"], true);
    std::os::unix::fs::symlink("circle", path("circle")).unwrap();
    bench("circle").fails(2, &["--json", "links"]);
    let makes = |program: &str, words: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(words).current_dir(folder.path()).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if makes("mkfifo", &["pipe"]) {
        let pipe = path("pipe");
        let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
        bench("pipe").succeeds();
        assert!(!path("pipe").is_file(), "the pipe was replaced by a file");
        let read: Value = serde_json::from_str(&reader.join().unwrap()).expect("the JSON once and whole");
        assert_eq!(read["lines"].as_array().map(Vec::len), Some(3));
    }
    // Devices of our own: those of the machine are not put at risk.
    if makes("mknod", &["nothing", "c", "1", "3"]) && makes("mknod", &["full", "c", "1", "7"]) {
        bench("nothing").succeeds();
        bench("full").fails(1, &["--json"]);
        assert!(!path("nothing").is_file() && !path("full").is_file(), "a device was replaced by a file");
    }
    std::os::unix::fs::symlink("/dev/stdout", path("printed")).unwrap();
    let printed = bench("printed").succeeds().stdout;
    assert!(path("printed").is_symlink());
    assert!(printed.contains("[scaling/synapses]") && printed.contains("\"benchmark\": \"femtospike\""), "{printed}");
}

#[test]
fn several_groups_may_stand_in_one_list() {
    let folder = folder();
    let measured = run(folder.path(), &["bench", "--quick", "--only", "leak,image"]).succeeds();
    assert!(measured.stdout.contains("[leak/") && measured.stdout.contains("[image/"), "{}", measured.stdout);
    assert!(!measured.stdout.contains("[width"), "{}", measured.stdout);
}

#[test]
fn all_that_is_wrong_with_a_command_line_is_told_at_once() {
    let folder = folder();
    let words = ["bench", "--only", "foo,leek", "--only", "bar", "--threads", "999", "--json", "/proc/nowhere/a"];
    let parts = ["3 faults", "`foo`", "`leek`; did you mean `leak`?", "`bar`", "--threads", "found 999", "--json"];
    run(folder.path(), &words).fails(2, &parts);
}

#[test]
fn an_unknown_name_is_refused_with_all_that_there_are() {
    let folder = folder();
    let words = ["bench", "--only", "thread", "--json", "x.json"];
    run(folder.path(), &words).fails(2, &["`thread`", "did you mean `threads`?", "delays, leak"]);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn what_cannot_be_written_or_started_is_refused_before_measuring() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "kept").unwrap();
    for path in ["file/bench.json", ".", ""] {
        let refused = run(folder.path(), &["bench", "--json", path]);
        assert!(!refused.stderr.contains("measuring"), "{}", refused.stderr);
        refused.fails(2, &["--json"]);
    }
    run(folder.path(), &["bench", "--threads", "0"]).fails(2, &["--threads", "1 to 256"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("file")).unwrap(), "kept");
}

#[test]
fn bytes_are_told_beside_times() {
    let folder = folder();
    let words = ["bench", "--quick", "--only", "memory", "--json", "bench.json"];
    let measured = run(folder.path(), &words).succeeds();
    assert!(measured.stdout.contains("conv2, a shared weight"), "{}", measured.stdout);
    let record = json(folder.path(), "bench.json");
    let lines = record["lines"].as_array().expect("lines");
    let figure = |line: usize, name: &str| {
        let figures = lines[line]["figures"].as_array().expect("figures");
        let figure = figures.iter().find(|figure| figure["name"] == name).expect(name);
        (figure["value"]["median"].as_f64().expect("a figure"), figure["target"]["value"].as_f64().expect("a target"))
    };
    assert!(lines[0]["sides"][1]["bytes"]["median"] == 4.0, "the potential: {}", lines[0]);
    for (name, most) in [
        ("IF, beyond its potential", 8.0),
        ("leak, more", 8.0),
        ("refractory period, more", 8.0),
        ("constant current, more", 32.0),
    ] {
        let (bytes, target) = figure(0, name);
        assert!(bytes > 0.0 && bytes <= most && target == most, "{name}: {bytes}");
    }
    let (bytes, target) = figure(1, "conv3, a shared weight");
    assert!(target == 4.0 && (4.0..4.01).contains(&bytes), "conv3: {bytes}");
}
