// Convolutions, and the transposed ones: the same sums with inputs and outputs exchanged.

struct Geometry {
    u32 channels, height, width;
    // Sums before sub-sampling.
    u32 outputs, sums_height, sums_width;
    // After it.
    u32 output_height, output_width;
    u32 kernel_height, kernel_width;
    u32 stride_y, stride_x;
    u32 padding_y, padding_x;
    u32 dilation_y, dilation_x;
    u32 sub_y, sub_x;
};

// Positions of sums, from `first` up to `end`, at which a tap meets the input.
__device__ __forceinline__ void meeting(int tap, int padding, int dilation, int stride, int side, int sums, int* first, int* end) {
    // 0 <= at * stride + offset < side
    int offset = dilation * tap - padding;
    *first = offset < 0 ? ceiling(-offset, stride) : 0;
    int left = side - offset;
    *end = left > 0 ? ceiling(left, stride) : 0;
    if (*end > sums) *end = sums;
}

// Bias and products of one sum. SIDE is that of a square kernel without dilation, so that its taps are unrolled; 0 for any other.
template <int SIDE>
__device__ __forceinline__ float sum_of(
    const Geometry& g, const float* input, const float* weights, const u32* links, u32 n_links, int sy, int sx, float sum
) {
    const int kernel_height = SIDE ? SIDE : g.kernel_height, kernel_width = SIDE ? SIDE : g.kernel_width;
    const int dilation_y = SIDE ? 1 : g.dilation_y, dilation_x = SIDE ? 1 : g.dilation_x;
    int top = sy * g.stride_y - g.padding_y, left = sx * g.stride_x - g.padding_x;
    bool is_inside = top >= 0 && top + (kernel_height - 1) * dilation_y < (int)g.height && left >= 0 &&
                     left + (kernel_width - 1) * dilation_x < (int)g.width;
    for (u32 link = 0; link < n_links; link++) {
        const float* map = input + links[link] * g.height * g.width;
        const float* kernel = weights + links[link] * kernel_height * kernel_width;
        float part = 0.0f;
        if (SIDE && is_inside) {
            map += top * (int)g.width + left;
#pragma unroll
            for (int ky = 0; ky < kernel_height; ky++) {
#pragma unroll
                for (int kx = 0; kx < kernel_width; kx++) part += kernel[ky * kernel_width + kx] * map[ky * (int)g.width + kx];
            }
        } else {
            for (int ky = 0; ky < kernel_height; ky++) {
                int iy = top + ky * dilation_y;
                if (iy < 0 || iy >= (int)g.height) continue;
                for (int kx = 0; kx < kernel_width; kx++) {
                    int ix = left + kx * dilation_x;
                    if (ix < 0 || ix >= (int)g.width) continue;
                    part += kernel[ky * kernel_width + kx] * map[iy * (int)g.width + ix];
                }
            }
        }
        sum += part;
    }
    return sum;
}

// Whether a kernel is a square of `side` without dilation.
__device__ __forceinline__ bool is_square(const Geometry& g, u32 side) {
    return g.kernel_height == side && g.kernel_width == side && g.dilation_y == 1 && g.dilation_x == 1;
}

__device__ __forceinline__ float sum_at(
    const Geometry& g, const float* input, const float* weights, const u32* links, u32 n_links, int sy, int sx, float sum
) {
    if (is_square(g, 5)) return sum_of<5>(g, input, weights, links, n_links, sy, sx, sum);
    if (is_square(g, 3)) return sum_of<3>(g, input, weights, links, n_links, sy, sx, sum);
    return sum_of<0>(g, input, weights, links, n_links, sy, sx, sum);
}

// One output: the sums of a block of positions. `input` is of one stimulus.
__device__ __forceinline__ float convolve(
    const Geometry& g, const float* input, const float* weights, float bias, const u32* starts, const u32* links, u32 o, u32 position
) {
    u32 y = position / g.output_width, x = position % g.output_width;
    weights += o * g.channels * g.kernel_height * g.kernel_width;
    links += starts[o];
    u32 n_links = starts[o + 1] - starts[o];
    if (g.sub_y == 1 && g.sub_x == 1) return sum_at(g, input, weights, links, n_links, y, x, bias);
    float total = 0.0f;
    for (u32 sy = y * g.sub_y; sy < least((y + 1) * g.sub_y, g.sums_height); sy++) {
        for (u32 sx = x * g.sub_x; sx < least((x + 1) * g.sub_x, g.sums_width); sx++) {
            total += sum_at(g, input, weights, links, n_links, sy, sx, bias);
        }
    }
    return total;
}

// What comes back to an input through one kernel, of stride 1 and without sub-sampling.
template <int SIDE>
__device__ __forceinline__ float back_through(const Geometry& g, const float* map, const float* kernel, int iy, int ix) {
    float part = 0.0f;
#pragma unroll
    for (int ky = 0; ky < SIDE; ky++) {
        // Below 0 is beyond all.
        u32 sy = iy + (int)g.padding_y - ky;
        if (sy >= g.sums_height) continue;
#pragma unroll
        for (int kx = 0; kx < SIDE; kx++) {
            u32 sx = ix + (int)g.padding_x - kx;
            if (sx < g.sums_width) part += kernel[ky * SIDE + kx] * map[sy * g.sums_width + sx];
        }
    }
    return part;
}

__device__ __forceinline__ float back_through_any(const Geometry& g, const float* map, const float* kernel, int iy, int ix) {
    float part = 0.0f;
    for (int ky = 0; ky < (int)g.kernel_height; ky++) {
        int sy = iy + (int)g.padding_y - ky * (int)g.dilation_y;
        if (sy < 0) break;
        if (sy % (int)g.stride_y != 0) continue;
        sy /= (int)g.stride_y;
        if (sy >= (int)g.sums_height) continue;
        sy /= (int)g.sub_y;
        for (int kx = 0; kx < (int)g.kernel_width; kx++) {
            int sx = ix + (int)g.padding_x - kx * (int)g.dilation_x;
            if (sx < 0) break;
            if (sx % (int)g.stride_x != 0) continue;
            sx /= (int)g.stride_x;
            if (sx >= (int)g.sums_width) continue;
            sx /= (int)g.sub_x;
            part += kernel[ky * (int)g.kernel_width + kx] * map[sy * (int)g.output_width + sx];
        }
    }
    return part;
}

// What comes back to one input from the outputs that it went into. `outputs` is of one stimulus, `links` of the inputs.
__device__ __forceinline__ float convolve_back(
    const Geometry& g, const float* outputs, const float* weights, float sum, const u32* starts, const u32* links, u32 c, u32 position
) {
    int iy = position / g.width, ix = position % g.width;
    u32 area = g.kernel_height * g.kernel_width;
    bool is_plain = g.stride_y == 1 && g.stride_x == 1 && g.sub_y == 1 && g.sub_x == 1;
    bool is_5 = is_plain && is_square(g, 5), is_3 = is_plain && is_square(g, 3);
    for (u32 link = starts[c]; link < starts[c + 1]; link++) {
        u32 o = links[link];
        const float* kernel = weights + (o * g.channels + c) * area;
        const float* map = outputs + o * g.output_height * g.output_width;
        if (is_5) sum += back_through<5>(g, map, kernel, iy, ix);
        else if (is_3) sum += back_through<3>(g, map, kernel, iy, ix);
        else sum += back_through_any(g, map, kernel, iy, ix);
    }
    return sum;
}

// y of the grid is the channel of what is computed; `n` stimuli.
struct ConvForward {
    const float* input;
    const float* weights;
    const float* bias;
    const u32* starts;
    const u32* links;
    Output output;
    Geometry g;
    u32 n;
    u32 unused;
};

KERNEL(conv_forward, ConvForward) {
    u32 area = a.g.output_height * a.g.output_width, number = thread_number(), o = blockIdx.y;
    if (number >= a.n * area) return;
    u32 stimulus = number / area, position = number % area;
    const float* input = a.input + stimulus * a.g.channels * a.g.height * a.g.width;
    float bias = a.bias ? a.bias[o] : 0.0f;
    float x = convolve(a.g, input, a.weights, bias, a.starts, a.links, o, position);
    put(a.output, (stimulus * a.g.outputs + o) * area + position, x);
}

KERNEL(deconv_forward, ConvForward) {
    u32 area = a.g.height * a.g.width, number = thread_number(), c = blockIdx.y;
    if (number >= a.n * area) return;
    u32 stimulus = number / area, position = number % area;
    const float* input = a.input + stimulus * a.g.outputs * a.g.output_height * a.g.output_width;
    float bias = a.bias ? a.bias[c] : 0.0f;
    float x = convolve_back(a.g, input, a.weights, bias, a.starts, a.links, c, position);
    put(a.output, (stimulus * a.g.channels + c) * area + position, x);
}

struct ConvBack {
    const float* error;
    const float* weights;
    const u32* starts;
    const u32* links;
    Sink sink;
    Geometry g;
    u32 n;
    u32 unused;
};

KERNEL(conv_back, ConvBack) {
    u32 area = a.g.height * a.g.width, number = thread_number(), c = blockIdx.y;
    if (number >= a.n * area) return;
    u32 stimulus = number / area, position = number % area;
    const float* error = a.error + stimulus * a.g.outputs * a.g.output_height * a.g.output_width;
    float e = convolve_back(a.g, error, a.weights, 0.0f, a.starts, a.links, c, position);
    lead(a.sink, (stimulus * a.g.channels + c) * area + position, e);
}

KERNEL(deconv_back, ConvBack) {
    u32 area = a.g.output_height * a.g.output_width, number = thread_number(), o = blockIdx.y;
    if (number >= a.n * area) return;
    u32 stimulus = number / area, position = number % area;
    const float* error = a.error + stimulus * a.g.channels * a.g.height * a.g.width;
    float e = convolve(a.g, error, a.weights, 0.0f, a.starts, a.links, o, position);
    lead(a.sink, (stimulus * a.g.outputs + o) * area + position, e);
}

// A thread a weight; y of the grid is the part of the batch.
struct ConvGradient {
    // At the side of the channels and at the side of the outputs.
    const float* channels;
    const float* outputs;
    // [output][channel], 1 where they are connected.
    const u32* connected;
    // [part][weight]
    float* parts;
    Geometry g;
    u32 n;
    // Stimuli of a part.
    u32 share;
};

KERNEL(conv_gradient, ConvGradient) {
    const Geometry& g = a.g;
    u32 area = g.kernel_height * g.kernel_width, n_weights = g.outputs * g.channels * area, weight = thread_number();
    if (weight >= n_weights) return;
    u32 pair = weight / area, ky = weight % area / g.kernel_width, kx = weight % g.kernel_width;
    u32 o = pair / g.channels, c = pair % g.channels;
    double total = 0.0;
    if (a.connected[pair]) {
        int top, bottom, left, right;
        meeting(ky, g.padding_y, g.dilation_y, g.stride_y, g.height, g.sums_height, &top, &bottom);
        meeting(kx, g.padding_x, g.dilation_x, g.stride_x, g.width, g.sums_width, &left, &right);
        for (u32 stimulus = blockIdx.y * a.share; stimulus < least((blockIdx.y + 1) * a.share, a.n); stimulus++) {
            const float* from = a.channels + (stimulus * g.channels + c) * g.height * g.width;
            const float* to = a.outputs + (stimulus * g.outputs + o) * g.output_height * g.output_width;
            float part = 0.0f;
            for (int sy = top; sy < bottom; sy++) {
                int iy = sy * (int)g.stride_y + (int)(ky * g.dilation_y) - (int)g.padding_y;
                const float* row = from + iy * (int)g.width + (int)(kx * g.dilation_x) - (int)g.padding_x;
                const float* errors = to + sy / g.sub_y * g.output_width;
                if (g.sub_x == 1) {
                    for (int sx = left; sx < right; sx++) part += errors[sx] * row[sx * (int)g.stride_x];
                } else {
                    for (int sx = left; sx < right; sx++) part += errors[sx / g.sub_x] * row[sx * (int)g.stride_x];
                }
            }
            total += part;
        }
    }
    a.parts[blockIdx.y * n_weights + weight] = (float)total;
}

// The same as products of matrices, for convolutions that connect all, without sub-sampling.

// Rows of `[row][depth]`.
struct Rows {
    const float* from;
    u32 n_columns;

    __device__ __forceinline__ bool is_deep() const { return true; }
    __device__ __forceinline__ float at(u32 row, u32 depth) const { return from[row * n_columns + depth]; }
};

// Inputs under each tap of each position: across are stimulus and position, along are channel and tap; the other way round where
// `IS_GRADIENT`.
template <bool IS_GRADIENT>
struct Patches {
    const Geometry& g;
    const float* input;

    __device__ __forceinline__ bool is_deep() const { return IS_GRADIENT; }
    __device__ __forceinline__ float at(u32 across, u32 depth) const {
        u32 place = IS_GRADIENT ? depth : across, tap = IS_GRADIENT ? across : depth;
        u32 area = g.sums_height * g.sums_width, kernel = g.kernel_height * g.kernel_width;
        u32 stimulus = place / area, position = place % area, c = tap / kernel, t = tap % kernel;
        int iy = (int)(position / g.sums_width * g.stride_y + t / g.kernel_width * g.dilation_y) - (int)g.padding_y;
        int ix = (int)(position % g.sums_width * g.stride_x + t % g.kernel_width * g.dilation_x) - (int)g.padding_x;
        if (iy < 0 || iy >= (int)g.height || ix < 0 || ix >= (int)g.width) return 0.0f;
        return input[((stimulus * g.channels + c) * g.height + iy) * g.width + ix];
    }
};

// Outputs whose tap meets an input: across are stimulus and position of the input, along are output and tap.
struct Meetings {
    const Geometry& g;
    const float* outputs;

    __device__ __forceinline__ bool is_deep() const { return false; }
    __device__ __forceinline__ float at(u32 across, u32 depth) const {
        u32 area = g.height * g.width, kernel = g.kernel_height * g.kernel_width;
        u32 stimulus = across / area, position = across % area, o = depth / kernel, t = depth % kernel;
        int sy = (int)(position / g.width + g.padding_y) - (int)(t / g.kernel_width * g.dilation_y);
        int sx = (int)(position % g.width + g.padding_x) - (int)(t % g.kernel_width * g.dilation_x);
        if (sy < 0 || sx < 0 || sy % (int)g.stride_y != 0 || sx % (int)g.stride_x != 0) return 0.0f;
        sy /= (int)g.stride_y;
        sx /= (int)g.stride_x;
        if (sy >= (int)g.sums_height || sx >= (int)g.sums_width) return 0.0f;
        return outputs[((stimulus * g.outputs + o) * g.sums_height + sy) * g.sums_width + sx];
    }
};

// Weights of each channel: along are output and tap.
struct WeightsBack {
    const Geometry& g;
    const float* weights;

    __device__ __forceinline__ bool is_deep() const { return true; }
    __device__ __forceinline__ float at(u32 c, u32 depth) const {
        u32 kernel = g.kernel_height * g.kernel_width;
        return weights[(depth / kernel * g.channels + c) * kernel + depth % kernel];
    }
};

// Errors of each output: along are stimulus and position.
struct ErrorsAlong {
    const Geometry& g;
    const float* errors;

    __device__ __forceinline__ bool is_deep() const { return true; }
    __device__ __forceinline__ float at(u32 o, u32 depth) const {
        u32 area = g.sums_height * g.sums_width;
        return errors[(depth / area * g.outputs + o) * area + depth % area];
    }
};

// Calls `each(index, channel, sum)` with the results of a convolution.
template <int R, typename Each>
__device__ __forceinline__ void each_sum(const Geometry& g, const float* input, const float* weights, u32 n, Each each) {
    u32 area = g.sums_height * g.sums_width, depth = g.channels * g.kernel_height * g.kernel_width;
    each_product<R>(Rows{weights, depth}, Patches<false>{g, input}, g.outputs, n * area, 0, depth, [&](u32 o, u32 place, float sum) {
        each((place / area * g.outputs + o) * area + place % area, o, sum);
    });
}

// The other way.
template <int R, typename Each>
__device__ __forceinline__ void each_sum_back(const Geometry& g, const float* outputs, const float* weights, u32 n, Each each) {
    u32 area = g.height * g.width, depth = g.outputs * g.kernel_height * g.kernel_width;
    each_product<R>(WeightsBack{g, weights}, Meetings{g, outputs}, g.channels, n * area, 0, depth, [&](u32 c, u32 place, float sum) {
        each((place / area * g.channels + c) * area + place % area, c, sum);
    });
}

template <int R>
__device__ __forceinline__ void conv_forward_tiles(const ConvForward& a) {
    each_sum<R>(a.g, a.input, a.weights, a.n, [&](u32 at, u32 o, float sum) { put(a.output, at, sum + (a.bias ? a.bias[o] : 0.0f)); });
}

template <int R>
__device__ __forceinline__ void deconv_forward_tiles(const ConvForward& a) {
    each_sum_back<R>(a.g, a.input, a.weights, a.n, [&](u32 at, u32 c, float sum) { put(a.output, at, sum + (a.bias ? a.bias[c] : 0.0f)); });
}

template <int R>
__device__ __forceinline__ void conv_back_tiles(const ConvBack& a) {
    each_sum_back<R>(a.g, a.error, a.weights, a.n, [&](u32 at, u32, float sum) { lead(a.sink, at, sum); });
}

template <int R>
__device__ __forceinline__ void deconv_back_tiles(const ConvBack& a) {
    each_sum<R>(a.g, a.error, a.weights, a.n, [&](u32 at, u32, float sum) { lead(a.sink, at, sum); });
}

// z of the grid is the part of the batch.
template <int R>
__device__ __forceinline__ void conv_gradient_tiles(const ConvGradient& a) {
    const Geometry& g = a.g;
    u32 area = g.sums_height * g.sums_width, columns = g.channels * g.kernel_height * g.kernel_width;
    u32 first = least(blockIdx.z * a.share, a.n) * area, end = least((blockIdx.z + 1) * a.share, a.n) * area;
    float* part = a.parts + blockIdx.z * g.outputs * columns;
    each_product<R>(ErrorsAlong{g, a.outputs}, Patches<true>{g, a.channels}, g.outputs, columns, first, end, [&](u32 o, u32 column, float sum) {
        part[o * columns + column] = sum;
    });
}

BLOCK_KERNEL(conv_forward_2, ConvForward) { conv_forward_tiles<2>(a); }
BLOCK_KERNEL(conv_forward_4, ConvForward) { conv_forward_tiles<4>(a); }
BLOCK_KERNEL(deconv_forward_2, ConvForward) { deconv_forward_tiles<2>(a); }
BLOCK_KERNEL(deconv_forward_4, ConvForward) { deconv_forward_tiles<4>(a); }
BLOCK_KERNEL(conv_back_2, ConvBack) { conv_back_tiles<2>(a); }
BLOCK_KERNEL(conv_back_4, ConvBack) { conv_back_tiles<4>(a); }
BLOCK_KERNEL(deconv_back_2, ConvBack) { deconv_back_tiles<2>(a); }
BLOCK_KERNEL(deconv_back_4, ConvBack) { deconv_back_tiles<4>(a); }
BLOCK_KERNEL(conv_gradient_2, ConvGradient) { conv_gradient_tiles<2>(a); }
BLOCK_KERNEL(conv_gradient_4, ConvGradient) { conv_gradient_tiles<4>(a); }
