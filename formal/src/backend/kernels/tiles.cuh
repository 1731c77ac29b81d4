
// Products of matrices, in tiles of 16·R x 16·R for 256 threads that compute R x R elements each. A matrix is what tells its
// elements: `at(across, depth)`, with the depth along the sums. Threads that read one go along the depth
// where it `is_deep()`: where elements along the depth are neighbors in memory.

// Along the sums, elements of a tile.
#define DEPTH 32

// Copies a tile to `[depth][across]`, zeros outside.
template <int SIDE, typename Matrix>
__device__ __forceinline__ void copy_tile(
    const Matrix& from, u32 across, u32 n_across, u32 depth, u32 end, float (*to)[SIDE + 1]
) {
    for (u32 element = threadIdx.x; element < SIDE * DEPTH; element += THREADS) {
        u32 i = from.is_deep() ? element / DEPTH : element % SIDE;
        u32 k = from.is_deep() ? element % DEPTH : element / SIDE;
        to[k][i] = across + i < n_across && depth + k < end ? from.at(across + i, depth + k) : 0.0f;
    }
}

// Calls `each(row, column, product)` for the elements of the block's tile that are inside. Of the depth, `first` up to `end` is
// summed: DEPTH products on their own, then these sums with what rounding has lost (Kahan, 1965), so that long sums lose few
// digits.
template <int R, typename Left, typename Right, typename Each>
__device__ __forceinline__ void each_product(
    const Left& left, const Right& right, u32 rows, u32 columns, u32 first, u32 end, Each each
) {
    __shared__ float lefts[DEPTH][16 * R + 1];
    __shared__ float rights[DEPTH][16 * R + 1];
    u32 x = threadIdx.x % 16, y = threadIdx.x / 16, row = blockIdx.y * 16 * R, column = blockIdx.x * 16 * R;
    float products[R][R], lost[R][R];
    for (int i = 0; i < R; i++) {
        for (int j = 0; j < R; j++) products[i][j] = lost[i][j] = 0.0f;
    }
    for (u32 depth = first; depth < end; depth += DEPTH) {
        copy_tile<16 * R>(left, row, rows, depth, end, lefts);
        copy_tile<16 * R>(right, column, columns, depth, end, rights);
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
            for (int j = 0; j < R; j++) {
                float term = part[i][j] - lost[i][j], sum = products[i][j] + term;
                lost[i][j] = (sum - products[i][j]) - term;
                products[i][j] = sum;
            }
        }
        __syncthreads();
    }
    for (int i = 0; i < R; i++) {
        for (int j = 0; j < R; j++) {
            u32 r = row + 16 * i + y, c = column + 16 * j + x;
            if (r < rows && c < columns) each(r, c, products[i][j]);
        }
    }
}
