// A TokenService whose tokens are OpenSSL keys in memory, for tests of the methods without a module.
#pragma once

#include <openssl/evp.h>

#include <map>
#include <memory>
#include <string>

#include "agent/tokens/token_service.h"

namespace signet::test {

class SoftwareTokens : public TokenService {
 public:
  boost::asio::awaitable<std::vector<ModuleDescription>> modules() override;
  boost::asio::awaitable<std::vector<TokenDescription>> list() override;
  boost::asio::awaitable<Result<TokenDescription>> describe(std::string token) override;
  std::optional<TokenDescription> used_before(const std::string&) const override { return std::nullopt; }
  using TokenService::unlock;
  boost::asio::awaitable<Result<TokenDescription>> unlock(std::string token, std::optional<Secret> pin,
                                                          PinCache cache) override;
  boost::asio::awaitable<Result<TokenDescription>> unlock_by_prompt(std::string token,
                                                                    PinCache cache) override;
  boost::asio::awaitable<Result<TokenDescription>> lock(std::string token) override;
  boost::asio::awaitable<Result<TokenDescription>> change_pin(std::string token, Secret old_pin,
                                                              Secret new_pin) override;
  boost::asio::awaitable<Result<TokenDescription>> unblock_pin(std::string token, Secret officer,
                                                               Secret new_pin) override;
  boost::asio::awaitable<Result<TokenDescription>> init(InitTokenRequest request) override;
  boost::asio::awaitable<Result<void>> can_generate(const GenerateRequest& request) override;
  boost::asio::awaitable<Result<FoundKey>> generate(GenerateRequest request) override;
  boost::asio::awaitable<Result<FoundKey>> find(std::string uri) override;
  boost::asio::awaitable<std::optional<KeyPolicies>> policies(FoundKey) override { co_return card_says; }
  boost::asio::awaitable<Result<std::vector<Bytes>>> read_certificates(std::string uri) override;
  boost::asio::awaitable<Result<StoredCertificate>> store_certificate(
      StoreCertificateRequest request) override;
  using TokenService::sign;
  boost::asio::awaitable<Result<TokenSignature>> sign(KeyLocation key, TokenMechanism mechanism, Bytes input,
                                                      Waiting waiting) override;
  boost::asio::awaitable<void> sign_many(KeyLocation key, TokenMechanism mechanism, std::vector<Bytes> inputs,
                                         Waiting waiting, ManyWatch watch) override;
  void distrust(const KeyLocation& key, std::size_t) override { distrusted.push_back(key.name); }
  std::optional<std::string> fault_of(const KeyPlace& place, const Bytes&) const override {
    const auto known = faults.find(place.token_label);
    return known == faults.end() ? std::nullopt : std::optional(known->second);
  }
  boost::asio::awaitable<std::uint64_t> changed(std::uint64_t seen,
                                                std::chrono::milliseconds at_most) override;
  boost::asio::awaitable<Result<TokenDescription>> reset_pin_budget(std::string token) override;
  boost::asio::awaitable<void> drain(std::chrono::milliseconds deadline) override;

  // The same key on another token, as its vendor would replicate it; gives its URI there.
  std::string replicate(const std::string& uri, const std::string& token_label);

  std::vector<KeyPlace> last_places;  // where the newest signature was allowed to be made
  // What the next signatures of a key (by name) answer instead; "" for every key.
  std::map<std::string, Error> sign_errors;
  // Asked for each signature, in order: an error is answered instead.
  std::function<std::optional<Error>()> fail_signature;
  bool flip_a_bit = false;                    // every signature comes out wrong
  std::vector<std::string> distrusted;        // keys, by name
  std::map<std::string, std::string> faults;  // why a token is passed over, by its label
  bool fresh_handle = true, removable = false;
  std::optional<KeyPolicies> card_says;  // of its keys
  KeyEvidence evidence;                  // of the keys made from now on
  // The certificate objects on the token, for a key that is on it (null: any).
  std::function<std::vector<Bytes>(const FoundKey* newest)> certificate_objects;
  std::size_t signatures = 0;                   // made so far
  std::vector<StoreCertificateRequest> stored;  // certificates
  std::optional<Error> store_fault;
  std::optional<Error> cannot_generate;  // said before anybody is asked
  struct MadeAs {
    std::string so_pin;
    Bytes id;
  } made_as;  // the newest key
  // Waits before each signature, as for a person or a busy token: so that two calls overlap, or things
  // change.
  std::function<boost::asio::awaitable<void>()> before_sign;

  SoftwareTokens();

 private:
  struct KeyDeleter {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using Key = std::shared_ptr<EVP_PKEY>;
  std::map<std::string, FoundKey> by_uri_;
  std::map<Bytes, Key> by_spki_;
  int made_ = 0;
};

}  // namespace signet::test
