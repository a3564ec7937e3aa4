#include "observe/ss_filter.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace estab::observe {
namespace {

using Predicate = std::function<bool(const tcp::Info&)>;
using Parsed = tl::expected<Predicate, std::string>;
using Compare = bool (*)(int, int);

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected(std::move(text)); }

// "(sport" and "80)" are one word to the shell and two to us.
std::vector<std::string> split_parentheses(const std::vector<std::string>& words) {
  std::vector<std::string> tokens;
  std::string token;
  const auto flush = [&] {
    if (!token.empty()) tokens.push_back(std::exchange(token, ""));
  };
  for (const std::string& word : words) {
    for (const char c : word) {
      if (c == '(' || c == ')') {
        flush();
        tokens.emplace_back(1, c);
      } else if (c == ' ' || c == '\t') {
        flush();
      } else {
        token += c;
      }
    }
    flush();
  }
  return tokens;
}

std::optional<Port> parse_port(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return Port{value};
  servent found{};
  servent* service = nullptr;
  char room[1024];
  if (::getservbyname_r(std::string(text).c_str(), "tcp", &found, room, sizeof room, &service) ==
          0 &&
      service != nullptr) {
    return Port{ntohs(static_cast<std::uint16_t>(service->s_port))};
  }
  return std::nullopt;
}

struct HostAndPort {
  std::optional<Prefix> prefix;
  std::optional<Port> port;
};

// "10.0.0.0/8", "10.0.0.1:http", "[fd00::1]:80", "fd00::/8", ":80", "*", "*:80".
tl::expected<HostAndPort, std::string> parse_host(std::string_view text) {
  HostAndPort result;
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return wrong("expected ']' in '" + std::string(text) + "'");
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (rest.starts_with('/')) {
      return wrong("write a block of addresses without brackets: '" + std::string(text) + "'");
    }
    if (!rest.empty()) port = rest.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
  }
  if (!host.empty() && host != "*") {
    result.prefix = Prefix::parse(host);
    if (!result.prefix) {
      if (const auto address = IpAddress::parse(host)) {
        result.prefix = Prefix{*address, address->is_v4() ? 32 : 128};
      }
    }
    if (!result.prefix) {
      return wrong("expected an address such as 10.0.0.1, 10.0.0.0/8 or [::1]:80, not '" +
                   std::string(text) + "'");
    }
  }
  if (!port.empty() && port != "*") {
    result.port = parse_port(port);
    if (!result.port) return wrong("expected a port, not '" + std::string(port) + "'");
  }
  return result;
}

Compare comparison(std::string_view word) {
  if (word == "=" || word == "==" || word == "eq") return [](int a, int b) { return a == b; };
  if (word == "!=" || word == "ne" || word == "neq") return [](int a, int b) { return a != b; };
  if (word == "<=" || word == "le" || word == "leq") return [](int a, int b) { return a <= b; };
  if (word == ">=" || word == "ge" || word == "geq") return [](int a, int b) { return a >= b; };
  if (word == "<" || word == "lt") return [](int a, int b) { return a < b; };
  if (word == ">" || word == "gt") return [](int a, int b) { return a > b; };
  return nullptr;
}

class Parser {
 public:
  explicit Parser(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  bool at_end() const { return at_ == tokens_.size(); }
  const std::string& peek() const {
    static const std::string kEnd;
    return at_end() ? kEnd : tokens_[at_];
  }
  std::string next() { return at_end() ? "" : tokens_[at_++]; }
  bool take(std::string_view a, std::string_view b, std::string_view c = "") {
    if (at_end() || (peek() != a && peek() != b && (c.empty() || peek() != c))) return false;
    ++at_;
    return true;
  }

  Parsed alternatives() {  // a or b
    auto left = conjunction();
    while (left && take("or", "|", "||")) {
      auto right = conjunction();
      if (!right) return right;
      left = [a = *left, b = *right](const tcp::Info& i) { return a(i) || b(i); };
    }
    return left;
  }

 private:
  Parsed conjunction() {  // a and b, a b
    auto left = factor();
    while (left && !at_end() && peek() != ")" && peek() != "or" && peek() != "|" &&
           peek() != "||") {
      take("and", "&", "&&");
      auto right = factor();
      if (!right) return right;
      left = [a = *left, b = *right](const tcp::Info& i) { return a(i) && b(i); };
    }
    return left;
  }

  Parsed factor() {
    if (take("not", "!")) {
      auto inner = factor();
      if (!inner) return inner;
      return Predicate([p = *inner](const tcp::Info& i) { return !p(i); });
    }
    if (take("(", "(")) {
      if (++depth_ > 64) return wrong("the filter nests too deeply");
      auto inner = alternatives();
      --depth_;
      if (inner && !take(")", ")")) return wrong("expected ')' in the filter");
      return inner;
    }
    return comparison_of(next());
  }

  Parsed comparison_of(const std::string& field) {
    const bool local = field == "src" || field == "sport";
    if (!local && field != "dst" && field != "dport") {
      return wrong("expected sport, dport, src, dst or '(' in the filter, " +
                   (field.empty() ? std::string("not its end") : "not '" + field + "'"));
    }
    Compare compare = comparison(peek());
    if (compare != nullptr) {
      next();
    } else {
      compare = comparison("=");
    }
    if (at_end()) return wrong("expected a value after '" + field + "'");
    return field.ends_with("port") ? port_comparison(local, compare, next())
                                   : host_comparison(local, compare, next());
  }

  static Parsed port_comparison(bool local, Compare compare, std::string text) {
    if (text.starts_with(':')) text.erase(0, 1);
    const auto port = parse_port(text);
    if (!port) return wrong("expected a port, such as :80 or :http, not '" + text + "'");
    return Predicate([local, compare, port = port->value](const tcp::Info& i) {
      return compare((local ? i.tuple.local : i.tuple.remote).port.value, port);
    });
  }

  static Parsed host_comparison(bool local, Compare compare, const std::string& text) {
    const auto host = parse_host(text);
    if (!host) return wrong(host.error());
    if (compare(1, 0) != compare(0, 1)) {
      return wrong("src and dst take = and != only");
    }
    const bool wanted = compare(0, 0);  // = and its like, or !=
    return Predicate([local, wanted, host = *host](const tcp::Info& i) {
      const Endpoint& end = local ? i.tuple.local : i.tuple.remote;
      const bool same = (!host.prefix || host.prefix->contains(end.address)) &&
                        (!host.port || *host.port == end.port);
      return same == wanted;
    });
  }

  std::vector<std::string> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// `state NAME` adds, `exclude NAME` takes away from what was there (all, at first).
tl::expected<void, std::string> parse_states(Parser& parser, SsFilter& filter) {
  while (parser.peek() == "state" || parser.peek() == "exclude" || parser.peek() == "excl") {
    const bool add = parser.next() == "state";
    const std::string name = parser.next();
    const std::vector<State> named = states_named(name);
    if (named.empty()) {
      return wrong(
          "expected a state (established, time-wait ...) or a group (all, connected, "
          "synchronized, bucket, big), not '" +
          name + "'");
    }
    if (!add && !filter.states_given) filter.states = states_named("all");
    filter.states_given = true;
    for (const State state : named) {
      std::erase(filter.states, state);
      if (add) filter.states.push_back(state);
    }
  }
  return {};
}

}  // namespace

bool SsFilter::has(State s) const {
  return std::find(states.begin(), states.end(), s) != states.end();
}

tl::expected<SsFilter, std::string> parse_ss_filter(const std::vector<std::string>& words) {
  Parser parser(split_parentheses(words));
  SsFilter filter;
  if (auto states = parse_states(parser, filter); !states) return wrong(states.error());
  filter.matches = [](const tcp::Info&) { return true; };
  if (parser.at_end()) return filter;
  auto expression = parser.alternatives();
  if (!expression) return wrong(expression.error());
  if (!parser.at_end()) return wrong("unexpected '" + parser.peek() + "' in the filter");
  filter.matches = *expression;
  return filter;
}

std::vector<State> ss_default_states(bool all, bool listening) {
  if (all) return states_named("all");
  if (listening) return {State::Listen, State::Closed};
  return {State::SynSent,   State::Established, State::FinWait1, State::FinWait2,
          State::CloseWait, State::Closing,     State::LastAck};
}

}  // namespace estab::observe
