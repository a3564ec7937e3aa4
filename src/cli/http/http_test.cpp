#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/http/session.h"
#include "cli/services.h"

namespace estab::cli::http {
namespace {

ParsedHead parsed(const std::string& lines) { return parse_head(lines + "\r\n"); }

TEST(HttpRequest, a_plain_one) {
  const ParsedHead head =
      parsed("GET /a%20b/c.txt?x=1 HTTP/1.1\r\nHost: h\r\nRange: bytes=0-99\r\n");
  ASSERT_EQ(head.kind, ParsedHead::Kind::Whole);
  EXPECT_EQ(head.request.method, "GET");
  EXPECT_EQ(head.request.path, "/a b/c.txt");
  EXPECT_TRUE(head.request.keep_alive);
  ASSERT_TRUE(head.request.range.has_value());
  EXPECT_EQ(head.request.range->last, 99u);
}

TEST(HttpRequest, who_keeps_the_connection) {
  EXPECT_FALSE(parsed("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n").request.keep_alive);
  EXPECT_FALSE(parsed("GET / HTTP/1.0\r\n").request.keep_alive);
  EXPECT_TRUE(parsed("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n").request.keep_alive);
}

TEST(HttpRequest, incomplete_until_the_empty_line) {
  const std::string whole = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_EQ(parse_head(whole.substr(0, n)).kind, ParsedHead::Kind::Incomplete) << n;
  }
  EXPECT_EQ(parse_head(whole + "GET /next").length, whole.size());
}

TEST(HttpRequest, what_is_wrong_has_its_status) {
  const auto status = [](const std::string& lines) {
    const ParsedHead head = parsed(lines);
    return head.kind == ParsedHead::Kind::Wrong ? head.status : 0;
  };
  EXPECT_EQ(status("nonsense\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/2.0\r\n"), 505);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n"), 400);  // no Host
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost : a\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n"), 400);
  EXPECT_EQ(status("GET relative HTTP/1.1\r\nHost: a\r\n"), 400);
  EXPECT_EQ(status("GET /%zz HTTP/1.1\r\nHost: a\r\n"), 400);
  EXPECT_EQ(status("GET /%00 HTTP/1.1\r\nHost: a\r\n"), 400);
  EXPECT_EQ(status("GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n"), 403);
  EXPECT_EQ(status("GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n"), 403);
  EXPECT_EQ(status("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n"), 400);
  EXPECT_EQ(status("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n"), 400);
  EXPECT_EQ(status("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"
                   "\r\n"),
            400);
  EXPECT_EQ(status("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n"), 501);
  EXPECT_EQ(parse_head("GET /" + std::string(kMaxHead, 'a')).status, 431);
}

TEST(HttpRequest, paths_stay_below_the_root) {
  EXPECT_EQ(normal_path("/a/./b/../c"), "/a/c");
  EXPECT_EQ(normal_path("//a//b/"), "/a/b/");
  EXPECT_EQ(normal_path("/a/.."), "/");
  EXPECT_FALSE(normal_path("/a/../../b").has_value());
}

TEST(HttpBody, chunks_in_any_pieces) {
  Request request;
  request.chunked = true;
  const std::string wire = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    BodyReader body(request);
    std::string text;
    std::string held;
    for (std::size_t at = 0; at < wire.size(); at += step) {
      held += wire.substr(at, step);
      for (BodyReader::Piece p; (p = body.next(held)).taken != 0; held.erase(0, p.taken)) {
        text += p.data;
      }
    }
    EXPECT_TRUE(body.done()) << step;
    EXPECT_EQ(text, "hello world");
  }
}

TEST(HttpBody, broken_chunks_are_wrong) {
  Request request;
  request.chunked = true;
  for (const char* wire : {"x\r\n", "\r\n", "-1\r\n", "5 hello\r\nxxxxx"}) {
    BodyReader body(request);
    std::string held = wire;
    while (true) {
      const auto piece = body.next(held);
      if (piece.taken == 0) break;
      held.erase(0, piece.taken);
    }
    EXPECT_FALSE(body.done()) << wire;
  }
}

class Sha256Test : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(PlainAndByInstructions, Sha256Test, ::testing::Bool());

TEST_P(Sha256Test, the_standard_vectors) {
  const auto hash = [](std::string_view text) {
    Sha256 h(GetParam());
    h.add(text);
    return h.hex();
  };
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 pieces(GetParam());
  for (int i = 0; i < 1000; ++i) pieces.add(std::string(1000, 'a'));
  EXPECT_EQ(pieces.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/estab-http-test-XXXXXX";
    root_ = ::mkdtemp(name);
    std::filesystem::create_directories(root_ / "site/folder");
    write("site/hello.txt", "hello world");
    write("site/folder/page.html", "<p>");
    write("site/empty", "");
    write("secret", "secret");
    std::filesystem::create_symlink("../secret", root_ / "site/leak");
    std::filesystem::create_symlink("hello.txt", root_ / "site/link.txt");
    auto site = Site::open(root_ / "site");
    ASSERT_TRUE(site.has_value());
    site_.emplace(std::move(*site));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::ofstream(root_ / path) << text;
  }
  std::string read(const std::string& path) {
    std::ifstream in(root_ / path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  static std::string drained(Session& session) {
    std::string out;
    for (std::string_view piece; !(piece = session.pending()).empty();) {
      out += piece;
      session.sent(piece.size());
    }
    return out;
  }
  std::string answer(const std::string& wire, const Policy& policy = {}) {
    Session session(*site_, policy);
    session.take(wire);
    std::string out = drained(session);
    finished_ = session.finished();
    return out;
  }
  static std::string get(const std::string& path, const std::string& fields = "",
                         const std::string& method = "GET") {
    return method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
  }
  static std::string status(const std::string& out) { return out.substr(9, 3); }

  std::filesystem::path root_;
  std::optional<Site> site_;
  bool finished_ = false;
};

TEST_F(SessionTest, a_file_and_its_head) {
  const std::string out = answer(get("/hello.txt"));
  EXPECT_EQ(status(out), "200");
  EXPECT_TRUE(out.ends_with("\r\n\r\nhello world"));
  EXPECT_NE(out.find("Content-Length: 11\r\n"), out.npos);
  EXPECT_FALSE(finished_);
  const std::string head = answer(get("/hello.txt", "", "HEAD"));
  EXPECT_NE(head.find("Content-Length: 11\r\n"), head.npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST_F(SessionTest, ranges) {
  const auto ranged = [&](const char* range) {
    return answer(get("/hello.txt", std::string("Range: bytes=") + range + "\r\n"));
  };
  EXPECT_TRUE(ranged("0-4").ends_with("\r\n\r\nhello"));
  EXPECT_NE(ranged("6-").find("Content-Range: bytes 6-10/11\r\n"), std::string::npos);
  EXPECT_TRUE(ranged("-5").ends_with("\r\n\r\nworld"));
  EXPECT_TRUE(ranged("6-99").ends_with("\r\n\r\nworld"));
  EXPECT_EQ(status(ranged("11-")), "416");
  EXPECT_NE(ranged("50-60").find("Content-Range: bytes */11\r\n"), std::string::npos);
  EXPECT_EQ(status(ranged("0-1,3-4")), "200");  // several: as good as none
}

TEST_F(SessionTest, directories) {
  EXPECT_EQ(status(answer(get("/folder"))), "301");
  EXPECT_NE(answer(get("/folder/")).find("page.html"), std::string::npos);
  EXPECT_NE(answer(get("/")).find("href=\"./hello.txt\""), std::string::npos);
  write("site/index.html", "home");
  EXPECT_TRUE(answer(get("/")).ends_with("home"));
}

TEST_F(SessionTest, nothing_outside_is_served) {
  EXPECT_EQ(status(answer(get("/../secret"))), "403");
  EXPECT_EQ(status(answer(get("/leak"))), "403");
  EXPECT_EQ(status(answer(get("/link.txt"))), "200");
  EXPECT_EQ(status(answer(get("/missing"))), "404");
  EXPECT_EQ(status(answer(get("/hello.txt/"))), "404");
}

TEST_F(SessionTest, errors_close_or_keep_as_they_must) {
  EXPECT_EQ(status(answer(get("/missing"))), "404");
  EXPECT_FALSE(finished_);
  EXPECT_EQ(status(answer("nonsense\r\n\r\n")), "400");
  EXPECT_TRUE(finished_);
  EXPECT_EQ(status(answer(get("/", "", "DELETE"))), "405");
  EXPECT_EQ(status(answer(get("/", "", "BREW"))), "501");
}

TEST_F(SessionTest, pipelined_requests_are_answered_in_order) {
  const std::string wire = get("/hello.txt") + get("/empty") + get("/missing") + get("/hello.txt");
  const std::string whole = answer(wire);
  EXPECT_EQ(whole.find("200"), 9u);
  EXPECT_TRUE(whole.ends_with("hello world"));
  // Split anywhere it is the same.
  for (std::size_t cut = 1; cut < wire.size(); cut += 7) {
    Session session(*site_, {});
    session.take(wire.substr(0, cut));
    std::string out = drained(session);
    session.take(wire.substr(cut));
    out += drained(session);
    EXPECT_EQ(out.size(), whole.size()) << cut;
    EXPECT_EQ(session.answered(), 4u);
    EXPECT_TRUE(session.idle());
  }
}

TEST_F(SessionTest, who_closes_first) {
  answer(get("/hello.txt"), {false, CloseFirst::Server});
  EXPECT_TRUE(finished_);
  answer(get("/hello.txt", "Connection: close\r\n"), {false, CloseFirst::Client});
  EXPECT_FALSE(finished_);
  answer(get("/hello.txt", "Connection: close\r\n"));
  EXPECT_TRUE(finished_);
}

TEST_F(SessionTest, an_upload_is_counted_and_hashed) {
  const std::string out =
      answer(get("/x", "Content-Length: 3\r\n", "PUT") + "abc" + get("/hello.txt"));
  EXPECT_NE(
      out.find("3 bytes, sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      out.npos);
  EXPECT_TRUE(out.ends_with("hello world"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "site/x"));
}

TEST_F(SessionTest, an_upload_is_stored_where_allowed_and_whole) {
  const Policy policy{true, CloseFirst::KeepAlive};
  const std::string chunked =
      get("/new.txt", "Transfer-Encoding: chunked\r\n", "PUT") + "5\r\nhello\r\n0\r\n\r\n";
  EXPECT_EQ(status(answer(chunked, policy)), "201");
  EXPECT_EQ(read("site/new.txt"), "hello");
  EXPECT_EQ(status(answer(get("/nowhere/x", "Content-Length: 1\r\n", "PUT") + "a", policy)), "403");
  EXPECT_EQ(status(answer(get("/leak", "Content-Length: 1\r\n", "PUT") + "a", policy)), "201");
  EXPECT_EQ(read("secret"), "secret");  // the link was replaced, not followed
  {
    Session session(*site_, policy);
    session.take(get("/half.txt", "Content-Length: 10\r\n", "PUT") + "half");
    drained(session);
  }
  for (const auto& entry : std::filesystem::directory_iterator(root_ / "site")) {
    EXPECT_EQ(entry.path().string().find("half"), std::string::npos);
  }
}

TEST_F(SessionTest, expect_100_continue) {
  Session session(*site_, {});
  session.take(get("/x", "Content-Length: 2\r\nExpect: 100-continue\r\n", "PUT"));
  EXPECT_EQ(drained(session), "HTTP/1.1 100 Continue\r\n\r\n");
  session.take("ab");
  EXPECT_EQ(status(drained(session)), "200");
}

TEST_F(SessionTest, a_large_file_comes_in_pieces_and_takes_no_input_meanwhile) {
  write("site/large", std::string(1000000, 'x'));
  Session session(*site_, {});
  session.take(get("/large"));
  std::size_t total = 0;
  EXPECT_TRUE(session.wants_input());
  for (std::string_view piece; !(piece = session.pending()).empty();) {
    EXPECT_FALSE(session.wants_input());
    const std::size_t n = std::min<std::size_t>(piece.size(), 1448);
    total += n;
    session.sent(n);
  }
  EXPECT_GT(total, 1000000u);
  EXPECT_TRUE(session.wants_input());
}

TEST(Chargen, lines_as_in_rfc_864) {
  const std::string text = chargen_text(0, 148);
  EXPECT_EQ(text.substr(0, 74),
            " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n");
  EXPECT_EQ(text.substr(74, 4), "!\"#$");
  EXPECT_EQ(chargen_text(10, 138), text.substr(10));
}

TEST(HttpDate, as_in_rfc_9110) { EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); }

}  // namespace
}  // namespace estab::cli::http
