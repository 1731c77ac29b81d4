//! The spiking test as a user sees it.

use std::fs;

use crate::program::{files, folder, run, summary};

#[test]
fn one_stimulus_alone_has_the_spikes_of_the_full_test() {
    let folder = folder();
    run(folder.path(), &["LeNet_Spike.ini", "-test", "-nb-test", "10", "--out", "all"]).succeeds();
    for index in [0, 7] {
        let (out, index) = (format!("one{index}"), index.to_string());
        let one = run(folder.path(), &["LeNet_Spike.ini", "-test", "-test-index", &index, "--out", &out]).succeeds();
        assert!(one.stdout.contains("***"), "{}", one.stdout);
        let all = fs::read(folder.path().join(format!("all/stimuli/stimuli_{index}_activity.dat"))).unwrap();
        let one = fs::read(folder.path().join(&out).join("activity_env.dat")).unwrap();
        assert!(!one.is_empty() && all == one, "stimulus {index}");
        let files = files(&folder.path().join(&out));
        for name in [
            "stats-test-idx.log",
            "stats-test-idx/fc1.log",
            "compare-test-idx/env.dat",
            "compare-test-idx/conv1.dat",
            "compare-test-idx/fc2.dat",
            "activity_pool1.dat",
        ] {
            assert!(files.contains_key(name), "{name} is missing; there are {:?}", files.keys());
        }
        assert_eq!(
            fs::read_to_string(folder.path().join(&out).join("compare-test-idx/fc2.dat")).unwrap().lines().count(),
            10
        );
    }
}

#[test]
fn the_reads_of_the_synapses_add_up() {
    let folder = folder();
    run(folder.path(), &["LeNet_Spike.ini", "-test", "-nb-test", "40"]).succeeds();
    let mut reads = 0;
    for (name, bytes) in files(&folder.path().join("stats_spike")) {
        if name.contains("/cell-") {
            for line in String::from_utf8(bytes).unwrap().lines() {
                reads += line.split(' ').nth(1).unwrap().parse::<u64>().unwrap();
            }
        }
    }
    let summary = summary(folder.path());
    assert_eq!(summary["synaptic_events"], reads);
    let per_synapse = summary["read_events_per_virtual_synapse_per_pattern"].as_f64().unwrap();
    assert_eq!(per_synapse, reads as f64 / 326_520.0 / 40.0);
    let spikes: u64 = files(folder.path())
        .iter()
        .filter(|(name, _)| name.starts_with("firing_rate_"))
        .flat_map(|(_, bytes)| {
            String::from_utf8_lossy(bytes).into_owned().lines().map(str::to_string).collect::<Vec<_>>()
        })
        .flat_map(|line| line.split(' ').skip(1).map(|n| n.parse::<u64>().unwrap()).collect::<Vec<_>>())
        .sum();
    assert_eq!(summary["events"], spikes);
}

#[test]
fn every_mode_runs_and_is_named_in_the_summary() {
    let folder = folder();
    for (flag, value, key) in [
        ("--normalization", "percentile", "normalization"),
        ("--normalization", "max", "normalization"),
        ("--normalization", "none", "normalization"),
        ("--pooling", "exact", "pooling"),
        ("--float", "f64", "float"),
    ] {
        run(folder.path(), &["LeNet_Spike.ini", "-test", "-nb-test", "20", flag, value]).succeeds();
        assert_eq!(summary(folder.path())[key], value);
    }
    run(folder.path(), &["LeNet_Spike.ini", "-test", "-nb-test", "20", "-present-time", "200 ns"]).succeeds();
    assert_eq!(summary(folder.path())["present_time_fs"], 200_000_000u64);
}

#[test]
fn the_factors_are_written_and_applied() {
    let folder = folder();
    run(folder.path(), &["LeNet_Spike.ini", "-test", "-nb-test", "5", "-w", &shipped()]).succeeds();
    let text = fs::read_to_string(folder.path().join("normalization.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["normalization"], "mean");
    let factor = |cell: &str| {
        let cells = json["cells"].as_array().unwrap();
        cells.iter().find(|c| c["cell"] == cell).unwrap().clone()
    };
    assert_eq!(factor("conv1")["statistics_from"][0], "pool1", "the mean is taken after the pool");
    assert_eq!(factor("fc2")["factor"], 1.0, "the final linear cell is never divided");
    let first = |path: std::path::PathBuf| -> f64 {
        fs::read_to_string(path).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    let trained = first(std::path::Path::new(&shipped()).join("conv1_weights.syntxt"));
    let scaled = first(folder.path().join("weights_range_normalized/conv1_weights.syntxt"));
    let expected = trained / factor("conv1")["factor"].as_f64().unwrap();
    assert!((scaled / expected - 1.0).abs() < 1e-6, "{scaled} {expected}");
}

fn shipped() -> String {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/weights/LeNet").to_string_lossy().into_owned()
}
