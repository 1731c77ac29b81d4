//! Normalizations over the batch, over neighboring channels and over all channels; probabilities.

use super::{Launch, Site, block_each, each};
use crate::backend::cuda::machine::{Buffer, arguments};
use crate::cell::batch_norm::BatchNorm;
use crate::cell::lrn::Lrn;
use crate::cell::margin::{Normalize, TINY};
use crate::cell::size;
use crate::cell::softmax::Softmax;
use crate::config::ChannelNorm;

/// A batch normalization made ready. What it keeps are the moments of each channel and the means of its errors, in 64 bits.
pub(in crate::backend::cuda) struct BatchNormLayer(pub(super) BatchNorm);

impl BatchNormLayer {
    pub(super) fn kept(&self) -> usize {
        2 * self.half()
    }

    fn half(&self) -> usize {
        16 * self.0.shape.channels
    }

    fn moments(&self, site: &Site) -> Buffer {
        site.kept.part(0, self.half())
    }

    fn error_means(&self, site: &Site) -> Buffer {
        site.kept.part(self.half(), self.half())
    }

    pub(super) fn forward(&self, site: &Site) -> Vec<Launch> {
        let &Site { n, input, weights, bias, output, statistics, .. } = site;
        let (channels, area, moments) = (self.0.shape.channels, self.0.area(), self.moments(site));
        let (epsilon, momentum) = (self.0.epsilon, self.0.momentum);
        let finds = arguments![input, moments, statistics, epsilon, momentum, channels, area, n];
        let moments_found = match site.learns && self.0.follows_the_batch() && n > 0 {
            true => block_each("batch_norm_follow", channels, finds),
            false => each("batch_norm_running", channels, finds),
        };
        let arguments = arguments![input, moments, weights, bias, output, channels, area, n];
        vec![moments_found, each("batch_norm_forward", n * size(self.0.shape), arguments)]
    }

    pub(super) fn to_weights(&self, site: &Site) -> Launch {
        let &Site { n, input, error, weights_parts, bias_parts, .. } = site;
        let (channels, area) = (self.0.shape.channels, self.0.area());
        let (moments, means, follows) = (self.moments(site), self.error_means(site), self.0.follows_the_batch());
        let arguments = arguments![input, error, moments, means, weights_parts, bias_parts, channels, area, n, follows];
        block_each("batch_norm_gradient", channels, arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, input, error, weights, sink, .. } = site;
        let (channels, area) = (self.0.shape.channels, self.0.area());
        let (moments, means) = (self.moments(site), self.error_means(site));
        let arguments = arguments![input, error, moments, means, weights, sink, channels, area, n];
        each("batch_norm_back", n * size(self.0.shape), arguments)
    }
}

/// A local response normalization made ready.
pub(in crate::backend::cuda) struct LrnLayer(pub(super) Lrn);

impl LrnLayer {
    /// Powers of the sums.
    pub(super) fn kept(&self, n: usize) -> usize {
        2 * 4 * n * size(self.0.shape)
    }

    fn half(&self) -> usize {
        // More channels than there are need no count of their own.
        (self.0.config.n / 2).min(self.0.shape.channels)
    }

    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, output, kept, .. } = site;
        let [k, alpha, beta] = [self.0.config.k, self.0.config.alpha, self.0.config.beta].map(|value| value as f32);
        let (channels, area) = (self.0.shape.channels, self.0.area());
        let arguments = arguments![input, kept, output, k, alpha, beta, self.half(), channels, area, n];
        each("lrn_forward", n * size(self.0.shape), arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, input, error, sink, kept, .. } = site;
        let twice = (2.0 * self.0.config.alpha * self.0.config.beta) as f32;
        let (channels, area) = (self.0.shape.channels, self.0.area());
        let arguments = arguments![input, kept, error, sink, twice, self.half(), channels, area, n];
        each("lrn_back", n * size(self.0.shape), arguments)
    }
}

/// A normalization over the channels made ready.
pub(in crate::backend::cuda) struct NormalizeLayer(pub(super) Normalize);

impl NormalizeLayer {
    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, output, .. } = site;
        let (channels, area, is_l1) = (self.0.shape.channels, self.0.area(), self.0.norm == ChannelNorm::L1);
        each("normalize_forward", n * area, arguments![input, output, TINY as f32, is_l1, channels, area, n])
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, input, error, sink, .. } = site;
        let (channels, area, is_l1) = (self.0.shape.channels, self.0.area(), self.0.norm == ChannelNorm::L1);
        each("normalize_back", n * area, arguments![input, error, sink, TINY as f32, is_l1, channels, area, n])
    }
}

/// A softmax made ready.
pub(in crate::backend::cuda) struct SoftmaxLayer(pub(super) Softmax);

impl SoftmaxLayer {
    pub(super) fn forward(&self, site: &Site) -> Launch {
        let &Site { n, input, output, .. } = site;
        let Softmax { shape, group, .. } = self.0;
        let area = shape.height * shape.width;
        let arguments = arguments![input, output, shape.channels, area, group, n];
        each("softmax_forward", n * size(shape) / group, arguments)
    }

    pub(super) fn to_inputs(&self, site: &Site) -> Launch {
        let &Site { n, error, sink, output, .. } = site;
        let Softmax { shape, group, with_loss } = self.0;
        if with_loss {
            return super::elements::pass_back(site, size(shape));
        }
        let area = shape.height * shape.width;
        let arguments = arguments![output.to, error, sink, shape.channels, area, group, n];
        each("softmax_back", n * size(shape) / group, arguments)
    }
}
