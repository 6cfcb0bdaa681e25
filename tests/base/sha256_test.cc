// Known digests, and that pieces do not matter.
#include "base/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace keelson {
namespace {

std::string Hex(const std::string& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : digest) {
    hex.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return hex;
}

std::string Of(std::string_view data) {
  Sha256 sha;
  sha.Add(data);
  return Hex(sha.Finish());
}

TEST(Sha256Test, KnownDigests) {
  EXPECT_EQ(Of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, IsTheSameHoweverTheBytesCome) {
  std::string data;
  for (int i = 0; i < 300; ++i) data.push_back(static_cast<char>(i * 7));
  for (size_t length : {55u, 56u, 63u, 64u, 65u, 119u, 120u, 127u, 128u, 300u}) {
    const std::string_view whole = std::string_view(data).substr(0, length);
    const std::string expected = Of(whole);
    for (size_t piece = 1; piece <= length; piece += 1 + length / 40) {
      Sha256 sha;
      for (size_t at = 0; at < length; at += piece) sha.Add(whole.substr(at, piece));
      EXPECT_EQ(Hex(sha.Finish()), expected) << length << " in pieces of " << piece;
    }
  }
}

}  // namespace
}  // namespace keelson
