/**
 * `redis.register_function`: what a library calls while it is loaded to say which functions it has.
 *
 * Runs wherever libraries are loaded. Invariant: a function of which something is wrong leaves no reference in Lua's
 * registry.
 */
import { INVALID_NAME, isValidName } from './library-header.js'
import { type LuaState, REGISTRY_INDEX, TYPE_FUNCTION, TYPE_NIL, TYPE_TABLE } from './lua-state.js'
import { raiseError } from './script-error.js'

/** What the flags of a function may say. */
const FLAG_NAMES: readonly string[] = ['no-writes', 'allow-oom', 'allow-stale', 'no-cluster', 'allow-cross-slot-keys']

export interface FunctionRegistration {
  readonly name: string
  /** One character a byte. */
  readonly description: string | undefined
  /** In Redis's order, each once. */
  readonly flags: readonly string[]
  /** Where the function is in Lua's registry. */
  readonly reference: number
}

/** The arguments of a call by names, as far as they have been read. */
interface NamedArguments {
  name?: string
  description?: string
  flags: string[]
  reference?: number
}

/** Reads the arguments of `redis.register_function` and adds what they say to `functions`, or raises an error. */
export function registerFunction(state: LuaState, L: number, functions: FunctionRegistration[]): void {
  const { lua } = state
  const count = lua.lua_gettop(L)
  if (count < 1 || count > 2) raiseError(state, L, 'wrong number of arguments to redis.register_function')
  const registration = count === 1 ? readNamedArguments(state, L) : readPositionalArguments(state, L)
  const error = errorOf(registration, functions)
  if (error !== undefined) {
    lua.luaL_unref(L, REGISTRY_INDEX, registration.reference)
    raiseError(state, L, error)
  }
  functions.push(registration)
}

function errorOf({ name }: FunctionRegistration, functions: readonly FunctionRegistration[]): string | undefined {
  if (!isValidName(name)) return INVALID_NAME
  if (functions.some((other) => other.name === name)) return 'Function already exists in the library'
  return undefined
}

function readPositionalArguments(state: LuaState, L: number): FunctionRegistration {
  const { lua } = state
  if (lua.lua_isstring(L, 1) === 0) {
    raiseError(state, L, 'first argument to redis.register_function must be a string')
  }
  if (lua.lua_type(L, 2) !== TYPE_FUNCTION) {
    raiseError(state, L, 'second argument to redis.register_function must be a function')
  }
  const name = state.toText(L, 1)
  return { name, description: undefined, flags: [], reference: lua.luaL_ref(L, REGISTRY_INDEX) }
}

function readNamedArguments(state: LuaState, L: number): FunctionRegistration {
  const { lua } = state
  if (lua.lua_type(L, 1) !== TYPE_TABLE) {
    raiseError(
      state,
      L,
      'calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).',
    )
  }
  const read: NamedArguments = { flags: [] }
  let error: string | undefined
  lua.lua_pushnil(L)
  while (error === undefined && lua.lua_next(L, 1) !== 0) {
    error = readNamedArgument(state, L, read)
    // The key alone is left, from which the iteration goes on.
    lua.lua_settop(L, 2)
  }
  if (error === undefined && read.name === undefined)
    error = 'redis.register_function must get a function name argument'
  if (error === undefined && read.reference === undefined)
    error = 'redis.register_function must get a callback argument'
  const { name, description, flags, reference } = read
  if (error !== undefined || name === undefined || reference === undefined) {
    if (reference !== undefined) lua.luaL_unref(L, REGISTRY_INDEX, reference)
    return raiseError(state, L, error ?? '')
  }
  return { name, description, flags, reference }
}

/** Reads the pair whose key and value are on top of the stack; the value may be taken from there. */
function readNamedArgument(state: LuaState, L: number, read: NamedArguments): string | undefined {
  const { lua } = state
  if (lua.lua_isstring(L, -2) === 0) return 'named argument key given to redis.register_function is not a string'
  // A copy of the key: reading a number as a text changes it where it stands, and the iteration needs it as it was.
  lua.lua_pushvalue(L, -2)
  const key = state.toText(L, -1).toLowerCase()
  lua.lua_settop(L, -2)
  switch (key) {
    case 'function_name':
      if (lua.lua_isstring(L, -1) === 0)
        return 'function_name argument given to redis.register_function must be a string'
      read.name = state.toText(L, -1)
      return undefined
    case 'description':
      if (lua.lua_isstring(L, -1) === 0) return 'description argument given to redis.register_function must be a string'
      read.description = state.toText(L, -1)
      return undefined
    case 'callback':
      if (lua.lua_type(L, -1) !== TYPE_FUNCTION) {
        return 'callback argument given to redis.register_function must be a function'
      }
      read.reference = lua.luaL_ref(L, REGISTRY_INDEX)
      return undefined
    case 'flags':
      if (lua.lua_type(L, -1) !== TYPE_TABLE) {
        return 'flags argument to redis.register_function must be a table representing function flags'
      }
      return readFlags(state, L, read)
    default:
      return 'unknown argument given to redis.register_function'
  }
}

/** Reads the table of flags on top of the stack, an array of names. */
function readFlags(state: LuaState, L: number, read: NamedArguments): string | undefined {
  const { lua } = state
  const given = new Set<string>()
  for (let i = 1; ; i++) {
    lua.lua_pushnumber(L, i)
    lua.lua_gettable(L, -2)
    if (lua.lua_type(L, -1) === TYPE_NIL) break
    if (lua.lua_isstring(L, -1) === 0) return 'unknown flag given'
    const name = state.toText(L, -1).toLowerCase()
    if (!FLAG_NAMES.includes(name)) return 'unknown flag given'
    given.add(name)
    lua.lua_settop(L, -2)
  }
  read.flags = FLAG_NAMES.filter((name) => given.has(name))
  return undefined
}
