// A checkpointer over a real ledger and the signer's real process.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/checkpoint/checkpointer.h"
#include "agent/checkpoint/process_signer.h"
#include "tests/agent/ledger/ledger_fixture.h"
#include "tests/build_paths.h"

namespace signet::test {

// Runs the loop until the work is done.
template <typename T>
T await(boost::asio::io_context& loop, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  boost::asio::co_spawn(
      loop,
      // No captures: the closure is gone before the coroutine first runs, its parameters are not.
      [](boost::asio::awaitable<T> waited, std::optional<T>& into) -> boost::asio::awaitable<void> {
        into = co_await std::move(waited);
      }(std::move(work), result),
      boost::asio::detached);
  while (!result) {
    loop.restart();
    loop.run_one_for(std::chrono::seconds(20));
  }
  return std::move(*result);
}

// A state directory, an anchor and the signer's directory; start() is what a start of signetd does with them.
class Site {
 public:
  Site() {
    state = scratch.path() / "state";
    signer = scratch.path() / "signer";
    anchor = scratch.path() / "anchor";
    std::filesystem::create_directory(state);
    create_ledger(state, {}).value();
  }
  ScratchDir scratch;
  std::filesystem::path state, signer, anchor;
};

class Run {
 public:
  using AnchorList = std::vector<std::unique_ptr<Anchor>>;
  // What a test puts around the process that signs.
  using WrapSigner = std::function<std::unique_ptr<CheckpointSigner>(std::unique_ptr<CheckpointSigner>)>;

  explicit Run(Site& site, bool with_anchor = true) : Run(site, anchors_of(site, with_anchor)) {}
  Run(Site& site, AnchorList anchors,
      std::chrono::milliseconds patience = CheckpointerSettings().outside_patience, WrapSigner wrap = {}) {
    CheckpointerSettings settings;
    settings.outside_patience = patience;
    settings.origin = "log";
    settings.interval = std::chrono::milliseconds(20);
    settings.signer = [this, wrap, directory = site.signer](Ledger&) {
      std::unique_ptr<CheckpointSigner> signer = std::make_unique<ProcessSigner>(
          loop_.get_executor(), bin_dir() + "/signet-checkpoint-signer", directory);
      return wrap ? wrap(std::move(signer)) : std::move(signer);
    };
    checkpointer = std::make_unique<Checkpointer>(loop_.get_executor(), std::move(settings));
    for (auto& anchor : anchors) checkpointer->add_anchor(std::move(anchor));
    LedgerOptions options;
    options.on_commit = [this] { checkpointer->records_written(); };
    ledger = open_ledger(site.state, options).value();
    attached = await(checkpointer->attach(*ledger));
  }
  static AnchorList anchors_of(Site& site, bool with_anchor) {
    AnchorList list;
    if (with_anchor) list.push_back(file_anchor(site.anchor));
    return list;
  }
  ~Run() {
    boost::asio::co_spawn(loop_, checkpointer->stop(), boost::asio::detached);
    loop_.restart();
    loop_.run_for(std::chrono::seconds(5));
    ledger.reset();
  }

  template <typename T>
  T await(boost::asio::awaitable<T> work) {
    return test::await(loop_, std::move(work));
  }

  void record(int count) {
    for (int number = 0; number < count; ++number)
      await(ledger->record("message-intent", {{"number", number}}, {}, someone())).value();
  }
  // Waits for the checkpoint of everything.
  Result<KeptCheckpoint> covered() {
    const std::int64_t size = await(ledger->tree_head())->size;
    return await(checkpointer->covering(size, std::chrono::seconds(10)));
  }
  std::string why() {
    const auto present = await(ledger->quarantine()).value();
    return present ? present->why : "none";
  }

  boost::asio::io_context loop_{1};
  std::unique_ptr<Checkpointer> checkpointer;
  std::unique_ptr<Ledger> ledger;
  Result<void> attached;
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// So many records more, each in a checkpoint.
inline void fill(Site& site, int records) {
  Run run(site);
  REQUIRE(run.attached);
  run.record(records);
  REQUIRE(run.covered());
}

}  // namespace signet::test
