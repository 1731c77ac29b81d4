//! A device made of the processor: the same kernels, compiled by C++ and run thread by thread, for tests.
//!
//! Memory starts as NaN, between zones that a kernel must not touch. A kernel that does, one that is not there and arguments of
//! another size are errors of this program, and panic.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Cuda;
use super::machine::{Buffer, Launch, Machine, MachineFault};
use crate::backend::Backend;
use crate::error::Error;
use crate::parameter::Parameter;
use crate::plan::Plan;

unsafe extern "C" {
    fn femtospike_emulate(
        name: *const std::ffi::c_char,
        grid: *const u32,
        n_threads: u32,
        arguments: *const u8,
        n_bytes: usize,
    ) -> i32;
}

/// Brings a network to a device of its own.
pub(in crate::backend) fn open(plan: &Plan, parameters: Vec<Parameter>) -> Result<Box<dyn Backend>, Error> {
    Ok(Box::new(Cuda::new(Arc::new(Emulator::default()), plan, parameters)?))
}

/// Bytes on each side of a buffer.
const ZONE: usize = 256;

/// Every bit is set: as a number, NaN.
const POISON: u64 = u64::MAX;

/// A buffer and its zones, in words of 64 bits so that all numbers are aligned.
struct Memory {
    words: Vec<u64>,
    bytes: usize,
}

/// The device.
#[derive(Default)]
struct Emulator {
    /// By the address of the buffer.
    memory: Mutex<HashMap<u64, Memory>>,
}

impl Emulator {
    fn memory(&self) -> MutexGuard<'_, HashMap<u64, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `with` with the bytes of a buffer or a part of one.
    fn bytes<T>(&self, buffer: Buffer, with: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut memory = self.memory();
        let within = |&(&start, ref memory): &(&u64, &mut Memory)| {
            start <= buffer.address && buffer.address + buffer.bytes as u64 <= start + memory.bytes as u64
        };
        let (&start, memory) = memory.iter_mut().find(within).expect("memory that was taken and not given back");
        let first = ZONE + (buffer.address - start) as usize;
        with(&mut bytemuck::cast_slice_mut(&mut memory.words)[first..][..buffer.bytes])
    }
}

impl Machine for Emulator {
    type Sequence = Vec<Launch>;

    fn allocate(&self, bytes: usize) -> Result<Buffer, MachineFault> {
        let words = vec![POISON; (bytes + 2 * ZONE).div_ceil(8)];
        let address = words.as_ptr() as u64 + ZONE as u64;
        self.memory().insert(address, Memory { words, bytes });
        Ok(Buffer { address, bytes })
    }

    fn free(&self, buffer: Buffer) {
        self.memory().remove(&buffer.address).expect("memory that was taken and not given back");
    }

    fn upload(&self, from: &[u8], to: Buffer) -> Result<(), MachineFault> {
        self.bytes(to, |bytes| bytes[..from.len()].copy_from_slice(from));
        Ok(())
    }

    fn stage(&self, from: &[u8], to: Buffer) -> Result<(), MachineFault> {
        self.upload(from, to)
    }

    fn download(&self, from: Buffer, to: &mut [u8]) -> Result<(), MachineFault> {
        self.bytes(from, |bytes| to.copy_from_slice(&bytes[..to.len()]));
        Ok(())
    }

    fn record(&self, launches: &[Launch]) -> Result<Vec<Launch>, MachineFault> {
        Ok(launches.to_vec())
    }

    fn replay(&self, sequence: &Vec<Launch>) -> Result<(), MachineFault> {
        for launch in sequence {
            let Launch { kernel, grid, block, arguments } = launch;
            assert!((1..=256).contains(block) && grid[1..].iter().all(|&side| side <= 65_535), "{launch:?}");
            let name = CString::new(*kernel).expect("a name without zeros");
            // SAFETY: the kernel gets a structure of the size that it takes, whose addresses are of this memory; what it does
            // with them is what is tested.
            let outcome = unsafe {
                femtospike_emulate(name.as_ptr(), grid.as_ptr(), *block, arguments.as_ptr(), arguments.len())
            };
            match outcome {
                0 => {}
                1 => panic!("kernel `{kernel}` is in no file of kernels"),
                2 => panic!("kernel `{kernel}` does not take {} bytes of arguments", arguments.len()),
                _ => panic!("kernel `{kernel}`: some threads of a block ended while others waited for them"),
            }
            for memory in self.memory().values() {
                let bytes: &[u8] = bytemuck::cast_slice(&memory.words);
                let (before, rest) = bytes.split_at(ZONE);
                let mut zones = before.iter().chain(&rest[memory.bytes..]);
                assert!(zones.all(|&byte| byte == u8::MAX), "kernel `{kernel}` writes outside of a buffer: {launch:?}");
            }
        }
        Ok(())
    }

    fn synchronize(&self) -> Result<(), MachineFault> {
        Ok(())
    }
}
