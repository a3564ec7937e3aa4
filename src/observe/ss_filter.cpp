#include "observe/ss_filter.h"

#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "observe/ss_filter_values.h"

namespace estab::observe {
namespace {

using Node = std::unique_ptr<FilterNode>;
using Parsed = tl::expected<Node, FilterError>;

tl::unexpected<FilterError> wrong(std::string text, int status = 255) {
  return tl::unexpected(FilterError{std::move(text), status});
}

struct Word {
  std::string_view name;
  FilterField field;
  bool ordered;  // takes < > <= >= too
  const char* expects;
};
constexpr Word kFields[] = {
    {"src", FilterField::Local, false, "an address"},
    {"dst", FilterField::Remote, false, "an address"},
    {"sport", FilterField::Local, true, "a port"},
    {"dport", FilterField::Remote, true, "a port"},
    {"dev", FilterField::Device, false, "a device's name or number"},
    {"fwmark", FilterField::Mark, false, "a mark, such as 0x1 or 0x1/0xff"},
    {"cgroup", FilterField::Cgroup, false, "a control group's path"},
    {"pid", FilterField::Pid, true, "a process's number"},
    {"comm", FilterField::Command, false, "a command's name"},
    {"uid", FilterField::Uid, true, "a user's number or name"},
    {"age", FilterField::Age, true, "a time, such as 30s or 5min"},
    {"recvq", FilterField::ReceiveQueue, true, "a number of bytes"},
    {"sendq", FilterField::SendQueue, true, "a number of bytes"},
    {"rtt", FilterField::Rtt, true, "a time, such as 200ms"},
    {"retrans", FilterField::Retransmissions, true, "a number"},
    {"timer", FilterField::TimerKind, false, "off, on, keepalive, timewait or persist"},
    {"netns", FilterField::Namespace, false, "a network namespace's name or inode"},
    {"stack", FilterField::Stack, false, "a stack's name"},
};

const Word* field_named(std::string_view name) {
  for (const Word& word : kFields) {
    if (word.name == name) return &word;
  }
  return nullptr;
}

std::optional<Compare> comparison(std::string_view word) {
  if (word == "=" || word == "==" || word == "eq") return Compare::Equal;
  if (word == "!=" || word == "ne" || word == "neq") return Compare::NotEqual;
  if (word == ">" || word == "gt") return Compare::Greater;
  if (word == "<" || word == "lt") return Compare::Less;
  if (word == ">=" || word == "ge" || word == "geq") return Compare::GreaterEqual;
  if (word == "<=" || word == "le" || word == "leq") return Compare::LessEqual;
  return std::nullopt;
}

bool is_or(std::string_view w) { return w == "or" || w == "|" || w == "||"; }
bool is_and(std::string_view w) { return w == "and" || w == "&" || w == "&&"; }

// A value that may hold parentheses itself: "(sd-pam)".
bool takes_any_text(const std::vector<std::string>& tokens) {
  std::size_t at = tokens.size();
  if (at > 0 && comparison(tokens[at - 1])) --at;
  if (at == 0) return false;
  const std::string& field = tokens[at - 1];
  return field == "comm" || field == "cgroup" || field == "stack";
}

// Blanks separate, a backslash takes the next character as it is. "(sport" and "80)" are one word
// to the shell and two to us.
void split_word(const std::string& word, std::vector<std::string>& tokens) {
  std::string token;
  bool escaped = false;
  const auto flush = [&] {
    if (!token.empty()) tokens.push_back(std::exchange(token, ""));
  };
  for (const char c : word) {
    if (escaped) {
      token += c;
      escaped = false;
    } else if (c == '\\') {
      escaped = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      flush();
    } else if ((c == '(' || c == ')') && (!takes_any_text(tokens) || word.size() == 1)) {
      flush();
      tokens.emplace_back(1, c);
    } else {
      token += c;
    }
  }
  flush();
}

class Parser {
 public:
  Parser(std::vector<std::string> tokens, std::uint8_t family)
      : tokens_(std::move(tokens)), family_(family) {}

  bool at_end() const { return at_ == tokens_.size(); }
  const std::string& peek() const {
    static const std::string kEnd;
    return at_end() ? kEnd : tokens_[at_];
  }
  std::string next() { return at_end() ? "" : tokens_[at_++]; }
  std::uint8_t family() const { return family_; }

  // a or b and c means (a or b) and c, as in ss.
  Parsed sequence() {
    Parsed left = one();
    while (left && !at_end() && peek() != ")") {
      const bool either = is_or(peek());
      if (either || is_and(peek())) next();
      Parsed right = one();
      if (!right) return right;
      auto node = std::make_unique<FilterNode>();
      node->kind = either ? FilterNode::Kind::Or : FilterNode::Kind::And;
      node->left = std::move(*left);
      node->right = std::move(*right);
      left = std::move(node);
    }
    return left;
  }

 private:
  Parsed one() {
    if (++depth_ > kDeepest) return wrong("the filter nests too deeply");
    Parsed result = one_within();
    --depth_;
    return result;
  }

  Parsed one_within() {
    if (peek() == "!" || peek() == "not") {
      next();
      Parsed inner = one();
      if (!inner) return inner;
      auto node = std::make_unique<FilterNode>();
      node->kind = FilterNode::Kind::Not;
      node->left = std::move(*inner);
      return node;
    }
    if (peek() == "(") {
      next();
      Parsed inner = sequence();
      if (inner && next() != ")") return wrong("expected ')' in the filter");
      return inner;
    }
    return test(next());
  }

  Parsed test(const std::string& name) {
    auto node = std::make_unique<FilterNode>();
    if (name == "autobound") {
      node->test.field = FilterField::AutoBound;
      return node;
    }
    const Word* word = field_named(name);
    if (word == nullptr) {
      return wrong("expected a test such as sport, dport, src, dst or '(' in the filter, " +
                       (name.empty() ? std::string("not its end") : "not '" + name + "'"),
                   name.empty() ? 255 : 1);
    }
    FilterTest& test = node->test;
    test.field = word->field;
    if (const auto how = comparison(peek())) {
      test.compare = *how;
      next();
    }
    const bool ordering = test.compare != Compare::Equal && test.compare != Compare::NotEqual;
    if (ordering && !word->ordered) return wrong(name + " takes = and != only");
    if (at_end()) return wrong("expected " + std::string(word->expects) + " after '" + name + "'");
    const std::string value = next();
    if (test.field == FilterField::Local || test.field == FilterField::Remote) {
      return host(std::move(node), name.ends_with("port"), ordering, value);
    }
    if (!read_value(test, value)) {
      return wrong(
          "expected " + std::string(word->expects) + " after '" + name + "', not '" + value + "'",
          1);
    }
    return node;
  }

  Parsed host(Node node, bool port_only, bool ordering, const std::string& value) {
    auto hosts = parse_host_test(value, port_only, family_);
    if (!hosts) return wrong(hosts.error(), 1);
    FilterTest& test = node->test;
    test.hosts = std::move(*hosts);
    if (ordering) {
      test.field =
          test.field == FilterField::Local ? FilterField::LocalPort : FilterField::RemotePort;
    }
    return node;
  }

  static bool read_value(FilterTest& test, const std::string& value) {
    switch (test.field) {
      case FilterField::Device:
        return parse_device(value, test);
      case FilterField::Mark:
        return parse_mark(value, test);
      case FilterField::Cgroup:
        return parse_cgroup(value, test);
      case FilterField::Command:
      case FilterField::Stack:
        test.text = value;
        return true;
      case FilterField::Uid:
        return parse_user(value, test);
      case FilterField::Age:
      case FilterField::Rtt:
        return parse_duration(value, test);
      case FilterField::ReceiveQueue:
      case FilterField::SendQueue:
        return parse_bytes(value, test);
      case FilterField::TimerKind:
        return parse_timer_kind(value, test);
      case FilterField::Namespace:
        return parse_namespace(value, test);
      case FilterField::Pid:
      case FilterField::Retransmissions:
        return parse_number(value, test);
      case FilterField::Local:
      case FilterField::Remote:
      case FilterField::LocalPort:
      case FilterField::RemotePort:
      case FilterField::AutoBound:
        break;
    }
    return false;
  }

  static constexpr int kDeepest = 64;
  std::vector<std::string> tokens_;
  std::size_t at_ = 0;
  std::uint8_t family_;
  int depth_ = 0;
};

// `state NAME` adds, `exclude NAME` takes away from what was there (all, at first).
tl::expected<void, FilterError> parse_states(Parser& parser, SsFilter& filter) {
  while (parser.peek() == "state" || parser.peek() == "exclude" || parser.peek() == "excl") {
    const bool add = parser.next() == "state";
    const std::string name = parser.next();
    const StateMask named = states_of_name(name);
    if (named == 0) return wrong("wrong state name: " + name);
    if (!filter.states_given && !add) filter.states = kAllStates;
    filter.states_given = true;
    filter.states = add ? filter.states | named : filter.states & ~named;
  }
  return {};
}

void read_ephemeral_ports(SsFilter& filter) {
  std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
  if (file == nullptr) return;
  unsigned first = 0;
  unsigned last = 0;
  if (std::fscanf(file, "%u %u", &first, &last) == 2) {
    filter.first_ephemeral = static_cast<std::uint16_t>(first);
    filter.last_ephemeral = static_cast<std::uint16_t>(last);
  }
  std::fclose(file);
}

}  // namespace

StateMask mask_of(State state) {
  if (state == State::SynReceived) return bit_of(3) | bit_of(12);
  if (state == State::Closed) return bit_of(7) | bit_of(13);
  return bit_of(linux_number(state));
}

StateMask states_of_name(const std::string& name) {
  if (name == "bound-inactive") return bit_of(13);
  if (name == "unconnected" || name == "close") return bit_of(7);
  const std::vector<State> named = states_named(name);
  StateMask mask = 0;
  for (const State state : named) mask |= bit_of(linux_number(state));
  const bool bucket = mask == (bit_of(3) | bit_of(6));
  return named.size() > 1 && !bucket ? mask | 1 : mask;
}

tl::expected<SsFilter, FilterError> parse_ss_filter(const std::vector<std::string>& words,
                                                    std::uint8_t family) {
  std::vector<std::string> tokens;
  for (const std::string& word : words) split_word(word, tokens);
  Parser parser(std::move(tokens), family);
  SsFilter filter;
  filter.family = family;
  if (auto states = parse_states(parser, filter); !states) return tl::unexpected(states.error());
  if (parser.at_end()) return filter;
  auto expression = parser.sequence();
  if (!expression) return tl::unexpected(expression.error());
  if (!parser.at_end()) return wrong("unexpected '" + parser.peek() + "' in the filter");
  filter.root = std::move(*expression);
  filter.family = parser.family();
  read_ephemeral_ports(filter);
  return filter;
}

}  // namespace estab::observe
