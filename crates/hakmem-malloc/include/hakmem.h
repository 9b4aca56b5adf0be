/* hakmem: a general-purpose memory allocator.
 *
 * Link with -lhakmem, or preload libhakmem.so and include nothing: every program that calls malloc
 * is served. This header declares C's functions once more, with what hakmem promises of each, and
 * hakmem's own functions, whose names begin with hakmem_. It can be included beside <stdlib.h> and
 * <malloc.h>, in C99 or later and in C++.
 *
 * Of all functions that allocate:
 *
 * - The block is aligned to 16 bytes at least. All of its usable size may be written.
 * - A request for 0 bytes gets a block of its own.
 * - Failure is NULL with errno ENOMEM, always for more than PTRDIFF_MAX bytes. Success may change
 *   errno, too, as C allows.
 *
 * Of all functions that free:
 *
 * - NULL is nothing. errno is preserved. Any thread may free the block of any other.
 * - Any of them takes a block of any function here, of C++'s operator new, and of libc functions that
 *   return memory (strdup, getline, ...).
 * - A pointer that is no block, and a second free, ends the process with one line on standard error
 *   wherever it is seen.
 *
 * All of them may be called before main, after exit has begun, in a forked child, in thread-specific
 * destructors. None is a cancellation point but malloc_info and malloc_stats. None may be called in a
 * signal handler that has interrupted one.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>
#include <stdio.h>

/* C++ wants the exception specification of the declaration that libc has. */
#if defined(__THROW)
#define HAKMEM_NOTHROW __THROW
#else
#define HAKMEM_NOTHROW
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --- C ---------------------------------------------------------------------------------------- */

/* size bytes. */
void *malloc(size_t size) HAKMEM_NOTHROW;

/* n * size zero bytes; NULL and ENOMEM if the product is too large. If the usable size is 1 KiB or less,
 * all of it is zero; of larger blocks as much as was asked for. */
void *calloc(size_t n, size_t size) HAKMEM_NOTHROW;

/* The block at another size, here or elsewhere, with what fits of its contents. A NULL block is
 * malloc(size). Size 0 frees the block and returns NULL, without touching errno. On failure the block
 * stays as it was. An alignment of more than 16 may be lost when the block moves. */
void *realloc(void *block, size_t size) HAKMEM_NOTHROW;

/* realloc(block, n * size), with the product checked. */
void *reallocarray(void *block, size_t n, size_t size) HAKMEM_NOTHROW;

void free(void *block) HAKMEM_NOTHROW;

/* size bytes at a multiple of align, which has to be a power of two, else NULL and EINVAL. The size
 * need not be a multiple of it. */
void *aligned_alloc(size_t align, size_t size) HAKMEM_NOTHROW;

/* C23: frees a block of malloc, calloc or realloc that was asked for with this size. */
void free_sized(void *block, size_t size) HAKMEM_NOTHROW;

/* C23: frees a block of aligned_alloc that was asked for with these arguments. */
void free_aligned_sized(void *block, size_t align, size_t size) HAKMEM_NOTHROW;

/* --- POSIX, and what was in use before it --------------------------------------------------------- */

/* size bytes at a multiple of align, to *out. Returns 0; EINVAL if align is no power of two or less
 * than a pointer's size; ENOMEM. On failure neither *out nor errno changes. */
int posix_memalign(void **out, size_t align, size_t size) HAKMEM_NOTHROW;

/* As aligned_alloc, but the alignment is rounded up to a power of two; NULL and EINVAL if there is none. */
void *memalign(size_t align, size_t size) HAKMEM_NOTHROW;

/* size bytes at a multiple of 4096. */
void *valloc(size_t size) HAKMEM_NOTHROW;

/* The same, with the size rounded up to a multiple of 4096. */
void *pvalloc(size_t size) HAKMEM_NOTHROW;

/* free. */
void cfree(void *block) HAKMEM_NOTHROW;

/* --- glibc ------------------------------------------------------------------------------------- */

/* Bytes of the block that may be used: at least what was asked for, and the same until it is freed or
 * given to realloc. 0 for NULL. */
size_t malloc_usable_size(void *block) HAKMEM_NOTHROW;

/* Gives free memory to the system: this thread's caches and all that no thread holds. Returns 1 if
 * there was any. pad has no meaning. */
int malloc_trim(size_t pad) HAKMEM_NOTHROW;

/* M_TRIM_THRESHOLD (-1): bytes of empty ranges that are kept, -1 for no limit; returns 1. Everything
 * else is fixed in hakmem: returns 0. See hakmem_set_limit. */
int mallopt(int option, int value) HAKMEM_NOTHROW;

/* Writes where the memory is to standard error. Does not allocate. */
void malloc_stats(void) HAKMEM_NOTHROW;

/* Writes the same as XML to file. Returns 0; EINVAL if options is not 0; -1 if it cannot be written. */
int malloc_info(int options, FILE *file) HAKMEM_NOTHROW;

/* struct mallinfo2 mallinfo2(void), and mallinfo with int in place of size_t: <malloc.h> declares them.
 *
 *   arena     mapped for slabs, spans and for later; uordblks + fordblks
 *   uordblks  slabs and spans, whole: what threads cache and what is free in a slab counts as used
 *   fordblks  the rest of the arena, resident or not; in ordblks units of 64 KiB
 *   hblks     blocks with a mapping of their own, more than 1 MiB each; hblkhd bytes
 *   keepcost  the part of fordblks that malloc_trim unmaps for certain
 *   others    0
 */

/* --- hakmem ------------------------------------------------------------------------------------- */

/* Which hakmem this is, "0.1.0" for example. It differs from what the header was made for if another
 * library is preloaded. */
const char *hakmem_version(void) HAKMEM_NOTHROW;

/* malloc_trim that returns how many bytes the system got. */
size_t hakmem_trim(void) HAKMEM_NOTHROW;

/* Maps at least bytes ahead, in ranges of 2 MiB, without touching them. Returns how many bytes: fewer
 * when memory runs out, 0 when too many such ranges wait already. malloc_trim gives back what is left. */
size_t hakmem_prewarm(size_t bytes) HAKMEM_NOTHROW;

/* What can be set while the program runs. Numbers are never reused. */
enum hakmem_limit {
    /* Bytes of empty ranges kept for later; 64 MiB by default. */
    HAKMEM_CACHE_BYTES = 1,
    /* How many ranges; 64 by default, and at most. */
    HAKMEM_CACHE_COUNT = 2,
    /* Milliseconds for which a range is kept, as long as something is freed now and then; 1000. */
    HAKMEM_CACHE_AGE_MS = 3,
    /* 1 to ask the system for huge pages, 0 not to; 1. */
    HAKMEM_HUGE_PAGES = 4
};

/* Sets a limit for all threads, for what is freed or mapped from now on. Returns 0, or EINVAL if there
 * is no such limit or no such value. */
int hakmem_set_limit(int which, size_t value) HAKMEM_NOTHROW;

/* Stores a limit in *value. Returns 0, or EINVAL if there is no such limit. */
int hakmem_get_limit(int which, size_t *value) HAKMEM_NOTHROW;

/* Where the memory is, in bytes unless it says otherwise.
 *
 *   mapped == slabs + spans + huge + free + cached + fresh + metadata + stranded
 *
 * when no other thread is in hakmem. Later versions add members at the end. */
struct hakmem_usage {
    size_t mapped;     /* got from the system */
    size_t slabs;      /* slabs, with blocks of up to 32 KiB: in use, cached by threads, or free */
    size_t spans;      /* live blocks of up to 1 MiB */
    size_t huge;       /* live blocks above that */
    size_t free;       /* free parts of ranges that are in use */
    size_t cached;     /* empty ranges kept for later */
    size_t fresh;      /* mapped ahead, never touched */
    size_t metadata;   /* hakmem's own data */
    size_t stranded;   /* what the system refused to take back */
    size_t span_count; /* how many spans */
    size_t huge_count; /* how many huge blocks */
    size_t heaps;      /* heaps of threads, those of ended threads among them */
};

/* Fills the first size bytes of *usage; size is sizeof(struct hakmem_usage). Returns how many of them
 * this library knows: what it does not know is 0. Takes time in proportion to the address space in use. */
size_t hakmem_get_usage(struct hakmem_usage *usage, size_t size) HAKMEM_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
