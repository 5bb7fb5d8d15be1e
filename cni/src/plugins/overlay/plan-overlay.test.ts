import fc from 'fast-check';
import type { TableEntry } from '../../host/table-step.ts';
import { planTables } from './peer-tables.ts';
import {
  entryKey,
  linkLocalAddress,
  type OverlayPeer,
  type OverlaySelf,
  planOverlay,
  vtepMac,
} from './plan-overlay.ts';
import { overlayMtu } from './uplink.ts';
import { planVxlan } from './vxlan-device.ts';

const self: OverlaySelf = {
  node: 'node-1',
  address: '192.168.0.11',
  backend: 'vxlan',
  vni: 7,
  link: 'swv',
  onLink: ['192.168.0.0/24'],
  priority: 5,
};
const peer = (i: number, more: Partial<OverlayPeer> = {}): OverlayPeer => ({
  node: `node-${i}`,
  address: `192.168.0.${10 + i}`,
  destinations: [`10.64.${i}.0/24`],
  ...more,
});
const entriesOf = (given: OverlaySelf, ...peers: OverlayPeer[]) => [...planOverlay(given, peers).entries.values()];

describe('planOverlay', () => {
  it('leads to each block by the VTEP of its node', () => {
    const mac = vtepMac(7, 'node-2');
    expect(entriesOf(self, peer(1), peer(2))).toEqual([
      { kind: 'neighbour', link: 'swv', address: '192.168.0.12', mac },
      { kind: 'forwarding', link: 'swv', mac, remote: '192.168.0.12' },
      {
        kind: 'route',
        destination: '10.64.2.0/24',
        link: 'swv',
        gateway: '192.168.0.12',
        isOnLink: true,
        protocol: 90,
      },
    ]);
  });

  it('takes lone addresses and IPv6 blocks along', () => {
    const mac = vtepMac(7, 'node-2');
    const destinations = ['10.64.2.0/24', '10.64.9.9/32', 'fd00:2::/64'];
    const entries = entriesOf(self, peer(2, { destinations }));
    expect(entries.filter(({ kind }) => kind === 'route')).toHaveLength(3);
    expect(entries).toContainEqual({ kind: 'neighbour', link: 'swv', address: linkLocalAddress(mac), mac });
    expect(entries).toContainEqual(
      expect.objectContaining({ destination: 'fd00:2::/64', gateway: linkLocalAddress(mac) }),
    );
  });

  it('has the same node look different in another network', () => {
    expect(vtepMac(7, 'node-2')).not.toBe(vtepMac(8, 'node-2'));
  });

  it('says which peers it cannot reach', () => {
    const far = peer(2, { address: '172.16.0.5' });
    expect(planOverlay({ ...self, backend: 'host-gw', link: 'eth0' }, [far]).problems).toEqual([
      'pods of node node-2 cannot be reached: its address 172.16.0.5 is not on the link eth0, which host-gw needs',
    ]);
    expect(planOverlay(self, [peer(2, { address: 'fd00::5' })]).problems[0]).toContain('is not of the family');
    const twin = peer(3, { destinations: ['10.64.2.0/24'] });
    expect(planOverlay(self, [twin, peer(2)]).problems).toEqual([
      'nodes node-2 and node-3 both have the addresses 10.64.2.0/24',
    ]);
  });

  it('needs only routes where nodes share a link', () => {
    expect(entriesOf({ ...self, backend: 'host-gw', link: 'eth0' }, peer(2))).toEqual([
      { kind: 'route', destination: '10.64.2.0/24', link: 'eth0', gateway: '192.168.0.12', protocol: 90, priority: 5 },
    ]);
  });

  it('gives the same plan whatever the order of peers, and applying it leaves nothing to do', () => {
    const anyPeer = fc.record({
      node: fc.integer({ min: 1, max: 9 }).map((i) => `node-${i}`),
      address: fc.integer({ min: 11, max: 19 }).map((i) => `192.168.0.${i}`),
      destinations: fc.uniqueArray(
        fc.integer({ min: 1, max: 6 }).map((i) => (i > 4 ? `fd00:${i}::/64` : `10.64.${i}.0/24`)),
        { maxLength: 3 },
      ),
    });
    const peers = fc.uniqueArray(anyPeer, { maxLength: 8, selector: ({ node }) => node });
    fc.assert(
      fc.property(peers, peers, fc.constantFrom('vxlan', 'host-gw' as const), (before, after, backend) => {
        const given = { ...self, backend } as OverlaySelf;
        const kernel = new Map(planOverlay(given, before).entries);
        const desired = planOverlay(given, after).entries;
        expect(new Map(planOverlay(given, after.toReversed()).entries)).toEqual(new Map(desired));
        for (const { step, entry } of planTables(kernel, desired)) {
          if (step === 'add') expect(kernel.has(entryKey(entry))).toBe(false);
          if (step === 'delete') kernel.delete(entryKey(entry));
          else kernel.set(entryKey(entry), entry);
        }
        expect(kernel).toEqual(new Map(desired));
        expect(planTables(kernel, desired)).toEqual([]);
      }),
    );
  });

  it('changes only what changed when one of 5,000 nodes does', () => {
    const peers = Array.from({ length: 5000 }, (_, i) =>
      peer(i + 2, {
        address: `10.${Math.floor(i / 250)}.${i % 250}.1`,
        destinations: [`172.${16 + Math.floor(i / 250)}.${i % 250}.0/24`],
      }),
    );
    const first = planOverlay(self, peers).entries;
    expect(first.size).toBe(15_000);
    const begin = performance.now();
    const next = planOverlay(self, peers.with(2500, { ...peer(2502), address: '10.99.0.1' })).entries;
    const steps = planTables(first, next);
    console.info(`one of 5,000 peers changed: planned in ${(performance.now() - begin).toFixed(1)} ms`);
    expect(steps.map(({ step, entry }) => `${step} ${entry.kind}`)).toEqual([
      'delete route',
      'add neighbour',
      'replace forwarding',
      'add route',
      'delete neighbour',
    ]);
  });
});

describe('planTables', () => {
  it('replaces a route in place, after its new neighbour', () => {
    const before = planOverlay(self, [peer(2)]).entries;
    const after = planOverlay(self, [peer(2, { address: '192.168.0.99' })]).entries;
    const told = planTables(before, after).map(({ step, entry }) => `${step} ${entry.kind}`);
    expect(told).toEqual(['add neighbour', 'replace forwarding', 'replace route', 'delete neighbour']);
  });

  it('puts back what somebody changed', () => {
    const desired = planOverlay(self, [peer(2)]).entries;
    const tampered = new Map(
      [...desired].map(([key, entry]): [string, TableEntry] => {
        return [key, entry.kind === 'forwarding' ? { ...entry, remote: '192.168.0.66' } : entry];
      }),
    );
    expect(planTables(tampered, desired)).toEqual([
      { step: 'replace', entry: expect.objectContaining({ kind: 'forwarding', remote: '192.168.0.12' }) },
    ]);
  });
});

describe('overlayMtu', () => {
  const wish = { backend: 'vxlan', address: '192.168.0.11', uplinkMtu: 1500 } as const;
  it('leaves room for the tunnel', () => {
    expect(overlayMtu(wish)).toBe(1450);
    expect(overlayMtu({ ...wish, address: 'fd00::1' })).toBe(1430);
    expect(overlayMtu({ ...wish, backend: 'host-gw' })).toBe(1500);
    expect(overlayMtu({ ...wish, mtu: 1400 })).toBe(1400);
  });

  it.each([
    [{ mtu: 1451 }, 'mtu 1451 does not fit: the uplink takes 1500 bytes, 50 of them are for the tunnel'],
    [{ mtu: 500 }, 'mtu 500 is too small: at least 576 is needed'],
    [{ mtu: 1000, hasIpv6: true }, 'mtu 1000 is too small: at least 1280 is needed'],
    [{ uplinkMtu: 600 }, 'mtu 550 is too small (the uplink takes 600 bytes'],
  ])('refuses %j', (more, message) => {
    expect(() => overlayMtu({ ...wish, ...more })).toThrow(message);
  });
});

describe('planVxlan', () => {
  const device = {
    name: 'swv',
    mac: '0a:00:00:00:00:01',
    vni: 7,
    port: 4789,
    local: '192.168.0.11',
    mtu: 1450,
    alias: 'slipway:a/pods',
    address: '10.64.0.0/32',
  };
  const shown = (data: object = {}, more: object = {}) => ({
    address: device.mac,
    mtu: 1450,
    flags: ['UP'],
    addr_info: [{ local: '10.64.0.0', prefixlen: 32, scope: 'global' }],
    linkinfo: {
      info_kind: 'vxlan',
      info_data: { id: 7, port: 4789, local: '192.168.0.11', learning: false, ...data },
    },
    ...more,
  });

  it('does nothing when all is there', () => {
    expect(planVxlan(device, shown())).toEqual([]);
  });

  it('changes address and MTU in place', () => {
    expect(planVxlan(device, shown({ local: '192.168.0.5' }, { mtu: 1400 }))).toEqual([
      'link set swv type vxlan id 7 local 192.168.0.11',
      'link set swv mtu 1450',
    ]);
  });

  it('makes a device of another number anew', () => {
    expect(planVxlan(device, shown({ id: 8 }))[0]).toBe('link del swv');
    expect(planVxlan(device, undefined)).toEqual([
      'link add swv address 0a:00:00:00:00:01 mtu 1450 type vxlan id 7 dstport 4789 local 192.168.0.11 nolearning',
      'link set swv alias slipway:a/pods',
      'address add 10.64.0.0/32 dev swv',
      'link set swv up',
    ]);
  });
});
