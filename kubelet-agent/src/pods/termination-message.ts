import { open } from 'node:fs/promises';
import { readLastLines } from '../server/container-log.ts';

/** Upstream's bounds on what a container may say at its end. */
const messageBytesMax = 4096;
const logLinesMax = 80;
const logBytesMax = 2048;

export interface LastWords {
  /** The file that was mounted as the termination message path; empty when there is none. */
  readonly file: string;
  readonly policy: string;
  readonly logFile: string;
  readonly exitCode: number;
}

/** What the container wrote as its last words, or with `FallbackToLogsOnError` the end of its log when it failed. */
export async function terminationMessage({ file, policy, logFile, exitCode }: LastWords): Promise<string> {
  const written = file === '' ? '' : await readStart(file, messageBytesMax);
  if (written !== '' || policy !== 'FallbackToLogsOnError' || exitCode === 0 || logFile === '') return written;
  return readLastLines(logFile, { lines: logLinesMax, bytes: logBytesMax });
}

async function readStart(path: string, bytesMax: number): Promise<string> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch {
    return ''; // the message is a courtesy; a file that is not there says nothing
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesMax), 0, bytesMax, 0);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await file.close();
  }
}
