//! PyTorch beside it, where there is a Python that has it.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::run::interrupt;

const SCRIPT: &str = include_str!("lenet_torch.py");
/// Compiling may take long; the whole check shall not.
const PATIENCE: Duration = Duration::from_secs(240);

/// What PyTorch takes for the same, or why that is not known.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Torch {
    /// It was measured.
    Measured(Measured),
    /// It was not.
    Lacking {
        /// Why.
        lacking: String,
    },
}

/// What PyTorch takes. Times are seconds a stimulus, a value a round.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Measured {
    /// Of PyTorch.
    pub version: String,
    /// That it is built for.
    pub cuda: Option<String>,
    /// Learning as it is.
    pub eager: Vec<f64>,
    /// Learning compiled, by the mode of `torch.compile`.
    pub compiled: BTreeMap<String, Vec<f64>>,
    /// Why a mode could not be measured.
    pub faults: BTreeMap<String, String>,
    /// Products of square matrices.
    pub gemm_flop_per_second: f64,
    /// Copies within the device's memory, read and written bytes together.
    pub copy_bytes_per_second: f64,
}

/// Measures PyTorch with this Python.
pub fn measure(python: &str) -> Torch {
    let lacking = |lacking: String| Torch::Lacking { lacking };
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return lacking(format!("no Python: `{python}`: {error}")),
    };
    match finished(&mut child) {
        Ok(Output { is_success: true, stdout, .. }) => read(&stdout).unwrap_or_else(lacking),
        Ok(Output { stderr, .. }) => {
            let last = stderr.trim().lines().last().unwrap_or("no word").to_string();
            lacking(format!("PyTorch failed: {last}"))
        }
        Err(fault) => lacking(fault),
    }
}

/// What the script prints last.
fn read(stdout: &str) -> Result<Torch, String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Printed {
        Lacking { lacking: String },
        Measured(Measured),
    }
    let line = stdout.trim().lines().last().unwrap_or_default();
    match serde_json::from_str(line) {
        Ok(Printed::Lacking { lacking }) => Err(lacking),
        Ok(Printed::Measured(measured)) => Ok(Torch::Measured(measured)),
        Err(_) => Err(format!("PyTorch printed no figures: `{line}`")),
    }
}

struct Output {
    is_success: bool,
    stdout: String,
    stderr: String,
}

/// Waits, but neither forever nor against the user.
fn finished(child: &mut Child) -> Result<Output, String> {
    let started = Instant::now();
    let read = |from: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(mut from) = from {
                let _ = from.read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let fault = loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
                return Ok(Output { is_success: status.success(), stdout, stderr });
            }
            Ok(None) if started.elapsed() > PATIENCE => {
                break format!("PyTorch took more than {} s", PATIENCE.as_secs());
            }
            Ok(None) if interrupt::requested() => break "interrupted".into(),
            Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => break error.to_string(),
        }
    };
    let _ = child.kill().and_then(|()| child.wait());
    Err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_and_what_is_lacking_is_told() {
        let printed = r#"a warning
            {"version": "2.9.0", "cuda": "13.0", "eager": [1e-5, 2e-5], "compiled": {"default": [4e-6]},
             "faults": {"reduce-overhead": "no"}, "gemm_flop_per_second": 5e13, "copy_bytes_per_second": 4e12}"#;
        let one_line = printed.replace("\n             ", " ");
        match read(&one_line) {
            Ok(Torch::Measured(found)) => assert_eq!((found.eager.len(), found.compiled["default"][0]), (2, 4e-6)),
            other => panic!("{other:?}"),
        }
        assert_eq!(read(r#"{"lacking": "no PyTorch"}"#).unwrap_err(), "no PyTorch");
        assert!(read("").is_err() && read("{}").is_err());
    }

    #[test]
    fn a_python_that_is_not_there_is_told() {
        let Torch::Lacking { lacking } = measure("/nowhere/python3") else { panic!("it is not there") };
        assert!(lacking.contains("/nowhere/python3"), "{lacking}");
    }
}
