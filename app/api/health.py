"""Routes for whoever watches: `/health` and `/metrics`."""

from fastapi import APIRouter, Request, Response

from app.answering.health import HealthReport
from app.api.metrics import CONTENT_TYPE, Metrics
from app.api.schemas import CollectionReply, ConditionReply, HealthReply
from app.api.services import Given

_CANNOT_SERVE = 503


def health_router(metrics: Metrics) -> APIRouter:
    """Make the routes for the metrics of one application."""
    router = APIRouter(tags=["health"])

    @router.get("/health", responses={503: {"model": HealthReply}})
    async def health(services: Given, request: Request, response: Response) -> HealthReply:
        """Tell what works. 503 when nothing can be served: no index, no embedder or no Redis.

        Without credentials it tells the state alone.
        """
        report = await services.health.look()
        if report.state == "down":
            response.status_code = _CANNOT_SERVE
        response.headers["Cache-Control"] = "no-store"
        if request.state.way is None:
            return HealthReply(state=report.state, dependencies=[], collections=[])
        return HealthReply(
            state=report.state,
            dependencies=[ConditionReply.model_validate(condition) for condition in report.conditions],
            collections=_collections(services.collection, report),
        )

    @router.get("/metrics", include_in_schema=False)
    async def numbers(services: Given) -> Response:
        report = await services.health.look()
        return Response(metrics.text(services.collection, report), media_type=CONTENT_TYPE)

    return router


def _collections(name: str, report: HealthReport) -> list[CollectionReply]:
    index = report.index
    if index is None:
        return []
    return [
        CollectionReply(
            name=name,
            epoch=index.generation.epoch,
            sequence=index.generation.sequence,
            documents=index.documents,
            passages=index.passages,
            model=index.model.name,
            dimension=index.model.dimension,
        )
    ]
