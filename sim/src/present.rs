//! The run loop: one stimulus through the network, spike by spike.

mod arrive;
mod deliver;
mod driven;
mod inputs;

use std::marker::PhantomData;

use crate::encoder::{Encoder, Interval, Presentation};
use crate::error::Error;
use crate::event::{InputSpike, Sign, Spike};
use crate::lanes::{Isa, Portable};
use crate::layout;
use crate::plan::{FanOut, Kind, Plan, Weighted};
use crate::queue::Indexed;
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, Deliveries, Emissions, Groups, NeuronState, State};
use crate::time::{SimDuration, SimTime};

use driven::Drive;
use inputs::{Encoded, Inputs, Listed};

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

/// Presents a stimulus, its values turned into spikes by the encoder.
///
/// The spikes depend on the plan, the encoder, the seed and the presentation alone: neither on what the state saw before,
/// nor on the order or the thread in which stimuli are presented.
///
/// # Panics
///
/// Panics when the number of values is not that of the input's elements, or the state was made for another plan.
pub fn present<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    encoder: &Encoder,
    seed: u64,
    presentation: &Presentation<'_>,
    recorder: &mut impl Recorder,
) -> Outcome {
    assert_eq!(presentation.values.len(), plan.network.input.len(), "a presentation has one value an input element");
    let interval = Interval::presentation(presentation.duration);
    let mut queue = std::mem::take(&mut state.inputs);
    let mut inputs = Encoded::new(&mut queue, encoder, interval, seed, presentation);
    let outcome = dispatch(plan, state, &mut inputs, interval.end.0, recorder);
    state.inputs = queue;
    outcome
}

/// Presents spikes at given times, in any order.
///
/// # Errors
///
/// Refuses a spike of a pixel that is not there, or at or after the end; the state is then as before.
///
/// # Panics
///
/// Panics when the state was made for another plan.
pub fn present_spikes<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    spikes: &[InputSpike],
    duration: SimDuration,
    recorder: &mut impl Recorder,
) -> Result<Outcome, Error> {
    let spikes = inputs::sorted(spikes, plan.network.input.len(), SimTime::ZERO + duration)?;
    Ok(dispatch(plan, state, &mut Listed::new(&spikes), duration.0, recorder))
}

/// Picks the widest vector instructions of this CPU; the operations, and so the results, are the same.
fn dispatch<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    inputs: &mut impl Inputs,
    end: u64,
    recorder: &mut impl Recorder,
) -> Outcome {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::lanes::{Avx2, Avx512};

        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,lzcnt,popcnt")]
        fn run_avx512<F: Real>(
            plan: &Plan<F>,
            state: &mut State<F>,
            inputs: &mut impl Inputs,
            end: u64,
            recorder: &mut impl Recorder,
        ) -> Outcome {
            run::<F, Avx512>(plan, state, inputs, end, recorder)
        }

        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn run_avx2<F: Real>(
            plan: &Plan<F>,
            state: &mut State<F>,
            inputs: &mut impl Inputs,
            end: u64,
            recorder: &mut impl Recorder,
        ) -> Outcome {
            run::<F, Avx2>(plan, state, inputs, end, recorder)
        }

        let has_bits = is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        if has_bits
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the features that the function is compiled for have just been detected.
            return unsafe { run_avx512(plan, state, inputs, end, recorder) };
        }
        if has_bits && is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { run_avx2(plan, state, inputs, end, recorder) };
        }
    }
    run::<F, Portable>(plan, state, inputs, end, recorder)
}

/// Runs the interval [0, `end`).
///
/// **On entry** the state holds anything; it is reset first. **On exit** it holds the counts and potentials of this
/// stimulus, and nothing is pending: what would have happened at or after the end is dropped, and the synaptic events among
/// it are counted as unread.
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
fn run<F: Real, I: Isa>(
    plan: &Plan<F>,
    state: &mut State<F>,
    inputs: &mut impl Inputs,
    end: u64,
    recorder: &mut impl Recorder,
) -> Outcome {
    assert_eq!(state.bases, plan.geometry.bases, "a state runs the plan that it was made for");
    state.reset(plan);
    let State { cells, emissions, waiting, emitting, deliveries, crossings, .. } = state;
    let mut machine = Machine {
        isa: PhantomData::<I>,
        plan,
        cells,
        emissions,
        waiting,
        deliveries,
        crossings,
        recorder,
        clock: Clock { now: 0, end, decided_at: None },
        n_spikes: 0,
    };
    let mut last_event = None;
    loop {
        let next_emission = if machine.waiting.is_empty() { u64::MAX } else { machine.clock.now + 1 };
        let next_alone = machine.deliveries.next_time().min(machine.crossings.least_time());
        let next = next_emission.min(inputs.next_time()).min(next_alone);
        if next >= machine.clock.end {
            break;
        }
        machine.clock.now = next;
        last_event = Some(SimTime(next));
        // Taken first: what fires from here on is emitted at the next instant.
        std::mem::swap(machine.waiting, emitting);
        let mut at = 0;
        while let Some(group) = emitting.next_from(at) {
            let emissions = &mut machine.emissions[group];
            std::mem::swap(&mut emissions.pending, &mut emissions.firing);
            at = group + 1;
        }
        while machine.crossings.least_time() == next {
            machine.cross();
        }
        while machine.deliveries.next_time() == next {
            machine.deliver();
        }
        while inputs.next_time() == next {
            let (pixel, is_negative) = inputs.take();
            machine.emissions[0].firing.push(pixel << 1 | u32::from(is_negative));
            emitting.insert(0);
        }
        let mut at = 0;
        while let Some(group) = emitting.next_from(at) {
            machine.emit(group);
            at = group + 1;
        }
        emitting.clear();
    }
    let Machine { clock, n_spikes, .. } = machine;
    deliver::count_unread(plan, &mut state.cells, &state.deliveries);
    Outcome { response: state.response(), decided_at: clock.decided_at.map(SimTime), last_event, n_spikes }
}

/// When the presentation ends.
struct Clock {
    now: u64,
    end: u64,
    decided_at: Option<u64>,
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
    deliveries: &'a mut Deliveries,
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
        let mut spikes = std::mem::take(&mut self.emissions[index].firing);
        self.n_spikes += spikes.len() as u64;
        let is_ordered = group.is_ordered || R::SEES_SPIKES;
        // From here on spikes go by memory index where order does not matter, and else by canonical index, in order.
        if is_ordered && group.has_memory_order {
            for spike in &mut spikes {
                *spike = group.canonical(*spike >> 1) << 1 | (*spike & 1);
            }
        }
        if is_ordered && spikes.len() > 1 {
            spikes.sort_unstable();
        }
        let emissions = &mut self.emissions[index];
        for &spike in &spikes {
            let (neuron, is_negative) = (spike >> 1, spike & 1 == 1);
            let memory = if is_ordered { group.memory(neuron) } else { neuron } as usize;
            emissions.touched.cover(memory, memory + 1);
            if is_negative {
                emissions.negative[memory] += 1;
            } else {
                emissions.positive[memory] += 1;
            }
            if R::SEES_SPIKES {
                self.recorder.spike(Spike {
                    time: SimTime(self.clock.now),
                    source: layout::source(index),
                    neuron: neuron as usize,
                    sign: Sign::from_negative(is_negative),
                });
            }
        }
        if group.is_interleaved {
            for spike in spikes.chunks(1) {
                for fan_out in &group.links {
                    self.spread(index, fan_out, spike, is_ordered);
                }
            }
        } else {
            for fan_out in &group.links {
                self.spread(index, fan_out, &spikes, is_ordered);
            }
        }
        spikes.clear();
        self.emissions[index].firing = spikes;
    }

    /// Spikes of a group go to one of the cells that listen.
    #[inline(always)]
    fn spread(&mut self, source: usize, fan_out: &FanOut, spikes: &[u32], is_ordered: bool) {
        let plan = self.plan;
        let (group, link) = (&plan.groups[source], fan_out.link);
        let cell = &plan.cells[link.cell];
        let (of_source, of_cell) = self.emissions.split_at_mut(link.cell + 1);
        let pending = &mut of_cell[0].pending;
        match (&cell.kind, &mut self.cells[link.cell]) {
            (Kind::Runs(weighted, runs), CellState::Neurons(state)) => {
                let mut fire = Fire { weighted, pending, clock: &mut self.clock };
                arrive::runs::<F, I>(&mut fire, state, runs, group, link.first_channel, spikes);
            }
            (Kind::Taps(weighted, taps), CellState::Neurons(state)) => {
                let mut fire = Fire { weighted, pending, clock: &mut self.clock };
                for &spike in spikes {
                    let at = weighted.synapses.arrival_from(group, link.first_channel, spike >> 1);
                    arrive::taps(&mut fire, state, taps, at, spike & 1 == 1);
                }
            }
            (Kind::Delayed(weighted, delayed), CellState::Neurons(state)) => {
                let now = self.clock.now;
                let mut fire = Fire { weighted, pending, clock: &mut self.clock };
                for &spike in spikes {
                    let at = weighted.synapses.arrival_from(group, link.first_channel, spike >> 1);
                    let (source, is_negative) = (group.base + (spike >> 1), spike & 1 == 1);
                    let arrive = |neuron, weight| fire.arrive(state, neuron, weight, is_negative);
                    self.deliveries.send(now, (weighted, delayed), link, source, at, is_negative, arrive);
                }
            }
            (Kind::Driven(weighted, driven), CellState::Neurons(state)) => {
                let mut fire = Fire { weighted, pending, clock: &mut self.clock };
                let mut drive = Drive { driven, crossings: self.crossings };
                drive.spread(&mut fire, state, self.deliveries, group, link, spikes);
            }
            (Kind::Pool(pool), CellState::Pool(state)) => match &fan_out.windows {
                Some(windows) => {
                    let counts = &of_source[source].positive;
                    let memory = |spike: u32| if is_ordered { group.memory(spike >> 1) } else { spike >> 1 };
                    arrive::rising(state, windows, counts, spikes.iter().map(|&spike| memory(spike) as usize), pending);
                }
                None => {
                    for &spike in spikes {
                        let place = group.place(spike >> 1);
                        let at = (link.first_channel + place.channel, place.y, place.x);
                        arrive::pool(pool, state, at, spike & 1 == 1, pending);
                    }
                }
            },
            _ => unreachable!("a state has the cells of its plan"),
        }
        if !pending.is_empty() {
            self.waiting.insert(link.cell + 1);
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
    (delta > 0 && best - second >= i64::from(delta)) || (max > 0 && best >= i64::from(max))
}
