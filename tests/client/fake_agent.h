// An agent of the test's own: it listens at a socket and does what a script says, right or wrong.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "protocol/varlink_message.h"
#include "tests/support/scratch.h"

namespace signet::test {

// One connection as the agent's end sees it.
class FakeClient {
 public:
  explicit FakeClient(int descriptor) : descriptor_(descriptor), frames_(FrameLimits{1 << 26, 1 << 26, {}}) {}

  // The next call; nothing when the client has gone.
  std::optional<VarlinkCall> read();
  // Bytes as they are; false when the client has gone.
  bool send(std::string_view bytes);
  // A reply with its NUL. `json`: the whole frame, e.g. {"parameters": {}}.
  bool reply(std::string_view json) { return send(std::string(json) + '\0'); }

 private:
  int descriptor_;
  FrameSplitter frames_;
};

// Each connection runs the script on a thread of its own and is closed when the script returns. `number`: 0
// for the first connection. The destructor ends all connections.
class FakeAgent {
 public:
  using Script = std::function<void(FakeClient&, int number)>;
  explicit FakeAgent(Script script);
  ~FakeAgent();
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;

  std::filesystem::path socket() const { return directory_ / "agent.sock"; }
  int connections() const { return connections_; }
  // Returns when this end of every connection so far has been closed.
  void wait_until_closed();

 private:
  void serve();

  ScratchDir directory_;
  Script script_;
  int listener_;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::condition_variable closed_;
  std::list<int> open_;
  std::vector<std::thread> clients_;
  std::thread server_;
};

// A script that answers every call with one frame.
FakeAgent::Script always(std::string frame);

}  // namespace signet::test
