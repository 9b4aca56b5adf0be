// static
// Linked with libhakmem.a: these are hakmem's functions, for libc's own calls too.
#include "check.h"

static void *work(void *unused) {
    char *block = malloc(500);
    fill(block, 500, 1);
    free(block);
    return unused;
}

int main(void) {
    // libc's smallest block has 24 bytes.
    void *block = malloc(1);
    CHECK(malloc_usable_size(block) <= 16);
    free(block);
    char *text = strdup("a text of libc's making");
    CHECK(text != NULL && is_aligned(text, 16));
    free(text);
    char *line = NULL;
    CHECK(asprintf(&line, "%s %d", "printed", 5) == 9);
    line = realloc(line, 50000);
    CHECK(strcmp(line, "printed 5") == 0);
    free(line);
    free_sized(malloc(10), 10);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
        pthread_join(thread, NULL);
    }
    return 0;
}
