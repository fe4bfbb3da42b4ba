#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/sinks/record_sink.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kMode = 0640;
// More than the longest line and some checkpoints behind it.
constexpr off_t kTail = 256 * 1024;

class OpenFile {
 public:
  OpenFile() = default;
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// The sequence in a line of this sink, for this ledger.
std::optional<std::int64_t> sequence_in(std::string_view line, const std::string& ledger) {
  boost::system::error_code fault;
  const auto parsed = boost::json::parse(boost::json::string_view(line.data(), line.size()), fault);
  if (fault || !parsed.is_object()) return std::nullopt;
  const auto* const id = parsed.get_object().if_contains("ledger");
  const auto* const record = parsed.get_object().if_contains("record");
  if (id == nullptr || record == nullptr || !record->is_object() || !id->is_string()) return std::nullopt;
  if (std::string_view(id->get_string()) != ledger) return std::nullopt;
  const auto* const sequence = record->get_object().if_contains("sequence");
  if (sequence == nullptr || !sequence->is_int64()) return std::nullopt;
  return sequence->get_int64();
}

class FileSink final : public RecordSink {
 public:
  explicit FileSink(fs::path path) : path_(std::move(path)) {}

  Result<void> write(const std::string& ledger, const std::vector<RecordRow>& rows) override {
    std::string lines;
    for (const RecordRow& row : rows)
      lines += "{\"ledger\":\"" + ledger + "\",\"record\":" + row.statement + "}\n";
    return append(lines);
  }
  Result<void> write_checkpoint(const std::string& ledger, const std::string& note) override {
    const boost::json::object line{{"checkpoint", note}, {"ledger", ledger}};
    return append(boost::json::serialize(line) + "\n");
  }
  std::optional<std::int64_t> last(const std::string& ledger) override;

 private:
  Error fault(const char* what, int code) const {
    return {ErrorName::FileFault, "The sink's file \"" + path_.string() + "\" cannot be " + what + ": " +
                                      std::strerror(code) + "."};
  }
  Result<void> open_if_needed();
  Result<void> append(const std::string& lines);

  const fs::path path_;
  OpenFile file_;
};

Result<void> FileSink::open_if_needed() {
  struct stat named {
  }, held{};
  const bool there = ::lstat(path_.c_str(), &named) == 0;
  if (there && file_.get() >= 0 && ::fstat(file_.get(), &held) == 0 && same_file(named, held)) return {};
  OpenFile opened(
      ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kMode));
  if (opened.get() < 0) return fault("opened", errno);
  if (::fstat(opened.get(), &held) != 0 || !S_ISREG(held.st_mode)) return fault("used", EINVAL);
  // The agent's umask lets nobody else read what it makes.
  if (!there && ::fchmod(opened.get(), kMode) != 0) return fault("made readable for its group", errno);
  file_ = std::move(opened);
  return {};
}

// A line that was begun and not finished (a full disk, a kill) is cut off: readers get whole lines.
Result<void> cut_to(int file, off_t size) {
  if (::ftruncate(file, size) != 0) return Error{ErrorName::FileFault, std::strerror(errno)};
  return {};
}

off_t whole_lines(int file, off_t size) {
  const off_t from = std::max<off_t>(0, size - kTail);
  std::string tail(static_cast<std::size_t>(size - from), '\0');
  const ssize_t count = ::pread(file, tail.data(), tail.size(), from);
  if (count != static_cast<ssize_t>(tail.size())) return size;
  const std::size_t end = tail.rfind('\n');
  return end == std::string::npos ? (from == 0 ? 0 : size) : from + static_cast<off_t>(end) + 1;
}

Result<void> FileSink::append(const std::string& lines) {
  if (auto opened = open_if_needed(); !opened) return opened;
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return fault("looked at", errno);
  const off_t begin = whole_lines(file_.get(), status.st_size);
  if (begin != status.st_size)
    if (const auto cut = cut_to(file_.get(), begin); !cut) return fault("mended", errno);
  std::size_t written = 0;
  while (written < lines.size()) {
    const ssize_t count = ::write(file_.get(), lines.data() + written, lines.size() - written);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    const int code = errno;
    // Best effort: what cannot be cut off now is cut off before the next line.
    (void)cut_to(file_.get(), begin);
    return fault("written", code);
  }
  return {};
}

std::optional<std::int64_t> FileSink::last(const std::string& ledger) {
  const OpenFile file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return std::nullopt;
  const off_t from = std::max<off_t>(0, status.st_size - kTail);
  std::string tail(static_cast<std::size_t>(status.st_size - from), '\0');
  if (::pread(file.get(), tail.data(), tail.size(), from) != static_cast<ssize_t>(tail.size()))
    return std::nullopt;
  std::string_view rest(tail);
  if (const std::size_t end = rest.rfind('\n'); end != std::string_view::npos) rest = rest.substr(0, end);
  while (!rest.empty()) {
    const std::size_t before = rest.rfind('\n');
    const std::string_view line = before == std::string_view::npos ? rest : rest.substr(before + 1);
    if (const auto sequence = sequence_in(line, ledger)) return sequence;
    if (before == std::string_view::npos) break;
    rest = rest.substr(0, before);
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<RecordSink> make_file_sink(fs::path path) {
  return std::make_unique<FileSink>(std::move(path));
}

}  // namespace signet
