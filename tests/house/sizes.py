#!/usr/bin/env python3
"""No file over 500 lines, no function over 70, no exceptions. A function is counted from the first
line of its signature to its closing brace; a lambda counts within the function around it.

    sizes.py              check; exit 1 with one line a finding
    sizes.py --longest    print the ten longest files and functions
    sizes.py --self-test  feed the measurer with functions of known length
"""

import ast
import re
import sys

import source

FILE_LIMIT = 500
FUNCTION_LIMIT = 70
SCRIPTS = ("dev", ".ci/run", "demo/run", "bench/run")

SCOPE = re.compile(
    r"""^(?:inline\s+|export\s+)*(?:
        namespace\b[^()]*                              # namespace a::b
      | extern\s*""                                    # extern "C", its string blanked
      | (?:typedef\s+|static\s+|constexpr\s+|inline\s+)*
        (?:class|struct|union|enum(?:\s+(?:class|struct))?)\b(?:\s*alignas\s*\([^()]*\)|\s*\[\[[^\]]*\]\])*[^()=]*
    )$""",
    re.VERBOSE,
)
LAMBDA = re.compile(r"\[[^\[\]]*\]\s*(?:\([^{}]*\))?\s*(?:mutable|constexpr|consteval|noexcept|\s)*(?:->\s*[\w:<>,&*\s]+)?$")
AFTER_PARAMETERS = re.compile(r"^(?:const|noexcept|override|final|volatile|try|&&?|\s|->.*|requires.*)*$", re.DOTALL)


def without_preprocessor(text):
    """Directives, with their continued lines, turned to empty lines."""
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\[^\n]|\\\n)*", lambda m: "\n" * m.group(0).count("\n"), text,
                  flags=re.MULTILINE)


def without_template(head):
    """`template <...> requires ...` removed from the front, by counting angle brackets."""
    while match := re.match(r"template\s*<", head):
        depth, at = 1, match.end()
        while at < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[at], 0) if head[at - 1 : at + 1] != "->" else 0
            at += 1
        head = head[at:].lstrip()
    return head


def parameters_end(head):
    """Where the last parenthesis at depth 0 closes: (start, end), or None."""
    depth, start, found = 0, 0, None
    for at, char in enumerate(head):
        if char == "(":
            start = at if depth == 0 else start
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                found = (start, at + 1)
    return found if depth == 0 else None


def kind_of(head):
    """What the brace after `head` opens: scope, function, data (an initialiser), or member
    (one in a constructor's list: what follows still belongs to the same function)."""
    head = without_template(re.sub(r"\s+", " ", head).strip())
    head = re.sub(r"^(?:\[\[[^\]]*\]\]\s*)+", "", head)
    if SCOPE.match(head):
        return "scope"
    if LAMBDA.search(head) and "operator" not in head:
        return "function"
    if head.count("(") != head.count(")") or "(" not in head:
        return "data"
    colon = re.search(r"\)[^():]*(?<!:):(?!:)", head)
    if colon and "?" not in head[: colon.start()]:
        return "function" if head[-1] in ")}" else "member"
    before_equals = re.search(r"(?<![=<>!+\-*/%&|^~])=(?!=)", re.sub(r"\([^()]*\)", "", head))
    if before_equals and "operator" not in head:
        return "data"
    _, end = parameters_end(head)
    return "function" if AFTER_PARAMETERS.match(head[end:]) else "data"


def name_of(head):
    head = without_template(re.sub(r"\s+", " ", head).strip())
    found = re.search(r"([~\w:]+|operator\s*(?:\(\)|[^\s\w(]+|[\w :<>&*]+))\s*\(", head)
    if found and found.group(1).startswith(("TEST", "RC_GTEST", "TYPED_TEST", "BENCHMARK")):
        return re.sub(r"\s+", " ", head[found.start() :])
    return found.group(1) if found else (re.split(r"[=\[(]", head)[0].strip() or "(lambda)")


def cpp_functions(text):
    """[(name, first line, lines)] of the functions in a C++ text; raises ValueError on braces
    that do not balance."""
    text = without_preprocessor(source.blank(text))
    found, stack, start, at = [], [], 0, 0
    head = ""
    for match in re.finditer(r"[{};]|\b(?:public|private|protected)\s*:(?!:)", text):
        token = match.group(0)
        inside = any(k in ("function", "data", "member") for k, _, _ in stack)
        if not inside:
            head += text[at : match.start()]
            start = start if head.strip() else match.start()
        at = match.end()
        if token == "{":
            kind = "inner" if inside else kind_of(head)
            lead = len(text[start:]) - len(text[start:].lstrip())
            stack.append((kind, name_of(head), start + lead))
            if kind == "scope":
                head, start = "", at
        elif token == "}":
            if not stack:
                raise ValueError(f"line {source.line_of(text, match.start())}: a brace too many")
            kind, name, first = stack.pop()
            if kind == "function":
                top = source.line_of(text, first)
                found.append((name, top, source.line_of(text, match.start()) - top + 1))
            if kind in ("function", "scope"):
                head, start = "", at
            elif kind in ("data", "member"):
                head += "{}"
        elif not inside and (token != ";" or head.count("(") <= head.count(")")):
            head, start = "", at
    if stack:
        raise ValueError(f"line {source.line_of(text, stack[-1][2])}: a brace is not closed")
    return found


def python_functions(text):
    return [(n.name, n.lineno, n.end_lineno - n.lineno + 1) for n in ast.walk(ast.parse(text))
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


def measure(root):
    """[(path, lines, functions or the parser's complaint)]."""
    found = []
    paths = source.files(root, source.CODE_FOLDERS)
    paths += [root / name for name in SCRIPTS + ("CMakeLists.txt",) if (root / name).is_file()]
    for path in sorted(set(paths)):
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # a capture or a corpus, not code
        name = str(path.relative_to(root))
        is_code = path.suffix in source.CODE_SUFFIXES or text.startswith("#!")
        if not is_code or "/corpus/" in name:
            continue
        functions = []
        try:
            if path.suffix in source.CPP:
                functions = cpp_functions(text)
            elif path.suffix == ".py" or text.startswith("#!/usr/bin/env python3"):
                functions = python_functions(text)
        except (ValueError, SyntaxError) as error:
            functions = f"cannot be measured: {error}"
        found.append((name, len(text.splitlines()), functions))
    return found


def check(root):
    findings = []
    for name, lines, functions in measure(root):
        if lines > FILE_LIMIT:
            findings.append(f"{name}: {lines} lines, more than {FILE_LIMIT}")
        if isinstance(functions, str):
            findings.append(f"{name}: {functions}")
            continue
        for function, first, length in functions:
            if length > FUNCTION_LIMIT:
                findings.append(f"{name}:{first}: {function} has {length} lines, more than {FUNCTION_LIMIT}")
    return findings


def longest():
    measured = measure(source.ROOT)
    print("files")
    for name, lines, _ in sorted(measured, key=lambda m: -m[1])[:10]:
        print(f"  {lines:4} {name}")
    print("functions")
    every = [(length, f"{name}:{first} {function}") for name, _, functions in measured
             if not isinstance(functions, str) for function, first, length in functions]
    for length, where in sorted(every, reverse=True)[:10]:
        print(f"  {length:4} {where}")


def body(lines):
    return "".join(f"  if (x == {i}) {{ y = Z{{1, 2}}; }}  // }} {{\n" for i in range(lines))


# Heads that open a function of LINES lines and must be measured as such, whatever stands in them.
HEADS = [
    "int f(int x) {\n",
    "static std::optional<int> f(std::span<const int> x) {\n",
    "auto f(int x) -> std::pair<int, int> {\n",
    "template <class T, class U = decltype(f())>\nbool A::f(T x) const noexcept {\n",
    "A::A(int x) : a_(x), b_{x, 1} {\n",
    "A::A(int x)\n    : a_{x},\n      b_{1, 2} {\n",
    "A::~A() {\n",
    "A::operator bool() const {\n",
    "bool A::operator()(int x, int y) const {\n",
    "bool operator==(const A& x, const A& y) {\n",
    "A& A::operator=(A x) {\n",
    "TEST_F(Suite, MUST_3_name) {\n",
    "int f(A x = {}, int y = 1) {\n",
    "[[nodiscard]] constexpr bool f(int x) {\n",
    "inline constexpr Table kTable = [] {\n",
    "const auto f = [](int x) -> int {\n",
    'extern "C" int f(int x) {\n',
    "template <class T>\n  requires std::is_same_v<T, int>\nvoid f(T x) {\n",
    "struct tcp_info fill(int x) {\n",
]


def self_test():
    test = source.SelfTest(check)
    for head in HEADS:
        size = FUNCTION_LIMIT - head.count("\n") - 1
        end = "}();\n" if head.endswith("= [] {\n") else "}\n"
        for wrap in ("{}", "namespace a {{\nclass B {{\n public:\n  int q() {{ return 1; }}\n{}}};\n}}\n"):
            good = wrap.format(head + body(size) + end)
            bad = wrap.format(head + body(size + 1) + end)
            test.expect(f"{head!r} at the limit", {"src/tcp/a.cpp": good})
            test.expect(f"{head!r} over it", {"src/tcp/a.cpp": bad}, f"has {FUNCTION_LIMIT + 1} lines")
    table = "inline constexpr std::array kRows{\n" + "  Row{1, f(2)},\n" * 100 + "};\n"
    test.expect("a table is no function", {"src/tcp/a.h": table + "const Row kR[] = {\n" + "{1},\n" * 90 + "};\n"})
    test.expect("an enum is no function", {"src/tcp/a.h": "enum class E : std::uint8_t {\n" + "A,\n" * 90 + "};\n"})
    test.expect("a class is no function", {"src/tcp/a.h": "class A final : public B<int> {\n" + "int f();\n" * 90 + "};\n"})
    test.expect("a macro is no function", {"src/tcp/a.h": "#define F(X) { \\\n" + "  X(a, {) \\\n" * 90 + "  1\n"})
    test.expect("braces in strings", {"src/tcp/a.cpp": "int f() { g(\"{{\", '{', R\"x({{)x\", 1'000); }\n"})
    test.expect("a brace missing", {"src/tcp/a.cpp": "int f() { if (x) {\n}\n"}, "not closed")
    test.expect("a file at the limit", {"src/tcp/a.h": "int a;\n" * FILE_LIMIT})
    test.expect("a file over it", {"src/tcp/a.h": "int a;\n" * (FILE_LIMIT + 1)}, "501 lines")
    test.expect("a test file over it", {"tests/a/b.py": "a = 1\n" * (FILE_LIMIT + 1)}, "501 lines")
    test.expect("a long Python function", {"tools/b.py": "def f():\n" + "    a = 1\n" * 70}, "has 71 lines")
    return test.end()


def summary(root):
    measured = measure(root)
    functions = [length for _, _, f in measured for _, _, length in f]
    return (f"{len(measured)} files, the longest {max(m[1] for m in measured)} lines; "
            f"{len(functions)} functions, the longest {max(functions, default=0)}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--longest"]:
        longest()
    else:
        source.main(check, self_test, summary)
