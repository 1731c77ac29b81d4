//! The answer where the program is built without CUDA.

use super::Backend;
use crate::error::Error;
use crate::parameter::Parameter;
use crate::plan::Plan;

pub(super) fn open(_: &Plan, _: Vec<Parameter>) -> Result<Box<dyn Backend>, Error> {
    Err(Error::NoCuda)
}
