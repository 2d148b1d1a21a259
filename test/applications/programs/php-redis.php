<?php
/** What applications in PHP do with php-redis: php php-redis.php PORT. Ends with status 0 if all of it works. */

declare(strict_types=1);

set_error_handler(function (int $level, string $text, string $file, int $line): never {
    throw new ErrorException($text, 0, $level, $file, $line);
});

function same(mixed $wanted, mixed $found): void
{
    if ($wanted !== $found) {
        throw new RuntimeException('wanted ' . var_export($wanted, true) . ', found ' . var_export($found, true));
    }
}

function connect(): Redis
{
    global $argv;
    $client = new Redis();
    $client->connect('127.0.0.1', (int) $argv[1], 10);
    return $client;
}

$client = connect();
$client->flushAll();

same(true, $client->set('text', "bytes \0\xff\r\n", ['EX' => 100]));
same("bytes \0\xff\r\n", $client->get('text'));
same(false, $client->get('missing'));
same(true, $client->mSet(['a' => '1', 'b' => '2', 'c' => '3']));
same(['1', '2', false, '3'], $client->mGet(['a', 'b', 'missing', 'c']));
same(3, $client->del(['a', 'b', 'c']));
$client->hMSet('hash', ['name' => 'Ann', 'age' => 42]);
same(['name' => 'Ann', 'age' => '42'], $client->hGetAll('hash'));
$client->zAdd('scores', 1.5, 'low', 2.5, 'high');
same(['low' => 1.5, 'high' => 2.5], $client->zRange('scores', 0, -1, true));
same(2, $client->sAdd('one', 'x', 'y'));
same(1, $client->sInterStore('both', 'one', 'one') - 1);

// Values that the client serializes and compresses itself, as PHP's session handler does.
$client->setOption(Redis::OPT_SERIALIZER, (string) Redis::SERIALIZER_PHP);
$client->set('object', ['list' => [1, 2.5, null, true], 'text' => 'ü']);
same(['list' => [1, 2.5, null, true], 'text' => 'ü'], $client->get('object'));
$client->setOption(Redis::OPT_SERIALIZER, (string) Redis::SERIALIZER_NONE);
$client->setOption(Redis::OPT_PREFIX, 'prefix:');
$client->set('k', 'v');
$client->setOption(Redis::OPT_PREFIX, '');
same('v', $client->get('prefix:k'));

same([true, 1, 2, ['2', false]], $client->multi()->set('t', '0')->incr('t')->incr('t')->mGet(['t', 'none'])->exec());
$pipeline = $client->pipeline();
for ($i = 0; $i < 200; $i++) {
    $pipeline->set("key:$i", (string) $i);
}
same(array_fill(0, 200, true), $pipeline->exec());
$other = connect();
$client->watch('t');
$other->incr('t');
same(false, $client->multi()->set('t', 'mine')->exec());
same('3', $client->get('t'));

$found = [];
$cursor = null;
$client->setOption(Redis::OPT_SCAN, (string) Redis::SCAN_RETRY);
while (($keys = $client->scan($cursor, 'key:*', 30)) !== false) {
    $found = array_merge($found, $keys);
}
same(200, count(array_unique($found)));

$script = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), redis.call('INCRBY', KEYS[2], ARGV[1])}";
same([5, 5], $client->eval($script, ['left', 'right', '5'], 2));
same([10, 10], $client->evalSha(sha1($script), ['left', 'right', '5'], 2));
same(false, $client->evalSha(str_repeat('0', 40), [], 0));
same(true, str_starts_with((string) $client->getLastError(), 'NOSCRIPT'));

$client->rPush('jobs', 'one');
same(['jobs', 'one'], $client->blPop(['none', 'jobs'], 10));
$id = $client->xAdd('stream', '*', ['kind' => 'letter']);
$client->xGroup('CREATE', 'stream', 'group', '0');
same(['stream' => [$id => ['kind' => 'letter']]], $client->xReadGroup('group', 'me', ['stream' => '>'], 1));
same(1, $client->xAck('stream', 'group', [$id]));

// The loop of subscribe() ends only with its connection. A publisher in a process of its own speaks once it listens.
$listener = connect();
$listener->setOption(Redis::OPT_READ_TIMEOUT, '10');
$heard = [];
same(0, $other->publish('news', 'nobody listens'));
$publisher = proc_open(
    [PHP_BINARY, '-r', '$r = new Redis(); $r->connect("127.0.0.1", ' . (int) $argv[1] . ');
        while ($r->publish("news", "one") === 0) usleep(1000); $r->publish("weather", "rain");'],
    [],
    $pipes,
);
try {
    $listener->subscribe(['news', 'weather'], function (Redis $own, string $channel, string $message) use (&$heard): void {
        $heard[] = "$channel: $message";
        if (count($heard) === 2) {
            $own->close();
        }
    });
} catch (RedisException) {
    // What is wanted: the handler has closed the connection.
}
same(['news: one', 'weather: rain'], $heard);
same(0, proc_close($publisher));

echo "done\n";
