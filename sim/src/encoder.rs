//! Input coding: a pixel's value becomes a train of spikes.
//!
//! With v the value, d = 1 - |v|, T the length of the interval, and all reals in doubles, a train starts at t = start
//! and is negative iff v < 0. A pixel with d > `DiscardedLateStimuli` never spikes, nor does a value that is not a number.
//!
//! | Coding | Rule |
//! |---|---|
//! | `SingleBurst` | one spike at start + d T, not before the start |
//! | the others | t := t + dt for as long as t lies in the interval; the first spike comes one interval after the start |
//! | `Periodic` | dt = normal(P, P `PeriodRelStdDev`), P = 1 / (fmax + (fmin - fmax) d), fmax = 1 / `PeriodMeanMin`, fmin = 1 / `PeriodMeanMax` |
//! | `JitteredPeriodic` | the same, but the first dt is multiplied by a uniform in [0, 1] |
//! | `Poissonian` | dt = exponential of mean P |
//! | `Linear` | dt = 1 / f, f = q / (L - 1) `MaxFrequency`, q = round(abs(v) (L - 1)); no spike where f < 1 / T |
//!
//! Every time is truncated to whole femtoseconds (`Linear`: rounded), P and the jittered dt too. An interval that begins after
//! the start is at least `PeriodMin`. An interval below 1 fs (a negative normal draw, say) is lengthened to
//! max(`PeriodMin`, 1 fs), but for the first: so time always moves on.
//!
//! | Parameter | Default | INI key |
//! |---|---|---|
//! | coding | `SingleBurst` | `StimulusType` |
//! | `discarded_late_stimuli` | 1.0 | `DiscardedLateStimuli` |
//! | `period_mean_min` | 50 ms | `PeriodMeanMin` |
//! | `period_mean_max` | 12 s | `PeriodMeanMax` |
//! | `period_rel_std_dev` | 0.1 | `PeriodRelStdDev` |
//! | `period_min` | 11 ms | `PeriodMin` |
//! | `max_frequency` | 1e-6 / fs | `MaxFrequency` |
//! | `n_levels` | 2 | |
//!
//! A presentation takes [start, end): a spike at exactly its end is not delivered. Reals are computed from the start on and
//! added to it as whole numbers, so that a later start moves a train and changes nothing else.

use crate::error::Error;
use crate::event::Sign;
use crate::random::{Purpose, Random, Stream, StreamKey, Words};
use crate::time::{SimDuration, SimTime, Span};

/// How a value becomes spike times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// One spike, the earlier the stronger the pixel.
    #[default]
    SingleBurst,
    /// A mean period that falls with the value.
    Periodic,
    /// The same with a random phase.
    JitteredPeriodic,
    /// Exponential intervals.
    Poissonian,
    /// A frequency proportional to the quantized value.
    Linear,
}

/// Parameters of an encoder; the defaults are the reference's.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    /// The coding.
    pub coding: Coding,
    /// Pixels with 1 - |v| above it never spike.
    pub discarded_late_stimuli: f64,
    /// Mean period at |v| = 1.
    pub period_mean_min: SimDuration,
    /// Mean period at v = 0.
    pub period_mean_max: SimDuration,
    /// Standard deviation of a period, relative to its mean (`Periodic`, `JitteredPeriodic`).
    pub period_rel_std_dev: f64,
    /// Least interval between two spikes of a pixel.
    pub period_min: SimDuration,
    /// In 1/fs, `Linear` only.
    pub max_frequency: f64,
    /// Quantization levels of `Linear`.
    pub n_levels: u32,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            coding: Coding::SingleBurst,
            discarded_late_stimuli: 1.0,
            period_mean_min: SimDuration::ms(50),
            period_mean_max: SimDuration::s(12),
            period_rel_std_dev: 0.1,
            period_min: SimDuration::ms(11),
            max_frequency: 1e-6,
            n_levels: 2,
        }
    }
}

/// A stimulus to present: frame values that the encoder turns into spikes.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'a> {
    /// The values `[channel][y][x]`.
    pub values: &'a [f32],
    /// Identifies the stimulus; with the seed and the pixel it keys the random stream.
    pub stimulus: u64,
    /// When its presentation starts. The spikes of a later start are those of a start at zero, as much later.
    pub start: SimTime,
    /// How long it is presented.
    pub duration: SimDuration,
}

impl Presentation<'_> {
    /// When it is presented.
    pub fn span(&self) -> Span {
        Span { start: self.start, duration: self.duration }
    }
}

/// The times at which spikes may fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// First instant.
    pub start: SimTime,
    /// Last instant, or the one after it.
    pub end: SimTime,
    /// Whether a spike at exactly `end` belongs to the train. The reference generates it (and lets it leak into the next
    /// stimulus); a presentation leaves it out.
    pub end_included: bool,
}

impl Interval {
    /// The interval [0, `duration`) of a presentation.
    pub fn presentation(duration: SimDuration) -> Self {
        Self { start: SimTime::ZERO, end: SimTime::ZERO + duration, end_included: false }
    }

    #[inline]
    fn contains(&self, fs: u64) -> bool {
        fs < self.end.0 || (self.end_included && fs == self.end.0)
    }
}

/// Turns values into spike trains; checked, and shared by all workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    config: EncoderConfig,
    frequency_max: f64,
    frequency_min: f64,
}

impl Encoder {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Whatever the coding: `PeriodMeanMin` of 0 or not below `PeriodMeanMax`, `PeriodMin` above `PeriodMeanMin`,
    /// `DiscardedLateStimuli` outside [0, 1], `PeriodRelStdDev` or `MaxFrequency` negative or not finite, fewer than two
    /// levels.
    pub fn new(config: EncoderConfig) -> Result<Self, Error> {
        let (min, max) = (config.period_mean_min, config.period_mean_max);
        if min >= max {
            return Err(Error::PeriodMeansContradict { min, max });
        }
        if min == SimDuration::ZERO {
            return Err(Error::PeriodMeanMinIsZero);
        }
        if config.period_min > min {
            return Err(Error::PeriodMinTooLong { min: config.period_min, mean: min });
        }
        let range = |name, expected, found, right| {
            if right { Ok(()) } else { Err(Error::EncoderRange { name, expected, found }) }
        };
        let finite = |x: f64| x >= 0.0 && x.is_finite();
        let discarded = config.discarded_late_stimuli;
        range("DiscardedLateStimuli", "between 0 and 1", discarded, (0.0..=1.0).contains(&discarded))?;
        let deviation = config.period_rel_std_dev;
        range("PeriodRelStdDev", "0 or more", deviation, finite(deviation))?;
        range("MaxFrequency", "0 or more (in 1/fs)", config.max_frequency, finite(config.max_frequency))?;
        range("the number of levels", "at least 2", f64::from(config.n_levels), config.n_levels >= 2)?;
        let (frequency_max, frequency_min) = (1.0 / min.0 as f64, 1.0 / max.0 as f64);
        Ok(Self { config, frequency_max, frequency_min })
    }

    /// The parameters.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The lazy train of one value, drawing from `random`.
    pub fn train<W: Words>(&self, value: f64, interval: Interval, random: Random<W>) -> SpikeTrain<'_, W> {
        SpikeTrain { encoder: self, interval, train: self.start(value, interval), random }
    }

    /// Whether the times of a train's spikes depend on how long the presentation lasts, beside that it ends. A shorter
    /// presentation is then not the beginning of a longer one.
    pub fn depends_on_duration(&self) -> bool {
        matches!(self.config.coding, Coding::SingleBurst | Coding::Linear)
    }

    /// Whether trains draw from their random streams.
    pub fn draws(&self) -> bool {
        match self.config.coding {
            Coding::SingleBurst | Coding::Linear => false,
            Coding::Periodic => self.config.period_rel_std_dev > 0.0,
            Coding::JitteredPeriodic | Coding::Poissonian => true,
        }
    }

    /// The state of a value's train before its first spike; `None` where there is none.
    #[inline]
    pub(crate) fn start(&self, value: f64, interval: Interval) -> Option<Train> {
        let is_silent = 1.0 - value.abs() > self.config.discarded_late_stimuli || value.is_nan();
        (!is_silent).then(|| Train::new(self, value, interval))
    }

    /// Where the first spike follows from the first word alone, and the later the greater that is: the least word that gives
    /// none. `None` for other codings.
    pub(crate) fn first_spike_limit(&self, start: &Train, interval: Interval) -> Option<u64> {
        if self.config.coding != Coding::JitteredPeriodic || self.config.period_rel_std_dev != 0.0 {
            return None;
        }
        let spikes = |word: u64| {
            let mut random = Random::new(Repeated(word as u32));
            start.clone().next(self, &interval, &mut random).is_some()
        };
        // The limit lies in [low, high].
        let (mut low, mut high) = (0, 1 << 32);
        while low < high {
            let middle = (low + high) / 2;
            if spikes(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    /// The lazy train of one pixel of a presentation, as the engine draws it.
    ///
    /// # Panics
    ///
    /// Panics when there is no such pixel, or the presentation goes past the end of time.
    pub fn pixel_train(&self, seed: u64, presentation: &Presentation<'_>, pixel: usize) -> SpikeTrain<'_, Stream> {
        let stream = StreamKey::new(seed, Purpose::Encoder).stream(presentation.stimulus, pixel as u32);
        let Span { start, duration } = presentation.span();
        let interval = Interval { start, end: start + duration, end_included: false };
        self.train(f64::from(presentation.values[pixel]), interval, Random::new(stream))
    }
}

/// The spikes of one pixel, each drawn when it is asked for.
#[derive(Clone, Debug)]
pub struct SpikeTrain<'a, W> {
    encoder: &'a Encoder,
    interval: Interval,
    train: Option<Train>,
    random: Random<W>,
}

impl<W: Words> Iterator for SpikeTrain<'_, W> {
    type Item = (SimTime, Sign);

    fn next(&mut self) -> Option<Self::Item> {
        let train = self.train.as_mut()?;
        match train.next(self.encoder, &self.interval, &mut self.random) {
            Some(fs) => Some((SimTime(fs), train.sign)),
            None => {
                self.train = None;
                None
            }
        }
    }
}

/// The same word again and again.
struct Repeated(u32);

impl Words for Repeated {
    fn next_u32(&mut self) -> u32 {
        self.0
    }
}

/// What is kept of a train between two spikes, beside its random stream.
#[derive(Clone, Debug)]
pub(crate) struct Train {
    /// Time of the last spike, or the start.
    pub(crate) time: u64,
    /// Mean period, or the time or interval itself where nothing is drawn; `u64::MAX` where no spike follows.
    pub(crate) period: u64,
    pub(crate) sign: Sign,
    is_first: bool,
}

impl Train {
    #[inline]
    fn new(encoder: &Encoder, value: f64, interval: Interval) -> Self {
        let config = &encoder.config;
        let distance = 1.0 - value.abs();
        let length = interval.end.0.saturating_sub(interval.start.0) as f64;
        let period = match config.coding {
            Coding::SingleBurst => interval.start.0.saturating_add((distance * length) as u64),
            Coding::Linear => {
                let top = f64::from(config.n_levels - 1);
                let frequency = (value.abs() * top).round() / top * config.max_frequency;
                if frequency > 0.0 && frequency >= 1.0 / length { (1.0 / frequency).round() as u64 } else { u64::MAX }
            }
            Coding::Periodic | Coding::JitteredPeriodic | Coding::Poissonian => {
                let (fmax, fmin) = (encoder.frequency_max, encoder.frequency_min);
                (1.0 / (fmax + (fmin - fmax) * distance)) as u64
            }
        };
        Self { time: interval.start.0, period, sign: Sign::from_negative(value < 0.0), is_first: true }
    }

    /// A train whose next spike is drawn and not yet taken, from what is kept of it.
    pub(crate) fn resumed(time: u64, period: u64, sign: Sign) -> Self {
        Self { time, period, sign, is_first: false }
    }

    /// The spike that was drawn last.
    pub(crate) fn pending(&self, encoder: &Encoder) -> u64 {
        if encoder.config.coding == Coding::SingleBurst { self.period } else { self.time }
    }

    /// Draws the next spike time; once it is `None`, the train is over.
    #[inline]
    pub(crate) fn next<W: Words>(
        &mut self,
        encoder: &Encoder,
        interval: &Interval,
        random: &mut Random<W>,
    ) -> Option<u64> {
        let config = &encoder.config;
        let is_first = std::mem::replace(&mut self.is_first, false);
        let mut dt = match config.coding {
            Coding::SingleBurst => {
                return (is_first && interval.contains(self.period)).then_some(self.period);
            }
            Coding::Linear => self.period,
            Coding::Periodic | Coding::JitteredPeriodic => {
                let mean = self.period as f64;
                let drawn = if config.period_rel_std_dev == 0.0 {
                    self.period
                } else {
                    random.normal(mean, mean * config.period_rel_std_dev) as u64
                };
                if is_first && config.coding == Coding::JitteredPeriodic {
                    (drawn as f64 * random.uniform_closed()) as u64
                } else {
                    drawn
                }
            }
            Coding::Poissonian => random.exponential(self.period as f64) as u64,
        };
        if self.time > interval.start.0 {
            dt = dt.max(config.period_min.0);
        }
        if dt == 0 && !is_first {
            dt = config.period_min.0.max(1);
        }
        self.time = self.time.checked_add(dt).filter(|&t| interval.contains(t))?;
        Some(self.time)
    }
}
