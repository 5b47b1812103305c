// The oneTBB peer: builds the layered graph, runs it once, and prints what that cost as one line of JSON.
#include "layered.hpp"
#include "span.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/version.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>
#include <vector>

namespace {

constexpr const char *USAGE = "usage: tbb-peer layered LAYERS WIDTH FANIN [--threads T]\n";

struct Order {
    Shape shape;
    std::size_t threads;
};

std::optional<std::size_t> positive(std::string_view text) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number == 0)
        return std::nullopt;
    return number;
}

std::optional<Order> parse(const std::vector<std::string_view> &words) {
    const bool threaded = words.size() == 6 && words[4] == "--threads";
    if ((words.size() != 4 && !threaded) || words[0] != "layered")
        return std::nullopt;
    const auto layers = positive(words[1]), width = positive(words[2]), fanin = positive(words[3]);
    const auto threads = threaded ? positive(words[5]) : 1;
    if (!layers || !width || !fanin || !threads)
        return std::nullopt;
    return Order{{*layers, *width, *fanin}, *threads};
}

} // namespace

int main(int argc, char **argv) {
    const auto order = parse({argv + 1, argv + argc});
    if (!order) {
        std::fputs(USAGE, stderr);
        return 2;
    }

    // Counts the main thread too: with one, no worker exists and the main thread runs every body.
    using oneapi::tbb::global_control;
    const global_control limit(global_control::max_allowed_parallelism, order->threads);

    std::optional<Layered> layered;
    const Span build = measure([&] { layered.emplace(order->shape); });
    const Span run = measure([&] { layered->run(); });

    std::printf("{\"peer\":\"oneTBB %d.%d\",\"case\":\"layered\",\"tasks\":%zu,\"edges\":%zu,\"threads\":%zu,"
                "\"build_cpu_ns\":%jd,\"cpu_ns\":%jd,\"wall_ns\":%jd,\"checksum\":%jd}\n",
                TBB_VERSION_MAJOR, TBB_VERSION_MINOR, order->shape.tasks(), order->shape.edges(), order->threads,
                std::intmax_t{build.cpu_ns}, std::intmax_t{run.cpu_ns}, std::intmax_t{run.wall_ns},
                std::intmax_t{layered->checksum()});
}
