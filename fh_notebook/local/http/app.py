"""ASGI application of a hive: routes, keys, bodies, and responses that a fault cuts or resets.

Rules of this file:

1. The wish is the app's, the doing is the way in's. A server on a socket and the transport in process each put a
   `ConnectionLine` into the ASGI scope, which can break off their own kind of connection.
2. No decision about a call is made here; it is made in ``service``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fh_notebook.local import responses
from fh_notebook.local.faults import Fault
from fh_notebook.local.requests import Refusal
from fh_notebook.local.responses import EncodedResponse
from fh_notebook.local.service import Service, ServiceResponse

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LINE: Final = "fh_notebook.line"
"""The name of the ASGI extension."""


class ConnectionLine(Protocol):
    """The connection under one request."""

    def reset(self) -> None:
        """End it at once, with a reset."""

    def cut(self) -> None:
        """Close it after what has been sent."""


class BrokenResponse(Response):
    """An answer that goes wrong on the line as a fault says.

    On a server that puts no `ConnectionLine` into the scope, the application raises `ConnectionResetError` in place of
    a reset or a cut; what that looks like to a client is then the server's business.
    """

    def __init__(
        self,
        fault: Fault,
        content: bytes,
        *,
        status_code: int,
        headers: dict[str, str],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        super().__init__(content, status_code=status_code, headers=headers)
        self._fault = fault
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as far as it goes."""
        line: ConnectionLine | None = scope.get("extensions", {}).get(LINE)
        if self._fault.reset:
            _there(line).reset()
            await disconnected(receive)
            return
        content = bytes(self.body)
        half = len(content) // 2
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": content[:half], "more_body": True})
        if self._fault.slow_body_s:
            await self._sleep(self._fault.slow_body_s)
        if self._fault.cut_body:
            _there(line).cut()
            await disconnected(receive)
            return
        await send({"type": "http.response.body", "body": content[half:], "more_body": False})


def _there(line: ConnectionLine | None) -> ConnectionLine:
    if line is None:
        raise ConnectionResetError("a scripted fault; this server has no way to break off a connection")
    return line


async def disconnected(receive: Receive) -> None:
    """Wait until the server has noticed that a connection ended; else it would complain of an unfinished answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


DRAIN_BYTES: Final = 64 * 1024 * 1024
"""How much of a body that is too large is read and dropped before the answer. A client that does not listen while it
sends (``http.client``) would see a broken connection in place of the 413."""


ASSETS: Final = "/v1/public/workspaces/{workspace}/assets"
APPROVALS: Final = "/v1/public/workspaces/{workspace}/tool_action_approvals"

Endpoint = Callable[[Request], Awaitable[ServiceResponse]]


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
            Route(APPROVALS, handlers.look(handlers.tool_approvals)),
            Route(APPROVALS + "/{id}", handlers.look(handlers.tool_approval)),
            Route(APPROVALS + "/{id}/decide", handlers.look(handlers.decide_tool), methods=["POST"]),
            Route(ASSETS, handlers.look(handlers.list_assets)),
            Route(ASSETS, handlers.look(handlers.upload_asset), methods=["POST"]),
            Route("/v1/public/models", handlers.look(handlers.models)),
            Route("/v1/error_codes", handlers.public(handlers.error_codes)),
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
            response, status = await self._respond(endpoint, request)
            self._service.note_answer(status)
            return response

        return handle

    def look(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an address that needs the key and runs nothing."""

        async def counted(request: Request) -> ServiceResponse:
            self._authorize(request)
            self._service.count_look_up()
            return await endpoint(request)

        return self.public(counted)

    def public(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an address that runs nothing and needs no key."""

        async def handle(request: Request) -> Response:
            return (await self._respond(endpoint, request))[0]

        return handle

    async def _respond(self, endpoint: Endpoint, request: Request) -> tuple[Response, int]:
        try:
            reply, fault = await endpoint(request)
        except Refusal as exc:
            reply, fault = responses.refused(exc), None
        if fault is None or not fault.breaks_line:
            return _response(reply), reply.status
        response = BrokenResponse(
            fault, reply.body, status_code=reply.status, headers=dict(reply.headers), sleep=self._service.sleep
        )
        return response, 0 if fault.reset or fault.cut_body else reply.status

    async def invoke(self, request: Request) -> ServiceResponse:
        self._authorize(request)
        return await self._service.invoke(await self._body(request), _base_url(request))

    async def trigger(self, request: Request) -> ServiceResponse:
        secret = request.headers.get("x-fetch-hive-webhook-secret") or request.query_params.get("secret", "")
        ids = request.path_params
        body = await self._body(request)
        return await self._service.trigger(ids["endpoint"], ids["variant"], secret, body, _base_url(request))

    async def request_details(self, request: Request) -> ServiceResponse:
        return self._service.request_details(request.path_params["id"])

    async def workflow_run(self, request: Request) -> ServiceResponse:
        return self._service.workflow_run(request.path_params["id"])

    async def tool_approvals(self, request: Request) -> ServiceResponse:
        return self._service.tool_approvals(request.path_params["workspace"], request.query_params)

    async def tool_approval(self, request: Request) -> ServiceResponse:
        return self._service.tool_approval(request.path_params["workspace"], request.path_params["id"])

    async def decide_tool(self, request: Request) -> ServiceResponse:
        ids = request.path_params
        return self._service.decide_tool(ids["workspace"], ids["id"], await self._body(request))

    async def list_assets(self, request: Request) -> ServiceResponse:
        return self._service.list_assets(request.path_params["workspace"], _base_url(request))

    async def upload_asset(self, request: Request) -> ServiceResponse:
        body = await self._content(request)
        kind = request.headers.get("content-type", "")
        return self._service.upload_asset(request.path_params["workspace"], kind, body, _base_url(request))

    async def models(self, request: Request) -> ServiceResponse:
        return ServiceResponse(responses.models())

    async def error_codes(self, request: Request) -> ServiceResponse:
        return ServiceResponse(responses.error_codes())

    async def asset(self, request: Request) -> Response:
        try:
            asset = self._service.assets.get(request.path_params["id"])
        except Refusal as exc:
            return _error(exc)
        if asset is None:
            return _error(Refusal("not_found", "Asset not found"))
        # nosniff: what a model made is shown as what it says that it is, or not at all.
        headers = {"content-type": asset.file_type, "x-content-type-options": "nosniff"}
        return Response(asset.content, headers=headers)

    def _authorize(self, request: Request) -> None:
        self._service.authorize(request.headers.get("authorization"))

    async def _body(self, request: Request) -> bytes:
        """Return the body, once it is known to be JSON by its type and not too large."""
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise Refusal("unsupported_media_type", f"The body must be application/json, not {kind or 'nothing'}.")
        return await self._content(request)

    async def _content(self, request: Request) -> bytes:
        """Return a body that is not too large, with or without a length."""
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


def _response(reply: EncodedResponse) -> Response:
    return Response(reply.body, status_code=reply.status, headers=dict(reply.headers))


def _error(refusal: Refusal) -> Response:
    return _response(responses.refused(refusal))


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
