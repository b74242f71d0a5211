"""moto's S3 server in one process, on a loopback port that the system picks.

    serve_moto.py PAGE

Keeps everything in memory; a page of a listing holds at most PAGE keys. Prints its address once it
answers and then, a line each, the access key and the secret of two users: `one` may do everything,
`two` may do what it likes but not list objects. Ends when its standard input does, so that it never
outlives who started it.

Each line of its input is a JSON array: they are put straight into its memory, and `done` is printed.
Thousands of them take a second instead of a minute.

    ["objects", bucket, [[key, size, milliseconds], ...]]
    ["buckets", [name, ...]]              of the account of those users
    ["account_buckets", account, region, [name, ...], objects]   of any account, with so many objects each
    ["user", account, name, statements]   its key and secret are printed first
    ["role", account, name, trust, statements]   whom the policy `trust` lets assume it
    ["permit", "user" or "role", account, name, statements]   in place of those it has
    ["listed"]                            how many lists of objects were asked for since, by bucket, is printed first
"""

import collections
import datetime
import json
import logging
import os
import sys
import threading

os.environ["MOTO_S3_DEFAULT_MAX_KEYS"] = sys.argv[1]
# Every request needs a signature and a permission, from the first on.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

ACCOUNT = "123456789012"
# It says a line for every request.
logging.getLogger("werkzeug").setLevel(logging.WARNING)


def policy(statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def user(account, name, statements):
    iam = iam_backends[account]["aws"]
    iam.create_user("us-east-1", name)
    iam.put_user_policy(name, "all", policy(statements))
    key = iam.create_access_key(name)
    print(key.access_key_id, key.secret_access_key, flush=True)


def role(account, name, trust, statements):
    iam = iam_backends[account]["aws"]
    iam.create_role(
        role_name=name, assume_role_policy_document=policy(trust), path="/", permissions_boundary=None,
        description="", tags=[], max_session_duration="3600",
    )
    iam.put_role_policy(name, "all", policy(statements))


def put_objects(bucket, objects, account=ACCOUNT):
    s3 = s3_backends[account]["aws"]
    for key, size, milliseconds in objects:
        put = s3.put_object(bucket, key, b"x" * size, disable_notification=True)
        put.last_modified = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc).replace(tzinfo=None)


def put_buckets(names):
    s3 = s3_backends[ACCOUNT]["aws"]
    for name in names:
        s3.create_bucket(name, "us-east-1")


def put_account_buckets(account, region, names, objects):
    s3 = s3_backends[account]["aws"]
    for name in names:
        s3.create_bucket(name, region)
        put_objects(name, [[f"key-{number:04}", number, 1735689600000] for number in range(objects)], account)


def permit(kind, account, name, statements):
    iam = iam_backends[account]["aws"]
    (iam.put_user_policy if kind == "user" else iam.put_role_policy)(name, "all", policy(statements))


asked = collections.Counter()


def listed():
    told = dict(asked)
    asked.clear()
    print(json.dumps(told), flush=True)


class Counting:
    """Counts the lists of objects that are asked for."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        if "list-type=2" in environ["QUERY_STRING"]:
            asked[environ["PATH_INFO"].split("/")[1]] += 1
        return self.application(environ, start_response)


COMMANDS = {
    "objects": put_objects, "buckets": put_buckets, "account_buckets": put_account_buckets, "user": user, "role": role,
    "permit": permit, "listed": listed,
}
app = Counting(DomainDispatcherApplication(create_backend_app))
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
user(ACCOUNT, "one", [allow("*")])
user(ACCOUNT, "two", [allow("s3:ListAllMyBuckets", "s3:GetBucketLocation")])

for line in sys.stdin:
    what, *arguments = json.loads(line)
    COMMANDS[what](*arguments)
    print("done", flush=True)
