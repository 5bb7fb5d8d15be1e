/** How a command ended, from the Status that the agent sends last. */
interface ExitStatus {
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/**
 * What the user is told; nothing when the command succeeded. A terminal's session has no place for an exit code, and the plugin would
 * print one as output, so it is told in words: those of kubectl.
 */
export function endOfCommand(status: Buffer | undefined): string {
  if (!status) return 'The connection to the container was lost.';
  let parsed: ExitStatus;
  try {
    parsed = JSON.parse(status.toString()) as ExitStatus;
  } catch {
    return 'The command ended in an unknown way.';
  }
  if (parsed.status === 'Success') return '';
  const code = parsed.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (code !== undefined) return `command terminated with exit code ${code}`;
  return parsed.message ?? 'The command failed.';
}
