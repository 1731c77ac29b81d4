//! Wrong input: each fault gets its message and exit code, never a panic, and nothing already learned is lost.

use std::fs;
use std::path::Path;

use crate::program::{files, folder, model, run};

fn shipped_weights() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/weights/LeNet").display().to_string()
}

/// Writes `LeNet_Spike.ini` with one text replaced and tests it.
#[track_caller]
fn check_model(from: &str, to: &str, parts: &[&str]) {
    let folder = folder();
    let text = model("LeNet_Spike.ini");
    assert!(text.contains(from), "`{from}` is not in the model");
    fs::write(folder.path().join("m.ini"), text.replacen(from, to, 1)).unwrap();
    let words = ["test", "m.ini", "--nb-test", "5", "--out", "out", "-w", &shipped_weights()];
    run(folder.path(), &words).fails(2, parts);
}

#[test]
fn faults_of_a_model_come_all_at_once_with_their_lines() {
    let folder = folder();
    let text = model("LeNet_Spike.ini").replacen("KernelWidth=5", "KernelWidth=5x", 1).replacen(
        "Threshold=1",
        "Treshold=1",
        1,
    );
    fs::write(folder.path().join("m.ini"), &text).unwrap();
    let line_of =
        |part: &str| text.lines().position(|line| line.contains(part)).map(|i| format!("line {}", i + 1)).unwrap();
    let failed = run(folder.path(), &["test", "m.ini"]).fails(
        2,
        &["m.ini has 2 faults", &line_of("KernelWidth=5x"), &line_of("Treshold"), "did you mean `Threshold`"],
    );
    assert!(failed.stderr.contains("found `5x`"), "{}", failed.stderr);
}

/// `m.ini` in the folder `models`: LeNet whose second fully connected layer comes from a template beside it.
fn with_template(folder: &Path, template: &str) {
    let text = model("LeNet_Spike.ini");
    let (before, after) = text.split_once("[fc2]\n").unwrap();
    let included = after.split_once("\n\n").unwrap().1;
    fs::create_dir(folder.join("models")).unwrap();
    fs::write(folder.join("models/m.ini"), format!("{before}[fc2@fc.ini.tpl]\nN=10\n\n{included}")).unwrap();
    fs::write(folder.join("models/fc.ini.tpl"), template).unwrap();
}

const FC: &str = "[{{SECTION_NAME}}]\nInput=fc1\nType=Fc\nNbOutputs={{N}}\nActivationFunction=Linear\nConfigSection=common.config,fc2.config\n";

#[test]
fn a_template_is_read_beside_the_model() {
    let folder = folder();
    with_template(folder.path(), FC);
    let words = ["test", "models/m.ini", "--nb-test", "20", "--out", "out", "-w", &shipped_weights()];
    run(folder.path(), &words).succeeds();
    run(folder.path(), &["test", "LeNet_Spike.ini", "--nb-test", "20", "--out", "shipped"]).succeeds();
    let log = |out: &str| fs::read(folder.path().join(out).join("stats_spike.log")).unwrap();
    assert_eq!(log("out"), log("shipped"));
}

#[test]
fn a_fault_of_a_template_names_its_line() {
    let folder = folder();
    with_template(folder.path(), &FC.replace("{{N}}", "{{M}}"));
    let words = ["inspect", "models/m.ini"];
    run(folder.path(), &words).fails(2, &["m.ini has 1 fault", "fc.ini.tpl, line 4, [fc2]: there is no variable `M`"]);
    fs::write(folder.path().join("models/fc.ini.tpl"), FC.replace("=Linear", "=Tanh")).unwrap();
    run(folder.path(), &["test", "models/m.ini", "-w", &shipped_weights()])
        .fails(2, &["models/m.ini has 1 fault", "fc.ini.tpl, line 5, [fc2]: expected a plain Rectifier"]);
    fs::write(folder.path().join("models/fc.ini.tpl"), b"[a]\n\xff").unwrap();
    run(folder.path(), &words).fails(2, &["template `fc.ini.tpl`: line 2: expected UTF-8 text"]);
    fs::remove_file(folder.path().join("models/fc.ini.tpl")).unwrap();
    run(folder.path(), &words).fails(2, &["line ", "[fc2]: template `fc.ini.tpl`: there is no such file"]);
}

#[test]
fn a_misspelt_key_is_told_beside_the_one_that_it_leaves_missing() {
    check_model(
        "PoolWidth=2",
        "PoolWidht=2",
        &["PoolWidth: missing", "PoolWidht: unknown key; did you mean `PoolWidth`?"],
    );
}

#[test]
fn an_unknown_key_is_a_warning_and_with_strict_an_error() {
    let folder = folder();
    let text = model("LeNet_Spike.ini").replacen("Validation=", "Validatoin=0.1\nValidation=", 1);
    fs::write(folder.path().join("m.ini"), text).unwrap();
    let shown = run(folder.path(), &["inspect", "m.ini"]).succeeds();
    assert!(shown.stderr.contains("did you mean `Validation`"), "{}", shown.stderr);
    run(folder.path(), &["inspect", "m.ini", "--strict"]).fails(2, &["did you mean `Validation`"]);
}

#[test]
fn a_kernel_larger_than_its_input_is_refused() {
    check_model("KernelWidth=5", "KernelWidth=55", &["line ", "conv1"]);
}

#[test]
fn contradicting_periods_are_refused() {
    check_model("PeriodMeanMin=10,000,000", "PeriodMeanMin=200,000,000,000", &["line ", "PeriodMeanM"]);
    check_model("PeriodMin=1,000,000", "PeriodMin=20,000,000", &["line ", "PeriodMin"]);
}

#[test]
fn a_missing_model_names_where_it_was_looked_for() {
    let folder = folder();
    run(folder.path(), &["test", "nothing.ini"]).fails(2, &["nothing.ini", "LeNet.ini", "LeNet_Spike.ini"]);
    run(folder.path(), &["test", "."]).fails(2, &["cannot be read"]);
    fs::write(folder.path().join("binary.ini"), [0xff, 0xfe, 0x00]).unwrap();
    run(folder.path(), &["test", "binary.ini"]).fails(2, &["UTF-8"]);
    fs::write(folder.path().join("empty.ini"), "").unwrap();
    run(folder.path(), &["test", "empty.ini"]).fails(2, &["empty.ini has"]);
}

#[test]
fn corrupt_data_names_file_and_fault() {
    let images = |count: u32, pixels: usize| {
        let mut bytes = [0x803u32, count, 28, 28].map(u32::to_be_bytes).concat();
        bytes.resize(16 + pixels, 7);
        bytes
    };
    let labels = |count: u32, label: u8| {
        let mut bytes = [0x801u32, count].map(u32::to_be_bytes).concat();
        bytes.resize(8 + count as usize, label);
        bytes
    };
    let good = || {
        vec![
            ("train-images-idx3-ubyte", images(10, 7840)),
            ("train-labels-idx1-ubyte", labels(10, 3)),
            ("t10k-images-idx3-ubyte", images(5, 3920)),
            ("t10k-labels-idx1-ubyte", labels(5, 3)),
        ]
    };
    type Case = (usize, Option<Vec<u8>>, &'static [&'static str]);
    let cases: [Case; 7] = [
        (0, None, &["train-images-idx3-ubyte"]),
        (0, Some(images(10, 7000)), &["train-images-idx3-ubyte"]),
        (0, Some(images(10, 7841)), &["train-images-idx3-ubyte"]),
        (1, Some(labels(9, 3)), &["train-labels-idx1-ubyte", "9"]),
        (1, Some(labels(10, 11)), &["train-labels-idx1-ubyte", "11"]),
        (2, Some(vec![0x1f, 0x8b, 8, 0, 1, 2, 3]), &["t10k-images-idx3-ubyte"]),
        (3, Some(vec![0; 13]), &["t10k-labels-idx1-ubyte"]),
    ];
    for (which, bytes, parts) in cases {
        let folder = folder();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        for (index, (name, contents)) in good().into_iter().enumerate() {
            match (&bytes, index == which) {
                (None, true) => {}
                (Some(bytes), true) => fs::write(data.join(name), bytes).unwrap(),
                _ => fs::write(data.join(name), contents).unwrap(),
            }
        }
        let text = model("LeNet.ini").replacen("Validation=", "DataPath=data\nValidation=", 1);
        fs::write(folder.path().join("m.ini"), text).unwrap();
        run(folder.path(), &["learn", "m.ini", "--learn", "128", "--out", "out"]).fails(2, parts);
    }
}

#[test]
fn wrong_weights_name_file_line_expected_and_found() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/weights/LeNet");
    type Case = (&'static str, fn(String) -> String, &'static [&'static str]);
    let cases: [Case; 4] = [
        ("conv1_weights.syntxt", |t| t.replacen(' ', " NaN ", 1), &["conv1_weights.syntxt, line 1", "NaN"]),
        ("fc2_weights.syntxt", |t| t + "0.5\n", &["fc2_weights.syntxt, line 11", "expected 840", "found more"]),
        (
            "conv2_weights.syntxt",
            |t| t[..t.len() / 2].to_string(),
            &["conv2_weights.syntxt, line", "expected 1500", "found "],
        ),
        ("fc1_weights.syntxt", |t| t.replacen(' ', " x1 ", 1), &["fc1_weights.syntxt, line 1", "`x1`"]),
    ];
    for (file, spoil, parts) in cases {
        let folder = folder();
        let weights = folder.path().join("weights_validation");
        fs::create_dir(&weights).unwrap();
        for entry in
            fs::read_dir(&shipped).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|e| e == "syntxt"))
        {
            let text = fs::read_to_string(entry.path()).unwrap();
            let is_it = entry.file_name() == file;
            fs::write(weights.join(entry.file_name()), if is_it { spoil(text) } else { text }).unwrap();
        }
        run(folder.path(), &["test", "LeNet_Spike.ini"]).fails(2, parts);
        fs::remove_file(weights.join(file)).unwrap();
        run(folder.path(), &["test", "LeNet_Spike.ini"]).fails(2, &[file, "no such file"]);
    }
}

#[test]
fn an_output_folder_that_cannot_be_written_is_wrong_input() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    run(folder.path(), &["demo", "--out", "file/x"]).fails(2, &["file/x", "--out DIR"]);
}

#[test]
fn a_cell_named_with_a_way_out_writes_nothing_outside() {
    let folder = folder();
    let text = model("LeNet_Spike.ini").replace("conv1", "../../x");
    let inner = folder.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("m.ini"), text).unwrap();
    run(&inner, &["learn", "m.ini", "--learn", "1280", "--log", "1280", "--nb-test", "20", "--out", "out"]).succeeds();
    for name in files(folder.path()).keys() {
        assert!(name.starts_with("a/b/out/") || name == "a/b/m.ini", "{name} was written");
    }
}

#[test]
fn wrong_flags_are_named() {
    let folder = folder();
    run(folder.path(), &["test", "LeNet.ini", "-export", "CPP"]).fails(2, &["-export", "N2D2"]);
    run(folder.path(), &["test", "LeNet.ini", "--lern", "5"]).fails(2, &["did you mean"]);
    run(folder.path(), &["learn", "LeNet.ini", "--learn", "many"]).fails(2, &["many"]);
    run(folder.path(), &["test", "LeNet.ini", "--test-index", "10000"]).fails(2, &["10000"]);
    run(folder.path(), &["test", "LeNet.ini", "--present-time", "10 min"]).fails(2, &["10 min"]);
    run(folder.path(), &["test", "LeNet.ini", "--threads", "0"]).fails(2, &["--threads"]);
    run(folder.path(), &["test", "LeNet.ini", "-w", "nowhere"]).fails(2, &["nowhere"]);
    fs::write(folder.path().join("seed.dat"), "x").unwrap();
    run(folder.path(), &["test", "LeNet.ini", "--nb-test", "1"]).fails(2, &["seed.dat", "`x`"]);
}

#[test]
fn thresholds_that_are_no_potentials_are_refused_for_all_cells_at_once() {
    let folder = folder();
    let text = model("LeNet_Spike.ini");
    let line = format!("line {}", text.lines().position(|line| line == "Threshold=1.0").unwrap() + 1);
    for (threshold, shown) in [("1e300", "found 1e300;"), ("1e-300", "found 1e-300;")] {
        let edited = text.replacen("Threshold=1.0", &format!("Threshold={threshold}"), 1);
        fs::write(folder.path().join("m.ini"), edited).unwrap();
        let words = ["test", "m.ini", "--nb-test", "1", "--out", "out", "-w", &shipped_weights()];
        let parts = ["m.ini has 5 faults", &line, "[conv1]", "[fc2]", "Threshold", "f32", shown, "--float f64"];
        let refused = run(folder.path(), &words).fails(2, &parts);
        assert!(refused.stderr.lines().all(|line| line.len() < 300), "{}", refused.stderr);
        let shown = run(folder.path(), &["inspect", "m.ini"]).succeeds();
        assert!(shown.stdout.lines().all(|line| line.len() < 300), "{}", shown.stdout);
    }
    let words = ["test", "m.ini", "--nb-test", "1", "--out", "out", "--float", "f64", "-w", &shipped_weights()];
    run(folder.path(), &words).succeeds();
}

#[test]
fn a_number_too_large_comes_with_its_limit() {
    let parts = ["TerminateDelta", "at most `4294967295`", "found `99999999999`"];
    check_model("TerminateDelta=4", "TerminateDelta=99999999999", &parts);
}

#[test]
fn a_time_that_its_semicolon_makes_a_comment_is_told() {
    let folder = folder();
    let warnings = |written: &str| {
        let text = model("LeNet_Spike.ini").replace("IncomingDelay=", "; IncomingDelay=");
        let text = text.replacen("Threshold=1.0", &format!("Threshold=1.0\n{written}"), 1);
        fs::write(folder.path().join("m.ini"), text).unwrap();
        run(folder.path(), &["inspect", "m.ini"]).succeeds().stderr
    };
    let told = warnings("IncomingDelay=1 ps; 100 fs");
    assert!(told.contains("IncomingDelay: `; 100 fs` is a comment"), "{told}");
    assert!(told.contains("write `IncomingDelay=\"1 ps; 100 fs\"`"), "{told}");
    assert!(warnings("Refractory=1 ns ; 2 ns").contains("Refractory: `; 2 ns` is a comment"));
    for right in ["IncomingDelay=\"1 ps; 100 fs\"", "IncomingDelay=1 ps ; short", "IncomingDelay=1 ps # 100 fs"] {
        let told = warnings(right);
        assert!(!told.contains("is a comment"), "{told}");
    }
    let keys = run(folder.path(), &["keys"]).succeeds().stdout;
    assert!(keys.contains("| `\"1000 fs; 100 fs\"` |"), "{keys}");
}

#[test]
fn a_misspelt_command_is_no_missing_model() {
    let folder = folder();
    run(folder.path(), &["benhc", "--quick"]).fails(2, &["`benhc`", "did you mean the command `bench`?"]);
    run(folder.path(), &["tset", "LeNet.ini"]).fails(2, &["`tset`", "did you mean the command `test`?"]);
}

#[test]
fn layers_that_would_fill_the_machine_are_refused_with_their_line() {
    check_model("BatchSize=128", "BatchSize=2000000", &["line ", "BatchSize"]);
    check_model("NbOutputs=120", "NbOutputs=1000000", &["line ", "[conv3]", "NbOutputs"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_network_beyond_the_memory_that_is_free_is_refused_before_it_is_made() {
    let folder = folder();
    let text = model("LeNet_Spike.ini");
    let (before, last) = text.split_at(text.find("[fc2]").unwrap());
    let write = |n: &str| {
        fs::write(folder.path().join("m.ini"), format!("{before}{}", last.replacen("NbOutputs=10", n, 1))).unwrap();
    };
    let limited = |command: &str| {
        let program = env!("CARGO_BIN_EXE_femtospike");
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -v 3000000 && exec {program} {command}")).current_dir(folder.path());
        crate::program::finish(shell)
    };
    write("NbOutputs=16000000");
    let line = format!("line {}, [fc2]", before.lines().count() + 1);
    let refused = limited("inspect m.ini").fails(2, &[&line, "memory", "NbOutputs"]);
    assert!(refused.stdout.contains("1,344,000,000"), "the table comes all the same: {}", refused.stdout);
    write("NbOutputs=1000000");
    limited(&format!("test m.ini --nb-test 1 -w {}", shipped_weights())).fails(2, &[&line, "memory", "NbOutputs"]);
    limited("inspect LeNet_Spike.ini").succeeds();
}

#[test]
fn a_model_that_never_ends_or_is_no_text_is_refused() {
    let folder = folder();
    run(folder.path(), &["test", "/dev/zero"]).fails(2, &["at most"]);
    fs::write(folder.path().join("m.ini"), b"A=1\nB=\xff\n").unwrap();
    run(folder.path(), &["test", "m.ini"]).fails(2, &["m.ini, line 2", "UTF-8"]);
}

#[test]
fn results_that_cannot_be_printed_make_the_run_fail() {
    let folder = folder();
    let mut inspect = crate::program::command(folder.path(), &["inspect", "LeNet.ini"]);
    inspect.stdout(fs::File::create("/dev/full").unwrap());
    let mut child = inspect.stderr(std::process::Stdio::null()).spawn().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
