"""The API's reference for people: one plain page, made from the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem;color:#1b1b1b;background:#fff}
h2{border-bottom:1px solid #ccc;padding-bottom:.2rem;margin-top:2.5rem}h3{font-size:1.05rem;margin:1.6rem 0 .3rem}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f4f4f4;padding:.6rem;overflow:auto}
b.method{display:inline-block;min-width:4rem}table{border-collapse:collapse;margin:.4rem 0}
td,th{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0;border-bottom:1px solid #eee}
details{margin:.3rem 0}.roles{color:#555;font-size:.9rem}a{color:#0b57d0}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}pre{background:#222}a{color:#8ab4f8}
td,th{border-color:#333}h2{border-color:#444}.roles{color:#aaa}}
"""

_CODE = re.compile(r"`([^`]+)`")
_METHODS = ("get", "post", "put", "patch", "delete")


def reference_page(document: dict[str, Any]) -> str:
    """The page, whole; it needs no script and fetches nothing."""
    return "".join(_page(document))


def _page(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
    )
    yield _prose(info.get("description") or "")
    yield (
        '<p>The same for machines: <a href="/docs/openapi.json">openapi.json</a>. Send your key as '
        "<code>Authorization: Bearer otk_…</code>. Every error is an RFC 9457 problem document.</p>"
    )
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, item in sorted(document.get("paths", {}).items()):
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append((path, method, item[method]))
    for tag, operations in sorted(groups.items()):
        yield f"<h2>{escape(tag)}</h2>"
        for path, method, operation in operations:
            yield from _operation(path, method, operation)
    yield "<h2>Structures</h2>"
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        yield from _structure(name, schema)
    yield "</main></body></html>"


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    anchor = escape(operation.get("operationId", f"{method}{path}"), quote=True)
    yield f'<h3 id="{anchor}"><code><b class="method">{method.upper()}</b> {escape(path)}</code></h3>'
    summary, description = operation.get("summary") or "", operation.get("description") or ""
    yield _prose(description or summary)
    if "security" in operation:
        roles = operation.get("x-roles")
        yield f'<p class="roles">key needed; roles: {escape(", ".join(roles)) if roles else "any"}</p>'
    parameters = operation.get("parameters") or []
    if parameters:
        yield "<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>"
        for item in parameters:
            note = f"{'required' if item.get('required') else ''} {_words(item.get('description') or '')}"
            yield (
                f"<tr><td><code>{escape(item['name'])}</code></td><td>{escape(item['in'])}</td>"
                f"<td>{_type(item.get('schema') or {})}</td><td>{note}</td></tr>"
            )
        yield "</table>"
    for media, content in ((operation.get("requestBody") or {}).get("content") or {}).items():
        schema = content.get("schema") or {}
        yield f"<p>Body (<code>{escape(media)}</code>): {_type(schema)}. {_words(schema.get('description') or '')}</p>"
        for part in (schema, *schema.get("anyOf", ())):
            yield from _fields(part)
    yield "<details><summary>Answers</summary><table>"
    for status, answer in sorted(operation.get("responses", {}).items()):
        kinds = ", ".join(_type(content.get("schema") or {}) for content in (answer.get("content") or {}).values())
        yield f"<tr><td>{escape(status)}</td><td>{_words(answer.get('description') or '')}</td><td>{kinds}</td></tr>"
    yield "</table></details>"


def _structure(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<h3 id="schema-{escape(name, quote=True)}"><code>{escape(name)}</code></h3>'
    yield _prose(schema.get("description") or "")
    if schema.get("properties"):
        yield from _fields(schema)
    else:
        yield f"<p>{_type({key: value for key, value in schema.items() if key != 'description'})}</p>"


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    properties = schema.get("properties")
    if not properties:
        return
    required = set(schema.get("required") or ())
    yield "<table>"
    for field, kind in properties.items():
        need = "required" if field in required else ""
        note = _words(kind.get("description") or "")
        yield f"<tr><td><code>{escape(field)}</code></td><td>{_type(kind)}</td><td>{need} {note}</td></tr>"
    yield "</table>"


def _type(schema: dict[str, Any]) -> str:
    """The type in a few words, with links to structures."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1], quote=True)
        return f'<a href="#schema-{name}">{name}</a>'
    for union in ("oneOf", "anyOf"):
        if union in schema:
            return " or ".join(_type(part) for part in schema[union])
    if "const" in schema:
        return f"<code>{escape(repr(schema['const']))}</code>"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(escape(str(part)) for part in kind)
    if kind == "array":
        return f"list of {_type(schema.get('items') or {})}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("format") or kind)) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    words = {"minimum": "≥", "maximum": "≤", "minLength": "length ≥", "maxLength": "length ≤", "pattern": "matches"}
    said = [f"{word} {escape(str(_whole(schema[key])))}" for key, word in words.items() if key in schema]
    return f" ({', '.join(said)})" if said else ""


def _whole(value: object) -> object:
    # Litestar keeps the bounds of whole numbers as floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _prose(text: str) -> str:
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    return "".join(f"<p>{_words(part)}</p>" for part in paragraphs)


def _words(text: str) -> str:
    """One paragraph; what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))
