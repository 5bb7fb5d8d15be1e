/**
 * A created container's init waits at the fifo `exec.fifo` in the OCI runtime's directory until `start` releases it to execute the
 * program. Under runc init writes a byte, which `start` reads; under crun `start` writes it. Then `start` removes the fifo.
 * That is all that `start` does for a container without hooks, and doing it here saves a child process of 10 ms.
 */
import { constants, type FileHandle, open, unlink } from 'node:fs/promises';
import type { Clock } from '@slipway/kit/clock';
import { errnoOf } from '@slipway/kit/errors';
import { RuntimeError } from '../cri.ts';

export interface InitRelease {
  readonly kind: 'crun' | 'runc' | 'other';
  readonly fifoPath: string;
  readonly clock: Clock;
  isAlive(): Promise<boolean>;
}

/** Looking costs a few microseconds; asking whether the process lives is left for when it takes long. */
const pollMs = 1;
const pollsPerLook = 20;

/** False when the runtime does it in another way, and `start` has to be called. */
export async function releaseInit(release: InitRelease, signal: AbortSignal): Promise<boolean> {
  if (release.kind === 'other') return false;
  // A reader alone would wait for a writer and a writer for a reader, for ever if init died.
  const mode = release.kind === 'runc' ? constants.O_RDWR : constants.O_WRONLY;
  const fifo = await open(release.fifoPath, mode | constants.O_NONBLOCK).catch(() => undefined);
  if (!fifo) return false;
  try {
    if (release.kind === 'crun') await fifo.write(Buffer.alloc(1));
    else await untilByte(fifo, release, signal);
    await unlink(release.fifoPath);
    return true;
  } finally {
    await fifo.close();
  }
}

async function untilByte(fifo: FileHandle, { clock, isAlive }: InitRelease, signal: AbortSignal): Promise<void> {
  for (let polls = 1; !(await hasByte(fifo)); polls++) {
    await clock.sleep(pollMs, signal);
    if (polls % pollsPerLook === 0 && !(await isAlive())) {
      throw new RuntimeError('startFailed', 'the container ended before its program was executed');
    }
  }
}

async function hasByte(fifo: FileHandle): Promise<boolean> {
  try {
    const { bytesRead } = await fifo.read(Buffer.alloc(16), 0, 16, null);
    return bytesRead > 0;
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return false;
    throw error;
  }
}
