#include "protocol/ed25519_point.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "protocol/openssl_handles.h"

namespace signet {
namespace {

constexpr std::size_t kSize = 32;
constexpr std::uint8_t kSignBit = 0x80;

// The y of the points of order 1, 2, 4 and 8, big-endian (RFC 7748's curve has cofactor 8; the two of order 8
// are each other's negative). y = 0 has order 4, y = 1 order 1, y = -1 order 2.
constexpr std::array<std::string_view, 5> kSmallOrderY{
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000001",
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec",
    "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
    "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7",
};

// d of the curve -x^2 + y^2 = 1 + d x^2 y^2, and the prime 2^255 - 19 (RFC 8032 section 5.1).
constexpr const char* kD = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
constexpr const char* kPrime = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";

BigNumber from_hex_number(const char* hex) {
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, hex);
  return BigNumber(number);
}

// x^2 = (y^2 - 1) / (d y^2 + 1) has a root exactly if (y^2 - 1)(d y^2 + 1) is a square or zero: they differ
// by the square of the denominator, which is never zero because -1/d is no square.
bool has_x(const BIGNUM* y, const BIGNUM* prime, BN_CTX* context) {
  const BigNumber d = from_hex_number(kD);
  const BigNumber numerator(BN_new());
  const BigNumber denominator(BN_new());
  const BigNumber product(BN_new());
  if (!d || !numerator || !denominator || !product) return false;
  const bool computed =
      BN_mod_sqr(numerator.get(), y, prime, context) == 1 &&
      BN_mod_mul(denominator.get(), numerator.get(), d.get(), prime, context) == 1 &&
      BN_mod_add(denominator.get(), denominator.get(), BN_value_one(), prime, context) == 1 &&
      BN_mod_sub(numerator.get(), numerator.get(), BN_value_one(), prime, context) == 1 &&
      BN_mod_mul(product.get(), numerator.get(), denominator.get(), prime, context) == 1;
  return computed && BN_kronecker(product.get(), prime, context) == 1;
}

}  // namespace

bool is_sound_ed25519_key(BytesView raw) {
  if (raw.size() != kSize) return false;
  Bytes big_endian(raw.rbegin(), raw.rend());
  big_endian.front() = static_cast<std::uint8_t>(big_endian.front() & ~kSignBit);
  if (std::find(kSmallOrderY.begin(), kSmallOrderY.end(), to_hex(big_endian)) != kSmallOrderY.end())
    return false;

  const BigNumber y(BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr));
  const BigNumber prime = from_hex_number(kPrime);
  const BigNumberContext context(BN_CTX_new());
  if (!y || !prime || !context) return false;
  return BN_cmp(y.get(), prime.get()) < 0 && has_x(y.get(), prime.get(), context.get());
}

}  // namespace signet
