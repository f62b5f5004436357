"""Parameters of a query that there are not."""

from __future__ import annotations

from typing import Any

from tests.unit.workers.gateway.conformance import document
from tests.unit.workers.gateway.conftest import Client, problem
from workers.gateway.app import create
from workers.gateway.context import Gateway
from workers.gateway.native.query import NATIVE, parameters


def test_a_mistyped_parameter_is_refused_with_the_one_that_was_meant(client: Client) -> None:
    """Ignored, it would enqueue with another weight, or list other batches, than was asked for."""
    caller = client()
    body = '{"prompt": "a cat", "init_image": "https://example.com/cat.png"}\n'
    sent = caller.post(
        "/v1/batches?wieght=2&set=seed=1&tag=x", data=body, headers={"Content-Type": "application/jsonl"}
    )
    found = problem(sent)
    known = "set, column, keep_columns, weight, max_failures, budget, open_until"
    assert found["detail"] == f"there is no parameter 'tag' here; there is {known}"
    assert found["errors"] == [
        {"field": "tag", "detail": found["detail"]},
        {"field": "wieght", "detail": "there is no parameter 'wieght' here; did you mean 'weight'?"},
    ]
    assert caller.get("/v1/batches").json()["batches"] == []


def test_where_there_is_no_parameter_it_says_so(client: Client) -> None:
    """One edit has none."""
    found = problem(client().get("/v1/edits/b/c0?verbose=true"))
    assert (found["status"], found["detail"]) == (422, "there is no parameter 'verbose' here, nor any other")


def test_every_route_takes_the_parameters_of_the_document(gateway: Gateway) -> None:
    """One that is overlooked would be refused, whoever reads the document would send it."""
    app: Any = create(gateway)
    routes = [route for route in app._app.routes if route.path.startswith(NATIVE)]
    asked = {(route.path, method): list(parameters(route.dependant)) for route in routes for method in route.methods}
    described = {
        (path, method.upper()): [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        for path, operations in document()["paths"].items()
        for method, operation in operations.items()
        if path.startswith(NATIVE)
    }
    assert asked == described
    assert asked["/v1/batches", "POST"][0] == "set"


def test_the_openai_face_passes_over_what_it_does_not_know(client: Client) -> None:
    """Its clients send parameters for other vendors' services."""
    answer = client().post("/openai/v1/batches?api-version=2025-04-01", json={})
    assert answer.json()["error"]["param"] == "input_file_id"
