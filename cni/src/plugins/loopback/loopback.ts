import { KernelError } from '../../host/host.ts';
import type { CniPlugin } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';

const loopbackMac = '00:00:00:00:00:00';

/** Brings the namespace's own loopback interface up. In a chain it hands the result so far on. */
export const loopback: CniPlugin<undefined> = {
  name: 'loopback',
  delegatesIpam: false,
  parseConfig: () => undefined,

  async add({ netns, signal, previous }, host) {
    await host.link([{ step: 'setLink', name: 'lo', isUp: true }], { netns, signal });
    return (
      previous ?? {
        interfaces: [{ name: 'lo', mac: loopbackMac, sandbox: netns }],
        ips: [
          { address: '127.0.0.1/8', interface: 0 },
          { address: '::1/128', interface: 0 },
        ],
        routes: [],
        dns: {},
      }
    );
  },

  async check({ netns, signal }, _previous, host) {
    const [lo] = await host.ipShow(['link', 'show', 'dev', 'lo'], { netns, signal });
    const flags = (lo?.flags as readonly string[] | undefined) ?? [];
    if (!flags.includes('UP')) throw new CniError('checkFailed', `loopback interface in ${netns} is down`);
  },

  async del({ netns, signal }, host) {
    if (!netns || !(await host.netnsExists(netns))) return;
    await host.link([{ step: 'setLink', name: 'lo', isUp: false }], { netns, signal }).catch((error: unknown) => {
      if (!(error instanceof KernelError)) throw error; // the namespace went in between
    });
  },
};
