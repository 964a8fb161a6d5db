"""The checklists: of an installation without containers, and of the stack in containers."""

from pipelines.ops.doctor.backend import look_at_backend
from pipelines.ops.doctor.backups import look_at_backups
from pipelines.ops.doctor.check import Check
from pipelines.ops.doctor.clock import look_at_clock
from pipelines.ops.doctor.containers import (
    look_at_bounds,
    look_at_container_logs,
    look_at_containers,
    look_at_form,
    look_at_secrets,
)
from pipelines.ops.doctor.data import look_at_data
from pipelines.ops.doctor.indexes import look_at_indexes
from pipelines.ops.doctor.logs import look_at_logs
from pipelines.ops.doctor.models import look_at_models
from pipelines.ops.doctor.place import look_at_memory_of_redis, look_at_place
from pipelines.ops.doctor.ports import look_at_ports
from pipelines.ops.doctor.published import look_at_hot_reload, look_at_models_from_inside, look_at_page
from pipelines.ops.doctor.redis_server import look_at_redis
from pipelines.ops.doctor.repository import look_at_repository
from pipelines.ops.doctor.restores import look_at_restores
from pipelines.ops.doctor.schedule import look_at_schedule
from pipelines.ops.doctor.scratch import look_at_scratch

STANDARD = (
    Check("redis", look_at_redis),
    Check("backend", look_at_backend),
    Check("models", look_at_models),
    Check("ports", look_at_ports),
    Check("data folder", look_at_data),
    Check("indexes", look_at_indexes),
    Check("restore", look_at_restores),
    Check("repository", look_at_repository),
    Check("last backup", look_at_backups),
    Check("schedule", look_at_schedule),
    Check("scratch server", look_at_scratch),
    Check("logs", look_at_logs),
    Check("clock", look_at_clock),
)

COMPOSE = (
    Check("containers", look_at_containers),
    Check("folder", look_at_place),
    Check("form", look_at_form),
    Check("secrets", look_at_secrets),
    Check("limits", look_at_bounds),
    Check("memory of redis", look_at_memory_of_redis),
    Check("redis", look_at_redis),
    Check("backend", look_at_backend),
    Check("page", look_at_page),
    Check("hot reload", look_at_hot_reload),
    Check("models", look_at_models_from_inside),
    Check("data folder", look_at_data),
    Check("indexes", look_at_indexes),
    Check("restore", look_at_restores),
    Check("repository", look_at_repository),
    Check("last backup", look_at_backups),
    Check("schedule", look_at_schedule),
    Check("logs", look_at_container_logs),
    Check("clock", look_at_clock),
)
