// The layered graph as a oneTBB flow graph: one continue_node per task, one edge per dependency.
#pragma once

#include <oneapi/tbb/flow_graph.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

struct Shape {
    std::size_t layers;
    std::size_t width;
    std::size_t fanin;

    std::size_t tasks() const { return layers * width; }
    std::size_t edges() const { return (layers - 1) * width * fanin; }

    // The task that input `k` of `task` reads; the first layer has none. The stride is prime, so up to `width` inputs
    // are distinct unless it divides the width, and they lie apart in memory as inputs in real workflows do.
    std::size_t input(std::size_t task, std::size_t k) const {
        const std::size_t layer = task / width;
        return (layer - 1) * width + (task % width + k * 7919) % width;
    }
};

class Layered {
  public:
    explicit Layered(Shape shape) : shape_(shape), values_(shape.tasks()) {
        for (std::size_t task = 0; task < shape_.tasks(); ++task)
            add(task);
    }

    // The bodies hold `this`.
    Layered(const Layered &) = delete;
    Layered &operator=(const Layered &) = delete;

    void run() {
        for (std::size_t source = 0; source < shape_.width; ++source)
            nodes_[source].try_put(Message());
        graph_.wait_for_all();
    }

    // The wrapping sum over the last layer, the same number in every peer.
    std::int64_t checksum() const {
        std::uint64_t sum = 0;
        for (std::size_t task = shape_.tasks() - shape_.width; task < shape_.tasks(); ++task)
            sum += values_[task];
        return static_cast<std::int64_t>(sum);
    }

  private:
    using Message = oneapi::tbb::flow::continue_msg;
    // The default policy on purpose: `lightweight` runs a successor inside its predecessor's call, which is no faster
    // on this shape and overflows the stack on a long chain.
    using Node = oneapi::tbb::flow::continue_node<Message>;

    void add(std::size_t task) {
        Node &node = nodes_.emplace_back(graph_, [this, task](const Message &) { values_[task] = sum(task); });
        for (std::size_t k = 0; k < inputs(task); ++k)
            oneapi::tbb::flow::make_edge(nodes_[shape_.input(task, k)], node);
    }

    // Unsigned, because the sum wraps.
    std::uint64_t sum(std::size_t task) const {
        std::uint64_t sum = 1;
        for (std::size_t k = 0; k < inputs(task); ++k)
            sum += values_[shape_.input(task, k)];
        return sum;
    }

    std::size_t inputs(std::size_t task) const { return task < shape_.width ? 0 : shape_.fanin; }

    Shape shape_;
    std::vector<std::uint64_t> values_;
    oneapi::tbb::flow::graph graph_;
    std::deque<Node> nodes_; // a deque, because a node with edges must never move
};
