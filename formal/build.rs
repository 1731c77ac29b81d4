//! Compiles the kernels of CUDA devices for the processor, where the feature `emulator` asks for it.

fn main() {
    println!("cargo::rerun-if-changed=src/backend/kernels");
    println!("cargo::rerun-if-changed=src/backend/cuda/emulator");
    #[cfg(feature = "emulator")]
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        // Products are rounded before they are added, so that all processors find the same.
        .flag("-ffp-contract=off")
        .flag("-Wno-unknown-pragmas")
        // It refuses jumps from one stack to another.
        .flag("-U_FORTIFY_SOURCE")
        .file("src/backend/cuda/emulator/emulator.cpp")
        .compile("femtospike_emulator");
}
