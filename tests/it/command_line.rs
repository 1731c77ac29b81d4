//! The tutorial's commands, the flags in all their forms, what each command leaves behind.

use std::path::Path;

use crate::program::{command_without_data, files, finish, folder, run, summary};

#[test]
fn the_tutorial_commands_work_in_an_empty_folder() {
    let folder = folder();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let model = |name: &str| models.join(name).to_string_lossy().into_owned();
    let mut learn = command_without_data(folder.path(), &[&model("LeNet.ini"), "-learn", "12800", "-log", "6400"]);
    learn.env("N2D2_MODELS", &models);
    let learned = finish(learn).succeeds();
    assert!(learned.stdout.contains("Final recognition rate"), "{}", learned.stdout);
    assert!(learned.stderr.contains("runs on the CPU"), "{}", learned.stderr);
    let mut test = command_without_data(folder.path(), &[&model("LeNet_Spike.ini"), "-test"]);
    test.env("N2D2_MODELS", &models);
    let tested = finish(test).succeeds();
    assert!(tested.stdout.contains("Weights: ./weights_validation"), "{}", tested.stdout);
    assert!(tested.stdout.contains("Final spiking recognition rate"), "{}", tested.stdout);
    let log = std::fs::read_to_string(folder.path().join("stats_spike.log")).unwrap();
    for line in [
        "Patterns: 10,000",
        "Patterns channels: 1,024",
        "Neurons: 6,518",
        "Nodes: 8,094",
        "Synapses: 60,570",
        "Virtual synapses: 326,520",
        "Connections: 332,824",
        "fc2 terminate delta: 4",
    ] {
        assert!(log.lines().any(|l| l == line), "`{line}` is missing in\n{log}");
    }
    let formal = summary(folder.path())["formal_recognition_rate"].as_f64().unwrap();
    assert!(formal > 0.9, "{formal}");
}

#[test]
fn a_short_demo_leaves_everything_behind() {
    let folder = folder();
    let words = ["demo", "--learn", "6400", "--log", "3200", "--nb-test", "300", "--out", "out", "--seed", "3"];
    run(folder.path(), &words).succeeds();
    let out = folder.path().join("out");
    let files = files(&out);
    for name in [
        "seed.dat",
        "learning.safetensors",
        "weights_init/conv1_weights.syntxt",
        "weights/fc2_weights.syntxt",
        "weights_validation/conv2_weights.syntxt",
        "weights_range_normalized/conv3_weights.syntxt",
        "normalization.json",
        "softmax.Target/Success_learning.dat",
        "softmax.Target/Success_validation.dat",
        "softmax.Target/Loss_learning.dat",
        "softmax.Target/ConfusionMatrix_learning.dat",
        "softmax.Target/ConfusionMatrix_validation_score.dat",
        "softmax.Target/Misclassified_validation.dat",
        "fc2.Target/ConfusionMatrix_test.dat",
        "fc2.Target/test/classif.log",
        "test_success_spike.dat",
        "stats_spike.log",
        "stats_spike/conv1.log",
        "stats_spike/conv1/cell-0-[0].log",
        "stats_spike/fc1/cell-83.log",
        "stimuli/stimuli_9_activity.dat",
        "firing_rate_env.dat",
        "firing_rate_fc2.dat",
        "summary.json",
    ] {
        assert!(files.contains_key(name), "{name} is missing; there are {:?}", files.keys());
    }
    assert!(files.keys().all(|name| !name.ends_with(".part")), "a temporary file was left");
    let summary = summary(&out);
    for key in [
        "formal_recognition_rate",
        "spiking_recognition_rate",
        "patterns",
        "read_events_per_virtual_synapse_per_pattern",
        "synaptic_events",
        "events",
        "decision_latency_ns",
        "undecided",
        "stimuli_learned",
        "normalization",
        "pooling",
        "terminate_delta",
        "present_time_fs",
        "float",
        "weights_dir",
        "weights_sha256",
        "seed",
        "version",
        "ini_sha256",
    ] {
        assert!(summary.contains_key(key), "{key} is missing in {summary:?}");
    }
    assert_eq!(summary["patterns"], 300);
    assert_eq!(summary["seed"], 3);
    let conv2 = String::from_utf8(files["weights_validation/conv2_weights.syntxt"].clone()).unwrap();
    let mut per_line: Vec<usize> = conv2.lines().map(|line| line.split_whitespace().count()).collect();
    per_line.sort_unstable();
    per_line.dedup();
    assert_eq!(per_line, [75, 100, 150], "only connected channels are written");
}

#[test]
fn a_test_reads_the_seed_of_the_learning() {
    let folder = folder();
    run(folder.path(), &["LeNet.ini", "-learn", "640", "-log", "640", "-seed", "7", "-nb-test", "10"]).succeeds();
    let tested = run(folder.path(), &["test", "LeNet_Spike.ini", "--nb-test", "10"]).succeeds();
    assert!(tested.stderr.contains("seed 7 read from"), "{}", tested.stderr);
    assert_eq!(summary(folder.path())["seed"], 7);
}

#[test]
fn a_test_without_learning_uses_the_shipped_weights() {
    let folder = folder();
    let tested = run(folder.path(), &["-nb-test", "500", "LeNet_Spike.ini", "--test"]).succeeds();
    assert!(tested.stdout.contains("Weights: shipped:LeNet"), "{}", tested.stdout);
    let spiking = summary(folder.path())["spiking_recognition_rate"].as_f64().unwrap();
    assert!(spiking > 0.97, "{spiking}");
}

#[test]
fn weights_read_back_as_the_same_floats() {
    let folder = folder();
    run(folder.path(), &["test", "LeNet.ini", "--nb-test", "10", "--out", "a"]).succeeds();
    let words = ["learn", "LeNet.ini", "--learn", "128", "--log", "128", "--nb-test", "10", "--out", "b"];
    run(folder.path(), &words).succeeds();
    let hash = |out: &str| summary(&folder.path().join(out))["weights_sha256"].clone();
    let learned = hash("b");
    run(folder.path(), &["test", "LeNet.ini", "--nb-test", "10", "-w", "b/weights_validation", "--out", "c"])
        .succeeds();
    assert_eq!(hash("c"), learned);
    assert_ne!(hash("a"), learned);
}

#[test]
fn find_lr_suggests_a_rate() {
    let folder = folder();
    let found = run(folder.path(), &["LeNet.ini", "-find-lr", "10000"]).succeeds();
    let line = found.stdout.lines().find(|l| l.starts_with("Suggested learning rate: ")).expect(&found.stdout);
    let rate: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((1e-4..1.0).contains(&rate), "{rate}");
    let data = std::fs::read_to_string(folder.path().join("find_lr_softmax.Target.dat")).unwrap();
    assert!(data.lines().next().unwrap().starts_with("1e-06 "), "{data}");
}

#[test]
fn inspect_shows_the_network() {
    let folder = folder();
    let shown = run(folder.path(), &["inspect", "LeNet_Spike.ini"]).succeeds().stdout;
    for part in ["326,520", "332,824", "60,570", "TerminateDelta 4", "JitteredPeriodic"] {
        assert!(shown.contains(part), "`{part}` is missing in\n{shown}");
    }
    assert!(files(folder.path()).is_empty(), "inspect writes nothing");
}

#[test]
fn saved_parameters_count_where_they_lie() {
    let folder = folder();
    let saved = run(folder.path(), &["LeNet_Spike.ini", "-cfg", "--out", "a"]).succeeds().stdout;
    assert!(saved.contains("saved parameters: 7 files"), "{saved}");
    let path = folder.path().join("a/fc2.cfg");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().any(|line| line == "TerminateDelta = 4"), "{text}");
    std::fs::write(&path, text.replace("TerminateDelta = 4", "TerminateDelta = 2")).unwrap();
    let shown = run(folder.path(), &["inspect", "LeNet_Spike.ini", "--out", "a"]).succeeds();
    assert!(shown.stdout.contains("TerminateDelta 2"), "{}", shown.stdout);
    assert!(shown.stderr.contains("note: saved parameters are read from a/fc2.cfg"), "{}", shown.stderr);
    let shown = run(folder.path(), &["inspect", "LeNet_Spike.ini"]).succeeds();
    assert!(shown.stdout.contains("TerminateDelta 4"), "{}", shown.stdout);
    std::fs::write(&path, "TerminateDelt = 4").unwrap();
    run(folder.path(), &["test", "LeNet_Spike.ini", "--out", "a"])
        .fails(2, &["fc2.cfg, line 1, [fc2] TerminateDelt: unknown parameter; did you mean `TerminateDelta`?"]);
}

#[test]
fn keys_are_printed_for_people_and_for_programs() {
    let folder = folder();
    let keys = |words: &[&str]| run(folder.path(), words).succeeds().stdout;
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md")).unwrap();
    assert_eq!(keys(&["keys"]), page);
    let env = keys(&["keys", "env"]);
    assert!(env.contains("`PeriodMeanMin`") && !env.contains("`KernelWidth`"), "{env}");
    let json: serde_json::Value = serde_json::from_str(&keys(&["keys", "--json", "Conv"])).unwrap();
    let kernel = json.as_array().unwrap().iter().find(|entry| entry["key"] == "KernelWidth").unwrap();
    assert_eq!((&kernel["section"], &kernel["presence"]), (&"`Type=Conv`".into(), &"required".into()));
    run(folder.path(), &["keys", "datbase"]).fails(2, &["`datbase`", "did you mean `database`?"]);
}

#[test]
fn options_without_effect_are_noted_in_one_line() {
    let folder = folder();
    let notes = |words: &[&str]| {
        let stderr = run(folder.path(), words).succeeds().stderr;
        stderr.lines().filter(|line| line.contains("no effect")).map(str::to_string).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    let frames = ["test", "LeNet.ini", "--nb-test", "5", "--checkpoint-after", "2", "--continuous", "--resume"];
    assert_eq!(notes(&frames), ["note: no effect here: --resume, --continuous, --checkpoint-after"]);
    assert_eq!(
        notes(&["test", "LeNet_Spike.ini", "--test-index", "3", "--resume"]),
        ["note: no effect here: --resume"]
    );
    assert_eq!(notes(&["test", "LeNet.ini", "--nb-test", "1", "--learn", "5"]), ["note: no effect here: --learn"]);
    assert_eq!(notes(&["inspect", "LeNet.ini", "-w", "/nowhere"]), ["note: no effect here: --weights"]);
    let find_lr = ["find-lr", "LeNet.ini", "--find-lr", "256", "--float", "f64"];
    assert_eq!(notes(&find_lr), ["note: no effect here: --float"]);
    assert_eq!(notes(&["LeNet_Spike.ini", "-test", "-nb-test", "1", "-present-time", "1", "-seed", "1"]), none);
}

#[test]
fn inspect_tells_the_memory_of_pixels_neurons_and_synapses() {
    let shown = run(folder().path(), &["inspect", "LeNet_Spike.ini"]).succeeds().stdout;
    for part in ["bytes a pixel", "input queue up to", "bytes a neuron", "bytes a shared weight", "beside them"] {
        assert!(shown.contains(part), "`{part}` is missing in\n{shown}");
    }
}

#[test]
fn help_and_version_are_there() {
    let folder = folder();
    for words in [&["--help"][..], &["-h"], &["learn", "--help"], &["-test", "x.ini", "-h"], &["--version"], &["-v"]] {
        run(folder.path(), words).succeeds();
    }
    run(folder.path(), &[]).fails(2, &["Usage"]);
}

#[test]
fn devices_are_listed_where_there_is_one_and_where_there_is_none() {
    let folder = folder();
    let told = run(folder.path(), &["devices"]).succeeds().stdout;
    assert!(told.lines().any(|line| line.starts_with("CPU: ")), "{told}");
    assert!(told.lines().any(|line| line.starts_with("CUDA: ")), "{told}");
    assert!(!told.contains("CUDA: none") || told.lines().count() == 2, "{told}");
}

#[test]
fn a_learning_without_validation_leaves_no_older_weights_in_its_way() {
    let folder = folder();
    run(folder.path(), &["learn", "LeNet.ini", "--learn", "640", "--log", "640", "--nb-test", "10"]).succeeds();
    let text = crate::program::model("LeNet.ini").replacen("Validation=0.2", "Validation=0", 1);
    std::fs::write(folder.path().join("all.ini"), text).unwrap();
    run(folder.path(), &["learn", "all.ini", "--learn", "640", "--log", "640", "--nb-test", "10"]).succeeds();
    let hash = summary(folder.path())["weights_sha256"].clone();
    run(folder.path(), &["test", "all.ini", "--nb-test", "10"]).succeeds();
    assert_eq!(summary(folder.path())["weights_sha256"], hash);
}

/// What is offered to a shell follows from the parser: every command and option is there.
#[test]
fn shells_and_man_know_every_command_and_option() {
    let folder = folder();
    let commands =
        ["learn", "test", "curve", "stats", "find-lr", "inspect", "demo", "bench", "keys", "completions", "man"];
    let options = ["--learn-epoch", "--continuous", "--checkpoint-after", "--normalization", "--only", "--json"];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(folder.path(), &["completions", shell]).succeeds().stdout;
        let knows = |word: &str| script.contains(word) || script.contains(word.trim_start_matches('-'));
        let missing: Vec<_> = commands.iter().chain(&options).filter(|word| !knows(word)).collect();
        assert!(missing.is_empty(), "{shell}: {missing:?}");
    }
    let page = run(folder.path(), &["man"]).succeeds().stdout;
    for command in commands {
        assert!(page.contains(&format!(".SH \"{}\"", command.to_uppercase())), "{command}");
    }
    let page = page.replace('\\', "");
    assert!(options.iter().all(|option| page.contains(option)), "{page}");
    run(folder.path(), &["completions", "tcsh"]).fails(2, &["bash", "powershell"]);
}
