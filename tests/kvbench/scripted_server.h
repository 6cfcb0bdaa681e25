// A gRPC server for tests, made of nghttp2's own session so that the hand-written client frames are
// judged by an independent implementation. Bytes in, bytes out.
#pragma once

#include <nghttp2/nghttp2.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::kvbench {

class ScriptedServer {
 public:
  // Called for each whole request message (gRPC prefix removed), on the stream it came on.
  using OnRequest = std::function<void(int32_t stream, const std::string& path,
                                       const std::string& message, bool end_of_stream)>;

  ScriptedServer(std::vector<nghttp2_settings_entry> settings, OnRequest on_request);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // False if the client broke the protocol.
  bool Feed(std::string_view bytes);
  std::string TakeOutput();

  // Sends the answer's headers (once) and this message.
  void Send(int32_t stream, const std::string& message);
  // Ends the call with trailers.
  void Finish(int32_t stream, int grpc_status, const std::string& grpc_message = "");
  void Reset(int32_t stream, uint32_t error);
  void GoAway(int32_t last_stream);
  void Ping();

  int requests() const { return requests_; }
  bool cancelled(int32_t stream) const;

 private:
  struct Call {
    std::string path;
    std::string received;  // unparsed bytes
    std::string pending;   // to be sent
    bool answered = false;
    bool finished = false;
    bool cancelled = false;
    int grpc_status = 0;
    std::string grpc_message;
  };

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* self);
  static int OnData(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size,
                    void* self);
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int OnClose(nghttp2_session*, int32_t stream, uint32_t error, void* self);
  static ssize_t Provide(nghttp2_session*, int32_t stream, uint8_t* buffer, size_t size,
                         uint32_t* flags, nghttp2_data_source*, void* self);

  void Deliver(int32_t stream, bool end);
  void StartAnswer(int32_t stream, Call& call);

  OnRequest on_request_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Call> calls_;
  int requests_ = 0;
};

}  // namespace keelson::kvbench
