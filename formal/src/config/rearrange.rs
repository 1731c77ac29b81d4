//! Cells that hand on their input at other places: each says what shape comes out.

use stimuli::Shape;

use super::Size;

/// A parameter that does not fit the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The parameter in the words of a model file.
    pub parameter: &'static str,
    /// What would fit.
    pub expected: String,
    /// What was given.
    pub found: String,
}

impl Misfit {
    fn new(parameter: &'static str, expected: impl Into<String>, found: impl ToString) -> Self {
        Self { parameter, expected: expected.into(), found: found.to_string() }
    }
}

/// Zeros around each map; a negative number cuts rows or columns off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaddingConfig {
    /// Rows above.
    pub top: i32,
    /// Rows below.
    pub bottom: i32,
    /// Columns to the left.
    pub left: i32,
    /// Columns to the right.
    pub right: i32,
}

impl PaddingConfig {
    /// What comes out of an input.
    ///
    /// # Errors
    ///
    /// Where nothing is left of it.
    pub fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        let side = |parameter, side: usize, before: i32, after: i32| {
            let sum = side as i64 + i64::from(before) + i64::from(after);
            let expected = || format!("more than {} with the other side: the input has {side}", -(side as i64));
            usize::try_from(sum)
                .ok()
                .filter(|&sum| sum > 0)
                .ok_or_else(|| Misfit::new(parameter, expected(), i64::from(before) + i64::from(after)))
        };
        let height = side("TopPadding", input.height, self.top, self.bottom)?;
        let width = side("LeftPadding", input.width, self.left, self.right)?;
        Ok(Shape { height, width, ..input })
    }
}

/// Where an output of a resize lies between the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Output o takes input ⌊o·in/out⌋.
    Nearest,
    /// Output o lies at (o + 1/2)·in/out - 1/2, kept inside, and takes its two neighbors by their distance.
    Bilinear,
    /// Output o lies at o·in/out, or with aligned corners at o·(in - 1)/(out - 1), and takes the input at or before it and
    /// the next one by their distance.
    BilinearTensorFlow {
        /// Whether the first and the last output are the first and the last input.
        align_corners: bool,
    },
}

/// Maps of another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResizeConfig {
    /// Size of the output, at least 1 by 1.
    pub output: Size,
    /// How it is computed.
    pub interpolation: Interpolation,
}

/// The same elements in the same order, as another shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReshapeConfig {
    /// Width, height and channels: 0 keeps that of the input, -1, in one place, is what the others leave.
    pub dims: [i32; 3],
}

impl ReshapeConfig {
    /// What comes out of an input.
    ///
    /// # Errors
    ///
    /// Where the elements do not fill the shape.
    pub fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        let n = input.channels * input.height * input.width;
        let found = || self.dims.map(|dim| dim.to_string()).join(" ");
        let misfit = |expected: String| Misfit::new("Dims", expected, found());
        if self.dims.iter().any(|&dim| dim < -1) || self.dims.iter().filter(|&&dim| dim == -1).count() > 1 {
            return Err(misfit("a width, a height and channels, 0 to keep one, -1 for one to be worked out".into()));
        }
        let kept = [input.width, input.height, input.channels];
        let mut dims = [0, 1, 2].map(|axis| match self.dims[axis] {
            0 => kept[axis],
            dim => usize::try_from(dim).unwrap_or(1),
        });
        let product = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        let fills = |product: usize| if self.dims.contains(&-1) { n.is_multiple_of(product) } else { n == product };
        let Some(product) = product.filter(|&product| product > 0 && fills(product)) else {
            return Err(misfit(format!("the {n} elements of the input")));
        };
        if let Some(axis) = self.dims.iter().position(|&dim| dim == -1) {
            dims[axis] = n / product;
        }
        let [width, height, channels] = dims;
        Ok(Shape { channels, height, width })
    }
}

/// Exchanged axes: axis `i` of the output, of width, height, channels, is axis `axes[i]` of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransposeConfig {
    /// 0, 1 and 2 in some order.
    pub axes: [usize; 3],
}

impl TransposeConfig {
    /// What comes out of an input.
    ///
    /// # Errors
    ///
    /// Where an axis is missing.
    pub fn output(&self, input: Shape) -> Result<Shape, Misfit> {
        if (0..3).any(|axis| !self.axes.contains(&axis)) {
            let found = self.axes.map(|axis| axis.to_string()).join(" ");
            return Err(Misfit::new("Perm", "0, 1 and 2 in some order", found));
        }
        let sides = [input.width, input.height, input.channels];
        let [width, height, channels] = self.axes.map(|axis| sides[axis]);
        Ok(Shape { channels, height, width })
    }
}
