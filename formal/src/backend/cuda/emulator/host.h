// What CUDA C++ has beyond C++, for the kernels on a processor.
//
// A block's threads run one after the other on the calling thread. Where they meet, each has a stack of its own and gives way
// to the next one at __syncthreads, or to the next one of its warp; so every run is the same.
#pragma once

#include <cmath>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <ucontext.h>

#define FEMTOSPIKE_EMULATOR
#define __device__
#define __forceinline__ inline
#define __shared__ static thread_local

namespace emulator {

// Threads of a warp.
constexpr unsigned WARP = 32;

// As the program numbers them.
enum Precision { ANY = -1, F32 = 0, TF32 = 1, F16 = 2 };

struct Dimensions {
    unsigned x, y, z;
};

// What the kernel sees.
thread_local Dimensions thread_index, block_index, block_size, grid_size;

struct Entry {
    const char* name;
    // How it multiplies matrices; ANY of a kernel that does not.
    int precision;
    size_t arguments;
    bool meets;
    void (*run)(const void* arguments);
};

std::vector<Entry>& entries() {
    static std::vector<Entry> entries;
    return entries;
}

struct Registration {
    Registration(const char* name, int precision, size_t arguments, bool meets, void (*run)(const void*)) {
        entries().push_back({name, precision, arguments, meets, run});
    }
};

// A thread of a block on a stack of its own. It waits, runs a kernel, waits, for as long as the emulator's thread lives.
struct Fiber {
    static constexpr size_t STACK = 256 * 1024;
    std::unique_ptr<char[]> stack{new char[STACK]};
    ucontext_t start;
    jmp_buf here;
    bool is_started = false;
    bool is_done = true;
    // Whether it waits for its warp; else for its block.
    bool is_in_warp = false;
};

// The fibers of an emulator's thread.
struct Fibers {
    std::vector<std::unique_ptr<Fiber>> all;
    Fiber* running = nullptr;
    jmp_buf caller;
    ucontext_t caller_at_start;
    void (*run)(const void*) = nullptr;
    const void* arguments = nullptr;
};

thread_local Fibers fibers;

// Back to who resumed the fiber; returns when it is resumed again. Jumps do not ask the system, as contexts do.
inline void give_way(Fiber& fiber) {
    if (_setjmp(fiber.here) == 0) _longjmp(fibers.caller, 1);
}

void fiber_main() {
    Fiber& fiber = *fibers.running;
    for (;;) {
        fibers.run(fibers.arguments);
        fiber.is_done = true;
        give_way(fiber);
    }
}

inline void resume(Fiber& fiber) {
    fibers.running = &fiber;
    if (_setjmp(fibers.caller) != 0) return;
    if (fiber.is_started) _longjmp(fiber.here, 1);
    fiber.is_started = true;
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack.get();
    fiber.start.uc_stack.ss_size = Fiber::STACK;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, fiber_main, 0);
    setcontext(&fiber.start);
}

inline void meet(bool in_warp) {
    fibers.running->is_in_warp = in_warp;
    give_way(*fibers.running);
}

inline void meet_in_warp() { meet(true); }

}  // namespace emulator

#define threadIdx emulator::thread_index
#define blockIdx emulator::block_index
#define blockDim emulator::block_size
#define gridDim emulator::grid_size

inline void __syncthreads() { emulator::meet(false); }

inline unsigned atomicAdd(unsigned* to, unsigned value) {
    unsigned before = *to;
    *to += value;
    return before;
}

// EMULATED_PRECISION is that of what is being included.
#define EMULATED_KERNEL(name, Structure, meets)                                                                      \
    static void name(const Structure& a);                                                                            \
    static const emulator::Registration name##_registration(                                                         \
        #name, EMULATED_PRECISION, sizeof(Structure), meets, [](const void* arguments) {                             \
            Structure a;                                                                                             \
            std::memcpy(&a, arguments, sizeof(Structure));                                                           \
            name(a);                                                                                                 \
        });                                                                                                          \
    static void name(const Structure& a)

#define KERNEL(name, Structure) EMULATED_KERNEL(name, Structure, false)
#define BLOCK_KERNEL(name, Structure) EMULATED_KERNEL(name, Structure, true)
