//! The kernels: one file an operator family, compiled by NVRTC for a device and by C++ for the emulator.

/// One file of kernels. What is compiled is [`PRELUDE`] and then `text`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// The file's name.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// What all files use: activations, random words, products of matrices. It needs no header.
pub(super) const PRELUDE: Source = Source {
    name: "prelude.cuh",
    text: concat!(include_str!("../kernels/prelude.cuh"), include_str!("../kernels/tiles.cuh")),
};

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
