//! A naive engine, one object a synapse and one queue entry a synaptic event, against which the fast one is checked.
//!
//! It shares with the fast engine the network, the encoder and the event key, and nothing of how spikes are carried out:
//! every synaptic event is an entry of a sorted map, delayed or not, and every synapse counts its own reads. It is slow, and
//! short enough to be compared with the rules it implements. Its clock is the run's, where the fast engine counts from the
//! start of a stimulus.
//!
//! ```
//! use sim::network::{Cell, Fc, Neuron, Operator, Shape, Source};
//! use sim::{InputSpike, Network, Sign, SimDuration, SimTime, reference};
//!
//! let fc = Fc {
//!     n_outputs: 1,
//!     weights: vec![3.5],
//!     delays: None,
//!     currents: None,
//!     neuron: Neuron::default(),
//!     terminate_delta: 0,
//!     terminate_max: 0,
//! };
//! let network = Network {
//!     input: Shape { channels: 1, height: 1, width: 1 },
//!     cells: vec![Cell { name: "fc".into(), inputs: vec![Source::Environment], operator: Operator::Fc(fc) }],
//!     output: 0,
//! };
//! let spikes = [InputSpike { time: SimTime(100), pixel: 0, sign: Sign::Positive }];
//! let report = reference::present_spikes::<f64>(&network, &spikes, SimDuration(1000))?;
//! assert_eq!(report.membrane_potentials[0], [2.5]);
//! assert_eq!(report.raster.spikes[1].time, SimTime(101));
//! # Ok::<(), sim::Error>(())
//! ```

use std::collections::BTreeMap;

use crate::crossing::{self, Motion};
use crate::encoder::{Encoder, Presentation};
use crate::error::Error;
use crate::event::{EventKey, InputSpike, Rank, Sign, Spike};
use crate::layout::{self, Geometry, Layout};
use crate::leak::Leak;
use crate::network::{Network, Neuron, Operator, Pool, Pooling, PoolingMode, Reset, Size, Source};
use crate::present::Outcome;
use crate::real::Real;
use crate::recorder::{Potential, Raster};
use crate::state::Counts;
use crate::time::{SimDuration, SimTime, Span};

/// All that a presentation left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<F> {
    /// How it ended.
    pub outcome: Outcome,
    /// Every spike, in order.
    pub raster: Raster,
    /// Spikes of each pixel or neuron in canonical order: the environment's, then each cell's.
    pub counts: Vec<Vec<Counts>>,
    /// Read events of each cell's synapses in the order of its weights; `None` where there is no connection.
    pub reads: Vec<Vec<Option<u64>>>,
    /// Membrane potentials of each cell's neurons in canonical order, each as of its last arrival or crossing.
    pub membrane_potentials: Vec<Vec<F>>,
    /// What [`Potentials`](crate::recorder::Potentials) records, of the neurons watched.
    pub potentials: Vec<Potential>,
}

/// Presents a stimulus, its values turned into spikes by the encoder.
///
/// # Errors
///
/// Refuses what [`Plan::new`](crate::Plan::new) refuses.
///
/// # Panics
///
/// Panics when the number of values is not that of the input's elements, or the presentation goes past the end of time.
pub fn present<F: Real>(
    network: &Network,
    encoder: &Encoder,
    seed: u64,
    presentation: &Presentation<'_>,
) -> Result<Report<F>, Error> {
    assert_eq!(presentation.values.len(), network.input.len(), "a presentation has one value an input element");
    let spikes: Vec<InputSpike> = (0..network.input.len())
        .flat_map(|pixel| {
            let train = encoder.pixel_train(seed, presentation, pixel);
            train.map(move |(time, sign)| InputSpike { time, pixel, sign })
        })
        .collect();
    present_spikes(network, &spikes, presentation.span())
}

/// Presents spikes at given times, in any order.
///
/// # Errors
///
/// Refuses what [`Plan::new`](crate::Plan::new) and [`present_spikes`](crate::present_spikes) refuse.
pub fn present_spikes<F: Real>(
    network: &Network,
    spikes: &[InputSpike],
    span: impl Into<Span>,
) -> Result<Report<F>, Error> {
    present_spikes_watched(network, spikes, span, &[])
}

/// The same, with an eye on the potentials of some neurons, each by its cell and its canonical index.
///
/// # Errors
///
/// As [`present_spikes`].
pub fn present_spikes_watched<F: Real>(
    network: &Network,
    spikes: &[InputSpike],
    span: impl Into<Span>,
    watched: &[(usize, usize)],
) -> Result<Report<F>, Error> {
    let span = span.into();
    let mut engine = Engine::<F>::new(network, span)?;
    engine.watched = watched.to_vec();
    let (start, end) = (span.start, span.end()?);
    for (index, spike) in spikes.iter().enumerate() {
        let n_pixels = network.input.len();
        if spike.pixel >= n_pixels {
            return Err(Error::NoSuchPixel { index, n_pixels, found: spike.pixel });
        }
        if spike.time < start {
            return Err(Error::SpikeTooEarly { index, start, found: spike.time });
        }
        if spike.time >= end {
            return Err(Error::SpikeTooLate { index, end, found: spike.time });
        }
        engine.queue_emission(spike.time, spike.pixel as u32, spike.sign);
    }
    Ok(engine.run())
}

struct Synapse<F> {
    weight: F,
    delay: u64,
    is_connected: bool,
    reads: u64,
}

#[derive(Clone, Copy)]
struct NeuronState<F> {
    potential: F,
    last: u64,
    refractory_until: u64,
    /// Net spikes fired.
    net: i64,
    /// How it moves on its own; `None` without a current.
    motion: Option<Motion>,
    crosses_at: u64,
}

impl<F: Real> NeuronState<F> {
    /// Moves the potential from the last arrival or spike to `now`.
    fn bring_up(&mut self, parameters: &Neuron, now: u64) {
        let elapsed = now - self.last;
        self.last = now;
        if let Some(motion) = self.motion {
            self.potential = F::from_f64(motion.potential(self.potential.to_f64(), elapsed));
        } else if let Some(leak) = Leak::new(parameters.membrane_time_constant) {
            self.potential = leak.decay(self.potential, elapsed);
        }
    }
}

/// What a pooling output remembers.
#[derive(Clone, Copy)]
struct Window {
    tracked: i64,
    setter: Option<usize>,
    fired: i64,
}

/// The state of one cell; what its operator does not use is empty.
struct CellState<F> {
    synapses: Vec<Synapse<F>>,
    neurons: Vec<NeuronState<F>>,
    pool_inputs: Vec<i64>,
    windows: Vec<Window>,
}

enum Event {
    /// A spike reaches one neuron over one synapse.
    Arrival { cell: usize, neuron: usize, synapse: usize },
    /// The source of the key emits.
    Emission,
    /// The neuron of the key crosses its threshold without an arrival.
    Crossing,
}

/// One synapse that a spike will reach.
struct Target {
    neuron: usize,
    synapse: usize,
    tap: u32,
}

struct Engine<'a, F> {
    network: &'a Network,
    geometry: Geometry,
    cells: Vec<CellState<F>>,
    queue: BTreeMap<EventKey, Event>,
    end: u64,
    decided_at: Option<SimTime>,
    last_event: Option<SimTime>,
    raster: Raster,
    counts: Vec<Vec<Counts>>,
    watched: Vec<(usize, usize)>,
    potentials: Vec<Potential>,
}

impl<'a, F: Real> Engine<'a, F> {
    fn new(network: &'a Network, span: Span) -> Result<Self, Error> {
        let geometry = layout::check::<F>(network)?;
        let cells = network.cells.iter().zip(&geometry.layouts).map(|(cell, layout)| {
            let (weights, delays, mapping, area) = match &cell.operator {
                Operator::Conv(conv) => {
                    (&conv.weights[..], &conv.delays, &conv.mapping, conv.kernel.width * conv.kernel.height)
                }
                Operator::Fc(fc) => (&fc.weights[..], &fc.delays, &None, 1),
                Operator::Pool(_) => (&[][..], &None, &None, 1),
            };
            let synapses = weights.iter().enumerate().map(|(i, &weight)| Synapse {
                weight: F::from_f64(weight),
                delay: delays.as_ref().map_or(0, |delays| delays[i].0),
                is_connected: mapping.as_ref().is_none_or(|mapping| mapping[i / area]),
                reads: 0,
            });
            let motion_of = |output: usize| {
                let (currents, neuron) = match &cell.operator {
                    Operator::Conv(conv) => (&conv.currents, conv.neuron),
                    Operator::Fc(fc) => (&fc.currents, fc.neuron),
                    Operator::Pool(_) => return None,
                };
                let current = currents.as_ref().map_or(0.0, |currents| currents[output]);
                (current != 0.0).then(|| Motion::new(current, &neuron, F::from_f64(neuron.threshold).to_f64()))
            };
            let neuron = |i: usize| NeuronState {
                potential: F::ZERO,
                last: span.start.0,
                refractory_until: 0,
                net: 0,
                motion: motion_of(i / layout.output.plane()),
                crosses_at: crossing::NEVER,
            };
            let (n_neurons, n_windows, initial) = match &cell.operator {
                Operator::Pool(pool) => {
                    let is_below_all = (pool.pooling, pool.mode) == (Pooling::Max, PoolingMode::Approximated);
                    (0, layout.output.len(), if is_below_all { -(1_i64 << 31) } else { 0 })
                }
                _ => (layout.output.len(), 0, 0),
            };
            CellState {
                synapses: synapses.collect(),
                neurons: (0..n_neurons).map(neuron).collect(),
                pool_inputs: vec![0; if n_windows > 0 { layout.input.len() } else { 0 }],
                windows: vec![Window { tracked: initial, setter: None, fired: 0 }; n_windows],
            }
        });
        let cells = cells.collect();
        let n_of_group = |bases: &[u32]| vec![Counts::default(); (bases[1] - bases[0]) as usize];
        let counts = geometry.bases.windows(2).map(n_of_group).collect();
        let mut engine = Self {
            network,
            geometry,
            cells,
            queue: BTreeMap::new(),
            end: span.end()?.0,
            decided_at: None,
            last_event: None,
            raster: Raster::default(),
            counts,
            watched: Vec::new(),
            potentials: Vec::new(),
        };
        for cell in 0..engine.cells.len() {
            for neuron in 0..engine.cells[cell].neurons.len() {
                engine.predict(cell, neuron);
            }
        }
        Ok(engine)
    }

    fn run(mut self) -> Report<F> {
        while let Some((key, event)) = self.queue.pop_first() {
            if key.time.0 >= self.end {
                break;
            }
            self.last_event = Some(key.time);
            match event {
                Event::Arrival { cell, neuron, synapse } => self.arrive(key, cell, neuron, synapse),
                Event::Emission => self.emit(key),
                Event::Crossing => self.cross(key),
            }
        }
        let counts = &self.counts[self.network.output + 1];
        let is_silent = counts.iter().all(|counts| counts.total() == 0);
        let mut response = 0;
        for (output, counts_of_output) in counts.iter().enumerate() {
            if counts_of_output.net() > counts[response].net() {
                response = output;
            }
        }
        let outcome = Outcome {
            response: (!is_silent).then_some(response),
            decided_at: self.decided_at,
            last_event: self.last_event,
            n_spikes: self.raster.spikes.len() as u64,
        };
        let reads = |synapse: &Synapse<F>| synapse.is_connected.then_some(synapse.reads);
        Report {
            outcome,
            raster: self.raster,
            counts: self.counts,
            reads: self.cells.iter().map(|cell| cell.synapses.iter().map(reads).collect()).collect(),
            membrane_potentials: self
                .cells
                .iter()
                .map(|cell| cell.neurons.iter().map(|neuron| neuron.potential).collect())
                .collect(),
            potentials: self.potentials,
        }
    }

    fn push(&mut self, mut key: EventKey, event: Event) {
        while self.queue.contains_key(&key) {
            key.ordinal += 1;
        }
        self.queue.insert(key, event);
    }

    fn queue_emission(&mut self, time: SimTime, source: u32, sign: Sign) {
        self.push(EventKey { time, rank: Rank::Fire, source, tap: 0, sign, ordinal: 0 }, Event::Emission);
    }

    /// A source emits: its spike is recorded, then reaches each cell that listens.
    fn emit(&mut self, key: EventKey) {
        let group = self.geometry.bases.partition_point(|&base| base <= key.source) - 1;
        let neuron = (key.source - self.geometry.bases[group]) as usize;
        let source = layout::source(group);
        self.raster.spikes.push(Spike { time: key.time, source, neuron, sign: key.sign });
        match key.sign {
            Sign::Positive => self.counts[group][neuron].positive += 1,
            Sign::Negative => self.counts[group][neuron].negative += 1,
        }
        let shape = match source {
            Source::Environment => self.network.input,
            Source::Cell(cell) => self.geometry.layouts[cell].output,
        };
        let (channel, y, x) = (neuron / shape.plane(), neuron / shape.width % shape.height, neuron % shape.width);
        for link in self.geometry.links[group].clone() {
            let channel = link.first_channel + channel;
            if let Operator::Pool(pool) = &self.network.cells[link.cell].operator {
                self.pool(key, pool, link.cell, channel, y, x);
                continue;
            }
            for target in self.targets(link.cell, channel, y, x) {
                let delay = self.cells[link.cell].synapses[target.synapse].delay;
                let key = EventKey { tap: link.first_tap + target.tap, ..key };
                if delay == 0 {
                    self.arrive(key, link.cell, target.neuron, target.synapse);
                } else if let Some(time) = key.time.checked_add(SimDuration(delay)) {
                    let (neuron, synapse) = (target.neuron, target.synapse);
                    let key = EventKey { time, rank: Rank::Deliver, ordinal: 0, ..key };
                    self.push(key, Event::Arrival { cell: link.cell, neuron, synapse });
                }
            }
        }
    }

    /// The synapses that a spike at (channel, y, x) of a cell's concatenated input reaches, in the order of taps.
    fn targets(&self, cell: usize, channel: usize, y: usize, x: usize) -> Vec<Target> {
        let Layout { input, positions, output } = self.geometry.layouts[cell];
        let mut targets = Vec::new();
        match &self.network.cells[cell].operator {
            Operator::Pool(_) => {}
            Operator::Fc(fc) => {
                let element = (channel * input.height + y) * input.width + x;
                for o in 0..fc.n_outputs {
                    targets.push(Target { neuron: o, synapse: o * input.len() + element, tap: o as u32 });
                }
            }
            Operator::Conv(conv) => {
                let Size { width: kw, height: kh } = conv.kernel;
                for ky in 0..kh {
                    for kx in 0..kw {
                        let Some(py) = position(y + conv.padding.height, ky, conv.stride.height, positions.height)
                        else {
                            continue;
                        };
                        let Some(px) = position(x + conv.padding.width, kx, conv.stride.width, positions.width) else {
                            continue;
                        };
                        let (oy, ox) = (py / conv.sub_sample.height, px / conv.sub_sample.width);
                        for o in 0..conv.n_outputs {
                            let synapse = ((o * input.channels + channel) * kh + ky) * kw + kx;
                            if self.cells[cell].synapses[synapse].is_connected {
                                targets.push(Target {
                                    neuron: (o * output.height + oy) * output.width + ox,
                                    synapse,
                                    tap: ((ky * kw + kx) * conv.n_outputs + o) as u32,
                                });
                            }
                        }
                    }
                }
            }
        }
        targets
    }

    /// One synaptic event.
    fn arrive(&mut self, key: EventKey, cell: usize, neuron: usize, synapse: usize) {
        let (parameters, _) = self.parameters(cell);
        let threshold = F::from_f64(parameters.threshold);
        let state = &mut self.cells[cell];
        let synapse = &mut state.synapses[synapse];
        let n = &mut state.neurons[neuron];
        n.bring_up(&parameters, key.time.0);
        n.potential = match key.sign {
            Sign::Positive => n.potential + synapse.weight,
            Sign::Negative => n.potential - synapse.weight,
        };
        synapse.reads += 1;
        let is_above = n.potential >= threshold || (parameters.bipolar_threshold && -n.potential >= threshold);
        let fires = is_above && key.time.0 >= n.refractory_until;
        let fired = fires.then(|| self.spike(key.time, cell, neuron));
        self.show(key.time, cell, neuron, fired);
        self.predict(cell, neuron);
    }

    /// Notes the potential of a neuron that is watched.
    fn show(&mut self, time: SimTime, cell: usize, neuron: usize, fired: Option<Sign>) {
        if self.watched.contains(&(cell, neuron)) {
            let potential = self.cells[cell].neurons[neuron].potential.to_f64();
            self.potentials.push(Potential { time, cell, neuron, potential, fired });
        }
    }

    /// A neuron with a current crosses its threshold.
    fn cross(&mut self, key: EventKey) {
        let group = self.geometry.bases.partition_point(|&base| base <= key.source) - 1;
        let (cell, neuron) = (group - 1, (key.source - self.geometry.bases[group]) as usize);
        let n = &mut self.cells[cell].neurons[neuron];
        let motion = n.motion.expect("only a neuron with a current crosses");
        let v = n.potential.to_f64();
        n.potential = F::from_f64(motion.potential_at_crossing(v, n.last, key.time.0, n.refractory_until));
        n.last = key.time.0;
        let fired = self.spike(key.time, cell, neuron);
        self.show(key.time, cell, neuron, Some(fired));
        self.predict(cell, neuron);
    }

    /// Neurons' parameters, and the net spikes that decide: the lead, and the count of one output.
    fn parameters(&self, cell: usize) -> (Neuron, (u32, u32)) {
        match &self.network.cells[cell].operator {
            Operator::Conv(conv) => (conv.neuron, (0, 0)),
            Operator::Fc(fc) => (fc.neuron, (fc.terminate_delta, fc.terminate_max)),
            Operator::Pool(_) => unreachable!("a pooling cell has no neuron with a potential"),
        }
    }

    /// A neuron fires at `now`; tells the sign of its spike.
    fn spike(&mut self, now: SimTime, cell: usize, neuron: usize) -> Sign {
        let (parameters, terminate) = self.parameters(cell);
        let threshold = F::from_f64(parameters.threshold);
        let n = &mut self.cells[cell].neurons[neuron];
        n.refractory_until = now.0.saturating_add(parameters.refractory_period.0);
        let sign = Sign::from_negative(n.potential < F::ZERO);
        n.potential = match (parameters.reset, sign) {
            (Reset::Zero, _) => F::ZERO,
            (Reset::Subtract, Sign::Positive) => n.potential - threshold,
            (Reset::Subtract, Sign::Negative) => n.potential + threshold,
        };
        n.net += sign.value();
        self.fire(now, cell, neuron, sign);
        self.decide(now, cell, terminate);
        sign
    }

    /// Moves a neuron's crossing to where it is due now.
    fn predict(&mut self, cell: usize, neuron: usize) {
        let n = &mut self.cells[cell].neurons[neuron];
        let Some(motion) = n.motion else { return };
        let source = self.geometry.bases[cell + 1] + neuron as u32;
        let key = |time| EventKey {
            time: SimTime(time),
            rank: Rank::Cross,
            source,
            tap: 0,
            sign: Sign::Positive,
            ordinal: 0,
        };
        self.queue.remove(&key(n.crosses_at));
        n.crosses_at = motion.next(n.potential.to_f64(), n.last, n.refractory_until);
        if n.crosses_at != crossing::NEVER {
            self.queue.insert(key(n.crosses_at), Event::Crossing);
        }
    }

    /// A neuron or window fires at `now`; it emits 1 fs later.
    fn fire(&mut self, now: SimTime, cell: usize, neuron: usize, sign: Sign) {
        // There is no instant after the last.
        if let Some(time) = now.checked_add(SimDuration(1)) {
            self.queue_emission(time, self.geometry.bases[cell + 1] + neuron as u32, sign);
        }
    }

    fn decide(&mut self, now: SimTime, cell: usize, (delta, max): (u32, u32)) {
        let mut net: Vec<i64> = self.cells[cell].neurons.iter().map(|neuron| neuron.net).collect();
        net.sort_unstable_by(|a, b| b.cmp(a));
        let second = net.get(1).copied().unwrap_or(0);
        let leads = delta > 0 && net[0] - second >= i64::from(delta);
        let has_enough = max > 0 && net[0] >= i64::from(max);
        if (leads || has_enough) && self.decided_at.is_none() && now.0 + 1 < self.end {
            self.decided_at = Some(SimTime(now.0 + 1));
            self.end = self.end.min(now.0.saturating_add(2));
        }
    }

    /// A spike reaches a pooling cell.
    fn pool(&mut self, key: EventKey, pool: &Pool, cell: usize, channel: usize, y: usize, x: usize) {
        let Layout { input, output, .. } = self.geometry.layouts[cell];
        let element = (channel * input.height + y) * input.width + x;
        self.cells[cell].pool_inputs[element] += key.sign.value();
        let is_connected =
            |o: usize, c: usize| pool.mapping.as_ref().is_none_or(|mapping| mapping[o * input.channels + c]);
        for neuron in 0..output.len() {
            let (o, oy, ox) = (neuron / output.plane(), neuron / output.width % output.height, neuron % output.width);
            let holds = |o: usize, at: usize, stride: usize, padding: usize, window: usize| {
                (o * stride..o * stride + window).contains(&(at + padding))
            };
            let in_window = |y: usize, x: usize| {
                holds(oy, y, pool.stride.height, pool.padding.height, pool.window.height)
                    && holds(ox, x, pool.stride.width, pool.padding.width, pool.window.width)
            };
            if !is_connected(o, channel) || !in_window(y, x) {
                continue;
            }
            let state = &mut self.cells[cell];
            let count = state.pool_inputs[element];
            let window = &mut state.windows[neuron];
            let channels: Vec<usize> = (0..input.channels).filter(|&c| is_connected(o, c)).collect();
            let sign = match (pool.pooling, pool.mode) {
                (Pooling::Max, PoolingMode::Approximated) => {
                    let may_fall = window.setter.is_none() || window.setter == Some(element);
                    let changes = count > window.tracked || (may_fall && count < window.tracked);
                    let sign = changes.then(|| Sign::from_negative(count < window.tracked));
                    if changes {
                        window.tracked = count;
                        window.setter = Some(element);
                    }
                    sign
                }
                (Pooling::Max, PoolingMode::Exact) => {
                    let inside = channels.iter().flat_map(|&c| (0..input.plane()).map(move |at| (c, at)));
                    let greatest = inside
                        .filter(|&(_, at)| in_window(at / input.width, at % input.width))
                        .map(|(c, at)| state.pool_inputs[c * input.plane() + at])
                        .max()
                        .expect("the window holds the input that spiked");
                    let sign = (greatest != window.tracked).then(|| Sign::from_negative(greatest < window.tracked));
                    window.tracked += sign.map_or(0, Sign::value);
                    sign
                }
                (Pooling::Average, mode) => {
                    window.tracked += key.sign.value();
                    let n = (pool.window.width * pool.window.height * channels.len()) as f64;
                    let mean = (window.tracked as f64 / n).round() as i64;
                    let sign = match mode {
                        PoolingMode::Approximated => {
                            (mean.abs() > window.fired.abs()).then(|| Sign::from_negative(window.tracked < 0))
                        }
                        PoolingMode::Exact => (mean != window.fired).then(|| Sign::from_negative(mean < window.fired)),
                    };
                    window.fired += sign.map_or(0, Sign::value);
                    sign
                }
            };
            if let Some(sign) = sign {
                self.fire(key.time, cell, neuron, sign);
            }
        }
    }
}

/// The position whose kernel offset `k` lies on `at` (padding included).
fn position(at: usize, k: usize, stride: usize, n_positions: usize) -> Option<usize> {
    let from = at.checked_sub(k)?;
    (from % stride == 0 && from / stride < n_positions).then_some(from / stride)
}
