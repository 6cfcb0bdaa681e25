// tree.
#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/kv_arguments.h"
#include "client/kvctl/pages.h"
#include "client/kvctl/progress.h"
#include "client/kvctl/text.h"

namespace keelson::kvctl {
namespace {

// What is known of all keys that share the way to a node.
struct Node {
  int64_t keys = 0;
  uint64_t bytes = 0;
  std::map<std::string, std::unique_ptr<Node>> children = {};
};

struct TreeOptions {
  std::string separator;
  int64_t depth = 0;  // levels that are kept; 0: all
  bool sizes = true;
};

// Adds a key: each part up to and including a separator is a level.
void Add(const client::KeyValue& pair, size_t prefix, const TreeOptions& options, Node& root) {
  const uint64_t bytes = pair.key.size() + pair.value.size();
  Node* node = &root;
  size_t begin = prefix;
  for (int64_t level = 0;; ++level) {
    ++node->keys;
    node->bytes += bytes;
    if (begin >= pair.key.size() || (options.depth > 0 && level == options.depth)) return;
    const size_t found = pair.key.find(options.separator, begin);
    const size_t end =
        found == std::string::npos ? pair.key.size() : found + options.separator.size();
    auto& child = node->children[pair.key.substr(begin, end - begin)];
    if (child == nullptr) child = std::make_unique<Node>();
    node = child.get();
    begin = end;
  }
}

class TreeAnswer {
 public:
  TreeAnswer(const TreeOptions& options, bool hex) : options_(options), hex_(hex) {}

  Answer Make(const std::string& prefix, const Node& root, int64_t revision) {
    answer_.columns = {"PREFIX OR KEY", "KEYS"};
    if (options_.sizes) answer_.columns.push_back("SIZE");
    Line("", prefix.empty() ? "(all)" : Shown(prefix), root);
    Flat(prefix, root, 0);
    Below(prefix, "", root, 1);
    JsonObject json;
    answer_.json = json.Int("revision", revision).Raw("nodes", nodes_.Done()).Done();
    return std::move(answer_);
  }

 private:
  std::string Shown(const std::string& bytes) const {
    return hex_ ? HexBytes(bytes) : Escaped(bytes);
  }

  std::string Size(const Node& node) const { return HumanBytes(static_cast<int64_t>(node.bytes)); }

  void Line(const std::string& lead, const std::string& name, const Node& node) {
    absl::StrAppend(&answer_.plain, lead, name, " (");
    const bool leaf = node.children.empty() && node.keys == 1;
    if (!leaf || !options_.sizes) {
      absl::StrAppend(&answer_.plain, node.keys, node.keys == 1 ? " key" : " keys",
                      options_.sizes ? ", " : "");
    }
    absl::StrAppend(&answer_.plain, options_.sizes ? Size(node) : "", ")\n");
  }

  void Flat(const std::string& path, const Node& node, int64_t depth) {
    std::vector<std::string> row = {Shown(path), std::to_string(node.keys)};
    if (options_.sizes) row.push_back(Size(node));
    answer_.rows.push_back(std::move(row));
    JsonObject object;
    object.Raw("prefix", JsonBase64(path)).Int("depth", depth).Int("keys", node.keys);
    if (options_.sizes) object.Uint("bytes", node.bytes);
    nodes_.Raw(object.Done());
  }

  // Keys may have thousands of levels, so this recursion is bounded where the keys are: by their
  // length, which the servers bound.
  void Below(const std::string& path, const std::string& lead, const Node& node, int64_t depth) {
    size_t left = node.children.size();
    for (const auto& [name, child] : node.children) {
      --left;
      Line(lead + (left > 0 ? "├── " : "└── "), Shown(name), *child);
      Flat(path + name, *child, depth);
      Below(path + name, lead + (left > 0 ? "│   " : "    "), *child, depth + 1);
    }
  }

  const TreeOptions& options_;
  const bool hex_;
  Answer answer_;
  JsonArray nodes_;
};

ExitCode RunTree(Invocation& invocation) {
  const ParsedFlags& flags = invocation.flags();
  const TreeOptions options{.separator = flags.String("separator"),
                            .depth = flags.Int("depth"),
                            .sizes = !flags.Bool("no-sizes")};
  if (options.separator.empty()) return invocation.Misused("--separator must not be empty");
  const std::string prefix = flags.arguments().empty() ? "" : flags.arguments()[0];
  Pages pages(invocation.client().kv(), client::KeyRange::Prefix(prefix),
              {.revision = flags.Int("rev"), .keys_only = !options.sizes});
  Node root;
  {
    ProgressLine line(invocation, ProgressLine::Unit::kKeys);
    while (true) {
      const auto page = pages.Next();
      if (!page.ok()) return invocation.Report(page.status());
      if (page->empty()) break;
      for (const client::KeyValue& pair : *page) Add(pair, prefix.size(), options, root);
      line.Show(static_cast<uint64_t>(root.keys), static_cast<uint64_t>(pages.count()));
    }
  }
  invocation.writer().Show(
      TreeAnswer(options, flags.Bool("hex")).Make(prefix, root, pages.revision()));
  return kOk;
}

}  // namespace

std::vector<Command> TreeCommands() {
  return {
      {.name = "tree",
       .arguments = "[PREFIX]",
       .summary = "Show keys as a tree, with counts and sizes",
       .details =
           R"(A node is what its keys begin with, up to a separator; the size is that of keys and values. All is
read at one revision, in pages. With -o json, yaml and fields the nodes are a list, parents first.
)",
       .examples = R"(  kvctl tree                                  everything
  kvctl tree /registry/ --depth 1             what takes the room below /registry/
  kvctl tree --separator . --no-sizes         values are not read at all
)",
       .flags = {{.name = "separator",
                  .kind = FlagSpec::Kind::kString,
                  .value_name = "TEXT",
                  .help = "what ends a level",
                  .fallback = "/"},
                 {.name = "depth",
                  .kind = FlagSpec::Kind::kInt,
                  .value_name = "N",
                  .help = "N levels only; those below are counted",
                  .fallback = "0"},
                 {.name = "no-sizes", .help = "only counts: faster", .fallback = "false"},
                 {.name = "rev",
                  .kind = FlagSpec::Kind::kInt,
                  .value_name = "N",
                  .help = "as it was at revision N"}},
       .max_arguments = 1,
       .run = RunTree}};
}

}  // namespace keelson::kvctl
