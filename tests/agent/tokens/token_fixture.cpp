#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"

#include <sys/stat.h>

#include <fstream>

namespace signet::test {

namespace asio = boost::asio;

void run(asio::io_context& io, asio::awaitable<void> work) {
  bool done = false;
  std::exception_ptr thrown;
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr error) {
    thrown = error;
    done = true;
  });
  io.restart();
  while (!done && io.run_one() > 0) {
  }
  if (thrown) std::rethrow_exception(thrown);
}

void run_for(asio::io_context& io, std::chrono::milliseconds time) {
  io.restart();
  io.run_for(time);
}

asio::awaitable<Result<void>> DiaryBudget::begin(std::string token, Secret pin, PinTold told,
                                                 PinGiver giver) {
  const auto begun = co_await rules_.begin(token, std::move(pin), told, giver);
  diary.emplace_back(begun ? "begin" : "refused to begin");
  co_return begun;
}

asio::awaitable<Result<void>> DiaryBudget::end(std::string token, PinOutcome outcome) {
  switch (outcome) {
    case PinOutcome::Accepted:
      diary.emplace_back("accepted");
      break;
    case PinOutcome::Refused:
      diary.emplace_back("refused");
      break;
    case PinOutcome::NotTried:
      diary.emplace_back("not tried");
      break;
    case PinOutcome::Unknown:
      diary.emplace_back("unknown");
      break;
  }
  co_return co_await rules_.end(token, outcome);
}

asio::awaitable<Result<void>> DiaryBudget::refused_later(std::string token) {
  diary.emplace_back("refused later");
  co_return co_await rules_.refused_later(token);
}

asio::awaitable<Result<void>> DiaryBudget::replaced(std::string token) {
  diary.emplace_back("replaced");
  co_return co_await rules_.replaced(token);
}

asio::awaitable<Result<void>> DiaryBudget::clear(std::string token) {
  diary.emplace_back("clear");
  co_return co_await rules_.clear(token);
}

std::filesystem::path host_path() {
  return std::filesystem::path(bin_dir()) / "signet-token-host";
}

ModuleConfig softhsm_module(const SoftHsm& hsm) {
  ModuleConfig module;
  module.name = "softhsm";
  module.path = SoftHsm::module();
  module.environment = hsm.environment();
  // Not what is measured here, and the machine may be busy.
  module.deadlines.discovery = std::chrono::seconds(20);
  module.deadlines.login = std::chrono::seconds(20);
  return module;
}

ModuleConfig shimmed_module(const SoftHsm& hsm, const FaultShim& shim) {
  ModuleConfig module = softhsm_module(hsm);
  module.path = shim.module();
  module.environment = shim.environment();
  return module;
}

PinSource pin_file(const ScratchDir& dir, const std::string& token, const std::string& pin) {
  PinSource source;
  source.token = token;
  source.kind = PinSource::Kind::File;
  source.file = dir / ("pin-" + token);
  std::filesystem::remove(source.file);
  std::ofstream(source.file) << pin << "\n";
  ::chmod(source.file.c_str(), 0400);
  return source;
}

KeyLocation location_of(const FoundKey& key) {
  KeyLocation location;
  location.name = key.label;
  location.uri = key.uri;
  location.token_label = key.token_label;
  location.token_serial = key.token_serial;
  location.spki = key.spki;
  location.algorithm = key.algorithm;
  return location;
}

TokenMechanism mechanism_for(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::EcdsaP256:
    case KeyAlgorithm::EcdsaP384:
      return TokenMechanism::Ecdsa;
    case KeyAlgorithm::Ed25519:
      return TokenMechanism::Eddsa;
    default:
      return TokenMechanism::RsaPssSha256;
  }
}

SignatureScheme scheme_for(KeyAlgorithm algorithm) {
  return default_scheme(algorithm);
}

bool verifies(const FoundKey& key, BytesView message, const TokenSignature& signature) {
  const auto parsed = PublicKey::from_spki(key.spki);
  return parsed && verify_token_signature(*parsed, scheme_for(key.algorithm), message, signature.signature);
}

GenerateRequest generate_request(const std::string& token, KeyAlgorithm algorithm, const std::string& label) {
  GenerateRequest request;
  request.token = token;
  request.algorithm = algorithm;
  request.label = label;
  request.pin = Secret(std::string_view(kUserPin));
  return request;
}

TokenFixture::TokenFixture(std::vector<ModuleConfig> modules)
    : io(1), service(make_token_service(io.get_executor(), std::move(modules), budget, host_path())) {}

TokenFixture::~TokenFixture() {
  run(io, service->drain(std::chrono::seconds(5)));
}

Result<TokenDescription> TokenFixture::unlock(const std::string& token, const std::string& pin) {
  return run(io, service->unlock(token, Secret(std::string_view(pin))));
}

Result<FoundKey> TokenFixture::generate(const std::string& token, KeyAlgorithm algorithm,
                                        const std::string& label) {
  return run(io, service->generate(generate_request(token, algorithm, label)));
}

asio::awaitable<Result<TokenSignature>> TokenFixture::signing(const FoundKey& key, std::string_view message) {
  return service->sign(location_of(key), mechanism_for(key.algorithm),
                       token_input(scheme_for(key.algorithm), as_bytes(message)));
}

Result<TokenSignature> TokenFixture::sign(const FoundKey& key, std::string_view message) {
  return run(io, signing(key, message));
}

TokenDescription TokenFixture::described(const std::string& token) {
  for (const TokenDescription& told : run(io, service->list())) {
    if (told.name == token) return told;
  }
  FAIL("Token " << token << " is not listed.");
  return {};
}

}  // namespace signet::test
