// What is done to each element by itself, or to a few.

struct ElementsForward {
    const float* input;
    Output output;
    u32 n_elements;
    u32 unused;
};

// The activation alone.
KERNEL(activation_forward, ElementsForward) {
    u32 at = thread_number();
    if (at < a.n_elements) put(a.output, at, a.input[at]);
}

struct ElementsBack {
    const float* error;
    Sink sink;
    u32 n_elements;
    u32 unused;
};

KERNEL(activation_back, ElementsBack) {
    u32 at = thread_number();
    if (at < a.n_elements) lead(a.sink, at, a.error[at]);
}

// Channels of one cell into the inputs of another, which lie together.
struct Gather {
    const float* from;
    float* to;
    // Of one stimulus: elements that are copied, elements of all inputs, and the first of these.
    u32 size, whole, first;
    u32 n;
};

KERNEL(gather, Gather) {
    u32 at = thread_number();
    if (at >= a.n * a.size) return;
    a.to[at / a.size * a.whole + a.first + at % a.size] = a.from[at];
}

// The way back.
struct GatherBack {
    const float* error;
    Sink sink;
    u32 size, whole, first;
    u32 n;
};

KERNEL(gather_back, GatherBack) {
    u32 at = thread_number();
    if (at >= a.n * a.size) return;
    lead(a.sink, at, a.error[at / a.size * a.whole + a.first + at % a.size]);
}

// Dropout. What a value is multiplied by is drawn again on the way back.
struct DropoutForward {
    const float* input;
    // Key and step of the random words.
    const u32* key;
    const u32* step;
    Output output;
    // Words below it drop a value.
    u32 threshold;
    float scale;
    // Elements of a stimulus.
    u32 size;
    u32 n;
};

__device__ __forceinline__ float dropout_factor(const u32* key, const u32* step, u32 threshold, float scale, u32 size, u32 at) {
    return random_word(key, step, at / size, at % size) < threshold ? 0.0f : scale;
}

KERNEL(dropout_forward, DropoutForward) {
    u32 at = thread_number();
    if (at >= a.n * a.size) return;
    put(a.output, at, a.input[at] * dropout_factor(a.key, a.step, a.threshold, a.scale, a.size, at));
}

struct DropoutBack {
    const float* error;
    const u32* key;
    const u32* step;
    Sink sink;
    u32 threshold;
    float scale;
    u32 size;
    u32 n;
};

KERNEL(dropout_back, DropoutBack) {
    u32 at = thread_number();
    if (at >= a.n * a.size) return;
    lead(a.sink, at, a.error[at] * dropout_factor(a.key, a.step, a.threshold, a.scale, a.size, at));
}

// Operations on inputs of one shape, which lie one after the other; the kinds are those of `config::ElementOperation`, in its
// order.
#define SUM 0
#define ABS_SUM 1
#define EUCLIDEAN_SUM 2
#define PROD 3
#define MAX 4

// Coefficients are [input][channel].
struct ElemWise {
    const float* input;
    const float* weights;
    const float* shifts;
    u32 operation, n_inputs;
    u32 channels, area;
    u32 n, unused;
};

// Element of input `k`.
__device__ __forceinline__ u32 place(const ElemWise& e, u32 at, u32 k) {
    u32 size = e.channels * e.area;
    return (at / size * e.n_inputs + k) * size + at % size;
}

__device__ __forceinline__ float elem_wise_value(const ElemWise& e, u32 at) {
    u32 channel = at / e.area % e.channels;
    float all = 0.0f;
    for (u32 k = 0; k < e.n_inputs; k++) {
        float x = e.input[place(e, at, k)];
        float w = e.weights[k * e.channels + channel], s = e.shifts[k * e.channels + channel];
        if (e.operation == SUM) all += w * x + s;
        else if (e.operation == ABS_SUM) all += w * fabsf(x);
        else if (e.operation == EUCLIDEAN_SUM) all += (w * x + s) * (w * x + s);
        else if (k == 0) all = x;
        else if (e.operation == PROD) all *= x;
        else all = x > all ? x : all;
    }
    return e.operation == EUCLIDEAN_SUM ? sqrtf(all) : all;
}

struct ElemWiseForward {
    ElemWise e;
    Output output;
};

KERNEL(elem_wise_forward, ElemWiseForward) {
    u32 at = thread_number();
    if (at < a.e.n * a.e.channels * a.e.area) put(a.output, at, elem_wise_value(a.e, at));
}

struct ElemWiseBack {
    ElemWise e;
    const float* error;
    Sink sink;
};

KERNEL(elem_wise_back, ElemWiseBack) {
    const ElemWise& e = a.e;
    u32 at = thread_number(), channel = at / e.area % e.channels;
    if (at >= e.n * e.channels * e.area) return;
    float error = a.error[at];
    float y = e.operation == EUCLIDEAN_SUM || e.operation == MAX ? elem_wise_value(e, at) : 0.0f;
    bool is_found = false;
    for (u32 k = 0; k < e.n_inputs; k++) {
        float x = e.input[place(e, at, k)];
        float w = e.weights[k * e.channels + channel], s = e.shifts[k * e.channels + channel];
        float part = 0.0f;
        switch (e.operation) {
        case SUM: part = w * error; break;
        case ABS_SUM: part = x == 0.0f ? 0.0f : (x > 0.0f ? w : -w) * error; break;
        case EUCLIDEAN_SUM: part = y == 0.0f ? 0.0f : w * (w * x + s) / y * error; break;
        case PROD:
            part = error;
            for (u32 j = 0; j < e.n_inputs; j++) {
                if (j != k) part *= e.input[place(e, at, j)];
            }
            break;
        default:
            if (x == y && !is_found) {
                part = error;
                is_found = true;
            }
        }
        lead(a.sink, place(e, at, k), part);
    }
}

// Sparse linear maps: each result is the sum of some elements times their factors.
struct TapsForward {
    const float* input;
    const u32* starts;
    const u32* from;
    const float* factors;
    Output output;
    u32 n_inputs, n_outputs;
    u32 n;
    u32 unused;
};

__device__ __forceinline__ float tapped(const float* input, const u32* starts, const u32* from, const float* factors, u32 row) {
    float sum = 0.0f;
    for (u32 tap = starts[row]; tap < starts[row + 1]; tap++) sum += factors[tap] * input[from[tap]];
    return sum;
}

KERNEL(taps_forward, TapsForward) {
    u32 at = thread_number();
    if (at >= a.n * a.n_outputs) return;
    const float* input = a.input + at / a.n_outputs * a.n_inputs;
    put(a.output, at, tapped(input, a.starts, a.from, a.factors, at % a.n_outputs));
}

// The rows are those of the inputs.
struct TapsBack {
    const float* error;
    const u32* starts;
    const u32* from;
    const float* factors;
    Sink sink;
    u32 n_inputs, n_outputs;
    u32 n;
    u32 unused;
};

KERNEL(taps_back, TapsBack) {
    u32 at = thread_number();
    if (at >= a.n * a.n_inputs) return;
    const float* error = a.error + at / a.n_inputs * a.n_outputs;
    lead(a.sink, at, tapped(error, a.starts, a.from, a.factors, at % a.n_inputs));
}

// A threshold; the operations are those of `stimuli::ThresholdOperation`, in its order.
struct ThresholdForward {
    const float* input;
    Output output;
    float threshold, greatest;
    u32 operation;
    u32 n_elements;
};

KERNEL(threshold_forward, ThresholdForward) {
    u32 at = thread_number();
    if (at >= a.n_elements) return;
    float x = a.input[at];
    bool is_above = x > a.threshold;
    switch (a.operation) {
    case 0: x = is_above ? a.greatest : 0.0f; break;
    case 1: x = is_above ? 0.0f : a.greatest; break;
    case 2: x = is_above ? a.threshold : x; break;
    case 3: x = is_above ? x : 0.0f; break;
    default: x = is_above ? 0.0f : x;
    }
    put(a.output, at, x);
}
