// What all kernels share. A kernel takes one structure by value and is declared by
//   KERNEL(name, Structure)        threads that do not meet
//   BLOCK_KERNEL(name, Structure)  threads of a block that meet at __syncthreads; always 256
// and finds the structure in `a`. Arrays of values are [stimulus][channel][y][x]. No sum depends on the order in which
// threads run.

#ifndef FEMTOSPIKE_EMULATOR
#define KERNEL(name, Structure) extern "C" __global__ void __launch_bounds__(256) name(const Structure a)
#define BLOCK_KERNEL(name, Structure) KERNEL(name, Structure)
#endif

typedef unsigned int u32;
typedef unsigned long long u64;

#define THREADS 256

// The number of the thread in the grid's first dimension.
__device__ __forceinline__ u32 thread_number() { return blockIdx.x * blockDim.x + threadIdx.x; }

__device__ __forceinline__ u32 least(u32 x, u32 y) { return x < y ? x : y; }

__device__ __forceinline__ int ceiling(int x, int by) { return (x + by - 1) / by; }

// What follows a cell's sum; the kinds are those of `config::Activation`, in its order.
struct Activation {
    u32 kind;
    float first;
    float second;
};

#define LINEAR 0
#define RECTIFIER 1
#define TANH 2
#define LOGISTIC 3
#define LOGISTIC_WITH_LOSS 4
#define SATURATION 5
#define SOFTPLUS 6
#define SWISH 7

__device__ __forceinline__ float logistic(float x) {
    // With all digits on both sides.
    float small = expf(-fabsf(x));
    float share = 1.0f / (1.0f + small);
    return x > 0.0f ? share : small * share;
}

// The output for a sum.
__device__ __forceinline__ float activate(Activation activation, float x) {
    switch (activation.kind) {
    case RECTIFIER:
        if (x > 0.0f) return x > activation.second ? activation.second : x;
        return activation.first * x;
    case TANH: return tanhf(activation.first * x);
    case LOGISTIC:
    case LOGISTIC_WITH_LOSS: return logistic(x);
    case SATURATION: {
        float below = x > activation.first ? activation.first : x;
        return -activation.first > below ? -activation.first : below;
    }
    case SOFTPLUS: return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x)));
    case SWISH: return x * logistic(x);
    default: return x;
    }
}

// The factor of the error, from the sum and the output.
__device__ __forceinline__ float slope(Activation activation, float x, float y) {
    switch (activation.kind) {
    case RECTIFIER:
        if (y > 0.0f) return y == activation.second ? 0.0f : 1.0f;
        return activation.first;
    case TANH: return activation.first * (1.0f - y * y);
    case LOGISTIC: return y * (1.0f - y);
    case SATURATION: return fabsf(y) == activation.first ? 0.0f : 1.0f;
    case SOFTPLUS: return -expm1f(-y);
    case SWISH: {
        float share = logistic(x);
        return share + y * (1.0f - share);
    }
    default: return 1.0f;
    }
}

// Where the results of a cell go.
struct Output {
    float* to;
    // Sums before the activation, for one whose slope needs them; else 0.
    float* sums;
    Activation activation;
    u32 unused;
};

__device__ __forceinline__ void put(const Output& output, u32 at, float x) {
    if (output.sums) output.sums[at] = x;
    output.to[at] = activate(output.activation, x);
}

// Where the errors of an input go.
struct Sink {
    float* to;
    // Outputs and sums of the cell that the input comes from.
    const float* outputs;
    const float* sums;
    // Whether the cell has errors from another one.
    u32 adds;
    // What all its errors, of which these are the last, go through; linear where more will come.
    Activation activation;
};

__device__ __forceinline__ void lead(const Sink& sink, u32 at, float error) {
    if (sink.adds) error += sink.to[at];
    if (sink.activation.kind != LINEAR) {
        error *= slope(sink.activation, sink.sums ? sink.sums[at] : 0.0f, sink.outputs[at]);
    }
    sink.to[at] = error;
}

// Philox4x32-10 (Salmon et al., 2011): word `word` of a stream.
__device__ __forceinline__ u32 random_word(const u32* key, const u32* step, u32 position, u32 word) {
    u32 c0 = word / 4, c1 = position, c2 = step[0], c3 = step[1];
    u32 k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)0xd2511f53u * c0, p1 = (u64)0xcd9e8d57u * c2;
        u32 n0 = (u32)(p1 >> 32) ^ c1 ^ k0, n2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c1 = (u32)p1;
        c3 = (u32)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    switch (word % 4) {
    case 0: return c0;
    case 1: return c1;
    case 2: return c2;
    default: return c3;
    }
}

// Sums `value` over the threads of a block, in the form of a tree; all get the sum. `shared` holds one number a thread.
__device__ __forceinline__ double block_sum(double value, double* shared) {
    shared[threadIdx.x] = value;
    for (u32 half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    __syncthreads();
    double sum = shared[0];
    __syncthreads();
    return sum;
}
