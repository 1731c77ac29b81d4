//! `Type=Padding`, `Resize`, `Reshape`, `Transpose` and `Activation`: the input at other places, or where it was.

use formal::config::{
    Activation, Interpolation, Misfit, Operator, PaddingConfig, ReshapeConfig, ResizeConfig, Size, TransposeConfig,
};
use stimuli::Shape;

use super::{CellReader, LARGEST};
use crate::config::registry::Scope;
use crate::model::Located;

impl CellReader<'_, '_> {
    /// Any of the five, by its type.
    pub(super) fn rearranged(&mut self, kind: &str) -> (Operator, Option<Shape>, Located<Activation>) {
        let (operator, shape) = match kind {
            "Padding" => self.padding(),
            "Resize" => self.resize(),
            "Reshape" => self.reshape(),
            "Transpose" => self.transpose(),
            _ => return (Operator::Activation, self.kept_shape(), self.activation(Activation::Tanh { alpha: 1.0 })),
        };
        (operator, shape, self.activation(Activation::Linear))
    }

    fn padding(&mut self) -> (Operator, Option<Shape>) {
        self.accepted.push((String::new(), Scope::Padding));
        let mut side = |key: &str| {
            let rows: i32 = self.reader.read(&self.bag, "", Scope::Padding, key);
            if rows.unsigned_abs() as usize > LARGEST {
                self.reader.fault_at(&self.bag, key, format!("expected from -{LARGEST} to {LARGEST}, found {rows}"));
                return 0;
            }
            rows
        };
        let (top, bottom, left, right) =
            (side("TopPadding"), side("BottomPadding"), side("LeftPadding"), side("RightPadding"));
        let config = PaddingConfig { top, bottom, left, right };
        let shape = self.fitted(|input| config.output(input));
        self.check_n_outputs(shape);
        (Operator::Padding(config), shape)
    }

    fn resize(&mut self) -> (Operator, Option<Shape>) {
        self.accepted.push((String::new(), Scope::Resize));
        let mut side = |key: &str| {
            let side: usize = self.reader.read(&self.bag, "", Scope::Resize, key);
            if side > LARGEST {
                self.reader.fault_at(&self.bag, key, format!("expected at most {LARGEST}, found {side}"));
            }
            side.clamp(1, LARGEST)
        };
        let output = Size { width: side("OutputWidth"), height: side("OutputHeight") };
        let align_corners = self.flag(Scope::ResizeParameter, "AlignCorners");
        let interpolation = match self.reader.read::<String>(&self.bag, "", Scope::Resize, "Mode").as_str() {
            "NearestNeighbor" => Interpolation::Nearest,
            "Bilinear" => Interpolation::Bilinear,
            _ => Interpolation::BilinearTensorFlow { align_corners },
        };
        let shape = self.input_shape.map(|input| Shape { height: output.height, width: output.width, ..input });
        self.check_n_outputs(shape);
        (Operator::Resize(ResizeConfig { output, interpolation }), shape)
    }

    fn reshape(&mut self) -> (Operator, Option<Shape>) {
        self.accepted.push((String::new(), Scope::Reshape));
        let dims: Vec<i32> = self.reader.read(&self.bag, "", Scope::Reshape, "Dims");
        // The fourth number is that of the stimuli of a batch, which stay apart.
        let dims = match dims[..] {
            [width, height, channels] | [width, height, channels, 0] => Some([width, height, channels]),
            [width, height, channels, -1] if ![width, height, channels].contains(&-1) => {
                Some([width, height, channels])
            }
            // Missing or unreadable, which has been told.
            [] => None,
            _ => {
                let found = dims.iter().map(i32::to_string).collect::<Vec<_>>().join(" ");
                let message = format!(
                    "expected a width, a height and a number of channels, and then 0 for the batch if anything, found `{found}`"
                );
                self.reader.fault_at(&self.bag, "Dims", message);
                None
            }
        };
        let config = ReshapeConfig { dims: dims.unwrap_or([0; 3]) };
        let shape = dims.and_then(|_| self.fitted(|input| config.output(input)));
        self.check_made_outputs(shape);
        (Operator::Reshape(config), shape)
    }

    fn transpose(&mut self) -> (Operator, Option<Shape>) {
        self.accepted.push((String::new(), Scope::Transpose));
        let axes: Vec<u64> = self.reader.read(&self.bag, "", Scope::Transpose, "Perm");
        let axes = match axes[..] {
            [width, height, channels] | [width, height, channels, 3] => Some([width, height, channels]),
            [] => None,
            _ => {
                let found = axes.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
                let message = format!("expected 0, 1 and 2 in some order and then 3, the batch, found `{found}`");
                self.reader.fault_at(&self.bag, "Perm", message);
                None
            }
        };
        let config =
            TransposeConfig { axes: axes.unwrap_or([0, 1, 2]).map(|axis| usize::try_from(axis).unwrap_or(usize::MAX)) };
        let shape = axes.and_then(|_| self.fitted(|input| config.output(input)));
        self.check_made_outputs(shape);
        (Operator::Transpose(config), shape)
    }

    /// The shape of the output, or the fault.
    fn fitted(&mut self, output: impl Fn(Shape) -> Result<Shape, Misfit>) -> Option<Shape> {
        match output(self.input_shape?) {
            Ok(shape) => Some(shape),
            Err(Misfit { parameter, expected, found }) => {
                self.reader.fault_at(&self.bag, parameter, format!("expected {expected}, found {found}"));
                None
            }
        }
    }

    /// Refuses another number of outputs than the channels of `shape`, which the layer makes.
    pub(super) fn check_made_outputs(&mut self, shape: Option<Shape>) {
        let n: Option<usize> = self.reader.read_optional(&self.bag, "", Scope::Cell, "NbOutputs");
        let Some(shape) = shape else { return };
        if let Some(n) = n.filter(|&n| n != shape.channels) {
            let message = format!("expected {}, the channels that come out, found {n}", shape.channels);
            self.reader.fault_at(&self.bag, "NbOutputs", message);
        }
    }
}
