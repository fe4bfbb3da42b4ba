// Two HSMs that hold the same key: SoftHSM stores of their own, each behind a shim of its own, as two
// modules.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "tests/agent/tokens/shim_fixture.h"
#include "tests/build_paths.h"

namespace signet::test {

// One half: a store with one token that holds the key.
struct HalfHsm {
  HalfHsm(const std::string& label, const std::filesystem::path& pem)
      : shim(lib_dir(), SoftHsm::module(), prepared(hsm, label, pem)) {}
  static std::map<std::string, std::string> prepared(SoftHsm& hsm, const std::string& label,
                                                     const std::filesystem::path& pem) {
    hsm.add_token(label);
    hsm.import_key(label, pem, "pair");
    return hsm.environment();
  }
  std::uint64_t signatures() const { return shim.calls("C_Sign"); }

  SoftHsm hsm;
  FaultShim shim;
};

// A P-256 key in a file.
inline std::filesystem::path write_key(const ScratchDir& dir) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::filesystem::path file = dir / "pair.pem";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(file.c_str(), "w"), std::fclose);
  PEM_write_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return file;
}

struct HsmPair {
  explicit HsmPair(void (*change)(ModuleConfig&) = nullptr) : HsmPair({true, true}, change) {}
  // `source[i]`: whether the agent has a PIN source for that token.
  HsmPair(std::array<bool, 2> source, void (*change)(ModuleConfig&)) {
    const auto pem = write_key(dir);
    std::vector<ModuleConfig> modules;
    for (std::size_t index = 0; index < 2; ++index) {
      halves[index] = std::make_unique<HalfHsm>(label(index), pem);
      ModuleConfig module = shimmed_module(halves[index]->hsm, halves[index]->shim);
      module.name = "module-" + label(index);
      module.removable = false;
      if (source[index]) module.pins = {pin_file(dir, label(index), kUserPin)};
      if (change != nullptr) change(module);
      modules.push_back(std::move(module));
    }
    tokens = std::make_unique<TokenFixture>(std::move(modules));
    for (std::size_t index = 0; index < 2; ++index) {
      REQUIRE(tokens->unlock(label(index)));
      found[index] =
          run(tokens->io, tokens->service->find("pkcs11:token=" + label(index) + ";object=pair")).value();
    }
    REQUIRE(found[0].spki == found[1].spki);
    key = location_of(found[0]);
    key.also.push_back(location_of(found[1]));
    clear();
  }
  static std::string label(std::size_t index) { return index == 0 ? "east" : "west"; }

  FaultShim& shim(std::size_t index) { return halves[index]->shim; }
  // No faults; counts begin anew.
  void clear() {
    for (const auto& half : halves) half->shim.set("");
  }
  boost::asio::awaitable<Result<TokenSignature>> signing(std::string_view message = "message") {
    return tokens->service->sign(key, TokenMechanism::Ecdsa,
                                 token_input(SignatureScheme::EcdsaSha256, as_bytes(message)));
  }
  Result<TokenSignature> sign() { return run(tokens->io, signing()); }
  // "signed on 0", or the error.
  std::string outcome_of(const Result<TokenSignature>& result) const {
    if (!result) return outcome(result);
    CHECK(verifies(found[0], as_bytes("message"), *result));
    return "signed on " + std::to_string(result->place);
  }
  std::string fault(std::size_t index) const {
    return tokens->service->fault_of(key.place(index), key.spki).value_or("");
  }
  // Runs the loop until that holds; false: it never came.
  template <typename Condition>
  bool soon(Condition condition, std::chrono::seconds at_most = std::chrono::seconds(20)) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      run_for(tokens->io, std::chrono::milliseconds(20));
    }
    return true;
  }

  ScratchDir dir;
  std::array<std::unique_ptr<HalfHsm>, 2> halves;
  std::unique_ptr<TokenFixture> tokens;
  std::array<FoundKey, 2> found;
  KeyLocation key;
};

}  // namespace signet::test
