// Normalizations over the batch, over neighboring channels and over all channels; probabilities.

// What a channel is normalized by: its mean, then 1/sqrt(variance + epsilon), all channels of the one before the other.
struct BatchMoments {
    const float* input;
    double* moments;
    // Running means, then running variances.
    float* running;
    double epsilon;
    double momentum;
    u32 channels, area;
    u32 n;
    u32 unused;
};

KERNEL(batch_norm_running, BatchMoments) {
    u32 channel = thread_number();
    if (channel >= a.channels) return;
    a.moments[channel] = a.running[channel];
    a.moments[a.channels + channel] = 1.0 / sqrt((double)a.running[a.channels + channel] + a.epsilon);
}

// Calls `term(index)` for the values of a channel that are this thread's, and sums over the block.
template <typename Term>
__device__ __forceinline__ double channel_sum(u32 channel, u32 channels, u32 area, u32 n, double* shared, Term term) {
    double sum = 0.0;
    for (u32 value = threadIdx.x; value < n * area; value += THREADS) {
        sum += term((value / area * channels + channel) * area + value % area);
    }
    return block_sum(sum, shared);
}

// Moments of the batch, a block a channel; the running ones follow.
BLOCK_KERNEL(batch_norm_follow, BatchMoments) {
    __shared__ double shared[THREADS];
    u32 channel = blockIdx.x;
    double n = (double)a.n * a.area;
    double mean = channel_sum(channel, a.channels, a.area, a.n, shared, [&](u32 at) { return (double)a.input[at]; }) / n;
    double square = channel_sum(channel, a.channels, a.area, a.n, shared, [&](u32 at) {
        double difference = a.input[at] - mean;
        return difference * difference;
    });
    if (threadIdx.x > 0) return;
    a.moments[channel] = mean;
    a.moments[a.channels + channel] = 1.0 / sqrt(square / n + a.epsilon);
    float* variance = a.running + a.channels + channel;
    a.running[channel] = (float)(a.momentum * mean + (1.0 - a.momentum) * a.running[channel]);
    *variance = (float)(a.momentum * (square / (n > 1.5 ? n - 1.0 : 1.0)) + (1.0 - a.momentum) * *variance);
}

struct BatchNormForward {
    const float* input;
    const double* moments;
    const float* scale;
    const float* bias;
    Output output;
    u32 channels, area;
    u32 n;
    u32 unused;
};

KERNEL(batch_norm_forward, BatchNormForward) {
    u32 at = thread_number(), channel = at / a.area % a.channels;
    if (at >= a.n * a.channels * a.area) return;
    double factor = a.scale[channel] * a.moments[a.channels + channel];
    put(a.output, at, (float)((a.input[at] - a.moments[channel]) * factor + a.bias[channel]));
}

// Sums of the errors, and of the errors times the normalized inputs, a block a channel.
struct BatchNormGradient {
    const float* input;
    const float* error;
    const double* moments;
    // The sums divided by the number of values; 0 where learning does not follow the batch.
    double* means;
    float* scale_gradient;
    float* bias_gradient;
    u32 channels, area;
    u32 n;
    u32 follows;
};

BLOCK_KERNEL(batch_norm_gradient, BatchNormGradient) {
    __shared__ double shared[THREADS];
    u32 channel = blockIdx.x;
    double mean = a.moments[channel], scale = a.moments[a.channels + channel];
    double errors = channel_sum(channel, a.channels, a.area, a.n, shared, [&](u32 at) { return (double)a.error[at]; });
    double products = channel_sum(channel, a.channels, a.area, a.n, shared, [&](u32 at) {
        return (double)a.error[at] * ((double)a.input[at] - mean) * scale;
    });
    if (threadIdx.x > 0) return;
    double n = (double)a.n * a.area;
    a.scale_gradient[channel] = (float)products;
    a.bias_gradient[channel] = (float)errors;
    a.means[channel] = a.follows ? errors / n : 0.0;
    a.means[a.channels + channel] = a.follows ? products / n : 0.0;
}

struct BatchNormBack {
    const float* input;
    const float* error;
    const double* moments;
    const double* means;
    const float* scale;
    Sink sink;
    u32 channels, area;
    u32 n;
    u32 unused;
};

KERNEL(batch_norm_back, BatchNormBack) {
    u32 at = thread_number(), channel = at / a.area % a.channels;
    if (at >= a.n * a.channels * a.area) return;
    // In 64 bits: the errors of a batch sum to 0, and a rounding that is the same for all would not.
    double scale = a.moments[a.channels + channel], normalized = (a.input[at] - a.moments[channel]) * scale;
    double error = a.error[at] - a.means[channel] - normalized * a.means[a.channels + channel];
    lead(a.sink, at, (float)(a.scale[channel] * scale * error));
}

// Local response normalization. `kept` is s^-beta of each input, then s^(-beta-1) of each.
struct LrnForward {
    const float* input;
    float* kept;
    Output output;
    float k, alpha, beta;
    // Channels on each side.
    u32 half;
    u32 channels, area;
    u32 n;
    u32 unused;
};

KERNEL(lrn_forward, LrnForward) {
    u32 at = thread_number(), n_elements = a.n * a.channels * a.area, channel = at / a.area % a.channels;
    if (at >= n_elements) return;
    u32 first = channel > a.half ? channel - a.half : 0;
    u32 end = a.half < a.channels - channel ? channel + a.half + 1 : a.channels;
    end = least(end, a.channels);
    float squares = 0.0f;
    for (u32 other = first; other < end; other++) {
        float x = a.input[at + (other - channel) * a.area];
        squares += x * x;
    }
    float sum = a.alpha * squares + a.k, factor = powf(sum, -a.beta);
    a.kept[at] = factor;
    a.kept[n_elements + at] = factor / sum;
    put(a.output, at, a.input[at] * factor);
}

struct LrnBack {
    const float* input;
    const float* kept;
    const float* error;
    Sink sink;
    // 2·alpha·beta
    float twice;
    u32 half;
    u32 channels, area;
    u32 n;
    u32 unused;
};

KERNEL(lrn_back, LrnBack) {
    u32 at = thread_number(), n_elements = a.n * a.channels * a.area, channel = at / a.area % a.channels;
    if (at >= n_elements) return;
    u32 first = channel > a.half ? channel - a.half : 0;
    u32 end = a.half < a.channels - channel ? channel + a.half + 1 : a.channels;
    end = least(end, a.channels);
    float sum = 0.0f;
    for (u32 channel_of = first; channel_of < end; channel_of++) {
        u32 other = at + (channel_of - channel) * a.area;
        sum += a.error[other] * a.input[other] * a.kept[n_elements + other];
    }
    lead(a.sink, at, a.error[at] * a.kept[at] - a.twice * a.input[at] * sum);
}

// Channels divided by their length.
struct NormalizeForward {
    const float* input;
    Output output;
    float tiny;
    // Whether the length is the sum of the magnitudes.
    u32 is_l1;
    u32 channels, area;
    u32 n;
    u32 unused;
};

__device__ __forceinline__ float channel_length(const float* input, u32 channels, u32 area, u32 is_l1, float tiny) {
    float sum = 0.0f;
    for (u32 channel = 0; channel < channels; channel++) {
        float x = input[channel * area];
        sum += is_l1 ? fabsf(x) : x * x;
    }
    sum += tiny;
    return is_l1 ? sum : sqrtf(sum);
}

KERNEL(normalize_forward, NormalizeForward) {
    u32 number = thread_number();
    if (number >= a.n * a.area) return;
    u32 first = number / a.area * a.channels * a.area + number % a.area;
    float length = channel_length(a.input + first, a.channels, a.area, a.is_l1, a.tiny);
    for (u32 channel = 0; channel < a.channels; channel++) {
        u32 at = first + channel * a.area;
        put(a.output, at, a.input[at] / length);
    }
}

struct NormalizeBack {
    const float* input;
    const float* error;
    Sink sink;
    float tiny;
    u32 is_l1;
    u32 channels, area;
    u32 n;
    u32 unused;
};

KERNEL(normalize_back, NormalizeBack) {
    u32 number = thread_number();
    if (number >= a.n * a.area) return;
    u32 first = number / a.area * a.channels * a.area + number % a.area;
    float length = channel_length(a.input + first, a.channels, a.area, a.is_l1, a.tiny), along = 0.0f;
    for (u32 channel = 0; channel < a.channels; channel++) {
        u32 at = first + channel * a.area;
        along += a.error[at] * a.input[at] / length;
    }
    for (u32 channel = 0; channel < a.channels; channel++) {
        u32 at = first + channel * a.area;
        float x = a.input[at], factor = a.is_l1 ? (x == 0.0f ? 0.0f : (x > 0.0f ? 1.0f : -1.0f)) : x / length;
        lead(a.sink, at, (a.error[at] - factor * along) / length);
    }
}

// Probabilities of each group of channels at each position, a thread a group.
struct SoftmaxForward {
    const float* input;
    Output output;
    u32 channels, area, group;
    u32 n;
};

KERNEL(softmax_forward, SoftmaxForward) {
    u32 number = thread_number(), groups = a.channels / a.group;
    if (number >= a.n * groups * a.area) return;
    u32 first = number / a.area * a.group * a.area + number % a.area;
    float greatest = a.input[first], total = 0.0f;
    for (u32 member = 1; member < a.group; member++) greatest = fmaxf(greatest, a.input[first + member * a.area]);
    for (u32 member = 0; member < a.group; member++) total += expf(a.input[first + member * a.area] - greatest);
    for (u32 member = 0; member < a.group; member++) {
        u32 at = first + member * a.area;
        put(a.output, at, expf(a.input[at] - greatest) / total);
    }
}

struct SoftmaxBack {
    const float* probabilities;
    const float* error;
    Sink sink;
    u32 channels, area, group;
    u32 n;
};

KERNEL(softmax_back, SoftmaxBack) {
    u32 number = thread_number(), groups = a.channels / a.group;
    if (number >= a.n * groups * a.area) return;
    u32 first = number / a.area * a.group * a.area + number % a.area;
    float mean = 0.0f;
    for (u32 member = 0; member < a.group; member++) {
        u32 at = first + member * a.area;
        mean += a.probabilities[at] * a.error[at];
    }
    for (u32 member = 0; member < a.group; member++) {
        u32 at = first + member * a.area;
        lead(a.sink, at, a.probabilities[at] * (a.error[at] - mean));
    }
}
