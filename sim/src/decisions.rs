//! Every early decision from one run without any: the output's spikes as they were fired, and what had been read by then.
//!
//! An early decision changes nothing before it falls, and what follows it is short: the presentation ends 1 fs after the
//! deciding spike. So one run that goes on to its end shows what a run with any rule would have shown, and what one with any
//! shorter presentation would have, if the input spikes do not depend on its length
//! ([`Encoder::depends_on_duration`](crate::Encoder::depends_on_duration)).

use crate::event::Spike;
use crate::plan::{Kind, Plan};
use crate::present::Standing;
use crate::real::Real;
use crate::recorder::Recorder;
use crate::time::SimTime;

/// When an output cell decides (`TerminateDelta`, `TerminateMax`); 0 is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The best net score leads the second by this.
    pub delta: u32,
    /// The best net score is this.
    pub max: u32,
}

/// What a presentation that stops at some time has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop<'a> {
    /// The first output with the greatest net score; `None` where the output cell had not spiked.
    pub response: Option<usize>,
    /// When the deciding output spike was emitted; `None` where the rule did not decide before the end of the run.
    pub decided_at: Option<SimTime>,
    /// Read events of each cell by then, 0 for pooling cells.
    pub reads: &'a [u64],
}

/// How many synapses a spike of each neuron is read by, made for one [`Plan`] and shared by all workers.
#[derive(Clone, Debug)]
pub struct Fans {
    /// By group: the cells that listen, each with a count a neuron, by memory index. Cells with delays are left out.
    groups: Vec<Vec<(usize, Vec<u32>)>>,
    n_cells: usize,
    output_group: usize,
    /// Canonical index of each output, by memory index.
    outputs: Vec<u32>,
}

impl Fans {
    /// Counts the synapses of a plan.
    pub fn new<F: Real>(plan: &Plan<F>) -> Self {
        let groups = plan.groups.iter().map(|group| {
            let fans = group.links.iter().filter_map(|fan_out| {
                let link = fan_out.link;
                let kind: &Kind<F> = &plan.cells[link.cell].kind;
                let synapses = &kind.weighted().filter(|_| kind.delayed().is_none())?.synapses;
                let n_connected = |channel: usize| {
                    let is_connected = |&output: &usize| synapses.is_connected[output * synapses.n_channels + channel];
                    (0..synapses.n_outputs).filter(is_connected).count() as u32
                };
                let n_connected: Vec<u32> = (0..synapses.n_channels).map(n_connected).collect();
                let n_synapses = (0..group.len() as u32).map(|memory| {
                    let at = synapses.arrival_from(group, link.first_channel, group.canonical(memory));
                    let (rows, columns) = synapses.taps(at);
                    (rows.len() * columns.len()) as u32 * n_connected[at.channel]
                });
                Some((link.cell, n_synapses.collect()))
            });
            fans.collect()
        });
        let output_group = plan.network.output + 1;
        let output = &plan.groups[output_group];
        let outputs = (0..output.len() as u32).map(|memory| output.canonical(memory)).collect();
        Self { groups: groups.collect(), n_cells: plan.cells.len(), output_group, outputs }
    }
}

/// A spike of the output cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OutputSpike {
    time: SimTime,
    output: u32,
    is_negative: bool,
}

/// Records the output cell's spikes in the order in which they were fired, and the read events of each cell at each of them
/// and at chosen times: one a worker, for one presentation after the other. Its memory grows with the spikes of one
/// presentation, and is reused.
///
/// The output cell must not end the presentation itself; another cell may.
#[derive(Clone, Debug)]
pub struct Decisions<'a> {
    fans: &'a Fans,
    /// Ascending.
    deadlines: &'a [SimTime],
    /// The instant at hand.
    now: SimTime,
    /// Read events of each cell, those of `now` included.
    reads: Vec<u64>,
    spikes: Vec<OutputSpike>,
    /// Instants with output spikes.
    n_instants: usize,
    /// Reads by the end of each of them, `[instant][cell]`.
    at_instants: Vec<u64>,
    /// Reads before each deadline that has passed, `[deadline][cell]`.
    at_deadlines: Vec<u64>,
    /// Net spikes of each output while a rule is replayed.
    net: Vec<i64>,
}

impl<'a> Decisions<'a> {
    /// A recorder of the outputs' spikes, and of the reads before each of `deadlines`.
    ///
    /// # Panics
    ///
    /// Panics when the deadlines do not ascend.
    pub fn new(fans: &'a Fans, deadlines: &'a [SimTime]) -> Self {
        assert!(deadlines.is_sorted(), "deadlines ascend");
        Self {
            fans,
            deadlines,
            now: SimTime::ZERO,
            reads: vec![0; fans.n_cells],
            spikes: Vec::new(),
            n_instants: 0,
            at_instants: Vec::new(),
            at_deadlines: Vec::new(),
            net: vec![0; fans.outputs.len()],
        }
    }

    /// Forgets the last presentation.
    pub fn clear(&mut self) {
        self.now = SimTime::ZERO;
        self.reads.fill(0);
        self.spikes.clear();
        self.n_instants = 0;
        self.at_instants.clear();
        self.at_deadlines.clear();
    }

    /// Read events of each cell so far.
    pub fn reads(&self) -> &[u64] {
        &self.reads
    }

    /// Spikes of the output cell so far.
    pub fn n_spikes(&self) -> usize {
        self.spikes.len()
    }

    /// Hands out, for each rule by its place, what a presentation with it would have shown.
    pub fn decide(&mut self, rules: &[Rule], mut each: impl FnMut(usize, Stop<'_>)) {
        self.settle();
        self.net.fill(0);
        let n_cells = self.fans.n_cells;
        let mut undecided: Vec<usize> = (0..rules.len()).collect();
        for (instant, spikes) in self.spikes.chunk_by(|a, b| a.time == b.time).enumerate() {
            let n_before = undecided.len();
            // Those that decide in this instant go to the end.
            let mut n_left = n_before;
            for spike in spikes {
                self.net[spike.output as usize] += if spike.is_negative { -1 } else { 1 };
                let standing = Standing::of(&self.net);
                let mut i = 0;
                while i < n_left {
                    let Rule { delta, max } = rules[undecided[i]];
                    if standing.decides(delta, max) {
                        n_left -= 1;
                        undecided.swap(i, n_left);
                    } else {
                        i += 1;
                    }
                }
            }
            if n_left < n_before {
                let reads = &self.at_instants[instant * n_cells..][..n_cells];
                let stop = Stop { response: response(&self.net), decided_at: Some(spikes[0].time), reads };
                undecided.drain(n_left..).for_each(|rule| each(rule, stop));
            }
            if undecided.is_empty() {
                return;
            }
        }
        let response = if self.spikes.is_empty() { None } else { response(&self.net) };
        undecided.into_iter().for_each(|rule| each(rule, Stop { response, decided_at: None, reads: &self.reads }));
    }

    /// Hands out, for each deadline by its place, what a presentation that lasts until then would have shown without a rule.
    pub fn stop_at_deadlines(&mut self, mut each: impl FnMut(usize, Stop<'_>)) {
        self.settle();
        self.net.fill(0);
        let n_cells = self.fans.n_cells;
        let mut spikes = self.spikes.iter().peekable();
        let mut has_spiked = false;
        for (place, &deadline) in self.deadlines.iter().enumerate() {
            while let Some(spike) = spikes.next_if(|spike| spike.time < deadline) {
                self.net[spike.output as usize] += if spike.is_negative { -1 } else { 1 };
                has_spiked = true;
            }
            let reads = self.at_deadlines.get(place * n_cells..(place + 1) * n_cells).unwrap_or(&self.reads);
            let response = if has_spiked { response(&self.net) } else { None };
            each(place, Stop { response, decided_at: None, reads });
        }
    }

    /// Time has come to `time`: the instants before it are complete.
    #[inline(always)]
    fn reach(&mut self, time: SimTime) {
        if time != self.now {
            self.advance(time);
        }
    }

    fn advance(&mut self, time: SimTime) {
        self.settle();
        let n_passed = self.deadlines.partition_point(|&deadline| deadline <= time);
        while self.at_deadlines.len() < n_passed * self.fans.n_cells {
            self.at_deadlines.extend(&self.reads);
        }
        self.now = time;
    }

    /// The instant at hand is complete.
    fn settle(&mut self) {
        if self.at_instants.len() < self.n_instants * self.fans.n_cells {
            self.at_instants.extend(&self.reads);
        }
    }
}

impl Recorder for Decisions<'_> {
    const SEES_SPIKES: bool = false;

    #[inline(always)]
    fn spike(&mut self, _: Spike) {}

    #[inline(always)]
    fn emission(&mut self, time: SimTime, group: usize, emissions: &[u32]) {
        self.reach(time);
        for (cell, n_synapses) in &self.fans.groups[group] {
            let reads: u64 = emissions.iter().map(|&spike| u64::from(n_synapses[(spike >> 1) as usize])).sum();
            self.reads[*cell] += reads;
        }
        if group == self.fans.output_group && !emissions.is_empty() {
            self.n_instants += 1;
            self.spikes.extend(emissions.iter().map(|&spike| OutputSpike {
                time,
                output: self.fans.outputs[(spike >> 1) as usize],
                is_negative: spike & 1 == 1,
            }));
        }
    }

    #[inline(always)]
    fn arrival(&mut self, time: SimTime, cell: usize) {
        self.reach(time);
        self.reads[cell] += 1;
    }
}

/// The first output with the greatest net score.
fn response(net: &[i64]) -> Option<usize> {
    let greatest = net.iter().max()?;
    net.iter().position(|score| score == greatest)
}
