"""Responses of a hive: records encoded in either spelling.

Rule of this file: pure, one function a body, and each says where its shape comes from. The vendor's documentation
("docs") and its SDKs ("sdk") disagree; a hive speaks one of the two, so that a client can be tried against both. What
neither says is marked UNKNOWN: there the hive's choice is a guess and a client must not lean on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fh_notebook.local.approvals import Approval
from fh_notebook.local.options import Options, Spelling
from fh_notebook.local.records import Call, Record
from fh_notebook.local.requests import BY_CODE, CODES, Refusal


class EncodedResponse(NamedTuple):
    """A response before it is sent: status, body and headers."""

    status: int
    body: bytes
    headers: Mapping[str, str]


JSON_HEADERS: Mapping[str, str] = {"content-type": "application/json"}


def finished(record: Record, status: str, spelling: Spelling) -> EncodedResponse:
    """Answer a sync call (CONTRACT section 1).

    `status` is what was true when its caller was let go: of a run that waited then, somebody may have decided by now.

    A run that failed is a 200, too: "sdk" says so [S]; that the documentation's spelling carries ``error`` then is
    UNKNOWN.
    """
    if spelling == "sdk":
        fields = {"request_id": record.request_id, "run_id": record.run_id, "status": status}
        return _json(200, fields, output=record, error=record.error)
    fields = {"request_id": record.request_id, "run_status": status}
    if status == "failed":
        return _json(200, fields, output=record, error=record.error)
    return _json(200, fields, output=record)


def accepted(record: Record, status: str, spelling: Spelling, webhook_secret: str) -> EncodedResponse:
    """Answer a call for callback delivery (CONTRACT section 1): "sdk" knows neither ``running`` nor the secret.

    `status` is what was true when the call was let in; by now the run may have ended.
    """
    if spelling == "sdk":
        waiting = "queued" if status == "running" else status
        return _json(202, {"run_id": record.run_id, "status": waiting})
    fields = {"request_id": record.request_id, "run_status": status, "webhook_secret": webhook_secret}
    return _json(200, fields)


def event(record: Record, spelling: Spelling) -> bytes:
    """Write the body of a callback.

    UNKNOWN for workflows (CONTRACT section 6). "docs": the shape that the documentation gives for agents, with
    ``data.output``; "sdk": the fields of the SDK's answer to a sync call.
    """
    if spelling == "sdk":
        return finished(record, record.status, spelling).body
    kind = "workflow.completed" if record.status == "completed" else "workflow.failed"
    inner = '{"output": ' + record.output_json + "}" if record.output_json else _dumps({"error": record.error})
    head = _dumps({"event_type": kind, "request_id": record.request_id, "run_status": record.status})
    return _encode(f'{head[:-1]}, "data": {inner}}}')


def request_details(call: Call, options: Options) -> EncodedResponse:
    """Answer ``GET /v1/public/requests/{id}`` (CONTRACT section 3): the fields of [S].

    UNKNOWN: the values of ``status``, and what ``data`` holds; here the run's own status, and ``output`` or ``error``.
    "sdk" wraps the whole in ``request``, which a client must unwrap.
    """
    details = {
        "id": call.request_id,
        "request_id": call.request_id,
        "status": call.status,
        "request_type": "workflow",
        "requestable_type": "WorkflowRun",
        "requestable_id": call.run_id,
        "message": call.error,
        "generated_at": _time(call.created_at),
        "started_at": _time(call.started_at),
        "ended_at": _time(call.ended_at),
        "metadata": {"deployment": call.deployment, "variant": call.variant},
        "user_metadata": call.metadata,
    }
    output = f'"output": {call.output_json or "null"}, ' if options.retrieves_output else ""
    inner = f'{{{output}"error": {_dumps(call.error)}}}'
    if call.status == "awaiting_approval":  # UNKNOWN whether the service says who it waits for
        approval = _dumps({"waiting_for": call.waiting_for, "question": call.question})
        inner = f'{inner[:-1]}, "approval": {approval}}}'
    text = f'{_dumps(details)[:-1]}, "data": {inner}}}'
    return EncodedResponse(200, _encode(f'{{"request": {text}}}' if options.spelling == "sdk" else text), JSON_HEADERS)


def workflow_run(call: Call, options: Options) -> EncodedResponse:
    """Answer ``GET /v1/workflow_runs/{run_id}`` (CONTRACT section 3), the older address. Nothing here costs tokens."""
    started, ended = call.started_at, call.ended_at
    details = {
        "id": call.run_id,
        "run_status": call.status,
        "error_message": call.error,
        "start_inputs": call.inputs,
        "started_at": _time(started),
        "ended_at": _time(ended),
        "duration": (ended - started).total_seconds() if started and ended else None,
        "total_tokens": 0,
        "total_charge": 0,
    }
    output = f', "output_content": {call.output_json or "null"}' if options.retrieves_output else ""
    text = f"{_dumps(details)[:-1]}{output}}}"
    return EncodedResponse(200, _encode(f'{{"workflow_run": {text}}}'), JSON_HEADERS)


def error_codes() -> EncodedResponse:
    """Answer ``GET /v1/error_codes``, in the shape of the documentation (CONTRACT section 10); `source` is ours."""
    codes = [
        {
            "code": c.code,
            "status": c.http_status,
            "field": "error_code",
            "field_aliases": ["code"] if c.code == "api_rate_limit_exceeded" else [],
            "category": "local" if c.ours else "runtime",
            "message_key": f"errors.codes.{c.code}",
            "message": c.message,
            "client_action_key": f"errors.client_actions.{c.code}",
            "client_action": c.client_action,
            "source": "local_hive" if c.ours else "fetch_hive",
        }
        for c in CODES
    ]
    fields = {"locale": "en", "default_field": "error_code", "compatibility_aliases": ["code"], "codes": codes}
    return _json(200, fields)


def models() -> EncodedResponse:
    """Answer ``GET /v1/public/models``: there are none on this machine. The shape is UNKNOWN."""
    return _json(200, {"models": []})


def approvals(page: Sequence[Approval], next_cursor: str | None) -> EncodedResponse:
    """Answer ``GET .../tool_action_approvals`` (CONTRACT section 10). What holds the list and the cursor is UNKNOWN."""
    return _json(200, {"tool_action_approvals": [_approval_fields(a) for a in page], "next_cursor": next_cursor})


def approval(shown: Approval) -> EncodedResponse:
    """Answer ``GET .../tool_action_approvals/{id}``, and a decision. That nothing wraps it is UNKNOWN."""
    return _json(200, _approval_fields(shown))


def _approval_fields(shown: Approval) -> dict[str, Any]:
    """Return the fields of [S]; UNKNOWN: the values of ``risk_level``, and of ``status`` but for ``pending``."""
    votes = {"allowed": [{"decision": "allow_once"}], "denied": [{"decision": "deny"}]}
    return {
        "id": shown.id,
        "status": shown.status,
        "prompt_workflow_run_id": shown.run_id,
        "summary": shown.question,
        "tool_label": shown.tool,
        "action_label": shown.question,
        "arguments": dict(shown.arguments),
        "risk_level": "destructive" if shown.is_destructive else "standard",
        "expires_at": _time(shown.expires_at),
        "approvals_required": 1,
        "approval_votes": votes.get(shown.status, []),
        "batch_key": None,
    }


def assets(entries: Sequence[Mapping[str, Any]]) -> EncodedResponse:
    """Answer ``GET .../assets`` (CONTRACT section 10). What holds the list is UNKNOWN."""
    return _json(200, {"assets": list(entries)})


def uploaded(entry: Mapping[str, Any]) -> EncodedResponse:
    """Answer ``POST .../assets`` [S]; the status is UNKNOWN."""
    return _json(200, {"message": "Asset uploaded.", "asset": dict(entry)})


def refused(refusal: Refusal) -> EncodedResponse:
    """Write a refusal with the three fields that the documentation gives every error (CONTRACT section 2).

    One with a status that is not its code's has ``error`` alone: so does the documentation's 422 for what is not found.
    """
    named = {"message": refusal.message, "error_code": refusal.code}
    if refusal.status != BY_CODE[refusal.code].http_status:
        named = {}
    body = _encode(_dumps({"error": refusal.message, **named, **refusal.more}))
    return EncodedResponse(refusal.status, body, {**JSON_HEADERS, **refusal.headers})


def _json(status: int, fields: Mapping[str, Any], output: Record | None = None, **after: Any) -> EncodedResponse:
    """Write `named`, then the output of a record (which is JSON text already), then `after`."""
    text = _dumps(fields)
    if output is not None:
        text = f'{text[:-1]}, "output": {output.output_json or "null"}}}'
    if after:
        text = f"{text[:-1]}, {_dumps(after)[1:]}"
    return EncodedResponse(status, _encode(text), JSON_HEADERS)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a character (a lone surrogate) from a caller or a workflow: JSON can say it in ASCII, UTF-8 cannot.
        return json.dumps(json.loads(text)).encode()


def _time(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat().replace("+00:00", "Z")
