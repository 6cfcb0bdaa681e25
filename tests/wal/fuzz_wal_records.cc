// Any bytes as a segment: recovery and reads end with a result or an error, never with a crash or
// an allocation beyond the file's size. What opens must read back and open again.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/crc32c.h"
#include "storage/fs/faulty_fs.h"
#include "storage/wal/little_endian.h"
#include "storage/wal/record_codec.h"
#include "storage/wal/segment.h"
#include "storage/wal/wal.h"

namespace keelson::storage {
namespace {

constexpr WalIdentity kIdentity{.cluster_id = 1, .member_id = 2};
constexpr uint64_t kSalt = 99;
constexpr size_t kMostBytes = 64 << 10;

// The input is a list of edits: byte 0 of each says what. Checksums are made right for records that
// are built from the input, so that the fuzzer gets behind them.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  uint64_t Number() {
    char padded[8] = {};
    std::string_view taken = Bytes(8);
    taken.copy(padded, 8);
    return GetLittle<uint64_t>(padded);
  }
  uint64_t Small() { return Number() & 0x3f; }
  uint8_t Byte() {
    std::string_view taken = Bytes(1);
    return taken.empty() ? 0 : static_cast<uint8_t>(taken[0]);
  }
  std::string_view Bytes(size_t count) {
    std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

void Place(const std::string& record, uint64_t offset, std::string* file) {
  if (offset + record.size() <= file->size()) file->replace(offset, record.size(), record);
}

std::string BuildSegment(std::string_view data) {
  Input input(data);
  SegmentHeader header;
  header.identity = kIdentity;
  header.sequence = 1;
  header.salt = kSalt;
  const uint8_t shape = input.Byte();
  const uint64_t file_bytes = (4 + shape % 12) * 4096;
  header.area_bytes = file_bytes - kAreaOffset;
  if ((shape & 0x80) != 0) {
    header.has_table = true;
    header.area_bytes = input.Number() % (2 * file_bytes) / kWalSectorBytes * kWalSectorBytes;
    header.table_checksum = static_cast<uint32_t>(input.Number());
  }
  std::string file = EncodeHeaderPage(header);
  file.resize(file_bytes, '\0');
  uint64_t offset = kAreaOffset;
  GroupFrame frame;
  while (!input.done()) {
    std::string record;
    switch (input.Byte() % 5) {
      case 0: {
        frame.number += 1 + (input.Byte() == 255 ? 1 : 0);
        frame.follows = frame.number - 1 - (input.Byte() == 255 ? 1 : 0);
        frame.durable = frame.follows;
        frame.entries = static_cast<uint32_t>(input.Byte() == 255 ? input.Number() : input.Byte());
        frame.bytes = static_cast<uint32_t>(input.Number());
        frame.prev = {raft::Term(input.Small()), raft::Index(input.Small())};
        frame.hard.term = raft::Term(input.Small());
        frame.resets_log = input.Byte() % 8 == 0;
        offset = PadToSector(offset);
        AppendFrame(frame, {.salt = kSalt, .offset = offset}, &record);
        break;
      }
      case 1:
      case 2: {
        EntryHead head;
        head.id = {raft::Term(input.Small()), raft::Index(input.Small())};
        head.type = static_cast<raft::EntryType>(input.Byte() % 4);
        const std::string_view payload = input.Bytes(input.Byte());
        head.payload_bytes = static_cast<uint32_t>(
            input.Byte() == 255 ? input.Number() : static_cast<uint64_t>(payload.size()));
        head.content_checksum = raft::ContentChecksum(head.id, head.type, payload);
        if (frame.number == 0) break;
        AppendEntryHead(head, {.salt = kSalt, .group = frame.number, .offset = offset}, &record);
        record.append(payload);
        break;
      }
      case 3:
        record = std::string(input.Bytes(input.Byte()));
        break;
      default:
        offset = input.Number() % file_bytes;
    }
    Place(record, offset, &file);
    offset += record.size();
  }
  return file;
}

void OpenAndRead(const std::string& segment) {
  FaultyFileSystem fs([] { return uint64_t{7}; });
  KEELSON_CHECK(CreateDirectoriesDurably(fs, "/wal").ok(), "the disk works");
  auto file = fs.Open(JoinPath("/wal", SegmentFileName(1)), OpenMode::kCreate);
  KEELSON_CHECK(file.ok() && (*file)->WriteAt(0, segment).ok(), "the disk works");
  uint64_t salts = 1000;
  WalOptions options;
  options.identity = kIdentity;
  options.segment_bytes = 16 << 10;
  options.on_demand_bytes = 8 << 10;
  options.ready_segments = 1;
  options.random = [&salts] { return ++salts; };
  WalRecovery first;
  auto wal = Wal::Open(&fs, "/wal", options, &first);
  if (!wal.ok()) return;
  for (raft::Index next = first.base.index.Next(); next <= first.last.index;) {
    auto entries = (*wal)->Read(next, next + 1000, 1 << 20);
    if (!entries.ok()) return;  // a type of a later release
    next = entries->back().index.Next();
  }
  auto upkeep = (*wal)->TakeUpkeep();
  if (upkeep != nullptr) {
    KEELSON_CHECK(upkeep->Run().ok(), "the disk works");
    KEELSON_CHECK((*wal)->UpkeepDone(std::move(upkeep)).ok(), "the disk works");
  }
  wal->reset();
  fs.PowerLoss(PowerLossMode::kLoseAll);
  WalRecovery second;
  wal = Wal::Open(&fs, "/wal", options, &second);
  KEELSON_CHECK(wal.ok(), "a log that was opened opens again");
  KEELSON_CHECK(second.last == first.last && second.hard_state == first.hard_state,
                "what a start reported is durable");
}

}  // namespace
}  // namespace keelson::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > keelson::storage::kMostBytes) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] % 2 == 0) {
    keelson::storage::OpenAndRead(keelson::storage::BuildSegment(bytes.substr(1)));
  } else {
    keelson::storage::OpenAndRead(std::string(bytes));
  }
  return 0;
}
