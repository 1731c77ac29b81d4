//! How weights follow their gradients.
pub(crate) mod sgd;

pub(crate) use sgd::Sgd;
