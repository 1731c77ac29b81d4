//! Pinned memory between the host's and the device's: copies through it do not wait for the device.

use std::slice;
use std::sync::Arc;

use cudarc::driver::result::{self, DriverError};

use super::{Event, Gpu, Stream};

/// Parts that are filled in turn: one while the other is copied.
const PARTS: usize = 4;

/// Pinned memory in parts; freed at the end.
pub(super) struct Pinned {
    gpu: Arc<Gpu>,
    start: *mut u8,
    /// Bytes of a part.
    part: usize,
    /// When the copy of each part is done.
    done: Vec<Event>,
    next: usize,
}

// SAFETY: the memory is this structure's alone.
unsafe impl Send for Pinned {}

impl Pinned {
    pub(super) fn new(gpu: &Arc<Gpu>, bytes: usize) -> Result<Self, DriverError> {
        gpu.enter()?;
        let part = (bytes / PARTS).max(1);
        let done = (0..PARTS).map(|_| Event::new(gpu)).collect::<Result<Vec<_>, _>>()?;
        // SAFETY: the context is this thread's.
        let start = unsafe { result::malloc_host(part * PARTS, 0) }?.cast();
        Ok(Self { gpu: gpu.clone(), start, part, done, next: 0 })
    }

    /// The next part, when nothing uses it any more.
    fn take(&mut self) -> Result<(usize, &mut [u8]), DriverError> {
        let at = self.next;
        self.next = (at + 1) % PARTS;
        self.done[at].synchronize()?;
        // SAFETY: the part lies in the memory, and the copy that used it is done.
        Ok((at, unsafe { slice::from_raw_parts_mut(self.start.add(at * self.part), self.part) }))
    }

    /// Copies to the device on a stream, and returns when `from` has been read.
    pub(super) fn upload(&mut self, from: &[u8], to: u64, stream: &Stream) -> Result<(), DriverError> {
        let mut address = to;
        for chunk in from.chunks(self.part) {
            let (at, part) = self.take()?;
            let part = &mut part[..chunk.len()];
            part.copy_from_slice(chunk);
            // SAFETY: the part is not touched until the event that is recorded next; the device's memory is the caller's.
            unsafe { result::memcpy_htod_async(address, part, stream.stream) }?;
            self.done[at].record(stream)?;
            address += chunk.len() as u64;
        }
        Ok(())
    }

    /// Copies from the device, when all before it on the stream is done.
    pub(super) fn download(&mut self, from: u64, to: &mut [u8], stream: &Stream) -> Result<(), DriverError> {
        if to.is_empty() {
            return stream.synchronize();
        }
        let size = self.part;
        // As many as there are parts are on their way before the first is waited for.
        let mut address = from;
        for row in to.chunks_mut(size * PARTS) {
            let mut taken = Vec::with_capacity(PARTS);
            for chunk in row.chunks(size) {
                let (at, part) = self.take()?;
                // SAFETY: the part is not touched until the event that is recorded next; the device's memory is the caller's.
                unsafe { result::memcpy_dtoh_async(&mut part[..chunk.len()], address, stream.stream) }?;
                self.done[at].record(stream)?;
                taken.push(at);
                address += chunk.len() as u64;
            }
            for (chunk, at) in row.chunks_mut(size).zip(taken) {
                self.done[at].synchronize()?;
                // SAFETY: the part lies in the memory, and the copy that wrote it is done.
                let part = unsafe { slice::from_raw_parts(self.start.add(at * size), chunk.len()) };
                chunk.copy_from_slice(part);
            }
        }
        Ok(())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if self.gpu.enter().is_ok() {
            let waited = self.done.iter().try_for_each(Event::synchronize);
            // SAFETY: the memory is this structure's, and no copy uses it any more; after a fault it is left.
            let _ = waited.and_then(|()| unsafe { result::free_host(self.start.cast()) });
        }
    }
}
