//! A CUDA device proves itself: every operator against the reference in 64 bits, learning steps against the CPU, LeNet learned
//! on MNIST, and what all that takes. Nothing of it needs a network.

pub mod learning;
pub mod operations;
pub mod parity;
pub mod speed;
mod torch;

use std::time::Instant;

use anyhow::{Context, Result};
use formal::{Cuda, Device};
use serde::Serialize;

use crate::bench::line::Figure;
use crate::failure::Interrupted;
use crate::run::interrupt;
use crate::session::Session;
use learning::Learning;
use parity::{Operator, Steps};
pub use torch::Torch;

/// How a check is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is checked.
    pub device: Device,
    /// Parity alone, with fewer and smaller learning steps.
    pub is_quick: bool,
    /// The Python to look for PyTorch in.
    pub python: String,
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Version of the program.
    pub version: &'static str,
    /// What was checked, for people.
    pub device: String,
    /// The driver and its devices, of which the first is checked; absent for the emulator.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "document_of")]
    pub cuda: Option<Cuda>,
    /// Parity alone.
    pub quick: bool,
    /// Every operator against the reference.
    pub operators: Vec<Operator>,
    /// Learning steps against the CPU.
    pub steps: Vec<Steps>,
    /// LeNet on MNIST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
    /// What it takes.
    pub speed: Vec<Figure>,
    /// PyTorch, or why it was not compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torch: Option<Torch>,
    /// What could not be checked.
    pub failures: Vec<Failure>,
    /// Wall seconds of all of it.
    pub seconds: f64,
    /// Whether all of the parity and the learning is as it should be. Speed is told, not judged: it is the machine's, too.
    pub passed: bool,
    /// Whether Ctrl-C ended the check.
    pub interrupted: bool,
}

fn document_of<S: serde::Serializer>(cuda: &Option<Cuda>, serializer: S) -> Result<S::Ok, S::Error> {
    cuda.as_ref().map(crate::report::devices::document).serialize(serializer)
}

/// What could not be checked.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The operator or the part.
    pub name: String,
    /// Why.
    pub error: String,
}

/// What a check tells while it runs.
pub enum Happening<'a> {
    /// A part is about to begin.
    Begins(&'a str),
    /// An operator was compared.
    Operator(&'a Operator),
    /// Learning steps were compared.
    Steps(&'a Steps),
    /// LeNet was learned.
    Learned(&'a Learning),
    /// Something was measured.
    Measured(&'a Figure),
    /// PyTorch was looked for.
    Torch(&'a Torch),
    /// Something could not be checked.
    Failed(&'a Failure),
}

/// Checks a device, and tells everything that happens; the record has it all at the end.
///
/// # Errors
/// Ctrl-C; the record then holds what was checked.
pub fn run(
    settings: &Settings,
    cuda: Option<Cuda>,
    tell: &mut dyn FnMut(&Record, Happening<'_>),
) -> (Record, Result<()>) {
    let device = match (&cuda, settings.device) {
        (Some(cuda), _) => crate::report::devices::one_line(cuda),
        (None, Device::Emulator(_)) => "emulator".to_string(),
        (None, device) => format!("{device:?}").to_lowercase(),
    };
    let record = Record {
        version: env!("CARGO_PKG_VERSION"),
        device,
        cuda,
        quick: settings.is_quick,
        operators: Vec::new(),
        steps: Vec::new(),
        learning: None,
        speed: Vec::new(),
        torch: None,
        failures: Vec::new(),
        seconds: 0.0,
        passed: false,
        interrupted: false,
    };
    let started = Instant::now();
    let mut check = Check { settings, record, tell };
    let ended = check.all();
    let mut record = check.record;
    record.seconds = started.elapsed().as_secs_f64();
    record.interrupted = ended.is_err();
    record.passed = ended.is_ok()
        && record.failures.is_empty()
        && !record.operators.is_empty()
        && !record.steps.is_empty()
        && record.operators.iter().all(|operator| operator.passed)
        && record.steps.iter().all(|steps| steps.passed)
        && (settings.is_quick || record.learning.as_ref().is_some_and(|learning| learning.passed));
    (record, ended)
}

/// A check while it runs.
struct Check<'a> {
    settings: &'a Settings,
    record: Record,
    tell: &'a mut dyn FnMut(&Record, Happening<'_>),
}

impl Check<'_> {
    fn all(&mut self) -> Result<()> {
        (self.tell)(&self.record, Happening::Begins("every operator against the reference in 64 bits"));
        for operation in operations::all() {
            if let Some(operator) =
                self.attempt(operation.name, |settings| parity::operator(settings.device, &operation))?
            {
                (self.tell)(&self.record, Happening::Operator(&operator));
                self.record.operators.push(operator);
            }
        }
        let lenet = self.attempt("LeNet", |_| learning::session())?;
        (self.tell)(&self.record, Happening::Begins("learning steps against the CPU"));
        for course in learning::courses(lenet.as_ref(), self.settings.is_quick) {
            if let Some(steps) = self.attempt(&course.name, |settings| course.run(settings.device))? {
                (self.tell)(&self.record, Happening::Steps(&steps));
                self.record.steps.push(steps);
            }
        }
        match lenet {
            Some(lenet) if !self.settings.is_quick => self.beyond_parity(&lenet),
            _ => Ok(()),
        }
    }

    /// What a smoke run leaves out.
    fn beyond_parity(&mut self, lenet: &Session) -> Result<()> {
        (self.tell)(&self.record, Happening::Begins("LeNet on MNIST"));
        if let Some(learning) = self.attempt("LeNet on MNIST", |settings| learning::run(lenet, settings.device))? {
            (self.tell)(&self.record, Happening::Learned(&learning));
            self.record.learning = Some(learning);
        }
        (self.tell)(&self.record, Happening::Begins("speed"));
        let torch = self.attempt("PyTorch", |settings| Ok(torch::measure(&settings.python)))?;
        for measure in speed::MEASURES {
            let figures = self.attempt(measure.name, |settings| {
                (measure.run)(&speed::Bench { device: settings.device, lenet, torch: torch.as_ref() })
            })?;
            for figure in figures.unwrap_or_default() {
                (self.tell)(&self.record, Happening::Measured(&figure));
                self.record.speed.push(figure);
            }
        }
        if let Some(torch) = torch {
            (self.tell)(&self.record, Happening::Torch(&torch));
            self.record.torch = Some(torch);
        }
        Ok(())
    }

    /// Does a part. That it fails is noted and ends nothing.
    ///
    /// # Errors
    /// Ctrl-C alone.
    fn attempt<T>(&mut self, name: &str, part: impl FnOnce(&Settings) -> Result<T>) -> Result<Option<T>> {
        interrupt::check()?;
        match part(self.settings).with_context(|| name.to_string()) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => {
                let failure = Failure { name: name.into(), error: format!("{:#}", error.root_cause()) };
                (self.tell)(&self.record, Happening::Failed(&failure));
                self.record.failures.push(failure);
                Ok(None)
            }
        }
    }
}
