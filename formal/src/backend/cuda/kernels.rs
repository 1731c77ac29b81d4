//! The kernels: one file an operator family, compiled by NVRTC for a device and by C++ for the emulator.

use crate::backend::Precision;

/// One file of kernels. What is compiled is [`prelude`] and then `text`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// The file's name.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// What all files use: activations, random words, products of matrices in a precision. It needs no header.
pub(super) const fn prelude(precision: Precision) -> Source {
    let text = match precision {
        Precision::F32 => concat!(include_str!("../kernels/prelude.cuh"), include_str!("../kernels/tiles.cuh")),
        _ => concat!(include_str!("../kernels/prelude.cuh"), include_str!("../kernels/tensor.cuh")),
    };
    Source { name: "prelude.cuh", text }
}

/// What the compiler is told to define for it.
pub(super) const fn definition(precision: Precision) -> Option<&'static str> {
    match precision {
        Precision::F32 => None,
        Precision::Tf32 => Some("--define-macro=FEMTOSPIKE_TF32"),
        Precision::F16 => Some("--define-macro=FEMTOSPIKE_F16"),
    }
}

/// All files.
pub(super) const SOURCES: &[Source] = &[
    Source { name: "conv.cu", text: include_str!("../kernels/conv.cu") },
    Source { name: "dense.cu", text: include_str!("../kernels/dense.cu") },
    Source { name: "elements.cu", text: include_str!("../kernels/elements.cu") },
    Source { name: "normalize.cu", text: include_str!("../kernels/normalize.cu") },
    Source { name: "pool.cu", text: include_str!("../kernels/pool.cu") },
    Source { name: "target.cu", text: include_str!("../kernels/target.cu") },
    Source { name: "update.cu", text: include_str!("../kernels/update.cu") },
];

impl Source {
    /// Names of the kernels: what stands in `KERNEL(name, ..)` and `BLOCK_KERNEL(name, ..)` at the start of a line.
    pub(super) fn kernels(&self) -> impl Iterator<Item = &'static str> + use<> {
        let name = |line: &'static str| {
            let rest = line.strip_prefix("BLOCK_KERNEL(").or_else(|| line.strip_prefix("KERNEL("))?;
            Some(rest.split(',').next().unwrap_or(rest).trim())
        };
        self.text.lines().filter_map(name)
    }
}
