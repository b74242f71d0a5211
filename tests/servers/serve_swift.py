"""OpenStack Swift with s3api in one process, on loopback ports that the system picks.

    serve_swift.py FOLDER PAGE

Keeps everything in FOLDER; a page of a listing holds at most PAGE keys. Prints its address once it
answers, and ends when its standard input does, so that it never outlives who started it. Of its
users, `one:user` may do everything, and `one:guest`, in the same account, only what is granted; `two:user`
may do everything in an account of its own. Their secrets are `user-secret`, `guest-secret` and
`other-secret`.

Each line of its input is a JSON array, `["objects", bucket, [[key, size, milliseconds], ...]]` or
`["buckets", [name, ...]]`, of that account: they are written into Swift's own databases, where listings
come from, and `done` is printed. Thousands of them take a second instead of minutes.
"""

import getpass
import json
import os
import sys

import eventlet
import eventlet.wsgi
from swift.common import utils

FOLDER, PAGE = sys.argv[1], sys.argv[2]
ACCOUNT = "AUTH_one"
PROXY = f"""
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
s3_acl = true
location = us-east-1
max_bucket_listing = {PAGE}
[filter:tempauth]
use = egg:swift#tempauth
user_one_user = user-secret .admin
user_one_guest = guest-secret
user_two_user = other-secret .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
"""


def storage(kind):
    return f"[pipeline:main]\npipeline = {kind}\n[app:{kind}]\nuse = egg:swift#{kind}\n"


def write(name, text):
    path = os.path.join(FOLDER, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


os.makedirs(f"{FOLDER}/devices/disk")
write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = s3scan\n[storage-policy:0]\nname = only\ndefault = yes\n")
utils.set_swift_dir(FOLDER)
eventlet.hubs.use_hub(utils.get_hub())
eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)

# Behind `set_swift_dir`, for they read what it says when they are loaded.
from swift.account.backend import AccountBroker
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import Ring, RingBuilder
from swift.common.storage_policy import reload_storage_policies
from swift.common.wsgi import NullLogger, loadapp
from swift.container.backend import ContainerBroker

reload_storage_policies()


def listen():
    listener = eventlet.listen(("127.0.0.1", 0), backlog=512)
    return listener, listener.getsockname()[1]


def save_ring(kind, port):
    ring = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    ring.add_dev({
        "id": 0, "region": 1, "zone": 1, "weight": 1, "device": "disk", "meta": "",
        "ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port,
    })
    ring.rebalance()
    ring.get_ring().save(f"{FOLDER}/{kind}.ring.gz")


def serve(kind, listener, text):
    default = (
        f"[DEFAULT]\nswift_dir = {FOLDER}\ndevices = {FOLDER}/devices\nmount_check = false\n"
        f"user = {getpass.getuser()}\nlog_level = ERROR\n"
    )
    app = loadapp(write(f"{kind}.conf", default + text), global_conf={"log_name": kind})
    # The SDK of S3 reads header names as S3 writes them.
    eventlet.spawn(
        eventlet.wsgi.server, listener, app, NullLogger(), protocol=SwiftHttpProtocol, capitalize_response_headers=False
    )


def path_of(kind, *name):
    part = Ring(FOLDER, ring_name=kind).get_part(*name)
    hashed = utils.hash_path(*name)
    return f"{FOLDER}/devices/disk/{utils.storage_directory(kind + 's', part, hashed)}/{hashed}.db"


def put_objects(bucket, objects):
    broker = ContainerBroker(path_of("container", ACCOUNT, bucket), account=ACCOUNT, container=bucket)
    broker.merge_items([
        {
            "name": key, "size": size, "created_at": utils.Timestamp(milliseconds / 1000).internal,
            "content_type": "application/octet-stream", "etag": "0" * 32, "deleted": 0, "storage_policy_index": 0,
        }
        for key, size, milliseconds in objects
    ])


def put_buckets(names):
    broker = AccountBroker(path_of("account", ACCOUNT), account=ACCOUNT)
    now = utils.Timestamp.now().internal
    broker.merge_items([
        {
            "name": name, "put_timestamp": now, "delete_timestamp": "0", "object_count": 0, "bytes_used": 0,
            "deleted": 0, "storage_policy_index": 0, "record_type": 0,
        }
        for name in names
    ])


listeners = {kind: listen() for kind in ("account", "container", "object", "proxy")}
for kind, (listener, port) in listeners.items():
    if kind == "proxy":
        serve(kind, listener, PROXY)
    else:
        save_ring(kind, port)
        serve(kind, listener, storage(kind))
print(f"http://127.0.0.1:{listeners['proxy'][1]}", flush=True)

lines = eventlet.greenio.GreenPipe(os.dup(0), "rb")
for line in lines:
    what, *arguments = json.loads(line)
    {"objects": put_objects, "buckets": put_buckets}[what](*arguments)
    print("done", flush=True)
