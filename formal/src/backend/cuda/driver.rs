//! A CUDA device behind its driver, which is loaded at run time.
//!
//! What runs on the device runs on one stream, in order. [`Machine::stage`] copies on a second one, beside it. Whatever comes
//! from or goes to the host passes pinned memory, so that no call waits for the device but those that say so.

mod cache;
mod pinned;

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys;

use super::Cuda;
use super::compiler::Compiler;
use super::kernels::{SOURCES, Source};
use super::machine::{Buffer, Launch, Machine, MachineFault, Order};
use crate::backend::probe::{self, CudaFault, Version};
use crate::backend::{Backend, Clock, Precision};
use crate::error::Error;
use crate::parameter::Parameter;
use crate::plan::Plan;
use cache::Cache;
use pinned::Pinned;

/// Threads that a block may have (see [`Launch`]).
const MOST_THREADS: i32 = 256;
/// Bytes of pinned memory that a copy of a batch passes; LeNet's 128 stimuli are 512 KiB.
const STAGING: usize = 8 << 20;
/// The same for everything else.
const UPLOADS: usize = 1 << 20;

/// One a precision that was asked for.
static OPENED: Mutex<Vec<Arc<Gpu>>> = Mutex::new(Vec::new());
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Keeps kernels, once compiled, in this folder, from the first device that is opened on.
pub(in crate::backend) fn keep_kernels_in(folder: PathBuf) {
    *lock(&FOLDER) = Some(folder);
}

/// Opens the first device, where it is not open.
pub(in crate::backend) fn open(precision: Precision) -> Result<(), CudaFault> {
    Gpu::get(precision).map(drop)
}

/// Brings a network to the first device.
pub(in crate::backend) fn open_device(
    plan: &Plan,
    parameters: Vec<Parameter>,
    precision: Precision,
) -> Result<Box<dyn Backend>, Error> {
    Ok(Box::new(Cuda::new(Arc::new(Driver::open(precision)?), plan, parameters)?))
}

/// Bytes a second of copies within the device's memory, read and written ones together.
pub(in crate::backend) fn copy_speed(clock: Clock) -> Result<f64, CudaFault> {
    /// Far more than the caches hold.
    const BYTES: usize = 512 << 20;
    const COPIES: usize = 20;
    const ROUNDS: usize = 5;
    let driver = Driver::open(Precision::F32)?;
    let fault = |MachineFault { doing, fault }| CudaFault::Driver { fault: format!("{doing}: {fault}") };
    let buffers = [driver.allocate(BYTES).map_err(fault)?, driver.allocate(BYTES).map_err(fault)?];
    let copy = || {
        // SAFETY: both buffers have as many bytes.
        unsafe { result::memcpy_dtod_async(buffers[1].address, buffers[0].address, BYTES, driver.compute.stream) }
    };
    let mut best = 0.0f64;
    let mut measured = Ok(());
    for round in 0..=ROUNDS {
        let started = clock();
        measured = (0..COPIES).try_for_each(|_| copy()).and_then(|()| driver.compute.synchronize());
        let seconds = clock().saturating_sub(started).as_secs_f64();
        // The first warms the device up.
        if round > 0 && seconds > 0.0 {
            best = best.max((2 * BYTES * COPIES) as f64 / seconds);
        }
    }
    buffers.into_iter().for_each(|buffer| driver.free(buffer));
    measured.map(|()| best).map_err(|error| CudaFault::Driver { fault: words(error) })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds what was whole before the lock was taken.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first device, with all kernels in one precision: opened once a process and never closed.
struct Gpu {
    precision: Precision,
    device: sys::CUdevice,
    context: sys::CUcontext,
    functions: HashMap<&'static str, sys::CUfunction>,
}

// SAFETY: the driver takes its handles on any thread, and this one's are never changed.
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

impl Gpu {
    /// The device, opened where it is not.
    fn get(precision: Precision) -> Result<Arc<Self>, CudaFault> {
        let mut opened = lock(&OPENED);
        if let Some(gpu) = opened.iter().find(|gpu| gpu.precision == precision) {
            return Ok(gpu.clone());
        }
        // Every call into a library that is not there panics; this asks first.
        let found = probe::cuda()?;
        let compiler = Compiler::for_device(found.devices[0].compute_capability, precision)?;
        let gpu = Arc::new(Self::open(precision, &compiler, found.driver)?);
        opened.push(gpu.clone());
        Ok(gpu)
    }

    fn open(precision: Precision, compiler: &Compiler, driver: Version) -> Result<Self, CudaFault> {
        let fault = |error: DriverError| CudaFault::Driver { fault: words(error) };
        let device = result::device::get(0).map_err(fault)?;
        // SAFETY: the driver gave the device.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(fault)?;
        let mut gpu = Self { precision, device, context, functions: HashMap::new() };
        match gpu.load(compiler, driver) {
            Ok(functions) => {
                gpu.functions = functions;
                Ok(gpu)
            }
            Err(fault) => {
                // SAFETY: the context was retained above, and nothing of it is left.
                let _ = unsafe { result::primary_ctx::release(gpu.device) };
                Err(fault)
            }
        }
    }

    /// Makes the context that of this thread.
    fn enter(&self) -> Result<(), DriverError> {
        // SAFETY: the context is never released.
        unsafe { result::ctx::set_current(self.context) }
    }

    /// Compiles all kernels, or finds them compiled, and loads them.
    fn load(&self, compiler: &Compiler, driver: Version) -> Result<HashMap<&'static str, sys::CUfunction>, CudaFault> {
        let folder = lock(&FOLDER).clone();
        let (cache, identity) = (Cache::new(folder.as_deref()), compiler.identity());
        let image = |source: &Source| {
            let compile = || compiler.compile(source).map(|image| image.code);
            cache.get(source.name, &[&identity, &compiler.whole(source)], compile)
        };
        // Not rayon's threads: one that waits there takes up other work, which may want the device.
        let images: Vec<Result<Vec<u8>, CudaFault>> = thread::scope(|scope| {
            let threads: Vec<_> = SOURCES.iter().map(|source| scope.spawn(move || image(source))).collect();
            let lost = |_| CudaFault::Kernels { file: "NVRTC", fault: "the compiler panicked".into() };
            threads.into_iter().map(|thread| thread.join().map_err(lost).flatten()).collect()
        });
        let images: Vec<Vec<u8>> = images.into_iter().collect::<Result<_, _>>()?;
        let mut functions = HashMap::new();
        for (source, image) in SOURCES.iter().zip(&images) {
            self.load_source(source, image, &mut functions).map_err(|error| {
                let fault = format!(
                    "{}; the driver runs CUDA {driver}, the kernels were compiled by NVRTC {}",
                    words(error),
                    compiler.version
                );
                CudaFault::Kernels { file: source.name, fault }
            })?;
        }
        Ok(functions)
    }

    fn load_source(
        &self,
        source: &Source,
        image: &[u8],
        functions: &mut HashMap<&'static str, sys::CUfunction>,
    ) -> Result<(), DriverError> {
        use sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK as MOST;
        self.enter()?;
        // SAFETY: an image has its size in it, or ends with a 0; the module is never unloaded.
        let module = unsafe { result::module::load_data(image.as_ptr().cast()) }?;
        for name in source.kernels() {
            let c_name = CString::new(name).map_err(|_| DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND))?;
            // SAFETY: the module stays loaded.
            let function = unsafe { result::module::get_function(module, c_name) }?;
            // Also loads what the driver would load at the first launch, which may fall into a recording.
            // SAFETY: the function is of a loaded module.
            if unsafe { result::function::get_function_attribute(function, MOST) }? < MOST_THREADS {
                return Err(DriverError(sys::CUresult::CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES));
            }
            functions.insert(name, function);
        }
        Ok(())
    }
}

/// In the driver's words.
fn words(error: DriverError) -> String {
    match error.error_string() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => format!("{:?}", error.0),
    }
}

fn fault(doing: impl Into<String>) -> impl FnOnce(DriverError) -> MachineFault {
    let doing = doing.into();
    move |error| MachineFault { doing, fault: words(error) }
}

/// A stream, destroyed at the end.
struct Stream {
    gpu: Arc<Gpu>,
    stream: sys::CUstream,
}

// SAFETY: the driver takes its handles on any thread.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Stream {
    fn new(gpu: &Arc<Gpu>) -> Result<Self, DriverError> {
        gpu.enter()?;
        let stream = result::stream::create(result::stream::StreamKind::NonBlocking)?;
        Ok(Self { gpu: gpu.clone(), stream })
    }

    fn synchronize(&self) -> Result<(), DriverError> {
        // SAFETY: the stream lives.
        unsafe { result::stream::synchronize(self.stream) }
    }

    /// Lets all that is enqueued later wait for what another stream has to do now.
    fn wait_for(&self, other: &Self, event: &Event) -> Result<(), DriverError> {
        use sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        event.record(other)?;
        // SAFETY: stream and event live.
        unsafe { result::stream::wait_event(self.stream, event.event, CU_EVENT_WAIT_DEFAULT) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.gpu.enter().is_ok() {
            // SAFETY: the stream lives, and nothing uses it later.
            let _ = self.synchronize().and_then(|()| unsafe { result::stream::destroy(self.stream) });
        }
    }
}

/// A point of a stream, destroyed at the end.
struct Event {
    gpu: Arc<Gpu>,
    event: sys::CUevent,
}

// SAFETY: the driver takes its handles on any thread.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    fn new(gpu: &Arc<Gpu>) -> Result<Self, DriverError> {
        gpu.enter()?;
        let event = result::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING)?;
        Ok(Self { gpu: gpu.clone(), event })
    }

    fn record(&self, stream: &Stream) -> Result<(), DriverError> {
        // SAFETY: event and stream live.
        unsafe { result::event::record(self.event, stream.stream) }
    }

    /// Waits until the stream has come here; an event that was never recorded is no wait.
    fn synchronize(&self) -> Result<(), DriverError> {
        // SAFETY: the event lives.
        unsafe { result::event::synchronize(self.event) }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if self.gpu.enter().is_ok() {
            // SAFETY: the event lives, and nothing uses it later.
            let _ = unsafe { result::event::destroy(self.event) };
        }
    }
}

/// The way between host and device.
struct Ways {
    /// For the stream that computes.
    uploads: Pinned,
    /// For the stream beside it.
    staging: Pinned,
    /// Uploaded since the device was last waited for: a copy beside the stream must not overtake them.
    recent: Vec<Buffer>,
    /// Whether there are copies beside the stream that it does not wait for yet.
    has_staged: bool,
}

/// The device, for one network.
pub(super) struct Driver {
    ways: Mutex<Ways>,
    compute: Stream,
    copies: Stream,
    /// Between the two streams.
    meeting: Event,
    /// Of what is recorded, what others need not wait for.
    aside: Stream,
    /// Between this one and the one that computes, while they record.
    branching: Event,
    gpu: Arc<Gpu>,
}

impl Driver {
    /// Opens the first device; the first time its kernels are compiled, where they are not kept.
    fn open(precision: Precision) -> Result<Self, CudaFault> {
        let gpu = Gpu::get(precision)?;
        Self::new(gpu).map_err(|error| CudaFault::Driver { fault: words(error) })
    }

    fn new(gpu: Arc<Gpu>) -> Result<Self, DriverError> {
        let ways = Ways {
            uploads: Pinned::new(&gpu, UPLOADS)?,
            staging: Pinned::new(&gpu, STAGING)?,
            recent: Vec::new(),
            has_staged: false,
        };
        let [compute, copies, aside] = [Stream::new(&gpu)?, Stream::new(&gpu)?, Stream::new(&gpu)?];
        let [meeting, branching] = [Event::new(&gpu)?, Event::new(&gpu)?];
        Ok(Self { ways: Mutex::new(ways), compute, copies, meeting, aside, branching, gpu })
    }

    /// The way to the stream that computes, on this thread, with all that was staged before it.
    fn enter(&self, ways: &mut Ways) -> Result<(), DriverError> {
        self.gpu.enter()?;
        if ways.has_staged {
            self.compute.wait_for(&self.copies, &self.meeting)?;
            ways.has_staged = false;
        }
        Ok(())
    }

    /// Starts launches, those aside on a stream beside the one that computes; at the end all are on that one.
    fn launch_all(&self, launches: &[Launch]) -> Result<(), MachineFault> {
        let mut is_apart = false;
        let ordering = || fault("ordering kernels");
        for launch in launches {
            let stream = match launch.order {
                Order::InTurn => &self.compute,
                Order::Aside => {
                    self.aside.wait_for(&self.compute, &self.branching).map_err(ordering())?;
                    is_apart = true;
                    &self.aside
                }
                Order::Joining => {
                    if std::mem::take(&mut is_apart) {
                        self.compute.wait_for(&self.aside, &self.branching).map_err(ordering())?;
                    }
                    &self.compute
                }
            };
            self.launch(launch, stream)?;
        }
        match is_apart {
            true => self.compute.wait_for(&self.aside, &self.branching).map_err(ordering()),
            false => Ok(()),
        }
    }

    fn launch(&self, launch: &Launch, stream: &Stream) -> Result<(), MachineFault> {
        let Launch { kernel, grid: [x, y, z], block, arguments, .. } = launch;
        let doing = || format!("launching {kernel}");
        let Some(&function) = self.gpu.functions.get(kernel) else {
            return Err(MachineFault { doing: doing(), fault: "there is no such kernel".into() });
        };
        let mut arguments = [arguments.as_ptr().cast_mut().cast::<c_void>()];
        // SAFETY: the kernel takes one structure, which the driver copies; what its pointers point to is the caller's.
        unsafe { result::launch_kernel(function, (*x, *y, *z), (*block, 1, 1), 0, stream.stream, &mut arguments) }
            .map_err(fault(doing()))
    }
}

impl Machine for Driver {
    type Sequence = Graph;

    fn allocate(&self, bytes: usize) -> Result<Buffer, MachineFault> {
        if bytes == 0 {
            return Ok(Buffer::NONE);
        }
        let doing = || format!("allocating {bytes} bytes");
        // SAFETY: the context is this thread's.
        let address = self.gpu.enter().and_then(|()| unsafe { result::malloc_sync(bytes) });
        Ok(Buffer { address: address.map_err(fault(doing()))?, bytes })
    }

    fn free(&self, buffer: Buffer) {
        if buffer.address != 0 && self.gpu.enter().is_ok() {
            // SAFETY: the buffer is one of `allocate`; the driver waits for what uses it.
            let _ = unsafe { result::free_sync(buffer.address) };
        }
    }

    fn upload(&self, from: &[u8], to: Buffer) -> Result<(), MachineFault> {
        assert!(from.len() <= to.bytes, "{} bytes to a buffer of {}", from.len(), to.bytes);
        let ways = &mut *lock(&self.ways);
        let uploaded = self.enter(ways).and_then(|()| ways.uploads.upload(from, to.address, &self.compute));
        ways.recent.push(to);
        uploaded.map_err(fault(format!("copying {} bytes to the device", from.len())))
    }

    fn stage(&self, from: &[u8], to: Buffer) -> Result<(), MachineFault> {
        assert!(from.len() <= to.bytes, "{} bytes to a buffer of {}", from.len(), to.bytes);
        let ways = &mut *lock(&self.ways);
        let mut staged = || {
            self.gpu.enter()?;
            let overlaps = |recent: &Buffer| {
                recent.address < to.address + to.bytes as u64 && to.address < recent.address + recent.bytes as u64
            };
            if ways.recent.iter().any(overlaps) {
                self.copies.wait_for(&self.compute, &self.meeting)?;
            }
            ways.has_staged = true;
            ways.staging.upload(from, to.address, &self.copies)
        };
        staged().map_err(fault(format!("copying a batch of {} bytes to the device", from.len())))
    }

    fn download(&self, from: Buffer, to: &mut [u8]) -> Result<(), MachineFault> {
        assert!(to.len() <= from.bytes, "{} bytes of a buffer of {}", to.len(), from.bytes);
        let ways = &mut *lock(&self.ways);
        let n = to.len();
        // Not behind what is staged: that is of a batch to come.
        let entered = self.gpu.enter();
        let downloaded = entered.and_then(|()| ways.uploads.download(from.address, to, &self.compute));
        ways.recent.clear();
        downloaded.map_err(fault(format!("copying {n} bytes from the device")))
    }

    fn record(&self, launches: &[Launch]) -> Result<Graph, MachineFault> {
        use sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL as MODE;
        // Nothing may come between on the stream.
        let _ways = lock(&self.ways);
        // SAFETY: the stream lives, and the recording is ended below.
        let began = self.gpu.enter().and_then(|()| unsafe { result::stream::begin_capture(self.compute.stream, MODE) });
        began.map_err(fault("recording kernels"))?;
        let launched = self.launch_all(launches);
        // SAFETY: the recording began above.
        let graph = unsafe { result::stream::end_capture(self.compute.stream) };
        let graph = match (launched, graph) {
            (Ok(()), Ok(graph)) => graph,
            (launched, graph) => {
                if let Ok(graph) = graph {
                    // SAFETY: the graph is this call's.
                    let _ = unsafe { result::graph::destroy(graph) };
                }
                launched?;
                return Err(MachineFault {
                    doing: "recording kernels".into(),
                    fault: "the recording broke off".into(),
                });
            }
        };
        // SAFETY: the graph lives; what is made of it stands alone.
        let executable = unsafe { result::graph::instantiate(graph, sys::CUgraphInstantiate_flags(0)) };
        // SAFETY: the graph is this call's.
        let _ = unsafe { result::graph::destroy(graph) };
        let executable = executable.map_err(fault("making a sequence of kernels"))?;
        let graph = Graph { gpu: self.gpu.clone(), executable };
        // SAFETY: graph and stream live.
        unsafe { result::graph::upload(graph.executable, self.compute.stream) }
            .map_err(fault("making a sequence of kernels"))?;
        Ok(graph)
    }

    fn replay(&self, sequence: &Graph) -> Result<(), MachineFault> {
        let ways = &mut *lock(&self.ways);
        let started = self.enter(ways).and_then(|()| {
            // SAFETY: graph and stream live; what the kernels use is the caller's.
            unsafe { result::graph::launch(sequence.executable, self.compute.stream) }
        });
        started.map_err(fault("starting a sequence of kernels"))
    }

    fn synchronize(&self) -> Result<(), MachineFault> {
        let ways = &mut *lock(&self.ways);
        let waited = self.enter(ways).and_then(|()| self.compute.synchronize());
        ways.recent.clear();
        waited.map_err(fault("waiting for the device"))
    }
}

/// Kernels in a row, ready to be started at once; destroyed at the end.
pub(super) struct Graph {
    gpu: Arc<Gpu>,
    executable: sys::CUgraphExec,
}

// SAFETY: the driver takes its handles on any thread; a driver starts a graph under its lock.
unsafe impl Send for Graph {}
// SAFETY: as above.
unsafe impl Sync for Graph {}

impl Drop for Graph {
    fn drop(&mut self) {
        if self.gpu.enter().is_ok() {
            // SAFETY: the graph lives, and nothing uses it later; the driver lets it end first.
            let _ = unsafe { result::graph::exec_destroy(self.executable) };
        }
    }
}
