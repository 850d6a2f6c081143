"""What a piece of text names: files, code symbols, requirements, user stories."""

from __future__ import annotations

import re
from itertools import pairwise, product
from pathlib import Path

_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,12}://[^\s<>)\]`]+|\bwww\.[^\s<>)\]`]+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]{1,63}"
)
# Latin letters with marks belong to a path in prose; Chinese and Japanese characters stand right beside one.
_CHARS = r"A-Za-z0-9_.\-+@\u00c0-\u024f\u1e00-\u1eff"
_PROSE_PATH = re.compile(rf"(?<![{_CHARS}/~$\\])[{_CHARS}]+(?:/[{_CHARS}]+)*/?(?:\{{[^{{}}\s]+\}}[{_CHARS}/]*)*")
_ABSOLUTE = re.compile(rf"(?<![{_CHARS}/~$\\}}:])/[{_CHARS}]+(?:/[{_CHARS}]+)+")
_EXTENSION = re.compile(r"\.([A-Za-z][A-Za-z0-9]{0,9})$")
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_SUFFIX = re.compile(r"(?::\d+(?:[:-]\d+)?|#[\w-]*|::.*)$")
_SYMBOL = re.compile(r"^@?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(.*\))?$", re.DOTALL)
_PRODUCT = re.compile(r"^(?:Node|Next|Vue|Nuxt|Express|React|Three|D3|Chart|Ember|Backbone|Alpine|Nest)\.js$", re.I)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EXTENSIONS = _words(
    "py pyi ipynb md mdx rst txt adoc yaml yml json jsonl ndjson toml ini cfg conf csv tsv parquet sql sh bash zsh ps1"
    " bat js jsx ts tsx mjs cjs vue svelte html htm css scss sass less go rs java kt kts scala rb php swift cs cpp cc"
    " hpp cxx proto graphql tf tfvars hcl j2 jinja jinja2 tmpl tpl xml svg png jpg lock mk cmake gradle properties"
    " service dockerfile dockerignore gitignore avsc pkl joblib onnx in pb puml mmd dart ex exs lua nix"
)
# Short or ambiguous endings (`math.log`, `a.c`) only count behind a folder.
_EXTENSIONS_IN_FOLDERS = EXTENSIONS | _words("c h r m log http env gz zip bin key pem crt example sample d out")
_BARE = _words(
    "Makefile GNUmakefile Dockerfile Containerfile Jenkinsfile Procfile Justfile justfile LICENSE CODEOWNERS NOTICE"
    " Vagrantfile Tiltfile Pipfile Gemfile Rakefile Snakefile .gitignore .dockerignore .gitattributes .editorconfig"
    " .env .env.example .flake8 .coveragerc .pylintrc .python-version .npmrc .nvmrc .prettierrc .eslintrc"
)
_FOLDERS = _words(
    "src tests test docs doc lib libs app apps pipelines pipeline components component scripts script config configs"
    " deploy deployment deployments k8s kubernetes manifests infra infrastructure examples packages specs data backend"
    " frontend tools notebooks schemas charts helm terraform migrations .github .gitlab .circleci ci api services"
    " models core utils common kustomize overlays docker images internal cmd pkg agent benchmarks"
)
# Documents of the feature itself: a task that says "see plan.md" does not write it.
_FEATURE_DOCUMENTS = _words(
    "spec.md plan.md tasks.md research.md data-model.md quickstart.md constitution.md proposal.md design.md"
    " requirements.md"
)
_SPLIT_AFTER = frozenset({"py", "md", "yaml", "yml", "json", "toml", "txt", "ts", "js", "sql"})

_KINDS = r"(?:FR|NFR|SC|AC|EC|BR|TR|SR|DR|UR|CR|IR|QR|REQ|CON)"
_REQUIREMENT = re.compile(
    rf"(?<![A-Za-z0-9])({_KINDS})-(\d{{1,5}})([a-z]?(?![A-Za-z0-9])|(?:\.\d+)+)"
    rf"(?:\s*(?:-|–|—|\.\.\.?|…|~|〜|to|through|bis)\s*(?:\1-)?(\d{{1,5}})(?![A-Za-z0-9]))?"
)
_SCENARIO = re.compile(r"\bUS-?(\d+(?:\.\d+)?)\s*[/ ,-]\s*AS-?(\d+)\b", re.I)
_OWN_SCENARIO = re.compile(r"(?<![/\w-])AS-?(\d+)\b")
_KIRO = re.compile(
    r"_\s*(?:Requirements?|Reqs?)\s*[:：]\s*([^_\n]+)_|^\W*Requirements?\W*[:：]\s*([\d., ]+)$"
    r"|\bValidates\W*[:：]\W*Requirements?\s*([\d., ]+)",
    re.M | re.I,
)
_STORY_WORD = (
    r"(?:user[ -]?stor(?:y|ies)|stor(?:y|ies)|US|nutzergeschichte[n]?|anwendergeschichte[n]?|benutzergeschichte[n]?"
    r"|ユーザーストーリー|ユーザストーリー|用户故事|使用者故事|câu chuyện(?: người dùng)?)"
)
_NUMBER = r"\d{1,4}(?:\.\d{1,4})?"
_STORIES = re.compile(
    rf"(?<![A-Za-z]){_STORY_WORD}[\s_-]*({_NUMBER}(?:\s*(?:[+,&/、–—-]|and|und|và|to)\s*(?:{_STORY_WORD})?[\s_-]*{_NUMBER}){{0,20}})"
    rf"(?![A-Za-z\d])",
    re.I,
)


def find_files(text: str, root: Path | None = None) -> list[str]:
    """Paths the text names, in order, relative to the repository and without duplicates.

    Args:
        text: Markdown; paths count in backticks and in plain prose.
        root: The repository; absolute paths below it are made relative, others never count.
    """
    text = _URL.sub(lambda match: " " * len(match[0]), text)
    found: list[tuple[int, str]] = []
    for match in _CODE.finditer(text):
        content = match[2].strip()
        if re.search(r"\s", content):
            found += [(match.start(2) + at, path) for at, path in _paths_in_prose(content, root)]
        else:
            found += [(match.start(2), path) for path in _code_paths(content, root)]
    prose = _CODE.sub(lambda match: " " * len(match[0]), text)
    found += _paths_in_prose(prose, root)
    return list(dict.fromkeys(path for _, path in sorted(found, key=lambda pair: pair[0])))


def find_symbols(text: str) -> list[str]:
    """Code names in backticks that are not paths: `load_orders()`, `kfp.dsl`, `Dataset`."""
    found: list[str] = []
    for match in _CODE.finditer(text):
        content = match[2].strip()
        if "::" in content:  # a pytest node id
            content = content.rsplit("::", 1)[1]
        symbol = _SYMBOL.match(content)
        name = symbol[1] if symbol else ""
        if name and not find_files(f"`{content}`") and not re.fullmatch(r"T\d+[a-z]?|P|US\d+|None|True|False", name):
            found.append(name)
    return list(dict.fromkeys(found))


def find_refs(text: str, stories: list[str] | None = None) -> list[str]:
    """Requirements, success criteria and scenarios the text refers to; ranges are expanded.

    Args:
        text: The text of a task.
        stories: The task's stories; with exactly one, a bare `AS2` is that story's.
    """
    found: list[tuple[int, str]] = []
    for match in _REQUIREMENT.finditer(text):
        kind, number, suffix, last = match[1], match[2], match[3], match[4]
        found.append((match.start(), f"{kind}-{number}{suffix}"))
        if last and not suffix and int(number) < int(last) <= int(number) + 200:
            width = len(number)
            found += [(match.start(), f"{kind}-{value:0{width}d}") for value in range(int(number) + 1, int(last) + 1)]
    for match in _SCENARIO.finditer(text):
        found.append((match.start(), f"US{match[1]}/AS{match[2]}"))
    if stories and len(stories) == 1:
        rest = _SCENARIO.sub(lambda match: " " * len(match[0]), text)
        found += [(match.start(), f"{stories[0]}/AS{match[1]}") for match in _OWN_SCENARIO.finditer(rest)]
    for match in _KIRO.finditer(text):
        found += [(match.start(), number) for number in re.findall(r"\d+(?:\.\d+)*", match[1] or match[2] or match[3])]
    return list(dict.fromkeys(ref for _, ref in sorted(found, key=lambda pair: pair[0])))


def find_stories(text: str) -> list[str]:
    """Keys of the user stories a tag or heading names: `US2 US3`, `US1+2`, `User Story 2.5`, `US1-US3`."""
    found: list[str] = []
    for match in _STORIES.finditer(text):
        numbers = re.findall(_NUMBER, match[1])
        between = re.split(_NUMBER, match[1])[1:-1]
        found.append(f"US{numbers[0]}")
        for (low, high), gap in zip(pairwise(numbers), between, strict=True):
            # Only `US1-3` and `US1–US3` are ranges; "User Story 1 - 2 tables" has blanks around its dash.
            if re.fullmatch(rf"[–—-](?:{_STORY_WORD})?[\s_-]*|\s*to\s*(?:{_STORY_WORD})?[\s_-]*", gap, re.I):
                if "." not in low + high and int(low) < int(high) <= int(low) + 50:
                    found += [f"US{number}" for number in range(int(low) + 1, int(high))]
                found.append(f"US{high}")
            elif re.search(r"[–—-]", gap):
                break
            else:
                found.append(f"US{high}")
    return list(dict.fromkeys(found))


def strip_code(text: str) -> str:
    """The text with its code spans blanked, so that words inside them do not count."""
    return _CODE.sub(lambda match: " " * len(match[0]), text)


def _paths_in_prose(text: str, root: Path | None) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    if root is not None:
        for match in _ABSOLUTE.finditer(text):
            relative = _below(match[0].rstrip(".,;:"), root)
            if relative and _is_file(relative):
                found.append((match.start(), relative))
    for match in _PROSE_PATH.finditer(text):
        candidate = match[0]
        if "." not in candidate and "/" not in candidate and candidate not in _BARE:
            continue
        for path in _expand(candidate):
            for part in _split_joined(path):
                clean = _clean(part)
                if clean and _is_file(clean) and not _PRODUCT.match(clean):
                    found.append((match.start(), clean))
    return found


def _code_paths(content: str, root: Path | None) -> list[str]:
    if content.startswith("/"):
        relative = _below(_SUFFIX.sub("", content), root) if root else None
        return [relative] if relative else []
    found: list[str] = []
    for path in _expand(_SUFFIX.sub("", content)):
        for part in _split_joined(path):
            clean = _clean(part)
            if clean and (_is_file(clean) or _is_path_in_code(clean)):
                found.append(clean)
    return found


def _expand(path: str) -> list[str]:
    """`src/{a,b}.py` is two paths."""
    pieces = _BRACES.split(path)
    if len(pieces) == 1 or len(pieces) > 7:
        return [path]
    options = [[piece] if index % 2 == 0 else piece.split(",")[:20] for index, piece in enumerate(pieces)]
    return ["".join(choice).replace(" ", "") for choice in product(*options)]


def _split_joined(path: str) -> list[str]:
    """`README.md/CHANGELOG.md` is two files, not a file in a folder."""
    parts = path.split("/")
    cut = [index for index, part in enumerate(parts[:-1]) if (e := _EXTENSION.search(part)) and e[1] in _SPLIT_AFTER]
    if not cut or path.endswith("/"):
        return [path]
    result, start = [], 0
    for index in [*cut, len(parts) - 1]:
        result.append("/".join(parts[start : index + 1]))
        start = index + 1
    return result


def _clean(path: str) -> str | None:
    path = path.rstrip(".,;:!?'\"")
    while path.startswith("./"):
        path = path[2:]
    path = re.sub(r"/{2,}", "/", path)
    if not path or path == "/" or path.startswith(("/", "~", "$", "-", "@")) or len(path) > 300:
        return None
    if re.search(r"[*?<>\[\]{}\\|\"'`=,;:()]|\.\.\.|…|\$", path) or ".." in path.split("/"):
        return None
    return path


def _is_file(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    if "/" not in path and path in _FEATURE_DOCUMENTS:
        return False
    if name in _BARE or re.fullmatch(r"(?:Dockerfile|Makefile|\.env)\.[\w.-]+", name):
        return True
    extension = _EXTENSION.search(name)
    if extension is None or (len(name) == len(extension[0]) and "/" not in path):
        return False
    # `threading.Lock` is no file, README.MD is.
    ending = extension[1].lower() if extension[1].isupper() else extension[1]
    return ending in (_EXTENSIONS_IN_FOLDERS if "/" in path else EXTENSIONS)


def _is_path_in_code(path: str) -> bool:
    """In backticks a folder counts too, and any ending behind one; `input/output` and `owner/repo` do not."""
    if "/" not in path or not re.fullmatch(r"[\w.\-+@/]+", path):
        return False
    if path.endswith("/"):
        return True
    name = path.rsplit("/", 1)[-1]
    return _EXTENSION.search(name) is not None or path.split("/", 1)[0] in _FOLDERS


def _below(path: str, root: Path) -> str | None:
    prefix = root.as_posix().rstrip("/") + "/"
    return _clean(path.removeprefix(prefix)) if path.startswith(prefix) else None


def is_file_path(path: str) -> bool:
    """Whether a name from a drawn tree is a file: a known name or ending, or any ending inside a folder."""
    name = path.rsplit("/", 1)[-1]
    return _is_file(path) or name in _FEATURE_DOCUMENTS or ("/" in path and _EXTENSION.search(name) is not None)


def is_known_folder(name: str) -> bool:
    """Whether repositories commonly have a top folder of that name."""
    return name in _FOLDERS
