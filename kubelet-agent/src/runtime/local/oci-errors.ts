import { RuntimeError } from '../cri.ts';

/**
 * The message of an OCI runtime from what it printed: JSON lines or logfmt with a `msg`, or plain text. crun's wording for a missing
 * program is put into runc's, which is what users and their scripts look for.
 */
export function ociErrorText(printed: string): string {
  const lines = printed.trim().split('\n');
  const errors = lines.map(messageOfLine).filter((message) => message !== undefined);
  const text = errors.at(-1) ?? printed.trim();
  return text.replace(
    /executable file [`'"]([^`'"]+)[`'"] not found(?: in \$PATH)?.*$/,
    (_, name: string) => `exec: ${JSON.stringify(name)}: executable file not found in $PATH`,
  );
}

function messageOfLine(line: string): string | undefined {
  if (line.startsWith('{')) {
    try {
      const entry = JSON.parse(line) as { level?: string; msg?: string };
      return entry.level === undefined || entry.level === 'error' || entry.level === 'fatal' ? entry.msg : undefined;
    } catch {
      return undefined;
    }
  }
  const logfmt = /level=(?:error|fatal) msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  return logfmt === undefined ? undefined : (JSON.parse(logfmt) as string);
}

/** Says with a reason what went wrong when a process was to be started; `what` is `create`, `start` or `exec`. */
export function processStartError(what: string, printed: string): RuntimeError {
  const text = ociErrorText(printed);
  const message = `OCI runtime ${what} failed: ${text}`;
  if (/executable file not found|exec: ".*": stat .*: no such file or directory/.test(text)) {
    return new RuntimeError('commandNotFound', message);
  }
  if (/exec: ".*": permission denied|open executable: Permission denied|exec format error/.test(text)) {
    return new RuntimeError('commandNotExecutable', message);
  }
  return new RuntimeError('startFailed', message);
}

/** Exit code by the shell's convention of a process that could not be started; 128 = the runtime failed. */
export function exitCodeOfStartError(error: RuntimeError): number {
  if (error.reason === 'commandNotFound') return 127;
  return error.reason === 'commandNotExecutable' ? 126 : 128;
}
