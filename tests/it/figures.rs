//! `femtospike stats`: its figures against those of a test, and against one another.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{files, folder, model, run, summary};

fn stats(folder: &Path, words: &[&str]) -> (String, Value) {
    let shown = run(folder, &[&["stats", "LeNet_Spike.ini", "--out", "stats"], words].concat()).succeeds();
    (shown.stdout, serde_json::from_slice(&fs::read(folder.join("stats/stats.json")).unwrap()).unwrap())
}

/// The columns of a table, by their names.
fn table(folder: &Path, name: &str) -> Vec<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_path(folder.join(format!("stats/stats_test/{name}.csv"))).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_string).collect();
    let rows =
        reader.records().map(|row| header.iter().cloned().zip(row.unwrap().iter().map(str::to_string)).collect());
    rows.collect()
}

fn sum(rows: &[Vec<(String, String)>], column: &str) -> u64 {
    let of =
        |row: &Vec<(String, String)>| row.iter().find(|(name, _)| name == column).unwrap().1.parse::<u64>().unwrap();
    rows.iter().map(of).sum()
}

#[test]
fn the_figures_are_those_of_a_test_and_add_up() {
    let folder = folder();
    let folder = folder.path();
    let (text, found) = stats(folder, &["--nb-test", "60"]);
    run(folder, &["test", "LeNet_Spike.ini", "--nb-test", "60", "--out", "test"]).succeeds();
    let tested = summary(&folder.join("test"));
    for key in ["formal_recognition_rate", "spiking_recognition_rate", "read_events_per_virtual_synapse_per_pattern"] {
        assert_eq!(found[key], tested[key], "{key}");
    }
    assert_eq!(found["read_events"], tested["synaptic_events"]);
    assert_eq!(found["decision_latency"]["mean_ns"], tested["decision_latency_ns"]["mean"]);
    assert_eq!(found["decision_latency"]["undecided"], tested["undecided"]);

    let (layers, classes, patterns) = (table(folder, "layers"), table(folder, "classes"), table(folder, "patterns"));
    assert_eq!((layers.len(), classes.len(), patterns.len()), (8, 10, 60));
    assert_eq!(sum(&layers, "spikes"), tested["events"].as_u64().unwrap());
    assert_eq!(sum(&patterns, "spikes"), tested["events"].as_u64().unwrap());
    for rows in [&layers, &classes, &patterns] {
        assert_eq!(sum(rows, "read_events"), tested["synaptic_events"].as_u64().unwrap());
    }
    for name in ["conv1", "conv2", "conv3", "fc1", "fc2"] {
        let column = format!("read_events {name}");
        assert_eq!(sum(&classes, &column), sum(&patterns, &column), "{name}");
        let layer = found["layers"].as_array().unwrap().iter().find(|layer| layer["layer"] == name).unwrap();
        assert_eq!(layer["read_events"], sum(&patterns, &column), "{name}");
        // The outputs alone fire at minus the threshold, too.
        let n_thresholds = if name == "fc2" { 2 } else { 1 };
        let comparisons = n_thresholds * layer["read_events"].as_u64().unwrap();
        assert_eq!(layer["operations_spikes"]["comparisons"], comparisons, "{name}");
        assert_eq!(layer["operations_frames"]["multiplications"], 60 * layer["virtual_synapses"].as_u64().unwrap());
    }
    // A neuron that spiked k times in a stimulus has k - 1 intervals.
    let env = &found["layers"][0];
    let (spikes, intervals) = (env["spikes"].as_u64().unwrap(), env["intervals"]["count"].as_u64().unwrap());
    assert!(intervals > 0 && intervals < spikes, "{intervals} {spikes}");
    let mean = env["intervals"]["mean_ns"].as_f64().unwrap();
    assert!((10.0..15.0).contains(&mean), "a white pixel spikes every 10 ns: {mean}");
    let agreement = found["agreement"].as_object().unwrap();
    let counts = |names: &[&str]| names.iter().map(|name| agreement[*name].as_u64().unwrap()).sum::<u64>();
    let all = ["both_right", "both_wrong", "both_wrong_same_answer", "formal_only_right", "spiking_only_right"];
    assert_eq!(counts(&all), 60);
    for part in
        ["[Answers]", "[Layers]", "[Classes]", "[Decision latency]", "[Operations a pattern]", "within 0.15 to 1.38"]
    {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(!text.contains("energy"), "energies are told by a table of costs alone\n{text}");
}

#[test]
fn silent_and_saturated_neurons_are_told() {
    let folder = folder();
    let weights = format!("{}/data/weights/LeNet", env!("CARGO_MANIFEST_DIR"));
    let of = |threshold: &str| {
        let text = model("LeNet_Spike.ini").replacen("Threshold=1.0", &format!("Threshold={threshold}"), 1);
        fs::write(folder.path().join("m.ini"), text).unwrap();
        let words = ["stats", "m.ini", "-w", &weights, "--nb-test", "3", "--present-time", "60ns", "--out", "stats"];
        run(folder.path(), &words).succeeds();
        let layers = table(folder.path(), "layers");
        let cells: Vec<_> = layers.into_iter().filter(|row| row[0].1.starts_with("conv")).collect();
        (sum(&cells, "silent"), sum(&cells, "saturated"), sum(&cells, "spikes"))
    };
    // What fires at each arrival and has more to give is saturated; what never reaches its threshold is silent.
    let (low, high) = (of("0.05"), of("1000"));
    assert!(low.1 > 100 && low.2 > 1000, "{low:?}");
    assert_eq!((high.0, high.1, high.2), (4704 + 1600 + 120, 0, 0));
}

#[test]
fn figures_do_not_depend_on_the_threads() {
    let folder = folder();
    let all = ["1", "3"].map(|threads| {
        let words = ["stats", "LeNet_Spike.ini", "--nb-test", "70", "--threads", threads, "--out", threads];
        run(folder.path(), &words).succeeds();
        files(&folder.path().join(threads))
    });
    assert_eq!(all[0], all[1]);
}

#[test]
fn energies_follow_a_table_of_costs_that_names_its_source() {
    let folder = folder();
    let shipped = format!("{}/docs/costs/horowitz-2014-45nm.json", env!("CARGO_MANIFEST_DIR"));
    let (text, found) = stats(folder.path(), &["--nb-test", "5", "--costs", &shipped]);
    assert!(text.contains("energy in nJ") && text.contains("ISSCC 2014"), "{text}");
    let of = |side: &str| {
        let operations = &found["operations_of_all_patterns"][side];
        let costs = [("multiplications", 3.7), ("accumulations", 0.9), ("comparisons", 0.1), ("bytes", 1.25)];
        costs.iter().map(|(name, cost)| operations[*name].as_u64().unwrap() as f64 * cost).sum::<f64>()
    };
    for side in ["frames", "spikes"] {
        let energy = found["energy_of_all_patterns"][format!("{side}_pj")].as_f64().unwrap();
        assert!((energy / of(side) - 1.0).abs() < 1e-12, "{side}");
    }
    let text = fs::read_to_string(&shipped).unwrap();
    for (edited, part) in [
        (text.replace("\"byte_pj\": 1.25", "\"byte_pj\": -1"), "below 0"),
        (text.replace("byte_pj", "bite_pj"), "bite_pj"),
        (text.replace("45 nm, 0.9 V, 32-bit floats, 8 KB cache", " "), "empty `name`"),
        ("{".to_string(), "EOF"),
    ] {
        fs::write(folder.path().join("costs.json"), edited).unwrap();
        run(folder.path(), &["stats", "LeNet_Spike.ini", "--costs", "costs.json"])
            .fails(2, &["--costs", "costs.json", part]);
    }
    run(folder.path(), &["stats", "LeNet.ini"]).fails(2, &["spiking half"]);
}
