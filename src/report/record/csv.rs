//! The record as tables of comma-separated values beside a `record.json`.
//!
//! Rows are added a batch of patterns at a time; then `record.json` counts the patterns that are
//! whole. So a run that is killed leaves all batches before the last, and at most rows of one more.

use anyhow::{Result, anyhow};
use rayon::prelude::*;
use serde::Serialize;
use sim::network::Source;

use super::{Depth, FOLDER, Header, Pattern, Sink};
use crate::failure::wrong_input;
use crate::output::{GrowingFile, OutputFolder};

const HEADER: &str = "record.json";
const SYNAPSES: &str = "synapses.csv";
/// All that may be in the folder.
pub const FILES: [&str; 7] = [HEADER, SYNAPSES, "patterns.csv", "counts.csv", "reads.csv", "spikes.csv", "traces.csv"];

/// A table with rows of each pattern.
struct Table {
    name: &'static str,
    columns: &'static str,
    rows: fn(&Names, &Pattern, &mut Text),
}

const PATTERNS: Table =
    Table { name: "patterns.csv", columns: "pattern,id,label,response,latency_fs,start_fs,spikes", rows: patterns };
const COUNTS: Table =
    Table { name: "counts.csv", columns: "pattern,population,neuron,positive,negative", rows: counts };
const READS: Table = Table { name: "reads.csv", columns: "pattern,cell,read_events", rows: reads };
const SPIKES: Table = Table { name: "spikes.csv", columns: "pattern,population,neuron,time_fs,sign", rows: spikes };
const TRACES: Table =
    Table { name: "traces.csv", columns: "pattern,cell,neuron,time_fs,potential,fired", rows: traces };

/// What rows need to know of the header.
struct Names {
    /// Of the populations, quoted where they must be.
    populations: Vec<String>,
    /// Whether the population has synapses.
    has_synapses: Vec<bool>,
    present_time: u64,
}

/// The tables.
pub struct Csv {
    output: OutputFolder,
    header: Header,
    names: Names,
    tables: Vec<(Table, GrowingFile)>,
    n_patterns: u64,
}

impl Csv {
    /// Begins the tables, or goes on with them after `n` patterns.
    pub fn open(output: &OutputFolder, header: Header, n: u64) -> Result<Self> {
        let mut tables = vec![PATTERNS];
        if header.depth >= Depth::Counts {
            tables.push(COUNTS);
        }
        if header.depth >= Depth::Events {
            tables.push(READS);
        }
        if header.depth >= Depth::Raster {
            tables.push(SPIKES);
        }
        if !header.traces.is_empty() {
            tables.push(TRACES);
        }
        let open = |table: Table| -> Result<(Table, GrowingFile)> {
            let name = format!("{FOLDER}/{}", table.name);
            if n == 0 {
                let file = output.begin(&name, format!("{}\n", table.columns).as_bytes())?;
                return Ok((table, file));
            }
            let is_before = |row: &str| {
                let pattern = row.split(',').next().and_then(|pattern| pattern.parse::<u64>().ok());
                row == table.columns || pattern.is_some_and(|pattern| pattern < n)
            };
            let (file, n_rows) = output.go_on(&name, is_before)?;
            if table.name == PATTERNS.name && n_rows != n + 1 {
                return Err(anyhow!("found {} patterns in `{name}`", n_rows.saturating_sub(1)));
            }
            Ok((table, file))
        };
        let tables = tables.into_iter().map(open).collect::<Result<Vec<_>>>().map_err(|error| {
            if n == 0 {
                return error;
            }
            wrong_input(format!(
                "--resume: expected the record of the {n} stimuli that are answered in `{}`: {error:#}; test without --resume",
                output.path(FOLDER).display()
            ))
        })?;
        let names = Names {
            populations: header.populations.iter().map(|population| quoted(&population.name)).collect(),
            has_synapses: header.populations.iter().map(|population| population.synapses.is_some()).collect(),
            present_time: header.present_time_fs,
        };
        let csv = Self { output: output.clone(), header, names, tables, n_patterns: n };
        csv.write_header(false)?;
        Ok(csv)
    }

    fn write_header(&self, is_complete: bool) -> Result<()> {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(flatten)]
            header: &'a Header,
            /// Patterns that are whole in every table.
            patterns: u64,
            /// Whether the test came to its end.
            complete: bool,
        }
        let whole = Whole { header: &self.header, patterns: self.n_patterns, complete: is_complete };
        self.output.write(format!("{FOLDER}/{HEADER}"), serde_json::to_string_pretty(&whole)? + "\n")
    }
}

impl Sink for Csv {
    fn append(&mut self, patterns: &[Pattern]) -> Result<()> {
        for (table, file) in &mut self.tables {
            let texts: Vec<Text> = patterns
                .par_iter()
                .map(|pattern| {
                    let mut text = Text::default();
                    (table.rows)(&self.names, pattern, &mut text);
                    text
                })
                .collect();
            for text in texts {
                file.append(&text.bytes)?;
            }
        }
        self.n_patterns += patterns.len() as u64;
        self.write_header(false)
    }

    fn tell_synapses(&mut self, reads: &[Vec<Option<u64>>]) -> Result<()> {
        if self.header.depth < Depth::Events {
            return Ok(());
        }
        let mut text = Text::default();
        text.bytes.extend_from_slice(b"cell,output,channel,y,x,read_events\n");
        for (cell, reads) in reads.iter().enumerate() {
            let Some([_, n_channels, height, width]) = self.header.populations[cell + 1].synapses else { continue };
            for (synapse, reads) in reads.iter().enumerate() {
                // A pair that is not connected has no synapse.
                let Some(reads) = *reads else { continue };
                let (x, y) = (synapse % width, synapse / width % height);
                let (channel, output) =
                    (synapse / (width * height) % n_channels, synapse / (width * height * n_channels));
                text.word(&self.names.populations[cell + 1]);
                for number in [output, channel, y, x] {
                    text.number(number);
                }
                text.number(reads);
                text.end();
            }
        }
        self.output.write(format!("{FOLDER}/{SYNAPSES}"), text.bytes)
    }

    fn finish(&mut self) -> Result<()> {
        self.write_header(true)
    }
}

/// Bytes of a row, about.
const ROW: usize = 32;

/// Rows as they are made.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
}

impl Text {
    fn word(&mut self, word: &str) {
        self.bytes.extend_from_slice(word.as_bytes());
        self.bytes.push(b',');
    }

    fn number(&mut self, number: impl itoa::Integer) {
        self.word(itoa::Buffer::new().format(number));
    }

    /// The beginning of a row that many rows share, with its comma.
    fn begin(&mut self, beginning: &[u8]) {
        self.bytes.extend_from_slice(beginning);
    }

    /// Nothing where there is no number.
    fn maybe(&mut self, number: Option<impl itoa::Integer>) {
        match number {
            Some(number) => self.number(number),
            None => self.word(""),
        }
    }

    /// Ends a row: a line break takes the place of the last comma.
    fn end(&mut self) {
        self.bytes.pop();
        self.bytes.push(b'\n');
    }
}

impl Names {
    /// How the rows of a pattern begin, by population: each is made once, not once a row.
    fn beginnings(&self, pattern: u64) -> Vec<Vec<u8>> {
        self.populations.iter().map(|name| format!("{pattern},{name},").into_bytes()).collect()
    }
}

fn patterns(names: &Names, pattern: &Pattern, text: &mut Text) {
    text.number(pattern.index);
    text.number(pattern.id);
    text.number(pattern.label);
    text.maybe(pattern.response);
    text.maybe(pattern.latency);
    text.number(u128::from(pattern.index) * u128::from(names.present_time));
    text.number(pattern.n_spikes);
    text.end();
}

fn counts(names: &Names, pattern: &Pattern, text: &mut Text) {
    let beginnings = names.beginnings(pattern.index);
    text.bytes.reserve(ROW * pattern.counts.len());
    for count in &pattern.counts {
        text.begin(&beginnings[count.population]);
        text.number(count.neuron);
        text.number(count.positive);
        text.number(count.negative);
        text.end();
    }
}

fn reads(names: &Names, pattern: &Pattern, text: &mut Text) {
    for (cell, &reads) in pattern.reads.iter().enumerate().filter(|&(cell, _)| names.has_synapses[cell + 1]) {
        text.number(pattern.index);
        text.word(&names.populations[cell + 1]);
        text.number(reads);
        text.end();
    }
}

fn spikes(names: &Names, pattern: &Pattern, text: &mut Text) {
    let beginnings = names.beginnings(pattern.index);
    text.bytes.reserve(ROW * pattern.spikes.len());
    for spike in &pattern.spikes {
        let population = match spike.source {
            Source::Environment => 0,
            Source::Cell(cell) => cell + 1,
        };
        text.begin(&beginnings[population]);
        text.number(spike.neuron);
        text.number((spike.time - pattern.start).0);
        text.word(if spike.sign.value() > 0 { "1" } else { "-1" });
        text.end();
    }
}

fn traces(names: &Names, pattern: &Pattern, text: &mut Text) {
    for entry in &pattern.potentials {
        text.number(pattern.index);
        text.word(&names.populations[entry.cell + 1]);
        text.number(entry.neuron);
        text.number((entry.time - pattern.start).0);
        text.word(&entry.potential.to_string());
        text.number(entry.fired.map_or(0, |sign| sign.value()));
        text.end();
    }
}

/// A name as a field of a table.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_where_it_must_be() {
        assert_eq!(["conv1", "a,b", "a\"b"].map(quoted), ["conv1", "\"a,b\"", "\"a\"\"b\""]);
    }
}
