import { readFile } from 'node:fs/promises';

/**
 * Whether a process is one of a container: its cgroup is named by the container's id. A number alone proves nothing after
 * a restart, since the kernel gives it to somebody else some time.
 */
export async function isProcessOf(pid: number, containerId: string): Promise<boolean> {
  if (pid <= 0) return false;
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  return text.includes(containerId);
}

/** Whether a process is the conmon of a container. */
export async function isConmonOf(pid: number, containerId: string): Promise<boolean> {
  if (pid <= 0) return false;
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.includes('conmon') && text.includes(containerId);
}

/** The number in a PID file; 0 when there is none. */
export async function readPidFile(path: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return Number.parseInt(text, 10) || 0;
}
