// Places outside that hang: nobody waits for them for longer than his patience, and nothing old follows upon
// something new.
#include "agent/checkpoint/outside_calls.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "tests/agent/checkpoint/checkpointer_fixture.h"
#include "tests/support/result_printing.h"

namespace signet::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Longer than a loaded machine takes to write a file.
constexpr std::chrono::milliseconds kPatience = 2s;

// What a test hangs on, as a call into the file system of a server that is gone. Opened at the latest when
// the test ends, so that no thread outlives it.
class Gate {
 public:
  ~Gate() {
    open();
    while (inside_ > 0) std::this_thread::sleep_for(1ms);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void pass() {
    ++inside_;
    {
      std::unique_lock lock(mutex_);
      opened_.wait(lock, [this] { return open_; });
    }
    --inside_;
  }
  bool hangs() const { return inside_ > 0; }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = true;
  std::atomic<int> inside_ = 0;
};

// A file behind a gate.
class HangingAnchor final : public Anchor {
 public:
  HangingAnchor(std::filesystem::path path, std::shared_ptr<Gate> gate)
      : file_(file_anchor(std::move(path))), gate_(std::move(gate)) {}
  std::string name() const override { return file_->name(); }
  Result<std::optional<std::string>> read() override {
    gate_->pass();
    return file_->read();
  }
  Result<void> write(const std::string& note) override {
    gate_->pass();
    return file_->write(note);
  }

 private:
  std::unique_ptr<Anchor> file_;
  std::shared_ptr<Gate> gate_;
};

TEST_CASE("a call in time is waited for, one that hangs is not", "[outside]") {
  boost::asio::io_context loop(1);
  auto gate = std::make_shared<Gate>();
  OutsideCalls calls(loop.get_executor(), "file /anchor", kPatience);
  std::atomic<int> done = 0;
  const std::function<void()> work = [&done, gate] {
    gate->pass();
    ++done;
  };
  for (int call = 1; call <= 3; ++call) {
    REQUIRE(await(loop, calls.run(work)));
    CHECK(done == call);
  }
  gate->close();
  const auto start = Clock::now();
  const auto hung = await(loop, calls.run(work));
  CHECK(Clock::now() - start >= kPatience);
  REQUIRE_FALSE(hung);
  CHECK(hung.error().name == ErrorName::FileFault);
  CHECK(hung.error().message.find("file /anchor does not answer within 2000 ms") != std::string::npos);
  while (!gate->hangs()) std::this_thread::sleep_for(1ms);

  // While it hangs nothing else is begun, and nobody waits.
  std::atomic<bool> begun = false;
  for (int call = 0; call < 50; ++call) CHECK_FALSE(await(loop, calls.run([&begun] { begun = true; })));
  CHECK_FALSE(begun);
  gate->open();
  Result<void> again = hung;
  while (!again) again = await(loop, calls.run([&begun] { begun = true; }));
  CHECK(begun);
  CHECK(done == 4);
}

TEST_CASE("a call may end when the event loop is gone", "[outside]") {
  auto gate = std::make_shared<Gate>();
  gate->close();
  auto late = std::make_shared<std::atomic<bool>>(false);
  {
    boost::asio::io_context loop(1);
    OutsideCalls calls(loop.get_executor(), "file /anchor", 10s);
    boost::asio::co_spawn(
        loop,
        [](OutsideCalls& outside, std::shared_ptr<Gate> held,
           std::shared_ptr<std::atomic<bool>> end) -> boost::asio::awaitable<void> {
          std::function<void()> work = [held, end] {
            held->pass();
            *end = true;
          };
          co_await outside.run(std::move(work));
        }(calls, gate, late),
        boost::asio::detached);
    while (!gate->hangs()) loop.run_one_for(10ms);
  }
  CHECK_FALSE(*late);
  gate->open();
  while (!*late) std::this_thread::sleep_for(1ms);
}

TEST_CASE("an anchor that hangs at the start is one that cannot be read", "[outside][checkpointer]") {
  Site site;
  fill(site, 5);
  auto gate = std::make_shared<Gate>();
  gate->close();
  {
    Run::AnchorList anchors;
    anchors.push_back(std::make_unique<HangingAnchor>(site.anchor, gate));
    Run run(site, std::move(anchors), kPatience);
    REQUIRE(run.attached);
    CHECK(run.why() == "anchor-unreadable");
  }
  gate->open();
  Run run(site);
  CHECK(run.why() == "none");
  CHECK(run.covered());
}

TEST_CASE("an anchor that begins to hang holds up no checkpoint, and has the newest when it is back",
          "[outside][checkpointer]") {
  Site site;
  const auto other = site.scratch.path() / "other";
  auto gate = std::make_shared<Gate>();
  Run::AnchorList anchors;
  anchors.push_back(std::make_unique<HangingAnchor>(site.anchor, gate));
  anchors.push_back(file_anchor(other));
  {
    Run run(site, std::move(anchors), kPatience);
    REQUIRE(run.attached);
    // One more record, until the file that is written last has its checkpoint.
    int records = 0;
    const auto next = [&] {
      run.record(1);
      const std::string wanted = "log\n" + std::to_string(++records) + "\n";
      while (!read_text(other).starts_with(wanted)) run.await(run.ledger->summary()).value();
    };
    next();
    CHECK(read_text(site.anchor) == read_text(other));
    gate->close();
    for (int round = 0; round < 3; ++round) next();
    CHECK(run.checkpointer->state().failed_writes == 3);
    CHECK(read_text(site.anchor).starts_with("log\n1\n"));
    CHECK_FALSE(run.checkpointer->state().fault);
    gate->open();
    while (read_text(site.anchor) != read_text(other)) next();
    gate->close();
    run.record(1);
    REQUIRE(run.covered());
    while (!gate->hangs()) run.await(run.ledger->summary()).value();
  }  // the agent ends while a write hangs
  gate->open();
}

}  // namespace
}  // namespace signet::test
