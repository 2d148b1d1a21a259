/** A tool was asked for something that it cannot do, for a reason that its user can mend: one line, and exit status 1. */
export class ToolError extends Error {
  readonly code = 'TOOL'
}
