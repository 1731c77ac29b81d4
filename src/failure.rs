//! Why a run ended, and with which exit code.

use std::fmt;

/// The input was wrong: a flag, a model, data or weights. Exit code 2; everything else that fails is exit code 1.
#[derive(Debug)]
pub struct WrongInput(pub String);

impl fmt::Display for WrongInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongInput {}

/// The user pressed Ctrl-C. Exit code 130.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// A wrong input as an error of the program.
pub fn wrong_input(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(WrongInput(message.into()))
}

/// The exit code that an error means.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Interrupted>() {
        130
    } else if error.is::<WrongInput>() {
        2
    } else {
        1
    }
}
