#include "server/rpc/http1_parser.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "server/rpc/http_text.h"

namespace keelson::server {
namespace {

constexpr size_t kMaxRequestLine = 16 << 10;
constexpr size_t kMaxFields = 128;
constexpr size_t kMaxChunkLine = 256;

constexpr std::array<std::string_view, 8> kMethods = {"GET",    "HEAD",  "POST",  "PUT",
                                                      "DELETE", "PATCH", "TRACE", "OPTIONS"};

bool IsTargetChar(char c) { return c > 0x20 && c < 0x7f && c != '#'; }

}  // namespace

size_t Http1Parser::Feed(std::string_view bytes) {
  KEELSON_CHECK(!done() && !failed(), "a parser that stopped is reset first");
  size_t taken = 0;
  while (taken < bytes.size() && !done() && !failed()) {
    const std::string_view rest = bytes.substr(taken);
    const bool data = state_ == State::kBody || state_ == State::kChunkData;
    taken += data ? FeedData(rest) : FeedLine(rest);
  }
  return taken;
}

size_t Http1Parser::FeedData(std::string_view bytes) {
  const size_t count = std::min(bytes.size(), body_left_);
  request_.body.append(bytes.substr(0, count));
  body_left_ -= count;
  if (body_left_ == 0) state_ = state_ == State::kBody ? State::kDone : State::kChunkEnd;
  return count;
}

size_t Http1Parser::FeedLine(std::string_view bytes) {
  const size_t end = bytes.find('\n');
  const size_t count = end == std::string_view::npos ? bytes.size() : end + 1;
  head_bytes_ += count;
  const bool first_line = state_ == State::kRequestLine;
  if (first_line && head_bytes_ > std::min(kMaxRequestLine, limits_.max_head_bytes)) {
    Fail(414, "request line too long");
    return count;
  }
  if (head_bytes_ > limits_.max_head_bytes) {
    Fail(431, "request header fields too large");
    return count;
  }
  line_.append(bytes.substr(0, count));
  if (end == std::string_view::npos) return count;
  const std::string line = std::exchange(line_, {});
  std::string_view view = line;
  const bool ended = view.ends_with("\r\n");
  if (ended) view.remove_suffix(2);
  if (!ended || view.find('\r') != std::string_view::npos) {
    Fail(400, "line not ended by CRLF");
    return count;
  }
  OnLine(view);
  return count;
}

void Http1Parser::OnLine(std::string_view line) {
  switch (state_) {
    case State::kRequestLine:
      return OnRequestLine(line);
    case State::kFields:
      return line.empty() ? OnHeadEnd() : OnField(line);
    case State::kChunkSize:
      return OnChunkSize(line);
    case State::kChunkEnd:
      if (!line.empty()) return Fail(400, "chunk longer than its size");
      state_ = State::kChunkSize;
      return;
    case State::kTrailers:  // read, checked for size, and dropped
      if (line.empty()) state_ = State::kDone;
      return;
    default:
      KEELSON_CHECK(false, "no line is expected in this state");
  }
}

void Http1Parser::OnRequestLine(std::string_view line) {
  // One empty line before a request is an old client's habit (RFC 9112 section 2.2).
  if (line.empty()) {
    if (head_bytes_ > 2) Fail(400, "malformed request line");
    return;
  }
  const std::vector<std::string_view> parts = SplitAt(line, ' ');
  if (parts.size() != 3 || !IsToken(parts[0])) return Fail(400, "malformed request line");
  if (parts[2] == "HTTP/1.1") {
    request_.minor_version = 1;
  } else if (parts[2] == "HTTP/1.0") {
    request_.minor_version = 0;
  } else if (parts[2].starts_with("HTTP/")) {
    return Fail(505, "HTTP version not supported");
  } else {
    return Fail(400, "malformed request line");
  }
  request_.method = parts[0];
  if (std::find(kMethods.begin(), kMethods.end(), parts[0]) == kMethods.end()) {
    return Fail(501, "method not implemented");
  }
  OnTarget(parts[1]);
}

void Http1Parser::OnTarget(std::string_view target) {
  if (!std::all_of(target.begin(), target.end(), IsTargetChar)) {
    return Fail(400, "malformed request target");
  }
  constexpr std::string_view kAbsoluteForm = "http://";  // as sent to proxies
  if (target.starts_with(kAbsoluteForm)) {
    target.remove_prefix(kAbsoluteForm.size());
    const size_t slash = target.find_first_of("/?");
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const bool whole_server = target == "*" && request_.method == "OPTIONS";
  if (!whole_server && (target.empty() || target[0] != '/')) {
    return Fail(400, "malformed request target");
  }
  request_.target = target;
  state_ = State::kFields;
}

void Http1Parser::OnField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return Fail(400, "malformed header field");
  }
  const std::string_view value = TrimBlanks(line.substr(colon + 1));
  if (!IsFieldValue(value)) return Fail(400, "malformed header field value");
  if (request_.headers.size() == kMaxFields) return Fail(431, "too many header fields");
  request_.headers.emplace_back(ToLower(line.substr(0, colon)), value);
}

Http1Parser::Found Http1Parser::FindField(std::string_view name) const {
  Found found;
  for (const auto& [key, value] : request_.headers) {
    if (key != name) continue;
    ++found.count;
    found.value = value;
  }
  return found;
}

void Http1Parser::OnHeadEnd() {
  OnConnection();
  if (!OnHost() || !OnBodyLength() || !OnExpect()) return;
  if (state_ == State::kBody && body_left_ == 0) state_ = State::kDone;
  if (state_ == State::kDone) expect_continue_ = false;
}

void Http1Parser::OnConnection() {
  bool close = false;
  bool keep = false;
  for (const auto& [name, value] : request_.headers) {
    if (name != "connection") continue;
    for (std::string_view option : SplitAt(value, ',')) {
      close |= IsWord(TrimBlanks(option), "close");
      keep |= IsWord(TrimBlanks(option), "keep-alive");
    }
  }
  request_.keep_alive = !close && (keep || request_.minor_version == 1);
}

bool Http1Parser::OnHost() {
  const int hosts = FindField("host").count;
  if (hosts > 1 || (hosts == 0 && request_.minor_version == 1)) {
    Fail(400, "exactly one Host field is required");
    return false;
  }
  return true;
}

bool Http1Parser::OnBodyLength() {
  const Found length = FindField("content-length");
  const Found coding = FindField("transfer-encoding");
  if (coding.count > 0) {
    if (length.count > 0 || request_.minor_version == 0) {
      Fail(400, "Transfer-Encoding with Content-Length or HTTP/1.0");
    } else if (coding.count > 1 || !IsWord(coding.value, "chunked")) {
      Fail(501, "transfer coding not implemented");
    }
    state_ = failed() ? State::kFailed : State::kChunkSize;
    return !failed();
  }
  state_ = State::kBody;
  body_left_ = 0;
  if (length.count == 0) return true;
  if (length.count > 1 || !ParseDecimal(length.value, &body_left_)) {
    Fail(400, "malformed Content-Length");
  } else if (body_left_ > limits_.max_body_bytes) {
    Fail(413, "request body too large");
  }
  return !failed();
}

bool Http1Parser::OnExpect() {
  const Found expect = FindField("expect");
  if (expect.count == 0) return true;
  if (!IsWord(expect.value, "100-continue")) {
    Fail(417, "expectation failed");
    return false;
  }
  expect_continue_ = request_.minor_version == 1;
  return true;
}

void Http1Parser::OnChunkSize(std::string_view line) {
  if (line.size() > kMaxChunkLine) return Fail(400, "chunk line too long");
  size_t size = 0;
  if (!ParseHex(TrimBlanks(line.substr(0, line.find(';'))), &size)) {
    return Fail(400, "malformed chunk size");
  }
  if (size > limits_.max_body_bytes - request_.body.size()) {
    return Fail(413, "request body too large");
  }
  // The lines between chunks must not use up the head's allowance.
  head_bytes_ -= std::min(head_bytes_, line.size() + 4);
  body_left_ = size;
  state_ = size == 0 ? State::kTrailers : State::kChunkData;
}

void Http1Parser::Fail(int status, std::string_view why) {
  state_ = State::kFailed;
  error_status_ = status;
  error_ = why;
}

void Http1Parser::Reset() {
  state_ = State::kRequestLine;
  line_.clear();
  head_bytes_ = 0;
  body_left_ = 0;
  expect_continue_ = false;
  request_ = Http1Request();
  error_status_ = 0;
  error_.clear();
}

}  // namespace keelson::server
