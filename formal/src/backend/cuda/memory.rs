//! Memory of a machine that goes back to it.

use std::sync::Arc;

use bytemuck::NoUninit;

use super::machine::{Buffer, Machine, MachineFault};

/// Buffers that are given back together.
pub(super) struct Arena<M: Machine> {
    machine: Arc<M>,
    owned: Vec<Buffer>,
}

impl<M: Machine> Arena<M> {
    pub(super) fn new(machine: &Arc<M>) -> Self {
        Self { machine: Arc::clone(machine), owned: Vec::new() }
    }

    /// Takes a buffer; [`Buffer::NONE`] for no bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Result<Buffer, MachineFault> {
        if bytes == 0 {
            return Ok(Buffer::NONE);
        }
        let buffer = self.machine.allocate(bytes)?;
        self.owned.push(buffer);
        Ok(buffer)
    }

    /// Takes a buffer of numbers of 32 bits.
    pub(super) fn words(&mut self, n: usize) -> Result<Buffer, MachineFault> {
        self.take(4 * n)
    }

    /// Takes a buffer of these values.
    pub(super) fn table<T: NoUninit>(&mut self, values: &[T]) -> Result<Buffer, MachineFault> {
        let bytes = bytemuck::cast_slice(values);
        let buffer = self.take(bytes.len())?;
        if !bytes.is_empty() {
            self.machine.upload(bytes, buffer)?;
        }
        Ok(buffer)
    }
}

impl<M: Machine> Drop for Arena<M> {
    fn drop(&mut self) {
        self.owned.iter().for_each(|&buffer| self.machine.free(buffer));
    }
}
