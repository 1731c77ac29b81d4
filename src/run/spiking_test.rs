//! The spiking test: transcode, present every stimulus, count what it cost.

use std::time::Instant;

use anyhow::Result;
use formal::Network;
use rayon::prelude::*;
use sim::network::Source;
use sim::recorder::{Nothing, Raster};
use sim::{Encoder, Outcome, Plan, Presentation, Real, State, Totals};
use stats::{CellSpikes, LatencySummary, SpikeStatistics};
use stimuli::{Set, StimulusId};

use super::interrupt;
use crate::failure::{Interrupted, wrong_input};
use crate::report::comparison;
use crate::report::curves::success_text;
use crate::report::number::{general, grouped};
use crate::report::progress::{Progress, result};
use crate::report::spikes::{CellReads, SynapseLayout};
use crate::report::summary::{Latency, Summary};
use crate::report::{activity, spikes};
use crate::session::Session;
use crate::transcode::{self, Transcoded, normalization_name};
use crate::weights::Loaded;

/// Stimuli of which the environment's spikes are written out.
const N_RECORDED: usize = 10;
/// Stimuli a worker takes at a time.
const BLOCK: usize = 32;
/// Stimuli between looks at Ctrl-C at most.
const MAX_CHUNK: usize = 1000;
/// Stimuli between partial logs when nothing says how many.
const DEFAULT_LOG: u64 = 1000;

/// What a spiking test needs.
pub struct Prepared {
    transcoded: Transcoded,
    encoder: Encoder,
    seed: u64,
}

/// Transcodes the trained network and writes its factors and scaled weights.
///
/// # Errors
/// What has no spiking equivalent; a file that cannot be written.
pub fn prepare(session: &Session, network: &mut Network, loaded: &Loaded, summary: &mut Summary) -> Result<Prepared> {
    let description = &session.description;
    transcode::check(description, Some(&loaded.cells))?;
    let mut ranges = Vec::new();
    if description.normalization != crate::model::Normalization::None {
        session.provider.prepare(Set::Learn);
        let started = Instant::now();
        ranges = transcode::activation_ranges(session, network, description.normalization)?;
        summary.normalization_seconds = Some(started.elapsed().as_secs_f64());
    }
    let factors = transcode::factors(description, &ranges, description.normalization)?;
    let seed = session.options.encoder_seed.unwrap_or(session.seed);
    let transcoded = transcode::transcode(description, &loaded.cells, factors, seed)?;
    transcode::write(&session.output, description, &transcoded)?;
    let config = description.stimuli.encoder.clone().unwrap_or_default();
    let encoder = Encoder::new(config).map_err(|e| wrong_input(format!("{}: {e}", description.stimuli.span)))?;
    summary.normalization = Some(normalization_name(description.normalization).to_string());
    summary.pooling = Some(format!("{:?}", description.pooling).to_lowercase());
    summary.terminate_delta = Some(description.cells[session.target_cell()].spiking.terminate_delta);
    summary.present_time_fs = Some(session.options.present_time.0);
    summary.float = Some(format!("{:?}", session.options.float).to_lowercase());
    summary.encoder_seed = session.options.encoder_seed.filter(|&s| s != session.seed).map(u64::from);
    Ok(Prepared { transcoded, encoder, seed: u64::from(seed) })
}

/// The spiking test of many stimuli, in parallel; the bytes do not depend on the number of threads.
///
/// # Errors
/// A file that cannot be written; Ctrl-C, after the logs of what was done.
pub fn run<F: Real>(session: &Session, prepared: &Prepared, ids: &[StimulusId], summary: &mut Summary) -> Result<()> {
    let plan = plan::<F>(session, prepared)?;
    interrupt::listen();
    let database = session.database();
    let log = usize::try_from(session.options.log.unwrap_or(DEFAULT_LOG)).unwrap_or(usize::MAX);
    let progress = Progress::start("Spiking", ids.len() as u64);
    for stale in ["stats_spike", "stimuli"] {
        session.output.clear(stale)?;
    }
    let n_stimuli = ids.len();
    record_first(session, prepared, &plan, &ids[..ids.len().min(N_RECORDED)])?;
    let mut totals = Totals::new(&plan);
    let (mut success, mut decisions) = (Vec::new(), Vec::new());
    let mut seconds = 0.0;
    for ids in ids.chunks(log.min(MAX_CHUNK)) {
        let started = Instant::now();
        let (outcomes, chunk) = present_all(session, prepared, &plan, ids);
        seconds += started.elapsed().as_secs_f64();
        totals.merge(&chunk);
        for (&id, outcome) in ids.iter().zip(&outcomes) {
            success.push(if outcome.response == Some(database.label(id)) { 1.0 } else { 0.0 });
            decisions.push(outcome.decided_at);
        }
        progress.advance(success.len() as u64, String::new);
        let is_interrupted = interrupt::requested();
        if !success.len().is_multiple_of(log) && success.len() < n_stimuli && !is_interrupted {
            continue;
        }
        let rate = success.iter().sum::<f64>() / success.len() as f64;
        let statistics = statistics(session, &plan, &totals, success.len() as u64);
        session.output.write("test_success_spike.dat", success_text(&success, 0))?;
        spikes::write(&session.output, "stats_spike", &statistics, None)?;
        progress.log(
            success.len() as u64,
            &format!(
                "success rate: {:.2}%, {} reads per virtual synapse per pattern",
                100.0 * rate,
                general(statistics.reads_per_virtual_synapse_per_pattern())
            ),
        );
        if is_interrupted && success.len() < n_stimuli {
            progress.say(&format!(
                "interrupted after {} of {n_stimuli} stimuli; what they gave is in stats_spike.log and test_success_spike.dat",
                success.len()
            ));
            return Err(Interrupted.into());
        }
    }
    drop(progress);
    let rate = success.iter().sum::<f64>() / success.len() as f64;
    let statistics = statistics(session, &plan, &totals, success.len() as u64);
    spikes::write(&session.output, "stats_spike", &statistics, Some(&cell_reads(session, &plan, &totals)))?;
    activity::write_firing_rates(&session.output, &session.description, &totals)?;
    result(&format!(
        "Final spiking recognition rate: {:.2}%    (error rate: {:.2}%)",
        100.0 * rate,
        100.0 - 100.0 * rate
    ));
    result(&format!(
        "Network activity (events/connection/pattern): {}",
        general(statistics.reads_per_virtual_synapse_per_pattern())
    ));
    summary.spiking_recognition_rate = Some(rate);
    summary.spiking_seconds = Some(seconds);
    fill(summary, &statistics, &LatencySummary::of(decisions));
    Ok(())
}

fn fill(summary: &mut Summary, statistics: &SpikeStatistics, latency: &LatencySummary) {
    const FS_PER_NS: f64 = 1e6;
    summary.read_events_per_virtual_synapse_per_pattern = Some(statistics.reads_per_virtual_synapse_per_pattern());
    summary.synaptic_events = Some(statistics.reads());
    summary.events = Some(statistics.events());
    summary.undecided = Some(latency.undecided);
    if latency.decided > 0 {
        summary.decision_latency_ns =
            Some(Latency { mean: latency.mean_fs / FS_PER_NS, p95: latency.p95_fs as f64 / FS_PER_NS });
    }
}

fn plan<F: Real>(session: &Session, prepared: &Prepared) -> Result<Plan<F>> {
    Plan::new(&prepared.transcoded.network)
        .map_err(|e| wrong_input(format!("{}: {e}", session.description.stimuli.span.file)))
}

/// What a worker keeps between stimuli.
struct Worker<F: Real> {
    state: State<F>,
    values: Vec<f32>,
}

impl<F: Real> Worker<F> {
    fn new(session: &Session, plan: &Plan<F>) -> Self {
        Self { state: State::new(plan), values: vec![0.0; session.provider.shape().n_elements()] }
    }

    fn present(
        &mut self,
        session: &Session,
        prepared: &Prepared,
        plan: &Plan<F>,
        id: StimulusId,
        recorder: &mut impl sim::recorder::Recorder,
    ) -> Outcome {
        session.provider.load(id, Set::Test, &mut self.values);
        let presentation =
            Presentation { values: &self.values, stimulus: id as u64, duration: session.options.present_time };
        sim::present(plan, &mut self.state, &prepared.encoder, prepared.seed, &presentation, recorder)
    }
}

fn present_all<F: Real>(
    session: &Session,
    prepared: &Prepared,
    plan: &Plan<F>,
    ids: &[StimulusId],
) -> (Vec<Outcome>, Totals) {
    let blocks: Vec<(Vec<Outcome>, Totals)> = ids
        .par_chunks(BLOCK)
        .map_init(
            || Worker::new(session, plan),
            |worker, ids| {
                let mut totals = Totals::new(plan);
                let outcomes = ids
                    .iter()
                    .map(|&id| {
                        let outcome = worker.present(session, prepared, plan, id, &mut Nothing);
                        totals.add(&worker.state);
                        outcome
                    })
                    .collect();
                (outcomes, totals)
            },
        )
        .collect();
    let mut totals = Totals::new(plan);
    let mut outcomes = Vec::with_capacity(ids.len());
    for (of_block, totals_of_block) in blocks {
        outcomes.extend(of_block);
        totals.merge(&totals_of_block);
    }
    (outcomes, totals)
}

/// Writes the environment's spikes of the first stimuli.
fn record_first<F: Real>(session: &Session, prepared: &Prepared, plan: &Plan<F>, ids: &[StimulusId]) -> Result<()> {
    let mut worker = Worker::new(session, plan);
    for (index, &id) in ids.iter().enumerate() {
        let mut raster = Raster::default();
        worker.present(session, prepared, plan, id, &mut raster);
        activity::write_environment(&session.output, &format!("stimuli/stimuli_{index}_activity.dat"), &raster)?;
    }
    Ok(())
}

/// The test of one stimulus: a report of the outputs, its statistics, frame values beside spike counts.
///
/// # Errors
/// A file that cannot be written.
pub fn run_one<F: Real>(
    session: &Session,
    prepared: &Prepared,
    network: &mut Network,
    id: StimulusId,
    summary: &mut Summary,
) -> Result<()> {
    let plan = plan::<F>(session, prepared)?;
    let mut worker = Worker::new(session, &plan);
    let mut raster = Raster::default();
    let started = Instant::now();
    let outcome = worker.present(session, prepared, &plan, id, &mut raster);
    let seconds = started.elapsed().as_secs_f64();
    let mut totals = Totals::new(&plan);
    totals.add(&worker.state);
    let target = session.target_cell();
    for (output, count) in worker.state.counts(Source::Cell(target)).iter().enumerate() {
        let net = count.net();
        let winner = if outcome.response == Some(output) { " ***" } else { "" };
        result(&format!("out #{output}: {net} (= {} - {}){winner}", count.positive, count.negative));
    }
    let label = session.database().label(id);
    let is_right = outcome.response == Some(label);
    let response = outcome.response.map_or("none (no output spike)".to_string(), |r| r.to_string());
    result(&format!("label {label}, response {response}{}", if is_right { "" } else { "    [FAIL]" }));
    let statistics = statistics(session, &plan, &totals, 1);
    spikes::write(&session.output, "stats-test-idx", &statistics, Some(&cell_reads(session, &plan, &totals)))?;
    activity::write_all(&session.output, &session.description, &raster)?;
    compare(session, network, &worker, id)?;
    summary.spiking_recognition_rate = Some(f64::from(u8::from(is_right)));
    summary.spiking_seconds = Some(seconds);
    fill(summary, &statistics, &LatencySummary::of([outcome.decided_at]));
    Ok(())
}

fn compare<F: Real>(session: &Session, network: &mut Network, worker: &Worker<F>, id: StimulusId) -> Result<()> {
    network.infer(&worker.values, 1);
    let net_counts =
        |source: Source| -> Vec<i64> { worker.state.counts(source).iter().map(|count| count.net()).collect() };
    let cells = &session.description.cells;
    let counts: Vec<Vec<i64>> = (0..cells.len()).map(|cell| net_counts(Source::Cell(cell))).collect();
    let environment = net_counts(Source::Environment);
    let mut layers = vec![comparison::Layer {
        name: "env",
        shape: session.provider.shape(),
        flat: false,
        formal: &worker.values,
        spikes: &environment,
    }];
    for (index, cell) in cells.iter().enumerate() {
        layers.push(comparison::Layer {
            name: &cell.name,
            shape: cell.output_shape,
            flat: matches!(cell.operator, formal::config::Operator::Fc(_)),
            formal: network.output(index),
            spikes: &counts[index],
        });
    }
    comparison::write(&session.output, "compare-test-idx", &layers)?;
    result(&format!("Pattern {}: frame values beside spike counts in compare-test-idx/", grouped(id as u64)));
    Ok(())
}

/// The statistics of `patterns` stimuli.
fn statistics<F: Real>(session: &Session, plan: &Plan<F>, totals: &Totals, patterns: u64) -> SpikeStatistics {
    let description = &session.description;
    let events = |source: Source| totals.counts(source).iter().map(|count| count.total()).sum();
    let channels = session.provider.shape().n_elements() as u64;
    let mut layers = vec![CellSpikes {
        name: "env".to_string(),
        nodes: channels,
        events: events(Source::Environment),
        ..CellSpikes::default()
    }];
    let reads = plan.reads(totals);
    for (index, cell) in description.cells.iter().enumerate() {
        let sizes = crate::report::network::sizes(cell);
        layers.push(CellSpikes {
            name: cell.name.clone(),
            nodes: sizes.nodes,
            neurons: sizes.neurons,
            events: events(Source::Cell(index)),
            terminate_delta: matches!(cell.operator, formal::config::Operator::Fc(_))
                .then_some(cell.spiking.terminate_delta),
            synapses: sizes.synapses,
            virtual_synapses: sizes.virtual_synapses,
            connections: sizes.connections,
            reads: reads[index].iter().flatten().sum(),
            max_reads: reads[index].iter().flatten().copied().max().unwrap_or(0),
        });
    }
    SpikeStatistics { patterns, channels, layers }
}

/// The reads of every synapse, for the logs of the cells.
fn cell_reads<F: Real>(session: &Session, plan: &Plan<F>, totals: &Totals) -> Vec<CellReads> {
    let description = &session.description;
    let reads = plan.reads(totals);
    let mut cells = Vec::new();
    for (index, cell) in description.cells.iter().enumerate() {
        let (n_outputs, layout, with_bias) = match &cell.operator {
            formal::config::Operator::Conv(conv) => {
                let n_channels = cell.input_shape.channels;
                let connected = conv.mapping.clone().unwrap_or_else(|| vec![true; conv.n_outputs * n_channels]);
                let kernel = (conv.kernel.width, conv.kernel.height);
                let output = (cell.output_shape.width, cell.output_shape.height);
                (conv.n_outputs, SynapseLayout::Conv { kernel, n_channels, connected, output }, !conv.no_bias)
            }
            formal::config::Operator::Fc(fc) => {
                (fc.n_outputs, SynapseLayout::Fc { n_inputs: cell.input_shape.n_elements() }, !fc.no_bias)
            }
            _ => continue,
        };
        cells.push(CellReads {
            name: cell.name.clone(),
            n_outputs,
            layout,
            reads: reads[index].iter().map(|count| count.unwrap_or(0)).collect(),
            virtual_synapses: crate::report::network::sizes(cell).virtual_synapses,
            with_bias,
        });
    }
    cells
}
