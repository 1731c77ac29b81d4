//! `--record-to hdf5`: h5py reads what the tables of the same run say.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::checkpoint::{WEIGHTS, write_patient_model};
use crate::program::{command_without_data, folder, run, run_whole};

const RECORD: [&str; 4] = ["--record", "raster", "--trace", "fc2:3,conv1:2000,fc2:1"];

/// Compares a file with the tables of a folder by h5py, which must be there.
#[track_caller]
fn compare(file: &Path, tables: &Path, more: &[&str]) {
    let python = std::env::var("FEMTOSPIKE_PYTHON").unwrap_or("python3".to_string());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/record_hdf5.py");
    let mut command = Command::new(&python);
    command.arg(script).args([file, &tables.join("record_spike")]).args(more);
    let compared = command.output().unwrap_or_else(|e| {
        panic!("`{python}`: {e}; these tests read HDF5 files with Python: install it, or name one in FEMTOSPIKE_PYTHON")
    });
    let told = String::from_utf8_lossy(&compared.stderr);
    assert!(
        !told.contains("ModuleNotFoundError"),
        "`{python}` has no h5py; `apt install python3-h5py` or `pip install h5py`, or name a Python that has it in \
         FEMTOSPIKE_PYTHON\n{told}"
    );
    assert!(compared.status.success() && compared.stdout == b"same\n", "{told}");
}

fn words(out: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    let words = ["test", "LeNet_Spike.ini", "--nb-test", "40", "--log", "15", "--out", out];
    [&words[..], &RECORD, more].concat()
}

#[test]
fn h5py_reads_what_the_tables_say() {
    let folder = folder();
    run(folder.path(), &words("csv", &[])).succeeds();
    for threads in ["1", "3"] {
        run(folder.path(), &words("h5", &["--record-to", "hdf5", "--threads", threads])).succeeds();
        let file = folder.path().join("h5/record_spike.h5");
        compare(&file, &folder.path().join("csv"), &["40", "1"]);
        assert!(!folder.path().join("h5/record_spike").exists());
    }
}

#[test]
fn an_interrupted_file_can_be_read_and_goes_on() {
    let folder = folder();
    write_patient_model(folder.path());
    let words = |out, more: &[&'static str]| {
        let mut words = vec!["test", "patient.ini", "-w", WEIGHTS, "--nb-test", "12", "--present-time", "100 ns"];
        words.extend(["--log", "5", "--out", out]);
        words.extend(RECORD);
        words.extend(more);
        words
    };
    run(folder.path(), &words("csv", &[])).succeeds();
    let (file, csv) = (folder.path().join("h5/record_spike.h5"), folder.path().join("csv"));
    for (time, resume, n) in [("250 ns", &[][..], "2"), ("0.85", &["--resume"], "8")] {
        let stop = [&["--record-to", "hdf5", "--checkpoint-after", time], resume].concat();
        run(folder.path(), &words("h5", &stop)).fails(130, &[]);
        compare(&file, &csv, &[n, "0"]);
    }
    run(folder.path(), &words("h5", &["--resume"])).fails(2, &["--record: the checkpoint has raster to hdf5, traces"]);
    let kept = fs::read(&file).unwrap();
    fs::write(&file, &kept[..kept.len() / 2]).unwrap();
    run(folder.path(), &words("h5", &["--resume", "--record-to", "hdf5"])).fails(2, &["record_spike.h5", "--resume"]);
    fs::write(&file, kept).unwrap();
    run(folder.path(), &words("h5", &["--resume", "--record-to", "hdf5"])).succeeds();
    compare(&file, &csv, &["12", "1"]);
}

#[test]
fn a_killed_test_leaves_a_file_that_can_be_read() {
    let folder = folder();
    let words = |out, to| {
        let words = ["test", "LeNet_Spike.ini", "--nb-test", "2000", "--threads", "1", "--record-to", to, "--out", out];
        [&words[..], &RECORD].concat()
    };
    // The tables have what the file will have, as far as it comes.
    let csv = ["test", "LeNet_Spike.ini", "--nb-test", "4", "--out", "csv"];
    run_whole(folder.path(), &[&csv[..], &RECORD].concat()).succeeds();
    let file = folder.path().join("h5/record_spike.h5");
    for wait in [0, 150, 310] {
        let _ = fs::remove_file(&file);
        let mut child = command_without_data(folder.path(), &words("h5", "hdf5"));
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        // The second batch has begun when there is more than its first few stimuli take.
        let has_begun = || fs::metadata(&file).is_ok_and(|metadata| metadata.len() > 2_500_000);
        while !has_begun() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        assert!(child.wait().unwrap().code().is_none(), "it was killed in its course");
        killed_is_readable(&file, &folder.path().join("csv"));
    }
}

/// The first stimuli of a file whose writer was killed.
#[track_caller]
fn killed_is_readable(file: &Path, csv: &Path) {
    let stimuli =
        r#"import json, sys; p = sys.argv[1]; d = json.load(open(p)); d["stimuli"] = 2000; json.dump(d, open(p, "w"))"#;
    let python = std::env::var("FEMTOSPIKE_PYTHON").unwrap_or("python3".to_string());
    let header = csv.join("record_spike/record.json");
    assert!(Command::new(python).args(["-c", stimuli]).arg(header).status().is_ok_and(|status| status.success()));
    compare(file, csv, &["4", "0", "swmr"]);
}
