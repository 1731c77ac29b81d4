//! The run loop: one stimulus through the network, spike by spike.

mod arrive;
mod deliver;
mod driven;
mod inputs;
mod recorded;
mod stimulus;

use std::marker::PhantomData;

use crate::event::{Sign, Spike};
use crate::lanes::Isa;
use crate::layout;
use crate::plan::{FanOut, Group, Kind, Plan, Weighted};
use crate::queue::Indexed;
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, Emissions, Groups, NeuronState, State};
use crate::time::{SimTime, Span};

pub(crate) use deliver::{Deliveries, InFlight};
use driven::Drive;
pub use inputs::InputSpikes;
use inputs::Inputs;
pub(crate) use recorded::emit as emit_recorded;
use stimulus::Pause;
pub use stimulus::{Progress, Run, Watcher, present, present_spikes, present_until, resume};

/// How one presentation ended. Counts, scores and potentials are read from the [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The first output with the greatest net score; `None` where the output cell never spiked.
    pub response: Option<usize>,
    /// When the deciding output spike was emitted; `None` where nothing was decided before the end.
    pub decided_at: Option<SimTime>,
    /// The last instant at which anything happened.
    pub last_event: Option<SimTime>,
    /// Spikes emitted by the environment and all cells.
    pub n_spikes: u64,
}

/// How far a presentation has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) clock: Clock,
    pub(crate) last_event: Option<u64>,
    pub(crate) n_spikes: u64,
}

impl Course {
    fn new(span: Span) -> Self {
        let clock = Clock { start: span.start.0, now: 0, end: span.duration.0, decided_at: None };
        Self { clock, last_event: None, n_spikes: 0 }
    }
}

/// Runs the interval [`now`, `end`) of a clock; true at its end, false where it pauses.
///
/// **The clock** counts from the start of the stimulus, wherever that lies on the clock of the run: the start is added where a
/// time is told. So no rounding and no limit depends on it.
///
/// **On entry** the state is reset, or as a pause left it. **On exit** at the end it holds the counts and potentials of this
/// stimulus; what would have happened at or after the end is dropped, and the synaptic events among it are counted as unread.
///
/// **A pause** falls between two instants, when all of the one is done and nothing of the next: `firing` is empty.
///
/// **One instant at a time.** The least time of all that is pending becomes the clock, and everything at that time is
/// handled before anything later, in the total order of [`EventKey`](crate::event::EventKey): first the threshold
/// crossings of neurons with currents, then the delayed synaptic events (by source, tap and sign), then the emissions, the environment's before the cells', each by position and sign. An
/// emission is counted, recorded, and read at once by the synapses without delay.
///
/// **What may be taken out of that order.** Cells have no effect on one another within an instant, so the spikes of one
/// source go to one cell after the other; and a pooling cell whose counts only rise takes them as they come.
///
/// **Neurons with currents** have one pending crossing each, which every arrival and spike moves, to a later instant. The
/// crossings of one instant touch one neuron each, so their order among themselves shows nowhere.
///
/// **Who may push.** An arrival or a crossing may make its neuron fire, which pushes an emission at the next femtosecond; an emission may
/// push deliveries at later instants, and an input spike its pixel's next one, at a later instant. Nothing pushes at the
/// instant at hand or before, so an instant is complete once it is begun, and the emissions that cells have pending are
/// always those of the next femtosecond: a list a cell, sorted when its turn comes, and no queue.
///
/// **The end moves at most once.** When an arrival at t makes a terminating cell's decision fall, the end becomes t + 2 fs
/// (never later than it was), so that the deciding spike at t + 1 is still seen; later decisions do not move it.
///
/// **Why it ends.** The clock strictly increases and is below `end`; between two emissions of a pixel lies at least 1 fs,
/// and each arrival and each crossing fires at most once.
#[inline(always)]
fn run<F: Real, I: Isa, P: Pause>(
    plan: &Plan<F>,
    state: &mut State<F>,
    inputs: &mut impl Inputs,
    course: &mut Course,
    pause: &mut P,
    recorder: &mut impl Recorder,
) -> bool {
    let State { cells, emissions, waiting, deliveries, crossings, .. } = state;
    let mut machine = Machine {
        isa: PhantomData::<I>,
        plan,
        cells,
        emissions,
        waiting,
        deliveries,
        crossings,
        recorder,
        clock: course.clock,
        n_spikes: course.n_spikes,
    };
    let mut last_event = course.last_event;
    let is_done = loop {
        let next_emission = if machine.waiting.is_empty() { u64::MAX } else { machine.clock.now + 1 };
        let next = next_emission.min(inputs.next_time()).min(machine.deliveries.next_time());
        let next = next.min(machine.next_crossing(next.min(machine.clock.end)));
        if next >= machine.clock.end {
            break true;
        }
        if P::MAY && pause.before(SimTime(machine.clock.start + next)) {
            break false;
        }
        machine.clock.now = next;
        last_event = Some(next);
        // Taken first: what fires from here on is emitted at the next instant.
        let mut emitting = *machine.waiting;
        machine.waiting.clear();
        let mut groups = emitting;
        while let Some(group) = groups.pop_first() {
            for emissions in &mut machine.emissions[group] {
                // `swap` would go through memory.
                let empty = std::mem::take(&mut emissions.firing);
                emissions.firing = std::mem::replace(&mut emissions.pending, empty);
            }
        }
        while machine.crossings.least_time() == next {
            machine.cross();
        }
        if machine.deliveries.next_time() == next {
            // What is emitted now is so before the next delivery.
            machine.deliver(if emitting.is_empty() && !P::MAY { inputs.next_time() } else { next });
            last_event = Some(machine.clock.now);
        }
        while inputs.next_time() == next {
            let (pixel, is_negative) = inputs.take();
            machine.emissions[0].firing.push(pixel << 1 | u32::from(is_negative));
            emitting.insert(0);
        }
        while let Some(groups) = emitting.pop_first() {
            for group in groups {
                machine.emit(group);
            }
        }
    };
    *course = Course { clock: machine.clock, last_event, n_spikes: machine.n_spikes };
    if is_done {
        state.deliveries.count_unread(plan, &mut state.cells);
    }
    is_done
}

/// What time it is, and when the presentation ends, both counted from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Where the start lies on the clock of the run.
    pub(crate) start: u64,
    pub(crate) now: u64,
    pub(crate) end: u64,
    pub(crate) decided_at: Option<u64>,
}

impl Clock {
    /// A decision fell now: its spike is emitted 1 fs later, if that is still before the end.
    #[cold]
    fn decide(&mut self) {
        let now = self.now;
        if self.decided_at.is_none() && now + 1 < self.end {
            self.decided_at = Some(now + 1);
            self.end = self.end.min(now.saturating_add(2));
        }
    }
}

/// What the parts of a run share.
struct Machine<'a, F, R, I> {
    isa: PhantomData<I>,
    plan: &'a Plan<F>,
    cells: &'a mut [CellState<F>],
    emissions: &'a mut [Emissions],
    waiting: &'a mut Groups,
    deliveries: &'a mut Deliveries<F>,
    crossings: &'a mut Indexed,
    recorder: &'a mut R,
    clock: Clock,
    n_spikes: u64,
}

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// A group emits the spikes that are due now.
    #[inline(always)]
    fn emit(&mut self, index: usize) {
        let group = &self.plan.groups[index];
        self.n_spikes += self.emissions[index].firing.len() as u64;
        let time = SimTime(self.clock.start + self.clock.now);
        self.recorder.emission(time, index, &self.emissions[index].firing);
        if !R::SEES_SPIKES && !group.is_ordered {
            self.raise(index);
            return;
        }
        // All cells that listen stand after the group.
        let (of_source, listening) = self.emissions.split_at_mut(index + 1);
        let source = &mut of_source[index];
        let mut touched = source.touched;
        for &spike in &source.firing {
            let (neuron, is_negative) = ((spike >> 1) as usize, spike & 1 == 1);
            touched.cover(neuron, neuron + 1);
            let counts = if is_negative { &mut source.negative } else { &mut source.positive };
            counts[neuron] += 1;
        }
        source.touched = touched;
        if group.has_memory_order {
            for spike in &mut source.firing {
                *spike = group.canonical(*spike >> 1) << 1 | (*spike & 1);
            }
        }
        if source.firing.len() > 1 {
            source.firing.sort_unstable();
        }
        if R::SEES_SPIKES {
            for &spike in &source.firing {
                self.recorder.spike(Spike {
                    time,
                    source: layout::source(index),
                    neuron: (spike >> 1) as usize,
                    sign: Sign::from_negative(spike & 1 == 1),
                });
            }
        }
        let chunk = if group.is_interleaved { 1 } else { source.firing.len().max(1) };
        for spikes in source.firing.chunks(chunk) {
            for fan_out in &group.links {
                let cell = fan_out.link.cell;
                let pending = &mut listening[cell - index].pending;
                let listener = Listener {
                    kind: &self.plan.cells[cell].kind,
                    state: &mut self.cells[cell],
                    pending,
                    clock: &mut self.clock,
                    deliveries: self.deliveries,
                    crossings: self.crossings,
                };
                listener.hear::<I>(group, fan_out, spikes, &source.positive, self.recorder);
                if !pending.is_empty() {
                    self.waiting.insert(cell + 1);
                }
            }
        }
        source.firing.clear();
    }

    /// A group whose spikes go to pooling cells with rising counts alone, emits what is due now, in any order.
    #[inline(always)]
    fn raise(&mut self, index: usize) {
        let group = &self.plan.groups[index];
        let (of_source, listening) = self.emissions.split_at_mut(index + 1);
        let Emissions { firing, positive, touched, .. } = &mut of_source[index];
        for (i, fan_out) in group.links.iter().enumerate() {
            let cell = fan_out.link.cell;
            let pending = &mut listening[cell - index].pending;
            let (Some(windows), CellState::Pool(state)) = (&fan_out.windows, &mut self.cells[cell]) else {
                unreachable!("a group without order has rising listeners only")
            };
            state.is_touched = true;
            pending.reserve(firing.len() + 1);
            if i == 0 {
                // Counted as they are heard.
                let mut all = *touched;
                for &spike in &*firing {
                    let neuron = (spike >> 1) as usize;
                    all.cover(neuron, neuron + 1);
                    let count = positive[neuron] + 1;
                    positive[neuron] = count;
                    arrive::rising(&mut state.tracked, windows[neuron], count, pending);
                }
                *touched = all;
            } else {
                for &spike in &*firing {
                    let neuron = (spike >> 1) as usize;
                    arrive::rising(&mut state.tracked, windows[neuron], positive[neuron], pending);
                }
            }
            if !pending.is_empty() {
                self.waiting.insert(cell + 1);
            }
        }
        firing.clear();
    }
}

/// A cell that spikes arrive at.
struct Listener<'a, F> {
    kind: &'a Kind<F>,
    state: &'a mut CellState<F>,
    pending: &'a mut Vec<u32>,
    clock: &'a mut Clock,
    deliveries: &'a mut Deliveries<F>,
    crossings: &'a mut Indexed,
}

impl<F: Real> Listener<'_, F> {
    /// Spikes of one instant and group arrive, in order; `counts` are those of the group, the spikes included.
    #[inline(always)]
    fn hear<I: Isa>(
        self,
        group: &Group,
        fan_out: &FanOut,
        spikes: &[u32],
        counts: &[u32],
        recorder: &mut impl Recorder,
    ) {
        let Self { kind, state, pending, clock, deliveries, crossings } = self;
        let link = fan_out.link;
        match (kind, state) {
            (Kind::Runs(weighted, runs), CellState::Neurons(state)) => {
                let mut fire = Fire { weighted, pending, clock };
                arrive::runs::<F, I>(&mut fire, state, runs, group, link, spikes, recorder);
            }
            (Kind::Taps(weighted, taps), CellState::Neurons(state)) => {
                let mut fire = Fire { weighted, pending, clock };
                for &spike in spikes {
                    let at = weighted.synapses.arrival_from(group, link.first_channel, spike >> 1);
                    arrive::taps(&mut fire, state, taps, (link.cell, at), spike & 1 == 1, recorder);
                }
            }
            (Kind::Delayed(weighted, delayed), CellState::Neurons(state)) => {
                let (now, time) = (clock.now, SimTime(clock.start + clock.now));
                let mut fire = Fire { weighted, pending, clock };
                for &spike in spikes {
                    let at = weighted.synapses.arrival_from(group, link.first_channel, spike >> 1);
                    let (source, is_negative) = (group.base + (spike >> 1), spike & 1 == 1);
                    let targets = delayed.targets(&weighted.synapses, at);
                    let (from, to) = delayed.span(state.potentials.len(), targets);
                    state.touched.cover(from, to);
                    let arrive = |neuron, weight| {
                        recorder.arrival(time, link.cell);
                        let first = fire.pending.len();
                        fire.arrive(state, neuron, weight, is_negative);
                        fire.show(state, (link.cell, neuron), first, recorder);
                    };
                    deliveries.send(now, (weighted, delayed), link, source, targets, is_negative, arrive);
                }
            }
            (Kind::Driven(weighted, driven), CellState::Neurons(state)) => {
                let mut fire = Fire { weighted, pending, clock };
                let mut drive = Drive { driven, crossings };
                drive.spread::<I>(&mut fire, state, deliveries, group, link, spikes, recorder);
            }
            (Kind::Pool(pool), CellState::Pool(state)) => {
                state.is_touched = true;
                for &spike in spikes {
                    if let Some(windows) = &fan_out.windows {
                        let neuron = group.memory(spike >> 1) as usize;
                        arrive::rising(&mut state.tracked, windows[neuron], counts[neuron], pending);
                        continue;
                    }
                    let place = group.place(spike >> 1);
                    let at = (link.first_channel + place.channel, place.y, place.x);
                    arrive::pool(pool, state, at, spike & 1 == 1, pending);
                }
            }
            _ => unreachable!("a state has the cells of its plan"),
        }
    }
}

/// What a neuron of one cell needs to fire.
struct Fire<'a, F> {
    weighted: &'a Weighted<F>,
    /// Pending emissions of the cell.
    pending: &'a mut Vec<u32>,
    clock: &'a mut Clock,
}

impl<F: Real> Fire<'_, F> {
    /// One synaptic event, at the neuron of a memory index.
    #[inline(always)]
    fn arrive(&mut self, state: &mut NeuronState<F>, neuron: usize, weight: F, is_negative: bool) {
        let weight = if is_negative { -weight } else { weight };
        state.touched.cover(neuron, neuron + 1);
        if let Some(is_negative) = arrive::neuron(&self.weighted.neuron, state, neuron, weight, self.clock.now) {
            let first = self.pending.len();
            self.pending.push((neuron as u32) << 1 | u32::from(is_negative));
            self.decide(state, first);
        }
    }

    /// Shows a neuron, by cell and memory index, after its synaptic event or crossing; `first`: the first emission pushed since.
    #[inline(always)]
    fn show<R: Recorder>(
        &self,
        state: &NeuronState<F>,
        (cell, neuron): (usize, usize),
        first: usize,
        recorder: &mut R,
    ) {
        self.show_all(state, cell, first, |of| of == neuron, recorder);
    }

    /// The same for all neurons that an event concerns.
    #[inline(always)]
    fn show_all<R: Recorder>(
        &self,
        state: &NeuronState<F>,
        cell: usize,
        first: usize,
        is_concerned: impl Fn(usize) -> bool,
        recorder: &mut R,
    ) {
        if R::SEES_POTENTIALS {
            let pushed = &self.pending[first..];
            recorder.potentials(SimTime(self.clock.start + self.clock.now), cell, |neuron| {
                let emission = pushed.iter().find(|&&emission| emission >> 1 == neuron);
                let fired = emission.map(|emission| Sign::from_negative(emission & 1 == 1));
                is_concerned(neuron as usize).then(|| (state.potentials[neuron as usize].to_f64(), fired))
            });
        }
    }

    /// Looks whether the emissions pushed since `first` decide.
    #[inline(always)]
    fn decide(&mut self, state: &mut NeuronState<F>, first: usize) {
        if !self.weighted.terminates() {
            return;
        }
        // A terminating cell is flat, so that memory index and output are the same.
        for &emission in &self.pending[first..] {
            state.net[emission as usize >> 1] += if emission & 1 == 1 { -1 } else { 1 };
            if is_decided(&state.net, self.weighted.terminate_delta, self.weighted.terminate_max) {
                self.clock.decide();
            }
        }
    }
}

impl<F> Weighted<F> {
    #[inline(always)]
    pub(crate) fn terminates(&self) -> bool {
        self.terminate_delta > 0 || self.terminate_max > 0
    }
}

/// Whether net spikes decide: the best leads the second by `delta`, or has `max`; 0 is off. A single output leads 0.
pub(crate) fn is_decided(net: &[i64], delta: u32, max: u32) -> bool {
    Standing::of(net).decides(delta, max)
}

/// Where the outputs of a terminating cell stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    best: i64,
    second: i64,
}

impl Standing {
    #[inline(always)]
    pub(crate) fn of(net: &[i64]) -> Self {
        let (mut best, mut second) = (i64::MIN, i64::MIN);
        for &n in net {
            if n > best {
                (best, second) = (n, best);
            } else if n > second {
                second = n;
            }
        }
        if net.len() == 1 {
            second = 0;
        }
        Self { best, second }
    }

    #[inline(always)]
    pub(crate) fn decides(self, delta: u32, max: u32) -> bool {
        (delta > 0 && self.best - self.second >= i64::from(delta)) || (max > 0 && self.best >= i64::from(max))
    }
}
