import { readFile } from 'node:fs/promises';
import type { UlimitName } from '@slipway/api/container-runtime-terms';

/** No process may have more than these; what is absent has no bound. */
export type UlimitBounds = Readonly<Partial<Record<UlimitName, number>>>;

/** As `/proc/PID/limits` calls them. */
const rows: Readonly<Record<string, UlimitName>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
  'Max realtime timeout': 'rttime',
};

const sysResource = 1n << 24n;

/** Who has CAP_SYS_RESOURCE may raise any limit; others none above their own, and the containers of this agent are its children. */
export async function readUlimitBounds(): Promise<UlimitBounds> {
  const [limits, status] = await Promise.all([
    readFile('/proc/self/limits', 'utf8'),
    readFile('/proc/self/status', 'utf8'),
  ]);
  return ulimitBounds(limits, status);
}

/** Pure: the texts of `/proc/self/limits` and `/proc/self/status`. */
export function ulimitBounds(limits: string, status: string): UlimitBounds {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  if (effective & sysResource) return {};
  const bounds: Partial<Record<UlimitName, number>> = {};
  for (const line of limits.split('\n')) {
    const [, row = '', hard = ''] = /^(Max .+?)\s{2,}\S+\s+(\S+)/.exec(line) ?? [];
    const name = rows[row];
    if (name && hard !== 'unlimited') bounds[name] = Number(hard);
  }
  return bounds;
}
