"""What applications in Python do with redis-py: python3 redis-py.py PORT. Ends with status 0 if all of it works."""

import sys
import threading

import redis
from redis.exceptions import LockNotOwnedError, ResponseError, WatchError

PORT = int(sys.argv[1])


def connect(**options):
    return redis.Redis(port=PORT, decode_responses=True, **options)


def values(client):
    client.set("text", "ü€😀", ex=100)
    assert client.get("text") == "ü€😀"
    assert 0 < client.ttl("text") <= 100
    assert client.mset({f"key:{i}": i for i in range(50)})
    assert client.mget([f"key:{i}" for i in range(50)]) == [str(i) for i in range(50)]
    client.hset("hash", mapping={"a": 1, "b": 2.5})
    assert client.hgetall("hash") == {"a": "1", "b": "2.5"}
    client.zadd("scores", {"low": 1, "high": 2.5})
    assert client.zrange("scores", 0, -1, withscores=True) == [("low", 1.0), ("high", 2.5)]
    assert client.zrangestore("best", "scores", 0, 0, desc=True) == 1
    client.sadd("one", 1, 2, 3)
    client.sadd("two", 2, 3, 4)
    assert client.sinter("one", "two") == {"2", "3"}
    assert sorted(client.scan_iter("key:*")) == sorted(f"key:{i}" for i in range(50))
    entry = client.xadd("stream", {"kind": "letter"})
    client.xgroup_create("stream", "group", id="0")
    assert client.xreadgroup("group", "me", {"stream": ">"}) == [["stream", [(entry, {"kind": "letter"})]]]
    assert client.xack("stream", "group", entry) == 1
    assert client.info("server")["redis_version"].startswith("7.")
    raw = redis.Redis(port=PORT)
    raw.set(b"\x00\xff\r\n", bytes(range(256)))
    assert raw.get(b"\x00\xff\r\n") == bytes(range(256))


def pipelines(client):
    with client.pipeline(transaction=False) as pipe:
        for i in range(100):
            pipe.incrby(f"counter:{i % 7}", i)
        assert len(pipe.execute()) == 100
    with client.pipeline() as pipe:
        pipe.set("a", 1).incr("a").get("a")
        assert pipe.execute() == [True, 2, "2"]
        pipe.lpush("a", "wrong type").incr("a")
        replies = pipe.execute(raise_on_error=False)
        assert isinstance(replies[0], ResponseError) and replies[1] == 3

    def move(pipe):
        units = int(pipe.get("a"))
        pipe.multi()
        pipe.set("a", units + 1)

    others = [threading.Thread(target=connect().transaction, args=(move, "a")) for _ in range(5)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert client.get("a") == "8"
    with client.pipeline() as pipe:
        pipe.watch("a")
        connect().set("a", "taken")
        pipe.multi()
        pipe.set("a", "mine")
        try:
            pipe.execute()
            raise AssertionError("the watched key had changed")
        except WatchError:
            pass


def scripts(client):
    add = client.register_script(
        "return {redis.call('INCRBY', KEYS[1], ARGV[1]), redis.call('INCRBY', KEYS[2], ARGV[1]), ARGV[2]}"
    )
    assert add(keys=["left", "right"], args=[5, "x"]) == [5, 5, "x"]
    client.script_flush()
    assert add(keys=["left", "right"], args=[5, "x"]) == [10, 10, "x"]
    with client.pipeline() as pipe:
        add(keys=["left", "right"], args=[1, "y"], client=pipe)
        assert pipe.execute() == [[11, 11, "y"]]
    try:
        client.eval("return redis.error_reply('MINE not today')", 0)
        raise AssertionError("the script returned an error")
    except ResponseError as error:
        assert "MINE not today" in str(error), error


def locks(client):
    with client.lock("door", timeout=10) as door:
        assert not client.lock("door").acquire(blocking=False)
        assert door.owned()
        door.extend(10)
        assert client.pttl("door") > 10_000
        client.set("door", "somebody else")
        try:
            door.reacquire()
            raise AssertionError("the lock was lost")
        except LockNotOwnedError:
            pass
        client.set("door", door.local.token)
    assert not client.exists("door")
    total = []

    def contend():
        own = connect()
        for _ in range(3):
            with own.lock("counter-lock", timeout=10, sleep=0.005):
                before = int(own.get("total") or 0)
                own.set("total", before + 1)
                total.append(before)

    threads = [threading.Thread(target=contend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(total) == list(range(12)), total


def messages(client):
    with connect().pubsub() as listener:
        listener.subscribe("news")
        listener.psubscribe("w*")
        kinds = [listener.get_message(timeout=10)["type"] for _ in range(2)]
        assert kinds == ["subscribe", "psubscribe"], kinds
        assert client.publish("news", "one") == 1
        assert client.publish("weather", "rain") == 1
        heard = [listener.get_message(timeout=10) for _ in range(2)]
        assert [(m["type"], m["pattern"], m["channel"], m["data"]) for m in heard] == [
            ("message", None, "news", "one"),
            ("pmessage", "w*", "weather", "rain"),
        ], heard
        assert client.pubsub_numsub("news") == [("news", 1)]
        assert client.pubsub_channels() == ["news"]
        listener.ping("still there")
        assert listener.get_message(timeout=10)["data"] == "still there"
    arrived = threading.Event()
    handler = connect().pubsub()
    handler.subscribe(**{"handled": lambda message: arrived.set()})
    thread = handler.run_in_thread(sleep_time=0.01)
    while client.publish("handled", "x") == 0:
        pass
    assert arrived.wait(10)
    thread.stop()
    thread.join()


def blocking(client):
    popped = []
    waiter = threading.Thread(target=lambda: popped.append(connect().blpop(["jobs:a", "jobs:b"], timeout=10)))
    waiter.start()
    client.rpush("jobs:b", "one")
    waiter.join()
    assert popped == [("jobs:b", "one")], popped


main = connect()
main.flushall()
for step in (values, pipelines, scripts, locks, messages, blocking):
    step(main)
print("done")
