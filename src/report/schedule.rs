//! The rates that learning will have (`formal.md` 9.4).

use std::fmt::Write;

use anyhow::Result;
use formal::config::Operator;
use formal::{Network, ParameterKind};

use super::number::general;
use super::picture::{Chart, Curve};
use crate::model::Description;
use crate::output::{OutputFolder, file_name};

/// Points of a schedule, about.
const MOST_POINTS: u64 = 10_000;
/// Batches that are looked at; the rates of later ones are left out.
const MOST_BATCHES: u64 = 10_000_000;

/// How a learning goes, in stimuli.
pub struct Course {
    /// All of them.
    pub total: u64,
    /// Of one batch.
    pub batch: u64,
    /// Of the Learn set.
    pub epoch: u64,
    /// Between two logs; 0: only at the end.
    pub log: u64,
    /// Whether the last batch of an epoch is short.
    pub by_epochs: bool,
}

impl Course {
    /// The number of batches and, for each of them, the stimuli learned before it.
    fn batches(&self) -> (u64, impl Fn(u64) -> u64 + use<>) {
        let Self { total, batch, epoch, by_epochs, .. } = *self;
        let of_epoch = epoch.div_ceil(batch).max(1);
        let n = if by_epochs { total / epoch.max(1) * of_epoch } else { total.div_ceil(batch) };
        let before = move |number: u64| match by_epochs {
            true => number / of_epoch * epoch + number % of_epoch * batch,
            false => number * batch,
        };
        (n, before)
    }
}

/// Writes `schedule/<layer>_weights_schedule.log`, `_bias_schedule.log` and `_scale_schedule.log`: `<step> <iteration> <epoch>
/// <rate> <is log>` a line, where the rate changes or a log falls, and a picture beside each.
///
/// # Errors
/// A file cannot be written.
pub fn write(output: &OutputFolder, description: &Description, network: &Network, course: &Course) -> Result<()> {
    output.clear("schedule")?;
    let (n_batches, before) = course.batches();
    let n_batches = n_batches.min(MOST_BATCHES);
    let parameters = network.parameters();
    let mut schedules: Vec<Schedule> = parameters.iter().map(|_| Schedule::default()).collect();
    let spacing = n_batches.div_ceil(MOST_POINTS);
    let mut next_log = course.log.max(1);
    network.foresee_rates(n_batches, |batch, rates| {
        let (before, is_last) = (before(batch), batch + 1 == n_batches);
        let is_log = is_last || (course.log > 0 && before >= next_log);
        while course.log > 0 && next_log <= before {
            next_log += course.log;
        }
        for (schedule, &rate) in schedules.iter_mut().zip(rates) {
            if (is_log || schedule.rate != Some(rate)) && (is_last || batch >= schedule.next) {
                let epoch = before / course.epoch.max(1);
                schedule.add(batch, epoch, rate, is_log);
                schedule.next = batch + spacing;
            }
        }
    });
    for (info, Schedule { text, curve, .. }) in parameters.into_iter().zip(schedules) {
        let is_norm = matches!(description.cells[info.cell].operator, Operator::BatchNorm(_));
        let kind = match info.kind {
            ParameterKind::Bias => "bias",
            ParameterKind::Weights if is_norm => "scale",
            ParameterKind::Weights => "weights",
        };
        let stem = format!("schedule/{}_{kind}_schedule", file_name(&info.cell_name));
        output.write(format!("{stem}.log"), text)?;
        let title = format!("Learning rate of {}, {kind}", info.cell_name);
        let curves = vec![Curve { name: "rate", points: curve }];
        let chart = Chart { title: &title, x_label: "batches", x_is_log: false, curves, mark: None };
        output.write(format!("{stem}.png"), chart.png()?)?;
    }
    Ok(())
}

/// The schedule of one parameter.
#[derive(Default)]
struct Schedule {
    text: String,
    curve: Vec<(f64, f64)>,
    rate: Option<f64>,
    /// The first batch that may be written.
    next: u64,
}

impl Schedule {
    fn add(&mut self, batch: u64, epoch: u64, rate: f64, is_log: bool) {
        let _ = writeln!(self.text, "{batch} {} {epoch} {} {}", batch + 1, general(rate), u8::from(is_log));
        // A step, not a slope.
        self.curve.extend(self.rate.map(|old| (batch as f64, old)));
        self.curve.push((batch as f64, rate));
        self.rate = Some(rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_batch_ends_an_epoch() {
        let course = Course { total: 200, batch: 32, epoch: 100, log: 0, by_epochs: true };
        let (n, before) = course.batches();
        assert_eq!(n, 8);
        assert_eq!((0..n).map(before).collect::<Vec<_>>(), [0, 32, 64, 96, 100, 132, 164, 196]);
        let (n, before) = Course { by_epochs: false, ..course }.batches();
        assert_eq!((n, before(6)), (7, 192));
    }
}
