//! What `femtospike stats` tells: on the terminal, as JSON, and as tables.

mod files;

use std::fmt::Write;

use sim::SimTime;
use stats::operations::Layer;
use stats::spikes::per;
use stats::{Answers, BREAK_EVENS, Confusion, Costs, LatencySummary, Operations, Tally, latency};

use super::number::{general, grouped, grouped_real, significant};
use super::table;
use crate::run::formal_test::Evaluation;
use crate::run::spiking_test::figures::{Figures, Pattern};
use crate::session::Session;

pub use files::FOLDER;

const FS_PER_NS: f64 = 1e6;
/// Percentiles of the decision latency.
const PERCENTS: [u32; 7] = [1, 5, 25, 50, 75, 95, 99];

/// One number of the operations.
type Part = fn(&Operations) -> u64;

/// All figures of a test.
pub struct Report<'a> {
    figures: &'a Figures,
    formal: &'a Evaluation,
    costs: Option<Costs>,
    weights_sha256: String,
    agreement: Answers,
    spiking: Confusion,
    /// Stimuli that no output spiked for.
    n_unanswered: u64,
    /// By class.
    classes: Vec<Tally>,
    class_names: Vec<String>,
    /// Simulated time over all stimuli, in femtoseconds.
    presented_fs: f64,
    /// Of each cell, for all patterns.
    frames: Vec<Operations>,
    spikes: Vec<Operations>,
    end: SimTime,
}

impl<'a> Report<'a> {
    /// What follows from the counts; `layers` are the cells', `end` is when a stimulus ends that is not decided.
    pub fn new(
        session: &Session,
        figures: &'a Figures,
        formal: &'a Evaluation,
        layers: Vec<Layer>,
        costs: Option<Costs>,
        weights_sha256: String,
        end: SimTime,
    ) -> Self {
        let class_names = session.database().label_names().to_vec();
        let mut agreement = Answers::default();
        let mut spiking = Confusion::new(formal.confusion.n_classes());
        let mut classes = vec![Tally::new(layers.len()); class_names.len()];
        for (pattern, &estimated) in figures.patterns.iter().zip(&formal.estimates) {
            let Pattern { label, response, decided_at, reads, .. } = pattern;
            agreement.add(*label, estimated, *response);
            if let Some(response) = response {
                spiking.add(*label, *response);
            }
            if let Some(class) = classes.get_mut(*label) {
                class.add(*response == Some(*label), *decided_at, reads);
            }
        }
        let times = figures.patterns.iter().map(|pattern| u128::from(pattern.decided_at.unwrap_or(end).0));
        let cells = figures.statistics.layers.iter().skip(1).zip(&figures.window_arrivals);
        let spikes = layers
            .iter()
            .zip(cells)
            .map(|(layer, (counted, &arrivals))| layer.spikes(counted.reads, arrivals, counted.events));
        Self {
            agreement,
            n_unanswered: figures.patterns.iter().filter(|pattern| pattern.response.is_none()).count() as u64,
            spiking,
            classes,
            class_names,
            presented_fs: times.sum::<u128>() as f64,
            spikes: spikes.collect(),
            frames: layers.iter().map(|layer| layer.frame().times(figures.statistics.patterns)).collect(),
            figures,
            formal,
            costs,
            weights_sha256,
            end,
        }
    }

    fn patterns(&self) -> u64 {
        self.figures.statistics.patterns
    }

    /// Spikes a second of a neuron of a layer, counted over the simulated time; the environment is the first.
    fn rate_hz(&self, layer: usize) -> f64 {
        let counted = &self.figures.statistics.layers[layer];
        let neuron_seconds = counted.nodes as f64 * self.presented_fs / 1e15;
        if neuron_seconds == 0.0 { 0.0 } else { counted.events as f64 / neuron_seconds }
    }

    /// Neurons of a layer that ended a stimulus at or above their threshold; `None` where there are no such neurons.
    fn saturated(&self, layer: usize) -> Option<u64> {
        (self.figures.statistics.layers[layer].neurons > 0).then(|| self.figures.saturated[layer - 1])
    }

    fn latencies(&self) -> impl Iterator<Item = Option<SimTime>> {
        self.figures.patterns.iter().map(|pattern| pattern.decided_at)
    }

    fn virtual_synapses(&self) -> u64 {
        self.figures.statistics.virtual_synapses()
    }

    fn spiking_rate(&self) -> f64 {
        per(self.agreement.both_right + self.agreement.spiking_only, self.patterns())
    }

    fn total(operations: &[Operations]) -> Operations {
        operations.iter().fold(Operations::default(), |sum, &more| sum.and(more))
    }

    /// The report for the terminal.
    pub fn text(&self) -> String {
        let parts = [
            self.answers(),
            self.layers_text(),
            self.classes_text(),
            self.latency_text(),
            self.operations_text(),
            self.break_even_text(),
        ];
        parts.join("\n").trim_end().to_string()
    }

    fn answers(&self) -> String {
        let Answers { both_right, same_wrong, both_wrong, formal_only, spiking_only } = self.agreement;
        let n = self.patterns();
        let percent = |count: u64| format!("{:.2} %", 100.0 * per(count, n));
        let mut text = format!(
            "[Answers]\n  frames {}, spikes {} of {} patterns; the same answer for {}\n",
            percent(both_right + formal_only),
            percent(both_right + spiking_only),
            grouped(n),
            percent(self.agreement.same())
        );
        let counts = [
            ("both right", both_right),
            ("both wrong, same answer", same_wrong),
            ("both wrong, different answers", both_wrong),
            ("frames alone right", formal_only),
            ("spikes alone right", spiking_only),
            ("no output spike", self.n_unanswered),
        ];
        let counts = counts.map(|(name, count)| format!("{name} {}", grouped(count)));
        let _ = writeln!(text, "  {}", counts.join(", "));
        text
    }

    fn layers_text(&self) -> String {
        let statistics = &self.figures.statistics;
        let header = [
            "[Layers]",
            "neurons",
            "silent",
            "saturated",
            "spikes/pattern",
            "MHz/neuron",
            "interval ns",
            "CV",
            "reads/pattern",
            "/synapse",
            "/virtual synapse",
            "share",
        ];
        let mut rows = vec![header.map(str::to_string).to_vec()];
        let n = self.patterns().max(1) as f64;
        for (index, layer) in statistics.layers.iter().enumerate() {
            let (intervals, has_synapses) = (&self.figures.intervals[index], layer.synapses > 0);
            let of_synapses = |text: String| if has_synapses { text } else { "-".to_string() };
            let or_none = |has: bool, value: f64, digits: usize| {
                if has { significant(value, digits) } else { "-".to_string() }
            };
            rows.push(vec![
                format!("  {}", layer.name),
                grouped(layer.nodes),
                grouped(self.figures.silent[index]),
                self.saturated(index).map_or("-".to_string(), grouped),
                grouped_real((layer.events as f64 / n * 10.0).round() / 10.0),
                significant(self.rate_hz(index) / 1e6, 4),
                or_none(intervals.count() > 0, intervals.mean_fs() / FS_PER_NS, 4),
                or_none(intervals.count() > 0, intervals.variation(), 3),
                of_synapses(grouped_real((layer.reads as f64 / n * 10.0).round() / 10.0)),
                of_synapses(significant(per(layer.reads, layer.synapses) / n, 4)),
                of_synapses(significant(per(layer.reads, layer.virtual_synapses) / n, 4)),
                of_synapses(format!("{:.1} %", 100.0 * per(layer.reads, statistics.reads()))),
            ]);
        }
        let mut text = table::aligned(&rows, 1);
        let _ = writeln!(
            text,
            "  in all {} read events, {} a pattern, {} per synapse and {} per virtual synapse and pattern, at most {} of one synapse",
            grouped(statistics.reads()),
            grouped_real((per(statistics.reads(), statistics.patterns) * 10.0).round() / 10.0),
            general(per(statistics.reads(), statistics.synapses()) / n),
            general(statistics.reads_per_virtual_synapse_per_pattern()),
            grouped(statistics.max_reads())
        );
        text += "  silent: never spiked; saturated: ended a stimulus at or above its threshold, as more arrived than it could fire\n";
        text
    }

    fn classes_text(&self) -> String {
        let header =
            ["[Classes]", "patterns", "frames", "spikes", "reads/v.synapse/pattern", "latency mean ns", "undecided"];
        let mut rows = vec![header.map(str::to_string).to_vec()];
        for (class, (name, tally)) in self.class_names.iter().zip(&self.classes).enumerate() {
            if tally.patterns() == 0 {
                continue;
            }
            let LatencySummary { decided, undecided, mean_fs, .. } = tally.latency();
            let formal = self.formal.confusion.count(class, class);
            rows.push(vec![
                format!("  {class} {name}"),
                grouped(tally.patterns()),
                format!("{:.2} %", 100.0 * per(formal, tally.patterns())),
                format!("{:.2} %", 100.0 * tally.recognition_rate()),
                format!("{:.4}", tally.reads_per_virtual_synapse_per_pattern(self.virtual_synapses())),
                if decided > 0 { format!("{:.1}", mean_fs / FS_PER_NS) } else { "-".to_string() },
                grouped(undecided),
            ]);
        }
        table::aligned(&rows, 1)
    }

    fn latency_text(&self) -> String {
        let LatencySummary { decided, undecided, mean_fs, .. } = LatencySummary::of(self.latencies());
        let mut text = format!(
            "[Decision latency]\n  {} decided, {} not within {} ns",
            grouped(decided),
            grouped(undecided),
            general(self.end.0 as f64 / FS_PER_NS)
        );
        if decided > 0 {
            let percentiles = latency::percentiles(self.latencies(), &PERCENTS);
            let percentiles = PERCENTS.iter().zip(percentiles);
            let list = percentiles.map(|(percent, time)| format!("{percent} % {:.1}", time.0 as f64 / FS_PER_NS));
            let list: Vec<String> = list.collect();
            let _ = write!(text, "; mean {:.1} ns; within ns: {}", mean_fs / FS_PER_NS, list.join(", "));
        }
        text.push('\n');
        text
    }

    fn operations_text(&self) -> String {
        let n = self.patterns();
        let (frames, spikes) = (Self::total(&self.frames), Self::total(&self.spikes));
        let header = ["[Operations a pattern]", "frames", "spikes", "spikes/frames"];
        let mut rows = vec![header.map(str::to_string).to_vec()];
        let kinds: [(&str, Part); 4] = [
            ("  multiplications", |o| o.multiplications),
            ("  accumulations", |o| o.accumulations),
            ("  comparisons", |o| o.comparisons),
            ("  bytes read or written", |o| o.bytes),
        ];
        let mut row = |name: &str, frames: f64, spikes: f64| {
            let ratio = if frames == 0.0 { "-".to_string() } else { significant(spikes / frames, 4) };
            let number = |value: f64| grouped_real((10.0 * value).round() / 10.0);
            rows.push(vec![name.to_string(), number(frames), number(spikes), ratio]);
        };
        for (name, of) in kinds {
            row(name, per(of(&frames), n), per(of(&spikes), n));
        }
        if let Some(costs) = &self.costs {
            let energy = |operations: &Operations| costs.energy_pj(operations) / n.max(1) as f64 / 1e3;
            row("  energy in nJ", energy(&frames), energy(&spikes));
        }
        let mut text = table::aligned(&rows, 1);
        text += "  bytes: what the operations name, as if nothing were kept in registers and caches, by the same rule for both\n";
        if let Some(costs) = &self.costs {
            let _ = writeln!(text, "  energy by `{}` ({})", costs.name, costs.source);
        }
        text
    }

    fn break_even_text(&self) -> String {
        let here = self.figures.statistics.reads_per_virtual_synapse_per_pattern();
        let mut text =
            format!("[Published break-even] here {} spikes per virtual synapse and pattern\n", general(here));
        for bound in BREAK_EVENS {
            let range = if bound.from == bound.to {
                general(bound.from)
            } else {
                format!("{} to {}", general(bound.from), general(bound.to))
            };
            let verdict = match bound.is_below(here) {
                Some(true) => "below",
                Some(false) => "above",
                None => "within",
            };
            let _ = writeln!(text, "  {verdict} {range}: {} ({})", bound.of, bound.source);
        }
        text
    }
}
