//! `--record` and `--trace`: what the tables say against the test's own figures, and what is left of a run that is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::checkpoint::{CHECKPOINT, WEIGHTS, assert_same, write_patient_model};
use crate::program::{command, files, folder, run, summary};

const TRACES: &str = "fc2:3,conv1:2000,fc1:7";

/// The rows of a table of the record, by column.
fn table(out: &Path, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(out.join(format!("record_spike/{name}.csv"))).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> i64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is no number in {row:?}"))
}

fn sum(rows: &[BTreeMap<String, String>], column: &str) -> i64 {
    rows.iter().map(|row| number(row, column)).sum()
}

fn header(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("record_spike/record.json")).unwrap()).unwrap()
}

/// A number after a label of `stats_spike.log`.
fn logged(out: &Path, label: &str) -> i64 {
    let log = fs::read_to_string(out.join("stats_spike.log")).unwrap();
    let line = log.lines().find_map(|line| line.strip_prefix(&format!("{label}: "))).expect(label);
    line.replace(',', "").parse().unwrap()
}

#[test]
fn a_record_says_what_the_test_says() {
    let folder = folder();
    let words = ["test", "LeNet_Spike.ini", "--nb-test", "60", "--log", "25"];
    let record = ["--record", "raster", "--trace", TRACES, "--out", "out"];
    run(folder.path(), &[&words[..], &record].concat()).succeeds();
    run(folder.path(), &[&words[..], &["--out", "plain"]].concat()).succeeds();
    let out = folder.path().join("out");
    let told = summary(&out);
    assert_eq!(told, summary(&folder.path().join("plain")), "recording changes nothing");
    let of_test = |folder: &Path| {
        let mut files = files(folder);
        files.retain(|name, _| !name.starts_with("record_spike/") && name != "summary.json");
        files
    };
    assert!(of_test(&out) == of_test(&folder.path().join("plain")), "recording changes nothing");

    let header = header(&out);
    for (key, value) in [("patterns", 60), ("stimuli", 60), ("seed", 1), ("present_time_fs", 1_000_000_000)] {
        assert_eq!(header[key], value, "{key}");
    }
    assert_eq!((&header["complete"], &header["depth"]), (&Value::Bool(true), &Value::from("raster")));
    for key in ["version", "ini_sha256", "weights_sha256", "model", "float"] {
        assert_eq!(header.get(key).or(told.get(key)), told.get(key), "{key}");
    }

    let patterns = table(&out, "patterns");
    assert_eq!(patterns.len(), 60);
    let right = patterns.iter().filter(|row| row["label"] == row["response"]).count() as f64;
    assert_eq!(right / 60.0, told["spiking_recognition_rate"].as_f64().unwrap());
    let latencies: Vec<f64> = patterns.iter().filter_map(|row| row["latency_fs"].parse().ok()).collect();
    assert_eq!(60 - latencies.len() as u64, told["undecided"].as_u64().unwrap());
    let mean = latencies.iter().sum::<f64>() / latencies.len() as f64 / 1e6;
    assert!((mean / told["decision_latency_ns"]["mean"].as_f64().unwrap() - 1.0).abs() < 1e-12);

    let (counts, spikes) = (table(&out, "counts"), table(&out, "spikes"));
    let total = |rows: &[BTreeMap<String, String>]| sum(rows, "positive") + sum(rows, "negative");
    let events = told["events"].as_i64().unwrap();
    assert_eq!([total(&counts), sum(&patterns, "spikes"), spikes.len() as i64], [events; 3]);
    for population in header["populations"].as_array().unwrap() {
        let name = population["name"].as_str().unwrap();
        let of: Vec<_> = counts.iter().filter(|row| row["population"] == name).cloned().collect();
        assert_eq!(total(&of), logged(&out, &format!("{name} output events")), "{name}");
    }
    let mut summed: BTreeMap<_, [i64; 2]> = BTreeMap::new();
    for row in &spikes {
        let of = summed.entry((row["pattern"].clone(), row["population"].clone(), row["neuron"].clone())).or_default();
        of[usize::from(number(row, "sign") < 0)] += 1;
    }
    let counted = counts.iter().map(|row| {
        let key = (row["pattern"].clone(), row["population"].clone(), row["neuron"].clone());
        (key, [number(row, "positive"), number(row, "negative")])
    });
    assert!(summed == counted.collect(), "the sums of the raster are the counts");

    let (reads, synapses) = (table(&out, "reads"), table(&out, "synapses"));
    let all = logged(&out, "Read events");
    assert_eq!([sum(&reads, "read_events"), sum(&synapses, "read_events")], [all; 2]);
    assert_eq!(told["synaptic_events"].as_i64(), Some(all));
    assert_eq!(synapses.len() as i64, logged(&out, "Synapses"));
    let kernel = fs::read_to_string(out.join("stats_spike/conv2/cell-0-[0].log")).unwrap();
    for line in kernel.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let is_it = |row: &&BTreeMap<String, String>| {
            row["cell"] == "conv2"
                && (&row["output"][..], &row["channel"][..]) == ("0", "0")
                && (&row["x"][..], &row["y"][..]) == (words[2], words[3])
        };
        assert_eq!(synapses.iter().find(is_it).expect("a synapse")["read_events"], words[1]);
    }
    for cell in ["conv1", "fc2"] {
        let of = |rows: &[BTreeMap<String, String>]| -> i64 {
            rows.iter().filter(|row| row["cell"] == cell).map(|row| number(row, "read_events")).sum()
        };
        assert_eq!(of(&reads), of(&synapses), "{cell}");
    }
}

#[test]
fn a_trace_gives_the_fires_of_its_neuron() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = ["test", "patient.ini", "-w", WEIGHTS, "--nb-test", "4", "--record", "raster", "--trace", TRACES];
    run(folder.path(), &[&words[..], &["--out", "out", "--float", "f64", "--present-time", "300 ns"]].concat())
        .succeeds();
    let out = folder.path().join("out");
    let (traces, spikes) = (table(&out, "traces"), table(&out, "spikes"));
    let mut n_fires = 0;
    for neuron in TRACES.split(',') {
        let (cell, neuron) = neuron.split_once(':').unwrap();
        let of = traces.iter().filter(|row| row["cell"] == cell && row["neuron"] == neuron);
        let mut last = (-1, -1);
        for row in of.clone() {
            let at = (number(row, "pattern"), number(row, "time_fs"));
            assert!(at >= last, "in the order of time: {row:?}");
            last = at;
            let potential: f64 = row["potential"].parse().unwrap();
            // What is left after a spike is what was there less the threshold of 1, either way.
            let fired = number(row, "fired");
            assert!(fired != 1 || potential >= 0.0, "{row:?}");
            assert!(fired != 0 || potential < 1.0, "{row:?}");
        }
        let fires = of.filter(|row| row["fired"] != "0");
        let mut fires: Vec<_> =
            fires.map(|row| (number(row, "pattern"), number(row, "time_fs") + 1, row["fired"].clone())).collect();
        let emitted = spikes.iter().filter(|row| row["population"] == cell && row["neuron"] == neuron);
        let mut emitted: Vec<_> =
            emitted.map(|row| (number(row, "pattern"), number(row, "time_fs"), row["sign"].clone())).collect();
        // A neuron may fire both ways in one instant, whose spikes are recorded by what they are.
        fires.sort();
        emitted.sort();
        assert_eq!(fires, emitted, "{cell}:{neuron}");
        n_fires += fires.len();
    }
    assert!(n_fires > 20, "{n_fires}");
}

#[test]
fn each_depth_has_those_before_it() {
    let folder = folder();
    let all = [
        ("decisions", &["patterns.csv"][..]),
        ("counts", &["counts.csv", "patterns.csv"]),
        ("events", &["counts.csv", "patterns.csv", "reads.csv", "synapses.csv"]),
        ("raster", &["counts.csv", "patterns.csv", "reads.csv", "spikes.csv", "synapses.csv"]),
    ];
    let mut before: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    // One folder: a record of an earlier test does not stay.
    let record = folder.path().join("record_spike");
    for (depth, expected) in all.into_iter().rev() {
        run(folder.path(), &["test", "LeNet_Spike.ini", "--nb-test", "3", "--record", depth]).succeeds();
        let mut found = files(&record);
        found.remove("record.json");
        assert_eq!(found.keys().collect::<Vec<_>>(), expected, "{depth}");
        assert!(before.is_empty() || found.iter().all(|(name, bytes)| &before[name] == bytes), "{depth}");
        before = found;
    }
    run(folder.path(), &["test", "LeNet_Spike.ini", "--nb-test", "3", "--trace", "fc1:3"]).succeeds();
    let names: BTreeSet<String> = files(&record).into_keys().collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["patterns.csv", "record.json", "traces.csv"]);
    run(folder.path(), &["test", "LeNet_Spike.ini", "--nb-test", "3"]).succeeds();
    assert!(files(&record).is_empty(), "a test without a record leaves none");
}

#[test]
fn a_record_does_not_depend_on_the_threads_nor_on_the_stimuli_around() {
    let folder = folder();
    let all = ["1", "3"].map(|threads| {
        let more = ["--nb-test", "70", "--log", "33", "--threads", threads, "--out", threads];
        run(
            folder.path(),
            &[&["test", "LeNet_Spike.ini", "--record", "raster", "--trace", TRACES], &more[..]].concat(),
        )
        .succeeds();
        files(&folder.path().join(threads).join("record_spike"))
    });
    assert!(all[0] == all[1]);
    let words = ["test", "LeNet_Spike.ini", "--test-index", "41", "--out", "one"];
    run(folder.path(), &[&words[..], &["--record", "raster", "--trace", TRACES]].concat()).succeeds();
    for name in ["patterns", "counts", "reads", "spikes", "traces"] {
        let one = table(&folder.path().join("one"), name);
        let rows = table(&folder.path().join("1"), name).into_iter().filter(|row| row["pattern"] == "41");
        assert!(!one.is_empty() && one == rows.collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn an_interrupted_record_is_whole_so_far_and_goes_on_to_the_same_bytes() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = |out, more: &[&'static str]| {
        let mut words = vec!["test", "patient.ini", "-w", WEIGHTS, "--nb-test", "12", "--present-time", "200 ns"];
        words.extend(["--log", "5", "--record", "raster", "--trace", TRACES, "--out", out]);
        words.extend(more);
        words
    };
    run(folder.path(), &words("whole", &[])).succeeds();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
    for (stop, n) in [(&["--checkpoint-after", "450 ns"][..], 2), (&["--checkpoint-after", "1.7", "--resume"], 8)] {
        run(folder.path(), &words("out", stop)).fails(130, &[&format!("stopped after {n} of 12 stimuli")]);
        assert_eq!((&header(&out)["patterns"], &header(&out)["complete"]), (&Value::from(n), &Value::Bool(false)));
        for name in ["patterns", "counts", "reads", "spikes", "traces"] {
            let rows = table(&whole, name).into_iter().filter(|row| number(row, "pattern") < n);
            assert!(table(&out, name) == rows.collect::<Vec<_>>(), "{name} after {n}");
        }
        assert_eq!(sum(&table(&out, "synapses"), "read_events"), sum(&table(&out, "reads"), "read_events"));
        // A run that is killed later leaves more than the checkpoint knows, down to half a row.
        let path = out.join("record_spike/spikes.csv");
        let more = fs::read_to_string(&path).unwrap() + "9,conv1,5,100,1\n9,con";
        fs::write(path, more).unwrap();
    }
    let other = words("out", &["--resume", "--trace", "fc1:8"]);
    let differs =
        format!("--record: the checkpoint has raster, traces {TRACES}, this test has raster, traces {TRACES},fc1:8");
    run(folder.path(), &other).fails(2, &[&differs]);
    let patterns = out.join("record_spike/patterns.csv");
    let kept = fs::read(&patterns).unwrap();
    fs::write(&patterns, "pattern,id,label,response,latency_fs,start_fs,spikes\n0,1,2\n").unwrap();
    run(folder.path(), &words("out", &["--resume"]))
        .fails(2, &["--resume", "record of the 8 stimuli", "found 1 patterns"]);
    fs::write(&patterns, kept).unwrap();
    run(folder.path(), &words("out", &["--resume", "--threads", "3"])).succeeds();
    assert_same(&whole, &out);
}

#[test]
fn a_killed_test_leaves_a_record_of_what_it_had_done() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = [
        "test",
        "patient.ini",
        "-w",
        WEIGHTS,
        "--nb-test",
        "3000",
        "--record",
        "raster",
        "--out",
        "out",
        "--present-time",
        "100 ns",
    ];
    let mut child =
        command(folder.path(), &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let out = folder.path().join("out");
    let has_begun =
        || fs::read_to_string(out.join("record_spike/record.json")).is_ok_and(|text| !text.contains("\"patterns\": 0"));
    while !has_begun() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    assert!(child.wait().unwrap().code().is_none(), "it was killed in its course");
    let n = header(&out)["patterns"].as_i64().unwrap();
    assert!((1..3000).contains(&n), "{n}");
    assert!(!out.join(CHECKPOINT).exists());
    // The last row may be cut.
    let whole_rows = |name: &str| {
        let text = fs::read_to_string(out.join(format!("record_spike/{name}.csv"))).unwrap();
        let (whole, _) = text.rsplit_once('\n').unwrap();
        let mut reader = csv::Reader::from_reader(whole.as_bytes());
        let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(|row| row.unwrap()).collect();
        rows.into_iter().filter(|row| number(row, "pattern") < n).collect::<Vec<_>>()
    };
    let patterns = whole_rows("patterns");
    assert_eq!(patterns.len() as i64, n);
    assert_eq!(sum(&patterns, "spikes"), whole_rows("spikes").len() as i64);
}

#[test]
fn wrong_flags_are_told_at_once() {
    let folder = folder();
    let trace = "fc3:1,fc1:120,conv1:x,pool1:2,fc2";
    run(folder.path(), &["test", "LeNet_Spike.ini", "--nb-test", "1", "--record", "counts", "--trace", trace]).fails(
        2,
        &[
            "--trace fc3:1: expected one of the cells conv1, conv2, conv3, fc1, fc2, found `fc3`; did you mean `fc1`?",
            "--trace fc1:120: expected a neuron from 0 to 83 (84 in `fc1`), found `120`",
            "--trace conv1:x: expected a neuron from 0 to",
            "--trace pool1:2: expected a cell whose neurons have membrane potentials (Conv, Fc)",
            "expected the name of a cell and the number of a neuron, such as `fc1:4`, found `fc2`",
        ],
    );
    run(folder.path(), &["test", "LeNet_Spike.ini", "--record", "rasters"])
        .fails(2, &["rasters", "decisions", "counts", "events", "raster"]);
    assert!(!folder.path().join("record_spike").exists());
    run(folder.path(), &["test", "LeNet_Spike.ini", "--record-to", "csv"])
        .fails(2, &["--record-to: expected --record DEPTH or --trace CELL:NEURON beside it"]);
    #[cfg(not(feature = "hdf5"))]
    run(folder.path(), &["test", "LeNet_Spike.ini", "--record", "counts", "--record-to", "hdf5", "--trace", "fc9:1"])
        .fails(
            2,
            &[
                "--trace fc9:1",
                "--record-to hdf5: expected a program built with HDF5",
                "--features hdf5",
                "record to csv",
            ],
        );
    let noted = run(folder.path(), &["inspect", "LeNet_Spike.ini", "--record", "counts"]).succeeds();
    assert!(noted.stderr.contains("no effect here: --record"), "{}", noted.stderr);
}
