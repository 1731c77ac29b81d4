//! The kernels: one file an operator family, compiled by NVRTC for a device and by C++ for the emulator.

/// One file of kernels. What is compiled is [`PRELUDE`] and then `text`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// The file's name.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// What all files use: sizes, activations, random words. It needs no header.
pub(super) const PRELUDE: Source = Source { name: "prelude.cuh", text: include_str!("../kernels/prelude.cuh") };

/// All files.
pub(super) const SOURCES: &[Source] = &[];

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
