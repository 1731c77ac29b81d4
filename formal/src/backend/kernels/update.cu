// Gradients of biases, and how weights follow their gradients.

// A bias of a cell: the sum of the errors of a channel, each as often as sums went into its output.
struct BiasGradient {
    const float* error;
    // [part][channel]
    float* parts;
    u32 channels, height, width;
    // Sums that go into an output along each axis, and all of them.
    u32 sub_y, sub_x, sums_height, sums_width;
    // Stimuli of a part.
    u32 share;
};

struct BiasGradients {
    const BiasGradient* biases;
    // Of each block the bias, its channel and the part of the batch.
    const u32* blocks;
    u32 n;
    u32 unused;
};

BLOCK_KERNEL(bias_gradients, BiasGradients) {
    __shared__ double shared[THREADS];
    const BiasGradient& b = a.biases[a.blocks[3 * blockIdx.x]];
    u32 channel = a.blocks[3 * blockIdx.x + 1], part = a.blocks[3 * blockIdx.x + 2];
    u32 area = b.height * b.width, first = part * b.share, end = least(first + b.share, a.n);
    double sum = 0.0;
    for (u32 value = threadIdx.x; first < end && value < (end - first) * area; value += THREADS) {
        u32 position = value % area;
        float e = b.error[((first + value / area) * b.channels + channel) * area + position];
        if (b.sub_y > 1 || b.sub_x > 1) {
            u32 y = position / b.width * b.sub_y, x = position % b.width * b.sub_x;
            sum += (double)e * (least(b.sub_y, b.sums_height - y) * least(b.sub_x, b.sums_width - x));
        } else {
            sum += e;
        }
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) b.parts[part * b.channels + channel] = (float)sum;
}

// What does not change from step to step.
struct Parameter {
    float* values;
    // As many of each weight as its solver remembers, side by side.
    float* moments;
    float* gradient;
    // [part][weight]
    const float* parts;
    // Key of the random words that say which weights take part; 0 where all do.
    const u32* key;
    // The weight of a smaller word takes part.
    u32 kept_below;
    u32 n;
};

#define FROZEN 0
#define KEEP 1
#define APPLY 2

#define SGD 0
#define ADAM 1

// What does.
struct Step {
    u32 action;
    // Whether gradients are added to what is kept.
    u32 adds;
    u32 solver;
    u32 n_parts;
    float rate;
    // Of moments: Sgd the momentum and the decay, Adam both shares.
    float first, second;
    float epsilon;
    float lower, upper;
};

struct Update {
    const Parameter* parameters;
    const Step* steps;
    // The number of the learning step.
    const u32* step;
    // Of each block the parameter and its first weight.
    const u32* blocks;
};

__device__ __forceinline__ float bounded(float x, float lower, float upper) {
    x = x < lower ? lower : x;
    return x > upper ? upper : x;
}

KERNEL(update, Update) {
    const Parameter& p = a.parameters[a.blocks[2 * blockIdx.x]];
    const Step& s = a.steps[a.blocks[2 * blockIdx.x]];
    u32 at = a.blocks[2 * blockIdx.x + 1] + threadIdx.x;
    if (at >= p.n || s.action == FROZEN) return;
    double sum = 0.0;
    for (u32 part = 0; part < s.n_parts; part++) sum += p.parts[part * p.n + at];
    float g = (float)sum;
    if (p.key && random_word(p.key, a.step, 0, at) >= p.kept_below) g = 0.0f;
    if (s.adds) g += p.gradient[at];
    p.gradient[at] = g;
    if (s.action != APPLY) return;
    float w = p.values[at];
    if (s.solver == ADAM) {
        float m = s.first * p.moments[2 * at] + (1.0f - s.first) * g;
        float u = s.second * p.moments[2 * at + 1] + (1.0f - s.second) * (g * g);
        p.moments[2 * at] = m;
        p.moments[2 * at + 1] = u;
        w += s.rate * m / (sqrtf(u) + s.epsilon);
    } else if (p.moments) {
        float v = s.first * p.moments[at] + s.rate * g - s.second * w;
        p.moments[at] = v;
        w += v;
    } else {
        w += s.rate * g;
    }
    p.values[at] = bounded(w, s.lower, s.upper);
}

struct UnitRows {
    float* values;
    // That of the parameter.
    const Step* step;
    u32 n_columns;
    u32 unused;
};

// Gives each row length 1, a block a row; one that has it but for rounding stays.
BLOCK_KERNEL(unit_rows, UnitRows) {
    __shared__ double shared[THREADS];
    if (a.step->action != APPLY) return;
    float* row = a.values + blockIdx.x * a.n_columns;
    double square = 0.0;
    for (u32 column = threadIdx.x; column < a.n_columns; column += THREADS) square += (double)row[column] * row[column];
    square = block_sum(square, shared);
    if (!(square > 0.0 && fabs(square - 1.0) > 1e-6)) return;
    double length = sqrt(square);
    for (u32 column = threadIdx.x; column < a.n_columns; column += THREADS) row[column] = (float)(row[column] / length);
}

// The weights that take part in a learning step, 0 for the others.
struct MaskedWeights {
    const float* values;
    float* masked;
    const u32* key;
    const u32* step;
    u32 kept_below;
    u32 n;
};

KERNEL(masked_weights, MaskedWeights) {
    u32 at = thread_number();
    if (at < a.n) a.masked[at] = random_word(a.key, a.step, 0, at) < a.kept_below ? a.values[at] : 0.0f;
}
