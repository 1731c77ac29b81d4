//! The spiking test: transcode, present every stimulus, count what it cost.

mod begin;
mod checkpoint;
pub mod curve;
pub mod figures;
mod one;
mod present;
mod record;
pub mod samples;
mod statistics;
pub mod targets;
mod timeline;

use std::time::Instant;

use anyhow::{Result, anyhow};
use formal::Network;
use sim::{Encoder, Plan, Real, SimTime};
use stats::{LatencySummary, SpikeStatistics};
use stimuli::{Set, StimulusId};

use super::interrupt;
use crate::failure::{Interrupted, wrong_input};
use crate::report::curves::success_text;
use crate::report::number::general;
use crate::report::progress::{Progress, note, result};
use crate::report::record as report_record;
use crate::report::summary::Summary;
use crate::report::{activity, spikes};
use crate::session::Session;
use crate::transcode::{self, Transcoded, normalization_name};
use crate::weights::Loaded;

pub use begin::{Begin, Resume};
pub use checkpoint::Answer;
use checkpoint::Checkpoint;
pub use one::run_one;
use present::{Came, Test};
pub use record::asked as record_asked;
use record::{Record, Wanted};
pub use timeline::Timeline;

/// The success of each stimulus.
const SUCCESS: &str = "test_success_spike.dat";
/// The statistics: a folder, and the name of a log.
const STATISTICS: &str = "stats_spike";
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

impl Prepared {
    /// Writes the factors and the scaled weights.
    fn write(&self, session: &Session) -> Result<()> {
        transcode::write(&session.output, &session.description, &self.transcoded)
    }
}

/// What a whole test gave.
pub struct Tested {
    /// In the order presented.
    pub answers: Vec<Answer>,
    /// What `stats_spike.log` tells.
    pub statistics: SpikeStatistics,
}

/// Transcodes the trained network.
///
/// # Errors
/// What has no spiking equivalent; Ctrl-C.
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
        session.prepare(Set::Learn)?;
        let started = Instant::now();
        ranges = transcode::activation_ranges(session, network, description.normalization)?;
        summary.normalization_seconds = Some(started.elapsed().as_secs_f64());
    }
    let factors = transcode::factors(description, &ranges, description.normalization)?;
    let seed = session.encoder_seed();
    let transcoded = transcode::transcode(description, &loaded.cells, factors, seed)?;
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

/// The spiking test of many stimuli, in parallel, and its summary; the bytes do not depend on the number of threads, nor on
/// where a test stopped that goes on.
///
/// # Errors
/// A file that cannot be written, after an attempt to write a checkpoint; a checkpoint of another network; Ctrl-C or the time
/// of `--checkpoint-after`, after a checkpoint and the logs of what was done.
pub fn run<F: Real>(
    session: &Session,
    prepared: &Prepared,
    ids: &[StimulusId],
    begin: Begin,
    summary: &mut Summary,
) -> Result<Tested> {
    let plan = plan::<F>(session, prepared)?;
    let wanted = Wanted::new(session, &plan)?;
    let test = Test { session, prepared, plan: &plan, ids, wanted: wanted.as_ref() };
    let (identity, mut reached) = begin.reached(&test)?;
    prepared.write(session)?;
    if reached.is_new() {
        remove_earlier(session)?;
    }
    for stale in [STATISTICS, "stimuli"] {
        session.output.clear(stale)?;
    }
    let n_answered = reached.n_answered() as u64;
    let mut record = wanted.as_ref().map(|wanted| wanted.open(&test, summary, n_answered)).transpose()?;
    interrupt::listen();
    let progress = Progress::go_on("Spiking", ids.len() as u64, n_answered);
    let path = session.output.path(checkpoint::FILE);
    let kept = |error: anyhow::Error, reached: &Checkpoint| match reached.save(&session.output, &plan, &identity) {
        Ok(()) => anyhow!("{error:#}; the checkpoint is in `{}`, go on with --resume", path.display()),
        Err(of_checkpoint) => anyhow!("{error:#}; no checkpoint is kept: {of_checkpoint:#}"),
    };
    if go_on(&test, &mut reached, record.as_mut(), &progress).map_err(|error| kept(error, &reached))? == Ended::Early {
        let saved = reached.save(&session.output, &plan, &identity);
        let logged =
            if reached.n_answered() > 0 { log_partly(&test, &reached, record.as_mut(), &progress) } else { Ok(()) };
        saved?;
        logged.map_err(|error| kept(error, &reached))?;
        progress.say(&format!(
            "stopped after {} of {} stimuli, with {} in mid-pattern; the checkpoint is in {}, go on with --resume",
            reached.n_answered(),
            ids.len(),
            reached.in_flight.len(),
            path.display()
        ));
        return Err(Interrupted.into());
    }
    drop(progress);
    if let Some(stop_at) = prepared.timeline.stop_at() {
        note(&format!("note: the test ended before --checkpoint-after {stop_at}; there is no checkpoint"));
    }
    let statistics = finish(&test, &reached, record.as_mut(), summary).map_err(|error| kept(error, &reached))?;
    session.output.remove(checkpoint::FILE)?;
    Ok(Tested { answers: reached.answers.into_iter().flatten().collect(), statistics })
}

/// Removes what an earlier test has left, so that all that lies in the folder is of one test.
fn remove_earlier(session: &Session) -> Result<()> {
    report_record::remove(&session.output)?;
    for name in [SUCCESS, &format!("{STATISTICS}.log")] {
        session.output.remove(name)?;
    }
    activity::remove_firing_rates(&session.output, &session.description)
}

/// How the presentation of the stimuli ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All are answered.
    Whole,
    /// The user or `--checkpoint-after` stopped it.
    Early,
}

/// Presents the stimuli that are not answered yet, with logs each time that a multiple of `--log` is.
fn go_on<F: Real>(
    test: &Test<'_, F>,
    reached: &mut Checkpoint,
    mut record: Option<&mut Record>,
    progress: &Progress,
) -> Result<Ended> {
    let log = usize::try_from(test.session.options.log.unwrap_or(DEFAULT_LOG)).unwrap_or(usize::MAX);
    let mut n_recorded = record_environment(test, reached, 0)?;
    let open: Vec<usize> = (0..test.ids.len()).filter(|&index| reached.answers[index].is_none()).collect();
    let mut rest = &open[..];
    while !rest.is_empty() {
        let until_log = log - reached.n_answered() % log;
        let most = record.as_ref().map_or(MAX_CHUNK, |record| record.batch());
        let (chunk, left) = rest.split_at(rest.len().min(until_log).min(most));
        rest = left;
        let ended = present_chunk(test, reached, chunk, record.as_deref_mut(), progress)?;
        n_recorded = record_environment(test, reached, n_recorded)?;
        if ended == Ended::Early {
            return Ok(ended);
        }
        let n = reached.n_answered();
        progress.advance(n as u64, String::new);
        if n.is_multiple_of(log) || rest.is_empty() {
            log_partly(test, reached, record.as_deref_mut(), progress)?;
        }
    }
    Ok(Ended::Whole)
}

/// Presents stimuli by number and notes what came of them.
fn present_chunk<F: Real>(
    test: &Test<'_, F>,
    reached: &mut Checkpoint,
    chunk: &[usize],
    record: Option<&mut Record>,
    progress: &Progress,
) -> Result<Ended> {
    let started = Instant::now();
    let (mut came, totals) = test.present_all(chunk, &reached.in_flight, progress)?;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(record) = record {
        let patterns = came.iter_mut().filter_map(|came| match came {
            Came::Done(_, pattern) => pattern.take().map(|pattern| *pattern),
            _ => None,
        });
        record.append(&patterns.collect::<Vec<_>>())?;
    }
    reached.seconds += seconds;
    reached.totals.merge(&totals);
    let mut ended = Ended::Whole;
    for (&index, came) in chunk.iter().zip(came) {
        match came {
            Came::Done(answer, _) => {
                reached.answers[index] = Some(answer);
                reached.in_flight.remove(&index);
                continue;
            }
            Came::Paused(state) => {
                reached.in_flight.insert(index, state);
            }
            Came::Nothing => {}
        }
        ended = Ended::Early;
    }
    Ok(ended)
}

/// Writes the environment's spikes of the first stimuli as soon as all before them are answered; how many are written.
fn record_environment<F: Real>(test: &Test<'_, F>, reached: &Checkpoint, mut n_recorded: usize) -> Result<usize> {
    while let Some(Some(answer)) = reached.answers[..test.ids.len().min(N_RECORDED)].get(n_recorded) {
        let name = format!("stimuli/stimuli_{n_recorded}_activity.dat");
        activity::write_environment(&test.session.output, &name, &test.environment(n_recorded, answer)?)?;
        n_recorded += 1;
    }
    Ok(n_recorded)
}

/// The logs of what was done so far.
fn log_partly<F: Real>(
    test: &Test<'_, F>,
    reached: &Checkpoint,
    record: Option<&mut Record>,
    progress: &Progress,
) -> Result<()> {
    let (session, success) = (test.session, success(test, reached));
    let n = success.len() as u64;
    let rate = success.iter().sum::<f64>() / n as f64;
    let counted = statistics::statistics(session, test.plan, &reached.totals, n);
    session.output.write(SUCCESS, success_text(&success, 0))?;
    spikes::write(&session.output, STATISTICS, &counted, None)?;
    if let Some(record) = record {
        record.tell_synapses(test.plan, &reached.totals)?;
    }
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
fn finish<F: Real>(
    test: &Test<'_, F>,
    reached: &Checkpoint,
    record: Option<&mut Record>,
    summary: &mut Summary,
) -> Result<SpikeStatistics> {
    let (session, plan, success) = (test.session, test.plan, success(test, reached));
    let rate = success.iter().sum::<f64>() / success.len() as f64;
    let counted = statistics::statistics(session, plan, &reached.totals, success.len() as u64);
    let reads = statistics::cell_reads(session, plan, &reached.totals);
    session.output.write(SUCCESS, success_text(&success, 0))?;
    spikes::write(&session.output, STATISTICS, &counted, Some(&reads))?;
    activity::write_firing_rates(&session.output, &session.description, &reached.totals)?;
    if let Some(record) = record {
        record.tell_synapses(plan, &reached.totals)?;
        record.finish()?;
    }
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
    summary.write(&session.output)?;
    Ok(counted)
}

/// 1 for each answer that is right, else 0.
fn success<F>(test: &Test<'_, F>, reached: &Checkpoint) -> Vec<f64> {
    let is_right = |(&id, answer): (&StimulusId, &Option<Answer>)| {
        answer.map(|answer| f64::from(u8::from(answer.response == Some(test.session.class(id)))))
    };
    test.ids.iter().zip(&reached.answers).filter_map(is_right).collect()
}

fn plan<F: Real>(session: &Session, prepared: &Prepared) -> Result<Plan<F>> {
    Plan::new(&prepared.transcoded.network)
        .map_err(|e| wrong_input(format!("{}: {e}", session.description.stimuli.span.file)))
}
