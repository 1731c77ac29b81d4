//! The spiking test of one stimulus.

use std::time::Instant;

use anyhow::Result;
use formal::Network;
use sim::network::Source;
use sim::recorder::Raster;
use sim::{Real, SimTime, Totals};
use stats::LatencySummary;
use stimuli::{Set, StimulusId};

use super::present::{Test, Worker};
use super::record::Wanted;
use super::{Prepared, plan, statistics};
use crate::report::number::grouped;
use crate::report::progress::result;
use crate::report::summary::Summary;
use crate::report::{activity, comparison, spikes};
use crate::session::Session;

/// The test of the stimulus at a place in the test set, at its time of the whole test: a report of the outputs, its statistics,
/// frame values beside spike counts, the summary.
///
/// # Errors
/// A file that cannot be written.
pub fn run_one<F: Real>(
    session: &Session,
    prepared: &Prepared,
    network: &mut Network,
    place: usize,
    summary: &mut Summary,
) -> Result<()> {
    let plan = plan::<F>(session, prepared)?;
    prepared.write(session)?;
    let ids = session.database().set(Set::Test);
    let id = ids[place];
    let wanted = Wanted::new(session, &plan)?;
    let test = Test { session, prepared, plan: &plan, ids, wanted: wanted.as_ref() };
    let mut worker = Worker::new(&test);
    let mut raster = Raster::default();
    let started = Instant::now();
    let outcome = worker.present(&test, place, &mut raster)?;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(wanted) = &wanted {
        wanted.record_one(&test, place, &mut worker, summary)?;
    }
    let mut totals = Totals::new(&plan);
    totals.add(&worker.state);
    let target = session.target_cell();
    for (output, count) in worker.state.counts(Source::Cell(target)).iter().enumerate() {
        let net = count.net();
        let winner = if outcome.response == Some(output) { " ***" } else { "" };
        result(&format!("out #{output}: {net} (= {} - {}){winner}", count.positive, count.negative));
    }
    let label = session.class(id);
    let is_right = outcome.response == Some(label);
    let response = outcome.response.map_or("none (no output spike)".to_string(), |r| r.to_string());
    result(&format!("label {label}, response {response}{}", if is_right { "" } else { "    [FAIL]" }));
    let counted = statistics::statistics(session, &plan, &totals, 1);
    spikes::write(&session.output, "stats-test-idx", &counted, Some(&statistics::cell_reads(session, &plan, &totals)))?;
    activity::write_all(&session.output, &session.description, &raster)?;
    compare(session, network, &worker, id)?;
    summary.spiking_recognition_rate = Some(f64::from(u8::from(is_right)));
    summary.spiking_seconds = Some(seconds);
    statistics::fill(summary, &counted, &LatencySummary::of([test.answer(place, &outcome).latency.map(SimTime)]));
    summary.write(&session.output)
}

fn compare<F: Real>(session: &Session, network: &mut Network, worker: &Worker<F>, id: StimulusId) -> Result<()> {
    network.infer(&worker.values, 1);
    network.check()?;
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
