// Unix sockets: what clients reach through them, and the path's life.
#include "server/rpc/listening_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <fstream>

#include "tests/harness/temp_dir.h"
#include "tests/rpc/loop_thread.h"

namespace keelson::server {
namespace {

using Unix = asio::local::stream_protocol;
using ::testing::HasSubstr;

bool Exists(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0;
}

TEST(ListeningSocketTest, ClientsReachTheFrontEndThroughAPath) {
  const keelson::testing::TempDir dir;
  const std::string path = dir.path() + "/kvd.sock";
  LoopThread server;
  server.Do([&] { ASSERT_TRUE(server.front_end->Listen("unix:" + path).ok()); });
  server.Do([&] { EXPECT_EQ(server.front_end->addresses().back(), "unix:" + path); });
  asio::io_context io;
  Unix::socket socket(io);
  socket.connect(Unix::endpoint(path));
  const std::string request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
  asio::write(socket, asio::buffer(request));
  std::string answer;
  asio::read_until(socket, asio::dynamic_buffer(answer), "GET /a? ");
  EXPECT_EQ(answer.substr(0, 15), "HTTP/1.1 200 OK");
}

TEST(ListeningSocketTest, ThePathGoesWithTheSocket) {
  const keelson::testing::TempDir dir;
  const std::string path = dir.path() + "/kvd.sock";
  asio::io_context loop;
  {
    auto opened = ListeningSocket::Open(loop, "unix:" + path);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const ListeningSocket moved = *std::move(opened);
    EXPECT_TRUE(Exists(path)) << "what is moved from takes nothing away";
  }
  EXPECT_FALSE(Exists(path));
}

TEST(ListeningSocketTest, ASocketThatAKilledProcessLeftIsReplaced) {
  const keelson::testing::TempDir dir;
  const std::string path = dir.path() + "/kvd.sock";
  asio::io_context loop;
  { Unix::acceptor left(loop, Unix::endpoint(path)); }
  ASSERT_TRUE(Exists(path));
  EXPECT_TRUE(ListeningSocket::Open(loop, "unix:" + path).ok());
}

TEST(ListeningSocketTest, ASocketInUseAndAPlainFileAreLeftAlone) {
  const keelson::testing::TempDir dir;
  const std::string path = dir.path() + "/kvd.sock";
  asio::io_context loop;
  const auto first = ListeningSocket::Open(loop, "unix:" + path);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(std::string(ListeningSocket::Open(loop, "unix:" + path).status().message()),
              HasSubstr("cannot listen on \"unix:" + path + "\": Address already in use"));
  EXPECT_TRUE(Exists(path));

  const std::string file = dir.path() + "/notes";
  std::ofstream(file) << "mine";
  EXPECT_FALSE(ListeningSocket::Open(loop, "unix:" + file).ok());
  EXPECT_TRUE(Exists(file));
}

}  // namespace
}  // namespace keelson::server
