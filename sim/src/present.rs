//! The run loop: one stimulus through the network, spike by spike.

mod arrive;
mod inputs;

use std::marker::PhantomData;

use crate::encoder::{Encoder, Interval, Presentation};
use crate::error::Error;
use crate::event::{InputSpike, Sign, Spike};
use crate::lanes::{Isa, Portable};
use crate::layout;
use crate::plan::{CellPlan, Kind, Plan, Weighted};
use crate::real::Real;
use crate::recorder::Recorder;
use crate::state::{CellState, Counts, Cursor, Deliveries, NeuronState, State};
use crate::time::{SimDuration, SimTime};

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
/// handled before anything later, in the total order of [`EventKey`](crate::event::EventKey): first the delayed synaptic events (by source, tap and
/// sign), then the emissions, the environment's before the cells', each by position and sign. An emission is counted,
/// recorded, and read at once by the synapses without delay.
///
/// **Who may push.** An arrival may make its neuron fire, which pushes an emission at the next femtosecond; an emission may
/// push deliveries at later instants, and an input spike its pixel's next one, at a later instant. Nothing pushes at the
/// instant at hand or before, so an instant is complete once it is begun, and the emissions that cells have pending are
/// always those of the next femtosecond: a list, sorted when its turn comes, and no queue.
///
/// **The end moves at most once.** When an arrival at t makes a terminating cell's decision fall, the end becomes t + 2 fs
/// (never later than it was), so that the deciding spike at t + 1 is still seen; later decisions do not move it.
///
/// **Why it ends.** The clock strictly increases and is below `end`; between two emissions of a pixel lies at least 1 fs,
/// and each arrival fires at most once.
#[inline(always)]
fn run<F: Real, I: Isa>(
    plan: &Plan<F>,
    state: &mut State<F>,
    inputs: &mut impl Inputs,
    end: u64,
    recorder: &mut impl Recorder,
) -> Outcome {
    assert_eq!(state.bases, plan.geometry.bases, "a state runs the plan that it was made for");
    state.reset();
    let State { cells, counts, pending, firing, deliveries, .. } = state;
    let clock = Clock { end, decided_at: None };
    let mut machine =
        Machine { isa: PhantomData::<I>, plan, cells, counts, pending, deliveries, recorder, clock, n_spikes: 0 };
    let mut now = 0;
    let mut last_event = None;
    loop {
        let next_emission = if machine.pending.is_empty() { u64::MAX } else { now + 1 };
        let next = next_emission.min(inputs.next_time()).min(machine.deliveries.next_time());
        if next >= machine.clock.end {
            break;
        }
        now = next;
        last_event = Some(SimTime(now));
        // Taken first: what fires from here on is emitted at the next instant.
        std::mem::swap(machine.pending, firing);
        while machine.deliveries.next_time() == now {
            machine.deliver(now);
        }
        while inputs.next_time() == now {
            let (pixel, is_negative) = inputs.take();
            machine.emit(now, pixel, is_negative);
        }
        if firing.len() > 1 {
            firing.sort_unstable();
        }
        for &spike in firing.iter() {
            machine.emit(now, spike >> 1, spike & 1 == 1);
        }
        firing.clear();
    }
    let Machine { clock, n_spikes, .. } = machine;
    count_unread(plan, &mut state.cells, &state.deliveries);
    Outcome { response: state.response(), decided_at: clock.decided_at.map(SimTime), last_event, n_spikes }
}

/// When the presentation ends.
struct Clock {
    end: u64,
    decided_at: Option<u64>,
}

impl Clock {
    /// A decision fell at `now`: its spike is emitted 1 fs later, if that is still before the end.
    #[cold]
    fn decide(&mut self, now: u64) {
        if self.decided_at.is_none() && now + 1 < self.end {
            self.decided_at = Some(now + 1);
            self.end = self.end.min(now.saturating_add(2));
        }
    }
}

struct Machine<'a, F, R, I> {
    isa: PhantomData<I>,
    plan: &'a Plan<F>,
    cells: &'a mut [CellState<F>],
    counts: &'a mut [Counts],
    pending: &'a mut Vec<u32>,
    deliveries: &'a mut Deliveries,
    recorder: &'a mut R,
    clock: Clock,
    n_spikes: u64,
}

impl<F: Real, R: Recorder, I: Isa> Machine<'_, F, R, I> {
    /// A position emits a spike.
    #[inline(always)]
    fn emit(&mut self, now: u64, position: u32, is_negative: bool) {
        let plan = self.plan;
        let place = plan.places[position as usize];
        let counts = &mut self.counts[position as usize];
        if is_negative {
            counts.negative += 1;
        } else {
            counts.positive += 1;
        }
        self.n_spikes += 1;
        let group = place.group as usize;
        self.recorder.spike(Spike {
            time: SimTime(now),
            source: layout::source(group),
            neuron: (position - plan.geometry.bases[group]) as usize,
            sign: Sign::from_negative(is_negative),
        });
        for link in plan.links(group) {
            let cell = &plan.cells[link.cell];
            let channel = link.first_channel + place.channel as usize;
            let (y, x) = (place.y as usize, place.x as usize);
            match (&cell.kind, &mut self.cells[link.cell]) {
                (Kind::Runs(weighted, runs), CellState::Neurons(state)) => {
                    let mut fire = Fire { cell, weighted, now, pending: self.pending, clock: &mut self.clock };
                    let at = weighted.synapses.arrival(channel, y, x);
                    arrive::rows::<F, I>(&mut fire, state, runs.rows(&weighted.synapses, at), is_negative);
                }
                (Kind::Taps(weighted, taps), CellState::Neurons(state)) => {
                    let mut fire = Fire { cell, weighted, now, pending: self.pending, clock: &mut self.clock };
                    let at = weighted.synapses.arrival(channel, y, x);
                    arrive::taps(&mut fire, state, taps, at, is_negative);
                }
                (Kind::Delayed(weighted, delayed), CellState::Neurons(state)) => {
                    let at = weighted.synapses.arrival(channel, y, x);
                    let list = delayed.list(at);
                    let mut cursor = Cursor {
                        emitted_at: now,
                        source: position,
                        is_negative,
                        cell: link.cell as u32,
                        first_tap: link.first_tap,
                        qy: at.qy as u32,
                        qx: at.qx as u32,
                        next: list.start,
                        end: list.end,
                    };
                    let mut fire = Fire { cell, weighted, now, pending: self.pending, clock: &mut self.clock };
                    while cursor.next < cursor.end {
                        let entry = &delayed.entries[cursor.next as usize];
                        if entry.delay > 0 {
                            break;
                        }
                        if let Some(neuron) = entry.neuron(&weighted.synapses, cursor.qy, cursor.qx) {
                            fire.arrive(state, neuron, entry.weight, is_negative);
                        }
                        cursor.next += 1;
                    }
                    if let Some(key) = due(plan, &mut cursor) {
                        self.deliveries.push(key, cursor);
                    }
                }
                (Kind::Pool(pool), CellState::Pool(state)) => {
                    arrive::pool(pool, state, cell.base, (channel, y, x), is_negative, self.pending);
                }
                _ => unreachable!("a state has the cells of its plan"),
            }
        }
    }

    /// The delayed synaptic event that is first in the order arrives.
    #[inline(always)]
    fn deliver(&mut self, now: u64) {
        let Some(&(_, slot)) = self.deliveries.queue.peek() else { return };
        let cursor = &mut self.deliveries.cursors[slot as usize];
        let cell = &self.plan.cells[cursor.cell as usize];
        let (Kind::Delayed(weighted, delayed), CellState::Neurons(state)) =
            (&cell.kind, &mut self.cells[cursor.cell as usize])
        else {
            unreachable!("only cells with delays have deliveries")
        };
        let entry = &delayed.entries[cursor.next as usize];
        let neuron = entry.neuron(&weighted.synapses, cursor.qy, cursor.qx).expect("a cursor rests on a synapse");
        let mut fire = Fire { cell, weighted, now, pending: self.pending, clock: &mut self.clock };
        fire.arrive(state, neuron, entry.weight, cursor.is_negative);
        cursor.next += 1;
        match due(self.plan, cursor) {
            Some(key) => self.deliveries.queue.replace_first((key, slot)),
            None => {
                self.deliveries.queue.pop();
                self.deliveries.free.push(slot);
            }
        }
    }
}

/// Moves a cursor to its next synapse and gives that one's place in the order: time, source, tap, sign.
#[inline(always)]
fn due<F: Real>(plan: &Plan<F>, cursor: &mut Cursor) -> Option<u128> {
    let Kind::Delayed(weighted, delayed) = &plan.cells[cursor.cell as usize].kind else { return None };
    while cursor.next < cursor.end {
        let entry = &delayed.entries[cursor.next as usize];
        if entry.neuron(&weighted.synapses, cursor.qy, cursor.qx).is_some() {
            // Past the end of time is past the end of the presentation.
            let time = cursor.emitted_at.saturating_add(entry.delay);
            let tap = u128::from(cursor.first_tap + entry.tap);
            let sign = u128::from(cursor.is_negative);
            return Some(u128::from(time) << 64 | u128::from(cursor.source) << 32 | tap << 1 | sign);
        }
        cursor.next += 1;
    }
    None
}

fn count_unread<F: Real>(plan: &Plan<F>, cells: &mut [CellState<F>], deliveries: &Deliveries) {
    for &(_, slot) in deliveries.queue.iter() {
        let cursor = &deliveries.cursors[slot as usize];
        let cell = cursor.cell as usize;
        if let (Kind::Delayed(weighted, delayed), CellState::Neurons(state)) =
            (&plan.cells[cell].kind, &mut cells[cell])
        {
            for entry in &delayed.entries[cursor.next as usize..cursor.end as usize] {
                if entry.neuron(&weighted.synapses, cursor.qy, cursor.qx).is_some() {
                    state.unread[entry.weight_index as usize] += 1;
                }
            }
        }
    }
}

impl Deliveries {
    #[inline(always)]
    fn next_time(&self) -> u64 {
        self.queue.peek().map_or(u64::MAX, |&(key, _)| (key >> 64) as u64)
    }

    #[inline]
    fn push(&mut self, key: u128, cursor: Cursor) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.cursors[slot as usize] = cursor;
                slot
            }
            None => {
                self.cursors.push(cursor);
                self.cursors.len() as u32 - 1
            }
        };
        self.queue.push((key, slot));
    }
}

/// What a neuron of one cell needs to fire.
struct Fire<'a, F> {
    cell: &'a CellPlan<F>,
    weighted: &'a Weighted<F>,
    now: u64,
    pending: &'a mut Vec<u32>,
    clock: &'a mut Clock,
}

impl<F: Real> Fire<'_, F> {
    #[inline(always)]
    fn arrive(&mut self, state: &mut NeuronState<F>, neuron: usize, weight: F, is_negative: bool) {
        let weight = if is_negative { -weight } else { weight };
        if let Some(is_negative) = arrive::neuron(&self.weighted.neuron, state, neuron, weight, self.now) {
            self.fire(&mut state.net, neuron, is_negative);
        }
    }

    #[inline(always)]
    fn fire(&mut self, net: &mut [i64], neuron: usize, is_negative: bool) {
        // Divided in 32 bits, which is faster; the plan has fewer positions.
        let n_outputs = self.weighted.synapses.n_outputs as u32;
        let (at, output) = (neuron as u32 / n_outputs, (neuron as u32 % n_outputs) as usize);
        let position = self.cell.base + (output * self.cell.output.plane()) as u32 + at;
        self.pending.push(position << 1 | u32::from(is_negative));
        if self.weighted.terminates() {
            net[output] += if is_negative { -1 } else { 1 };
            if self.weighted.is_decided(net) {
                self.clock.decide(self.now);
            }
        }
    }
}

impl<F> Weighted<F> {
    #[inline(always)]
    pub(crate) fn terminates(&self) -> bool {
        self.terminate_delta > 0 || self.terminate_max > 0
    }

    fn is_decided(&self, net: &[i64]) -> bool {
        is_decided(net, self.terminate_delta, self.terminate_max)
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
