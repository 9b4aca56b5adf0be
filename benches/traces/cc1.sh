# The C compiler proper, at -O2, on a file of generated functions.
awk 'BEGIN {
    print "#include <stdio.h>\n#include <string.h>\nstruct s { int a[8]; double d; struct s *next; };"
    for (i = 0; i < 60; i++) {
        printf "static int f%d(int x, struct s *p) {\n", i
        printf "  switch (x %% 7) { case 0: return %d; case 1: p->a[x & 7] += %d; break;\n", i, i * 3
        printf "    case 2: for (int i = 0; i < 8; i++) p->a[i] ^= x * i + %d; break;\n", i
        printf "    default: p->d += x / %d.0; }\n", i + 1
        if (i > 0) printf "  if (x > 0) return f%d(x - 1, p) + p->a[x & 7];\n", int(i / 2)
        printf "  return x * %d + p->a[%d];\n}\n", i, i % 8
    }
    print "int main(void) {\n  struct s s; memset(&s, 0, sizeof s);\n  unsigned sum = 0;"
    for (i = 0; i < 60; i++) printf "  sum = sum * 31 + (unsigned)f%d(%d, &s);\n", i, i % 40
    print "  printf(\"%u\\n\", sum);\n  return 0;\n}"
}' >large.c
$TRACE gcc -O2 -S large.c -o /dev/null
