// What is wanted, against what was found.

struct Compare {
    const float* outputs;
    // Sums before the activation, where its slope needs them.
    const float* sums;
    // A class a stimulus, or, where there are counts, one a position of its map; -1 for none.
    const int* classes;
    // Wanted outputs; 0 where classes are wanted.
    const float* wanted;
    // Room for the positions of each class, of each stimulus; 0 where a stimulus has one class.
    u32* counts;
    // Errors, led through the activation; 0 where none are asked for.
    float* error;
    // Of each stimulus the sum of the squared errors, and minus the logarithm of the probability of its class.
    double* losses;
    float target_value, default_value;
    Activation activation;
    u32 channels, area;
    u32 n_classes;
};

// A block a stimulus.
BLOCK_KERNEL(compare, Compare) {
    __shared__ double shared[THREADS];
    u32 size = a.channels * a.area, stimulus = blockIdx.x;
    u32* counts = a.counts ? a.counts + stimulus * a.n_classes : 0;
    if (counts) {
        for (u32 number = threadIdx.x; number < a.n_classes; number += THREADS) counts[number] = 0;
        __syncthreads();
        for (u32 position = threadIdx.x; position < a.area; position += THREADS) {
            int number = a.classes[stimulus * a.area + position];
            // Whole numbers have the same sum in every order.
            if (number >= 0) atomicAdd(&counts[number], 1u);
        }
        __syncthreads();
    }
    double squares = 0.0, entropy = 0.0;
    for (u32 own = threadIdx.x; own < size; own += THREADS) {
        u32 at = stimulus * size + own;
        int channel = own / a.area;
        float y = a.outputs[at], e = 0.0f;
        if (a.wanted) {
            e = a.wanted[at] - y;
        } else {
            int label = a.classes[counts ? stimulus * a.area + own % a.area : stimulus];
            if (label >= 0) {
                float share = 1.0f / (float)(counts ? counts[label] : a.area);
                bool is_wanted = a.channels == 1 ? label == 1 : label == channel;
                e = ((is_wanted ? a.target_value : a.default_value) - y) * share;
                // Not below the least normal number.
                if (channel == label) entropy -= log((double)fmaxf(y, 1.17549435e-38f)) * share;
            }
        }
        squares += (double)e * e;
        if (a.error) a.error[at] = a.activation.kind == LINEAR ? e : e * slope(a.activation, a.sums ? a.sums[at] : 0.0f, y);
    }
    squares = block_sum(squares, shared);
    entropy = block_sum(entropy, shared);
    if (threadIdx.x > 0) return;
    a.losses[2 * stimulus] = squares;
    a.losses[2 * stimulus + 1] = entropy;
}

// A bias at the output of the class.
struct TargetBiasForward {
    const float* input;
    // -1 for no class.
    const int* labels;
    Output output;
    float bias;
    u32 channels, area;
    u32 n;
};

KERNEL(target_bias_forward, TargetBiasForward) {
    u32 at = thread_number(), size = a.channels * a.area;
    if (at >= a.n * size) return;
    int channel = at % size / a.area, label = a.labels[at / size];
    bool is_wanted = a.channels == 1 ? label == 1 : label == channel;
    put(a.output, at, a.input[at] + (is_wanted ? a.bias : 0.0f));
}
