//! The suite while it runs: what its lines share, and what becomes of each.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, anyhow};

use super::lenet::LeNet;
use super::line::Line;
use super::load::SEED;
use super::{Cpu, Failure, Record, Settings};
use crate::failure::Interrupted;
use crate::run::interrupt;

/// What a suite tells while it runs.
pub enum Happening<'a> {
    /// A line is about to be measured.
    Begins(&'a str),
    /// It is measured.
    Measured(&'a Line),
    /// It could not be.
    Failed(&'a Failure),
}

/// What the lines share.
pub struct Bench {
    settings: Settings,
    lenet: OnceCell<LeNet>,
}

impl Bench {
    /// LeNet and its images, read when first asked for.
    ///
    /// # Errors
    /// As [`LeNet::new`].
    pub fn lenet(&self) -> Result<&LeNet> {
        if let Some(lenet) = self.lenet.get() {
            return Ok(lenet);
        }
        let lenet = LeNet::new()?;
        Ok(self.lenet.get_or_init(|| lenet))
    }

    /// Threads of the lines that use several.
    pub fn threads(&self) -> usize {
        self.settings.threads
    }

    /// A number of rounds or stimuli: a few of them in a smoke run.
    pub fn n(&self, full: usize) -> usize {
        if self.settings.is_quick { full.div_ceil(500) } else { full }
    }

    /// Whether this is a smoke run.
    pub fn is_quick(&self) -> bool {
        self.settings.is_quick
    }
}

/// A suite while it runs.
pub struct Suite<'a> {
    bench: Bench,
    record: Record,
    tell: &'a mut dyn FnMut(&Record, Happening<'_>),
    first_error: Option<anyhow::Error>,
}

impl<'a> Suite<'a> {
    /// A suite that has measured nothing.
    pub fn new(settings: Settings, tell: &'a mut dyn FnMut(&Record, Happening<'_>)) -> Self {
        let record = Record {
            version: env!("CARGO_PKG_VERSION"),
            seed: SEED,
            threads: settings.threads,
            quick: settings.is_quick,
            cpu: Cpu::here(),
            model: None,
            lines: Vec::new(),
            failures: Vec::new(),
            interrupted: false,
        };
        Self { bench: Bench { settings, lenet: OnceCell::new() }, record, tell, first_error: None }
    }

    /// Measures a line. That it fails is noted and ends nothing.
    ///
    /// # Errors
    /// Ctrl-C alone.
    pub fn line(&mut self, name: &str, measure: impl FnOnce(&Bench) -> Result<Line>) -> Result<()> {
        (self.tell)(&self.record, Happening::Begins(name));
        let bench = &self.bench;
        let measured = interrupt::check().and_then(|()| {
            // A fault in one line loses none of the others; what it leaves behind is not used again.
            catch_unwind(AssertUnwindSafe(|| measure(bench)))
                .unwrap_or_else(|panic| Err(anyhow!("the program is at fault: {}", panic_text(&*panic))))
        });
        self.record.model = self.bench.lenet.get().map(LeNet::model);
        match measured {
            Ok(line) => {
                self.record.lines.push(line);
                let line = &self.record.lines[self.record.lines.len() - 1];
                (self.tell)(&self.record, Happening::Measured(line));
                Ok(())
            }
            Err(error) if error.is::<Interrupted>() => {
                self.record.interrupted = true;
                Err(error)
            }
            Err(error) => {
                self.record.failures.push(Failure { name: name.to_string(), error: format!("{error:#}") });
                let failure = &self.record.failures[self.record.failures.len() - 1];
                (self.tell)(&self.record, Happening::Failed(failure));
                self.first_error.get_or_insert(error);
                Ok(())
            }
        }
    }

    /// A line measured already.
    pub fn measured(&self, name: &str) -> Option<&Line> {
        self.record.lines.iter().find(|line| line.name == name)
    }

    /// The record, and how the run ended.
    pub fn finish(self) -> (Record, Result<()>) {
        let ended = match self.first_error {
            _ if self.record.interrupted => Err(Interrupted.into()),
            None => Ok(()),
            Some(error) => {
                let (first, n) = (&self.record.failures[0].name, self.record.failures.len());
                Err(error).context(format!("{n} of the lines could not be measured, first {first}"))
            }
        };
        (self.record, ended)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::{Comparison, Spread};

    #[test]
    fn a_line_that_fails_loses_none_of_the_others() {
        let mut told = Vec::new();
        let mut tell = |_: &Record, happening: Happening<'_>| {
            told.push(match happening {
                Happening::Begins(name) => format!("? {name}"),
                Happening::Measured(line) => format!("+ {}", line.name),
                Happening::Failed(failure) => format!("- {}: {}", failure.name, failure.error),
            });
        };
        let mut suite = Suite::new(Settings { is_quick: true, threads: 1 }, &mut tell);
        suite.line("a", |_| Err(anyhow!("no data"))).unwrap();
        suite.line("b", |_| panic!("a slip")).unwrap();
        let one = Spread::of(vec![1.0]);
        let compared = Comparison { seconds: [one, one], ratio: one };
        suite.line("c", |_| Ok(Line::new("c", "", compared, [("x", None), ("y", None)]))).unwrap();
        assert!(suite.measured("c").is_some());
        let (record, ended) = suite.finish();
        assert_eq!((record.lines.len(), record.failures.len()), (1, 2));
        assert!(format!("{:#}", ended.unwrap_err()).contains("2 of the lines could not be measured, first a: no data"));
        let expected = ["? a", "- a: no data", "? b", "- b: the program is at fault: a slip", "? c", "+ c"];
        assert_eq!(told, expected);
    }
}
