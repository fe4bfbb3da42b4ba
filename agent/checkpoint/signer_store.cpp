#include "agent/checkpoint/signer_store.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "agent/checkpoint/durable_file.h"
#include "protocol/secret.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 16 * 1024;

Error fault(const fs::path& path, const std::string& what) {
  boost::json::object parameters{{"path", path.string()}, {"why", "failed"}};
  return {ErrorName::FileFault, "The checkpoint signer's \"" + path.string() + "\" " + what,
          std::move(parameters)};
}

Result<void> check_private(const fs::path& path, bool directory) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return fault(path, std::string("cannot be read: ") + std::strerror(errno) + ".");
  const bool kind = directory ? S_ISDIR(status.st_mode) : S_ISREG(status.st_mode);
  if (!kind || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return fault(path, "must belong to the agent's user and be closed to all others (chmod go-rwx).");
  return {};
}

// The signer of an agent that was killed is still on its way out when the next agent starts.
constexpr std::chrono::milliseconds kLockPatience{2000}, kLockPause{10};

Result<int> lock_directory(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fault(directory, std::string("cannot be made: ") + std::strerror(errno) + ".");
  if (auto closed = check_private(directory, true); !closed) return closed.error();
  const int lock = ::open((directory / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0)
    return fault(directory / "lock", std::string("cannot be opened: ") + std::strerror(errno) + ".");
  const auto patience = std::chrono::steady_clock::now() + kLockPatience;
  do {
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
    std::this_thread::sleep_for(kLockPause);
  } while (std::chrono::steady_clock::now() < patience);
  ::close(lock);
  return fault(directory, "is in use by another checkpoint signer. End that one first.");
}

EvpKey read_key(const Secret& pem) {
  const Bio bio(BIO_new_mem_buf(pem.bytes().data(), static_cast<int>(pem.size())));
  EvpKey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (key && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) key.reset();
  return key;
}

Result<void> make_key(const fs::path& path) {
  const EvpKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Bio bio(BIO_new(BIO_s_secmem()));  // wiped when it is freed
  char* text = nullptr;
  if (!key || !bio ||
      PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fault(path, "cannot be made: OpenSSL makes no Ed25519 key.");
  const long size = BIO_get_mem_data(bio.get(), &text);
  return create_small_file(path, {text, static_cast<std::size_t>(size)}, 0600);
}

}  // namespace

SignerStore::SignerStore(fs::path directory, int lock) : directory_(std::move(directory)), lock_(lock) {}

SignerStore::SignerStore(SignerStore&& other) noexcept
    : directory_(std::move(other.directory_)),
      lock_(std::exchange(other.lock_, -1)),
      key_(std::move(other.key_)),
      newest_(std::move(other.newest_)) {}

SignerStore::~SignerStore() {
  if (lock_ >= 0) ::close(lock_);
}

Result<SignerStore> SignerStore::open(const fs::path& directory) {
  const auto lock = lock_directory(directory);
  if (!lock) return lock.error();
  SignerStore store(directory, *lock);
  if (auto loaded = store.load(); !loaded) return loaded.error();
  return store;
}

Result<void> SignerStore::load() {
  const fs::path key_file = directory_ / "key.pem", newest_file = directory_ / "newest";
  const auto newest = read_small_file(newest_file, kMaxFile);
  if (!newest) return newest.error();
  std::error_code failed;
  if (!fs::exists(fs::symlink_status(key_file, failed))) {
    // A key that is gone is not made anew: that would be another log.
    if (*newest) return fault(key_file, "is gone, though checkpoints were signed with it. Restore it.");
    if (auto made = make_key(key_file); !made) return made;
  }
  if (auto closed = check_private(key_file, false); !closed) return closed;
  auto pem = read_small_file(key_file, kMaxFile);
  if (!pem) return pem.error();
  const Secret secret(*pem ? std::string_view(**pem) : std::string_view());
  if (*pem) wipe_memory((*pem)->data(), (*pem)->size());
  key_ = read_key(secret);
  if (!key_) return fault(key_file, "is no Ed25519 key in PEM. Restore it.");
  if (!*newest) return {};
  auto parsed = parse_checkpoint(**newest);
  if (!parsed || format_checkpoint(*parsed) != **newest)
    return fault(newest_file,
                 "is damaged. Restore it; without it the signer cannot tell what it signed before.");
  newest_ = std::move(*parsed);
  return {};
}

Result<void> SignerStore::keep(const Checkpoint& checkpoint) {
  auto written = replace_small_file(directory_ / "newest", format_checkpoint(checkpoint), 0600);
  if (written) newest_ = checkpoint;
  return written;
}

}  // namespace signet
