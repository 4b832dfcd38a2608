/* tile_amx.h: the tile primitives of the AMX kernel as instructions (Intel SDM volume 2, chapter on AMX).
 *
 * A thread has eight tile registers of 16 rows of 64 bytes. The kernel is written over the names below and nothing else of
 * AMX; the tests give the same names to a model in plain C, so that CPUs without AMX check everything but the
 * instructions themselves:
 *   tiles_configure (64 bytes of shapes)  tiles_release
 *   tile_zero  tile_load  tile_store (memory, bytes from row to row)  tile_dp (sum += a . b, pairs of bf16 into fp32)
 *   narrow_two (32 floats to bf16, to nearest even)
 * Tiles are named by literal numbers: they are part of the instruction.
 */
#include <immintrin.h>

/* The compiler does not know that a tile is read from memory: without this, stores in front of it could come too late. */
#define tile_load(tile, from, step)                                                                          \
    do {                                                                                                     \
        __asm__ volatile("" ::: "memory");                                                                   \
        _tile_loadd(tile, from, step);                                                                       \
    } while (0)

#define tile_store(tile, to, step) _tile_stored(tile, to, step)
#define tile_zero(tile) _tile_zero(tile)
#define tile_dp(sum, a, b) _tile_dpbf16ps(sum, a, b)
#define tiles_configure(shapes) _tile_loadconfig(shapes)
#define tiles_release() _tile_release()

static inline __m512i narrow_two(__m512 low, __m512 high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}
