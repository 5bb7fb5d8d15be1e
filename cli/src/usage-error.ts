/** The command was called wrongly: exit code 2. The message says what and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command failed: exit code 1. The message says in one line what was attempted, what was wrong, what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
