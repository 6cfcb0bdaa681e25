// Constants and byte order of HTTP/2 frames (RFC 9113 section 4 and 6).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::kvbench::h2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr size_t kFrameHeaderSize = 9;
inline constexpr size_t kGrpcPrefixSize = 5;
inline constexpr uint32_t kDefaultWindow = 65535;
inline constexpr uint32_t kDefaultMaxFrame = 16384;

enum class Type : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

inline constexpr uint8_t kFlagAck = 0x1;
inline constexpr uint8_t kFlagEndStream = 0x1;
inline constexpr uint8_t kFlagEndHeaders = 0x4;
inline constexpr uint8_t kFlagPadded = 0x8;
inline constexpr uint8_t kFlagPriority = 0x20;

inline constexpr uint16_t kSettingsHeaderTableSize = 1;
inline constexpr uint16_t kSettingsEnablePush = 2;
inline constexpr uint16_t kSettingsMaxConcurrentStreams = 3;
inline constexpr uint16_t kSettingsInitialWindowSize = 4;
inline constexpr uint16_t kSettingsMaxFrameSize = 5;

inline constexpr uint32_t kErrorCancel = 8;

inline uint32_t Load32(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  return at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3);
}

inline uint16_t Load16(std::string_view bytes) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8 |
                               static_cast<uint8_t>(bytes[1]));
}

inline void Append16(uint16_t value, std::string& out) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

inline void Append32(uint32_t value, std::string& out) {
  const char bytes[4] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                         static_cast<char>(value >> 8), static_cast<char>(value)};
  out.append(bytes, 4);
}

inline void AppendFrameHeader(size_t length, Type type, uint8_t flags, uint32_t stream,
                              std::string& out) {
  const char head[5] = {static_cast<char>(length >> 16), static_cast<char>(length >> 8),
                        static_cast<char>(length), static_cast<char>(type),
                        static_cast<char>(flags)};
  out.append(head, 5);
  Append32(stream, out);
}

}  // namespace keelson::kvbench::h2
