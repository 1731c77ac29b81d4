//! The spiking test: transcode, present every stimulus, count what it cost.

mod checkpoint;
mod present;
mod statistics;
mod timeline;

use std::time::Instant;

use anyhow::Result;
use formal::Network;
use sha2::{Digest, Sha256};
use sim::network::Source;
use sim::recorder::Raster;
use sim::{Encoder, Plan, Real, SimTime, Totals};
use stats::LatencySummary;
use stimuli::{Set, StimulusId};

use super::interrupt;
use crate::failure::{Interrupted, wrong_input};
use crate::report::comparison;
use crate::report::curves::success_text;
use crate::report::number::{general, grouped};
use crate::report::progress::{Progress, note, result};
use crate::report::summary::Summary;
use crate::report::{activity, spikes};
use crate::session::Session;
use crate::transcode::{self, Transcoded, normalization_name};
use crate::weights::Loaded;

use checkpoint::{Answer, Checkpoint, Identity};
use present::{Came, Test, Worker};
pub use timeline::Timeline;

/// Stimuli of which the environment's spikes are written out.
const N_RECORDED: usize = 10;
/// Stimuli presented at a time at most.
const MAX_CHUNK: usize = 1000;
/// Stimuli between partial logs when nothing says how many.
const DEFAULT_LOG: u64 = 1000;

/// What a spiking test needs.
pub struct Prepared {
    transcoded: Transcoded,
    encoder: Encoder,
    seed: u64,
    timeline: Timeline,
}

/// Transcodes the trained network and writes its factors and scaled weights.
///
/// # Errors
/// What has no spiking equivalent; a file that cannot be written.
pub fn prepare(
    session: &Session,
    network: &mut Network,
    loaded: &Loaded,
    timeline: Timeline,
    summary: &mut Summary,
) -> Result<Prepared> {
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
    summary.clock = Some(timeline.clock().to_string());
    Ok(Prepared { transcoded, encoder, seed: u64::from(seed), timeline })
}

/// The spiking test of many stimuli, in parallel; the bytes do not depend on the number of threads, nor on where a test
/// stopped that `resume` goes on with.
///
/// # Errors
/// A file that cannot be written; a checkpoint of another test; Ctrl-C or the time of `--checkpoint-after`, after the logs of
/// what was done and a checkpoint.
pub fn run<F: Real>(
    session: &Session,
    prepared: &Prepared,
    ids: &[StimulusId],
    resume: Resume,
    summary: &mut Summary,
) -> Result<()> {
    let plan = plan::<F>(session, prepared)?;
    let test = Test { session, prepared, plan: &plan, ids };
    let identity = identity(session, prepared, ids, summary);
    let mut reached = resume.from(session, &plan, &identity, ids.len())?;
    interrupt::listen();
    let log = usize::try_from(session.options.log.unwrap_or(DEFAULT_LOG)).unwrap_or(usize::MAX);
    let progress = Progress::start("Spiking", ids.len() as u64);
    for stale in ["stats_spike", "stimuli"] {
        session.output.clear(stale)?;
    }
    let mut n_recorded = 0;
    let all: Vec<usize> = (0..ids.len()).collect();
    for chunk in all.chunks(log.min(MAX_CHUNK)) {
        let open: Vec<usize> = chunk.iter().copied().filter(|&index| reached.answers[index].is_none()).collect();
        let started = Instant::now();
        let (came, totals) = test.present_all(&open, &reached.in_flight)?;
        reached.seconds += started.elapsed().as_secs_f64();
        reached.totals.merge(&totals);
        let mut is_stopped = false;
        for (&index, came) in open.iter().zip(came) {
            is_stopped |= !matches!(came, Came::Done(_));
            match came {
                Came::Done(answer) => {
                    reached.answers[index] = Some(answer);
                    reached.in_flight.remove(&index);
                }
                Came::Paused(state) => {
                    reached.in_flight.insert(index, state);
                }
                Came::Nothing => {}
            }
        }
        while let Some(Some(answer)) = reached.answers[..ids.len().min(N_RECORDED)].get(n_recorded) {
            let name = format!("stimuli/stimuli_{n_recorded}_activity.dat");
            activity::write_environment(&session.output, &name, &test.environment(n_recorded, answer))?;
            n_recorded += 1;
        }
        let n = reached.n_answered();
        progress.advance(n as u64, String::new);
        let is_over = chunk.last() == all.last();
        if open.is_empty() || !(n.is_multiple_of(log) || is_over || is_stopped) {
            continue;
        }
        if n > 0 {
            log_partly(&test, &reached, &progress)?;
        }
        if is_stopped {
            reached.save(&session.output, &plan, &identity)?;
            progress.say(&format!(
                "stopped after {n} of {} stimuli, with {} in mid-pattern; the checkpoint is in {}, go on with --resume",
                ids.len(),
                reached.in_flight.len(),
                session.output.path(checkpoint::FILE).display()
            ));
            return Err(Interrupted.into());
        }
    }
    drop(progress);
    finish(&test, &reached, summary)?;
    session.output.remove(checkpoint::FILE)
}

/// The logs of what was done so far.
fn log_partly<F: Real>(test: &Test<'_, F>, reached: &Checkpoint, progress: &Progress) -> Result<()> {
    let (session, success) = (test.session, success(test, reached));
    let n = success.len() as u64;
    let rate = success.iter().sum::<f64>() / n as f64;
    let counted = statistics::statistics(session, test.plan, &reached.totals, n);
    session.output.write("test_success_spike.dat", success_text(&success, 0))?;
    spikes::write(&session.output, "stats_spike", &counted, None)?;
    progress.log(
        n,
        &format!(
            "success rate: {:.2}%, {} reads per virtual synapse per pattern",
            100.0 * rate,
            general(counted.reads_per_virtual_synapse_per_pattern())
        ),
    );
    Ok(())
}

/// The logs and the summary of the whole test.
fn finish<F: Real>(test: &Test<'_, F>, reached: &Checkpoint, summary: &mut Summary) -> Result<()> {
    let (session, plan, success) = (test.session, test.plan, success(test, reached));
    let rate = success.iter().sum::<f64>() / success.len() as f64;
    let counted = statistics::statistics(session, plan, &reached.totals, success.len() as u64);
    let reads = statistics::cell_reads(session, plan, &reached.totals);
    session.output.write("test_success_spike.dat", success_text(&success, 0))?;
    spikes::write(&session.output, "stats_spike", &counted, Some(&reads))?;
    activity::write_firing_rates(&session.output, &session.description, &reached.totals)?;
    result(&format!(
        "Final spiking recognition rate: {:.2}%    (error rate: {:.2}%)",
        100.0 * rate,
        100.0 - 100.0 * rate
    ));
    result(&format!(
        "Network activity (events/connection/pattern): {}",
        general(counted.reads_per_virtual_synapse_per_pattern())
    ));
    summary.spiking_recognition_rate = Some(rate);
    summary.spiking_seconds = Some(reached.seconds);
    let latencies = reached.answers.iter().flatten().map(|answer| answer.latency.map(SimTime));
    statistics::fill(summary, &counted, &LatencySummary::of(latencies));
    Ok(())
}

/// 1 for each answer that is right, else 0.
fn success<F>(test: &Test<'_, F>, reached: &Checkpoint) -> Vec<f64> {
    let database = test.session.database();
    let is_right = |(&id, answer): (&StimulusId, &Option<Answer>)| {
        answer.map(|answer| f64::from(u8::from(answer.response == Some(database.label(id)))))
    };
    test.ids.iter().zip(&reached.answers).filter_map(is_right).collect()
}

/// What the results of a test depend on.
fn identity(session: &Session, prepared: &Prepared, ids: &[StimulusId], summary: &Summary) -> Identity {
    let short = |hash: &str| hash.chars().take(16).collect::<String>();
    let (description, options) = (&session.description, &session.options);
    let mut stimuli = Sha256::new();
    ids.iter().for_each(|&id| stimuli.update((id as u64).to_le_bytes()));
    let stimuli: String = stimuli.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let values = [
        ("version of the program", env!("CARGO_PKG_VERSION").to_string()),
        ("text of the model (sha256)", short(&description.sha256)),
        ("weights (sha256)", short(summary.weights_sha256.as_deref().unwrap_or_default())),
        ("--seed", session.seed.to_string()),
        ("--encoder-seed", prepared.seed.to_string()),
        ("--float", format!("{:?}", options.float).to_lowercase()),
        ("--normalization", normalization_name(description.normalization).to_string()),
        ("--pooling", format!("{:?}", description.pooling).to_lowercase()),
        ("--present-time", options.present_time.to_string()),
        ("clock", prepared.timeline.clock().to_string()),
        ("stimuli", format!("{} ({stimuli})", ids.len())),
    ];
    values.map(|(name, value)| (name.to_string(), value)).to_vec()
}

/// Where a test begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// At its beginning.
    Nothing,
    /// Where the checkpoint says that there must be.
    Checkpoint,
    /// There if it is one of this test, else at the beginning.
    IfThere,
}

impl Resume {
    fn from<F: Real>(self, session: &Session, plan: &Plan<F>, identity: &Identity, n: usize) -> Result<Checkpoint> {
        let path = session.output.path(checkpoint::FILE);
        if self == Self::Nothing || (self == Self::IfThere && !path.exists()) {
            return Ok(Checkpoint::new(plan, n));
        }
        match Checkpoint::load(&path, plan, identity) {
            Err(error) if self == Self::IfThere => {
                note(&format!("note: the spiking test begins anew: {error}"));
                Ok(Checkpoint::new(plan, n))
            }
            reached => reached,
        }
    }
}

fn plan<F: Real>(session: &Session, prepared: &Prepared) -> Result<Plan<F>> {
    Plan::new(&prepared.transcoded.network)
        .map_err(|e| wrong_input(format!("{}: {e}", session.description.stimuli.span.file)))
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
    let test = Test { session, prepared, plan: &plan, ids: &[id] };
    let mut worker = Worker::new(&test);
    let mut raster = Raster::default();
    let started = Instant::now();
    let outcome = worker.present(&test, 0, &mut raster);
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
    let counted = statistics::statistics(session, &plan, &totals, 1);
    spikes::write(&session.output, "stats-test-idx", &counted, Some(&statistics::cell_reads(session, &plan, &totals)))?;
    activity::write_all(&session.output, &session.description, &raster)?;
    compare(session, network, &worker, id)?;
    summary.spiking_recognition_rate = Some(f64::from(u8::from(is_right)));
    summary.spiking_seconds = Some(seconds);
    statistics::fill(summary, &counted, &LatencySummary::of([outcome.decided_at]));
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
