"""What Schemathesis is told of Skylark: its keys take turns, because each has a rate, and what later calls need outlives the run."""

import atexit
import collections
import itertools
import json
import os

import schemathesis

keys = os.environ["SKYLARK_KEYS"].split(",")
ids = {key.split("_")[1] for key in keys}
turns = itertools.cycle(keys)
numbers = itertools.count()
statuses = collections.Counter()
# What is there, in place of the shortest text that there could be.
present = {"domain": "a.example", "local": "romeo", "room": "hall", "group": "Lovers", "peer": "elsewhere.example"}


@schemathesis.auth(refresh_interval=None)
class Keys:
    def get(self, case, context):
        return next(turns)

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, **kwargs):
    names = case.path_parameters or {}
    for name, value in present.items():
        if names.get(name) in ("0", "00"):
            names[name] = value
    if case.headers.get("If-Match") == "0":
        case.headers["If-Match"] = "*"
    if case.headers.get("Idempotency-Key") in ("0", "00"):
        case.headers["Idempotency-Key"] = f"fresh-{next(numbers)}"
    # Without its keys every later call would be refused, and without the tenant it would find nothing.
    if names.get("id") in ids:
        names["id"] = "removed"
    if case.method == "DELETE" and case.operation.path == "/tenants/{domain}" and names.get("domain") == "a.example":
        names["domain"] = "c.example"


@schemathesis.hook
def after_call(context, case, response):
    statuses[response.status_code] += 1


@atexit.register
def tell():
    with open(os.environ["SKYLARK_STATUSES"], "w") as file:
        json.dump(statuses, file)
