//! A network that computes and learns.

use stimuli::Shape;

use crate::backend::{self, Backend, Batch, Brought, CellTime, Clock, Device};
use crate::cell::batch_norm::Statistics;
use crate::cell::size;
use crate::config::NetworkConfig;
use crate::error::Error;
use crate::parameter::{LearningRate, NamedTensor, Parameter, ParameterInfo, ParameterKind, State, check_values};
use crate::plan::Plan;
use crate::target::{Wanted, n_classes};

/// A frame network with its weights, the state of its solvers, and the outputs of the last batch.
///
/// Outputs of a stimulus have the same bits in every batch and for every number of threads, and so have the weights
/// after a step; while learning, a batch normalization makes them depend on the batch. The work is spread over the current rayon thread pool.
pub struct Network {
    plan: Plan,
    seed: u64,
    backend: Box<dyn Backend>,
}

/// A pass through one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// From the inputs to the outputs, the activation with it.
    Forward,
    /// From the errors of the outputs, led through the activation, to those of the inputs.
    ToInputs,
    /// From the same to the gradients of weights and bias.
    ToWeights,
}

/// What a learning step found at a target before it moved the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepReport {
    /// `Σ e² / n` over the `n` stimuli of the batch, with `e` = wanted minus found at each output of the target
    /// cell; a stimulus without label counts 0. Where the output is a map, the label holds at each position and an
    /// error is divided by the number of positions; where it has a class at each position, by the number of those of the
    /// class; but not where values are wanted.
    pub squared_error: f64,
    /// Mean over the stimuli with a label of `-ln p(label)`, summed over the positions as they weigh, where the target cell
    /// is a softmax.
    pub cross_entropy: Option<f64>,
}

impl Network {
    /// Checks the description, fills the weights and plans the buffers for batches of the configured size, on the
    /// CPU. The weights are a function of the description and the seed, which also keys the dropout masks.
    ///
    /// # Errors
    ///
    /// Names the cell, what was expected and what was found where sizes do not fit, a parameter is out of range, an
    /// input does not stand before its cell, or names repeat.
    pub fn new(config: &NetworkConfig, seed: u64) -> Result<Self, Error> {
        Self::on(Device::Cpu, config, seed)
    }

    /// [`Network::new`] on a device.
    ///
    /// # Errors
    ///
    /// Those of [`Network::new`]; [`Error::Cuda`] or [`Error::NoEmulator`] where the device is not there, [`Error::OnDevice`] where it cannot
    /// compute a cell, and [`Error::Device`] where it fails.
    pub fn on(device: Device, config: &NetworkConfig, seed: u64) -> Result<Self, Error> {
        let plan = Plan::new(config)?;
        let parameters = Parameter::all(&plan, &config.cells, seed);
        let mut backend = backend::open(device, &plan, parameters)?;
        backend.set_capacity(config.batch_size);
        match backend.fault() {
            None => Ok(Self { plan, seed, backend }),
            Some(fault) => Err(fault),
        }
    }

    /// Whether the device has done all that it was told so far; the CPU always has. After a fault it does nothing: losses are
    /// NaN, outputs zeros, and weights those that were last asked for.
    ///
    /// # Errors
    ///
    /// The first fault of the device: its memory is too small, or a launch or a copy fails.
    pub fn check(&self) -> Result<(), Error> {
        self.backend.fault().map_or(Ok(()), Err)
    }

    /// Plans the buffers for up to `n` stimuli at once; outputs of earlier batches are dropped.
    pub fn set_capacity(&mut self, n: usize) {
        if n != self.backend.capacity() {
            self.backend.set_capacity(n);
        }
    }

    /// Stimuli that fit in one call; the configured batch size unless set.
    pub fn capacity(&self) -> usize {
        self.backend.capacity()
    }

    /// Replaces the seed that keys the dropout masks of later steps; the weights stay.
    pub fn set_learning_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Computes the outputs of all cells for `n` stimuli `[n][c][y][x]`, in inference mode: dropout does nothing.
    ///
    /// # Panics
    ///
    /// Where `n` exceeds [`Network::capacity`] or `stimuli` does not hold `n` stimuli: an error of the calling
    /// program.
    pub fn infer(&mut self, stimuli: &[f32], n: usize) {
        self.check_batch(stimuli, n);
        self.backend.infer(stimuli, n);
    }

    /// Learns from stimuli `[n][c][y][x]` with their classes: computes outputs, errors and gradients, and moves the
    /// weights. `step` keys the dropout masks: the same step and weights give the same result. Gradients are divided
    /// by the configured batch size also where `n` is smaller. A stimulus without label has no error. A cell that no
    /// error reaches, because it stands behind a cell that does not back-propagate or off every target's way, keeps
    /// its weights. All targets want the same classes; the report is of the first.
    ///
    /// Outputs are readable afterwards, as they were before the weights moved.
    ///
    /// # Panics
    ///
    /// Where there are more stimuli than [`Network::capacity`], `stimuli` does not hold as many as `labels`, or a
    /// label is not below [`Network::n_classes`]: errors of the calling program.
    pub fn learn(&mut self, stimuli: &[f32], labels: &[Option<usize>], step: u64) -> StepReport {
        self.learn_classes(stimuli, labels, step, None)
    }

    fn learn_classes(&mut self, stimuli: &[f32], labels: &[Option<usize>], step: u64, rate: Option<f64>) -> StepReport {
        self.check_batch(stimuli, labels.len());
        match self.plan.targets.len() {
            1 => self.learn_towards(stimuli, &[Wanted::Classes(labels)], step, rate)[0],
            n => self.learn_towards(stimuli, &vec![Wanted::Classes(labels); n], step, rate)[0],
        }
    }

    /// [`Network::learn`] with one rate for all solvers in place of their policies. Each batch moves the weights,
    /// whatever the iteration size; the rate is still divided by the batch size times the iteration size, and
    /// momentum, decay and clamping are as configured. Counters of updates do not move. A rate of 0 changes nothing
    /// in the policies.
    ///
    /// # Panics
    ///
    /// As [`Network::learn`].
    pub fn learn_with_rate(&mut self, stimuli: &[f32], labels: &[Option<usize>], step: u64, rate: f64) -> StepReport {
        self.learn_classes(stimuli, labels, step, Some(rate))
    }

    /// Computes one pass through a cell again for the last batch, which was of these stimuli, to time it: outputs as in
    /// inference mode, errors and gradients as they happen to be. Weights stay, and learning goes on as if it had not been.
    /// Where an error is not handed on, nothing is computed.
    ///
    /// # Panics
    ///
    /// Where there is no such cell or the stimuli are not as many as those of the last batch.
    pub fn repeat(&mut self, stimuli: &[f32], cell: usize, pass: Pass) {
        assert!(cell < self.n_cells(), "cell {cell}: expected one below {}", self.n_cells());
        self.backend.repeat(stimuli, cell, pass);
    }

    /// Learns from stimuli `[n][c][y][x]` what is wanted of them, one for each target: [`Network::learn`], or
    /// [`Network::learn_with_rate`] where there is a rate. The error of values is wanted minus found at each output,
    /// undivided. Reports what it found, one for each target.
    ///
    /// # Panics
    ///
    /// As [`Network::learn`]; also where there is not one wanted for each target, or not as many values or classes as its
    /// cell has outputs or positions for the stimuli.
    pub fn learn_towards(
        &mut self,
        stimuli: &[f32],
        wanted: &[Wanted<'_>],
        step: u64,
        rate: Option<f64>,
    ) -> &[StepReport] {
        let batch = self.batch(stimuli, wanted, step);
        self.backend.learn(&Batch { rate, ..batch })
    }

    fn batch<'a>(&self, stimuli: &'a [f32], wanted: &'a [Wanted<'a>], step: u64) -> Batch<'a> {
        let n = stimuli.len() / size(self.plan.input);
        self.check_batch(stimuli, n);
        assert_eq!(wanted.len(), self.plan.targets.len(), "what is wanted: expected one for each target");
        for (wanted, target) in wanted.iter().zip(&self.plan.targets) {
            wanted.check(n, self.output_shape(target.cell));
        }
        Batch { stimuli, n, wanted, step, seed: self.seed, rate: None, brought: None }
    }

    /// [`Network::learn_towards`] without a rate and without waiting: a device goes on by itself until [`Network::finish`] or
    /// anything else asks for what it found; the CPU does the step at once. What [`Network::bring`] gave says that the
    /// stimuli are those that were brought; the device then has them, unless another batch came between.
    ///
    /// # Panics
    ///
    /// As [`Network::learn_towards`].
    pub fn start(&mut self, stimuli: &[f32], wanted: &[Wanted<'_>], step: u64, brought: Option<Brought>) {
        let batch = self.batch(stimuli, wanted, step);
        self.backend.start(&Batch { brought, ..batch });
    }

    /// Waits for the step that [`Network::start`] started last; what it found, one for each target.
    pub fn finish(&mut self) -> &[StepReport] {
        self.backend.finish()
    }

    /// Sends the stimuli of the next learning step to a device, beside the step that is computed there. `None` where they come
    /// with their step: on the CPU, and where the last batch was not learned.
    ///
    /// # Panics
    ///
    /// Where there are more stimuli than [`Network::capacity`], or a part of one: an error of the calling program.
    pub fn bring(&mut self, stimuli: &[f32]) -> Option<Brought> {
        self.check_batch(stimuli, stimuli.len() / size(self.plan.input));
        self.backend.bring(stimuli)
    }

    fn check_batch(&self, stimuli: &[f32], n: usize) {
        let capacity = self.capacity();
        assert!(n <= capacity, "a batch of {n} stimuli: expected at most {capacity}, see set_capacity");
        let expected = n * size(self.plan.input);
        assert_eq!(stimuli.len(), expected, "values of {n} stimuli: expected {expected}, found {}", stimuli.len());
    }

    /// Outputs of a cell `[n][c][y][x]` for the last batch, after its activation.
    ///
    /// # Panics
    ///
    /// Where there is no such cell.
    pub fn output(&self, cell: usize) -> &[f32] {
        self.backend.output(cell)
    }

    /// Size of a cell's output.
    ///
    /// # Panics
    ///
    /// Where there is no such cell.
    pub fn output_shape(&self, cell: usize) -> Shape {
        self.plan.cells[cell].output
    }

    /// Size of a stimulus.
    pub fn input_shape(&self) -> Shape {
        self.plan.input
    }

    /// Number of cells.
    pub fn n_cells(&self) -> usize {
        self.plan.cells.len()
    }

    /// Index of the cell that the primary target compares.
    pub fn target(&self) -> usize {
        self.plan.targets[0].cell
    }

    /// Number of targets.
    pub fn n_targets(&self) -> usize {
        self.plan.targets.len()
    }

    /// Whether learning changes any weights: whether an error of a target reaches some.
    pub fn learns(&self) -> bool {
        self.plan.targets.iter().any(|target| self.plan.cells[target.cell].has_error)
    }

    /// Classes that the primary target tells apart: one an output channel, or two where there is a single one.
    pub fn n_classes(&self) -> usize {
        n_classes(self.output_shape(self.target()))
    }

    /// What is learned, in the order of the cells, weights before bias.
    pub fn parameters(&self) -> Vec<ParameterInfo> {
        self.backend.parameters().iter().map(|parameter| parameter.info.clone()).collect()
    }

    /// Weights of a cell: Conv `[output][channel][ky][kx]` and Deconv `[channel][output][ky][kx]`, 0 where unconnected; Fc `[output][input]`.
    pub fn weights(&self, cell: usize) -> Option<&[f32]> {
        self.values(cell, ParameterKind::Weights)
    }

    /// Bias of a cell, one an output channel.
    pub fn bias(&self, cell: usize) -> Option<&[f32]> {
        self.values(cell, ParameterKind::Bias)
    }

    fn values(&self, cell: usize, kind: ParameterKind) -> Option<&[f32]> {
        let mut parameters = self.backend.parameters().iter();
        parameters.find(|p| p.info.cell == cell && p.info.kind == kind).map(|p| p.values.as_slice())
    }

    /// Replaces the weights of a cell, in the order of [`Network::weights`]; those of unconnected pairs become 0.
    ///
    /// # Errors
    ///
    /// Where the cell has none, the number is wrong or a value is not finite; the weights then stay as they were.
    pub fn set_weights(&mut self, cell: usize, values: &[f32]) -> Result<(), Error> {
        self.set_values(cell, ParameterKind::Weights, values)
    }

    /// Replaces the bias of a cell.
    ///
    /// # Errors
    ///
    /// As [`Network::set_weights`].
    pub fn set_bias(&mut self, cell: usize, values: &[f32]) -> Result<(), Error> {
        self.set_values(cell, ParameterKind::Bias, values)
    }

    fn set_values(&mut self, cell: usize, kind: ParameterKind, values: &[f32]) -> Result<(), Error> {
        let mut parameters = self.backend.parameters_mut().iter_mut();
        let parameter = parameters.find(|p| p.info.cell == cell && p.info.kind == kind);
        parameter.ok_or(Error::NoParameter { cell, kind })?.set(values)
    }

    /// Running mean and variance of a batch normalization, one each a channel.
    pub fn statistics(&self, cell: usize) -> Option<&Statistics> {
        self.backend.statistics().get(cell).filter(|statistics| !statistics.mean.is_empty())
    }

    /// Replaces the running mean and variance of a batch normalization.
    ///
    /// # Errors
    ///
    /// Where the cell has none, the number is wrong, a value is not finite or a variance negative; nothing is then
    /// changed.
    pub fn set_statistics(&mut self, cell: usize, statistics: &Statistics) -> Result<(), Error> {
        let n = self.statistics(cell).ok_or(Error::NoStatistics { cell })?.mean.len();
        self.check_statistics(cell, statistics, n)?;
        self.backend.statistics_mut()[cell] = statistics.clone();
        Ok(())
    }

    fn check_statistics(&self, cell: usize, statistics: &Statistics, n: usize) -> Result<(), Error> {
        let name = |suffix| format!("{}.{suffix}", self.plan.cells[cell].name);
        check_values(&name("mean"), &statistics.mean, n)?;
        check_values(&name("variance"), &statistics.variance, n)?;
        match statistics.variance.iter().position(|&variance| variance < 0.0) {
            Some(index) => {
                Err(Error::NegativeVariance { name: name("variance"), index, value: statistics.variance[index] })
            }
            None => Ok(()),
        }
    }

    /// What the solvers remember: momenta, gradients kept for the next update, counters; and the
    /// running means and variances of batch normalizations. Weights are not part of it.
    pub fn state(&self) -> State {
        let mut state = State::default();
        self.backend.parameters().iter().for_each(|parameter| parameter.save(&mut state));
        for (cell, statistics) in self.backend.statistics().iter().enumerate() {
            for (suffix, data) in [("mean", &statistics.mean), ("variance", &statistics.variance)] {
                if !data.is_empty() {
                    let name = format!("{}.{suffix}", self.plan.cells[cell].name);
                    state.tensors.push(NamedTensor { name, shape: vec![data.len()], data: data.clone() });
                }
            }
        }
        state
    }

    /// Puts back what [`Network::state`] gave. With the same weights, training goes on to the same bits.
    ///
    /// # Errors
    ///
    /// Where something is missing, unknown, of the wrong size or not finite; nothing is then changed.
    pub fn restore(&mut self, state: &State) -> Result<(), Error> {
        let mut names: Vec<&str> = state.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        names.extend(state.counters.iter().map(|(name, _)| name.as_str()));
        let mut all = self.backend.statistics().to_vec();
        for (cell, statistics) in all.iter_mut().enumerate().filter(|(_, statistics)| !statistics.mean.is_empty()) {
            let n = statistics.mean.len();
            for (suffix, data) in [("mean", &mut statistics.mean), ("variance", &mut statistics.variance)] {
                let name = format!("{}.{suffix}", self.plan.cells[cell].name);
                let Some(tensor) = state.tensors.iter().find(|tensor| tensor.name == name) else {
                    return Err(Error::MissingState { name });
                };
                data.clone_from(&tensor.data);
                names.retain(|&other| other != name);
            }
            self.check_statistics(cell, statistics, n)?;
        }
        let parameters = self.backend.parameters_mut();
        let restored: Result<Vec<Parameter>, Error> =
            parameters.iter().map(|parameter| parameter.restored(state, &mut names)).collect();
        let restored = restored?;
        if let Some(name) = names.first() {
            return Err(Error::UnknownState { name: (*name).to_owned() });
        }
        parameters.clone_from_slice(&restored);
        self.backend.statistics_mut().clone_from_slice(&all);
        Ok(())
    }

    /// The rates of the next update, one a parameter in the order of [`Network::parameters`].
    pub fn learning_rates(&self) -> Vec<LearningRate> {
        let parameters = self.backend.parameters().iter();
        parameters.map(|p| LearningRate { cell: p.info.cell, kind: p.info.kind, rate: p.solver.rate() }).collect()
    }

    /// Keeps the errors of the stimulus at `place` in the batches learned from now on; `None` ends that. Results do not
    /// depend on it.
    pub fn keep_errors(&mut self, place: Option<usize>) {
        self.backend.keep_errors(place);
    }

    /// Minus the gradient of the loss of one stimulus for the values of a cell before its activation, `[c][y][x]`, as the
    /// last learning step found them for the stimulus that [`Network::keep_errors`] names. `None` where no error reaches the
    /// cell, or where the stimulus was not in the batch or the device keeps errors to itself.
    ///
    /// # Panics
    ///
    /// Where there is no such cell.
    pub fn error(&self, cell: usize) -> Option<&[f32]> {
        assert!(cell < self.n_cells(), "cell {cell}: expected one below {}", self.n_cells());
        Some(self.backend.error(cell)).filter(|error| !error.is_empty())
    }

    /// Times what the cells do from now on, by this clock; `None` ends that. Results do not depend on it.
    pub fn set_clock(&mut self, clock: Option<Clock>) {
        self.backend.set_clock(clock);
    }

    /// What each cell took since [`Network::set_clock`] or a later [`Network::set_capacity`]; empty where the device does
    /// not tell.
    pub fn times(&self) -> Vec<CellTime> {
        self.backend.times()
    }

    /// Sums over the stimuli of minus the gradient of the loss for the weights or the bias of a cell, in the order of
    /// [`Network::weights`], as the last call of [`Network::learn_with_rate`] found them. `None` where the cell has none
    /// or no error reaches it, or where the device keeps them to itself.
    pub fn gradient(&self, cell: usize, kind: ParameterKind) -> Option<&[f32]> {
        let mut parameters = self.backend.parameters().iter();
        let index = parameters.position(|p| p.info.cell == cell && p.info.kind == kind)?;
        let gradient = self.backend.gradient(index);
        (self.plan.cells[cell].has_error && !gradient.is_empty()).then_some(gradient)
    }

    /// The rates of the batches to come: calls `each(batch, rates)`, batches from 0, one rate a parameter in the order of
    /// [`Network::parameters`]. Nothing is learned.
    pub fn foresee_rates(&self, n_batches: u64, mut each: impl FnMut(u64, &[f64])) {
        let parameters = self.backend.parameters();
        let learns = |parameter: &Parameter| self.plan.cells[parameter.info.cell].has_error;
        let mut solvers: Vec<_> = parameters.iter().map(|p| (p.solver.clone(), learns(p))).collect();
        let mut rates = vec![0.0; solvers.len()];
        for batch in 0..n_batches {
            for (rate, (solver, learns)) in rates.iter_mut().zip(&mut solvers) {
                *rate = solver.rate();
                if *learns {
                    solver.step(None);
                }
            }
            each(batch, &rates);
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }
}
