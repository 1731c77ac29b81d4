//! The benchmark suite's table and its JSON.

use serde::Serialize;

use super::number::{grouped, significant};
use crate::bench::line::{Bound, Figure, Line, Reads, Target, Unit};
use crate::bench::measure::Spread;
use crate::bench::{Failure, Record};

const LABEL: usize = 48;
const VALUE: usize = 10;
const SPREAD: usize = 22;
const READS: usize = 15;
const TARGET: usize = 35;

/// What makes the figures comparable, and the columns' heads.
pub fn header(record: &Record) -> String {
    let cpu = &record.cpu;
    let mut text = format!(
        "femtospike {}, seed {}, {} cores, {} ({}), lines of several threads on {}",
        record.version, record.seed, cpu.cores, cpu.architecture, cpu.vector_instructions, record.threads
    );
    if record.quick {
        text += "\na smoke run: its figures mean nothing";
    }
    text + "\nv.synapse: virtual synapse; the target is for the median\n\n"
        + &row("", "median", "least to most", "reads/v.synapse", "target", "")
}

/// A line of the table: what was run, the two things, their ratio, further figures.
pub fn text(line: &Line) -> String {
    let mut text = format!("[{}] {}", line.name, line.what);
    for side in &line.sides {
        let (takes, unit) = side.takes.amount();
        let reads = side.reads.map_or(String::new(), |reads: Reads| significant(reads.reads_per_virtual_synapse, 3));
        text += "\n";
        text += &row(&side.name, &shown(takes.median, unit), &spread(takes, unit), &reads, "", "");
    }
    for figure in line.all_figures() {
        text += "\n";
        text += &figure_row(figure);
    }
    text
}

/// A line that could not be measured.
pub fn failure(failure: &Failure) -> String {
    format!("[{}] not measured: {}", failure.name, failure.error)
}

/// The record as JSON, with the unit of each figure beside it.
pub fn json(record: &Record) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&document(record))? + "\n")
}

/// The record for programs.
pub fn document(record: &Record) -> impl Serialize + '_ {
    #[derive(Serialize)]
    struct File<'a> {
        benchmark: &'static str,
        #[serde(flatten)]
        record: &'a Record,
    }
    File { benchmark: "femtospike", record }
}

/// A figure as a row, with its target and whether it is met.
pub(super) fn figure_row(figure: &Figure) -> String {
    let (target, met) = figure.target.map_or_else(Default::default, |target| judged(&target, figure.unit));
    row(&figure.name, &shown(figure.value.median, figure.unit), &spread(figure.value, figure.unit), "", &target, met)
}

/// The least and the most; nothing for a figure that is exact.
fn spread(value: Spread, unit: Unit) -> String {
    if value.least == value.most {
        return String::new();
    }
    format!("{} to {}", shown(value.least, unit), shown(value.most, unit))
}

fn judged(target: &Target, unit: Unit) -> (String, &'static str) {
    let sign = match target.bound {
        Bound::AtLeast => ">=",
        Bound::AtMost => "<=",
    };
    let stretch = target.stretch.map_or(String::new(), |stretch| format!(" (stretch {})", shown(stretch, unit)));
    let met = match (target.is_met, target.is_stretch_met) {
        (true, true) => "met, stretch too",
        (true, false) => "met",
        (false, _) => "missed",
    };
    (format!("{sign} {}{stretch}", shown(target.value, unit)), met)
}

fn row(label: &str, value: &str, spread: &str, reads: &str, target: &str, met: &str) -> String {
    let row = format!("  {label:<LABEL$} {value:>VALUE$}   {spread:<SPREAD$} {reads:<READS$} {target:<TARGET$} {met}");
    row.trim_end().to_string()
}

/// A value with its unit, three significant digits.
fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => significant(value, 3),
        Unit::Share => format!("{} %", significant(100.0 * value, 3)),
        Unit::Bytes if value >= 1e4 => format!("{} B", grouped(value as u64)),
        Unit::Bytes => format!("{} B", significant(value, 3)),
        Unit::PerSecond => format!("{} M/s", rounded(value / 1e6)),
        Unit::BytesPerSecond => format!("{} GB/s", rounded(value / 1e9)),
        Unit::FlopPerSecond => format!("{} Gflop/s", rounded(value / 1e9)),
        Unit::Seconds => {
            let (scale, unit) = match value.abs() {
                v if v >= 1.0 => (1.0, "s"),
                v if v >= 1e-3 => (1e3, "ms"),
                v if v >= 1e-6 => (1e6, "us"),
                _ => (1e9, "ns"),
            };
            format!("{} {unit}", significant(value * scale, 3))
        }
    }
}

fn rounded(value: f64) -> String {
    if value >= 100.0 { grouped(value.round() as u64) } else { significant(value, 3) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Comparison;

    #[test]
    fn values_carry_their_unit() {
        for (value, unit, expected) in [
            (0.6049, Unit::Ratio, "0.605"),
            (58.2, Unit::Ratio, "58.2"),
            (1234.0, Unit::Ratio, "1.23e+03"),
            (0.1512, Unit::Share, "15.1 %"),
            (2.5, Unit::Seconds, "2.5 s"),
            (0.2e-3, Unit::Seconds, "200 us"),
            (19.96e-9, Unit::Seconds, "20 ns"),
            (8.0, Unit::Bytes, "8 B"),
            (192_060.0, Unit::Bytes, "192,060 B"),
            (1.2e9, Unit::PerSecond, "1,200 M/s"),
            (3.35e12, Unit::BytesPerSecond, "3,350 GB/s"),
            (5.12e13, Unit::FlopPerSecond, "51,200 Gflop/s"),
        ] {
            assert_eq!(shown(value, unit), expected);
        }
    }

    #[test]
    fn a_line_says_what_it_compares_and_whether_its_targets_are_met() {
        let spread = |median: f64| Spread { median, least: 0.9 * median, most: 1.1 * median };
        let compared = Comparison { seconds: [spread(2.0), spread(1.0)], ratio: spread(2.0) };
        let reads = Some(Reads { synaptic_events: 1000, reads_per_virtual_synapse: 0.567 });
        let line = Line::new("threads/x", "10 images", compared, [("1 thread", reads), ("2 threads", reads)]);
        let line = line
            .ratio(Bound::AtLeast, 1.9)
            .figure(Figure::new("all", Unit::Seconds, spread(1.0)).target(Bound::AtMost, 0.8).stretch(0.5));
        let text = text(&line);
        let rows: Vec<Vec<&str>> =
            text.lines().map(|row| row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
        assert_eq!(rows[0], ["[threads/x] 10 images"]);
        assert_eq!(rows[1], ["1 thread", "2 s", "1.8 s to 2.2 s", "0.567"]);
        assert_eq!(rows[3], ["ratio, time", "2", "1.8 to 2.2", ">= 1.9", "met"]);
        assert_eq!(rows[4], ["all", "1 s", "900 ms to 1.1 s", "<= 800 ms (stretch 500 ms)", "missed"]);
    }
}
