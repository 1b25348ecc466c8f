"""What makes a generated request believable and a schema cannot say."""

import itertools
import pathlib

import schemathesis

HERE = pathlib.Path(__file__).parent
IMAGE_FIELDS = ("organization_image", "profile_image")
UNIQUE_FIELDS = ("slug", "external_id", "username")


def seeded(name):
    return [line.strip('"') for line in (HERE / f"{name}.dict").read_text().splitlines()]


numbers = itertools.count(1)
kept = set(seeded("organization_ids"))
doomed = itertools.cycle(seeded("doomed_organization_ids"))


@schemathesis.hook
def before_call(context, case, kwargs):
    new_idempotency_key(case)
    settle_dry_run(case)
    spare_the_stage(case)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        believable_form(case)


def new_idempotency_key(case):
    """A key that was used before gets a 422 and tests nothing; a malformed one stays as it is."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 1 <= len(key) <= 255 and key.isascii() and key.isprintable() and " " not in key:
        case.headers["Idempotency-Key"] = f"schemathesis-{next(numbers)}"


def settle_dry_run(case):
    """A dry run takes no key; and a scenario that goes on with what was created or deleted needs it to be done."""
    if case.method == "GET" or str((case.query or {}).get("dry_run")).lower() != "true":
        return
    if case.meta is None or case.meta.phase.name.name == "STATEFUL":
        del case.query["dry_run"]
    else:
        (case.headers or {}).pop("Idempotency-Key", None)


def spare_the_stage(case):
    """The organization that everything else is tried on is not deleted: another one is, in its place."""
    if case.method == "DELETE" and case.operation.path == "/organizations/{organization_id}":
        if str(case.path_parameters.get("organization_id")) in kept:
            case.path_parameters["organization_id"] = next(doomed)


def believable_form(case):
    """Unique what must be, and no field whose name cannot stand in the header of its part."""
    # Schemathesis takes a changed body that holds bytes for a bad one, so a form with an image stays as it is.
    if not isinstance(case.body, dict) or any(field in case.body for field in IMAGE_FIELDS):
        return
    if case.media_type == "multipart/form-data":
        case.body = {name: believable(name, value) for name, value in case.body.items() if name and name.isprintable()}


def believable(name, value):
    if not value:
        return value
    if name in UNIQUE_FIELDS:
        return f"{name.replace('_', '-')}-{next(numbers)}"
    if name == "email_address":
        return f"user-{next(numbers)}@example.com"
    if name == "phone_number":
        return f"+1555{next(numbers):07}"
    return value
