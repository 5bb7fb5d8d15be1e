/** The mounts that volumes need; the only way from here to the kernel. */
export interface Mounter {
  /** A file system in memory, `nosuid,nodev`. Not idempotent: ask `isMounted` first. */
  mountTmpfs(target: string, options: { readonly sizeBytes?: number; readonly mode: number }): void;
  /** Shows what is at `source` at `target` too. Both exist. A magic link (`/proc/self/fd/N`) is followed by the kernel. */
  bindMount(source: string, target: string): void;
  isMounted(target: string): Promise<boolean>;
  /** Takes off all mounts at or below a directory, the innermost first. Idempotent. */
  unmountBelow(directory: string): Promise<void>;
}
