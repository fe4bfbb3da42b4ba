#include "agent/tokens/pin_budget.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/tokens/child_process.h"
#include "agent/tokens/token_fault.h"

namespace signet {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kKeySize = 32;
using KeyBytes = std::array<std::uint8_t, kKeySize>;

Error key_error(const std::filesystem::path& file, const std::string& why) {
  boost::json::object parameters;
  parameters["why"] = "pin-budget-key";
  return Error(ErrorName::LedgerUnavailable,
               "The key of the PIN budget, " + file.string() + ", cannot be used: " + why +
                   ". Without it the agent sends no PIN.",
               std::move(parameters));
}

Result<Secret> read_key(const std::filesystem::path& file, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return key_error(file, std::strerror(errno));
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 07177) != 0) {
    return key_error(file, "it must be a regular file of the agent's own user with mode 0600");
  }
  KeyBytes bytes{};
  const ssize_t got = ::read(fd, bytes.data(), bytes.size());
  Secret key(bytes);
  wipe_memory(bytes.data(), bytes.size());
  if (got != static_cast<ssize_t>(kKeySize) || info.st_size != static_cast<off_t>(kKeySize)) {
    return key_error(file, "it is not 32 bytes long");
  }
  return key;
}

bool write_whole(int fd, const KeyBytes& bytes) {
  return ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && ::fsync(fd) == 0;
}

// Written under another name and linked in place: a crash leaves a whole key or none.
Result<void> make_key(const std::filesystem::path& file) {
  const std::filesystem::path draft = file.string() + ".new";
  ::unlink(draft.c_str());
  const FileDescriptor fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return key_error(file, std::strerror(errno));
  KeyBytes bytes{};
  const bool random = RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
  const bool written = random && write_whole(fd.get(), bytes);
  wipe_memory(bytes.data(), bytes.size());
  if (!random) return key_error(file, "there are no random numbers to be had");
  if (!written || ::rename(draft.c_str(), file.c_str()) != 0) return key_error(file, std::strerror(errno));
  const FileDescriptor directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return key_error(file, std::strerror(errno));
  return {};
}

Error outdated(const std::string& name, const PinTold& told) {
  return pin_refused_error(
      name, told.state,
      "its PIN source gives the PIN from before it was changed, which was not sent. Give "
      "the source the new one.",
      told.left);
}

// What was right may be wrong now: the token has counted a wrong PIN since.
Error doubtful(const std::string& name, const PinTold& told) {
  return pin_refused_error(
      name, told.state,
      "the token has counted a wrong PIN since this one was right, so it may have been "
      "changed elsewhere, and is not sent by itself. Give the PIN source the new one, or "
      "type it: signet token unlock.",
      told.left);
}

}  // namespace

std::string pin_budget_id(const std::string& manufacturer, const std::string& serial,
                          const std::string& label) {
  return manufacturer + "/" + (serial.empty() ? "label=" + label : serial);
}

std::string pin_budget_id(const TokenDescription& token) {
  return pin_budget_id(token.manufacturer, token.serial, token.label);
}

Result<void> check_pin_attempt(const Ledger::PinAttempts& before, const std::string& value,
                               const PinTold& told, const std::string& name) {
  if (told.state == PinState::Blocked) {
    return pin_refused_error(name, told.state,
                             "it is locked. Unblock it with its PUK or security officer's PIN: signet token "
                             "unblock.",
                             told.left);
  }
  if (told.state == PinState::Final) {
    return pin_refused_error(
        name, told.state,
        "one try is left, and software never takes the last one. Enter the PIN with "
        "the token's own tool, which sets the count back, or set a new one: signet token "
        "unblock.",
        told.left);
  }
  // An attempt that was begun and never ended did no harm if the token counts wrong ones and has counted
  // none.
  const bool open_counts = before.open && !told.untouched;
  const bool refused = std::ranges::find(before.refused, value) != before.refused.end();
  if (refused || (open_counts && value == before.pending)) {
    return pin_refused_error(name, told.state,
                             "this very PIN was refused before, or it never became known what came of it, "
                             "and is not sent again. Correct it where it comes from.",
                             told.left);
  }
  if (!told.tells && (before.wrong > 0 || open_counts)) {
    return pin_refused_error(name, told.state,
                             "a PIN was wrong before and the token does not say how many tries are left, so "
                             "none is sent until a person says so: signet token reset-pin-budget.");
  }
  return {};
}

Result<Secret> load_pin_budget_key(const std::filesystem::path& file) {
  for (int round = 0; round < 2; ++round) {
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (fd) return read_key(file, fd.get());
    if (errno != ENOENT) break;
    if (auto made = make_key(file); !made) return made.error();
  }
  return key_error(file, std::strerror(errno));
}

LedgerPinBudget::LedgerPinBudget(std::filesystem::path directory, Ledger* ledger)
    : directory_(std::move(directory)), ledger_(ledger) {}

Result<std::string> LedgerPinBudget::value_of(const std::string& token, const Secret& pin) {
  if (ledger_ != nullptr && !key_is_durable_) {
    auto loaded = load_pin_budget_key(directory_ / "pin-budget.key");
    if (!loaded) return loaded.error();
    key_ = std::move(*loaded);
    key_is_durable_ = true;
    // What memory holds was made with the key of before and compares with nothing now; the counts go on
    // binding.
    for (auto& [name, attempts] : memory_) attempts.refused.clear();
  }
  if (key_.empty()) {
    KeyBytes bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
      return Error(ErrorName::Internal, "There are no random numbers to be had.");
    }
    key_ = Secret(bytes);
    wipe_memory(bytes.data(), bytes.size());
  }
  // The token is part of the message: one PIN on two tokens gives two values.
  std::vector<std::uint8_t, host::WipingAllocator<std::uint8_t>> message(token.begin(), token.end());
  message.push_back(0);
  message.insert(message.end(), pin.bytes().begin(), pin.bytes().end());
  KeyBytes digest{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key_.bytes().data(), static_cast<int>(key_.size()), message.data(), message.size(),
           digest.data(), &size) == nullptr) {
    return Error(ErrorName::Internal, "HMAC-SHA-256 failed.");
  }
  return to_hex(digest);
}

asio::awaitable<Result<Ledger::PinAttempts>> LedgerPinBudget::attempts(std::string token) {
  Ledger::PinAttempts found;
  if (ledger_ != nullptr) {
    auto durable = co_await ledger_->pin_attempts(token);
    if (!durable) co_return durable.error();
    found = std::move(*durable);
  }
  const auto kept = memory_.find(token);
  if (kept == memory_.end()) co_return found;
  const Ledger::PinAttempts& here = kept->second;
  found.wrong += here.wrong;
  found.refused.insert(found.refused.end(), here.refused.begin(), here.refused.end());
  if (!found.open) {
    found.open = here.open;
    found.pending = here.pending;
  }
  co_return found;
}

asio::awaitable<Result<void>> LedgerPinBudget::clear(std::string token) {
  outdated_.erase(token);
  co_return co_await forget_attempts(std::move(token));
}

asio::awaitable<Result<void>> LedgerPinBudget::replaced(std::string token) {
  std::string old;
  if (const auto last = accepted_.find(token); last != accepted_.end()) old = last->second;
  const auto cleared = co_await clear(token);
  if (!old.empty()) outdated_[token] = old;
  co_return cleared;
}

asio::awaitable<Result<void>> LedgerPinBudget::forget_attempts(std::string token) {
  memory_.erase(token);
  if (ledger_ == nullptr) co_return Result<void>();
  Requester agent;
  agent.uid = ::geteuid();
  agent.gid = ::getegid();
  agent.pid = ::getpid();
  co_return co_await ledger_->reset_pin_attempts(token, agent);
}

bool LedgerPinBudget::is_outdated(const std::string& token, const std::string& value) const {
  const auto old = outdated_.find(token);
  return old != outdated_.end() && old->second == value;
}

// The one wrong value was right before, and this is another.
bool LedgerPinBudget::is_rotated(const std::string& token, const Ledger::PinAttempts& before,
                                 const std::string& value) const {
  const auto outdated = outdated_.find(token);
  return outdated != outdated_.end() && outdated->second != value && !before.open && before.wrong == 1 &&
         before.refused == std::vector<std::string>{outdated->second};
}

asio::awaitable<Result<void>> LedgerPinBudget::begin(std::string token, Secret pin, PinTold told,
                                                     PinGiver giver) {
  auto value = value_of(token, pin);
  if (!value) co_return value.error();
  pin.wipe();
  auto before = co_await attempts(token);
  if (!before) co_return before.error();
  if (giver == PinGiver::Source && is_rotated(token, *before, *value)) told.tells = true;
  if (auto allowed = check_pin_attempt(*before, *value, told, token); !allowed) co_return allowed.error();
  const auto last = accepted_.find(token);
  const bool was_right = last != accepted_.end() && last->second == *value;
  if (giver == PinGiver::Source && was_right && told.left && !told.untouched) co_return doubtful(token, told);
  if (giver == PinGiver::Source && is_outdated(token, *value)) co_return outdated(token, told);
  if (before->open && before->wrong == 0 && before->refused.empty() && told.untouched) {
    auto forgotten = co_await forget_attempts(token);
    if (!forgotten) co_return forgotten.error();
  }
  sent_[token] = *value;
  co_return co_await write_begin(token, *value);
}

asio::awaitable<Result<void>> LedgerPinBudget::write_begin(std::string token, std::string value) {
  if (ledger_ != nullptr) co_return co_await ledger_->begin_pin_attempt(token, value);
  Ledger::PinAttempts& here = memory_[token];
  here.open = true;
  here.pending = std::move(value);
  co_return Result<void>();
}

asio::awaitable<Result<void>> LedgerPinBudget::refused_later(std::string token) {
  const auto last = accepted_.find(token);
  if (last == accepted_.end()) co_return Result<void>();
  const std::string value = last->second;
  sent_[token] = value;
  auto begun = co_await write_begin(token, value);
  if (!begun) co_return begun;
  co_return co_await end(token, PinOutcome::Refused);
}

void LedgerPinBudget::end_in_memory(const std::string& token, PinOutcome outcome) {
  const auto kept = memory_.find(token);
  if (kept == memory_.end()) return;
  Ledger::PinAttempts& here = kept->second;
  if (outcome == PinOutcome::Accepted) {
    memory_.erase(kept);
  } else if (outcome == PinOutcome::Refused && here.open) {
    ++here.wrong;
    here.refused.push_back(here.pending);
  }
  if (outcome == PinOutcome::Refused || outcome == PinOutcome::NotTried) {
    here.open = false;
    here.pending.clear();
  }
}

asio::awaitable<Result<void>> LedgerPinBudget::end(std::string token, PinOutcome outcome) {
  const std::string value = std::move(sent_[token]);
  sent_.erase(token);
  if (outcome == PinOutcome::Accepted) {
    accepted_[token] = value;
    if (is_outdated(token, value)) outdated_.erase(token);
  } else if (const auto last = accepted_.find(token);
             outcome == PinOutcome::Refused && last != accepted_.end() && last->second == value) {
    accepted_.erase(last);
    outdated_[token] = value;
  }
  end_in_memory(token, outcome);
  // Unknown stays open in the ledger, as a crash of the agent would leave it.
  if (ledger_ == nullptr || outcome == PinOutcome::Unknown) co_return Result<void>();
  if (outcome == PinOutcome::NotTried) {
    auto before = co_await ledger_->pin_attempts(token);
    if (!before) co_return before.error();
    // The ledger takes back no single attempt: what did not count before it is safe to forget with it.
    if (before->wrong == 0 && before->refused.empty()) co_return co_await forget_attempts(token);
  }
  co_return co_await ledger_->end_pin_attempt(token, outcome == PinOutcome::Accepted);
}

}  // namespace signet
