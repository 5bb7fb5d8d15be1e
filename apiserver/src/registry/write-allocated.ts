import type { ObjectWrite } from '../storage/object-store.ts';
import { isKnownUnwritten, statusFromStorage } from './storage-errors.ts';
import type { Allocation } from './strategy.ts';

/**
 * Carries out a write that an allocation belongs to. What was allocated is given back only when the object is certainly not stored: after a
 * lost answer it may be, and an address that two objects have is worse than one that nobody has until it is repaired. Throws StatusError.
 */
export async function writeAllocated(
  allocation: Allocation | undefined,
  write: () => Promise<ObjectWrite>,
): Promise<ObjectWrite> {
  try {
    const result = await write();
    if (result.outcome === 'written') await allocation?.commit();
    else await allocation?.rollback(result.current?.object);
    return result;
  } catch (error) {
    if (isKnownUnwritten(error)) await allocation?.rollback();
    throw statusFromStorage(error);
  }
}
