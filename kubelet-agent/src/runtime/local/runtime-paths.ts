/**
 * What the local runtime keeps on disk, all below DATA_DIR/runtime:
 *
 *   oci-runtime.json             which OCI runtime works on this machine, and for which boot that was found out
 *   oci/ID/                      the OCI runtime's own state
 *   exits/ID                     exit code, written by conmon when the container ends
 *   sockets/ID                   only older conmons: link to the bundle
 *   sandboxes/ID/record.json     see records.ts; written first and removed last
 *               /ns/{net,ipc,uts}   pinned namespaces
 *               /shm  /hosts  /hostname  /resolv.conf
 *               /pause/             bundle of the process that holds a shared PID namespace
 *   containers/ID/record.json    see records.ts; written when all else is there, so a directory without it is an orphan
 *                /config.json    OCI specification
 *                /upper /work /rootfs    overlay
 *                /init/              bundle of the process that reaps, for a container that wants one
 *                /pid /conmon.pid /ctl /winsz /attach   conmon's
 */
import { join } from 'node:path';

export interface RuntimePaths {
  readonly root: string;
  readonly ociRoot: string;
  readonly exits: string;
  readonly sockets: string;
  readonly sandboxes: string;
  readonly containers: string;
  sandbox(id: string): SandboxPaths;
  container(id: string): ContainerPaths;
  exitFile(containerId: string): string;
}

export interface SandboxPaths {
  readonly directory: string;
  readonly record: string;
  readonly namespaces: string;
  readonly shm: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  readonly pause: string;
}

export interface ContainerPaths {
  readonly directory: string;
  readonly record: string;
  readonly spec: string;
  readonly upper: string;
  readonly work: string;
  readonly rootfs: string;
  readonly pidFile: string;
  readonly conmonPidFile: string;
  readonly control: string;
  readonly attach: string;
  readonly init: string;
}

export function runtimePaths(dataDir: string): RuntimePaths {
  const root = join(dataDir, 'runtime');
  // Asked for many times per pod: parts are single names of ours, so nothing has to be normalised.
  const at = (...parts: string[]) => `${root}/${parts.join('/')}`;
  return {
    root,
    ociRoot: at('oci'),
    exits: at('exits'),
    sockets: at('sockets'),
    sandboxes: at('sandboxes'),
    containers: at('containers'),
    exitFile: (id) => at('exits', id),
    sandbox: (id) => ({
      directory: at('sandboxes', id),
      record: at('sandboxes', id, 'record.json'),
      namespaces: at('sandboxes', id, 'ns'),
      shm: at('sandboxes', id, 'shm'),
      hosts: at('sandboxes', id, 'hosts'),
      hostname: at('sandboxes', id, 'hostname'),
      resolvConf: at('sandboxes', id, 'resolv.conf'),
      pause: at('sandboxes', id, 'pause'),
    }),
    container: (id) => ({
      directory: at('containers', id),
      record: at('containers', id, 'record.json'),
      spec: at('containers', id, 'config.json'),
      upper: at('containers', id, 'upper'),
      work: at('containers', id, 'work'),
      rootfs: at('containers', id, 'rootfs'),
      pidFile: at('containers', id, 'pid'),
      conmonPidFile: at('containers', id, 'conmon.pid'),
      control: at('containers', id, 'ctl'),
      attach: at('containers', id, 'attach'),
      init: at('containers', id, 'init'),
    }),
  };
}
