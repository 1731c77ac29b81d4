//! What a CUDA device does for a network: the one seam between what is computed and where.

/// Memory of a machine, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    /// In the machine's own memory; 0 for none.
    pub(super) address: u64,
    pub(super) bytes: usize,
}

impl Buffer {
    /// What a kernel gets where there is nothing.
    pub(super) const NONE: Self = Self { address: 0, bytes: 0 };

    /// Some of its bytes.
    ///
    /// # Panics
    ///
    /// Where it does not have them: an error of this program.
    pub(super) fn part(self, first: usize, bytes: usize) -> Self {
        assert!(first + bytes <= self.bytes, "{first} and {bytes} bytes of {}", self.bytes);
        Self { address: self.address + first as u64, bytes }
    }
}

/// One kernel on a grid of blocks. A kernel takes one structure, by value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Launch {
    /// One of [`super::kernels::SOURCES`].
    pub(super) kernel: &'static str,
    /// Blocks along x, y and z.
    pub(super) grid: [u32; 3],
    /// Threads of a block along x; at most 256.
    pub(super) block: u32,
    /// The structure, laid out as C++ does.
    pub(super) arguments: Vec<u8>,
    pub(super) order: Order,
}

/// When a launch of a sequence starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// When all before it that are not aside are done.
    InTurn,
    /// Likewise and when all aside before it are done; those after it do not wait for it.
    Aside,
    /// When all before it are done. The end of a sequence waits for all, too.
    Joining,
}

impl Launch {
    pub(super) fn aside(self) -> Self {
        Self { order: Order::Aside, ..self }
    }

    pub(super) fn joining(self) -> Self {
        Self { order: Order::Joining, ..self }
    }
}

/// What may stand in the structure that a kernel takes.
pub(super) trait Argument {
    /// Appends the value, aligned to its size.
    fn push(self, arguments: &mut Vec<u8>);
}

fn push<const N: usize>(bytes: [u8; N], arguments: &mut Vec<u8>) {
    arguments.resize(arguments.len().next_multiple_of(N), 0);
    arguments.extend(bytes);
}

impl Argument for Buffer {
    fn push(self, arguments: &mut Vec<u8>) {
        push(self.address.to_ne_bytes(), arguments);
    }
}

impl Argument for usize {
    /// As a 32-bit number: cells with more elements are refused when they are made.
    fn push(self, arguments: &mut Vec<u8>) {
        push((self as u32).to_ne_bytes(), arguments);
    }
}

impl Argument for u32 {
    fn push(self, arguments: &mut Vec<u8>) {
        push(self.to_ne_bytes(), arguments);
    }
}

impl Argument for bool {
    /// As a 32-bit number.
    fn push(self, arguments: &mut Vec<u8>) {
        push(u32::from(self).to_ne_bytes(), arguments);
    }
}

impl Argument for f32 {
    fn push(self, arguments: &mut Vec<u8>) {
        push(self.to_ne_bytes(), arguments);
    }
}

impl Argument for f64 {
    fn push(self, arguments: &mut Vec<u8>) {
        push(self.to_ne_bytes(), arguments);
    }
}

/// The structure that a kernel takes, member by member.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => {{
        let mut arguments: Vec<u8> = Vec::new();
        $($crate::backend::cuda::machine::Argument::push($argument, &mut arguments);)*
        $crate::backend::cuda::machine::closed(arguments)
    }};
}
pub(super) use arguments;

/// Fills the structure to a whole number of its widest members: every one has a pointer.
pub(super) fn closed(mut arguments: Vec<u8>) -> Vec<u8> {
    arguments.resize(arguments.len().next_multiple_of(8), 0);
    arguments
}

/// What a machine could not do, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {fault}")]
pub(super) struct MachineFault {
    /// What was tried, such as `allocating 4096 bytes`.
    pub(super) doing: String,
    /// What the machine says.
    pub(super) fault: String,
}

/// A device with memory of its own that runs kernels. Calls take effect in their order; only [`Machine::download`] and
/// [`Machine::synchronize`] wait.
pub(super) trait Machine: Send + Sync {
    /// Launches made ready to be run again and again: a CUDA graph.
    type Sequence: Send + Sync;

    /// Takes memory, aligned to 256 bytes. What is in it is anything.
    fn allocate(&self, bytes: usize) -> Result<Buffer, MachineFault>;
    /// Gives back a whole buffer of [`Machine::allocate`].
    fn free(&self, buffer: Buffer);
    /// Copies from the host to the front of a buffer; `from` is free again when it returns, as with [`Machine::stage`].
    fn upload(&self, from: &[u8], to: Buffer) -> Result<(), MachineFault>;
    /// [`Machine::upload`] on a stream of its own, through pinned memory: beside the sequences that were replayed before,
    /// which must not use `to`. Those replayed after it see what it brings; a download does not wait for it.
    fn stage(&self, from: &[u8], to: Buffer) -> Result<(), MachineFault>;
    /// Copies the front of a buffer to the host when all before it is done.
    fn download(&self, from: Buffer, to: &mut [u8]) -> Result<(), MachineFault>;
    /// Makes launches ready, to start as each one's [`Order`] says. Nothing runs.
    fn record(&self, launches: &[Launch]) -> Result<Self::Sequence, MachineFault>;
    /// Starts a sequence.
    fn replay(&self, sequence: &Self::Sequence) -> Result<(), MachineFault>;
    /// Waits until all is done.
    fn synchronize(&self) -> Result<(), MachineFault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_lie_as_in_a_structure_of_c() {
        let buffer = Buffer { address: 0x0102_0304_0506_0708, bytes: 16 };
        let found = arguments![3u32, buffer, 1.0f32];
        let mut expected = vec![];
        expected.extend(3u64.to_ne_bytes());
        expected.extend(buffer.address.to_ne_bytes());
        expected.extend(u64::from(1.0f32.to_bits()).to_ne_bytes());
        assert_eq!(found, expected);
        assert_eq!(buffer.part(4, 12).address, buffer.address + 4);
    }
}
