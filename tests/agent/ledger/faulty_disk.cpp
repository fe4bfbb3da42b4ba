#include "tests/agent/ledger/faulty_disk.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace signet::test {

// SQLite allocates szOsFile bytes: this struct, then the system's file behind it. No constructor ever runs.
struct FaultyFile {
  sqlite3_file base;
  FaultyDisk* disk;
  std::string* path;  // owned; null for files without a name

  static FaultyFile& of(sqlite3_file* file) { return *reinterpret_cast<FaultyFile*>(file); }
  static sqlite3_file* system(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(&of(file) + 1); }

  static int close(sqlite3_file* file) {
    delete of(file).path;
    sqlite3_file* real = system(file);
    return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
  }
  static int read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
    return system(file)->pMethods->xRead(system(file), data, size, offset);
  }
  static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    if (const int code = of(file).disk->strike(false)) return code;
    FaultyDisk::Pending pending;
    pending.offset = offset;
    pending.data.assign(static_cast<const char*>(data), static_cast<std::size_t>(size));
    if (of(file).path) of(file).disk->image(*of(file).path).pending.push_back(std::move(pending));
    return system(file)->pMethods->xWrite(system(file), data, size, offset);
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    if (const int code = of(file).disk->strike(false)) return code;
    FaultyDisk::Pending pending;
    pending.offset = size;
    pending.truncate = true;
    if (of(file).path) of(file).disk->image(*of(file).path).pending.push_back(std::move(pending));
    return system(file)->pMethods->xTruncate(system(file), size);
  }
  // The disk is in memory here: the real fsync is left out, which makes thousands of cuts a matter of
  // seconds.
  static int sync(sqlite3_file* file, int) {
    if (const int code = of(file).disk->strike(true)) return code;
    if (!of(file).path) return SQLITE_OK;
    FaultyDisk::Image& image = of(file).disk->image(*of(file).path);
    for (const FaultyDisk::Pending& pending : image.pending) FaultyDisk::apply(image.durable, pending);
    image.pending.clear();
    return SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* size) {
    return system(file)->pMethods->xFileSize(system(file), size);
  }
  static int lock(sqlite3_file* file, int level) {
    return system(file)->pMethods->xLock(system(file), level);
  }
  static int unlock(sqlite3_file* file, int level) {
    return system(file)->pMethods->xUnlock(system(file), level);
  }
  static int check_lock(sqlite3_file* file, int* held) {
    return system(file)->pMethods->xCheckReservedLock(system(file), held);
  }
  static int control(sqlite3_file* file, int operation, void* argument) {
    return system(file)->pMethods->xFileControl(system(file), operation, argument);
  }
  static int sector_size(sqlite3_file* file) { return system(file)->pMethods->xSectorSize(system(file)); }
  static int characteristics(sqlite3_file* file) {
    return system(file)->pMethods->xDeviceCharacteristics(system(file));
  }
  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
    return system(file)->pMethods->xShmMap(system(file), region, size, extend, memory);
  }
  static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    return system(file)->pMethods->xShmLock(system(file), offset, count, flags);
  }
  static void shm_barrier(sqlite3_file* file) { system(file)->pMethods->xShmBarrier(system(file)); }
  static int shm_unmap(sqlite3_file* file, int remove) {
    return system(file)->pMethods->xShmUnmap(system(file), remove);
  }
};

namespace {

// Version 2: with shared memory (the index of the write-ahead log: it is no part of what a disk keeps).
const sqlite3_io_methods* methods() {
  static const sqlite3_io_methods table = [] {
    sqlite3_io_methods made{};
    made.iVersion = 2;
    made.xClose = FaultyFile::close;
    made.xRead = FaultyFile::read;
    made.xWrite = FaultyFile::write;
    made.xTruncate = FaultyFile::truncate;
    made.xSync = FaultyFile::sync;
    made.xFileSize = FaultyFile::size;
    made.xLock = FaultyFile::lock;
    made.xUnlock = FaultyFile::unlock;
    made.xCheckReservedLock = FaultyFile::check_lock;
    made.xFileControl = FaultyFile::control;
    made.xSectorSize = FaultyFile::sector_size;
    made.xDeviceCharacteristics = FaultyFile::characteristics;
    made.xShmMap = FaultyFile::shm_map;
    made.xShmLock = FaultyFile::shm_lock;
    made.xShmBarrier = FaultyFile::shm_barrier;
    made.xShmUnmap = FaultyFile::shm_unmap;
    return made;
  }();
  return &table;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

FaultyDisk& disk_of(sqlite3_vfs* vfs) {
  return *static_cast<FaultyDisk*>(vfs->pAppData);
}

}  // namespace

FaultyDisk::FaultyDisk() : system_(sqlite3_vfs_find(nullptr)) {
  static std::atomic<int> next{0};
  name_ = "signet-faulty-" + std::to_string(next++);
  vfs_ = *system_;
  vfs_.pNext = nullptr;
  vfs_.szOsFile = static_cast<int>(sizeof(FaultyFile)) + system_->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&vfs_);
}

void FaultyDisk::fail(DiskFault fault, std::int64_t after, std::int64_t times) {
  fault_ = fault;
  wait_ = after;
  times_ = times;
  faults_ = 0;
}

void FaultyDisk::cut_power(std::int64_t after) {
  power_left_ = after;
}

int FaultyDisk::strike(bool is_sync) {
  if (power_left_ == 0) off_ = true;
  if (power_left_ > 0) --power_left_;
  if (off_) return SQLITE_IOERR_WRITE;
  if (times_ == 0 || is_sync != (fault_ == DiskFault::SyncError)) return SQLITE_OK;
  if (wait_ > 0) {
    --wait_;
    return SQLITE_OK;
  }
  --times_;
  ++faults_;
  errno = fault_ == DiskFault::ReadOnly ? EROFS : EIO;
  if (fault_ == DiskFault::Full) return SQLITE_FULL;
  return is_sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
}

FaultyDisk::Image& FaultyDisk::image(const std::string& path) {
  return images_[path];
}

void FaultyDisk::apply(std::string& content, const Pending& write) {
  const auto offset = static_cast<std::size_t>(write.offset);
  if (write.truncate) {
    content.resize(std::min(content.size(), offset));
    return;
  }
  if (content.size() < offset + write.data.size()) content.resize(offset + write.data.size());
  content.replace(offset, write.data.size(), write.data);
}

FaultyDisk::Pending FaultyDisk::torn(Pending write, std::mt19937& random) {
  constexpr std::size_t kSector = 512;
  const std::size_t sectors = write.data.size() / kSector;
  if (!write.truncate && sectors > 1) write.data.resize(kSector * (1 + random() % (sectors - 1)));
  return write;
}

void FaultyDisk::power_on(std::mt19937& random) {
  for (auto& [path, image] : images_) {
    std::string content = image.durable;
    for (const Pending& write : image.pending) {
      const auto fate = random() % 4;
      if (fate <= 1) apply(content, write);
      if (fate == 2) apply(content, torn(write, random));
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }
  images_.clear();
  off_ = false;
  power_left_ = -1;
}

int FaultyDisk::open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  FaultyDisk& disk = disk_of(vfs);
  FaultyFile& made = FaultyFile::of(file);
  std::memset(file, 0, static_cast<std::size_t>(vfs->szOsFile));
  const bool known = path && disk.images_.contains(path);
  const std::string before = path && !known ? read_file(path) : "";
  const int code = disk.system_->xOpen(disk.system_, path, FaultyFile::system(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  made.disk = &disk;
  made.base.pMethods = methods();
  if (!path) return SQLITE_OK;
  made.path = new std::string(path);
  if (!known) disk.images_[path].durable = before;
  return SQLITE_OK;
}

// A deleted file is gone at once: SQLite does not depend on more where it does not ask to sync the directory.
int FaultyDisk::remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  FaultyDisk& disk = disk_of(vfs);
  if (const int code = disk.strike(false)) return code;
  disk.images_.erase(path);
  return disk.system_->xDelete(disk.system_, path, sync_directory);
}

}  // namespace signet::test
