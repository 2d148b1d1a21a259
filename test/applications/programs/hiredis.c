/* What applications in C do with hiredis: hiredis PORT. Ends with status 0 if all of it works. */

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define PIPELINE 1000

static redisContext *connect_to(int port) {
    struct timeval limit = {10, 0};
    redisContext *context = redisConnectWithTimeout("127.0.0.1", port, limit);
    if (context == NULL || context->err) {
        fprintf(stderr, "no connection: %s\n", context ? context->errstr : "no memory");
        exit(1);
    }
    redisSetTimeout(context, limit);
    return context;
}

static void require(int holds, const char *what, redisReply *reply) {
    if (holds) return;
    fprintf(stderr, "%s: type %d integer %lld text %s\n", what, reply ? reply->type : -1, reply ? reply->integer : 0,
            reply && reply->str ? reply->str : "-");
    exit(1);
}

static redisReply *command(redisContext *context, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    require(reply != NULL, context->errstr, NULL);
    return reply;
}

static void expect_text(redisReply *reply, int type, const char *text) {
    require(reply->type == type && strcmp(reply->str, text) == 0, text, reply);
    freeReplyObject(reply);
}

static void expect_integer(redisReply *reply, long long integer) {
    require(reply->type == REDIS_REPLY_INTEGER && reply->integer == integer, "integer", reply);
    freeReplyObject(reply);
}

static void values(redisContext *context) {
    const char bytes[] = "bytes \0\r\n\xff";
    expect_text(command(context, "SET %b %b", "key", (size_t)3, bytes, sizeof(bytes) - 1), REDIS_REPLY_STATUS, "OK");
    redisReply *reply = command(context, "GET key");
    require(reply->len == sizeof(bytes) - 1 && memcmp(reply->str, bytes, reply->len) == 0, "GET", reply);
    freeReplyObject(reply);
    reply = command(context, "GET missing");
    require(reply->type == REDIS_REPLY_NIL, "nothing", reply);
    freeReplyObject(reply);
    reply = command(context, "LPUSH key x");
    require(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0, "WRONGTYPE", reply);
    freeReplyObject(reply);
}

static void pipeline(redisContext *context) {
    redisReply *reply;
    for (int i = 0; i < PIPELINE; i++) {
        redisAppendCommand(context, "INCR counter:%d", i % 10);
        redisAppendCommand(context, "RPUSH list element:%d", i);
    }
    for (int i = 0; i < PIPELINE; i++) {
        require(redisGetReply(context, (void **)&reply) == REDIS_OK, "a reply", NULL);
        expect_integer(reply, i / 10 + 1);
        require(redisGetReply(context, (void **)&reply) == REDIS_OK, "a reply", NULL);
        expect_integer(reply, i + 1);
    }
    reply = command(context, "LRANGE list 0 -1");
    require(reply->type == REDIS_REPLY_ARRAY && reply->elements == PIPELINE, "LRANGE", reply);
    require(strcmp(reply->element[PIPELINE - 1]->str, "element:999") == 0, "the last element", reply);
    freeReplyObject(reply);
}

static void transaction(redisContext *context) {
    expect_text(command(context, "MULTI"), REDIS_REPLY_STATUS, "OK");
    expect_text(command(context, "SET t 41"), REDIS_REPLY_STATUS, "QUEUED");
    expect_text(command(context, "INCR t"), REDIS_REPLY_STATUS, "QUEUED");
    redisReply *reply = command(context, "EXEC");
    require(reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[1]->integer == 42, "EXEC", reply);
    freeReplyObject(reply);
}

static void script(redisContext *context) {
    redisReply *reply = command(context, "SCRIPT LOAD %s", "return {KEYS[1], redis.call('INCR', KEYS[1]), {ARGV[1]}}");
    require(reply->type == REDIS_REPLY_STRING && reply->len == 40, "SCRIPT LOAD", reply);
    redisReply *result = command(context, "EVALSHA %s 1 t argument", reply->str);
    require(result->type == REDIS_REPLY_ARRAY && result->elements == 3, "EVALSHA", result);
    require(result->element[1]->integer == 43, "INCR in a script", result->element[1]);
    require(strcmp(result->element[2]->element[0]->str, "argument") == 0, "a nested array", result);
    freeReplyObject(result);
    freeReplyObject(reply);
}

static void messages(redisContext *context, redisContext *listener) {
    redisReply *reply = command(listener, "SUBSCRIBE news");
    require(reply->type == REDIS_REPLY_ARRAY && reply->element[2]->integer == 1, "SUBSCRIBE", reply);
    freeReplyObject(reply);
    expect_integer(command(context, "PUBLISH news hello"), 1);
    require(redisGetReply(listener, (void **)&reply) == REDIS_OK, "a message", NULL);
    require(reply->elements == 3 && strcmp(reply->element[0]->str, "message") == 0, "its kind", reply);
    require(strcmp(reply->element[2]->str, "hello") == 0, "its text", reply);
    freeReplyObject(reply);
}

int main(int count, char **words) {
    if (count < 2) return 2;
    redisContext *context = connect_to(atoi(words[1]));
    redisContext *listener = connect_to(atoi(words[1]));
    expect_text(command(context, "FLUSHALL"), REDIS_REPLY_STATUS, "OK");
    values(context);
    pipeline(context);
    transaction(context);
    script(context);
    messages(context, listener);
    redisFree(listener);
    redisFree(context);
    puts("done");
    return 0;
}
