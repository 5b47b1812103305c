"""Splits a patch into files, checks added lines by rules, and weighs what was found."""

import re
from typing import Any

Finding = dict[str, Any]

# What a line may hold, by which files, how bad it is, and what to say. The first rule that fits a line counts.
RULES: list[tuple[str, str, str, str]] = [
    (r"^(<{7}|>{7}|={7})( |$)", r".*", "error", "a conflict was left unresolved"),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----", r".*", "error", "a private key"),
    (r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|sk-[A-Za-z0-9]{32,})\b", r".*", "error", "looks like a secret"),
    (
        r"(?i)(password|secret|api_?key)\s*=\s*[\"'][^\"'{}$<]{8,}[\"']",
        r".*",
        "error",
        "a secret written into the source",
    ),
    (r"\b(dbg!|todo!|unimplemented!)\(", r".*\.rs$", "error", "a macro that must not stay"),
    (r"\.unwrap\(\)", r"^(?!.*(tests?|benches)/).*\.rs$", "warning", "`unwrap` outside of a test"),
    (r"\bunsafe\s*\{", r".*\.rs$", "warning", "`unsafe`: is the proof beside it?"),
    (r"^\s*(print|breakpoint)\(", r"^(?!.*tests?/).*\.py$", "warning", "a print or a breakpoint"),
    (r"\bexcept\s*:", r".*\.py$", "warning", "a bare `except` hides mistakes"),
    (r"\bconsole\.log\(", r".*\.[jt]sx?$", "warning", "a console.log"),
    (r"\b(eval|exec)\(", r".*\.(py|[jt]sx?)$", "warning", "evaluates text as code"),
    (r"\b(TODO|FIXME|XXX)\b", r".*", "note", "something left to do"),
    (r"[ \t]+$", r"^(?!.*\.md$).*", "note", "spaces at the end of the line"),
    (r"^.{161,}$", r".*\.(rs|py|[jt]sx?|go|c|cc|cpp|h|java)$", "note", "a line of over 160 characters"),
]
WEIGHT = {"error": 0.4, "warning": 0.08, "note": 0.02}


def split(patch: str) -> dict[str, Any]:
    """The files of a patch: path, added lines with their numbers, count of removed lines, and the patch of the file."""
    files: list[dict[str, Any]] = []
    number = 0
    inside = False
    for line in patch.splitlines():
        if line.startswith("diff --git "):
            path = line.rsplit(" b/", 1)[-1]
            files.append({"path": path, "added": [], "removed": 0, "patch": ""})
            inside = False
        if not files:
            continue
        file = files[-1]
        file["patch"] += line + "\n"
        hunk = re.match(r"@@ -\d+(?:,\d+)? \+(\d+)", line)
        if hunk:
            number, inside = int(hunk[1]), True
        elif inside and line.startswith("+"):
            file["added"].append({"line": number, "text": line[1:]})
            number += 1
        elif inside and line.startswith("-"):
            file["removed"] += 1
        elif inside and not line.startswith("\\"):
            number += 1
    return {"files": files}


def check(piece: dict[str, Any]) -> dict[str, list[Finding]]:
    """What the rules say about the added lines of one file."""
    rules = [
        (re.compile(pattern), severity, what)
        for pattern, paths, severity, what in RULES
        if re.match(paths, piece["path"])
    ]
    findings = []
    for added in piece["added"]:
        for pattern, severity, what in rules:
            if pattern.search(added["text"]):
                findings.append({"path": piece["path"], "line": added["line"], "severity": severity, "what": what})
                break
    return {"findings": findings}


def weigh(files: list[dict[str, Any]], findings: list[list[Finding] | None]) -> dict[str, Any]:
    """One verdict: errors reject a change when there are many, else they must be fixed."""
    every = sorted(
        (finding for of_file in findings for finding in of_file or []),
        key=lambda finding: (["error", "warning", "note"].index(finding["severity"]), finding["path"], finding["line"]),
    )
    score = round(max(0.0, 1.0 - sum(WEIGHT[finding["severity"]] for finding in every)), 2)
    errors = sum(finding["severity"] == "error" for finding in every)
    verdict = "reject" if errors >= 5 else "fix" if errors or (files and score < 0.5) else "approve"
    return {"verdict": verdict, "score": score, "findings": every}
