/** What the log gets before a signal ends the process: the lines that tools look for in Redis's reports. Any thread. */

/** @param signal such as `SIGABRT` */
export function crashReport(signal: string): string {
  const stack = (new Error().stack ?? '').split('\n').slice(2).join('\n')
  return `Shardkeep crashed by signal: ${signal}\n\n------ STACK TRACE ------\nof the main thread, in JavaScript:\n${stack}`
}
