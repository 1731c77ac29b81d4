//! The report page: complete in one file, the figures of the summary, and nothing of the user's that becomes markup.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use crate::program::{files, folder, model, run, summary};

const MODEL: &str = "a<b>&c.ini";

/// The page of a test of 40 stimuli.
fn page(folder: &Path) -> String {
    fs::write(folder.join(MODEL), model("LeNet_Spike.ini")).unwrap();
    let weights = format!("{}/data/weights/LeNet", env!("CARGO_MANIFEST_DIR"));
    run(folder, &["test", MODEL, "-w", &weights, "--nb-test", "40", "--page", "--out", "run"]).succeeds();
    fs::read_to_string(folder.join("run/report.html")).unwrap()
}

fn data(page: &str) -> Value {
    let (_, from) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("the page has data");
    serde_json::from_str(from.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn the_page_is_complete_in_itself_and_tells_what_the_summary_tells() {
    let folder = folder();
    let page = page(folder.path());
    let summary = summary(&folder.path().join("run"));
    for elsewhere in ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "@import", "url(http", "fetch(", "<b>"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    assert!(page.contains("a&lt;b&gt;&amp;c.ini"));
    for section in ["summary", "network", "stimuli", "provenance"] {
        assert!(page.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    for rate in ["formal_recognition_rate", "spiking_recognition_rate"] {
        let percent = format!("{:.2} %", 100.0 * summary[rate].as_f64().unwrap());
        assert!(page.contains(&format!("<dd>{percent}</dd>")), "{rate}: {percent}");
    }
    for key in ["ini_sha256", "weights_sha256"] {
        assert!(page.contains(summary[key].as_str().unwrap()), "{key}");
    }
    let data = data(&page);
    let shown = data["shown"].as_array().unwrap();
    assert!(!shown.is_empty() && shown.len() <= 40, "{}", shown.len());
    for stimulus in shown {
        let (answer, estimate) = (&stimulus["a"], &stimulus["s"]);
        assert_eq!(estimate["formal_scores"][0][0], answer["formal"], "the highest score first");
        assert!(estimate["reads"].as_u64() > Some(0));
    }
    assert_eq!(data["classes"].as_array().unwrap().len(), 10);
    for (name, picture) in files(&folder.path().join("run/report_figures")) {
        if let Some(name) = name.strip_suffix(".svg") {
            let svg = String::from_utf8(picture).unwrap();
            assert!(svg.contains("<svg") && svg.contains("xmlns") && !svg.contains("<b>"));
            assert!(folder.path().join(format!("run/report_figures/{name}.png")).is_file(), "{name}");
        } else {
            assert!(picture.starts_with(b"\x89PNG") && picture.len() > 5000, "{name}: {} bytes", picture.len());
        }
    }
}

#[test]
fn the_page_made_anew_is_the_same_and_a_curve_beside_it_is_added() {
    let folder = folder();
    let first = page(folder.path());
    assert!(first.contains("Every way to stop, over 40 stimuli"));
    run(folder.path(), &["report", "run"]).succeeds();
    assert_eq!(fs::read_to_string(folder.path().join("run/report.html")).unwrap(), first);
    let weights = format!("{}/data/weights/LeNet", env!("CARGO_MANIFEST_DIR"));
    run(folder.path(), &["curve", MODEL, "-w", &weights, "--nb-test", "30", "--out", "run"]).succeeds();
    run(folder.path(), &["report", "run"]).succeeds();
    let with_curve = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(with_curve.contains("Every way to stop, over 30 stimuli"));
    assert!(folder.path().join("run/report_figures/curve_reads.svg").is_file());
}

#[test]
fn a_folder_without_a_run_or_with_a_damaged_one_is_refused() {
    let folder = folder();
    run(folder.path(), &["report", "nowhere"]).fails(2, &["`nowhere`: expected the output folder of a run"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    run(folder.path(), &["report", "empty"]).fails(2, &["empty", "expected", "found"]);
    assert_eq!(fs::read_dir(folder.path().join("empty")).unwrap().count(), 0);
    page(folder.path());
    let kept = folder.path().join("run/report_data");
    for file in fs::read_dir(&kept).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "json") {
            fs::write(&path, "{\"classes\": 3").unwrap();
        }
    }
    let before = fs::read(folder.path().join("run/report.html")).unwrap();
    run(folder.path(), &["report", "run"]).fails(2, &["report", "json"]);
    fs::write(folder.path().join("run/summary.json"), "null").unwrap();
    run(folder.path(), &["report", "run"]).fails(2, &["summary.json", "`null`", "femtospike test MODEL.ini --out run"]);
    fs::remove_file(folder.path().join("run/summary.json")).unwrap();
    fs::remove_dir_all(&kept).unwrap();
    fs::write(folder.path().join("run/curve.json"), "{}").unwrap();
    run(folder.path(), &["report", "run"]).fails(2, &["curve.json", "missing field", "femtospike curve MODEL.ini"]);
    assert_eq!(fs::read(folder.path().join("run/report.html")).unwrap(), before);
}

#[test]
fn a_page_without_pictures_is_written_and_none_is_left_beside_newer_results() {
    let folder = folder();
    page(folder.path());
    let weights = format!("{}/data/weights/LeNet", env!("CARGO_MANIFEST_DIR"));
    run(folder.path(), &["test", MODEL, "-w", &weights, "--nb-test", "8", "--out", "run"]).succeeds();
    assert!(!folder.path().join("run/report.html").exists());
    run(folder.path(), &["report", "run"]).succeeds();
    let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(page.contains("<dd>8</dd>") && page.contains("--page"));
}

#[test]
fn a_file_in_the_way_of_the_pictures_stays_and_is_named() {
    let folder = folder();
    page(folder.path());
    let run_folder = folder.path().join("run");
    fs::remove_dir_all(run_folder.join("report_figures")).unwrap();
    fs::write(run_folder.join("report_figures"), "mine").unwrap();
    run(folder.path(), &["report", "run"]).fails(2, &["report_figures", "expected a folder", "move it elsewhere"]);
    assert_eq!(fs::read_to_string(run_folder.join("report_figures")).unwrap(), "mine");
    let weights = format!("{}/data/weights/LeNet", env!("CARGO_MANIFEST_DIR"));
    let again = ["test", MODEL, "-w", &weights, "--nb-test", "8", "--out", "run"];
    for (option, name) in
        [(&["--page"][..], "report_figures"), (&["--page"], "report_data"), (&["--record", "counts"], "record_spike")]
    {
        let blocked = run_folder.join(name);
        if blocked.is_dir() {
            fs::remove_dir_all(&blocked).unwrap();
        }
        fs::write(&blocked, "mine").unwrap();
        let summary = fs::read(run_folder.join("summary.json")).unwrap();
        run(folder.path(), &[&again[..], option].concat()).fails(2, &[name, "expected a folder", "--out DIR"]);
        assert_eq!(fs::read(run_folder.join("summary.json")).unwrap(), summary, "nothing is lost");
        run(folder.path(), &again).succeeds();
        assert_eq!(fs::read_to_string(&blocked).unwrap(), "mine");
    }
    for name in ["report_figures", "report_data", "record_spike"] {
        fs::remove_file(run_folder.join(name)).unwrap();
    }
    run(folder.path(), &[&again[..], &["--page"]].concat()).succeeds();
    fs::write(run_folder.join("report_data/stimuli.png"), b"\x89PNG\r\n\x1a\n cut").unwrap();
    run(folder.path(), &["report", "run"])
        .fails(2, &["stimuli.png", "stimuli.png", "femtospike test MODEL.ini --page --out run"]);
}

#[test]
fn targets_are_told_apart_with_their_metric_and_colors_and_large_pictures_become_small() {
    let folder = folder();
    let run_folder = folder.path().join("run");
    let large = RgbImage::from_fn(480, 360, |x, y| {
        let [r, g, b, _] = (x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b)).to_be_bytes();
        Rgb([r, g, b])
    });
    let target = |name: &str| {
        fs::create_dir_all(run_folder.join(name).join("test")).unwrap();
        fs::write(run_folder.join(name).join("Success_learning.dat"), "0 0.5\n1 0.75\n").unwrap();
        fs::write(run_folder.join(name).join("Success_validation.dat"), "1 0.25\n2 0.5\n").unwrap();
        large.save(run_folder.join(name).join("test/large.png")).unwrap();
        let stimulus = json!({ "name": "s", "success": 0.5, "remark": "", "pictures": vec!["test/large.png"; 3] });
        json!({
            "name": name, "folder": name, "classes": ["none", "<face>"], "counts": [[3, 1], [0, 4]],
            "figures": [["recognized", 0.875]], "stimuli": vec![stimulus; 12], "n_pictured": 40,
            "colors": [[[255, 0, 0], "0 none"], [[0, 255, 255], "1 <face>"]], "has_boxes": true,
        })
    };
    let targets = ["a.Target", "b.Target", "c.Target", "d.Target"].map(target);
    let tested = json!({ "targets": targets });
    fs::create_dir(run_folder.join("report_data")).unwrap();
    for set in ["test", "test_spike"] {
        fs::write(run_folder.join(format!("report_data/targets_{set}.json")), tested.to_string()).unwrap();
    }
    let ledger = json!({ "ledger": { "metric": "F1Score" } }).to_string();
    let header = json!({ "__metadata__": { "femtospike": ledger } }).to_string();
    let state = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    fs::write(run_folder.join("learning.safetensors"), state).unwrap();
    run(folder.path(), &["report", "run"]).succeeds();
    let page = fs::read_to_string(run_folder.join("report.html")).unwrap();
    for told in
        ["a.Target: success, %", "d.Target: success, %", "validation: F1Score", "1 &lt;face&gt;", "found in vain"]
    {
        assert!(page.contains(told), "{told}");
    }
    assert_eq!(page.matches("of 40 stimuli with pictures, the worst first").count(), 8, "some of each");
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}
