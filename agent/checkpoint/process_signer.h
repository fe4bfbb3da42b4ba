// Checkpoints signed by signet-checkpoint-signer: a process that holds the key, remembers what it signed and
// refuses what does not go on from there.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "agent/checkpoint/checkpoint_signer.h"
#include "agent/tokens/child_process.h"

namespace signet {

class ProcessSigner final : public CheckpointSigner {
 public:
  // program: signet-checkpoint-signer, absolute. directory: has a directory for each branch of the log; made
  // when needed. The process is started by open(), and again by sign() when it has ended.
  ProcessSigner(boost::asio::any_io_executor executor, std::filesystem::path program,
                std::filesystem::path directory);
  ~ProcessSigner() override;

  bool remembers() const override { return true; }
  boost::asio::awaitable<Result<SignerGreeting>> open(std::string origin, std::string branch) override;
  // LedgerUnavailable (why of Signer), FileFault, Internal.
  boost::asio::awaitable<Result<std::string>> sign(Checkpoint checkpoint,
                                                   std::vector<MerkleHash> proof) override;

 private:
  using Socket = boost::asio::local::stream_protocol::socket;
  boost::asio::awaitable<Result<SignerGreeting>> start();
  boost::asio::awaitable<Result<std::string>> receive();
  boost::asio::awaitable<Result<std::string>> exchange(std::string message);
  void stop();

  boost::asio::any_io_executor executor_;
  const std::filesystem::path program_, directory_;
  std::string origin_, branch_;
  std::optional<ChildProcess> child_;
  std::optional<Socket> socket_;
};

// The program beside this one.
std::filesystem::path checkpoint_signer_program();

}  // namespace signet
