#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "agent/sinks/record_sink.h"
#include "protocol/ledger_record.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

// A daemon that does not read blocks its writers for good: it gets this long.
constexpr timeval kPatience{5, 0};

// "<86>Nov 22 03:04:05 signetd[123]: ", in local time, as syslog(3) writes it.
std::string head() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%b %e %H:%M:%S", &parts);
  return "<" + std::to_string(LOG_AUTHPRIV | LOG_INFO) + ">" + std::string(text.data(), size) + " signetd[" +
         std::to_string(::getpid()) + "]: ";
}

// A line feed or an escape in a name shall not forge a line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

class SyslogSink final : public RecordSink {
 public:
  explicit SyslogSink(fs::path socket) : path_(std::move(socket)) {}
  ~SyslogSink() override { disconnect(); }
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  Result<void> write(const std::string& ledger, const std::vector<RecordRow>& rows) override {
    for (const RecordRow& row : rows)
      if (auto sent = send(line_of(ledger, row)); !sent) return sent;
    return {};
  }
  Result<void> write_checkpoint(const std::string& ledger, const std::string& note) override {
    // As a JSON string: its line feeds are signed.
    return send("ledger " + ledger.substr(0, 8) +
                " checkpoint: " + boost::json::serialize(boost::json::string(note)));
  }

 private:
  static std::string line_of(const std::string& ledger, const RecordRow& row) {
    const auto record = parse_record_statement(row.statement);
    std::string line = "ledger " + ledger.substr(0, 8) + " record " + std::to_string(row.sequence) + ": " +
                       (record ? describe_record(*record) : "(cannot be read)");
    if (line.size() + row.statement.size() < kMaxSyslogLine) return line + " " + row.statement;
    return line.substr(0, kMaxSyslogLine) + " (the statement is too long for syslog: see the ledger)";
  }
  Error fault(int code) const {
    return {ErrorName::FileFault, "The syslog at \"" + path_.string() + "\" does not take a record: " +
                                      std::strerror(code) + ". Is a syslog daemon running?"};
  }
  void disconnect() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  Result<void> connect();
  Result<void> send(const std::string& line);

  const fs::path path_;
  int socket_ = -1;
};

Result<void> SyslogSink::connect() {
  if (socket_ >= 0) return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path_.string();
  if (text.size() >= sizeof address.sun_path) return fault(ENAMETOOLONG);
  std::memcpy(address.sun_path, text.data(), text.size());
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return fault(errno);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  const int code = errno;
  disconnect();
  return fault(code);
}

Result<void> SyslogSink::send(const std::string& line) {
  if (auto connected = connect(); !connected) return connected;
  const std::string datagram = head() + one_line(line);
  if (::send(socket_, datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) return {};
  const int code = errno;
  disconnect();  // the daemon may have been started anew: the next try finds its new socket
  return fault(code);
}

}  // namespace

std::unique_ptr<RecordSink> make_syslog_sink(fs::path socket) {
  return std::make_unique<SyslogSink>(std::move(socket));
}

}  // namespace signet
