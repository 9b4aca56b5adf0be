// C++'s thread_local objects with constructors and destructors that allocate, static objects, and
// exceptions, in threads that come and go and in the main thread.
#include "check.h"
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct Keeper {
    std::map<int, std::string> texts;
    std::unique_ptr<std::vector<int>> numbers{new std::vector<int>(1000, 7)};
    explicit Keeper(int n) {
        for (int i = 0; i < n; i++)
            texts[i] = std::string(i * 3, 'x');
    }
    // Allocates when its thread has nearly ended.
    ~Keeper() {
        std::vector<std::string> copies;
        for (auto &entry : texts)
            copies.push_back(entry.second + "copy");
        CHECK(copies.size() == texts.size() && numbers->at(999) == 7);
        delete new std::string(70000, 'y');
    }
};

static thread_local Keeper first(50);
static Keeper of_the_program(100);

static void work(int seed) {
    static thread_local Keeper second(20 + seed % 10);
    first.texts[seed] = "one more";
    second.numbers->push_back(seed);
    try {
        throw std::runtime_error(std::string(200 + seed % 100, 'e'));
    } catch (const std::exception &error) {
        CHECK(error.what()[0] == 'e');
    }
}

static void run(int n) {
    for (int i = 0; i < n; i++) {
        std::thread threads[2] = {std::thread(work, i), std::thread(work, i + 1)};
        for (auto &thread : threads)
            thread.join();
    }
}

int main() {
    work(3);
    stays_flat(run, 200, 2000, 16 * MIB);
    return 0;
}
