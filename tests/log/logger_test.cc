#include "server/log/logger.h"

#include <gtest/gtest.h>

namespace keelson::server {
namespace {

std::string LineOf(LogFormat format) {
  std::string line;
  const Logger logger(
      LogLevel::kInfo, [&line](std::string_view text) { line += text; },
      [] { return std::string("2026-01-02T03:04:05.000006Z"); }, format);
  logger.Debug("server/x", "not shown");
  logger.Warn("server/x", "disk \"a\" is slow", {{"took-ms", 12}, {"full", false}});
  return line;
}

TEST(LoggerTest, ALineIsAnObject) {
  EXPECT_EQ(LineOf(LogFormat::kJson),
            "{\"level\":\"warn\",\"ts\":\"2026-01-02T03:04:05.000006Z\",\"caller\":\"server/x\","
            "\"msg\":\"disk \\\"a\\\" is slow\",\"took-ms\":12,\"full\":false}\n");
}

TEST(LoggerTest, ForPeopleItIsColumns) {
  EXPECT_EQ(LineOf(LogFormat::kConsole),
            "2026-01-02T03:04:05.000006Z\twarn\tserver/x\tdisk \"a\" is slow\t"
            "{\"took-ms\":12,\"full\":false}\n");
}

}  // namespace
}  // namespace keelson::server
