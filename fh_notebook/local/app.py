"""The hive as an ASGI application: addresses, the caller's key, reading bodies, and writing down what comes back.

Rule of this file: no decision about a call is made here; it is made in ``service``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fh_notebook.local import wire_out
from fh_notebook.local.broken import BrokenResponse
from fh_notebook.local.codes import Refusal
from fh_notebook.local.service import Answered, Service
from fh_notebook.local.wire_out import Reply

__all__ = ["app_of"]

DRAIN_BYTES: Final = 64 * 1024 * 1024
"""How much of a body that is too large is read and dropped before the answer. A client that does not listen while it
sends (``http.client``) would see a broken connection in place of the 413."""

Endpoint = Callable[[Request], Awaitable[Answered]]


def app_of(service: Service) -> Starlette:
    """Return the application of a hive."""
    handlers = _Handlers(service)
    app = Starlette(
        routes=[
            Route("/v1/workflow/invoke", handlers.run(handlers.invoke), methods=["POST"]),
            Route(
                "/v1/workflow/webhooks/{endpoint}/variants/{variant}", handlers.run(handlers.trigger), methods=["POST"]
            ),
            Route("/v1/public/requests/{id}", handlers.look(handlers.request_details)),
            Route("/v1/workflow_runs/{id}", handlers.look(handlers.workflow_run)),
            Route("/v1/public/models", handlers.look(handlers.models)),
            Route("/v1/error_codes", handlers.look(handlers.error_codes)),
            Route("/v1/assets/{id}/{name:path}", handlers.asset),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _defect},
    )
    app.router.redirect_slashes = False  # a redirect would cost a client its body or its key
    return app


class _Handlers:
    """One method an address."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def run(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an address that runs workflows: it is counted."""

        async def handle(request: Request) -> Response:
            response, status = await self._answer(endpoint, request)
            self._service.note_answer(status)
            return response

        return handle

    def look(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an address at which one looks at things."""

        async def handle(request: Request) -> Response:
            return (await self._answer(endpoint, request))[0]

        return handle

    async def _answer(self, endpoint: Endpoint, request: Request) -> tuple[Response, int]:
        try:
            reply, fault = await endpoint(request)
        except Refusal as no:
            reply, fault = wire_out.refused(no), None
        if fault is None or not fault.breaks_line:
            return _response(reply), reply.status
        broken = BrokenResponse(
            fault, reply.body, status_code=reply.status, headers=dict(reply.headers), sleep=self._service.sleep
        )
        return broken, 0 if fault.reset or fault.cut_body else reply.status

    async def invoke(self, request: Request) -> Answered:
        self._authorize(request)
        return await self._service.invoke(await self._body(request), _base_url(request))

    async def trigger(self, request: Request) -> Answered:
        secret = request.headers.get("x-fetch-hive-webhook-secret") or request.query_params.get("secret", "")
        ids = request.path_params
        body = await self._body(request)
        return await self._service.trigger(ids["endpoint"], ids["variant"], secret, body, _base_url(request))

    async def request_details(self, request: Request) -> Answered:
        self._authorize(request)
        return self._service.request_details(request.path_params["id"])

    async def workflow_run(self, request: Request) -> Answered:
        self._authorize(request)
        return self._service.workflow_run(request.path_params["id"])

    async def models(self, request: Request) -> Answered:
        self._authorize(request)
        return Answered(wire_out.models())

    async def error_codes(self, request: Request) -> Answered:
        return Answered(wire_out.error_codes())

    async def asset(self, request: Request) -> Response:
        asset = self._service.assets.get(request.path_params["id"])
        if asset is None:
            return _error(Refusal("not_found", "Asset not found"))
        # nosniff: what a model made is shown as what it says that it is, or not at all.
        headers = {"content-type": asset.file_type, "x-content-type-options": "nosniff"}
        return Response(asset.content, headers=headers)

    def _authorize(self, request: Request) -> None:
        self._service.authorize(request.headers.get("authorization"))

    async def _body(self, request: Request) -> bytes:
        """Return the body, once it is known to be JSON by its type and not too large, with or without a length."""
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise Refusal("unsupported_media_type", f"The body must be application/json, not {kind or 'nothing'}.")
        limit = self._service.runs.options.max_body_bytes
        announced = request.headers.get("content-length", "")
        asks_first = request.headers.get("expect", "").lower() == "100-continue"
        if asks_first and announced.isdecimal() and int(announced) > limit:
            raise _too_large(limit)  # nothing was sent yet
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            else:
                chunks.clear()
            if size > max(limit, DRAIN_BYTES):
                break
        if size > limit:
            raise _too_large(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> Refusal:
    # close: what is left of the body would be taken for the next request.
    return Refusal("request_too_large", f"The body is larger than {limit:,} bytes.", headers={"connection": "close"})


def _base_url(request: Request) -> str:
    """Return the address under which the hive was asked, as far as the host."""
    host = request.headers.get("host", "127.0.0.1")
    return f"{request.scope['scheme']}://{host}"


def _response(reply: Reply) -> Response:
    return Response(reply.body, status_code=reply.status, headers=dict(reply.headers))


def _error(no: Refusal) -> Response:
    return _response(wire_out.refused(no))


async def _http_error(request: Request, exc: Exception) -> Response:
    """Write what Starlette's router refuses (404, 405) as the contract writes errors."""
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    headers = dict(exc.headers or {}) if isinstance(exc, HTTPException) else {}
    if status == 405:
        return _error(Refusal("method_not_allowed", headers=headers))
    return _error(Refusal("not_found", f"There is nothing at {request.url.path}"))


async def _defect(request: Request, exc: Exception) -> Response:
    """Answer for a defect of the hive itself; Starlette raises it on, for the server to log."""
    return _error(Refusal("internal_server_error"))
