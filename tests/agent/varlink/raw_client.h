// A client that is as bad as a test wants: bytes on a Unix socket, nothing else. Blocking, with a deadline on
// every wait.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace signet::test {

class RawClient {
 public:
  static constexpr std::chrono::seconds kPatience{20};

  // Throws std::runtime_error if nobody listens.
  explicit RawClient(const std::filesystem::path& socket);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  int fd() const { return fd_; }
  // All of it; false if the other end is gone.
  bool send(std::string_view bytes);
  // As a frame: with a NUL at its end.
  bool send_frame(std::string_view json) { return send(std::string(json) + '\0'); }
  // As much as the socket takes without waiting.
  std::size_t send_some(std::string_view bytes);

  // The next frame without its NUL; nothing at the end of the stream. Throws std::runtime_error after
  // kPatience.
  std::optional<std::string> receive();
  boost::json::object reply();  // receive(), parsed; throws if there is none
  // Whether a frame (or the end) comes within this time.
  bool anything_within(std::chrono::milliseconds time);
  bool at_end() { return !receive(); }

  void shutdown_writing();
  void close();

 private:
  bool fill(std::chrono::milliseconds patience);

  int fd_ = -1;
  std::string buffer_;
};

// {"method": METHOD, "parameters": {…}, …}
std::string call_json(std::string_view method, boost::json::object parameters = {},
                      boost::json::object flags = {});

}  // namespace signet::test
