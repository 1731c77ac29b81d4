//! NVRTC, loaded at run time: kernels to machine code.

use std::ffi::{CStr, CString};

use cudarc::nvrtc::result::{self, NvrtcError};
use cudarc::nvrtc::sys;

use super::kernels::{self, SOURCES, Source};
use crate::backend::Precision;
use crate::backend::probe::{self, CudaFault, KernelImage, Version};

/// What kernels are compiled with, wherever they run; the last lets the assembler tell of registers and spills.
const OPTIONS: [&str; 2] = ["--std=c++17", "--ptxas-options=--verbose"];

/// Compiles all kernels for devices of a compute capability.
pub(in crate::backend) fn compile_kernels(
    capability: Version,
    precision: Precision,
) -> Result<Vec<KernelImage>, CudaFault> {
    let compiler = Compiler::for_device(capability, precision)?;
    SOURCES.iter().map(|source| compiler.compile(source)).collect()
}

/// The compiler, for one kind of device and one precision.
#[derive(Clone, Debug)]
pub(super) struct Compiler {
    pub(super) version: Version,
    /// `sm_90` for machine code; `compute_90` for text, where the compiler is older than the device.
    architecture: String,
    precision: Precision,
}

impl Compiler {
    /// The compiler for devices of this compute capability.
    pub(super) fn for_device(capability: Version, precision: Precision) -> Result<Self, CudaFault> {
        if precision.needs().is_some_and(|needed| capability < needed) {
            return Err(CudaFault::Precision { precision, capability });
        }
        let version = probe::compiler().ok_or(CudaFault::NoCompiler)?;
        let wanted = 10 * capability.major + capability.minor;
        let known = architectures().map_err(|error| CudaFault::Kernels { file: "NVRTC", fault: words(error) })?;
        let architecture = if known.contains(&wanted) {
            format!("sm_{wanted}")
        } else {
            // The driver compiles text for any newer device.
            let newest = known.iter().filter(|&&known| known < wanted).max();
            format!("compute_{}", newest.ok_or(CudaFault::TooOld { capability, compiler: version })?)
        };
        Ok(Self { version, architecture, precision })
    }

    fn options(&self) -> impl Iterator<Item = &'static str> + use<> {
        OPTIONS.into_iter().chain(kernels::definition(self.precision))
    }

    /// Everything that code follows from, beside the source.
    pub(super) fn identity(&self) -> String {
        let options: Vec<&str> = self.options().collect();
        format!("NVRTC {} {} {}", self.version, self.architecture, options.join(" "))
    }

    /// A file as it is compiled; messages name file and line.
    pub(super) fn whole(&self, source: &Source) -> String {
        let part = |source: &Source| format!("#line 1 \"{}\"\n{}\n", source.name, source.text);
        part(&kernels::prelude(self.precision)) + &part(source)
    }

    /// Compiles one file.
    pub(super) fn compile(&self, source: &Source) -> Result<KernelImage, CudaFault> {
        let refused = |fault| CudaFault::Kernels { file: source.name, fault };
        let zero = |_| refused("the source has a byte 0".into());
        let (text, name) = (CString::new(self.whole(source)).map_err(zero)?, CString::new(source.name).map_err(zero)?);
        let program = result::create_program(&text, Some(&name)).map_err(|error| refused(words(error)))?;
        let program = Program(program);
        let mut options: Vec<String> = self.options().map(str::to_owned).collect();
        options.push(format!("--gpu-architecture={}", self.architecture));
        // SAFETY: the program lives.
        let compiled = unsafe { result::compile_program(program.0, &options) };
        let log = program.log();
        compiled.map_err(|error| refused(if log.is_empty() { words(error) } else { log.clone() }))?;
        let code = if self.architecture.starts_with("sm_") { program.machine_code() } else { program.text() };
        let code = code.map_err(|error| refused(words(error)))?;
        Ok(KernelImage { file: source.name, kernels: source.kernels().collect(), code, log })
    }
}

/// What the compiler makes code for, as 90 for compute capability 9.0.
fn architectures() -> Result<Vec<i32>, NvrtcError> {
    let mut n = 0;
    // SAFETY: the compiler writes one number, then as many as it said.
    unsafe {
        sys::nvrtcGetNumSupportedArchs(&mut n).result()?;
        let mut known = vec![0; usize::try_from(n).unwrap_or_default()];
        sys::nvrtcGetSupportedArchs(known.as_mut_ptr()).result()?;
        Ok(known)
    }
}

/// A program of the compiler's, destroyed at the end.
struct Program(sys::nvrtcProgram);

impl Program {
    fn log(&self) -> String {
        // SAFETY: the program lives.
        let log = unsafe { result::get_program_log(self.0) }.unwrap_or_default();
        let bytes: Vec<u8> = log.into_iter().map(|c| c as u8).collect();
        String::from_utf8_lossy(&bytes).trim_end_matches('\0').trim().to_owned()
    }

    fn machine_code(&self) -> Result<Vec<u8>, NvrtcError> {
        let mut n = 0;
        // SAFETY: the program lives; the compiler writes a size, then as many bytes.
        unsafe {
            sys::nvrtcGetCUBINSize(self.0, &mut n).result()?;
            let mut code = vec![0u8; n];
            sys::nvrtcGetCUBIN(self.0, code.as_mut_ptr().cast()).result()?;
            Ok(code)
        }
    }

    fn text(&self) -> Result<Vec<u8>, NvrtcError> {
        // SAFETY: the program lives.
        Ok(unsafe { result::get_ptx(self.0) }?.into_iter().map(|c| c as u8).collect())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program lives, and nothing uses it later.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

fn words(NvrtcError(error): NvrtcError) -> String {
    // SAFETY: the compiler gives a text of its own that stays.
    let text = unsafe { CStr::from_ptr(sys::nvrtcGetErrorString(error)) };
    text.to_string_lossy().into_owned()
}
