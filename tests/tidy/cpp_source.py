"""What the rules need to know of C++ text: code without comments and strings, includes, functions."""

import re
from collections import namedtuple

Include = namedtuple("Include", "line header")
Function = namedtuple("Function", "line length")

_TOKEN = re.compile(
    r"//[^\n]*"                                   # a comment,
    r"|/\*.*?\*/"                                 # in either form,
    r'|R"(?P<mark>[^()\s]*)\(.*?\)(?P=mark)"'     # a raw string,
    r'|"(?:\\.|[^"\\\n])*"'                       # a string,
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'",     # a character; 1'000 is a number
    re.DOTALL)


def _blank(match):
    """The token's line ends and quotes, all else as spaces, so that lines and columns stay."""
    text = match.group()
    keep = '"\'' if text[0] in "\"'R" else ""
    return "".join(c if c == "\n" or c in keep else " " for c in text)


def code_of(text):
    """`text` with comments and the insides of strings blanked."""
    return _TOKEN.sub(_blank, text)


def comments_of(text):
    """(line, comment) of each comment."""
    for match in _TOKEN.finditer(text):
        if match.group().startswith("/"):
            yield text.count("\n", 0, match.start()) + 1, match.group()


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if match:
            yield Include(number, match.group(1))


def _opens_function(head):
    """Whether a brace after `head`, the text since the last statement, begins a function's body."""
    if re.search(r"\b(namespace|class|struct|enum|union|extern)\b[^()]*$", head):
        return False
    return "(" in head and not re.search(r"[=,]\s*$|\breturn\s*$", head)


def functions_of(code):
    """The functions in `code` (of code_of), each from the line its signature begins on.

    A lambda or a local class counts as part of the function that it stands in.
    """
    code = re.sub(r"(?m)^\s*#(?:.*\\\n)*.*$",
                  lambda m: "\n" * m.group().count("\n"), code)  # directives
    depth, inside, head, line = 0, None, "", 1
    for char in code:
        if char == "{":
            if inside is None and _opens_function(head):
                inside = (depth, line - head.lstrip().count("\n"))
            depth, head = depth + 1, ""
        elif char == "}":
            depth, head = depth - 1, ""
            if inside is not None and depth == inside[0]:
                yield Function(inside[1], line - inside[1] + 1)
                inside = None
        elif char == ";":
            head = ""
        else:
            head += char
        line += char == "\n"
