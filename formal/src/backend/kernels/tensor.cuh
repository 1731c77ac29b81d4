// Products of matrices by tensor cores: what is here takes the place of tiles.cuh where FEMTOSPIKE_TF32 or FEMTOSPIKE_F16 is
// defined. Factors are rounded to TF32 (10 bits behind the point, the exponents of floats) or FP16 (10 bits, up to 65504 and down
// to 2^-24), sums have 32 bits. A warp multiplies 16 x 8 by 8 x 8 at a time; which lane holds what is in the PTX ISA, "Matrix
// Fragments for mma.m16n8k8". A matrix is what it is in tiles.cuh.

// Along the sums, elements of a tile.
#define DEPTH 32

#define WARPS (THREADS / 32)

// Factors that lie in a word, and words of a row of the left matrix that a lane holds at a time.
#ifdef FEMTOSPIKE_TF32
constexpr u32 PACKED = 1, HELD = 2;
#else
constexpr u32 PACKED = 2, HELD = 1;
#endif

// Words of a row of a tile, then some that let the lanes of a warp read from different banks of the shared memory.
constexpr u32 WORDS = DEPTH / PACKED, PITCH = WORDS + 4;

#ifndef FEMTOSPIKE_EMULATOR
#ifdef FEMTOSPIKE_TF32

__device__ __forceinline__ u32 pack(const float (&factors)[1]) {
    u32 word;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(factors[0]));
    return word;
}

__device__ __forceinline__ void multiply(float (&sums)[4], const u32 (&left)[4], const u32 (&right)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
}

#else

// By two instructions: compute capability 7.5 lacks the one that does both.
__device__ __forceinline__ u32 pack(const float (&factors)[2]) {
    u32 word;
    asm("{ .reg .b16 low, high; cvt.rn.f16.f32 low, %1; cvt.rn.f16.f32 high, %2; mov.b32 %0, {low, high}; }"
        : "=r"(word)
        : "f"(factors[0]), "f"(factors[1]));
    return word;
}

__device__ __forceinline__ void multiply(float (&sums)[4], const u32 (&left)[2], const u32 (&right)[1]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(left[0]), "r"(left[1]), "r"(right[0]));
}

#endif
#endif

// Copies a tile to `[across][depth]`, rounded, zeros outside.
template <int SIDE, typename Matrix>
__device__ __forceinline__ void copy_tile(
    const Matrix& from, u32 across, u32 n_across, u32 depth, u32 end, u32 (*to)[PITCH]
) {
    for (u32 number = threadIdx.x; number < SIDE * WORDS; number += THREADS) {
        u32 i = from.is_deep() ? number / WORDS : number % SIDE;
        u32 word = from.is_deep() ? number % WORDS : number / SIDE;
        float factors[PACKED];
        for (u32 p = 0; p < PACKED; p++) {
            u32 k = depth + word * PACKED + p;
            factors[p] = across + i < n_across && k < end ? from.at(across + i, k) : 0.0f;
        }
        to[i][word] = pack(factors);
    }
}

// Calls `each(row, column, product)` for the elements of the block's tile that are inside, each once and by some thread. Of the
// depth, `first` up to `end` is summed: DEPTH products on their own, then these sums with what rounding has lost (Kahan, 1965).
template <int R, typename Left, typename Right, typename Each>
__device__ __forceinline__ void each_product(
    const Left& left, const Right& right, u32 rows, u32 columns, u32 first, u32 end, Each each
) {
    __shared__ u32 lefts[16 * R][PITCH];
    __shared__ u32 rights[16 * R][PITCH];
    u32 row = blockIdx.y * 16 * R, column = blockIdx.x * 16 * R;
    // Of the R x 2R products of 16 x 8, a warp has OWN, one below the other. Where R is 1 only some warps have any.
    constexpr int OWN = R < 4 ? 1 : R;
    u32 warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, member = threadIdx.x % 4;
    u32 down = warp / (2 * R), below = WARPS / (2 * R), top = 16 * down + group, side = 8 * (warp % (2 * R));
    float products[OWN][4], lost[OWN][4];
    for (int own = 0; own < OWN; own++) {
        for (int i = 0; i < 4; i++) products[own][i] = lost[own][i] = 0.0f;
    }
    for (u32 depth = first; depth < end; depth += DEPTH) {
        copy_tile<16 * R>(left, row, rows, depth, end, lefts);
        copy_tile<16 * R>(right, column, columns, depth, end, rights);
        __syncthreads();
        float part[OWN][4];
        for (int own = 0; own < OWN; own++) {
            for (int i = 0; i < 4; i++) part[own][i] = 0.0f;
        }
        if (down < R) {
#pragma unroll
            for (u32 word = member; word < WORDS; word += 4 * HELD) {
                u32 r[HELD];
                for (u32 h = 0; h < HELD; h++) r[h] = rights[side + group][word + 4 * h];
                for (int own = 0; own < OWN; own++) {
                    u32 at = top + 16 * below * own, l[2 * HELD];
                    for (u32 h = 0; h < HELD; h++) {
                        l[2 * h] = lefts[at][word + 4 * h];
                        l[2 * h + 1] = lefts[at + 8][word + 4 * h];
                    }
                    multiply(part[own], l, r);
                }
            }
        }
        for (int own = 0; own < OWN; own++) {
            for (int i = 0; i < 4; i++) {
                float term = part[own][i] - lost[own][i], sum = products[own][i] + term;
                lost[own][i] = (sum - products[own][i]) - term;
                products[own][i] = sum;
            }
        }
        __syncthreads();
    }
    for (int own = 0; own < OWN && down < R; own++) {
        for (int i = 0; i < 4; i++) {
            u32 r = row + top + 16 * below * own + i / 2 * 8, c = column + side + 2 * member + i % 2;
            if (r < rows && c < columns) each(r, c, products[own][i]);
        }
    }
}
