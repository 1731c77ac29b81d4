// All kernels on a processor.

#include "host.h"

#include "../../kernels/prelude.cuh"
#include "../../kernels/tiles.cuh"

#include "../../kernels/conv.cu"
#include "../../kernels/dense.cu"
#include "../../kernels/elements.cu"
#include "../../kernels/normalize.cu"
#include "../../kernels/pool.cu"
#include "../../kernels/target.cu"
#include "../../kernels/update.cu"

namespace emulator {

// Runs a block whose threads meet. False where some had ended while others waited.
static bool run_meeting(const Entry& entry, const void* arguments, unsigned n_threads) {
    while (fibers.all.size() < n_threads) fibers.all.push_back(std::make_unique<Fiber>());
    fibers.run = entry.run;
    fibers.arguments = arguments;
    for (unsigned thread = 0; thread < n_threads; thread++) fibers.all[thread]->is_done = false;
    for (unsigned n_done = 0; n_done < n_threads;) {
        n_done = 0;
        for (unsigned turn = 0; turn < n_threads; turn++) {
            // Downwards in every other block, so that a meeting that is missing shows.
            unsigned thread = block_index.x % 2 == 0 ? turn : n_threads - 1 - turn;
            thread_index = {thread, 0, 0};
            resume(*fibers.all[thread]);
            n_done += fibers.all[thread]->is_done;
        }
        if (n_done > 0 && n_done < n_threads) {
            // Their stacks hold what never ends.
            fibers.all.clear();
            return false;
        }
    }
    return true;
}

}  // namespace emulator

enum Outcome { DONE = 0, UNKNOWN = 1, ARGUMENTS = 2, APART = 3 };

// Runs a kernel on a grid of `grid[0..3]` blocks of `n_threads`.
extern "C" int femtospike_emulate(
    const char* name, const unsigned* grid, unsigned n_threads, const void* arguments, size_t n_bytes
) {
    using namespace emulator;
    for (const Entry& entry : entries()) {
        if (std::strcmp(entry.name, name) != 0) continue;
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
