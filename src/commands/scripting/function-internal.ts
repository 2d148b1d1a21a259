/**
 * Commands by which every shard gets to know the same libraries of functions, at one place in the order. Clients cannot
 * call them. Run in a shard worker.
 */
import { internal } from '../internal.js'
import type { ShardCall } from '../shard-call.js'

/** `shard.function-load name code`: in the place of the library of that name. The main thread has loaded it before. */
function load(call: ShardCall): void {
  call.self.scripts.loadLibrary(call.copy(1), call.copy(2))
  call.reply.ok()
}

/** `shard.function-delete name` */
function remove(call: ShardCall): void {
  call.self.scripts.deleteLibrary(call.copy(1))
  call.reply.ok()
}

export const shardFunctionLoad = internal('function-load', 3, [], load)
export const shardFunctionDelete = internal('function-delete', 2, [], remove)

export const functionInternalCommands = [shardFunctionLoad, shardFunctionDelete] as const
