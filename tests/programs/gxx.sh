# Templates, exceptions and containers: the compiler's memory, then the program's. $1: how many classes.
awk -v n="$1" 'BEGIN {
    print "#include <algorithm>\n#include <iostream>\n#include <map>\n#include <memory>\n#include <string>"
    print "#include <thread>\n#include <unordered_map>\n#include <vector>\n#include <functional>\n#include <stdexcept>"
    print "template <int N> struct alignas(64) Row { std::map<std::string, std::vector<int>> m;"
    print "  long run() { for (int i = 0; i < 200; i++) m[std::to_string(i * N)].resize(i % 50 + N % 7, i);"
    print "    long s = 0; for (auto &[k, v] : m) { s += k.size(); for (int x : v) s += x; } return s; } };"
    print "template <int N> long all(std::vector<std::function<long()>> &f) { f.push_back([] {"
    print "    auto p = std::make_shared<Row<N>>(); std::vector<std::thread> t; long s = 0;"
    print "    if (reinterpret_cast<unsigned long>(p.get()) % 64) throw std::logic_error(\"not aligned\");"
    print "    std::thread([&] { s = p->run(); }).join();"
    print "    try { throw std::runtime_error(std::string(N % 90 + 10, 120)); } catch (std::exception &e)"
    print "    { s += std::string(e.what()).size(); } return s; }); return N; }"
    print "int main() { std::vector<std::function<long()>> f; long n = 0;"
    for (i = 0; i < n; i++) printf "  n += all<%d>(f);\n", i
    print "  for (auto &g : f) n = n * 31 + g();"
    print "  try { std::vector<char> v; v.reserve(std::size_t(1) << 60); } catch (std::bad_alloc &) { n++; }"
    print "  std::cout << n << std::endl; }"
}' >large.cc
g++ -std=c++17 -O1 -pthread -c large.cc -o out/large.o
g++ -pthread out/large.o -o program
./program
