//! Every kernel through NVRTC, for every kind of device that is promised. Where the library is not found the tests are reported as
//! ignored, never as passed; where `FEMTOSPIKE_REQUIRE_NVRTC` is set they fail.
//!
//! A harness of its own, because only at run time is it known whether there is anything to test.

use std::process::ExitCode;

use formal::{CudaFault, KernelImage, Precision, Version, compile_kernels, compiler};
use libtest_mimic::{Arguments, Failed, Trial};

/// Compute capabilities: Turing, Ampere, Hopper, Blackwell.
const CAPABILITIES: [(i32, i32); 4] = [(7, 5), (8, 0), (9, 0), (12, 0)];
/// Threads of a block, and registers that a multiprocessor has for them.
const THREADS: u32 = 256;
const REGISTERS: u32 = 65_536;
/// Bytes that may be spilled: the assembler does so around calls of its own, such as divisions.
const SPILLED: u32 = 32;
/// Bytes that a block may share without being asked for.
const SHARED: u32 = 48 << 10;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_missing = compiler().is_none() && std::env::var_os("FEMTOSPIKE_REQUIRE_NVRTC").is_none();
    let mut trials: Vec<Trial> = Vec::new();
    for (major, minor) in CAPABILITIES {
        let capability = Version { major, minor };
        for precision in [Precision::F32, Precision::Tf32, Precision::F16] {
            let name = format!("every_kernel_is_compiled_and_assembled_for_sm_{major}{minor}_in_{precision}");
            trials.push(match precision.needs() {
                Some(needed) if capability < needed => {
                    Trial::test(format!("{precision}_is_refused_for_sm_{major}{minor}"), move || {
                        refuses(capability, precision)
                    })
                }
                _ => Trial::test(name, move || compiles(capability, precision)).with_ignored_flag(is_missing),
            });
        }
    }
    let older = || match compile_kernels(Version { major: 1, minor: 0 }, Precision::F32) {
        Err(CudaFault::TooOld { .. }) => Ok(()),
        other => Err(format!("expected that it is refused, found {other:?}").into()),
    };
    trials.push(Trial::test("a_device_older_than_the_compiler_is_refused", older).with_ignored_flag(is_missing));
    let newer = || match compile_kernels(Version { major: 99, minor: 0 }, Precision::F32) {
        Ok(images) if images.iter().all(|image| image.code.ends_with(b"\0") && image.code.starts_with(b"//")) => Ok(()),
        Ok(_) => Err("expected text that a driver compiles, found something else".into()),
        Err(fault) => Err(fault.to_string().into()),
    };
    trials.push(Trial::test("a_device_newer_than_the_compiler_gets_text", newer).with_ignored_flag(is_missing));
    if is_missing {
        eprintln!("skipped: NVRTC (libnvrtc) is not found; see docs/gpu.md");
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn refuses(capability: Version, precision: Precision) -> Result<(), Failed> {
    match compile_kernels(capability, precision) {
        Err(CudaFault::Precision { .. }) => Ok(()),
        other => Err(format!("expected that it is refused, found {other:?}").into()),
    }
}

fn compiles(capability: Version, precision: Precision) -> Result<(), Failed> {
    let images = compile_kernels(capability, precision).map_err(|fault| fault.to_string())?;
    let mut faults: Vec<String> = Vec::new();
    for image in &images {
        if !image.code.starts_with(b"\x7fELF") {
            faults.push(format!("{}: expected machine code", image.file));
        }
        if image.kernels.is_empty() {
            faults.push(format!("{}: no kernels", image.file));
        }
        for name in &image.kernels {
            faults.extend(figures(image, name).err());
        }
    }
    match faults.is_empty() && !images.is_empty() {
        true => Ok(()),
        false => Err(faults.join("\n").into()),
    }
}

/// Checks what the assembler tells of a kernel: that a block of it fits, and that it does not live on spilled registers.
fn figures(image: &KernelImage, name: &str) -> Result<(), String> {
    let of = |what: String| format!("{}, {name}: {what}", image.file);
    let told = image.log.split("Compiling entry function '").skip(1).find(|part| part.starts_with(&format!("{name}'")));
    let told = told.ok_or_else(|| of(format!("the assembler tells nothing:\n{}", image.log)))?;
    let number = |after: &str, before: &str| -> u32 {
        let words = told.split(before).next().unwrap_or_default();
        if !told.contains(before) {
            return 0;
        }
        words.rsplit(after).next().and_then(|digits| digits.trim().parse().ok()).unwrap_or(0)
    };
    let (registers, shared, spilled) =
        (number("Used ", " registers"), number(",", " bytes smem"), number(",", " bytes spill stores"));
    match () {
        () if registers == 0 => Err(of(format!("the assembler tells no registers: {told}"))),
        () if registers * THREADS > REGISTERS => Err(of(format!("{registers} registers are too many"))),
        () if shared > SHARED => Err(of(format!("{shared} shared bytes are too many"))),
        () if spilled > SPILLED => Err(of(format!("{spilled} bytes are spilled"))),
        () => Ok(()),
    }
}
