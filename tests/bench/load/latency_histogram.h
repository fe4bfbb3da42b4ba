// Latencies of one client, in buckets less than 1 % wide: of a fixed size, so that it can lie in memory which
// processes share, and adding one costs no allocation.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace signet::bench {

// Not thread safe: one writer; read when it has ended.
class LatencyHistogram {
 public:
  void add(std::int64_t nanoseconds) { ++counts_[index_of(nanoseconds)]; }

  void merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }

  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts_) sum += count;
    return sum;
  }

  // Microseconds, the middle of the bucket that holds this part of all (0.5: the median); 0 when there are
  // none.
  double at(double part) const {
    const std::uint64_t all = count();
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(all > 0 ? all - 1 : 0));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return middle_of(i) / 1000;
    }
    return 0;
  }

 private:
  static constexpr int kBits = 7;             // 128 buckets for each power of two
  static constexpr int kPowers = 38 - kBits;  // to 2^38 ns: 4.5 minutes; longer ones fall into the last
  static constexpr std::size_t kBuckets = std::size_t{kPowers + 1} << kBits;

  // Below 2^kBits each value has its own bucket; above, the kBits bits behind the leading one choose it.
  static std::size_t index_of(std::int64_t nanoseconds) {
    const auto value = static_cast<std::uint64_t>(nanoseconds < 0 ? 0 : nanoseconds);
    const int power = static_cast<int>(std::bit_width(value)) - 1 - kBits;
    if (power < 0) return value;
    if (power >= kPowers) return kBuckets - 1;
    const std::uint64_t within = (value >> power) - (std::uint64_t{1} << kBits);
    return (static_cast<std::size_t>(power + 1) << kBits) + within;
  }

  static double middle_of(std::size_t index) {
    const std::size_t block = index >> kBits, within = index & ((std::size_t{1} << kBits) - 1);
    if (block == 0) return static_cast<double>(within);
    const auto width = static_cast<double>(std::uint64_t{1} << (block - 1));
    return (static_cast<double>((std::size_t{1} << kBits) + within) + 0.5) * width;
  }

  std::array<std::uint64_t, kBuckets> counts_{};
};

}  // namespace signet::bench
