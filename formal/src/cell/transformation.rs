//! A transformation of images as a cell (`formal.md` 6.12): what comes after learning, such as a threshold. No error
//! passes it.

use stimuli::{OnReals, Operation, Shape};

use crate::error::Error;

/// A checked transformation.
#[derive(Clone, Debug)]
pub(crate) struct Transformation {
    pub(crate) output: Shape,
    on_reals: OnReals,
}

impl Transformation {
    pub(crate) fn new(cell: &str, operation: &Operation, input: Shape) -> Result<Self, Error> {
        let fault = |error: stimuli::Error| Error::Transformation { cell: cell.to_owned(), fault: error.to_string() };
        let on_reals = OnReals::new(operation.clone(), input).map_err(fault)?;
        Ok(Self { output: on_reals.output(), on_reals })
    }

    /// What is done to each image.
    pub(crate) fn operation(&self) -> &Operation {
        self.on_reals.operation()
    }

    /// Transforms stimuli `[n][c][y][x]`.
    pub(crate) fn apply(&self, input: &[f32], output: &mut [f32]) {
        self.on_reals.apply(input, output);
    }

    /// The outputs of one stimulus before the activation.
    pub(crate) fn reference(&self, input: &[f64]) -> Vec<f64> {
        let input: Vec<f32> = input.iter().map(|&x| x as f32).collect();
        let mut output = vec![0.0; super::size(self.output)];
        self.apply(&input, &mut output);
        output.into_iter().map(f64::from).collect()
    }
}
