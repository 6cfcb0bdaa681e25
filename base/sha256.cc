#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace keelson {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  KEELSON_CHECK(context_ != nullptr, "there is memory for a checksum");
  KEELSON_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
                "the library has SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Add(std::string_view data) {
  KEELSON_CHECK(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1,
                "bytes are added before the end");
}

std::string Sha256::Finish() {
  std::string digest(kDigestBytes, '\0');
  unsigned int size = 0;
  const int done =
      EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), &size);
  KEELSON_CHECK(done == 1 && size == kDigestBytes, "a digest has its size");
  return digest;
}

}  // namespace keelson
