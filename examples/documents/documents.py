"""Markdown to HTML, an inverted index, and the links between documents. Nothing but the standard library."""

import html
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

WORD = re.compile(r"[^\W\d_]{3,}")
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
# Words that say nothing about a document.
STOP = re.compile(
    "about|after|all|also|and|any|are|because|before|between|but|can|does|each|for|from|has|have|her|his|how|into|its"
    "|may|more|most|not|one|only|other|our|out|over|own|per|same|she|some|such|than|that|the|their|them|then|there"
    "|these|they|this|those|under|very|via|was|were|what|when|where|which|who|will|with|would|you|your"
)


def convert(path: str, text: str) -> dict[str, Any]:
    """One document: its page, and the facts that the index needs."""
    title, body = posixpath.basename(path), []
    for kind, content in blocks(text):
        if kind == "h1" and title == posixpath.basename(path):
            title = content
        body.append(render(kind, content))
    page = f'<!doctype html>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n' + "\n".join(body) + "\n"
    return {"page": page, "facts": facts(path, title, text)}


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The document's blocks: headings, fenced code, lists and paragraphs."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        heading = re.match(r"(#{1,6})\s+(.*)", line)
        if line.lstrip().startswith("```"):
            code = []
            at += 1
            while at < len(lines) and not lines[at].lstrip().startswith("```"):
                code.append(lines[at])
                at += 1
            yield "code", "\n".join(code)
        elif heading:
            yield f"h{len(heading[1])}", heading[2].strip("# ")
        elif line.strip():
            kind = "list" if re.match(r"\s*([-*]|\d+\.)\s", line) else "table" if line.startswith("|") else "p"
            part = [line]
            while at + 1 < len(lines) and lines[at + 1].strip() and not re.match(r"#|\s*```", lines[at + 1]):
                at += 1
                part.append(lines[at])
            yield kind, "\n".join(part)
        at += 1


def render(kind: str, content: str) -> str:
    """A block as HTML."""
    if kind == "code":
        return f"<pre><code>{html.escape(content)}</code></pre>"
    if kind == "list":
        items = re.split(r"(?:^|\n)\s*(?:[-*]|\d+\.)\s+", content)[1:]
        return "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>"
    if kind == "table":
        rows = [line.strip().strip("|").split("|") for line in content.splitlines()]
        kept = [row for row in rows if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in row)]
        cells = ("<tr>" + "".join(f"<td>{inline(cell.strip())}</td>" for cell in row) + "</tr>" for row in kept)
        return "<table>" + "".join(cells) + "</table>"
    return f"<{kind}>{inline(content)}</{kind}>"


def inline(text: str) -> str:
    """Code, links and emphasis within a block."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        f"<code>{html.escape(part[1:-1])}</code>" if part.startswith("`") and len(part) > 1 else spans(part)
        for part in parts
    )


def spans(text: str) -> str:
    """Links and emphasis of a text without code."""
    text = html.escape(text, quote=False)
    text = LINK.sub(lambda link: f'<a href="{html.escape(link[2])}">{link[1]}</a>', text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"(?<!\w)\*(.+?)\*(?!\w)", r"<em>\1</em>", text)


def facts(path: str, title: str, text: str) -> dict[str, Any]:
    """What the index keeps of a document. Code is not read for words or links."""
    prose = re.sub(r"```.*?(```|\Z)", lambda code: "\n" * code[0].count("\n"), text, flags=re.S)
    words = [word.lower() for word in WORD.findall(prose)]
    links = [
        {"target": link[2], "line": number}
        for number, line in enumerate(prose.splitlines(), start=1)
        for link in LINK.finditer(re.sub(r"`[^`]*`", "", line))
    ]
    headings = len(re.findall(r"^#{1,6}\s", prose, flags=re.M))
    counts = Counter(word for word in words if not STOP.fullmatch(word))
    return {
        "path": path,
        "title": title,
        "words": len(words),
        "headings": headings,
        "links": links,
        "terms": dict(sorted(counts.items())),
    }


def gather(documents: list[dict[str, Any]], thin: int) -> dict[str, Any]:
    """The inverted index (term → paths with counts), and what a reader should look at."""
    paths = {document["path"] for document in documents}
    terms: dict[str, dict[str, int]] = {}
    total: Counter[str] = Counter()
    for document in documents:
        for term, count in document["terms"].items():
            terms.setdefault(term, {})[document["path"]] = count
            total[term] += count
    broken = [
        {"path": document["path"], **link}
        for document in documents
        for link in document["links"]
        if not leads_somewhere(document["path"], link["target"], paths)
    ]
    summary = {
        "words": sum(document["words"] for document in documents),
        "terms": len(terms),
        "documents": [{**document, "links": len(document["links"]), "terms": None} for document in documents],
        "broken": broken,
        "thin": [document["path"] for document in documents if document["words"] < thin],
        "common": [term for term, _ in sorted(total.items(), key=lambda entry: (-entry[1], entry[0]))[:12]],
    }
    return {"terms": dict(sorted(terms.items())), "summary": summary}


def leads_somewhere(path: str, target: str, paths: set[str]) -> bool:
    """Whether a link leads out of the documents, into the page itself, or to a document that is here."""
    if re.match(r"[a-z][a-z0-9+.-]*:|#|//", target):
        return True
    file = target.split("#")[0]
    if not file.endswith(".md"):
        return True
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) in paths
