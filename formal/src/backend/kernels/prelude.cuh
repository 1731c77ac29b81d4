// What all kernels share. A kernel takes one structure by value and is declared by
//   KERNEL(name, Structure)        threads that do not meet
//   BLOCK_KERNEL(name, Structure)  threads of a block that meet at __syncthreads
// and finds the structure in `a`.

#ifndef FEMTOSPIKE_EMULATOR
#define KERNEL(name, Structure) extern "C" __global__ void __launch_bounds__(256) name(const Structure a)
#define BLOCK_KERNEL(name, Structure) KERNEL(name, Structure)
#endif
