// All kernels on a processor.

#include "host.h"
#include "tensor.h"

#include "../../kernels/prelude.cuh"

#define EMULATED_PRECISION emulator::ANY
#include "../../kernels/elements.cu"
#include "../../kernels/normalize.cu"
#include "../../kernels/pool.cu"
#include "../../kernels/target.cu"
#include "../../kernels/update.cu"
#undef EMULATED_PRECISION

// Those that multiply matrices, in each precision.

namespace in_f32 {
#define EMULATED_PRECISION emulator::F32
#include "../../kernels/tiles.cuh"

#include "../../kernels/conv.cu"
#include "../../kernels/dense.cu"
#undef EMULATED_PRECISION
}  // namespace in_f32

namespace in_tf32 {
#define EMULATED_PRECISION emulator::TF32
#define FEMTOSPIKE_TF32
#include "../../kernels/tensor.cuh"

#include "../../kernels/conv.cu"
#include "../../kernels/dense.cu"
#undef FEMTOSPIKE_TF32
#undef EMULATED_PRECISION
}  // namespace in_tf32

namespace in_f16 {
#define EMULATED_PRECISION emulator::F16
#define FEMTOSPIKE_F16
#include "../../kernels/tensor.cuh"

#include "../../kernels/conv.cu"
#include "../../kernels/dense.cu"
#undef FEMTOSPIKE_F16
#undef EMULATED_PRECISION
}  // namespace in_f16

namespace emulator {

// Runs a warp, `n` threads whose turns begin with `first`, to where its threads end or wait for their block. False where some wait
// for others of the warp that do not come.
static bool run_warp(unsigned first, unsigned n, unsigned n_threads) {
    for (;;) {
        unsigned n_waiting = 0;
        for (unsigned turn = first; turn < first + n; turn++) {
            // Downwards in every other block, so that a meeting that is missing shows.
            unsigned thread = block_index.x % 2 == 0 ? turn : n_threads - 1 - turn;
            thread_index = {thread, 0, 0};
            Fiber& fiber = *fibers.all[thread];
            resume(fiber);
            n_waiting += !fiber.is_done && fiber.is_in_warp;
        }
        if (n_waiting == 0 || n_waiting < n) return n_waiting == 0;
    }
}

// Runs a block whose threads meet. False where some wait for others that do not come.
static bool run_meeting(const Entry& entry, const void* arguments, unsigned n_threads) {
    while (fibers.all.size() < n_threads) fibers.all.push_back(std::make_unique<Fiber>());
    fibers.run = entry.run;
    fibers.arguments = arguments;
    for (unsigned thread = 0; thread < n_threads; thread++) fibers.all[thread]->is_done = false;
    for (unsigned n_done = 0; n_done < n_threads;) {
        n_done = 0;
        bool is_whole = true;
        for (unsigned first = 0; first < n_threads && is_whole; first += WARP) {
            is_whole = run_warp(first, least(WARP, n_threads - first), n_threads);
        }
        for (unsigned thread = 0; thread < n_threads; thread++) n_done += fibers.all[thread]->is_done;
        if (!is_whole || (n_done > 0 && n_done < n_threads)) {
            // Their stacks hold what never ends.
            fibers.all.clear();
            return false;
        }
    }
    return true;
}

}  // namespace emulator

enum Outcome { DONE = 0, UNKNOWN = 1, ARGUMENTS = 2, APART = 3 };

// Runs a kernel, of those that multiply matrices in a precision, on a grid of `grid[0..3]` blocks of `n_threads`.
extern "C" int femtospike_emulate(
    const char* name, int precision, const unsigned* grid, unsigned n_threads, const void* arguments, size_t n_bytes
) {
    using namespace emulator;
    for (const Entry& entry : entries()) {
        if (std::strcmp(entry.name, name) != 0 || (entry.precision != ANY && entry.precision != precision)) continue;
        if (entry.arguments != n_bytes) return ARGUMENTS;
        block_size = {n_threads, 1, 1};
        grid_size = {grid[0], grid[1], grid[2]};
        for (unsigned z = 0; z < grid[2]; z++) {
            for (unsigned y = 0; y < grid[1]; y++) {
                for (unsigned x = 0; x < grid[0]; x++) {
                    block_index = {x, y, z};
                    if (entry.meets) {
                        if (!run_meeting(entry, arguments, n_threads)) return APART;
                        continue;
                    }
                    for (unsigned thread = 0; thread < n_threads; thread++) {
                        thread_index = {thread, 0, 0};
                        entry.run(arguments);
                    }
                }
            }
        }
        return DONE;
    }
    return UNKNOWN;
}
