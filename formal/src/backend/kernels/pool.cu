// Maxima and averages of windows, and values put back where a maximum was.

struct Windows {
    u32 channels, height, width;
    u32 outputs, output_height, output_width;
};

// Where the windows are: first and end of each output row, of each output column; then of the output rows whose windows
// may hold an input row, of the output columns.
struct Edges {
    const u32* rows;
    const u32* columns;
    const u32* rows_over;
    const u32* columns_over;
};

__device__ __forceinline__ Edges edges(const Windows& w, const u32* at) {
    Edges e;
    e.rows = at;
    e.columns = e.rows + 2 * w.output_height;
    e.rows_over = e.columns + 2 * w.output_width;
    e.columns_over = e.rows_over + 2 * w.height;
    return e;
}

struct PoolForward {
    const float* input;
    const u32* edges;
    // Channels of each output.
    const u32* starts;
    const u32* links;
    // What a sum of an output channel is multiplied by; 0 for maxima.
    const float* shares;
    // Index of the input that won, of one stimulus; -1 where there is none.
    int* winners;
    Output output;
    Windows w;
    u32 n;
    u32 unused;
};

KERNEL(pool_forward, PoolForward) {
    const Windows& w = a.w;
    u32 area = w.output_height * w.output_width, size = w.outputs * area, at = thread_number();
    if (at >= a.n * size) return;
    u32 stimulus = at / size, o = at % size / area, y = at % area / w.output_width, x = at % w.output_width;
    const float* input = a.input + stimulus * w.channels * w.height * w.width;
    Edges e = edges(w, a.edges);
    float best = 0.0f;
    int winner = -1;
    for (u32 link = a.starts[o]; link < a.starts[o + 1]; link++) {
        for (u32 iy = e.rows[2 * y]; iy < e.rows[2 * y + 1]; iy++) {
            u32 row = (a.links[link] * w.height + iy) * w.width;
            for (u32 ix = e.columns[2 * x]; ix < e.columns[2 * x + 1]; ix++) {
                float value = input[row + ix];
                if (a.shares) {
                    best += value;
                } else if (winner < 0 || value > best) {
                    best = value;
                    winner = row + ix;
                }
            }
        }
    }
    if (a.shares) best *= a.shares[o];
    else a.winners[at] = winner;
    put(a.output, at, best);
}

// What comes to one input from the windows over it.
struct PoolBack {
    const float* error;
    const u32* edges;
    // Outputs of each channel.
    const u32* starts;
    const u32* links;
    const float* shares;
    const int* winners;
    Sink sink;
    Windows w;
    u32 n;
    u32 unused;
};

template <typename Structure>
__device__ __forceinline__ float from_windows(const Structure& a, const float* from, u32 at) {
    const Windows& w = a.w;
    u32 area = w.height * w.width, size = w.channels * area, own = at % size;
    u32 stimulus = at / size, c = own / area, iy = own % area / w.width, ix = own % w.width;
    u32 base = stimulus * w.outputs * w.output_height * w.output_width;
    Edges e = edges(w, a.edges);
    float sum = 0.0f;
    for (u32 link = a.starts[c]; link < a.starts[c + 1]; link++) {
        u32 o = a.links[link];
        for (u32 y = e.rows_over[2 * iy]; y < e.rows_over[2 * iy + 1]; y++) {
            for (u32 x = e.columns_over[2 * ix]; x < e.columns_over[2 * ix + 1]; x++) {
                u32 index = base + (o * w.output_height + y) * w.output_width + x;
                if (a.shares) {
                    bool holds = e.rows[2 * y] <= iy && iy < e.rows[2 * y + 1] && e.columns[2 * x] <= ix && ix < e.columns[2 * x + 1];
                    if (holds) sum += a.shares[o] * from[index];
                } else if (a.winners[index] == (int)own) {
                    sum += from[index];
                }
            }
        }
    }
    return sum;
}

KERNEL(pool_back, PoolBack) {
    u32 at = thread_number();
    if (at >= a.n * a.w.channels * a.w.height * a.w.width) return;
    lead(a.sink, at, from_windows(a, a.error, at));
}

// `w` and `winners` are those of the pooling.
struct UnpoolForward {
    const float* input;
    const u32* edges;
    const u32* starts;
    const u32* links;
    const float* shares;
    const int* winners;
    Output output;
    Windows w;
    u32 n;
    u32 unused;
};

KERNEL(unpool_forward, UnpoolForward) {
    u32 at = thread_number();
    if (at >= a.n * a.w.channels * a.w.height * a.w.width) return;
    put(a.output, at, from_windows(a, a.input, at));
}

struct UnpoolBack {
    const float* error;
    const int* winners;
    Sink sink;
    // Of the errors and of the pooling's outputs, of one stimulus.
    u32 n_errors, n_inputs;
    u32 n;
    u32 unused;
};

KERNEL(unpool_back, UnpoolBack) {
    u32 at = thread_number();
    if (at >= a.n * a.n_inputs) return;
    int winner = a.winners[at];
    lead(a.sink, at, winner < 0 ? 0.0f : a.error[at / a.n_inputs * a.n_errors + winner]);
}
