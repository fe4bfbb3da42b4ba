#include "tests/bench/load/load_run.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <new>
#include <span>
#include <thread>

#include "tests/bench/load/cpu_watch.h"

namespace signet::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kFirstSignature{30};

enum class Phase : int { Starting, WarmUp, Measured, Over };
enum class ClientState : int { Starting, Ready, Failed };

// What one client writes, be it a thread or a process.
struct ClientSlot {
  std::atomic<ClientState> state{ClientState::Starting};
  std::atomic<std::uint64_t> signatures{0};
  LatencyHistogram latencies;
  char error[512] = {};

  void fail(const std::string& message) {
    std::snprintf(error, sizeof error, "%s", message.c_str());
    state = ClientState::Failed;
  }
};

// In memory that child processes share.
class Board {
 public:
  explicit Board(int clients) : clients_(static_cast<std::size_t>(clients)) {
    memory_ = ::mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    phase_ = new (memory_) std::atomic<Phase>(Phase::Starting);
    slots_ = reinterpret_cast<ClientSlot*>(static_cast<char*>(memory_) + kFront);
    for (std::size_t i = 0; i < clients_; ++i) new (slots_ + i) ClientSlot();
  }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;
  ~Board() { ::munmap(memory_, size()); }

  std::atomic<Phase>& phase() { return *phase_; }
  std::span<ClientSlot> slots() { return {slots_, clients_}; }

 private:
  static constexpr std::size_t kFront = 64;
  std::size_t size() const { return kFront + clients_ * sizeof(ClientSlot); }

  std::size_t clients_;
  void* memory_ = nullptr;
  std::atomic<Phase>* phase_ = nullptr;
  ClientSlot* slots_ = nullptr;
};

void pause_briefly() {
  std::this_thread::sleep_for(std::chrono::microseconds(500));
}

void run_client(const SignerMaker& make, int client, std::atomic<Phase>& phase, ClientSlot& slot) {
  const auto signer = make(client);
  if (!signer) return slot.fail(signer.error().message);
  // The first signature is not like the others: sessions open, handles are found.
  if (const auto first = (*signer)->sign(0); !first) return slot.fail(first.error().message);
  slot.state = ClientState::Ready;
  while (phase == Phase::Starting) pause_briefly();
  const std::uint64_t batch = (*signer)->batch();
  for (std::uint64_t number = 1; phase != Phase::Over; number += batch) {
    const auto from = Clock::now();
    const auto done = (*signer)->sign(number);
    if (!done) return slot.fail(done.error().message);
    if (phase != Phase::Measured) continue;
    slot.latencies.add(std::chrono::nanoseconds(Clock::now() - from).count());
    slot.signatures += batch;
  }
}

// The clients, as threads or processes of their own. Joins them at its end: the phase must be Over by then.
class Crowd {
 public:
  ~Crowd() {
    for (std::thread& thread : threads_) thread.join();
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
  }

  Result<void> start(const LoadPlan& plan, const SignerMaker& make, Board& board) {
    for (int client = 0; client < plan.clients; ++client) {
      ClientSlot& slot = board.slots()[static_cast<std::size_t>(client)];
      if (plan.processes)
        start_process(make, client, board, slot);
      else
        threads_.emplace_back(
            [&make, client, &board, &slot] { run_client(make, client, board.phase(), slot); });
      while (slot.state == ClientState::Starting) pause_briefly();
      if (slot.state == ClientState::Failed) return Error{ErrorName::Internal, slot.error};
    }
    return {};
  }

 private:
  void start_process(const SignerMaker& make, int client, Board& board, ClientSlot& slot) {
    const pid_t child = ::fork();
    if (child < 0) return slot.fail("fork failed.");
    if (child > 0) {
      children_.push_back(child);
      return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_client(make, client, board.phase(), slot);
    ::_exit(0);
  }

  std::vector<std::thread> threads_;
  std::vector<pid_t> children_;
};

bool failed(Board& board) {
  const auto slots = board.slots();
  return std::any_of(slots.begin(), slots.end(),
                     [](const ClientSlot& slot) { return slot.state == ClientState::Failed; });
}

bool signed_any(Board& board) {
  const auto slots = board.slots();
  return std::any_of(slots.begin(), slots.end(), [](const ClientSlot& slot) { return slot.signatures > 0; });
}

// Sleeps through the window, or until a client has failed.
void wait_for_window(std::chrono::milliseconds time, Board& board) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end && !failed(board))
    std::this_thread::sleep_until(std::min(end, Clock::now() + std::chrono::milliseconds(100)));
}

// A window that is short for a busy machine goes on until there is something to tell.
void wait_for_first(Board& board) {
  const auto end = Clock::now() + kFirstSignature;
  while (Clock::now() < end && !failed(board) && !signed_any(board)) pause_briefly();
}

LoadReport measure(const LoadPlan& plan, Board& board) {
  LoadReport report;
  board.phase() = Phase::WarmUp;
  wait_for_window(plan.warm_up, board);
  const CpuWatch others(plan.watched), ours({::getpid()});
  const auto others_before = others.read(), ours_before = ours.read();
  const auto from = Clock::now();
  board.phase() = Phase::Measured;
  wait_for_window(plan.window, board);
  wait_for_first(board);
  board.phase() = Phase::Over;
  report.seconds = std::chrono::duration<double>(Clock::now() - from).count();
  report.cpu_ns = others.between(others_before, others.read());
  for (const auto& [name, time] : ours.between(ours_before, ours.read())) report.cpu_ns["clients"] += time;
  return report;
}

}  // namespace

Result<LoadReport> run_load(const LoadPlan& plan, const SignerMaker& make) {
  Board board(plan.clients);
  LoadReport report;
  {
    Crowd crowd;
    const auto started = crowd.start(plan, make, board);
    if (started) report = measure(plan, board);
    board.phase() = Phase::Over;
    if (!started) return started.error();
  }
  for (const ClientSlot& slot : board.slots()) {
    if (slot.state == ClientState::Failed) return Error{ErrorName::Internal, slot.error};
    report.signatures += slot.signatures;
    report.latencies.merge(slot.latencies);
  }
  return report;
}

}  // namespace signet::bench
