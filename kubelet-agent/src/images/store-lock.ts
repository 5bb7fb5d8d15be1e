import { open } from 'node:fs/promises';
import type { Clock } from '@slipway/kit/clock';
import { tryLock } from './kernel.ts';

const pollMs = 20;

/**
 * Keeps the removal of what nobody refers to (exclusive) apart from everything that is about to refer to something
 * (shared), across processes. The kernel lets go of the lock of a process that was killed.
 */
export async function withStoreLock<T>(
  request: { readonly path: string; readonly mode: 'shared' | 'exclusive'; readonly clock: Clock },
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const file = await open(request.path, 'a', 0o600);
  try {
    while (!tryLock(file.fd, request.mode)) await request.clock.sleep(pollMs, signal);
    return await work();
  } finally {
    await file.close();
  }
}
