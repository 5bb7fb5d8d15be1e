/** The host's root as the guest sees it: virtiofsd serves it on a socket, and the guest mounts it read-only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';

/** qemu 7 (Debian 12) brings one in C, later releases have a package with one in Rust; both outside the PATH. */
const places = [
  { path: '/usr/libexec/virtiofsd', options: ['--shared-dir=/', '--cache=always', '--sandbox=chroot'] },
  { path: '/usr/lib/qemu/virtiofsd', options: ['-o', 'source=/,cache=always,sandbox=chroot'] },
] as const;

export function hasVirtiofsd(): boolean {
  return places.some(({ path }) => existsSync(path));
}

export interface SharedRoot {
  readonly socket: string;
  stop(): void;
}

/** How long the daemon may take to listen on a busy machine. */
const listenTimeoutMs = 10_000;

/** Its socket is in the folder. It ends with the guest, and with `stop`. */
export async function shareRoot(folder: string): Promise<SharedRoot> {
  const place = places.find(({ path }) => existsSync(path));
  if (!place) throw new Error(`virtiofsd is not installed: ${places.map(({ path }) => path).join(' or ')}`);
  const socket = join(folder, 'root.sock');
  const daemon = spawn(place.path, [`--socket-path=${socket}`, ...place.options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  daemon.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-4000);
  });
  daemon.once('error', (error) => {
    said += error.message;
  });
  const stop = () => void end(daemon);
  await eventually(
    'virtiofsd to listen',
    async () => {
      if (!existsSync(socket)) throw new Error(said || 'no socket yet');
    },
    listenTimeoutMs,
  ).catch((error: unknown) => {
    stop();
    throw error;
  });
  return { socket, stop };
}

function end(daemon: ChildProcess): void {
  if (daemon.exitCode === null && daemon.signalCode === null) daemon.kill('SIGKILL');
}
