// Products of matrices, in tiles of 16·R x 16·R for 256 threads that compute R x R elements each.

// Along the sums, elements of a tile.
#define DEPTH 32

// An element (row, column) of a matrix is `at[row * row_step + column * column_step]`.
struct Matrix {
    const float* at;
    u32 row_step;
    u32 column_step;
};

// Copies a tile to `[depth][across]`, zeros outside. Threads go along the side whose elements are neighbors in memory.
template <int SIDE>
__device__ __forceinline__ void copy_tile(
    const float* from, u32 across_step, u32 depth_step, u32 across, u32 n_across, u32 depth, u32 n_depth, float (*to)[SIDE + 1]
) {
    for (u32 element = threadIdx.x; element < SIDE * DEPTH; element += THREADS) {
        u32 i = depth_step == 1 ? element / DEPTH : element % SIDE;
        u32 k = depth_step == 1 ? element % DEPTH : element / SIDE;
        bool is_inside = across + i < n_across && depth + k < n_depth;
        to[k][i] = is_inside ? from[(across + i) * across_step + (depth + k) * depth_step] : 0.0f;
    }
}

// `products[i][j]` of row 16·i + y and column 16·j + x of the block's tile. Sums of DEPTH products are summed on their own, so
// that long sums lose few digits.
template <int R>
__device__ __forceinline__ void multiply_tile(
    const Matrix& left, const Matrix& right, u32 rows, u32 columns, u32 first, u32 end, float (&products)[R][R]
) {
    __shared__ float lefts[DEPTH][16 * R + 1];
    __shared__ float rights[DEPTH][16 * R + 1];
    u32 x = threadIdx.x % 16, y = threadIdx.x / 16, row = blockIdx.y * 16 * R, column = blockIdx.x * 16 * R;
    for (int i = 0; i < R; i++) {
        for (int j = 0; j < R; j++) products[i][j] = 0.0f;
    }
    for (u32 depth = first; depth < end; depth += DEPTH) {
        copy_tile<16 * R>(left.at, left.row_step, left.column_step, row, rows, depth, end, lefts);
        copy_tile<16 * R>(right.at, right.column_step, right.row_step, column, columns, depth, end, rights);
        __syncthreads();
        float part[R][R];
        for (int i = 0; i < R; i++) {
            for (int j = 0; j < R; j++) part[i][j] = 0.0f;
        }
#pragma unroll
        for (int k = 0; k < DEPTH; k++) {
            float l[R], r[R];
            for (int i = 0; i < R; i++) l[i] = lefts[k][16 * i + y];
            for (int j = 0; j < R; j++) r[j] = rights[k][16 * j + x];
            for (int i = 0; i < R; i++) {
                for (int j = 0; j < R; j++) part[i][j] += l[i] * r[j];
            }
        }
        for (int i = 0; i < R; i++) {
            for (int j = 0; j < R; j++) products[i][j] += part[i][j];
        }
        __syncthreads();
    }
}

// Calls `each(row, column, product)` for the elements of the block's tile that are inside.
template <int R, typename Each>
__device__ __forceinline__ void each_product(
    const Matrix& left, const Matrix& right, u32 rows, u32 columns, u32 first, u32 end, Each each
) {
    float products[R][R];
    multiply_tile<R>(left, right, rows, columns, first, end, products);
    u32 x = threadIdx.x % 16, y = threadIdx.x / 16;
    for (int i = 0; i < R; i++) {
        for (int j = 0; j < R; j++) {
            u32 row = blockIdx.y * 16 * R + 16 * i + y, column = blockIdx.x * 16 * R + 16 * j + x;
            if (row < rows && column < columns) each(row, column, products[i][j]);
        }
    }
}

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

BLOCK_KERNEL(dense_gradient_2, DenseGradient) { dense_gradient<2>(a); }
BLOCK_KERNEL(dense_gradient_4, DenseGradient) { dense_gradient<4>(a); }
