#include "tests/mvcc/requests.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "storage/mvcc/read_view.h"

namespace keelson::storage {
namespace {

uint64_t Below(std::mt19937_64& random, uint64_t bound) { return random() % bound; }

int64_t RandomRevision(std::mt19937_64& random, const Model& model) {
  const int64_t low = std::max<int64_t>(model.compact_revision(), 1);
  return low +
         static_cast<int64_t>(Below(random, static_cast<uint64_t>(model.revision() - low + 1)));
}

Step RandomChange(std::mt19937_64& random, const KeySpace& space) {
  Step step;
  const uint64_t dice = Below(random, 100);
  step.key = RandomKey(random, space);
  if (dice < 70) {
    step.kind = StepKind::kPut;
    step.value = std::string(Below(random, static_cast<uint64_t>(space.max_value)), 'v');
    absl::StrAppend(&step.value, Below(random, 1000));
    if (Below(random, 3) == 0) {
      step.number = 1 + static_cast<int64_t>(Below(random, static_cast<uint64_t>(space.leases)));
    }
  } else if (dice < 92) {
    step.kind = StepKind::kDelete;
  } else {
    step.kind = StepKind::kDeleteRange;
    step.range = RandomRange(random, space);
  }
  return step;
}

Step RandomOther(std::mt19937_64& random, const KeySpace& space, const Model& model) {
  Step step;
  step.key = RandomKey(random, space);
  step.range = RandomRange(random, space);
  step.number = 1 + static_cast<int64_t>(Below(random, static_cast<uint64_t>(space.leases)));
  step.value = absl::StrCat("blob", Below(random, 1000));
  constexpr StepKind kKinds[] = {StepKind::kGet,      StepKind::kRange,       StepKind::kCount,
                                 StepKind::kPutLease, StepKind::kDeleteLease, StepKind::kLeaseKeys,
                                 StepKind::kPutMeta};
  step.kind = kKinds[Below(random, std::size(kKinds))];
  const bool read =
      step.kind == StepKind::kGet || step.kind == StepKind::kRange || step.kind == StepKind::kCount;
  if (read) step.number = Below(random, 2) == 0 ? 0 : RandomRevision(random, model);
  return step;
}

std::vector<KeyValue> Values(const std::vector<KeyValuePtr>& pairs) {
  std::vector<KeyValue> result;
  for (const KeyValuePtr& kv : pairs) result.push_back(*kv);
  return result;
}

std::optional<KeyValue> Value(const KeyValuePtr& kv) {
  return kv == nullptr ? std::nullopt : std::optional<KeyValue>(*kv);
}

void ExecuteRead(const Step& step, ApplyBatch& batch, Model* model) {
  if (step.kind == StepKind::kGet) {
    auto kv = batch.Get(step.key, step.number);
    ASSERT_TRUE(kv.ok()) << kv.status();
    if (model) {
      EXPECT_EQ(Value(*kv), model->Get(step.key, step.number));
    }
  } else if (step.kind == StepKind::kRange) {
    auto pairs = batch.Range(step.range, step.number);
    ASSERT_TRUE(pairs.ok()) << pairs.status();
    if (model) {
      EXPECT_EQ(Values(*pairs), model->Range(step.range, step.number));
    }
  } else if (step.kind == StepKind::kCount) {
    auto count = batch.Count(step.range, step.number);
    ASSERT_TRUE(count.ok()) << count.status();
    if (model) {
      EXPECT_EQ(*count, static_cast<int64_t>(model->Range(step.range, step.number).size()));
    }
  } else {
    auto keys = batch.LeaseKeys(step.number);
    ASSERT_TRUE(keys.ok()) << keys.status();
    if (model) {
      EXPECT_EQ(*keys, model->LeaseKeys(step.number));
    }
  }
}

void ExecuteChange(const Step& step, ApplyBatch& batch, Model* model) {
  if (step.kind == StepKind::kPut) {
    auto put = batch.Put(step.key, step.value, step.number);
    ASSERT_TRUE(put.ok()) << put.status();
    if (!model) return;
    EXPECT_EQ(Value(put->prev), model->Put(step.key, step.value, step.number));
    EXPECT_EQ(Value(put->now), model->Get(step.key));
  } else if (step.kind == StepKind::kDelete) {
    auto removed = batch.Delete(step.key);
    ASSERT_TRUE(removed.ok()) << removed.status();
    if (model) {
      EXPECT_EQ(Value(*removed), model->Delete(step.key));
    }
  } else {
    auto removed = batch.DeleteRange(step.range);
    ASSERT_TRUE(removed.ok()) << removed.status();
    if (model) {
      EXPECT_EQ(Values(*removed), model->DeleteRange(step.range));
    }
  }
}

void ExecuteRecord(const Step& step, ApplyBatch& batch, Model* model) {
  if (step.kind == StepKind::kPutLease) {
    batch.PutLease(step.number, step.value);
    if (model) model->leases[step.number] = step.value;
  } else if (step.kind == StepKind::kDeleteLease) {
    batch.DeleteLease(step.number);
    if (model) model->leases.erase(step.number);
  } else if (step.kind == StepKind::kPutMeta) {
    batch.PutMeta(step.key, step.value);
    if (model) model->meta[step.key] = step.value;
  } else {
    ASSERT_EQ(batch.SetCompactRevision(step.number), absl::OkStatus());
    if (model) model->Compact(step.number);
  }
}

}  // namespace

std::string RandomKey(std::mt19937_64& random, const KeySpace& space) {
  return absl::StrCat("k", Below(random, static_cast<uint64_t>(space.keys)));
}

KeyRange RandomRange(std::mt19937_64& random, const KeySpace& space) {
  switch (Below(random, 5)) {
    case 0:
      return KeyRange::All();
    case 1:
      return KeyRange::Prefix(absl::StrCat("k", Below(random, 10)));
    case 2:
      return KeyRange::From(RandomKey(random, space));
    case 3:
      return KeyRange::Single(RandomKey(random, space));
    default:
      return {RandomKey(random, space), RandomKey(random, space)};
  }
}

Request RandomRequest(std::mt19937_64& random, const KeySpace& space, const Model& model) {
  Request request;
  if (model.revision() > std::max<int64_t>(model.compact_revision(), 1) && Below(random, 40) == 0) {
    Step step;
    step.kind = StepKind::kCompact;
    const int64_t low = std::max<int64_t>(model.compact_revision(), 0);
    step.number =
        low + 1 +
        static_cast<int64_t>(Below(random, static_cast<uint64_t>(model.revision() - low)));
    request.steps.push_back(std::move(step));
    return request;
  }
  uint64_t steps = 1;
  if (Below(random, 4) == 0) steps += Below(random, 6);
  for (uint64_t i = 0; i < steps; ++i) {
    request.steps.push_back(Below(random, 4) == 0 ? RandomOther(random, space, model)
                                                  : RandomChange(random, space));
  }
  request.abort = Below(random, 15) == 0;
  return request;
}

void Execute(const Request& request, ApplyBatch& batch, Model* model) {
  std::optional<Model> before;
  if (model && request.abort) before = *model;
  batch.BeginRequest();
  if (model) model->Begin();
  for (const Step& step : request.steps) {
    switch (step.kind) {
      case StepKind::kGet:
      case StepKind::kRange:
      case StepKind::kCount:
      case StepKind::kLeaseKeys:
        ExecuteRead(step, batch, model);
        break;
      case StepKind::kPut:
      case StepKind::kDelete:
      case StepKind::kDeleteRange:
        ExecuteChange(step, batch, model);
        break;
      default:
        ExecuteRecord(step, batch, model);
    }
    if (model) {
      EXPECT_EQ(batch.revision(), model->revision());
    }
  }
  if (request.abort) {
    batch.AbortRequest();
    if (model) *model = *std::move(before);
  } else {
    const int64_t revision = batch.EndRequest();
    if (model) model->End();
    if (model) {
      EXPECT_EQ(revision, model->revision());
    }
  }
  if (model) {
    EXPECT_EQ(batch.db_size(), model->DbSize());
  }
}

}  // namespace keelson::storage
