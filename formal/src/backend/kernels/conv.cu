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

// Bias and products of one sum.
__device__ __forceinline__ float sum_at(
    const Geometry& g, const float* input, const float* weights, const u32* links, u32 n_links, int sy, int sx, float sum
) {
    int area = g.kernel_height * g.kernel_width;
    int top = sy * g.stride_y - g.padding_y, left = sx * g.stride_x - g.padding_x;
    for (u32 link = 0; link < n_links; link++) {
        const float* map = input + links[link] * g.height * g.width;
        const float* kernel = weights + links[link] * area;
        float part = 0.0f;
        for (int ky = 0; ky < (int)g.kernel_height; ky++) {
            int iy = top + ky * (int)g.dilation_y;
            if (iy < 0 || iy >= (int)g.height) continue;
            for (int kx = 0; kx < (int)g.kernel_width; kx++) {
                int ix = left + kx * (int)g.dilation_x;
                if (ix < 0 || ix >= (int)g.width) continue;
                part += kernel[ky * g.kernel_width + kx] * map[iy * g.width + ix];
            }
        }
        sum += part;
    }
    return sum;
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

// What comes back to one input from the outputs that it went into. `outputs` is of one stimulus, `links` of the inputs.
__device__ __forceinline__ float convolve_back(
    const Geometry& g, const float* outputs, const float* weights, float sum, const u32* starts, const u32* links, u32 c, u32 position
) {
    int iy = position / g.width, ix = position % g.width;
    u32 area = g.kernel_height * g.kernel_width;
    for (u32 link = starts[c]; link < starts[c + 1]; link++) {
        u32 o = links[link];
        const float* kernel = weights + (o * g.channels + c) * area;
        const float* map = outputs + o * g.output_height * g.output_width;
        float part = 0.0f;
        for (int ky = 0; ky < (int)g.kernel_height; ky++) {
            int sy = iy + (int)g.padding_y - ky * (int)g.dilation_y;
            if (sy < 0) break;
            if (g.stride_y > 1) {
                if (sy % (int)g.stride_y != 0) continue;
                sy /= (int)g.stride_y;
            }
            if (sy >= (int)g.sums_height) continue;
            if (g.sub_y > 1) sy /= (int)g.sub_y;
            for (int kx = 0; kx < (int)g.kernel_width; kx++) {
                int sx = ix + (int)g.padding_x - kx * (int)g.dilation_x;
                if (sx < 0) break;
                if (g.stride_x > 1) {
                    if (sx % (int)g.stride_x != 0) continue;
                    sx /= (int)g.stride_x;
                }
                if (sx >= (int)g.sums_width) continue;
                if (g.sub_x > 1) sx /= (int)g.sub_x;
                part += kernel[ky * g.kernel_width + kx] * map[sy * g.output_width + sx];
            }
        }
        sum += part;
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
