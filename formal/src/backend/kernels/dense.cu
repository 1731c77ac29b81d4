// Full connections, as products of matrices.

// An element is `from[across * across_step + depth * depth_step]`.
struct Matrix {
    const float* from;
    u32 across_step;
    u32 depth_step;

    __device__ __forceinline__ bool is_deep() const { return depth_step == 1; }
    __device__ __forceinline__ float at(u32 across, u32 depth) const { return from[across * across_step + depth * depth_step]; }
};

// `output = left · right + bias`, a bias a column.
struct DenseForward {
    Matrix left;
    Matrix right;
    const float* bias;
    Output output;
    u32 rows, columns, depth, unused;
};

template <int R>
__device__ __forceinline__ void dense_forward(const DenseForward& a) {
    each_product<R>(a.left, a.right, a.rows, a.columns, 0, a.depth, [&](u32 row, u32 column, float product) {
        put(a.output, row * a.columns + column, product + (a.bias ? a.bias[column] : 0.0f));
    });
}

BLOCK_KERNEL(dense_forward_1, DenseForward) { dense_forward<1>(a); }
BLOCK_KERNEL(dense_forward_2, DenseForward) { dense_forward<2>(a); }
BLOCK_KERNEL(dense_forward_4, DenseForward) { dense_forward<4>(a); }

struct DenseBack {
    Matrix left;
    Matrix right;
    Sink sink;
    u32 rows, columns, depth, unused;
};

template <int R>
__device__ __forceinline__ void dense_back(const DenseBack& a) {
    each_product<R>(a.left, a.right, a.rows, a.columns, 0, a.depth, [&](u32 row, u32 column, float product) {
        lead(a.sink, row * a.columns + column, product);
    });
}

BLOCK_KERNEL(dense_back_1, DenseBack) { dense_back<1>(a); }
BLOCK_KERNEL(dense_back_2, DenseBack) { dense_back<2>(a); }
BLOCK_KERNEL(dense_back_4, DenseBack) { dense_back<4>(a); }

// z of the grid is the part of the sums.
struct DenseGradient {
    Matrix left;
    Matrix right;
    // [part][row][column]
    float* parts;
    u32 rows, columns, depth;
    // Terms of a part.
    u32 share;
};

template <int R>
__device__ __forceinline__ void dense_gradient(const DenseGradient& a) {
    u32 first = blockIdx.z * a.share, end = least(first + a.share, a.depth);
    float* part = a.parts + blockIdx.z * a.rows * a.columns;
    each_product<R>(a.left, a.right, a.rows, a.columns, first, end, [&](u32 row, u32 column, float product) {
        part[row * a.columns + column] = product;
    });
}

BLOCK_KERNEL(dense_gradient_1, DenseGradient) { dense_gradient<1>(a); }
BLOCK_KERNEL(dense_gradient_2, DenseGradient) { dense_gradient<2>(a); }
BLOCK_KERNEL(dense_gradient_4, DenseGradient) { dense_gradient<4>(a); }
