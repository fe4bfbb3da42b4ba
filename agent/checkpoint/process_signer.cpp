#include "agent/checkpoint/process_signer.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

// Two writes to a disk and a signature; a disk that takes longer is one that hangs.
constexpr std::chrono::seconds kDeadline{15};

Error ended(const std::string& what) {
  return {ErrorName::Internal,
          "The checkpoint signer (signet-checkpoint-signer) " + what +
              ": no checkpoint was signed. Look at the agent's log; it is started again by itself."};
}

std::array<std::uint8_t, 4> length_of(const std::string& message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  return {static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
          static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
}

}  // namespace

std::filesystem::path checkpoint_signer_program() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) return "signet-checkpoint-signer";
  return std::filesystem::path(std::string(path.data(), static_cast<std::size_t>(size))).parent_path() /
         "signet-checkpoint-signer";
}

ProcessSigner::ProcessSigner(asio::any_io_executor executor, std::filesystem::path program,
                             std::filesystem::path directory)
    : executor_(std::move(executor)), program_(std::move(program)), directory_(std::move(directory)) {}

ProcessSigner::~ProcessSigner() = default;

awaitable<Result<SignerGreeting>> ProcessSigner::open(std::string origin, std::string branch) {
  origin_ = std::move(origin);
  branch_ = std::move(branch);
  co_return co_await start();
}

awaitable<Result<SignerGreeting>> ProcessSigner::start() {
  stop();
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
    co_return ended("has no directory \"" + directory_.string() + "\" (" + std::strerror(errno) + ")");
  auto sockets = socket_pair(SOCK_STREAM);
  if (!sockets) co_return sockets.error();
  ChildCommand command;
  command.program = program_;
  command.arguments = {(directory_ / (branch_.empty() ? "log" : branch_)).string(), origin_};
  command.descriptor_3 = sockets->second.get();
  auto child = ChildProcess::start(executor_, command);
  if (!child) co_return child.error();
  child_.emplace(std::move(*child));
  socket_.emplace(executor_, asio::local::stream_protocol(), sockets->first.release());
  sockets->second.reset();  // the child's end: its death must close the connection
  auto message = co_await receive();
  if (!message) co_return message.error();
  auto greeting = parse_greeting(*message);
  if (greeting) co_return greeting;
  // What it says instead of a greeting: why it cannot start.
  const auto refusal = parse_answer(*message);
  stop();
  co_return refusal ? ended("sent no greeting") : refusal.error();
}

void ProcessSigner::stop() {
  socket_.reset();
  child_.reset();
}

awaitable<Result<std::string>> ProcessSigner::receive() {
  asio::steady_timer deadline(executor_, kDeadline);
  deadline.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled && socket_) socket_->cancel();
  });
  std::array<std::uint8_t, 4> head{};
  boost::system::error_code failed;
  co_await asio::async_read(*socket_, asio::buffer(head), asio::redirect_error(asio::use_awaitable, failed));
  const std::size_t size =
      (std::size_t{head[0]} << 24) | (std::size_t{head[1]} << 16) | (std::size_t{head[2]} << 8) | head[3];
  std::string message;
  if (!failed && size <= kMaxSignerMessage) {
    message.resize(size);
    co_await asio::async_read(*socket_, asio::buffer(message),
                              asio::redirect_error(asio::use_awaitable, failed));
  }
  deadline.cancel();
  if (!failed && size <= kMaxSignerMessage) co_return message;
  stop();
  co_return ended(failed ? "has ended or does not answer (" + failed.message() + ")" : "answered nonsense");
}

awaitable<Result<std::string>> ProcessSigner::exchange(std::string message) {
  const std::array<std::uint8_t, 4> head = length_of(message);
  const std::string framed(head.begin(), head.end());
  message.insert(0, framed);
  boost::system::error_code failed;
  co_await asio::async_write(*socket_, asio::buffer(message),
                             asio::redirect_error(asio::use_awaitable, failed));
  if (failed) {
    stop();
    co_return ended("has ended (" + failed.message() + ")");
  }
  co_return co_await receive();
}

awaitable<Result<std::string>> ProcessSigner::sign(Checkpoint checkpoint, std::vector<MerkleHash> proof) {
  if (!socket_) {
    const auto started = co_await start();
    if (!started) co_return started.error();
  }
  SignerRequest request;
  request.text = format_checkpoint(checkpoint);
  request.proof = std::move(proof);
  const auto answer = co_await exchange(format_request(request));
  if (!answer) co_return answer.error();
  co_return parse_answer(*answer);
}

}  // namespace signet
