#include "server/peer/member_inquiry.h"

#include <array>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/peer/handshake.h"

namespace keelson::server {
namespace {

using asio::ip::tcp;

ClusterMembers FromAnswer(const v1::PeerHandshake& answer) {
  ClusterMembers said;
  said.cluster_id = answer.cluster_id();
  for (const auto& member : answer.members()) {
    said.members.push_back({raft::NodeId(member.id()),
                            member.incarnation(),
                            {member.peer_urls().begin(), member.peer_urls().end()}});
  }
  return said;
}

// One connection, run by its own context.
class Inquiry {
 public:
  explicit Inquiry(const PeerUrl& url) : url_(url) {}

  absl::StatusOr<ClusterMembers> Run(Duration timeout) {
    resolver_.async_resolve(
        url_.host, std::to_string(url_.port), tcp::resolver::numeric_service,
        [this](const std::error_code& error, const tcp::resolver::results_type& found) {
          if (error) return Fail(error);
          asio::async_connect(socket_, found, [this](const std::error_code& failed, const auto&) {
            if (failed) return Fail(failed);
            Say();
          });
        });
    context_.run_for(timeout);
    return std::move(result_);
  }

 private:
  void Say() {
    asio::async_write(socket_, asio::buffer(question_),
                      [this](const std::error_code& error, size_t) {
                        if (error) return Fail(error);
                        Hear();
                      });
  }

  void Hear() {
    socket_.async_read_some(asio::buffer(answer_) + heard_,
                            [this](const std::error_code& error, size_t bytes) {
                              if (error) return Fail(error);
                              heard_ += bytes;
                              Judge();
                            });
  }

  void Judge() {
    const auto answer = ParseHandshake({answer_.data(), heard_});
    if (!answer.ok()) {
      result_ = answer.status();
    } else if (answer->bytes == 0) {
      Hear();
    } else if (answer->message.refusal() != v1::PEER_ACCEPTED) {
      result_ = absl::FailedPreconditionError(
          absl::StrCat(FormatPeerUrl(url_), ": ", answer->message.detail()));
    } else {
      result_ = FromAnswer(answer->message);
    }
  }

  void Fail(const std::error_code& error) {
    result_ = absl::UnavailableError(absl::StrCat(FormatPeerUrl(url_), ": ", error.message()));
  }

  const PeerUrl url_;
  asio::io_context context_;
  tcp::resolver resolver_{context_};
  tcp::socket socket_{context_};
  const std::string question_ = EncodeHandshake(MakeInquiry());
  std::array<char, kHandshakeHeadBytes + kMaxHandshakeBytes> answer_{};
  size_t heard_ = 0;
  absl::StatusOr<ClusterMembers> result_ =
      absl::DeadlineExceededError(absl::StrCat(FormatPeerUrl(url_), ": no answer in time"));
};

}  // namespace

absl::StatusOr<ClusterMembers> AskForMembers(const PeerUrl& url, Duration timeout) {
  return Inquiry(url).Run(timeout);
}

}  // namespace keelson::server
