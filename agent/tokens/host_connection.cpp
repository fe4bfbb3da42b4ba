#include "agent/tokens/host_connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

namespace signet {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kFirstRead = 4096;  // holds every reply but long lists

HostAnswer to_answer(std::variant<host::Reply, host::Fault> decoded, std::size_t request_index) {
  if (auto* fault = std::get_if<host::Fault>(&decoded)) return std::move(*fault);
  auto& reply = std::get<host::Reply>(decoded);
  if (reply.index() != request_index) return HostLost("the token host answered another question");
  return std::move(reply);
}

}  // namespace

std::string_view cryptoki_call(const host::Request& request) {
  constexpr std::array<std::string_view, std::variant_size_v<host::Request>> kCalls = {
      "C_Initialize",        "C_GetSlotList", "C_OpenSession",     "C_Login",         "C_FindObjects",
      "C_FindObjects",       "C_Sign",        "C_GenerateKeyPair", "C_DestroyObject", "C_InitToken",
      "C_InitPIN",           "C_FindObjects", "C_SetPIN",          "C_Logout",        "SCardDisconnect",
      "SCardTransmit",       "SCardTransmit", "SCardTransmit",     "C_CreateObject",  "SCardTransmit",
      "SCardGetStatusChange"};
  static_assert(!kCalls.back().empty());
  return kCalls.at(request.index());
}

HostConnection::HostConnection(const asio::any_io_executor& executor, FileDescriptor socket)
    : socket_(executor, asio::local::stream_protocol(), socket.get()), turns_(executor), buffer_(kFirstRead) {
  socket.release();
}

void HostConnection::shut_down() noexcept {
  boost::system::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_both, ignored);
}

asio::awaitable<bool> HostConnection::fill(std::size_t size) {
  if (buffer_.size() < size) buffer_.resize(size);
  while (filled_ < size) {
    // Waited for first: Asio's read would try at once, in vain, since the token has yet to answer.
    boost::system::error_code failed;
    co_await socket_.async_wait(asio::socket_base::wait_read,
                                asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return false;
    const ssize_t count =
        ::recv(socket_.native_handle(), buffer_.data() + filled_, buffer_.size() - filled_, MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
      co_return false;
    if (count > 0) filled_ += static_cast<std::size_t>(count);
  }
  co_return true;
}

// A frame fits the socket's buffer, unless the host is behind: then Asio sends what is left.
asio::awaitable<bool> HostConnection::send(BytesView frame) {
  const ssize_t sent =
      ::send(socket_.native_handle(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(frame.size())) co_return true;
  if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) co_return false;
  if (sent > 0) frame = frame.subspan(static_cast<std::size_t>(sent));
  boost::system::error_code failed;
  sending_ = true;
  co_await asio::async_write(socket_, asio::buffer(frame.data(), frame.size()),
                             asio::redirect_error(asio::use_awaitable, failed));
  sending_ = false;
  turns_.wake_all();
  co_return !failed;
}

asio::awaitable<HostAnswer> HostConnection::call(const host::Request& request) {
  while (sending_) co_await turns_.wait();
  const std::uint32_t id = next_id_;
  {
    const auto frame = host::encode_request(id, request);
    if (!frame) {
      // Too long for a frame: the caller's fault, and the connection is as good as before.
      host::Fault fault;
      fault.kind = host::FaultKind::Protocol;
      fault.klass = host::CkrClass::CallersFault;
      fault.detail = frame.error().why;
      co_return fault;
    }
    ++next_id_;
    if (!co_await send(*frame)) shut_down();  // the reply is not waited for in vain
  }
  while (next_reply_ != id) co_await turns_.wait();
  HostAnswer answer = co_await read_reply(id, request.index());
  ++next_reply_;
  turns_.wake_all();
  co_return answer;
}

asio::awaitable<HostAnswer> HostConnection::read_reply(std::uint32_t id, std::size_t request_index) {
  if (!co_await fill(host::kHeaderSize)) co_return HostLost("the token host has ended");
  const auto header = host::decode_header(BytesView(buffer_).first(host::kHeaderSize));
  if (!header) co_return HostLost("the token host wrote what is no frame: " + header.error().why);
  if (header->id != id) co_return HostLost("the token host answered another request");
  const std::size_t size = host::kHeaderSize + header->length;
  if (!co_await fill(size)) co_return HostLost("the token host has ended");
  const bool last = next_id_ == id + 1;
  if (last && filled_ != size) co_return HostLost("the token host wrote more than one reply");
  auto decoded = host::decode_reply(*header, BytesView(buffer_).subspan(host::kHeaderSize, header->length));
  // What was read of the next reply stays.
  std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(size), filled_ - size, buffer_.begin());
  filled_ -= size;
  if (!decoded) co_return HostLost("the token host wrote what is no reply: " + decoded.error().why);
  co_return to_answer(std::move(*decoded), request_index);
}

}  // namespace signet
