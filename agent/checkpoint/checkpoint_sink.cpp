#include "agent/checkpoint/checkpoint_sink.h"

#include "agent/checkpoint/durable_file.h"

namespace signet {
namespace {

class FileSink final : public CheckpointSink {
 public:
  explicit FileSink(std::filesystem::path path) : path_(std::move(path)) {}
  std::string name() const override { return "file " + path_.string(); }
  Result<void> push(const std::string& note) override { return replace_small_file(path_, note, 0644); }

 private:
  const std::filesystem::path path_;
};

class RecordSinks final : public CheckpointSink {
 public:
  explicit RecordSinks(std::function<void(std::string)> inlet) : inlet_(std::move(inlet)) {}
  std::string name() const override { return "sinks of the records"; }
  Result<void> push(const std::string& note) override {
    inlet_(note);
    return {};
  }

 private:
  const std::function<void(std::string)> inlet_;
};

}  // namespace

std::unique_ptr<CheckpointSink> file_sink(std::filesystem::path path) {
  return std::make_unique<FileSink>(std::move(path));
}

std::unique_ptr<CheckpointSink> record_sinks(std::function<void(std::string)> inlet) {
  return std::make_unique<RecordSinks>(std::move(inlet));
}

}  // namespace signet
