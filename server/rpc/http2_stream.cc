#include "server/rpc/http2_stream.h"

#include <nghttp2/nghttp2.h>

#include <utility>

#include "absl/container/inlined_vector.h"
#include "server/rpc/http2_session.h"

namespace keelson::server {

// In http2_config.cc, with the callbacks that read the body.
nghttp2_data_provider BodyOf(Http2Stream& stream);

namespace {

uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

Http2Stream::~Http2Stream() {
  session_.AdjustUnread(-static_cast<ptrdiff_t>(body_.size()));
  SetHeldBytes(0);
}

void Http2Stream::AddField(std::string_view name, std::string_view value) {
  const Http2Rules::Verdict verdict = rules_.OnField(name, value);
  if (verdict == Http2Rules::Verdict::kMalformed) malformed_ = true;
  if (verdict != Http2Rules::Verdict::kTake) return;
  head_.Add(name, value, session_.context().options.max_header_list_bytes);
}

void Http2Stream::AddTrailer(std::string_view name) {
  if (!Http2Rules::IsGoodTrailer(name)) malformed_ = true;
}

void Http2Stream::Respond(std::span<const HeaderField> fields, bool end) {
  absl::InlinedVector<nghttp2_nv, 8> list;
  list.reserve(fields.size());
  for (const HeaderField& field : fields) {
    const int flags = field.fixed ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
                                  : NGHTTP2_NV_FLAG_NO_INDEX;
    list.push_back({Bytes(field.name), Bytes(field.value), field.name.size(), field.value.size(),
                    static_cast<uint8_t>(flags)});
  }
  const nghttp2_data_provider body = BodyOf(*this);
  nghttp2_submit_response(session_.raw(), id_, list.data(), list.size(), end ? nullptr : &body);
  session_.Wake();
}

void Http2Stream::Write(SharedBody body) {
  const size_t before = body_.size();
  body_.Append(std::move(body.head));
  body_.AppendShared(std::move(body.tail));
  session_.AdjustUnread(static_cast<ptrdiff_t>(body_.size() - before));
  if (body_.size() >= Call::kHighWater) above_high_water_ = true;
  ResumeBody();
}

void Http2Stream::End(Fields trailers) {
  trailers_ = std::move(trailers);
  body_ended_ = true;
  ResumeBody();
}

void Http2Stream::ResumeBody() {
  if (waiting_for_body_) {
    waiting_for_body_ = false;
    nghttp2_session_resume_data(session_.raw(), id_);
  }
  session_.Wake();
}

void Http2Stream::Reset(uint32_t error_code) {
  nghttp2_submit_rst_stream(session_.raw(), NGHTTP2_FLAG_NONE, id_, error_code);
  session_.Wake();
}

void Http2Stream::SetHeldBytes(size_t bytes) {
  session_.AdjustHeld(static_cast<ptrdiff_t>(bytes) - static_cast<ptrdiff_t>(held_bytes_));
  held_bytes_ = bytes;
}

void Http2Stream::Consume() {
  if (unconsumed_bytes_ == 0) return;
  if (!half_closed_) nghttp2_session_consume_stream(session_.raw(), id_, unconsumed_bytes_);
  unconsumed_bytes_ = 0;
}

void Http2Stream::Schedule() {
  if (!role_) return;
  session_.Schedule(role_);
  session_.Wake();
}

}  // namespace keelson::server
