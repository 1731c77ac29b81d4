//! Networks on a CUDA device.
//!
//! All that a batch needs is in the device's memory; what is launched for it is recorded once for each size of batch and then
//! replayed ([`machine::Machine`]). Of a learning step only the losses come back; outputs, weights and the rest come when
//! they are asked for. Sums are made in an order that depends on the batch alone.
#[cfg(feature = "cuda")]
mod compiler;
mod control;
#[cfg(feature = "cuda")]
mod driver;
#[cfg(feature = "emulator")]
mod emulator;
mod kernels;
mod layer;
mod machine;
mod memory;
mod program;
mod schedule;
mod target;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

#[cfg(feature = "cuda")]
pub(super) use compiler::compile_kernels;
#[cfg(feature = "cuda")]
pub(super) use driver::{copy_speed, keep_kernels_in, open, open_device};
#[cfg(feature = "emulator")]
pub(super) use emulator::open as open_emulator;

use super::{Backend, Batch, Brought, CellTime, Clock};
use crate::cell::batch_norm::Statistics;
use crate::cell::{Operator, size};
use crate::error::Error;
use crate::network::{Pass, StepReport};
use crate::parameter::{Parameter, ParameterKind};
use crate::plan::Plan;
use crate::solver::Step;
use control::Draws;
use machine::{Buffer, Machine, MachineFault};
use memory::Arena;
use program::{Places, Program};
use schedule::{Phase, Schedule, Stage};
use target::Towards;

/// Recorded batches that are kept; then all are recorded anew.
const MOST_RECORDED: usize = 32;

/// A network on a device.
struct Cuda<M: Machine> {
    machine: Arc<M>,
    program: Program<M>,
    recorded: HashMap<Batched, Recorded<M>>,
    passes: HashMap<(Batched, usize, u8), M::Sequence>,
    /// What the targets of each [`Kind::Learn`] want.
    towards: Vec<Vec<Towards>>,
    reports: Vec<StepReport>,
    /// The step that was started and not asked for yet.
    started: Option<Started>,
    /// Stimuli that are in the next batch's feed, or on their way there.
    brought: Option<Brought>,
    n_brought: u64,
    /// `None` before there is a capacity, and where there was no room for it.
    places: Option<Places<M>>,
    capacity: usize,
    /// The last batch.
    last: Batched,
    /// Weights, solvers and statistics as the device has them; not set while the device has moved on.
    host: OnceLock<Host>,
    /// The same as they were; of them only the counters of the solvers are true.
    stale: Mutex<Option<Host>>,
    /// Whether the host's are newer than the device's.
    is_changed: bool,
    outputs: Vec<OnceLock<Vec<f32>>>,
    gradients: Vec<OnceLock<Vec<f32>>>,
    /// Errors of the stimulus at this place of the last batch that was learned.
    errors: Vec<OnceLock<Vec<f32>>>,
    error_place: Option<usize>,
    /// The stimulus of a batch whose errors are kept.
    kept_place: Option<usize>,
    clock: Option<Clock>,
    times: Vec<CellTime>,
    words: Vec<u32>,
    classes: Vec<i32>,
    /// Set at the first fault; nothing is computed after it.
    fault: OnceLock<Error>,
}

/// What the host knows of what is learned.
#[derive(Default)]
struct Host {
    parameters: Vec<Parameter>,
    statistics: Vec<Statistics>,
}

/// A learning step that was started.
struct Started {
    n: usize,
    /// Stimuli that have a class, of each target; `None` where values are wanted of them.
    labeled: Vec<Option<usize>>,
}

/// What a batch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Infer,
    /// It is learned towards what stands at this index in [`Cuda::towards`].
    Learn(usize),
}

/// A batch that can be replayed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Batched {
    kind: Kind,
    n: usize,
    turn: usize,
    /// Whether its cells are told apart.
    is_timed: bool,
}

/// Launches made ready, with the tables that they need.
struct Recorded<M: Machine> {
    /// One, or one a stage.
    sequences: Vec<(M::Sequence, usize, Phase)>,
    _memory: Arena<M>,
}

impl<M: Machine> Cuda<M> {
    /// Brings a network to a device.
    fn new(machine: Arc<M>, plan: &Plan, parameters: Vec<Parameter>) -> Result<Self, Error> {
        let program = Program::new(&machine, plan, &parameters)?;
        let statistics = plan.cells.iter().map(|cell| match &cell.operator {
            Operator::BatchNorm(norm) => norm.statistics(),
            _ => Statistics::default(),
        });
        let statistics = statistics.collect();
        let n_cells = plan.cells.len();
        Ok(Self {
            recorded: HashMap::new(),
            passes: HashMap::new(),
            towards: Vec::new(),
            reports: vec![StepReport::default(); plan.targets.len()],
            started: None,
            brought: None,
            n_brought: 0,
            places: None,
            capacity: 0,
            last: Batched { kind: Kind::Infer, n: 0, turn: 0, is_timed: false },
            outputs: vec![OnceLock::new(); n_cells],
            gradients: vec![OnceLock::new(); parameters.len()],
            errors: vec![OnceLock::new(); n_cells],
            error_place: None,
            host: OnceLock::from(Host { parameters, statistics }),
            stale: Mutex::new(None),
            is_changed: true,
            kept_place: None,
            clock: None,
            times: vec![CellTime::default(); n_cells],
            words: Vec::new(),
            classes: Vec::new(),
            fault: OnceLock::new(),
            machine,
            program,
        })
    }

    /// Notes a fault.
    fn note<T>(&self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|fault| self.fault.get_or_init(|| fault)).ok()
    }

    /// Values of 32 bits from the front of a buffer; of a device that fails they stay what they were.
    fn download(&self, from: Buffer, to: &mut [f32]) {
        if !to.is_empty() && self.fault.get().is_none() {
            let done = self.machine.download(from, bytemuck::cast_slice_mut(to));
            self.note(done.map_err(Error::from));
        }
    }

    /// What is learned, as the device has it.
    fn host(&self) -> &Host {
        self.host.get_or_init(|| {
            let stale = self.stale.lock().ok().and_then(|mut stale| stale.take());
            let mut host = stale.unwrap_or_default();
            for (parameter, tensor) in host.parameters.iter_mut().zip(&self.program.tensors) {
                self.download(tensor.values, &mut parameter.values);
                self.download(tensor.moments, &mut parameter.moments);
                self.download(tensor.gradient, &mut parameter.kept);
            }
            for (statistics, &buffer) in host.statistics.iter_mut().zip(&self.program.statistics) {
                let n = statistics.mean.len();
                if n > 0 {
                    self.download(buffer, &mut statistics.mean);
                    self.download(buffer.part(4 * n, 4 * n), &mut statistics.variance);
                }
            }
            host
        })
    }

    /// The same, to be changed.
    fn host_mut(&mut self) -> &mut Host {
        self.host();
        self.is_changed = true;
        self.host.get_mut().expect("the line before last has set it")
    }

    /// Brings to the device what the host has changed.
    fn flush(&mut self) -> Result<(), MachineFault> {
        let Some(host) = self.host.get().filter(|_| self.is_changed) else { return Ok(()) };
        let upload = |values: &[f32], to: Buffer| match values.is_empty() {
            true => Ok(()),
            false => self.machine.upload(bytemuck::cast_slice(values), to),
        };
        for (parameter, tensor) in host.parameters.iter().zip(&self.program.tensors) {
            upload(&parameter.values, tensor.values)?;
            upload(&parameter.moments, tensor.moments)?;
            upload(&parameter.kept, tensor.gradient)?;
        }
        for (statistics, &buffer) in host.statistics.iter().zip(&self.program.statistics) {
            let n = statistics.mean.len();
            if n > 0 {
                upload(&statistics.mean, buffer)?;
                upload(&statistics.variance, buffer.part(4 * n, 4 * n))?;
            }
        }
        self.is_changed = false;
        Ok(())
    }

    /// Forgets what was brought from the device of the batch before.
    fn begin(&mut self, batch: Batched) {
        self.last = batch;
        self.brought = None;
        self.outputs.iter_mut().for_each(|output| drop(output.take()));
    }

    /// Starts a batch whose inputs are on their way.
    fn replay(&mut self, batch: Batched) -> Result<(), Error> {
        if !self.recorded.contains_key(&batch) {
            if self.recorded.len() >= MOST_RECORDED {
                self.machine.synchronize()?;
                self.recorded.clear();
            }
            let recorded = self.record(batch)?;
            self.recorded.insert(batch, recorded);
        }
        let Some(recorded) = self.recorded.get(&batch) else { return Ok(()) };
        let Some(now) = self.clock else {
            for (sequence, ..) in &recorded.sequences {
                self.machine.replay(sequence)?;
            }
            return Ok(());
        };
        for (sequence, cell, phase) in &recorded.sequences {
            self.machine.synchronize()?;
            let started = now();
            self.machine.replay(sequence)?;
            self.machine.synchronize()?;
            let spent = now().saturating_sub(started);
            let time = &mut self.times[*cell];
            *match phase {
                Phase::Forward => &mut time.forward,
                Phase::Backward => &mut time.backward,
                Phase::Update => &mut time.update,
            } += spent;
        }
        Ok(())
    }

    fn record(&self, batch: Batched) -> Result<Recorded<M>, Error> {
        let mut memory = Arena::new(&self.machine);
        let Batched { kind, n, turn, is_timed } = batch;
        let Some(places) = &self.places else { return Ok(Recorded { sequences: Vec::new(), _memory: memory }) };
        let learns = match kind {
            Kind::Infer => None,
            Kind::Learn(towards) => Some(self.towards[towards].as_slice()),
        };
        let stages = Schedule { program: &self.program, places, turn, learns, n }.all(&mut memory, is_timed)?;
        let sequences = if is_timed {
            let record = |Stage { cell, phase, launches }| Ok((self.machine.record(&launches)?, cell, phase));
            stages.into_iter().map(record).collect::<Result<_, MachineFault>>()?
        } else {
            let launches: Vec<_> = stages.into_iter().flat_map(|stage| stage.launches).collect();
            vec![(self.machine.record(&launches)?, 0, Phase::Forward)]
        };
        Ok(Recorded { sequences, _memory: memory })
    }

    /// The next batch's turn among the feeds, which nothing uses any more.
    fn next(&self, kind: Kind, n: usize) -> Batched {
        Batched { kind, n, turn: 1 - self.last.turn, is_timed: self.clock.is_some() }
    }

    fn run_inference(&mut self, stimuli: &[f32], n: usize) -> Result<(), Error> {
        let batch = self.next(Kind::Infer, n);
        self.begin(batch);
        self.flush()?;
        let Some(places) = self.places.as_ref().filter(|_| n > 0) else { return Ok(()) };
        // Batches that are inferred are not waited for, so that the one before the last may still be running.
        self.machine.upload(bytemuck::cast_slice(stimuli), places.feeds[batch.turn].input)?;
        self.replay(batch)
    }

    fn start_step(&mut self, step: &Batch<'_>) -> Result<(), Error> {
        let n = step.n;
        let towards: Vec<Towards> = step.wanted.iter().map(Towards::of).collect();
        let kind = self.towards.iter().position(|other| *other == towards).unwrap_or(self.towards.len());
        if kind == self.towards.len() {
            self.towards.push(towards);
        }
        self.flush()?;
        // The batch of the feed that is filled now has been waited for, unless it was inferred.
        if self.last.kind == Kind::Infer {
            self.machine.synchronize()?;
        }
        let batch = self.next(Kind::Learn(kind), n);
        let has_stimuli = step.brought.is_some_and(|b| self.brought == Some(b) && b.n_values == step.stimuli.len());
        self.begin(batch);
        self.gradients.iter_mut().for_each(|gradient| drop(gradient.take()));
        self.errors.iter_mut().for_each(|error| drop(error.take()));
        self.error_place = self.kept_place.filter(|&place| place < n);
        self.send(step, batch.turn, has_stimuli)?;
        // What is told is made up while the stimuli are on their way.
        self.tell(step);
        let Some(places) = &self.places else { return Ok(()) };
        self.machine.stage(bytemuck::cast_slice(&self.words), places.feeds[batch.turn].control)?;
        self.replay(batch)
    }

    /// `Σ e²` and the cross-entropy of each stimulus, target by target, when the step is done.
    fn losses(&self, step: &Started) -> Result<Vec<[f64; 2]>, Error> {
        let mut found = vec![[0.0; 2]; step.labeled.len() * step.n];
        if let Some(places) = self.places.as_ref().filter(|_| step.n > 0) {
            self.machine.download(places.losses, bytemuck::cast_slice_mut(&mut found))?;
        }
        Ok(found)
    }

    /// Sends the stimuli of a learning step, where they are not there, and what is wanted of them.
    fn send(&mut self, step: &Batch<'_>, turn: usize, has_stimuli: bool) -> Result<(), Error> {
        let Some(places) = &mut self.places else { return Ok(()) };
        for (target, wanted) in step.wanted.iter().enumerate() {
            if Towards::of(wanted) == Towards::Values {
                places.want(&self.program, target, self.capacity)?;
            }
        }
        let feed = &places.feeds[turn];
        if step.n > 0 && !has_stimuli {
            self.machine.stage(bytemuck::cast_slice(step.stimuli), feed.input)?;
        }
        for (wanted, goal) in step.wanted.iter().zip(&feed.goals) {
            goal.bring(&*self.machine, wanted, &mut self.classes)?;
        }
        Ok(())
    }

    /// Makes up what the device is told of a learning step, and counts it.
    fn tell(&mut self, step: &Batch<'_>) {
        let mut host = self.moved();
        let control = &self.program.control;
        control.write(Draws { seed: step.seed, step: step.step }, &mut self.words);
        for (index, (parameter, tensor)) in host.parameters.iter_mut().zip(&self.program.tensors).enumerate() {
            let has_error = self.program.cells[tensor.cell].has_error;
            let update = if has_error { parameter.solver.step(step.rate) } else { Step::Frozen };
            let parts = self.program.layers[tensor.cell].parts(step.n);
            let n_parts = parts[usize::from(tensor.kind == ParameterKind::Bias)];
            control.write_step(index, update, n_parts, &mut self.words);
        }
        if let Ok(stale) = self.stale.get_mut() {
            *stale = Some(host);
        }
    }

    /// What is learned, of which the counters alone are true while the device goes on.
    fn moved(&mut self) -> Host {
        let stale = || self.stale.get_mut().ok().and_then(Option::take);
        self.host.take().or_else(stale).unwrap_or_default()
    }

    fn run_pass(&mut self, cell: usize, pass: Pass) -> Result<(), Error> {
        self.flush()?;
        let Some(places) = self.places.as_ref().filter(|_| self.last.n > 0) else { return Ok(()) };
        let Batched { n, turn, .. } = self.last;
        let key = (Batched { kind: Kind::Infer, is_timed: false, ..self.last }, cell, pass as u8);
        if !self.passes.contains_key(&key) {
            let launches = Schedule { program: &self.program, places, turn, learns: None, n }.pass(cell, pass);
            self.passes.insert(key, self.machine.record(&launches)?);
        }
        if let Some(sequence) = self.passes.get(&key) {
            self.machine.replay(sequence)?;
        }
        Ok(self.machine.synchronize()?)
    }
}

impl<M: Machine> Backend for Cuda<M> {
    fn set_capacity(&mut self, n: usize) {
        self.finish();
        self.begin(Batched { kind: Kind::Infer, n: 0, turn: 0, is_timed: false });
        self.capacity = n;
        self.error_place = None;
        let done = self.machine.synchronize().map_err(Error::from);
        self.note(done);
        self.recorded.clear();
        self.passes.clear();
        self.places = None;
        self.times.fill(CellTime::default());
        if self.fault.get().is_none() {
            self.places = self.note(Places::new(&self.machine, &self.program, n));
        }
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn infer(&mut self, stimuli: &[f32], n: usize) {
        if self.fault.get().is_none() {
            let done = self.run_inference(stimuli, n);
            self.note(done);
        }
    }

    fn start(&mut self, batch: &Batch<'_>) {
        // One that nobody asked for: its losses would be lost, and its feed may be in use.
        self.finish();
        let cells = self.program.targets.iter().map(|target| &self.program.cells[target.cell]);
        let labeled = batch.wanted.iter().zip(cells).map(|(wanted, cell)| target::labeled(wanted, cell.output));
        self.started = Some(Started { n: batch.n, labeled: labeled.collect() });
        if self.fault.get().is_none() {
            let done = self.start_step(batch);
            self.note(done);
        }
    }

    fn finish(&mut self) -> &[StepReport] {
        let Some(step) = self.started.take() else { return &self.reports };
        let found = match self.fault.get() {
            None => self.note(self.losses(&step)),
            Some(_) => None,
        };
        let found = found.unwrap_or_else(|| vec![[f64::NAN; 2]; step.labeled.len() * step.n]);
        for (index, (report, target)) in self.reports.iter_mut().zip(&self.program.targets).enumerate() {
            let has_entropy = matches!(self.program.layers[target.cell], layer::Layer::Softmax(_));
            *report = target::report(step.labeled[index], has_entropy, &found[index * step.n..][..step.n]);
        }
        &self.reports
    }

    fn bring(&mut self, stimuli: &[f32]) -> Option<Brought> {
        // Batches that are inferred are not waited for: behind one, the other feed may be in use.
        let places = self.places.as_ref().filter(|_| self.last.kind != Kind::Infer && !stimuli.is_empty())?;
        if self.fault.get().is_some() {
            return None;
        }
        let sent = self.machine.stage(bytemuck::cast_slice(stimuli), places.feeds[1 - self.last.turn].input);
        self.note(sent.map_err(Error::from))?;
        self.n_brought += 1;
        self.brought = Some(Brought { number: self.n_brought, n_values: stimuli.len() });
        self.brought
    }

    fn repeat(&mut self, stimuli: &[f32], cell: usize, pass: Pass) {
        assert_eq!(stimuli.len(), self.last.n * self.program.input, "the stimuli of the last batch");
        if self.fault.get().is_none() {
            let done = self.run_pass(cell, pass);
            self.note(done);
            self.outputs[cell].take();
        }
    }

    fn output(&self, cell: usize) -> &[f32] {
        self.outputs[cell].get_or_init(|| {
            let mut values = vec![0.0; self.last.n * size(self.program.cells[cell].output)];
            if let Some(places) = &self.places {
                self.download(places.cells[cell].output, &mut values);
            }
            values
        })
    }

    fn parameters(&self) -> &[Parameter] {
        &self.host().parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.host_mut().parameters
    }

    fn gradient(&self, parameter: usize) -> &[f32] {
        self.gradients[parameter].get_or_init(|| {
            let tensor = &self.program.tensors[parameter];
            let mut values = vec![0.0; tensor.n];
            self.download(tensor.gradient, &mut values);
            values
        })
    }

    fn keep_errors(&mut self, place: Option<usize>) {
        (self.kept_place, self.error_place) = (place, None);
        self.errors.iter_mut().for_each(|error| drop(error.take()));
    }

    fn error(&self, cell: usize) -> &[f32] {
        let Some(place) = self.error_place.filter(|_| self.program.cells[cell].has_error) else { return &[] };
        self.errors[cell].get_or_init(|| {
            let n = size(self.program.cells[cell].output);
            let mut values = vec![0.0; n];
            if let Some(places) = &self.places {
                self.download(places.cells[cell].error.part(4 * place * n, 4 * n), &mut values);
            }
            values
        })
    }

    fn set_clock(&mut self, clock: Option<Clock>) {
        self.clock = clock;
        self.times.fill(CellTime::default());
    }

    fn times(&self) -> Vec<CellTime> {
        self.times.clone()
    }

    fn statistics(&self) -> &[Statistics] {
        &self.host().statistics
    }

    fn statistics_mut(&mut self) -> &mut [Statistics] {
        &mut self.host_mut().statistics
    }

    fn fault(&self) -> Option<Error> {
        self.fault.get().cloned()
    }
}

impl<M: Machine> Drop for Cuda<M> {
    /// Waits until nothing uses the memory that goes back.
    fn drop(&mut self) {
        let _ = self.machine.synchronize();
    }
}
