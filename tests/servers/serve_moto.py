"""moto's S3 server in one process, on a loopback port that the system picks.

    serve_moto.py PAGE

Keeps everything in memory; a page of a listing holds at most PAGE keys. Prints its address once it
answers and then, a line each, the access key and the secret of two users: `one` may do everything,
`two` may do what it likes but not list objects. Ends when its standard input does, so that it never
outlives who started it.

Each line of its input is a JSON array, `["objects", bucket, [[key, size, milliseconds], ...]]` or
`["buckets", [name, ...]]`: they are put straight into its memory, and `done` is printed. Thousands of
them take a second instead of a minute.
"""

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


def allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def user(name, *statements):
    iam = iam_backends[ACCOUNT]["aws"]
    iam.create_user("us-east-1", name)
    iam.put_user_policy(name, "all", json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    key = iam.create_access_key(name)
    print(key.access_key_id, key.secret_access_key, flush=True)


def put_objects(bucket, objects):
    s3 = s3_backends[ACCOUNT]["aws"]
    for key, size, milliseconds in objects:
        put = s3.put_object(bucket, key, b"x" * size, disable_notification=True)
        put.last_modified = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc).replace(tzinfo=None)


def put_buckets(names):
    s3 = s3_backends[ACCOUNT]["aws"]
    for name in names:
        s3.create_bucket(name, "us-east-1")


app = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
user("one", allow("*"))
user("two", allow("s3:ListAllMyBuckets", "s3:GetBucketLocation"))

for line in sys.stdin:
    what, *arguments = json.loads(line)
    {"objects": put_objects, "buckets": put_buckets}[what](*arguments)
    print("done", flush=True)
