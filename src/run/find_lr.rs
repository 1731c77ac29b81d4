//! The exponential learning-rate range test (`formal.md` 12.4).

use std::fmt::Write;

use anyhow::Result;
use formal::{Network, Wanted};
use stimuli::{Set, batches};

use super::interrupt;
use super::targets::{self, Judge};
use crate::report::number::general;
use crate::report::picture::{Chart, Curve};
use crate::report::progress::Progress;
use crate::session::Session;

const LOWEST_RATE: f64 = 1e-6;
const RATE_SPAN: f64 = 1e7;
const N_SAMPLES: usize = 100;

/// Runs the test over `n` stimuli, writes `find_lr_<target>.dat` (`rate loss` a line), `find_lr_smoothed.dat` and the
/// picture of both, and returns the suggested rate, `None` if the loss never falls.
///
/// # Errors
/// A file that cannot be written; Ctrl-C.
pub fn run(session: &Session, network: &mut Network, n: u64) -> Result<Option<f64>> {
    super::learn::check_learns(session, network)?;
    let learn_set = session.database().set(Set::Learn);
    let batch = session.description.stimuli.batch_size;
    let shape = session.provider.shape();
    let mut data = vec![0.0; batch * shape.channels * shape.height * shape.width];
    let judge = if session.description.has_target_maps() { Some(Judge::new(session)?) } else { None };
    let mut points = Vec::new();
    interrupt::listen();
    let progress = Progress::start("Exploring", n);
    for step in 0..n.div_ceil(batch as u64) {
        let i = step * batch as u64;
        let rate = LOWEST_RATE * (i as f64 * RATE_SPAN.ln() / n as f64).exp();
        let ids = batches::random(u64::from(session.seed), step, learn_set, batch);
        // With several targets the loss is the sum of theirs.
        let loss = if let Some(judge) = &judge {
            let labels = judge.load_presentations(session, &ids, i, &mut data)?;
            let learn = |wanted: &[Wanted<'_>]| network.learn_towards(&data, wanted, step, Some(rate)).to_vec();
            let reports = targets::wanted(judge, &data, &labels, learn);
            reports.iter().map(|report| report.squared_error).sum()
        } else {
            session.load_presentations(&ids, i, &mut data)?;
            let labels: Vec<Option<usize>> = ids.iter().map(|&id| session.database().label(id)).collect();
            let values = session.wanted(&ids, Set::Learn, &data)?;
            let wanted = if session.is_data_target() { Wanted::Values(&values) } else { Wanted::Classes(&labels) };
            network.learn_towards(&data, &[wanted], step, Some(rate))[0].squared_error
        };
        network.check()?;
        if !loss.is_finite() {
            progress
                .say(&format!("the loss is no longer a number from rate {} on: the test ends there", general(rate)));
            break;
        }
        points.push((rate, loss));
        progress.advance(i + batch as u64, || format!("rate {} loss {}", general(rate), general(loss)));
        interrupt::check()?;
    }
    let mut text = String::new();
    for (rate, loss) in &points {
        let _ = writeln!(text, "{} {}", general(*rate), general(*loss));
    }
    session.output.write(format!("find_lr_{}.dat", session.target_folder()), text)?;
    let smoothed = bezier(&points, N_SAMPLES);
    let text: String = smoothed.iter().map(|(rate, loss)| format!("{} {}\n", general(*rate), general(*loss))).collect();
    session.output.write("find_lr_smoothed.dat", text)?;
    let suggested = suggest(&smoothed);
    let chart = Chart {
        title: "Learning-rate range test",
        x_label: "learning rate",
        x_is_log: true,
        mark: suggested.map(|rate| (rate, format!("suggested {}", general(rate)))),
        curves: vec![Curve { name: "loss", points }, Curve { name: "smoothed", points: smoothed }],
    };
    session.output.write(format!("find_lr_{}.png", session.target_folder()), chart.png()?)?;
    Ok(suggested)
}

/// The Bezier curve whose control points are (ln rate, loss), at `n` parameters from first to last point.
fn bezier(points: &[(f64, f64)], n: usize) -> Vec<(f64, f64)> {
    let Some(&last) = points.last() else { return Vec::new() };
    let degree = points.len() - 1;
    let mut log_binomial = vec![0.0; points.len()];
    for k in 1..points.len() {
        log_binomial[k] = log_binomial[k - 1] + ((degree + 1 - k) as f64 / k as f64).ln();
    }
    (0..n)
        .map(|sample| {
            let t = sample as f64 / (n - 1) as f64;
            if sample == 0 || degree == 0 {
                return points[0];
            }
            if sample == n - 1 {
                return last;
            }
            let (mut x, mut y) = (0.0, 0.0);
            for (k, (rate, loss)) in points.iter().enumerate() {
                let weight = (log_binomial[k] + k as f64 * t.ln() + (degree - k) as f64 * (1.0 - t).ln()).exp();
                x += weight * rate.ln();
                y += weight * loss;
            }
            (x.exp(), y)
        })
        .collect()
}

/// The middle of the last interval, below the starting loss, in which the smoothed loss falls to its minimum.
fn suggest(smoothed: &[(f64, f64)]) -> Option<f64> {
    let start = smoothed.first()?.1;
    let mut bound = 0;
    for i in 1..smoothed.len() {
        if smoothed[i].1 < smoothed[bound].1 {
            bound = i;
        }
    }
    let mut interval: Option<(usize, usize)> = None;
    for i in 1..=bound {
        let falls = smoothed[i].1 < start && smoothed[i].1 < smoothed[i - 1].1;
        interval = match (falls, interval) {
            (true, Some((first, last))) if last + 1 == i => Some((first, i)),
            (true, _) => Some((i, i)),
            (false, interval) => interval,
        };
    }
    interval.map(|(first, last)| (smoothed[first].0 + smoothed[last].0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELATIVE: f64 = 1e-9;

    #[test]
    fn the_suggestion_is_the_middle_of_the_last_fall_to_the_minimum() {
        let losses = [1.0, 1.0, 0.9, 0.7, 0.5, 0.6, 2.0];
        let curve: Vec<(f64, f64)> =
            losses.iter().enumerate().map(|(i, &loss)| (10f64.powi(i as i32 - 5), loss)).collect();
        let expected = (1e-3 + 1e-1) / 2.0;
        assert!((suggest(&curve).unwrap() / expected - 1.0).abs() < RELATIVE);
        assert_eq!(suggest(&[(1e-3, 1.0), (1e-2, 2.0)]), None);
        assert_eq!(suggest(&[]), None);
    }

    #[test]
    fn a_bezier_curve_of_a_line_is_the_line() {
        let points: Vec<(f64, f64)> = (0..50).map(|i| ((i as f64 / 10.0).exp(), i as f64)).collect();
        for (rate, loss) in bezier(&points, 20) {
            assert!((rate.ln() * 10.0 - loss).abs() < 1e-6, "{rate} {loss}");
        }
    }
}
