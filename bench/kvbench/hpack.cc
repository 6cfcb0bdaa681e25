#include "bench/kvbench/hpack.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace keelson::kvbench {
namespace {

// RFC 7541 appendix A.
constexpr uint8_t kStaticAuthority = 1;
constexpr uint8_t kStaticMethodPost = 3;
constexpr uint8_t kStaticPath = 4;
constexpr uint8_t kStaticSchemeHttp = 6;
constexpr uint8_t kStaticContentType = 31;
constexpr uint8_t kStaticEntries = 61;

// All entries that we may insert, at 32 bytes of overhead each, stay below the default table size.
constexpr uint32_t kNeededTableSize = 4096;
constexpr size_t kMaxKnownBlocks = 8;

constexpr size_t kEntryAuthority = kMethodCount;
constexpr size_t kEntryContentType = kMethodCount + 1;
constexpr size_t kEntryTe = kMethodCount + 2;

void AppendString(std::string_view text, std::string& out) {
  KEELSON_CHECK(text.size() < 127, "a header of ours fits a one-byte length");
  out.push_back(static_cast<char>(text.size()));
  out.append(text);
}

// Only one-byte indexed fields: such a block neither reads a literal nor changes the table.
bool OnlyIndexes(std::string_view block) {
  return std::all_of(block.begin(), block.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte > 0x80 && byte < 0xff;
  });
}

int ParseInt(std::string_view text, int otherwise) {
  int value = otherwise;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : otherwise;
}

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

RequestHeaders::RequestHeaders(std::string authority) : authority_(std::move(authority)) {
  if (authority_.size() > 120) authority_.resize(120);
}

void RequestHeaders::SetPeerTableSize(uint32_t bytes) {
  if (bytes >= kNeededTableSize || !indexing_) return;
  indexing_ = false;
  announce_empty_table_ = true;
}

void RequestHeaders::AppendField(size_t entry, uint8_t name_index, std::string_view name,
                                 std::string_view value, std::string& out) {
  if (inserted_as_[entry] != 0 && indexing_) {
    const uint32_t index = kStaticEntries + 1 + inserted_ - inserted_as_[entry];
    out.push_back(static_cast<char>(0x80 | index));
    return;
  }
  // Literal with incremental indexing (6-bit index), or without indexing (4-bit index).
  if (indexing_) {
    out.push_back(static_cast<char>(0x40 | name_index));
    inserted_as_[entry] = ++inserted_;
  } else if (name_index < 15) {
    out.push_back(static_cast<char>(name_index));
  } else {
    out.push_back(0x0f);
    out.push_back(static_cast<char>(name_index - 15));
  }
  if (name_index == 0) AppendString(name, out);
  AppendString(value, out);
}

void RequestHeaders::Append(Method method, std::string& out) {
  const auto entry = static_cast<size_t>(method);
  if (indexing_ && cached_at_[entry] != 0 && cached_at_[entry] == inserted_) {
    out.append(cached_[entry]);
    return;
  }
  const size_t start = out.size();
  const uint32_t inserted_before = inserted_;
  if (announce_empty_table_) out.push_back(0x20);
  announce_empty_table_ = false;
  out.push_back(static_cast<char>(0x80 | kStaticMethodPost));
  out.push_back(static_cast<char>(0x80 | kStaticSchemeHttp));
  AppendField(entry, kStaticPath, "", PathOf(method), out);
  AppendField(kEntryAuthority, kStaticAuthority, "", authority_, out);
  AppendField(kEntryContentType, kStaticContentType, "", "application/grpc", out);
  AppendField(kEntryTe, 0, "te", "trailers", out);
  if (inserted_ == inserted_before && indexing_) {
    cached_[entry] = out.substr(start);
    cached_at_[entry] = inserted_;
  }
}

void ResponseHeaderDecoder::InflaterDeleter::operator()(nghttp2_hd_inflater* inflater) const {
  nghttp2_hd_inflate_del(inflater);
}

ResponseHeaderDecoder::ResponseHeaderDecoder() {
  nghttp2_hd_inflater* inflater = nullptr;
  KEELSON_CHECK(nghttp2_hd_inflate_new(&inflater) == 0, "out of memory");
  inflater_.reset(inflater);
}

ResponseHeaderDecoder::~ResponseHeaderDecoder() = default;

const ResponseHeaders* ResponseHeaderDecoder::Decode(std::string_view block) {
  for (const Known& known : known_) {
    if (known.block == block) return &known.headers;
  }
  const bool only_indexes = OnlyIndexes(block);
  if (!only_indexes) known_.clear();
  current_ = ResponseHeaders();
  if (!Inflate(block)) return nullptr;
  if (only_indexes && known_.size() < kMaxKnownBlocks) {
    known_.push_back({std::string(block), current_});
  }
  return &current_;
}

bool ResponseHeaderDecoder::Inflate(std::string_view block) {
  const auto* in = reinterpret_cast<const uint8_t*>(block.data());
  size_t left = block.size();
  while (true) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, in, left, 1);
    if (used < 0) return false;
    in += used;
    left -= static_cast<size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      const std::string_view name = View(field.name, field.namelen);
      const std::string_view value = View(field.value, field.valuelen);
      if (name == ":status") current_.http_status = ParseInt(value, 0);
      if (name == "grpc-status") current_.grpc_status = ParseInt(value, 2);
      if (name == "grpc-message") current_.grpc_message = PercentDecode(value);
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      nghttp2_hd_inflate_end_headers(inflater_.get());
      return true;
    }
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) return true;
  }
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace keelson::kvbench
