//! What a spiking test records of each stimulus, and for whom.

use anyhow::Result;
use formal::config::Operator;
use sim::network::Source;
use sim::recorder::{Nothing, Potentials, Raster};
use sim::{Decisions, Fans, Outcome, Plan, Real, SimDuration, State, Totals};

use super::present::{Test, Worker};
use crate::cli::Options;
use crate::config;
use crate::failure::wrong_input;
use crate::model::Description;
use crate::report::record::{
    self, Count, Depth, ENVIRONMENT, FRAMES, Format, Header, Pattern, Population, Sink, Trace,
};
use crate::report::summary::Summary;
use crate::session::Session;

/// Entries of patterns that wait to be written, about.
const MOST_ENTRIES: usize = 1 << 20;
/// Patterns that wait to be written at most.
const MOST_PATTERNS: usize = 256;

/// What is asked for; `None` where nothing is.
///
/// # Errors
/// All that is wrong with the options, at once.
pub fn asked(options: &Options, description: &Description) -> Result<Option<(Depth, Vec<Trace>)>> {
    let mut faults = Vec::new();
    let mut traces: Vec<Trace> = Vec::new();
    for word in &options.trace {
        match trace(word, description) {
            Err(fault) => faults.push(fault),
            Ok(trace) => {
                let is_same = |other: &&Trace| (other.cell_index, other.neuron) == (trace.cell_index, trace.neuron);
                if traces.iter().find(is_same).is_none() {
                    traces.push(trace);
                }
            }
        }
    }
    let records = options.record.is_some() || !options.trace.is_empty();
    if options.record_to.is_some() && !records {
        faults.push("--record-to: expected --record DEPTH or --trace CELL:NEURON beside it, found neither".to_string());
    }
    if options.record_to == Some(Format::Hdf5) && !cfg!(feature = "hdf5") {
        faults.push(
            "--record-to hdf5: expected a program built with HDF5, found one without; build it with `cargo build --release \
             --features hdf5` (docs/record.md says what that needs), or record to csv"
                .to_string(),
        );
    }
    if !faults.is_empty() {
        return Err(wrong_input(faults.join("\n")));
    }
    Ok(records.then(|| (options.record.unwrap_or(Depth::Decisions), traces)))
}

/// What is asked for in words, `none` where nothing is.
pub fn named(options: &Options) -> String {
    if options.record.is_none() && options.trace.is_empty() {
        return "none".to_string();
    }
    let depth = format!("{:?}", options.record.unwrap_or(Depth::Decisions)).to_lowercase();
    let format = if options.record_to == Some(Format::Hdf5) { " to hdf5" } else { "" };
    let traces = if options.trace.is_empty() { String::new() } else { format!(", traces {}", options.trace.join(",")) };
    format!("{depth}{format}{traces}")
}

/// A neuron with a membrane potential, from `CELL:NEURON`.
fn trace(word: &str, description: &Description) -> Result<Trace, String> {
    let (name, number) = word.rsplit_once(':').ok_or_else(|| {
        format!("--trace: expected the name of a cell and the number of a neuron, such as `fc1:4`, found `{word}`")
    })?;
    let is_weighted = |operator: &Operator| matches!(operator, Operator::Conv(_) | Operator::Fc(_));
    let Some(index) = description.cells.iter().position(|cell| cell.name == name) else {
        let names = description.cells.iter().filter(|cell| is_weighted(&cell.operator)).map(|cell| cell.name.as_str());
        let near =
            config::nearest(name, names.clone()).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let names = names.collect::<Vec<_>>().join(", ");
        return Err(format!("--trace {word}: expected one of the cells {names}, found `{name}`{near}"));
    };
    let cell = &description.cells[index];
    if !is_weighted(&cell.operator) {
        return Err(format!(
            "--trace {word}: expected a cell whose neurons have membrane potentials (Conv, Fc), found one that has none"
        ));
    }
    let n = cell.output_shape.n_elements();
    match number.trim().parse::<usize>() {
        Ok(neuron) if neuron < n => Ok(Trace { cell: name.to_string(), neuron, cell_index: index }),
        _ => Err(format!("--trace {word}: expected a neuron from 0 to {} ({n} in `{name}`), found `{number}`", n - 1)),
    }
}

/// What is looked at of each stimulus; shared by all workers.
pub struct Wanted {
    depth: Depth,
    traces: Vec<Trace>,
    fans: Option<Fans>,
}

impl Wanted {
    /// As the options say; `None` where nothing is.
    ///
    /// # Errors
    /// As [`asked`].
    pub fn new<F: Real>(session: &Session, plan: &Plan<F>) -> Result<Option<Self>> {
        let asked = asked(&session.options, &session.description)?;
        Ok(asked.map(|(depth, traces)| {
            let fans = (depth >= Depth::Events || !traces.is_empty()).then(|| Fans::new(plan));
            Self { depth, traces, fans }
        }))
    }

    /// Begins the record, or goes on after the first `n` stimuli.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open<F: Real>(&self, test: &Test<'_, F>, summary: &Summary, n: u64) -> Result<Record> {
        self.open_for(test, test.ids.len(), summary, n)
    }

    fn open_for<F: Real>(&self, test: &Test<'_, F>, n_stimuli: usize, summary: &Summary, n: u64) -> Result<Record> {
        let (session, description) = (test.session, &test.session.description);
        let format = session.options.record_to.unwrap_or_default();
        let shape = session.provider.shape();
        let environment = Population {
            name: ENVIRONMENT.to_string(),
            channels: shape.channels,
            height: shape.height,
            width: shape.width,
            synapses: None,
        };
        let cells = description.cells.iter().map(|cell| {
            let (input, output) = (cell.input_shape, cell.output_shape);
            let synapses = match &cell.operator {
                Operator::Conv(conv) => Some([conv.n_outputs, input.channels, conv.kernel.height, conv.kernel.width]),
                Operator::Fc(fc) => Some([fc.n_outputs, input.channels, input.height, input.width]),
                _ => None,
            };
            let (channels, height, width) = (output.channels, output.height, output.width);
            Population { name: cell.name.clone(), channels, height, width, synapses }
        });
        let header = Header {
            format: 1,
            model: description.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            seed: u64::from(session.seed),
            encoder_seed: test.prepared.seed,
            ini_sha256: description.sha256.clone(),
            weights_sha256: summary.weights_sha256.clone().unwrap_or_default(),
            float: format!("{:?}", session.options.float).to_lowercase(),
            depth: self.depth,
            stimuli: n_stimuli as u64,
            present_time_fs: session.options.present_time.0,
            populations: std::iter::once(environment).chain(cells).collect(),
            traces: self.traces.clone(),
        };
        let sink = record::open(&session.output, format, header, n)?;
        Ok(Record { sink, entries_a_pattern: None })
    }
}

/// What a worker looks with: every spike, read events, potentials.
pub struct Eyes<'a>(pub Seen<'a>);

/// What they have seen of a stimulus.
pub type Seen<'a> = (Raster, (Decisions<'a>, Potentials));

impl<'a> Eyes<'a> {
    /// Those of a worker; `None` where the counts tell all.
    pub fn new<F: Real>(wanted: &'a Wanted, plan: &Plan<F>) -> Option<Self> {
        let fans = wanted.fans.as_ref()?;
        let neurons: Vec<_> = wanted.traces.iter().map(|trace| (trace.cell_index, trace.neuron)).collect();
        Some(Self((Raster::default(), (Decisions::new(fans, &[]), Potentials::new(plan, &neurons)))))
    }

    /// Forgets the last stimulus.
    pub fn clear(&mut self) {
        let (raster, (decisions, potentials)) = &mut self.0;
        raster.spikes.clear();
        decisions.clear();
        potentials.entries.clear();
    }
}

impl Wanted {
    /// Presents the one stimulus of a test, and records it.
    ///
    /// # Errors
    /// It cannot be read, or the record not be written.
    pub fn record_one<F: Real>(
        &self,
        test: &Test<'_, F>,
        index: usize,
        worker: &mut Worker<F>,
        summary: &Summary,
    ) -> Result<()> {
        record::remove(&test.session.output)?;
        let mut record = self.open_for(test, 1, summary, 0)?;
        let mut eyes = Eyes::new(self, test.plan);
        let outcome = match &mut eyes {
            Some(eyes) => worker.present(test, index, &mut eyes.0)?,
            None => worker.present(test, index, &mut Nothing)?,
        };
        let seen = eyes.as_ref().map(|eyes| &eyes.0);
        record.append(&[self.pattern(test, index, &outcome, &worker.state, seen)])?;
        let mut totals = Totals::new(test.plan);
        totals.add(&worker.state);
        record.tell_synapses(test.plan, &totals)?;
        record.finish()
    }

    /// What there is to tell of the stimulus of a number that was presented.
    pub fn pattern<F: Real>(
        &self,
        test: &Test<'_, F>,
        index: usize,
        outcome: &Outcome,
        state: &State<F>,
        seen: Option<&Seen<'_>>,
    ) -> Pattern {
        let (id, answer) = (test.ids[index], test.answer(index, outcome));
        let mut pattern = Pattern {
            index: index as u64,
            id: id as u64,
            label: test.session.class(id),
            response: answer.response,
            latency: answer.latency,
            start: test.prepared.timeline.start(index),
            n_spikes: outcome.n_spikes,
            counts: Vec::new(),
            reads: Vec::new(),
            spikes: Vec::new(),
            potentials: Vec::new(),
            frames: Vec::new(),
        };
        if self.depth >= Depth::Counts {
            let cells = (0..test.plan.network().cells.len()).map(Source::Cell);
            for (population, source) in std::iter::once(Source::Environment).chain(cells).enumerate() {
                let spiking = state.counts(source).into_iter().enumerate().filter(|(_, count)| count.total() > 0);
                pattern.counts.extend(spiking.map(|(neuron, count)| Count {
                    population,
                    neuron,
                    positive: count.positive,
                    negative: count.negative,
                }));
            }
        }
        let Some((raster, (decisions, potentials))) = seen else { return pattern };
        if self.depth >= Depth::Events {
            pattern.reads = decisions.reads().to_vec();
        }
        if self.depth >= Depth::Raster {
            pattern.spikes.clone_from(&raster.spikes);
        }
        let place = |cell: usize, neuron: usize| {
            self.traces.iter().position(|trace| (trace.cell_index, trace.neuron) == (cell, neuron))
        };
        pattern.potentials.clone_from(&potentials.entries);
        pattern.potentials.sort_by_key(|entry| place(entry.cell, entry.neuron));
        if test.session.options.record_to == Some(Format::Hdf5) {
            pattern.frames = self.frames(test, &pattern);
        }
        pattern
    }

    /// The potentials of the traced neurons at regular times, `[frame][trace]`.
    fn frames<F: Real>(&self, test: &Test<'_, F>, pattern: &Pattern) -> Vec<f32> {
        let present_time = test.session.options.present_time.0;
        // A decision ends a presentation after the femtosecond of its spike.
        let end = pattern.latency.map_or(present_time, |latency| (latency + 1).min(present_time));
        let mut frames = vec![f32::NAN; FRAMES as usize * self.traces.len()];
        for (column, trace) in self.traces.iter().enumerate() {
            let (cell, neuron) = (trace.cell_index, trace.neuron);
            let of = pattern.potentials.iter().filter(|entry| (entry.cell, entry.neuron) == (cell, neuron));
            let mut entries = of.map(|entry| ((entry.time - pattern.start).0, entry.potential)).peekable();
            let mut last = (0, 0.0);
            for frame in 0..FRAMES {
                let time = (u128::from(frame) * u128::from(present_time) / u128::from(FRAMES)) as u64;
                while let Some(entry) = entries.next_if(|entry| entry.0 <= time) {
                    last = entry;
                }
                if time < end {
                    let potential = test.plan.potential_after(cell, neuron, last.1, SimDuration(time - last.0));
                    frames[frame as usize * self.traces.len() + column] = potential as f32;
                }
            }
        }
        frames
    }
}

/// A record that is being written.
pub struct Record {
    sink: Box<dyn Sink>,
    entries_a_pattern: Option<usize>,
}

impl Record {
    /// How many stimuli to present before the next are written, so that what waits has a bound.
    pub fn batch(&self) -> usize {
        let least = rayon::current_num_threads();
        let fits = self.entries_a_pattern.map_or(4 * least, |n| MOST_ENTRIES / n.max(1));
        fits.clamp(least, MOST_PATTERNS.max(least))
    }

    /// Writes what the next stimuli gave.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, patterns: &[Pattern]) -> Result<()> {
        if patterns.is_empty() {
            return Ok(());
        }
        self.entries_a_pattern = patterns.iter().map(Pattern::n_entries).max();
        self.sink.append(patterns)
    }

    /// Writes what the synapses have read so far.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn tell_synapses<F: Real>(&mut self, plan: &Plan<F>, totals: &Totals) -> Result<()> {
        self.sink.tell_synapses(&plan.reads(totals))
    }

    /// Ends the record of a whole test.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(&mut self) -> Result<()> {
        self.sink.finish()
    }
}
