//! A device made of the processor: the same kernels, compiled by C++ and run thread by thread, for tests.
//!
//! Memory starts as NaN, between zones that a kernel must not touch. A kernel that does, one that is not there and arguments of
//! another size are errors of this program, and panic.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Cuda;
use super::machine::{Buffer, Launch, Machine, MachineFault, Order};
use crate::backend::{Backend, Precision};
use crate::error::Error;
use crate::parameter::Parameter;
use crate::plan::Plan;

unsafe extern "C" {
    fn femtospike_emulate(
        name: *const std::ffi::c_char,
        precision: i32,
        grid: *const u32,
        n_threads: u32,
        arguments: *const u8,
        n_bytes: usize,
    ) -> i32;
}

/// Brings a network to a device of its own.
pub(in crate::backend) fn open(
    plan: &Plan,
    parameters: Vec<Parameter>,
    precision: Precision,
) -> Result<Box<dyn Backend>, Error> {
    let emulator = Emulator { precision, ..Emulator::default() };
    Ok(Box::new(Cuda::new(Arc::new(emulator), plan, parameters)?))
}

/// A precision as the emulator numbers it.
fn number(precision: Precision) -> i32 {
    match precision {
        Precision::F32 => 0,
        Precision::Tf32 => 1,
        Precision::F16 => 2,
    }
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
struct Emulator {
    /// By the address of the buffer.
    memory: Mutex<HashMap<u64, Memory>>,
    /// Bytes of all buffers together.
    most_bytes: usize,
    precision: Precision,
}

impl Default for Emulator {
    fn default() -> Self {
        Self { memory: Mutex::default(), most_bytes: usize::MAX, precision: Precision::F32 }
    }
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

/// Launches aside as late as they may be, so that one that should have been waited for shows.
fn in_worst_order(sequence: &[Launch]) -> Vec<&Launch> {
    let (mut ordered, mut aside) = (Vec::with_capacity(sequence.len()), Vec::new());
    for launch in sequence {
        match launch.order {
            Order::InTurn => ordered.push(launch),
            Order::Aside => aside.push(launch),
            Order::Joining => {
                ordered.append(&mut aside);
                ordered.push(launch);
            }
        }
    }
    ordered.append(&mut aside);
    ordered
}

impl Machine for Emulator {
    type Sequence = Vec<Launch>;

    fn allocate(&self, bytes: usize) -> Result<Buffer, MachineFault> {
        let taken: usize = self.memory().values().map(|memory| memory.bytes).sum();
        if bytes > self.most_bytes - taken {
            let fault = format!("{} bytes are taken of {}", taken, self.most_bytes);
            return Err(MachineFault { doing: format!("allocating {bytes} bytes"), fault });
        }
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
        for launch in in_worst_order(sequence) {
            let Launch { kernel, grid, block, arguments, .. } = launch;
            assert!((1..=256).contains(block) && grid[1..].iter().all(|&side| side <= 65_535), "{launch:?}");
            let name = CString::new(*kernel).expect("a name without zeros");
            // SAFETY: the kernel gets a structure of the size that it takes, whose addresses are of this memory; what it does
            // with them is what is tested.
            let outcome = unsafe {
                let precision = number(self.precision);
                femtospike_emulate(name.as_ptr(), precision, grid.as_ptr(), *block, arguments.as_ptr(), arguments.len())
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

#[cfg(test)]
mod tests {
    use stimuli::Shape;

    use super::super::kernels::SOURCES;
    use super::super::machine::arguments;
    use super::*;
    use crate::backend::Batch;
    use crate::config::*;
    use crate::target::Wanted;

    fn machine(most_bytes: usize) -> Arc<Emulator> {
        Arc::new(Emulator { most_bytes, ..Emulator::default() })
    }

    fn launch(kernel: &'static str, grid: [u32; 3], arguments: Vec<u8>) -> Launch {
        Launch { kernel, grid, block: 256, arguments, order: Order::InTurn }
    }

    #[test]
    fn every_kernel_of_the_files_is_emulated() {
        let mut n_kernels = 0;
        for kernel in SOURCES.iter().flat_map(|source| source.kernels()) {
            let name = CString::new(kernel).expect("a name without zeros");
            for precision in [Precision::F32, Precision::Tf32, Precision::F16].map(number) {
                // SAFETY: nothing is read of no arguments.
                let outcome =
                    unsafe { femtospike_emulate(name.as_ptr(), precision, [0; 3].as_ptr(), 256, [0].as_ptr(), 0) };
                assert_eq!(outcome, 2, "`{kernel}` takes arguments");
            }
            n_kernels += 1;
        }
        assert!(n_kernels > 40, "{n_kernels} kernels");
    }

    #[test]
    #[should_panic(expected = "kernel `gather` writes outside of a buffer")]
    fn a_kernel_that_leaves_its_buffer_is_caught() {
        let emulator = machine(usize::MAX);
        let [from, to] = [64, 60].map(|bytes| emulator.allocate(bytes).expect("memory"));
        emulator.upload(&[0; 64], from).expect("no fault");
        let arguments = arguments![from, to, 16u32, 16u32, 0u32, 1u32];
        emulator.replay(&vec![launch("gather", [1; 3], arguments)]).expect("no fault");
    }

    #[test]
    #[should_panic(expected = "kernel `gather` does not take 8 bytes of arguments")]
    fn arguments_of_another_size_are_caught() {
        machine(usize::MAX).replay(&vec![launch("gather", [1; 3], vec![0; 8])]).expect("no fault");
    }

    /// A network of one full connection, for 16 stimuli at a time.
    fn network(most_bytes: usize) -> Result<Cuda<Emulator>, Error> {
        let solver = SolverConfig::default();
        let filler = Filler::Constant { value: 0.5 };
        let fc = FcConfig {
            n_outputs: 3,
            no_bias: false,
            back_propagate: true,
            weights_filler: filler,
            bias_filler: filler,
            weights_solver: solver.clone(),
            bias_solver: solver,
            normalizes: false,
            drop_connect: 1.0,
        };
        let cell = CellConfig {
            name: "fc".into(),
            inputs: vec![Source::Stimuli],
            operator: Operator::Fc(fc),
            activation: Activation::Linear,
        };
        let targets = vec![TargetConfig { cell: 0, target_value: 1.0, default_value: 0.0 }];
        let input = Shape { channels: 1, height: 10, width: 10 };
        let config = NetworkConfig { input, cells: vec![cell], targets, batch_size: 16 };
        let plan = Plan::new(&config).expect("a valid network");
        let parameters = Parameter::all(&plan, &config.cells, 1);
        let mut network = Cuda::new(machine(most_bytes), &plan, parameters)?;
        network.set_capacity(16);
        Ok(network)
    }

    #[test]
    fn a_device_that_is_full_says_so_and_keeps_what_was_learned() {
        let Err(Error::Device { fault }) = network(1000) else { panic!("303 weights in 1000 bytes") };
        assert_eq!(fault, "allocating 1200 bytes: 0 bytes are taken of 1000");
        let mut network = network(100_000).expect("room for the weights and 16 stimuli");
        assert_eq!(network.fault(), None);
        let stimuli = [1.0; 1600];
        let batch = Batch {
            stimuli: &stimuli,
            n: 16,
            wanted: &[Wanted::Classes(&[Some(1); 16])],
            step: 0,
            seed: 1,
            rate: None,
            brought: None,
        };
        assert!(network.learn(&batch)[0].squared_error > 0.0);
        let learned = network.parameters()[0].values.clone();
        network.set_capacity(1000);
        let fault = network.fault().expect("no room for 1000 stimuli");
        assert!(matches!(&fault, Error::Device { fault } if fault.starts_with("allocating 400000 bytes")), "{fault}");
        assert!(network.learn(&batch)[0].squared_error.is_nan());
        network.infer(&stimuli, 16);
        assert_eq!(network.parameters()[0].values, learned);
        assert!(network.output(0).iter().all(|&output| output == 0.0));
    }
}
